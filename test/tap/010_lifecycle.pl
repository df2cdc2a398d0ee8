# 010_lifecycle.pl - what a DBA does with a package after installing it: update, go back, pin, remove, create, look who uses it.
use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path remove_tree);
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('life');
my $node = $server->node;
my ($engine, $pump, $train) = map { PgxTest->package_name($_) } qw(engine pump train);

# A copy of the repository that this test may take files out of. Its registry offers the earlier releases first, and the later
# ones once they are "published".
my $own = "$ENV{PGX_FIXTURE_DIR}/own/$server->{client}";
make_path("$own/dists", "$own/pool");
system_or_bail('cp', '-al', map({ "$ENV{PGX_FIXTURE_DIR}/repository/dists/$_" } qw(first second)), "$own/dists/");
system_or_bail('cp', '-al', map({ "$ENV{PGX_FIXTURE_DIR}/repository/pool/$_" } qw(first second)), "$own/pool/");
my $earlier = $server->source('first', location => 'own');
my $published = $earlier . "\n" . $server->source('second', location => 'own');
$server->sql("SELECT pgx.add_registry('life', '$earlier')");

sub publish { $server->sql("SELECT pgx.alter_registry('life', source => '$published')"); $server->sql('SELECT pgx.refresh()'); }

# The files of a package as they are now.
sub files_of
{
    my ($package) = @_;
    my $files = $server->files;
    my %paths = map { $_ => 1 } split /\n/, $server->sql("SELECT path FROM pgx.files WHERE package = '$package'");
    return { map { my ($path) = m{^\d+/(.*)}; defined $path && $paths{$path} ? ($path => $files->{$_}) : () } keys %$files };
}

sub nothing_left
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $server->is_consistent($name);
    is_deeply([ grep { m{^(?:journal|pgsql_tmp\.staging)/} } keys %{ $server->files } ], [], "$name: nothing is left over");
}

my $engine_files;

subtest 'update' => sub {
    $server->sql(q{SELECT pgx.install(ARRAY['engine', 'pump'])});
    $server->sql('CREATE EXTENSION engine');
    is($server->sql('SELECT engine_answer()'), '1', 'the earlier version');
    $engine_files = files_of($engine);
    is($server->sql(q{SELECT extension, action, version FROM pgx.update('engine')}), 'engine|up to date|1.0', 'nothing is newer');
    is($server->sql('SELECT count(*) FROM pgx.outdated()'), '0', 'nothing is outdated');

    publish();
    is($server->sql('SELECT * FROM pgx.outdated()'),
        "package|$engine|1.0-1|2.0-1|SELECT * FROM pgx.update('$engine');\n"
          . "package|$pump|1.0-1|1.1-1|SELECT * FROM pgx.update('$pump');", 'a registry has newer ones');

    my $old_session = $node->background_psql('postgres');
    is($old_session->query_safe('SELECT engine_answer()'), '1', 'a session works with the library');
    my $row = $server->sql(q{SELECT extension, action, version, source, next_step FROM pgx.update('engine')});
    is($row, "engine|updated|2.0|life: $engine 2.0-1|ALTER EXTENSION engine UPDATE;", 'update(name)');
    is($old_session->query_safe('SELECT engine_answer()'), '1', 'that session goes on with the old one');
    is($server->sql('SELECT engine_answer()'), '2', 'a new session has the new one');
    $old_session->quit;
    nothing_left('after update(name)');

    is($server->sql(q{SELECT * FROM pgx.outdated() WHERE what LIKE 'database%'}),
        'database postgres|engine|1.0|2.0|in database postgres: ALTER EXTENSION engine UPDATE;', 'the objects are older than the files');
    $server->sql('ALTER EXTENSION engine UPDATE');
    is($server->sql(q{SELECT extversion FROM pg_extension WHERE extname = 'engine'}), '2.0', 'the remedy works');
    is($server->sql(q{SELECT count(*) FROM pgx.outdated() WHERE what LIKE 'database%'}), '0', 'and nothing is older then');

    is($server->sql('SELECT extension, action, version FROM pgx.update() ORDER BY 1'), "engine|up to date|2.0\npump|updated|1.1", 'update()');
    is($server->sql('SELECT extension, action FROM pgx.update() ORDER BY 1'), "engine|up to date\npump|up to date", 'update() again');
    is($server->sql('SELECT action, package, version, previous_version FROM pgx.history ORDER BY at DESC LIMIT 2'),
        "update|$pump|1.1-1|1.0-1\nupdate|$engine|2.0-1|1.0-1", 'the history');
    nothing_left('after update()');
};

