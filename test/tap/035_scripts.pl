# 035_scripts.pl - scripts and control files that name the directories they were packaged for.
#
# The suite "texts" holds an extension as Debian's "unit" is: its script reads a file beside it by the path that the
# distribution would have put it at.
use strict;
use warnings FATAL => 'all';

use File::Path qw(remove_tree);
use PgxTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('scripts', streaming => 1);
$server->add_registry('texts');
my $package = PgxTest->package_name('almanac');
my ($major) = $package =~ /-(\d+)-/;
my $script = 'share/extension/almanac--1.0.sql';

# works(SERVER, NAME) - the extension can be created, and finds its file and its library
sub works
{
    my ($on, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($on->sql(q{CREATE EXTENSION almanac; SELECT string_agg(day, ' '), almanac_answer(), almanac_elsewhere() FROM almanac_days}),
        "monday tuesday|42|/usr/share/postgresql/$major/extension/other.data", $name);
    $on->sql('DROP EXTENSION almanac');
}

# text(SERVER) - the script as it is installed
sub text { my ($on) = @_; return slurp_file($on->directory . "/$major/$script"); }

subtest 'a plan' => sub {
    is($server->sql(q{SELECT action, remarks FROM pgx.plan('almanac')}), 'install|1 script and 1 control file adapted', 'says so');
};

subtest 'an installation' => sub {
    $server->sql(q{SELECT pgx.install('almanac')});
    works($server, 'it works');
    my $text = text($server);
    like($text, qr{FROM 'pgx/$major/share/extension/almanac\.data';}, 'the path is relative to the data directory');
    like($text, qr{'/usr/share/postgresql/$major/extension/other\.data'}, 'what the package does not ship is left alone');
    like($text, qr{LOAD 'almanac';\nLOAD '\$libdir/plpgsql';}, 'so is what the server has');
    like(slurp_file($server->directory . "/$major/share/extension/almanac.control"), qr/^module_pathname = 'almanac'$/m, 'the control file');
    is($server->sql(q{SELECT path FROM pgx.files WHERE original_sha256 <> sha256 ORDER BY path}), "$script\nshare/extension/almanac.control",
        'the digests of the originals are kept');
    is($server->sql(q{SELECT status FROM pgx.verify('almanac')}), 'ok', 'verify() is content');
    $server->is_consistent('files and catalog');
};

subtest 'repair() and sync()' => sub {
    my $before = $server->files;
    my ($deb) = glob($server->directory . '/pgsql_tmp.cache/artifacts/*');
    my ($original) = run_command([ 'sh', '-c', "dpkg-deb --fsys-tarfile '$deb' | tar -xO ./usr/share/postgresql/$major/extension/almanac--1.0.sql" ]);
    open my $file, '>', $server->directory . "/$major/$script" or die;
    print $file "$original\n";
    close $file;
    like($server->sql(q{SELECT status, detail FROM pgx.verify('almanac') WHERE status <> 'ok'}),
        qr/^changed\|.*It is the package's own file, without the changes/, 'verify() knows the original');
    $server->sql(q{SELECT pgx.repair('almanac')});
    is_deeply($server->files, $before, 'repair() brings the adapted one back');
    remove_tree($server->directory . "/$major/share", $server->directory . "/$major/lib");
    $server->sql('SELECT pgx.sync()');
    is_deeply($server->files, $before, 'so does sync(), from the catalog alone');
    works($server, 'it works');
};

subtest 'a standby that has another data directory' => sub {
    $server->node->backup('base');
    my $node = PostgreSQL::Test::Cluster->new('standby');
    $node->init_from_backup($server->node, 'base', has_streaming => 1);
    $node->start;
    $server->node->wait_for_replay_catchup($node);
    my $standby = PgxTest->of_node($node);
    remove_tree($standby->directory . "/$major/share");
    $standby->sql('SELECT pgx.sync()');
    is(text($standby), text($server), 'sync() there makes the same file');
    $node->promote;
    works($standby, 'it works after promotion');
    $node->stop;
};

subtest 'pgx.directory outside of the data directory' => sub {
    my $directory = PostgreSQL::Test::Utils::tempdir . '/pgx';
    my $other = PgxTest->new('outside', settings => "pgx.directory = '$directory'\n");
    $other->add_registry('texts');
    $other->sql(q{SELECT pgx.install('almanac')});
    like(text($other), qr{FROM '\Q$directory\E/$major/share/extension/almanac\.data'}, 'an absolute path');
    works($other, 'it works');

    $other->node->stop;
    rename $directory, "$directory.moved" or die;
    $other->node->append_conf('postgresql.conf', "pgx.directory = '$directory.moved'\n");
    $other->node->start;
    $other->sql(q{SELECT pgx.setup()});
    is($other->sql(q{SELECT status FROM pgx.verify('almanac')}), 'ok', 'moved: it is what was installed');
    unlink "$directory.moved/$major/$script" or die;
    $other->fails('and cannot be made again there', q{SELECT pgx.repair('almanac')},
        { sqlstate => 'PX007', detail => 'It names files by where pgx.directory was when it was installed.', hint => qr/^Install it anew/ });
    $other->sql(q{SELECT pgx.remove('almanac', force => true); SELECT pgx.install('almanac')});
    works($other, 'but installed anew');
    $other->node->stop;
};

subtest 'a directory whose name cannot be written into a script' => sub {
    my $directory = PostgreSQL::Test::Utils::tempdir . q{/o'clock};
    (my $quoted = $directory) =~ s/'/''/g;
    my $other = PgxTest->new('quote', settings => "pgx.directory = '$quoted'\n");
    $other->add_registry('texts');
    like($other->messages(q{SELECT pgx.install('almanac')}), qr/scripts of package "\Q$package\E" will not find their files.*pgx\.directory/s, 'a notice');
    like(text($other), qr{FROM '/usr/share/postgresql/$major/extension/almanac\.data'}, 'it is left as it is');
    is($other->sql(q{SELECT status FROM pgx.verify('almanac')}), 'ok', 'verify() is content');
    $other->node->stop;
};

done_testing();
