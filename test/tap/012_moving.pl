# 012_moving.pl - the same packages on another server: by lock file, dump, base backup and replication, and after DROP EXTENSION pgx.
#
# The servers are on one host here, which in life they are not: the directory of one must not be on the paths of another,
# or else every test would pass with the files of the first. So that is looked at too (finds_its_own).
use strict;
use warnings FATAL => 'all';

use File::Path qw(remove_tree);
use PgxTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($engine, $pump, $train, $color, $shop, $vectors, $atlas, $toolbox) =
  map { PgxTest->package_name($_) } qw(engine pump train color shop pgveclike atlas toolbox);

my $one = PgxTest->new('one', streaming => 1);
my $node = $one->node;
my ($major) = $one->sql('SHOW server_version_num') =~ /^(\d+)\d{4}$/;
$one->add_registry('stable', priority => 700);
my $life = $one->source('first') . "\n" . $one->source('second');
$one->sql("SELECT pgx.add_registry('life', '$life')");
$one->sql(q{SELECT pgx.install(ARRAY['shop', 'atlas', 'toolbox', 'pump'])});
$one->sql(q{SELECT pgx.install('engine', version => '1.0')});
$one->sql(q{SELECT pgx.install('train')});
$one->sql(q{SELECT pgx.pin('engine')});
my @packages = ($atlas, $color, $engine, $vectors, $pump, $shop, $toolbox, $train);

# rows(SERVER, TABLE, COLUMNS...) - all rows of a table of the catalog, without these columns
sub rows
{
    my ($server, $table, @without) = @_;
    my $left_out = join(', ', map { "'$_'" } @without);
    return [ split /\n/, $server->sql("SELECT to_jsonb(t) - ARRAY[$left_out]::text[] FROM pgx.$table AS t ORDER BY 1") ];
}

# The files of packages, which are the same wherever they are: path to SHA-256 and mode. Receipts name nothing else.
sub installed_files { my ($server) = @_; my $files = $server->files; return { map { $_ => $files->{$_} } grep { m{^$major/} } keys %$files }; }

my $right = installed_files($one);

my @decisions = qw(registries installed installed_extensions files history);

# is_same(NAME, SERVER) - it has the packages of the first one in rows and on disk, apart from when they came
sub is_same
{
    my ($name, $server) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @when = qw(installed_at change);
    is_deeply(rows($server, 'installed', @when), rows($one, 'installed', @when), "$name: packages, versions, digests");
    is_deeply(rows($server, $_), rows($one, $_), "$name: $_") foreach qw(installed_extensions files);
    is_deeply(installed_files($server), $right, "$name: the files on disk");
    $server->is_consistent($name);
}

# works(NAME, SERVER) - the extensions of both kinds can be created and used
sub works
{
    my ($name, $server) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($server->sql(q{BEGIN; CREATE EXTENSION shop CASCADE; CREATE EXTENSION train CASCADE; SELECT color_hex(1, 2, 3), veclike_answer(), engine_answer(); ROLLBACK;}),
        '#010203|42|1', "$name: extensions can be created and used");
}

# finds_its_own(NAME, SERVER) - a library is loaded from this server's own directory
sub finds_its_own
{
    my ($name, $server) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $session = $server->node->background_psql('postgres');
    $session->query_safe(q{LOAD 'engine'});
    my $maps = slurp_file('/proc/' . $session->query_safe('SELECT pg_backend_pid()') . '/maps');
    my ($path) = $maps =~ m{ (/\S*/engine\.so)$}m;
    is($path, $server->directory . "/$major/lib/engine.so", "$name: the library is this server's own");
    $session->quit;
}

sub is_well
{
    my ($name, $server) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($server->sql(q{SELECT count(*) FROM pgx.verify() WHERE status <> 'ok'}), '0', "$name: verify() is clean");
    is($server->sql('SELECT count(*) FROM pgx.sync()'), '0', "$name: sync() has nothing to do");
}

# --- by lock file -------------------------------------------------------------------------------------------------