subtest 'rollback' => sub {
    my $requests = () = $server->requests(qr/\.deb/);
    remove_tree("$own/pool");
    is($server->sql(q{SELECT extension, action, version FROM pgx.rollback('engine')}), 'engine|rolled back|1.0', 'from the cache');
    is_deeply(files_of($engine), $engine_files, 'the files are the same as before, byte for byte');
    is(scalar(() = $server->requests(qr/\.deb/)), $requests, 'nobody was asked for them');
    is($server->sql('SELECT engine_answer()'), '1', 'the earlier library');
    is($server->sql('SELECT action, version, previous_version FROM pgx.history ORDER BY at DESC LIMIT 1'), 'rollback|1.0-1|2.0-1', 'the history');
    nothing_left('after rollback()');
    is($server->sql(q{SELECT extension, action, version FROM pgx.rollback('engine')}), 'engine|rolled back|2.0', 'and forth again');
    is($server->sql('BEGIN; SELECT action FROM pgx.rollback($$engine$$); SELECT engine_answer(); ROLLBACK; SELECT pgx.pin($$engine$$), pgx.unpin($$engine$$)') =~ /^rolled back\n1\n/, 1,
        'within a transaction');
    is($server->sql('SELECT engine_answer()'), '2', 'that was rolled back itself');

    # neither in the cache nor in the registry
    remove_tree($server->directory . '/pgsql_tmp.cache');
    $server->refuses('rollback() without a source', q{SELECT pgx.rollback('engine')}, { sqlstate => qr/^(?:58|08|42|PX)/, message => qr/404|not found|engine/ });
    $server->refuses('rollback() of what was never updated', q{SELECT pgx.rollback('plpgsql')}, { sqlstate => '42704', message => qr/plpgsql/ });
    system_or_bail('cp', '-al', "$ENV{PGX_FIXTURE_DIR}/repository/pool", "$own/pool");
    $server->sql(q{SELECT pgx.install('train')});
    $server->refuses('rollback() of the first version', q{SELECT pgx.rollback('train')},
        { sqlstate => '42704', message => qr/^there is no version of "$train" to go back to$/, hint => qr/pgx\.versions/ });
    is($server->sql(q{SELECT action, version FROM pgx.rollback('engine')}), 'rolled back|1.0', 'downloaded again when it is there');
    $server->sql(q{SELECT pgx.remove('train')});
};

subtest 'pin' => sub {
    is($server->sql(q{SELECT pgx.pin('engine')}), "$engine 1.0-1", 'pin()');
    my $before = $server->state;
    is($server->sql(q{SELECT pgx.pin('engine')}), "$engine 1.0-1", 'twice');
    is_deeply($server->state, $before, 'is once');
    my %pinned = (sqlstate => '55000', message => qr/^".*engine" is pinned to version 1\.0-1$/, hint => qr/pgx\.unpin\('.*engine'\)/);
    $server->refuses('install() of another version', q{SELECT pgx.install('engine', version => '2.0')}, \%pinned);
    $server->refuses('rollback()', q{SELECT pgx.rollback('engine')}, \%pinned);
    is($server->sql(q{SELECT action FROM pgx.install('engine')}), 'already installed', 'install() of any version');
    is($server->sql(q{SELECT extension, action, version FROM pgx.update() ORDER BY 1}), "engine|pinned|1.0\npump|up to date|1.1", 'update() passes it over');
    $server->fails('update(name)', q{SELECT pgx.update('engine')}, \%pinned);
    is($server->sql(q{SELECT what, name, next_step FROM pgx.outdated() WHERE name = '} . $engine . q{'}),
        "package (pinned)|$engine|SELECT pgx.unpin('$engine');", 'outdated() tells');
    is($server->sql(q{SELECT pgx.unpin('engine')}), "$engine 1.0-1", 'unpin()');
    is($server->sql(q{SELECT action, version FROM pgx.update('engine')}), 'updated|2.0', 'update(name) then');
    is($server->sql(q{SELECT string_agg(action, ' ' ORDER BY at) FROM pgx.history WHERE action LIKE '%pin'}), 'pin unpin pin unpin', 'the history');
    $server->fails('pin() of what is not installed', q{SELECT pgx.pin('train')}, { sqlstate => '42704', message => '"train" is not installed' });
};

