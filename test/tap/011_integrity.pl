# 011_integrity.pl - files that are not as recorded, state files that are damaged, and what doctor() says of everything that can be wrong.
use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path remove_tree);
use PgxTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $server = PgxTest->new('integrity', settings => "restart_after_crash = on\n");
my $node = $server->node;
my ($engine, $pump) = map { PgxTest->package_name($_) } qw(engine pump);
my $source = $server->source('first') . "\n" . $server->source('second');
$server->sql("SELECT pgx.add_registry('life', '$source')");
$server->sql(q{SELECT pgx.install('engine', version => '1.0'), pgx.install('pump')});
my $directory = $server->directory;
my ($major) = $server->sql('SHOW server_version_num') =~ /^(\d+)\d{4}$/;
my $place = "$directory/$major";
my $right = $server->files;

sub write_file
{
    my ($path, $content) = @_;
    unlink $path;
    append_to_file($path, $content);
}

# --- verify and repair --------------------------------------------------------------------------------------------

# deviates(NAME, DAMAGE, PATH, STATUS, DETAIL) - verify() notices the damage, repair() mends it
sub deviates
{
    my ($name, $damage, $path, $status, $detail) = @_;
    my $packages = $server->sql('SELECT * FROM pgx.installed AS i ORDER BY i::text');
    $damage->("$place/$path");
    my ($got_status, $got_path, $got_detail) = split /\|/, $server->sql(q{SELECT status, path, detail FROM pgx.verify('engine')}), 3;
    is("$got_status|$got_path", "$status|$path", "$name: verify()");
    like($got_detail, $detail, "$name: the detail");
    is($server->sql(qq{SELECT status, path IS NULL FROM pgx.verify() WHERE package = '$pump'}), 'ok|t', "$name: another package is not concerned");
    is($server->sql(q{SELECT status, remedy FROM pgx.doctor() WHERE "check" = 'files'}), "error|SELECT * FROM pgx.repair('$engine');", "$name: doctor() names the remedy");
    is($server->sql(q{SELECT * FROM pgx.repair('engine')}), "$engine|restored|1 file", "$name: repair()");
    is_deeply($server->files, $right, "$name: everything is as it was");
    is($server->sql('SELECT * FROM pgx.installed AS i ORDER BY i::text'), $packages, "$name: the record is the same");
    is($server->sql(q{SELECT action, version FROM pgx.history ORDER BY at DESC LIMIT 1}), 'repair|1.0-1', "$name: the history");
}

