# 005_standby.pl - standbys, other databases, and the end of the extension itself.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('primary', streaming => 1);
my $node = $server->node;
$server->add_registry('stable');
$server->sql(q{SELECT pgx.install('color')});

subtest 'a standby' => sub {
    $node->backup('base');
    my $standby_node = PostgreSQL::Test::Cluster->new('standby');
    $standby_node->init_from_backup($node, 'base', has_streaming => 1);
    $standby_node->start;
    $node->wait_for_replay_catchup($standby_node);
    my $standby = PgxTest->of_node($standby_node);

    foreach my $call (q{install('atlas')}, q{plan('atlas')}, q{refresh()}, q{setup()}, q{add_registry('x', 'deb http://127.0.0.1/ x main')},
        q{alter_registry('stable', priority => 1)}, q{drop_registry('stable')})
    {
        (my $name = $call) =~ s/\(.*//;
        $standby->refuses("$name()", "SELECT pgx.$call",
            { sqlstate => '55000', message => "cannot run pgx.$name() on a standby", hint => 'Call it on the primary.' });
    }
    is($standby->sql('SELECT count(*) FROM pgx.available()'), 12, 'available()');
    is($standby->sql(q{SELECT name, installed FROM pgx.search('hexadecimal')}), 'color|1.4.0', 'search()');
    is($standby->sql(q{SELECT value FROM pgx.info('color') WHERE property = 'version'}), '1.4.0-2', 'info()');
    is($standby->sql('SELECT count(*) FROM pgx.progress'), 0, 'progress');

    # a base backup holds the files, and not what is temporary
    $standby->is_consistent('on the standby');
    ok(!glob($standby_node->data_dir . '/pgx/pgsql_tmp.*'), 'the cache is not in the base backup');

    # once promoted it is a server like any other
    $standby_node->promote;
    is($standby->sql(q{SELECT action FROM pgx.install('atlas')}), 'installed', 'after promotion');
    is($standby->sql('CREATE EXTENSION color; SELECT color_hex(1, 2, 3)'), '#010203', 'what came with the backup works');
    $standby->is_consistent('after promotion');
    $standby_node->stop;
};

subtest 'another database' => sub {
    $server->sql('CREATE DATABASE other');
    $server->refuses('CREATE EXTENSION pgx', 'CREATE EXTENSION pgx',
        { sqlstate => 'PX001', message => 'pgx has its home in database "postgres" already', hint => qr/Connect to "postgres"/ },
        database => 'other');
    is($server->sql('SELECT count(*) FROM pg_namespace WHERE nspname = $$pgx$$', 'other'), 0, 'nothing of it is left there');
    is($server->sql('CREATE EXTENSION color; SELECT color_hex(1, 2, 3)', 'other'), '#010203',
        'what is installed can be created in every database');

    # a copy of the home database has the catalog, but is not the home
    $server->sql('CREATE DATABASE copy TEMPLATE postgres');
    $server->refuses('install() in a copy', q{SELECT pgx.install('geo')},
        { sqlstate => 'PX001', message => 'cannot run pgx.install() in this database', detail => 'The home database of pgx is "postgres".' },
        database => 'copy');
    is($server->sql('SELECT count(*) FROM pgx.available()', 'copy'), 12, 'looking works');
    $server->sql('DROP DATABASE copy');
};

subtest 'DROP EXTENSION' => sub {
    $server->sql('DROP EXTENSION pgx');
    is($server->sql(q{SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('pgx')}), 0, 'the catalog is gone');
    is($server->sql('BEGIN; CREATE EXTENSION color; SELECT color_hex(1, 2, 3); ROLLBACK'), '#010203', 'what was installed still works');
    $server->sql('CREATE EXTENSION pgx');
    # the files are there, whether the catalog has learnt of them by itself or not
    $server->add_registry('stable');
    like($server->sql(q{SELECT action FROM pgx.install('color')}), qr/^(?:already )?installed$/, 'files that are there are taken over');
    $server->is_consistent('after CREATE EXTENSION again');
    is($server->sql(q{SELECT action FROM pgx.install('atlas')}), 'installed', 'and others come');
};

subtest 'moving the home' => sub {
    # where it is used it stays, and where it was dropped another database may take it
    $server->fails('while it is used', 'CREATE EXTENSION pgx', { sqlstate => 'PX001' }, database => 'other');
    $server->sql('DROP EXTENSION pgx');
    $server->sql('CREATE EXTENSION pgx', 'other');
    $server->fails('the old home', 'CREATE EXTENSION pgx',
        { sqlstate => 'PX001', message => 'pgx has its home in database "other" already' });
    $server->sql('SELECT pgx.add_registry($$stable$$, $$' . $server->source('stable') . '$$)', 'other');
    like($server->sql(q{SELECT action FROM pgx.install('geo')}, 'other'), qr/^(?:part of the server, required by geo\n)?installed$/,
        'the new one installs');
};

done_testing();