subtest 'a registry that is gone' => sub {
    my $origins = q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'origins'};
    is($server->sql($origins), 'ok|Every package\'s registry is there and enabled.|', 'doctor() is content with one that is there');
    $server->add_registry('testing');
    $server->sql(q{SELECT pgx.alter_registry('life', enabled => false)});
    is($server->sql('SELECT extension, action, version FROM pgx.update() ORDER BY 1'),
        qq{engine|not updated: registry "life" is disabled|2.0\npump|not updated: registry "life" is disabled|1.1}, 'update() says that it is disabled');
    is($server->sql($origins), qq{warning|2 packages from registry "life", which is disabled: "$engine" and "$pump".|SELECT pgx.alter_registry('life', enabled => true); or do without updates.},
        'so does doctor()');
    $server->sql(q{SELECT pgx.alter_registry('life', enabled => true)});
    is($server->sql($origins), 'ok|Every package\'s registry is there and enabled.|', 'the remedy helps');
    $server->sql(q{SELECT pgx.drop_registry('life')});
    is($server->sql(q{SELECT extension, action, version FROM pgx.update('engine')}), 'engine|not updated: registry "life" is gone|2.0', 'update(name) says that it is gone');
    is($server->sql($origins),
        qq{warning|2 packages from registry "life", which is gone: "$engine" and "$pump".|SELECT pgx.add_registry('life', '...'); without it they are neither updated nor repaired.}, 'so does doctor()');
    # another registry that has the package takes its place
    $server->add_registry('first', name => 'stand-in');
    is($server->sql(q{SELECT extension, action FROM pgx.update('engine')}), 'engine|up to date', 'unless another one has the package');
    $server->sql(q{SELECT pgx.drop_registry('stand-in'), pgx.drop_registry('testing')});
    $server->sql("SELECT pgx.add_registry('life', '$published')");
    is($server->sql(q{SELECT extension, action FROM pgx.update('engine')}), 'engine|up to date', 'and when it is there again');
};

# --- databases ----------------------------------------------------------------------------------------------------

# A name as nobody would choose it. Here in bytes, as psql and the server have it.
my $strange = "q\"u'o\$te\$\\ {a,b} \xC3\xBC\xE2\x82\xAC --";
(my $strange_identifier = $strange) =~ s/"/""/g;
(my $strange_literal = $strange) =~ s/'/''/g;
$server->sql(qq{CREATE DATABASE "$strange_identifier"});
$server->sql('CREATE DATABASE other');
$server->sql('CREATE DATABASE closed');
my @databases = ('other', $strange);

sub created
{
    my ($extension) = @_;
    my $found = '';
    $found .= $_->[0] x $server->sql("SELECT count(*) FROM pg_extension WHERE extname = '$extension'", $_->[1])
      foreach [ p => 'postgres' ], [ o => 'other' ], [ s => $strange ], [ c => 'closed' ];
    return $found;
}