subtest 'verify and repair' => sub {
    my ($library, $script, $control, $receipt) = ('lib/engine.so', 'share/extension/engine--1.0.sql', 'share/extension/engine.control', "receipts/$engine.json");
    is($server->sql('SELECT * FROM pgx.verify()'), "$engine|ok||3 files\n$pump|ok||3 files", 'all is well');
    is($server->sql(q{SELECT * FROM pgx.repair('engine')}), "$engine|ok|3 files", 'repair() has nothing to do');

    deviates('a file is missing', sub { unlink $_[0] or die $! }, $library, 'missing', qr/^$/);
    deviates('a control file is missing', sub { unlink $_[0] or die $! }, $control, 'missing', qr/^$/);
    deviates('a file is longer', sub { append_to_file($_[0], "-- more\n") }, $script, 'changed', qr/^SHA-256 is [0-9a-f]{64}, recorded was [0-9a-f]{64}\.$/);
    deviates('a file is empty', sub { truncate($_[0], 0) or die $! }, $control, 'changed', qr/SHA-256/);
    deviates('a byte is different', sub { open(my $file, '+<', $_[0]) or die $!; seek($file, 5000, 0); print $file "\xFF"; close($file); }, $library, 'changed', qr/SHA-256/);
    deviates('others may write to it', sub { chmod(0666, $_[0]) or die $! }, $script, 'wrong mode', qr/^Mode is 0666, recorded was 0644\.$/);
    deviates('it cannot be executed', sub { chmod(0644, $_[0]) or die $! }, $library, 'wrong mode', qr/0644.*0755/);
    deviates('it cannot be read', sub { chmod(0000, $_[0]) or die $! }, $script, 'changed', qr/^It cannot be read: /);
    deviates('a link is in its place', sub { unlink $_[0]; symlink('/etc/passwd', $_[0]) or die $! }, $script, 'not a file', qr/^Something else/);
    deviates('a directory is in its place', sub { unlink $_[0]; make_path("$_[0]/with/something"); append_to_file("$_[0]/with/file", 'x') }, $control, 'not a file', qr/^Something else/);
    deviates('a pipe is in its place', sub { unlink $_[0]; system_or_bail('mkfifo', $_[0]) }, $script, 'not a file', qr/^Something else/);
    deviates('the receipt is missing', sub { unlink $_[0] or die $! }, $receipt, 'missing', qr/receipt/);
    deviates('the receipt is cut off', sub { truncate($_[0], 100) or die $! }, $receipt, 'changed', qr/^The receipt cannot be read: /);
    deviates('the receipt is that of another package', sub { unlink $_[0]; system_or_bail('cp', "$place/receipts/$pump.json", $_[0]) }, $receipt, 'changed', qr/^The receipt is not that/);
    deviates('the receipt tells of other files', sub { my $text = slurp_file($_[0]) =~ s/"sha256": "\K[0-9a-f]{8}(?=[0-9a-f]{56}"\s*\}?,?\s*\})/00000000/r; $text =~ s/engine--1\.0\.sql/engine--1.1.sql/; write_file($_[0], $text) },
        $receipt, 'changed', qr/^The receipt is not that/);

    # all at once, by sync()
    unlink "$place/$library", "$place/share/extension/pump.control";
    chmod 0600, "$place/$script";
    is($server->sql('SELECT * FROM pgx.sync() ORDER BY 1'), "$engine|restored|2 files\n$pump|restored|1 file", 'sync() restores all');
    is_deeply($server->files, $right, 'everything is as it was');
    is($server->sql('SELECT count(*) FROM pgx.sync()'), '0', 'and then has nothing to do');
    is($server->sql('CREATE EXTENSION engine; SELECT engine_answer(); DROP EXTENSION engine'), '1', 'the library works');
    is($server->sql(q{SELECT count(*) FROM pgx.verify() WHERE status <> 'ok'}), '0', 'all is well');
};

subtest 'repair without a source' => sub {
    unlink "$place/lib/engine.so";
    my $requests = () = $server->requests(qr/\.deb/);
    remove_tree("$directory/pgsql_tmp.cache", { keep_root => 1 });
    $server->sql(q{UPDATE pgx.installed SET url = regexp_replace(url, '/debian/', '/nodebs/')});
    $server->refuses('the package is not there any more', q{SELECT pgx.repair('engine')}, { message => qr/404|engine/, sqlstate => qr/^(?:58|08|42)/ });
    $server->sql(q{UPDATE pgx.installed SET url = regexp_replace(url, '/nodebs/', '/debian/')});
    my $sha256 = $server->sql(qq{SELECT sha256 FROM pgx.installed WHERE package = '$engine'});
    $server->sql(qq{UPDATE pgx.installed SET sha256 = '} . '0' x 64 . qq{' WHERE package = '$engine'});
    $server->refuses('the package is another one', q{SELECT pgx.repair('engine')}, { message => qr/digest|SHA-256|sha256/i, sqlstate => qr/^(?:58|PX|22|XX)/ });
    $server->sql(qq{UPDATE pgx.installed SET sha256 = '$sha256' WHERE package = '$engine'});
    $server->sql(q{BEGIN; DELETE FROM pgx.registries; COMMIT;});
    $server->refuses('the registry is not there any more', q{SELECT pgx.repair('engine')},
        { sqlstate => '42704', message => 'registry "life" does not exist', hint => qr/add_registry/ });
    $server->sql("SELECT pgx.add_registry('life', '$source')");
    is($server->sql(q{SELECT status FROM pgx.repair('engine')}), 'restored', 'once everything is there again');
    is_deeply($server->files, $right, 'everything is as it was');
    $server->sql('SELECT pgx.refresh(extension_names => true)');
};