subtest 'export and apply' => sub {
    my $lock = $one->sql('SELECT pgx.export()');
    my $two = PgxTest->new('two');
    $two->sql(q{CREATE TABLE lock (file jsonb)});
    $two->sql("INSERT INTO lock VALUES (\$lock\$$lock\$lock\$)");
    is($two->sql(q{SELECT string_agg(p ->> 'package', ' ' ORDER BY p ->> 'package') FROM lock, jsonb_array_elements(file -> 'packages') AS p}),
        join(' ', sort @packages), 'export() names every package');
    is_deeply([ split /\n/, $two->sql(q{SELECT p ->> 'sha256' FROM lock, jsonb_array_elements(file -> 'packages') AS p ORDER BY p ->> 'package'}) ],
        [ split /\n/, $one->sql('SELECT sha256 FROM pgx.installed ORDER BY package') ], 'with its digest');

    # a server that has something else: another version of one package, another package, another registry
    $two->add_registry('testing');
    $two->add_registry('second', name => 'others');
    $two->sql(q{SELECT pgx.install('color'), pgx.install('pump')});
    $two->add_registry('stable', name => 'more');
    $two->sql(q{SELECT pgx.install('linked')});
    is($two->sql(qq{SELECT version FROM pgx.installed WHERE package = '$color'}), '2.0.0-1', 'another version is there before');

    # what apply() is to do, and yet changes nothing
    my $before = $two->state;
    is($two->sql('BEGIN; SELECT count(*) > 0 FROM lock, pgx.apply(file); ROLLBACK;'), 't', 'apply() within a transaction');
    is_deeply($two->state, $before, 'that is rolled back');
    $two->sql('CREATE EXTENSION linked');
    $two->refuses('a package that is not in it is in use', 'SELECT pgx.apply(file) FROM lock',
        { sqlstate => '55000', message => qr/linked" is in use$/, detail => 'Database "postgres" has extension "linked" 1.0.' });
    $two->sql('DROP EXTENSION linked');

    my $answer = $two->sql(q{SELECT string_agg(concat_ws(' ', extension, action, version), ', ' ORDER BY extension, action) FROM lock, pgx.apply(file)});
    is($answer, 'atlas installed 2.2, color updated 1.4, engine installed 1.0, pump updated 1.1, shop installed 1.0, train installed 1.0, veclike installed 0.8.1, installed 1.0-1, removed 1.1-1',
        'apply() tells what it did');
    is_same('after apply()', $two);
    works('after apply()', $two);
    finds_its_own('after apply()', $two);
    is_well('after apply()', $two);
    is($two->sql('SELECT string_agg(name, $$ $$ ORDER BY name) FROM pgx.registries'), 'life more others stable testing', 'registries are added, and those that are there stay');
    is($two->sql(q{SELECT source, priority FROM pgx.registries WHERE name IN ('life', 'stable') ORDER BY name}),
        $one->sql(q{SELECT source, priority FROM pgx.registries ORDER BY name}), 'as they are on the other server');
    is($two->sql('SELECT version FROM pgx.installed WHERE pinned'), '1.0-1', 'what is pinned there is pinned here');
    is($two->sql('SELECT pgx.export() - $$registries$$'), $one->sql('SELECT pgx.export() - $$registries$$'), 'export() says the same on both');

    $before = $two->state;
    is($two->sql(q{SELECT string_agg(DISTINCT action, ' ') FROM lock, pgx.apply(file)}), 'already installed', 'the second time there is nothing to do');
    is_deeply($two->state, $before, 'and nothing is done');

    # the registries can be used, once they are read
    $two->sql(q{SELECT pgx.unpin('engine')});
    $two->sql(q{SELECT pgx.drop_registry(name) FROM unnest('{more,others,testing}'::text[]) AS name});
    is($two->sql(q{SELECT extension, action, version FROM pgx.update('engine')}), 'engine|updated|2.0', 'an update from a registry that came with the lock file');
    is($two->sql(q{SELECT string_agg(concat_ws(' ', extension, action, version), ', ') FROM lock, pgx.apply(file) WHERE action <> 'already installed'}), 'engine updated 1.0', 'apply() takes it back');
    is_same('taken back', $two);
    $two->sql(q{SELECT pgx.unpin('engine')});
    $two->sql(q{SELECT pgx.remove(ARRAY['train', 'engine'])});
    is($two->sql(q{SELECT string_agg(concat_ws(' ', extension, action, version), ', ' ORDER BY extension) FROM lock, pgx.apply(file) WHERE action <> 'already installed'}),
        'engine installed 1.0, train installed 1.0', 'apply() brings back what is missing');
    is_same('brought back', $two);

    # --- what is refused
    my %no_lock = (sqlstate => '22023', message => 'this is not a lock file of pgx', hint => qr/pgx\.export/);
    foreach my $value ('null', 'true', '1', '"text"', '[]', '{}', '[{"pgx_lock": 1}]', '{"pgx_lock": 2, "packages": []}', '{"pgx_lock": "1", "packages": []}',
        '{"pgx_lock": 1}', '{"pgx_lock": 1, "postgresql": 18, "packages": {}}', '{"pgx_lock": 1, "packages": null}')
    {
        $two->refuses("no lock file: $value", "SELECT pgx.apply('$value')", $value =~ /"1"/ ? { sqlstate => '22023', message => qr/pgx_lock/, hint => qr/pgx\.export/ } : \%no_lock);
    }
    # changed(NAME, PATH, VALUE, FIELDS) - the lock file with one thing changed, or left out when VALUE is undef
    my $changed = sub {
        my ($name, $path, $value, $fields) = @_;
        my $file = defined $value ? "jsonb_set(file, '{$path}', '$value')" : "file #- '{$path}'";
        $two->refuses($name, "SELECT pgx.apply($file) FROM lock", $fields);
    };
    my $malformed = sub { my ($member) = @_; return { sqlstate => '22023', message => qr/\Q$member\E/, hint => qr/pgx\.export/ } };
    $changed->('of another major', 'postgresql', $major - 1,
        { sqlstate => 'PX010', message => 'the lock file was made for PostgreSQL ' . ($major - 1), detail => "This server is PostgreSQL $major.", hint => qr/pgx\.install/ });
    $changed->('without a major', 'postgresql', undef, $malformed->('postgresql'));
    $changed->('a major that is no number', 'postgresql', '"new"', $malformed->('postgresql'));
    foreach my $member (qw(package version registry url size sha256))
    {
        $changed->("a package without $member", "packages,0,$member", undef, $malformed->($member));
        $changed->("$member is of another type", "packages,0,$member", '[]', $malformed->($member));
    }
    $changed->("$_ is of another type", "packages,0,$_", '"perhaps"', $malformed->($_)) foreach qw(pinned requested);
    $changed->('a package that is no object', 'packages,0', $_, { sqlstate => '22023', message => qr/./, hint => qr/pgx\.export/ }) foreach '1', '"color"', '[]', 'null';
    $changed->('a name that is a path', 'packages,0,package', '"../../color"', { sqlstate => '42602', message => qr/package/ });
    $changed->('a digest that is none', 'packages,0,sha256', '"abc"', { sqlstate => '22023', message => qr/^the digest of package ".*" is not a SHA-256$/, hint => qr/pgx\.export/ });
    $changed->('a size below zero', 'packages,0,size', '-1', $malformed->('size'));
    $changed->('registries that are no list', 'registries', '{}', $malformed->('registries'));
    $changed->('a registry that is no object', 'registries,0', $_, { sqlstate => '22023', message => qr/./, hint => qr/pgx\.export/ }) foreach '1', 'null';
    $changed->('a registry without a name', 'registries,0,name', undef, $malformed->('name'));
    $changed->('a registry of an unknown kind', 'registries,0', '{"name": "x", "kind": "cvs", "source": "y"}', { sqlstate => '22023', message => 'unknown kind of registry: "cvs"' });
    $changed->('a registry that is not in it', 'packages,0,registry', '"nowhere"',
        { sqlstate => '42704', message => 'registry "nowhere" does not exist', detail => qr/comes from it/ });
    $two->refuses('a package twice', q{SELECT pgx.apply(jsonb_insert(file, '{packages,0}', file #> '{packages,0}')) FROM lock},
        { sqlstate => '22023', message => qr/^package ".*" is in the lock file twice$/, hint => qr/pgx\.export/ });
    $two->refuses('what a package requires is not in it',
        qq{SELECT pgx.apply(jsonb_set(file, '{packages}', (SELECT jsonb_agg(p) FROM jsonb_array_elements(file -> 'packages') AS p WHERE p ->> 'package' <> '$engine'))) FROM lock},
        { sqlstate => '55000', message => qr/engine" is in use/, detail => 'It is required by "train".' });
    is($two->sql('SELECT count(*) FROM pgx.apply(NULL)'), '0', 'a null is nothing to apply');

    # a digest that the registry does not have: the package is not there, so that it is asked for
    $two->sql(q{SELECT pgx.remove('atlas')});
    my $zeros = '0' x 64;
    my $place = $two->sql(qq{SELECT n - 1 FROM lock, jsonb_array_elements(file -> 'packages') WITH ORDINALITY AS p(p, n) WHERE p ->> 'package' = '$atlas'});
    remove_tree($two->directory . '/pgsql_tmp.cache', { keep_root => 1 });
    $changed->('a digest that the registry does not have', "packages,$place,sha256", qq{"$zeros"}, { sqlstate => qr/^(?:58|PX|22|XX)/, message => qr/digest|SHA-256/i });
    $changed->('a size that is another', "packages,$place,size", '17', { sqlstate => qr/^(?:58|PX|22|XX)/, message => qr/bytes|size|long/i });
    $changed->('a file that is not there', "packages,$place,url", '"' . $ENV{PGX_FIXTURE_URL} . '/x/debian/nothing.deb"', { sqlstate => qr/^(?:58|08|PX|42)/, message => qr/404|not found|nothing\.deb/i });
    $changed->('a file of the host', "packages,$place,url", '"file:///etc/passwd"', { sqlstate => qr/./, message => qr/./ });
    my $late = '{"name": "late", "kind": "apt", "source": "deb [signed-by=/x] http://127.0.0.1/ x main"}';
    $two->refuses('a registry is not kept when the rest fails',
        qq{SELECT pgx.apply(jsonb_set(jsonb_insert(file, '{registries,0}', '$late'), '{packages,$place,sha256}', '"$zeros"')) FROM lock},
        { sqlstate => qr/^(?:58|PX|22|XX)/, message => qr/digest|SHA-256/i });
    is($two->sql(q{SELECT string_agg(concat_ws(' ', extension, action), ', ') FROM lock, pgx.apply(file) WHERE action <> 'already installed'}), 'atlas installed', 'the right one is applied all the same');
    is_same('in the end', $two);

    # an extension that is no longer needed leaves nothing
    is($two->sql(qq{SELECT count(*) FROM pgx.apply('{"pgx_lock": 1, "postgresql": $major, "packages": []}') WHERE action = 'removed'}), scalar(@packages), 'an empty lock file removes all');
    is_deeply([ grep { m{^$major/.*\.} } keys %{ $two->files } ], [], 'nothing is left');
    $two->is_consistent('after an empty lock file');

    # a lock file that is not complete, where nothing is there yet
    $two->refuses('what a package requires is neither in it nor here',
        qq{SELECT pgx.apply(jsonb_set(file, '{packages}', (SELECT jsonb_agg(p) FROM jsonb_array_elements(file -> 'packages') AS p WHERE p ->> 'package' = '$train'))) FROM lock},
        { sqlstate => 'PX003', message => 'the lock file is not complete', detail => qr/^Package "$engine" is required by extension "train" and is not in it\.$/, hint => qr/pgx\.export/ });
    $two->node->stop;
};

# --- by dump ------------------------------------------------------------------------------------------------------

# comes_back(NAME, SERVER) - a server that has the rows and no file gets all files
sub comes_back
{
    my ($name, $server) = @_;
    is_deeply([ grep { m{^$major/.*\.} } keys %{ $server->files } ], [], "$name: no file is there");
    is($server->sql(q{SELECT count(DISTINCT package) FROM pgx.verify() WHERE status = 'missing'}), scalar(@packages), "$name: verify() misses every file");
    is($server->sql(q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'files'}),
        'error|None of the ' . $server->sql('SELECT count(*) FROM pgx.files') . ' files of ' . @packages . ' packages is in "' . $server->directory
          . '": pgx.directory was changed, or its content is lost.|SELECT * FROM pgx.sync();', "$name: doctor() says so in one row");
    is($server->sql(q{SELECT string_agg(package, ' ' ORDER BY package), string_agg(DISTINCT status, ' ') FROM pgx.sync()}), join(' ', sort @packages) . '|restored', "$name: sync() brings back all");
    is_same("$name: after sync()", $server);
    works("$name: after sync()", $server);
    is_well("$name: after sync()", $server);
    # what came with postgresql.auto.conf
    my $earlier = $server->sql(q{SELECT remedy FROM pgx.doctor() WHERE "check" = 'earlier directories' AND status = 'warning'});
    if ($earlier ne '')
    {
        $server->sql($earlier);
        ok(eventually { index($server->sql('SHOW extension_control_path') . $server->sql('SHOW dynamic_library_path'), $one->directory) < 0 }, "$name: the remedy for the other server's paths");
    }
    finds_its_own("$name: after sync()", $server);
    is($server->sql(q{SELECT string_agg("check" || ': ' || detail, E'\n') FROM pgx.doctor() WHERE status <> 'ok' AND "check" NOT IN ('disk space', 'registries')}), '', "$name: doctor() finds nothing");
}

my $dumps = PostgreSQL::Test::Utils::tempdir;

# restored(NAME, RESTORE) - a new server after restoring a dump
sub restored
{
    my ($name, @command) = @_;
    my $server = PgxTest->new($name, pgx => 0);
    $server->node->command_ok([ @command, '--dbname' => $server->node->connstr('postgres') ], "$name: the dump can be restored");
    foreach my $table (@decisions)
    {
        is_deeply(rows($server, $table), rows($one, $table), "$name: $table are as they were");
    }
    is($server->sql('SELECT count(*) FROM pgx.releases'), '0', "$name: releases are not in the dump");
    is($server->sql('SELECT database FROM (SELECT datname AS database FROM pg_db_role_setting JOIN pg_database AS d ON d.oid = setdatabase WHERE setconfig @> $${pgx.home=on}$$)'), 'postgres', "$name: it is the home");
    return $server;
}

subtest 'dump and restore' => sub {
    $node->command_ok([ 'pg_dump', '--no-sync', '--file' => "$dumps/plain.sql", '--dbname' => $node->connstr('postgres') ], 'a plain dump');
    $node->command_ok([ 'pg_dump', '--no-sync', '--format=custom', '--file' => "$dumps/custom.dump", '--dbname' => $node->connstr('postgres') ], 'a dump in custom format');

    my $plain = restored('plain', 'psql', '--no-psqlrc', '--quiet', '--set' => 'ON_ERROR_STOP=1', '--output' => '/dev/null', '--file' => "$dumps/plain.sql");
    is($plain->sql('SELECT name, status FROM pgx.refresh() ORDER BY 1'), "life|updated\nstable|updated", 'refresh() reads all again');
    is($plain->sql('SELECT to_jsonb(r) - $$signer$$ FROM pgx.releases AS r ORDER BY 1'), $one->sql('SELECT to_jsonb(r) - $$signer$$ FROM pgx.releases AS r ORDER BY 1'), 'the releases are the same again');
    comes_back('plain', $plain);
    is($plain->sql(q{SELECT action, version, previous_version FROM pgx.history WHERE action NOT IN ('install', 'pin') GROUP BY 1, 2, 3 ORDER BY 2 LIMIT 1}), 'repair|0.8.1-1|0.8.1-1', 'the history goes on');
    is($plain->sql(q{SELECT pgx.unpin('engine'); SELECT extension, action, version FROM pgx.update('engine')}), "$engine 1.0-1\nengine|updated|2.0", 'and so does life');
    $plain->is_consistent('plain: after an update');
    $plain->node->stop;

    # without reading the registries before
    my $custom = restored('custom', 'pg_restore', '--exit-on-error', "$dumps/custom.dump");
    comes_back('custom', $custom);
    is($custom->sql(q{SELECT action FROM pgx.install('castor')}), "installed\ninstalled", 'custom: the registries are read when something is installed');
    $custom->node->stop;
};

# A database that uses what pgx installs can only be restored once the files are there: the catalog of pgx goes first.
subtest 'a dump of a home database that uses extensions' => sub {
    $one->sql('CREATE EXTENSION shop CASCADE; CREATE EXTENSION engine; CREATE TABLE turns AS SELECT engine_answer() AS answer');
    my @from = ('--no-sync', '--dbname' => $node->connstr('postgres'));
    $node->command_ok([ 'pg_dump', @from, '--extension=pgx', '--schema=pgx', '--file' => "$dumps/pgx.sql" ], 'a dump of pgx alone');
    $node->command_ok([ 'pg_dump', @from, '--exclude-extension=pgx', '--exclude-schema=pgx', '--format=custom', '--file' => "$dumps/rest.dump" ], 'a dump of the rest');
    my $parts = restored('parts', 'psql', '--no-psqlrc', '--quiet', '--set' => 'ON_ERROR_STOP=1', '--output' => '/dev/null', '--file' => "$dumps/pgx.sql");
    is($parts->sql('SELECT count(*) FROM pgx.sync()'), scalar(@packages), 'sync() brings the files');
    $parts->node->command_ok([ 'pg_restore', '--exit-on-error', '--dbname' => $parts->node->connstr('postgres'), "$dumps/rest.dump" ], 'then the rest can be restored');
    is($parts->sql('SELECT answer, engine_answer(), color_hex(1, 2, 3) FROM turns'), '1|1|#010203', 'and works');
    is_same('parts', $parts);
    is_well('parts', $parts);
    $parts->node->stop;
    $one->sql('DROP TABLE turns; DROP EXTENSION shop, engine, color, veclike');
};

subtest 'a dump that comes back to its own server' => sub {
    my $state = $one->state;
    # DROP EXTENSION leaves the schema, which is in the dump
    $one->sql('DROP EXTENSION pgx; DROP SCHEMA pgx');
    $node->command_ok([ 'psql', '--no-psqlrc', '--quiet', '--set' => 'ON_ERROR_STOP=1', '--output' => '/dev/null', '--file' => "$dumps/plain.sql", '--dbname' => $node->connstr('postgres') ], 'the dump is restored');
    is_well('its own server', $one);
    $one->sql('SELECT pgx.refresh()');
    my $now = $one->state;
    is_deeply($now->{$_}, $state->{$_}, "$_ are as they were") foreach qw(installed installed_extensions files history);
    is_deeply($now->{files}, $state->{files}, 'the files are untouched');
    $one->is_consistent('its own server');
};

# --- by base backup -----------------------------------------------------------------------------------------------

subtest 'a base backup without the directory' => sub {
    $node->backup('base');
    my $backup = $node->backup_dir . '/base';
    is_deeply({ map { $_ => $one->files("$backup/pgx")->{$_} } keys %$right }, $right, 'it has the files');
    remove_tree("$backup/pgx");
    my $base = PostgreSQL::Test::Cluster->new('base');
    $base->init_from_backup($node, 'base');
    # What came along is the path of the first server's directory, which is not on this machine.
    rename($one->directory, $node->data_dir . '/away') or die $!;
    $base->start;
    my $server = PgxTest->of_node($base);
    is_deeply(rows($server, $_), rows($one, $_), "$_ are as they were") foreach @decisions, 'releases';
    like($server->sql('SHOW extension_control_path'), qr/\Q@{[ $one->directory ]}\E/, 'so is the path, with the directory of the other server');
    is($server->sql(q{SELECT status, remedy FROM pgx.doctor() WHERE "check" = 'directory'}), 'error|SELECT * FROM pgx.sync();', 'doctor() misses the directory');
    is($server->sql(q{SELECT status, remedy FROM pgx.doctor() WHERE "check" = 'earlier directories'}), 'warning|SELECT * FROM pgx.sync(); first. Then look here again.', 'and tells what comes first');
    comes_back('base', $server);
    is($server->sql(q{SELECT pgx.unpin('engine'); SELECT action, version FROM pgx.update('engine')}), "$engine 1.0-1\nupdated|2.0", 'an update works');
    $server->is_consistent('base: after an update');
    rename($node->data_dir . '/away', $one->directory) or die $!;
    $base->stop;
};

# --- by replication -----------------------------------------------------------------------------------------------

# Takes the two paths out of postgresql.auto.conf: on another machine they would lead nowhere.
sub forget_paths
{
    my ($forgetful) = @_;
    my $path = $forgetful->data_dir . '/postgresql.auto.conf';
    my $text = slurp_file($path) =~ s/^(?:extension_control_path|dynamic_library_path) = .*\n//mgr;
    unlink $path;
    append_to_file($path, $text);
}

subtest 'a standby' => sub {
    my $primary = PgxTest->new('primary', streaming => 1);
    my $primary_node = $primary->node;
    $primary->sql("SELECT pgx.add_registry('life', '$life')");
    # A base backup in the middle of a change has files and a journal that the standby must not believe.
    my $session = $primary_node->background_psql('postgres');
    $session->query_safe(q{SET client_min_messages = warning; BEGIN; SELECT pgx.install('part0')});
    $primary_node->backup('middle');
    $session->query_safe('ROLLBACK');
    $session->quit;
    my $standby_node = PostgreSQL::Test::Cluster->new('follower');
    $standby_node->init_from_backup($primary_node, 'middle', has_streaming => 1);
    forget_paths($standby_node);
    $standby_node->start;
    my $standby = PgxTest->of_node($standby_node);
    my $follow = sub { $primary_node->wait_for_replay_catchup($standby_node); return $standby->sql('SELECT * FROM pgx.sync() ORDER BY 1'); };

    cmp_ok(scalar(grep { m{^journal/} } keys %{ $standby->files }), '>', 0, 'a journal came with the backup');
    like($follow->(), qr/^\|removed\|\d+ files$/, 'sync() removes what was not committed');
    is_deeply([ grep { m{^(?:journal|pgsql_tmp\.staging)/|part0} } keys %{ $standby->files } ], [], 'journal and files');
    is($follow->(), '', 'and then has nothing to do');

    # an installation
    $primary->sql(q{SELECT pgx.install('engine', version => '1.0')});
    $primary->sql(q{SELECT pgx.install('train')});
    $primary->sql('CREATE EXTENSION train CASCADE');
    $primary_node->wait_for_replay_catchup($standby_node);
    $standby->fails('the function before sync()', 'SELECT engine_answer()', { sqlstate => '58P01', message => qr/could not access file/, hint => qr// });
    is($standby->sql(q{SELECT count(*) FROM pgx.verify() WHERE status = 'missing'}), '7', 'verify() on the standby misses the files');
    is($follow->(), "$engine|restored|4 files\n$train|restored|3 files", 'sync() brings them');
    is($standby->sql('SELECT engine_answer()'), '1', 'the function can be called');
    is($standby->sql('SELECT count(*) FROM pg_available_extensions WHERE name IN ($$engine$$, $$train$$)'), '2', 'the extensions are listed');
    is_deeply(installed_files($standby), installed_files($primary), 'the files are those of the primary');
    $standby->is_consistent('the standby after an installation');
    finds_its_own('on the standby', $standby);
    is_well('on the standby', $standby);
    is($standby->sql(q{SELECT string_agg("check" || ': ' || detail, E'\n') FROM pgx.doctor() WHERE status <> 'ok' AND "check" <> 'disk space'}), '', 'doctor() on the standby finds nothing');
    $standby->fails('repair() on the standby', q{SELECT pgx.repair('engine')}, { sqlstate => '55000', hint => 'Call it on the primary.' });
    $standby->fails('apply() on the standby', q{SELECT pgx.apply('{}')}, { sqlstate => '55000', hint => 'Call it on the primary.' });
    is($standby->sql('SELECT pgx.export()'), $primary->sql('SELECT pgx.export()'), 'export() on the standby');

    # a file that somebody damaged there
    append_to_file($standby->directory . "/$major/share/extension/train.control", 'x');
    is($follow->(), "$train|restored|1 file", 'sync() mends what is damaged on the standby');

    # an update
    my $old_session = $standby_node->background_psql('postgres');
    is($old_session->query_safe('SELECT engine_answer()'), '1', 'a session on the standby works with the library');
    $primary->sql(q{SELECT pgx.update('engine'); ALTER EXTENSION engine UPDATE;});
    $primary_node->wait_for_replay_catchup($standby_node);
    is($standby->sql('SELECT engine_answer()'), '1', 'before sync() the library is the old one');
    is($standby->sql('SELECT version FROM pgx.installed WHERE package = $$' . $engine . '$$'), '2.0-1', 'and the catalog is ahead');
    is($follow->(), "$engine|restored|5 files\n|removed|1 file", 'sync() after an update');
    is($standby->sql('SELECT engine_answer()'), '2', 'a new session has the new one');
    is($old_session->query_safe('SELECT engine_answer()'), '1', 'the old session goes on');
    $old_session->quit;
    is_deeply(installed_files($standby), installed_files($primary), 'the files are those of the primary');
    is_well('on the standby after the update', $standby);

    # a removal
    $primary->sql('DROP EXTENSION train');
    $primary->sql(q{SELECT pgx.remove('train')});
    is($follow->(), '|removed|3 files', 'sync() after a removal');
    is_deeply(installed_files($standby), installed_files($primary), 'the files are those of the primary');

    $standby_node->promote;
    is($standby->sql(q{SELECT extension, action FROM pgx.install('train')}), "engine|already installed, required by train\ntrain|installed", 'install() after promotion');
    is($standby->sql('CREATE EXTENSION train; SELECT train_version(), engine_answer()'), '1.0|2', 'which works');
    is($standby->sql(q{SELECT action, version FROM pgx.install('engine', version => '1.0')}), 'updated|1.0', 'another version');
    is($standby->sql('SELECT engine_answer()'), '1', 'works too');
    is($standby->sql(q{BEGIN; SELECT pgx.remove('engine', force => true); ROLLBACK; SELECT engine_answer()}) =~ /\n1$/, 1, 'ROLLBACK after promotion');
    $standby->is_consistent('after promotion');
    is_well('after promotion', $standby);
    $standby_node->stop;
    $primary_node->stop;
};

# --- the end of the catalog ---------------------------------------------------------------------------------------

subtest 'DROP EXTENSION and CREATE EXTENSION' => sub {
    # not adopted: when, and what nobody but the catalog knew
    my @not_adopted = qw(installed_at change requested pinned);
    my %before = (installed => rows($one, 'installed', @not_adopted), map { $_ => rows($one, $_) } qw(installed_extensions files));
    my $files = $one->files;
    $one->sql('CREATE EXTENSION engine; CREATE EXTENSION shop CASCADE');
    my $session = $node->background_psql('postgres');
    is($session->query_safe('SELECT engine_answer()'), '1', 'a session uses an extension');
    $one->sql('DROP EXTENSION pgx');
    is_deeply($one->files, $files, 'DROP EXTENSION leaves the files');
    is($session->query_safe('SELECT engine_answer()'), '1', 'the session goes on');
    is($one->sql('SELECT engine_answer(), veclike_answer(), color_hex(1, 2, 3)'), '1|42|#010203', 'a new session finds everything');
    is($one->sql('BEGIN; CREATE EXTENSION train; SELECT train_version(); ROLLBACK'), '1.0', 'so does CREATE EXTENSION');
    $session->quit;

    my $messages = $one->messages('CREATE EXTENSION pgx; SELECT pgx.recover();');
    like($messages, qr/NOTICE:  packages that were installed before pgx was dropped are known again: .*"\Q$engine\E"/, 'the first call takes them up');
    is_deeply(rows($one, 'installed', @not_adopted), $before{installed}, 'installed is as it was');
    is_deeply(rows($one, $_), $before{$_}, "$_ is as it was") foreach qw(installed_extensions files);
    is($one->sql('SELECT bool_and(requested), bool_or(pinned) FROM pgx.installed'), 't|f', 'each counts as asked for, and none is pinned');
    is_deeply($one->files, $files, 'no file was touched');
    is($one->sql('SELECT action, count(*) FROM pgx.history GROUP BY 1'), 'adopt|' . @packages, 'the history says so');
    is_well('adopted', $one);

    # what the receipts say of registries is not known here any more
    $one->sql(q{SELECT pgx.drop_registry('system')});
    is($one->sql(q{SELECT split_part(detail, ':', 1), split_part(remedy, ';', 1) FROM pgx.doctor() WHERE "check" = 'origins' AND status = 'warning' ORDER BY 1}),
        qq{3 packages from registry "life", which is gone|SELECT pgx.add_registry('life', '...')\n5 packages from registry "stable", which is gone|SELECT pgx.add_registry('stable', '...')}, 'doctor() names the registries');
    $one->sql("SELECT pgx.add_registry('life', '$life')");
    $one->add_registry('stable', priority => 700);
    is($one->sql(q{SELECT status FROM pgx.doctor() WHERE "check" = 'origins'}), 'ok', 'the remedy helps');
    is($one->sql(q{BEGIN; SELECT action, version FROM pgx.update('engine'); ROLLBACK}), 'updated|2.0', 'what was adopted can be updated');
};

subtest 'files that were damaged meanwhile' => sub {
    my $script = "share/extension/engine--1.0.sql";
    my $path = $one->directory . "/$major";
    my %damages = (
        'a script that was changed' => [ $script, sub { append_to_file("$path/$script", "-- more\n") } ],
        'a library that is missing' => [ 'lib/engine.so', sub { unlink "$path/lib/engine.so" or die $! } ],
        'a control file that is empty' => [ 'share/extension/engine.control', sub { truncate("$path/share/extension/engine.control", 0) or die $! } ]);
    foreach my $name (sort keys %damages)
    {
        my ($deviating, $damage) = @{ $damages{$name} };
        $one->sql('DROP EXTENSION pgx');
        $damage->();
        my $damaged = $one->files;
        $one->messages('CREATE EXTENSION pgx; SELECT pgx.recover();');
        is($one->sql('SELECT string_agg(package, $$ $$ ORDER BY package) FROM pgx.installed'), join(' ', grep { $_ ne $engine } sort @packages), "$name: all others are known again");
        is_deeply($one->files, $damaged, "$name: no file was touched");
        $one->sql(q{SELECT pgx.drop_registry('system')});
        my $remedy = "SELECT * FROM pgx.install('$engine', version => '1.0-1');";
        my $finding = qq{error|Package "$engine" 1.0-1 was not taken up again: "$deviating" is missing or not as its receipt says.};
        is($one->sql(q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'orphans'}),
            qq{$finding|Add registry "life" again with pgx.add_registry(). Then $remedy}, "$name: doctor() says so");
        $one->sql("SELECT pgx.add_registry('life', '$life')");
        is($one->sql(q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'orphans'}), "$finding|$remedy", "$name: the remedy alone, once the registry is there");
        $one->refuses("$name: another version would not be that package", "SELECT pgx.install('$engine', version => '9.9')", { sqlstate => '42704', message => qr/9\.9/ });
        is($one->sql("BEGIN; $remedy ROLLBACK; SELECT count(*) FROM pgx.installed") =~ /\n7$/, 1, "$name: the remedy rolled back");
        is_deeply({ map { $_ => $one->files->{$_} } grep { m{^$major/} } keys %{ $one->files } }, { map { $_ => $damaged->{$_} } grep { m{^$major/} } keys %$damaged }, "$name: leaves the files as they were");
        is((split /\|/, $one->sql($remedy))[1], 'installed', "$name: the remedy");
        is_deeply(installed_files($one), $right, "$name: everything is as it was");
        is($one->sql(q{SELECT status FROM pgx.doctor() WHERE "check" = 'orphans'}), 'ok', "$name: doctor() is content");
        is($one->sql('SELECT engine_answer()'), '1', "$name: it works");
        $one->is_consistent($name);
    }
};

done_testing();