subtest 'usage' => sub {
    $server->sql('CREATE EXTENSION engine VERSION "2.0"', 'other');
    $server->sql('CREATE EXTENSION engine', $strange);
    $server->sql('CREATE EXTENSION pump', 'closed');
    $server->sql(q{UPDATE pg_database SET datallowconn = false WHERE datname = 'closed'});
    $server->sql(q{ALTER DATABASE other CONNECTION LIMIT 0});
    is($server->sql(q{SELECT * FROM pgx.usage() ORDER BY database = 'postgres', database = 'other', database = 'closed', extension}),
        "$strange|engine|2.0|2.0\nclosed|pump|1.1|1.1\nother|engine|2.0|2.0\npostgres|engine|2.0|2.0", 'every database is looked into');
    is($server->sql(q{SELECT database FROM pgx.usage('pump')}), 'closed', 'for one extension');
    is($server->sql(qq{SELECT count(*) FROM pgx.usage('$engine')}), '3', 'by the package\'s name');
    $server->fails('usage() of what is not installed', q{SELECT pgx.usage('train')}, { sqlstate => '42704', message => '"train" is not installed' });
    is($server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pgx%'}), '0', 'no worker is left');
    $server->sql(q{BEGIN; DROP EXTENSION engine; SELECT count(*) FROM pgx.usage('engine'); ROLLBACK;});
    $server->sql(q{UPDATE pg_database SET datallowconn = true WHERE datname = 'closed'});
    $server->sql(q{ALTER DATABASE other CONNECTION LIMIT -1});
    $server->sql('DROP EXTENSION pump', 'closed');
    foreach my $database ('postgres', @databases) { $server->sql('DROP EXTENSION engine', $database); }
    is($server->sql('SELECT count(*) FROM pgx.usage()'), '0', 'nobody uses anything');
};

subtest 'create' => sub {
    my $all = "ARRAY['postgres', 'other', '$strange_literal']";
    is($server->sql("SELECT extension, outcome FROM pgx.create('pump', $all)"),
        "pump|created with this transaction\n" . join("\n", ('pump|created when this transaction commits') x 2), 'the answer');
    is(created('pump'), 'pos', 'in three databases');
    is($server->sql("SELECT pump_version()", $strange), '1.1', 'where it works');
    is($server->sql("SELECT count(*) FROM pgx.create('pump', $all)"), '3', 'twice is not an error');
    $server->sql('DROP EXTENSION pump', $_) foreach 'postgres', @databases;

    # all or none
    $server->sql(q{CREATE FUNCTION pump_version() RETURNS text LANGUAGE sql AS 'SELECT ''mine''::text'}, $strange);
    my $error = $server->fails('one of three fails', "SELECT pgx.create('pump', $all)",
        { message => qr/^in database "\Q$strange\E": function "pump_version" already exists/, hint => qr// });
    is(created('pump'), '', 'nothing anywhere');
    $server->fails('one of three does not exist', q{SELECT pgx.create('pump', ARRAY['other', 'nowhere'])},
        { sqlstate => '22023', message => 'database "nowhere" does not exist', hint => qr// });
    is(created('pump'), '', 'nothing anywhere');
    $server->sql('DROP FUNCTION pump_version()', $strange);
    $server->sql("BEGIN; SELECT pgx.create('pump', $all); ROLLBACK;");
    is(created('pump'), '', 'ROLLBACK');
    $node->psql('postgres', "BEGIN; SELECT pgx.create('pump', $all); SELECT 1/0; COMMIT;", on_error_stop => 0);
    is(created('pump'), '', 'an error afterwards');
    $node->psql('postgres', "BEGIN; SELECT pgx.create('pump', $all);");
    is(created('pump'), '', 'the end of the session');
    $server->sql(qq{
        BEGIN;
        SELECT pgx.create('pump', ARRAY['other']);
        SAVEPOINT s;
        SELECT pgx.create('pump', ARRAY['postgres', '$strange_literal']);
        ROLLBACK TO s;
        COMMIT;});
    is(created('pump'), 'o', 'ROLLBACK TO');
    $server->sql(qq{
        BEGIN;
        SAVEPOINT a;
        SAVEPOINT b;
        SELECT pgx.create('pump', ARRAY['postgres', '$strange_literal']);
        RELEASE b;
        RELEASE a;
        COMMIT;});
    is(created('pump'), 'pos', 'RELEASE');
    $server->sql('DROP EXTENSION pump', $_) foreach 'postgres', @databases;
    $server->sql(qq{
        DO \$\$BEGIN
            BEGIN
                PERFORM pgx.create('pump', $all);
                RAISE 'no';
            EXCEPTION WHEN raise_exception THEN NULL;
            END;
        END\$\$;});
    is(created('pump'), '', 'a caught exception');
    $server->fails('PREPARE TRANSACTION', q{BEGIN; SELECT pgx.create('pump', ARRAY['other']); PREPARE TRANSACTION 'x';},
        { sqlstate => qr/^(?:0A000|55000)$/, hint => qr// });
    is(created('pump'), '', 'nothing anywhere');

    # what works for another database may be lost before the end
    my $session = $node->background_psql('postgres', on_error_stop => 0);
    $session->query_safe("BEGIN; SELECT pgx.create('pump', $all);");
    $server->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'pgx%' AND datname = 'other'});
    ok(eventually { $server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pgx%' AND datname = 'other'}) eq '0' }, 'a worker is ended');
    $session->query('COMMIT');
    like($session->{stderr}, qr/ERROR/, 'COMMIT fails then');
    $session->quit;
    is(created('pump'), '', 'nothing anywhere');
    is($server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pgx%'}), '0', 'no worker is left');

    # install() does it as well
    $server->sql("SELECT pgx.install('train', create_in => $all)");
    is(created('train') . created('engine'), 'pospos', 'install(create_in => ...), with what is required');
    is($server->sql('SELECT engine_answer()', $strange), '2', 'where it works');
    $server->sql('DROP EXTENSION engine CASCADE', $_) foreach 'postgres', @databases;
    $server->sql(q{SELECT pgx.remove('train')});
    $server->sql(q{CREATE FUNCTION train_version() RETURNS text LANGUAGE sql AS 'SELECT ''mine''::text'}, 'other');
    $server->refuses('install(create_in => ...) that fails', "SELECT pgx.install('train', create_in => $all)",
        { message => qr/^in database "other": /, hint => qr// });
    is(created('train') . created('engine'), '', 'nothing anywhere');
    $server->sql('DROP FUNCTION train_version()', 'other');
};

subtest 'who may create' => sub {
    $server->add_registry('stable');
    $server->sql(q{SELECT pgx.install('color')});
    $server->sql('CREATE ROLE ordinary LOGIN; GRANT EXECUTE ON FUNCTION pgx.create(text, text[]) TO ordinary;');
    $server->sql('CREATE DATABASE owned OWNER ordinary');
    foreach my $database ('postgres', 'owned')
    {
        my $error = $server->fails("an extension that is not trusted in $database", "SELECT pgx.create('engine', ARRAY['$database'])",
            { message => qr/permission denied to create extension "engine"$/, hint => qr/superuser/ }, role => 'ordinary');
        $server->sql('SELECT 1', $database);
    }
    $server->fails('a trusted one in a database of somebody else', q{SELECT pgx.create('color', ARRAY['other'])},
        { message => qr/permission denied to create extension "color"$/ }, role => 'ordinary');
    is($node->safe_psql('postgres', q{SELECT database FROM pgx.create('color', ARRAY['owned'])}, extra_params => [ '-U', 'ordinary' ]), 'owned',
        'a trusted one in its own');
    is($server->sql(q{SELECT extowner::regrole FROM pg_extension WHERE extname = 'color'}, 'owned'), 'ordinary', 'which belongs to it');
    is($server->sql(q{SELECT count(*) FROM pg_extension WHERE extname IN ('color', 'engine')}), '0', 'nothing else');
    # whoever becomes somebody else is that one
    my $error = $server->error(q{SET ROLE ordinary; SELECT pgx.create('engine', ARRAY['owned'])});
    like($error->{message}, qr/permission denied/, 'a superuser after SET ROLE');
    $server->sql('DROP DATABASE owned');
};

# --- remove -------------------------------------------------------------------------------------------------------

subtest 'remove' => sub {
    my %in_use = (sqlstate => '55000', message => qr/^".*engine" is in use$/, hint => qr/force => true/);
    $server->sql('CREATE EXTENSION engine', $strange);
    $server->refuses('a database uses it', q{SELECT pgx.remove('engine')},
        { %in_use, detail => "Database \"$strange\" has extension \"engine\" 2.0.", hint => qr/DROP EXTENSION/ });

    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = 'engine'});
    $server->refuses('shared_preload_libraries names it', q{SELECT pgx.remove('engine')}, { %in_use, detail => qr/Setting shared_preload_libraries names a library of it\.$/ });
    $server->sql('ALTER SYSTEM RESET shared_preload_libraries');
    $server->sql(q{ALTER ROLE ordinary SET session_preload_libraries = auto_explain, '$libdir/engine.so'});
    $server->refuses('ALTER ROLE names it', q{SELECT pgx.remove('engine')}, { %in_use, detail => qr/session_preload_libraries of role "ordinary"/ });
    $server->sql(q{ALTER ROLE ordinary RESET ALL; ALTER DATABASE other SET session_preload_libraries = engine});
    $server->refuses('ALTER DATABASE names it', q{SELECT pgx.remove('engine')}, { %in_use, detail => qr/session_preload_libraries of database "other"/ });
    $server->sql(q{ALTER DATABASE other RESET ALL; ALTER ROLE ordinary IN DATABASE other SET local_preload_libraries = engine});
    $server->refuses('ALTER ROLE IN DATABASE names it', q{SELECT pgx.remove('engine')}, { %in_use, detail => qr/local_preload_libraries of database "other" of role "ordinary"/ });

    $server->sql(q{SELECT pgx.install('train')});
    my $error = $server->refuses('all of that, and another package requires it', q{SELECT pgx.remove('engine')}, { %in_use, detail => qr/It is required by "train"\.$/ });
    like($error->{detail}, qr/Database .* Setting .* It is required by/, 'everything is told at once');
    $server->refuses('one of two', q{SELECT pgx.remove(ARRAY['pump', 'engine'])}, \%in_use);

    $server->sql(qq{ALTER ROLE ordinary IN DATABASE other RESET ALL});
    my $messages = $server->messages(q{SELECT pgx.remove('engine', force => true)});
    like($messages, qr/WARNING:  removing "\Q$engine\E" although it is in use\nDETAIL:  Database .* It is required by "train"\./, 'force');
    is($server->sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'engine'}), '0', 'it is not offered any more');
    nothing_left('after remove()');
    is($server->sql(q{SELECT action, package, version IS NULL, previous_version FROM pgx.history ORDER BY at DESC LIMIT 1}), "remove|$engine|t|2.0-1", 'the history');
    $server->refuses('twice', q{SELECT pgx.remove('engine')}, { sqlstate => '42704', message => '"engine" is not installed' });
    $server->refuses('an extension of the server', q{SELECT pgx.remove('plpgsql')}, { sqlstate => '42704', message => 'extension "plpgsql" was not installed by pgx' });
    # the databases that had it, and who requires it
    my $without_files = q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'extensions without files'};
    is($server->sql($without_files),
        qq{error|Database "$strange" has extension "engine" 2.0, whose files are not there.|SELECT * FROM pgx.install('engine'); or DROP EXTENSION in that database.}, 'doctor() names the database');
    is($server->sql(q{SELECT extension, action FROM pgx.plan('train')}), "train|already installed\nengine|install, required by train", 'plan() of what requires it');
    is($server->sql(q{SELECT extension, action FROM pgx.install('train')}), "train|already installed\nengine|installed, required by train", 'install() of what requires it brings it back');
    is($server->sql('SELECT engine_answer()', $strange), '2', 'where it works again');
    is($server->sql($without_files), 'ok|Every extension of every database has its files.|', 'doctor() is content');
    is($server->sql(q{SELECT extension, action FROM pgx.install('train')}), 'train|already installed', 'and then there is nothing to do');
    $server->sql(q{SELECT pgx.remove('engine', force => true)});
    # the remedy of doctor()
    is($server->sql(q{SELECT extension, action FROM pgx.install('engine')}), 'engine|installed', 'install() of it by its name');
    is($server->sql('SELECT engine_answer()', $strange), '2', 'works as well');
    # two steps away
    $server->sql(q{BEGIN; UPDATE pgx.installed_extensions SET requires = '{train}' WHERE extension = 'pump'; COMMIT;});
    $server->sql(q{SELECT pgx.remove('engine', force => true)});
    is($server->sql(q{SELECT extension, action FROM pgx.install('pump')}), "pump|already installed\nengine|installed, required by train", 'what is required by what is required');
    $server->sql(q{UPDATE pgx.installed_extensions SET requires = '{}' WHERE extension = 'pump'});
    $server->sql(q{SELECT pgx.remove('engine', force => true)});

    # DROP EXTENSION needs no files
    $server->sql('DROP EXTENSION engine', $strange);

    is($server->sql(q{SELECT action, version FROM pgx.install('engine')}), 'installed|2.0', 'and again');
    is($server->sql(q{SELECT package, version, files FROM pgx.remove(ARRAY['engine', 'train'])}), "$engine|2.0-1|4\n$train|1.0-1|2",
        'with what requires it, in any order');
    nothing_left('after remove() of two');

    # what came along and is no longer required is named, and stays
    $server->sql(q{SELECT pgx.install('train')});
    like($server->messages(q{SELECT pgx.remove('train')}), qr/NOTICE:  no longer required by anything: "\Q$engine\E"/, 'a NOTICE names what is not needed any more');
    is($server->sql(q{SELECT files FROM pgx.remove('engine')}), '4', 'which can go then');
    is($server->sql(qq{SELECT count(*) FROM pgx.files WHERE package IN ('$engine', '$train')}), '0', 'no row is left');
};

done_testing();