# --- state files --------------------------------------------------------------------------------------------------

subtest 'damaged cache files' => sub {
    my @files = grep { -f } split /\n/, `find "$directory/pgsql_tmp.cache" -type f`;
    cmp_ok(scalar @files, '>', 2, 'there are some');
    my %damages = (
        'cut off' => sub { truncate($_[0], int((-s $_[0]) / 2)) or die $! },
        'emptied' => sub { truncate($_[0], 0) or die $! },
        'overwritten' => sub { my $size = -s $_[0]; write_file($_[0], "\x00" x $size) },
        'one byte changed' => sub { open(my $file, '+<', $_[0]) or die $!; seek($file, int((-s $_[0]) * 2 / 3), 0); print $file "\xFF"; close($file); });
    foreach my $damage (sort keys %damages)
    {
        $damages{$damage}->($_) foreach grep { -f } split /\n/, `find "$directory/pgsql_tmp.cache" -type f`;
        unlink "$place/lib/engine.so";
        is($server->sql(q{SELECT status FROM pgx.repair('engine')}), 'restored', "$damage: repair()");
        is($server->sql(q{SELECT status FROM pgx.refresh()}) =~ /^(?:unchanged|updated)$/, 1, "$damage: refresh()");
        is($server->sql(q{SELECT action FROM pgx.install('part0')}), 'installed', "$damage: install()");
        $server->sql(q{SELECT pgx.remove('part0')});
        is_deeply($server->files, $right, "$damage: everything is as it was");
    }
    # something else in its place
    foreach my $file (grep { -f } split /\n/, `find "$directory/pgsql_tmp.cache" -type f`) { unlink $file; make_path($file); }
    unlink "$place/lib/engine.so";
    my $error = $server->error(q{SELECT status FROM pgx.repair('engine')});
    remove_tree("$directory/pgsql_tmp.cache");
    is($server->sql(q{SELECT status FROM pgx.repair('engine')}), 'restored', 'the cache may be deleted') if defined $error;
    is_deeply($server->files, $right, 'everything is as it was');
};

