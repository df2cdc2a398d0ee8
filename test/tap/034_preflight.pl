# 034_preflight.pl - what is found out before anything is written, and modules without a control file.
#
# What is refused because of the platform, the libraries, the control files or somebody else's files: 002_bad_input.pl and
# 030_libraries.pl.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('preflight', settings => "wal_level = logical\n");
$server->add_registry($_) foreach qw(stable preloads);

subtest 'extensions that are trusted' => sub {
    is($server->sql(q{SELECT extension, remarks FROM pgx.plan('shop')}), "color|trusted\nveclike|\nshop|", 'a plan tells');
    like($server->messages(q{SELECT pgx.install('shop')}),
        qr/NOTICE:  extension "color" is trusted\nDETAIL:  Users who may create objects in a database may create it there\./, 'so does install()');
    unlike($server->messages(q{SELECT pgx.install('shop')}), qr/trusted/, 'once');
    is($server->sql(q{SELECT extension FROM pgx.installed_extensions WHERE trusted}), 'color', 'and the catalog');
};

subtest 'a disk that is too small' => sub {
    plan skip_all => 'PGX_SMALL_DIR is not set' unless $ENV{PGX_SMALL_DIR};
    my $directory = "$ENV{PGX_SMALL_DIR}/preflight";
    my $small = PgxTest->new('small', settings => "pgx.directory = '$directory'\n");
    $small->add_registry('stable');
    $small->sql('SELECT pgx.setup()');
    $small->refuses('an installation', q{SELECT pgx.install('heavy')},
        { sqlstate => '53100', message => qr/^not enough disk space for package ".*-heavy"$/, detail => qr/are needed where .* are free/,
          hint => qr/^Make room, or move pgx\.directory/ });
    is(scalar(() = $small->requests(qr/heavy.*\.deb/)), 0, 'nothing was downloaded');
    # half of what an unpacked file needs is there: it is refused file by file, too
    is($small->sql(q{SELECT action FROM pgx.install('color')}), 'installed', 'what fits can be installed');
    $small->refuses('several of which one does not fit', q{SELECT pgx.install(ARRAY['geo', 'heavy'])},
        { sqlstate => '53100', message => qr/^not enough disk space for 2 packages$/ });
    $small->node->stop;
    system('rm', '-rf', $directory);
};

subtest 'an output plugin' => sub {
    my $step = $server->sql(q{SELECT next_step FROM pgx.install('stenographer') WHERE extension IS NULL});
    like($step, qr/SELECT pg_create_logical_replication_slot\('stenographer_slot', 'stenographer'\);$/, 'its next step names the plugin');
    my $version = q{1.0-1};
    is($server->sql(q{SELECT extension IS NULL, action, version FROM pgx.install('stenographer')}), "t|already installed|$version", 'twice: without an extension, with the version of the package');
    is($server->sql(q{SELECT extension IS NULL, action, version FROM pgx.update('stenographer')}), "t|up to date|$version", 'and in update()');
    # what comes before it may be for servers that want plugins to be listed
    foreach my $statement (grep { $_ ne 'reconnect' } split /; */, $step)
    {
        $server->sql($statement);
    }
    $server->sql('CREATE TABLE noted (a int); INSERT INTO noted VALUES (1)');
    is($server->sql(q{SELECT data FROM pg_logical_slot_get_changes('stenographer_slot', NULL, NULL) WHERE data <> ''}), 'noted', 'it works');
    $server->refuses('remove() while a slot uses it', q{SELECT pgx.remove('stenographer')}, { sqlstate => '55000', message => qr/is in use$/,
            detail => 'Replication slot "stenographer_slot" has output plugin "stenographer".', hint => qr/^Run SELECT pg_drop_replication_slot\('stenographer_slot'\) first\. / });
    $server->sql(q{SELECT pg_drop_replication_slot('stenographer_slot')});
};

subtest 'a hook' => sub {
    my $package = PgxTest->package_name('seatbelt');
    my $step = $server->sql(q{SELECT next_step FROM pgx.install('seatbelt')});
    is($step, "for all sessions: SELECT pgx.preload('$package', via => 'session_preload_libraries'); for one: LOAD 'seatbelt';", 'its next step');
    is($server->sql(q{LOAD 'seatbelt'; SHOW seatbelt.fastened}), 'on', 'LOAD');
    $server->sql(qq{SELECT pgx.preload('$package', via => 'session_preload_libraries')});
    ok(eventually { $server->sql(q{SELECT current_setting('seatbelt.fastened', true)}) eq 'on' }, 'preloaded');
    is($server->sql(q{SELECT next_step FROM pgx.install('seatbelt')}), 'none, library "seatbelt" is in place', 'nothing is left to do');
    $server->sql(qq{SELECT pgx.unpreload('$package')});
};

subtest 'a hook that has to be preloaded, and a module with functions' => sub {
    is($server->sql(q{SELECT next_step FROM pgx.install('sentry')}),
        "SELECT pgx.preload('" . PgxTest->package_name('sentry') . "'); restart the server;", 'its own messages say so');
    is($server->sql(q{SELECT next_step FROM pgx.install('toolbox')}), 'none, library "toolbox" is in place', 'one that only holds functions');
};

done_testing();