subtest 'damaged journals' => sub {
    my $change = '00000000-0000-4000-8000-000000000000';
    my $journal = "$directory/journal/$change.json";
    my $victim = $node->data_dir . '/PG_VERSION';
    my $content = slurp_file($victim);
    my $step = sub { return qq({"journal": 1, "change": "$change", "steps": [$_[0]]}) };
    my %journals = (
        'garbage' => "\x00\x01\x02",
        'empty' => '',
        'cut off' => '{"journal": 1, "change": "' . $change . '", "steps": [{"step": "pl',
        'of another version' => '{"journal": 2, "change": "x", "steps": []}',
        'an array' => '[]',
        'deep' => '[' x 100000,
        'a path outside' => $step->('{"step": "place", "path": "../../PG_VERSION", "replaces": false}'),
        'a path outside, absolute' => $step->(qq({"step": "place", "path": "$victim", "replaces": false})),
        'a path outside of receipts' => $step->('{"step": "place", "path": "receipts/../../../PG_VERSION", "replaces": false}'),
        'an unknown step' => $step->('{"step": "sing", "path": "lib/engine.so", "replaces": false}'));
    foreach my $name (sort keys %journals)
    {
        write_file($journal, $journals{$name});
        like($server->sql(q{SELECT string_agg(status, ' ') FROM pgx.doctor() WHERE "check" = 'interrupted changes'}), qr/warning|error/, "$name: doctor() sees it");
        like($server->messages('SELECT pgx.setup()'), qr/WARNING:  could not read journal ".*\Q$change\E\.json"/, "$name: the next call says so");
        is_deeply($server->files, $right, "$name: nothing else is changed");
        is(slurp_file($victim), $content, "$name: and nothing outside");
        is($server->sql(q{SELECT status FROM pgx.doctor() WHERE "check" = 'interrupted changes'}), 'ok', "$name: it is done with");
    }
    # one that is right, for a change that was not committed: files of ours that are there already stay
    write_file($journal, $step->('{"step": "place", "path": "lib/engine.so", "replaces": true}'));
    $server->sql('SELECT pgx.recover()');
    is_deeply($server->files, $right, 'a journal without backups changes nothing');

    # what else may lie there
    make_path("$directory/journal/$change.d/1", "$directory/journal/directory.json", "$directory/pgsql_tmp.staging/old/1");
    append_to_file("$directory/journal/$change.d/2", 'x');
    append_to_file("$directory/journal/$change.json.0123456789abcdef", 'x');
    append_to_file("$directory/journal/notes", 'x');
    append_to_file("$directory/pgsql_tmp.staging/old/1/file", 'x');
    append_to_file("$directory/pgsql_tmp.staging/file", 'x');
    symlink($node->data_dir, "$directory/journal/link");
    my ($status, $out, $err) = $node->psql('postgres', 'SELECT pgx.recover()');
    is($status, 0, 'recovery passes') or diag($err);
    my $files = $server->files;
    is_deeply([ sort grep { !exists $right->{$_} && !m{^pgsql_tmp\.staging/file$} } keys %$files ], [], 'what nobody owns is gone');
    is(slurp_file($victim), $content, 'and what a link leads to is not');
    unlink "$directory/pgsql_tmp.staging/file";
};

subtest 'damaged receipts without rows' => sub {
    write_file("$place/receipts/postgresql-$major-ghost.json", '{"package": ');
    write_file("$place/receipts/odd name.json", '');
    write_file("$place/lib/stray.so", 'not a library');
    is($server->sql('SELECT count(*) FROM pgx.installed'), '2', 'are not believed');
    $server->sql('SELECT pgx.setup()');
    is($server->sql('SELECT count(*) FROM pgx.installed'), '2', 'nor later');
    is($server->sql(q{SELECT status, remedy ~ 'pgx\.sync' FROM pgx.doctor() WHERE "check" = 'orphans'}), 'warning|t', 'doctor() names them');
    like($server->sql(q{SELECT detail FROM pgx.doctor() WHERE "check" = 'orphans'}), qr/^3 files without a package, among them "lib\/stray\.so"/, 'and how many');
    is($server->sql('SELECT * FROM pgx.sync()'), '|removed|3 files', 'sync() removes them');
    is_deeply($server->files, $right, 'everything is as it was');
};

# --- doctor -------------------------------------------------------------------------------------------------------

# finds(NAME, CHECK, STATUS, DETAIL, REMEDY, options) - a row of doctor(); all other checks are fine, apart from those in `also`
sub finds
{
    my ($name, $check, $status, $detail, $remedy, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $who = $options{server} // $server;
    my @rows = map { [ split /\x01/, $_, -1 ] } split /\x02/,
      $who->node->safe_psql($options{database} // 'postgres',
        q{SELECT string_agg(concat_ws(E'\x01', "check", status, detail, coalesce(remedy, '')), E'\x02') FROM pgx.doctor()}, %{ $options{psql} // {} });
    my @found = grep { $_->[0] eq $check && $_->[1] eq $status && $_->[2] =~ $detail } @rows;
    my %allowed = map { $_ => 1 } $check, @{ $options{also} // [] };
    my @others = grep { $_->[1] ne 'ok' && !$allowed{ $_->[0] } } @rows;
    is(scalar @found, $options{count} // 1, "$name: it is found") or diag(join("\n", map { join(' | ', @$_) } @rows));
    is(scalar @others, 0, "$name: nothing else is wrong") or diag(join("\n", map { join(' | ', @$_) } @others));
    like($found[0][3] // '', $remedy, "$name: the remedy");
    return $found[0];
}

sub all_fine
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($server->sql(q{SELECT string_agg("check" || ': ' || detail, E'\n') FROM pgx.doctor() WHERE status <> 'ok' AND "check" <> 'disk space'}), '', $name);
}

sub set_helper_path
{
    my ($path) = @_;
    $server->sql("ALTER SYSTEM SET pgx.helper_path = '$path'");
    $node->reload;
    $node->poll_query_until('postgres', "SELECT current_setting('pgx.helper_path') = '$path'") or die 'no reload';
}

my @often = ('disk space');

subtest 'doctor' => sub {
    all_fine('a server that is well');
    is($server->sql(q{SELECT count(*) FROM pgx.doctor() WHERE status = 'ok' AND remedy IS NOT NULL}), '0', 'without remedies');
    is($server->sql(q{SELECT count(DISTINCT "check") FROM pgx.doctor()}), '18', 'every check has a row');

    set_helper_path('/nonexistent/pgx');
    finds('no helper', 'helper program', 'error', qr{"/nonexistent/pgx" cannot be executed}, qr/helper_path/, also => [ 'registries', @often ]);
    set_helper_path('');

    chmod 0777, $directory;
    finds('a directory that is open to others', 'directory', 'error', qr/is not the server's alone/, qr/0700/, also => \@often);
    chmod 0700, $directory;
    chmod 0555, "$place/lib";
    finds('a directory that is not writable', 'directory', 'error', qr/is not writable/, qr/mode/, also => \@often);
    chmod 0755, "$place/lib";

    # paths
    $server->sql(q{CREATE DATABASE elsewhere; CREATE ROLE stubborn LOGIN SUPERUSER});
    $server->sql(q{ALTER DATABASE elsewhere SET dynamic_library_path = '$libdir'});
    finds('ALTER DATABASE overrides', 'dynamic_library_path', 'warning', qr/^The setting dynamic_library_path of database "elsewhere" leaves ".*\/lib" out\.$/, qr/RESET/, also => \@often);
    $server->sql(q{ALTER DATABASE elsewhere RESET ALL; ALTER ROLE stubborn SET extension_control_path = '$system'});
    finds('ALTER ROLE overrides', 'extension_control_path', 'warning', qr/^The setting extension_control_path of role "stubborn" leaves/, qr/RESET/, also => \@often);
    finds('in a session of that role', 'extension_control_path', 'error', qr/does not contain ".*" in this session/, qr/setup|RESET/, also => \@often,
        psql => { extra_params => [ '-U', 'stubborn' ] });
    $server->sql(q{ALTER ROLE stubborn RESET ALL; ALTER ROLE stubborn IN DATABASE elsewhere SET extension_control_path = '$system'});
    finds('ALTER ROLE IN DATABASE overrides', 'extension_control_path', 'warning', qr/of database "elsewhere" of role "stubborn"/, qr/RESET/, also => \@often);
    $server->sql('ALTER ROLE stubborn IN DATABASE elsewhere RESET ALL');
    my $path = $server->sql('SHOW dynamic_library_path');
    $server->sql(q{ALTER SYSTEM RESET dynamic_library_path});
    $node->reload;
    ok(eventually { $server->sql('SHOW dynamic_library_path') ne $path }, 'the setting is taken back');
    finds('the setting was taken back', 'dynamic_library_path', 'error', qr/does not contain/, qr/pgx\.setup/, also => \@often);
    $server->sql('SELECT pgx.setup()');
    ok(eventually { $server->sql('SHOW dynamic_library_path') eq $path }, 'setup() mends that');

    # files
    my $other = PostgreSQL::Test::Utils::tempdir;
    make_path("$other/extension");
    system_or_bail('cp', "$place/share/extension/engine.control", "$other/extension/");
    system_or_bail('cp', "$place/lib/engine.so", $other);
    my ($control_path, $library_path) = map { $server->sql("SHOW $_") } qw(extension_control_path dynamic_library_path);
    $server->sql("ALTER SYSTEM SET extension_control_path = '$other:$control_path'; ");
    $server->sql("ALTER SYSTEM SET dynamic_library_path = '$other:$library_path'");
    $node->reload;
    ok(eventually { $server->sql('SHOW dynamic_library_path') =~ /^\Q$other\E/ && $server->sql('SHOW extension_control_path') =~ /^\Q$other\E/ }, 'others come first on the paths');
    finds('an extension elsewhere', 'shadowed names', 'warning', qr/^Extension "engine" is also in "\Q$other\E/, qr/pgx\.remove/, also => \@often);
    finds('a library elsewhere', 'shadowed names', 'warning', qr/^Library "engine\.so" is also in "\Q$other\E/, qr/pgx\.remove/, also => \@often);
    $server->sql("ALTER SYSTEM SET extension_control_path = '$control_path'");
    $server->sql("ALTER SYSTEM SET dynamic_library_path = '$library_path'");
    $node->reload;
    ok(eventually { $server->sql('SHOW dynamic_library_path') eq $library_path && $server->sql('SHOW extension_control_path') eq $control_path }, 'and not any more');

    append_to_file("$place/lib/engine.so", 'x');
    append_to_file("$place/share/extension/pump.control", 'x');
    finds('changed files', 'files', 'error', qr/^1 file of "\Q$engine\E" deviate/, qr/^SELECT \* FROM pgx\.repair\('\Q$engine\E'\);$/, also => \@often);
    finds('of every package', 'files', 'error', qr/deviate/, qr/pgx\.repair/, also => \@often, count => 2);
    $server->sql('SELECT pgx.sync()');
    append_to_file("$place/share/extension/stray.sql", 'x');
    finds('a file of nobody', 'orphans', 'warning', qr{^1 file without a package, among them "share/extension/stray\.sql"\.$}, qr/pgx\.sync/, also => \@often);
    $server->sql('SELECT pgx.sync()');

    # a change under way, and one that a crash has interrupted
    my $session = $node->background_psql('postgres');
    $session->query_safe(q{BEGIN; SELECT pgx.install('part0')});
    finds('a change of another session', 'interrupted changes', 'warning', qr/Another session may be at work/, qr/setup/, also => [ @often, 'orphans' ]);
    kill 'KILL', $session->query_safe('SELECT pg_backend_pid()');
    $session->{run}->finish;
    ok(eventually { ($node->psql('postgres', 'SELECT 1'))[0] == 0 }, 'after a crash');
    finds('a change that a crash has interrupted', 'interrupted changes', 'warning', qr/^Unfinished: "[0-9a-f-]{36}"/, qr/setup/, also => [ @often, 'orphans' ]);
    $server->sql('SELECT pgx.setup()');
    all_fine('the remedy helps');

    # libraries
    $server->sql('CREATE EXTENSION engine');
    $session = $node->background_psql('postgres');
    my $pid = $session->query_safe('SELECT pg_backend_pid()');
    $session->query_safe('SELECT engine_answer()');
    $server->sql(q{SELECT pgx.update('engine')});
    finds('an old library in a session', 'stale libraries', 'warning', qr/^Process $pid still runs the old "engine\.so"\.$/, qr/pg_terminate_backend\($pid\)/, also => \@often);
    $server->sql("SELECT pg_terminate_backend($pid)");
    $session->{run}->finish;
    ok(eventually { $server->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' }, 'the session ends');
    all_fine('then it is gone');
    $server->sql(q{DROP EXTENSION engine; SELECT pgx.install('engine', version => '1.0')});

    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = engine, no_such_library});
    finds('a preload setting', 'preload settings', 'error', qr/^Setting shared_preload_libraries names "no_such_library".*would not start/, qr/Take it out/, also => \@often);
    # a mistake that is often made: this is one library
    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = 'engine, pg_stat_statements'});
    finds('a list within quotes', 'preload settings', 'error', qr/names "engine, pg_stat_statements".*would not start/, qr/Take it out/, also => \@often);
    $server->sql('ALTER SYSTEM RESET shared_preload_libraries');
    $server->sql(q{ALTER ROLE stubborn SET session_preload_libraries = 'no_such_library'});
    finds('a preload setting of a role', 'preload settings', 'error', qr/^Setting session_preload_libraries of role "stubborn" names "no_such_library".*cannot begin/, qr/Take it out/, also => \@often);
    $server->sql(q{ALTER ROLE stubborn SET session_preload_libraries = '$libdir/engine', 'engine.so', engine});
    all_fine('libraries that are there');
    $server->sql('ALTER ROLE stubborn RESET ALL');

    # registries
    $server->sql("SELECT pgx.add_registry('gone', '" . ($server->source('stable') =~ s{http://127.0.0.1:\d+}{http://127.0.0.1:1}r) . "')");
    finds('a registry that cannot be reached', 'registries', 'error', qr/^Registry "gone" cannot be used: /, qr/./, also => \@often);
    $server->sql(q{SELECT pgx.alter_registry('gone', enabled => false)});
    all_fine('one that is disabled');
    $server->sql(q{SELECT pgx.drop_registry('gone')});
    $server->add_registry('expired', refresh => 0, more => 'check-valid-until=yes');
    finds('a registry that is too old', 'registries', 'error', qr/^Registry "expired" cannot be used: /, qr/./, also => \@often);
    $server->sql(q{SELECT pgx.drop_registry('expired')});
    $server->add_registry('stable', refresh => 0);
    finds('a registry that was never read', 'registries', 'warning', qr/^Registry "stable" was never read\.$/, qr/pgx\.refresh/, also => \@often);
    $server->sql(q{SELECT pgx.refresh('stable')});
    $server->sql(q{UPDATE pgx.registries SET refreshed_at = now() - interval '8 days' WHERE name = 'stable'});
    finds('a registry that was not read for long', 'registries', 'warning', qr/^Registry "stable" was read 8 days.* ago\.$/, qr/pgx\.refresh/, also => \@often);
    $server->sql(q{SELECT pgx.drop_registry('stable')});
    is_deeply($server->files, $right, 'doctor() changes nothing');
    all_fine('in the end');
};

# A directory that was changed makes everything missing, and is one thing.
subtest 'another directory' => sub {
    my $moved = PgxTest->new('moved');
    $moved->sql("SELECT pgx.add_registry('life', '$source')");
    $moved->sql(q{SELECT pgx.install('engine', version => '1.0'), pgx.install('pump')});
    my $earlier = $moved->directory;
    my $files = $moved->files;
    my $later = PostgreSQL::Test::Utils::tempdir . "/o'ther";
    (my $literal = $later) =~ s/'/''/g;
    $moved->sql("ALTER SYSTEM SET pgx.directory = '$literal'");
    $moved->node->reload;
    ok(eventually { $moved->directory eq $later }, 'the setting is changed');
    my @paths = ('extension_control_path', 'dynamic_library_path', 'directory', 'earlier directories', 'registries');
    finds('another directory', 'files', 'error', qr/^None of the 6 files of 2 packages is in "\Q$later\E": pgx\.directory was changed, or its content is lost\.$/, qr/^SELECT \* FROM pgx\.sync\(\);$/,
        server => $moved, also => [ @paths, @often ]);
    finds('the earlier one', 'earlier directories', 'warning', qr/^pgx\.directory was changed: "\Q$earlier\E" is still on /, qr/^SELECT \* FROM pgx\.sync\(\); first\./, server => $moved, also => [ @paths, 'files', @often ]);
    finds('the present one', 'directory', 'error', qr/^"\Q$later\E" does not have what is installed\.$/, qr/^SELECT \* FROM pgx\.sync\(\);$/, server => $moved, also => [ @paths, 'files', @often ]);
    is($moved->sql('SELECT package, status FROM pgx.sync() ORDER BY 1'), "$engine|restored\n$pump|restored", 'sync() brings all files there');
    my $found = finds('then', 'earlier directories', 'warning', qr/^pgx\.directory was changed: "\Q$earlier\E" is still on /, qr/^ALTER SYSTEM SET extension_control_path = '.*'; ALTER SYSTEM SET dynamic_library_path = '.*'; SELECT pg_reload_conf\(\);$/,
        server => $moved, also => \@often);
    is_deeply({ map { $_ => $moved->files->{$_} } grep { m{^$major/} } keys %$files }, { map { $_ => $files->{$_} } grep { m{^$major/} } keys %$files }, 'the files are the same');
    like($moved->error(q{SELECT pgx.update('engine')})->{detail}, qr/\Q$earlier\E/, 'an update would not be seen behind the earlier files, and is refused');
    $moved->sql($found->[3]);
    ok(eventually { $moved->sql('SHOW extension_control_path') !~ /\Q$earlier\E/ && $moved->sql('SHOW dynamic_library_path') !~ /\Q$earlier\E/ }, 'the remedy takes it away');
    my @other = grep { !m{\Q$earlier\E} } split /:/, $moved->sql('SHOW dynamic_library_path');
    is($other[-1], "$later/$major/lib", 'and leaves the present one');
    is($moved->sql(q{SELECT string_agg("check" || ': ' || detail, E'\n') FROM pgx.doctor() WHERE status <> 'ok' AND "check" <> 'disk space'}), '', 'all is well');
    is($moved->sql(q{CREATE EXTENSION engine; SELECT action FROM pgx.update('engine'); SELECT pgx.remove('pump')}), "updated\n($pump,1.1-1,3)", 'updates and removals work');
    is($moved->sql('SELECT engine_answer()'), '2', 'and are seen');
    $moved->is_consistent('another directory');
    remove_tree($later);
    $moved->node->stop;
};

subtest 'doctor on other servers' => sub {
    my $fresh = PgxTest->new('fresh');
    finds('pgx was never used', 'directory', 'warning', qr/does not exist yet/, qr/pgx\.setup/, server => $fresh, also => [qw(extension_control_path dynamic_library_path), @often ]);
    $fresh->node->stop;
  SKIP:
    {
        skip 'there is no file system that is mounted noexec', 1 unless $ENV{PGX_NOEXEC_DIR};
        my $noexec = PgxTest->new('noexec', settings => "pgx.directory = '$ENV{PGX_NOEXEC_DIR}/doctor'\n");
        make_path("$ENV{PGX_NOEXEC_DIR}/doctor/$major/lib", { mode => 0700 });
        finds('noexec', 'execution', 'error', qr/noexec/, qr/pgx\.directory/, server => $noexec, also => [qw(directory extension_control_path dynamic_library_path), @often ]);
        $noexec->node->stop;
    }
  SKIP:
    {
        skip 'there is no small file system', 1 unless $ENV{PGX_SMALL_DIR};
        my $small = PgxTest->new('small', settings => "pgx.directory = '$ENV{PGX_SMALL_DIR}/doctor'\n");
        $small->sql('SELECT pgx.setup()');
        finds('little space', 'disk space', 'warning', qr/ are free\.$/, qr/Make room/, server => $small);
        $small->node->stop;
        remove_tree("$ENV{PGX_SMALL_DIR}/doctor");
    }
};

done_testing();
