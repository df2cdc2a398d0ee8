# 031_preload.pl - libraries that have to be preloaded: the setting, the trial before it is changed, and the way back.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('preload');
my $node = $server->node;
my $conf = $node->data_dir . '/postgresql.conf';
my $auto = $node->data_dir . '/postgresql.auto.conf';
$server->add_registry('preloads');
my $sentry = PgxTest->package_name('sentry');
my %may_not = (sqlstate => '55000');

# What the next start will read.
sub configured
{
    my ($setting) = @_;
    return $server->sql("SELECT setting FROM pg_file_settings WHERE name = '$setting' ORDER BY seqno DESC LIMIT 1");
}
sub auto_conf { return slurp_file($auto); }

# What is in ALTER SYSTEM's file stays as it is, and the error says what the server would have said.
sub stays
{
    my ($name, $sql, $expected, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = auto_conf();
    my $error = $server->refuses($name, $sql, $expected, %options);
    is(auto_conf(), $before, "$name: no setting has changed");
    return $error;
}

subtest 'the list that is there is kept' => sub {
    # with quotes, a directory, and an order that is not the alphabet's
    $server->node->append_conf('postgresql.conf', q{shared_preload_libraries = 'pg_stat_statements, "$libdir/auto_explain"'});
    $server->sql(q{SELECT pgx.install('watch')});
    is($server->sql(q{SELECT preload FROM pgx.installed_extensions WHERE extension = 'watch'}), '{watch}', 'what has to be preloaded is recorded');
    # pending a restart: the server runs with an empty list
    is($server->sql('SHOW shared_preload_libraries'), '', 'the server does not have it yet');
    is($server->sql(q{SELECT * FROM pgx.preload('watch')}),
        q{watch|added|shared_preload_libraries|pg_stat_statements, "$libdir/auto_explain", watch|restart the server; CREATE EXTENSION watch;}, 'the answer');
    is(configured('shared_preload_libraries'), 'pg_stat_statements, "$libdir/auto_explain", watch', 'the setting');
    is($server->sql(q{SELECT action, next_step FROM pgx.preload('watch')}), 'already there|restart the server; CREATE EXTENSION watch;', 'twice is not an error');
    is($server->sql(q{SELECT next_step FROM pgx.install('watch')}), 'restart the server; CREATE EXTENSION watch;', 'install() knows what is still to do');
    like($server->sql(q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'preload settings'}),
        qr/^warning\|"watch" has to be preloaded, and is not yet\.\|restart the server;$/m, 'doctor() as well');
    $node->restart;
    is($server->sql('SHOW shared_preload_libraries'), 'pg_stat_statements, "$libdir/auto_explain", watch', 'after a restart it is in force');
    is($server->sql(q{SELECT next_step FROM pgx.preload('watch')}), 'CREATE EXTENSION watch;', 'the next step');
    $server->sql('CREATE EXTENSION watch');
    is($server->sql('SELECT watch_answer()'), '42', 'it works');
    is($server->sql(q{SELECT next_step FROM pgx.preload('watch')}), 'none, it is created in this database', 'nothing is left to do');
    is($server->sql(q{SELECT status FROM pgx.doctor() WHERE "check" = 'preload settings'}), 'ok', 'doctor() is content');
};

subtest 'a value that waits for a restart' => sub {
    # ALTER SYSTEM by somebody else
    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = 'watch', 'pg_prewarm'});
    $server->sql(q{SELECT pgx.install('sentry')});
    is($server->sql(q{SELECT library, value FROM pgx.preload('sentry')}), 'sentry|watch, pg_prewarm, sentry', 'is what counts');
    is(configured('shared_preload_libraries'), 'watch, pg_prewarm, sentry', 'the setting');
    $node->restart;
    is($server->sql('SHOW shared_preload_libraries'), 'watch, pg_prewarm, sentry', 'it starts');
    is($server->sql(q{SELECT next_step FROM pgx.install('sentry')}), 'none, library "sentry" is in place', 'a module without an extension needs nothing then');
};

subtest 'what is required comes first' => sub {
    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'});
    is($server->sql(q{SELECT next_step FROM pgx.install('clock') WHERE extension = 'clock'}), q{SELECT pgx.preload('clock'); restart the server; CREATE EXTENSION clock;}, 'the next step');
    is($server->sql(q{SELECT library, action, next_step IS NULL FROM pgx.preload('clock')}), "watch|added|t\nclock|added|f", 'both, in that order');
    is(configured('shared_preload_libraries'), 'pg_stat_statements, watch, clock', 'the setting');
    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = 'watch', 'sentry'});
};

subtest 'a library that does not load' => sub {
    $server->sql(q{SELECT pgx.install('mule')});
    stays('it refuses', q{SELECT pgx.preload('mule')},
        { %may_not, message => 'the server would not start with "mule" preloaded',
          detail => 'A server that was started for a trial said: I shall not be loaded. It is a matter of principle. Ask somebody else.',
          hint => qr/^Nothing was changed\. .*force => true/ });
    $server->sql(q{SELECT pgx.install('latecomer')});
    stays('it fails when it gets its memory', q{SELECT pgx.preload('latecomer')},
        { %may_not, message => 'the server would not start with "latecomer" preloaded', detail => qr/no room was reserved for me/ });
    stays('one of two', q{SELECT pgx.preload(ARRAY['clock', 'mule'])}, { %may_not, message => 'the server would not start with "clock" and "mule" preloaded' });
    $node->restart;
    pass('the server starts');
    # whoever knows better
    my $before = configured('shared_preload_libraries');
    like($server->messages(q{SELECT pgx.preload('mule', force => true)}), qr/WARNING:  the server would not start with "mule" preloaded\nDETAIL:  .*I shall not be loaded/, 'force');
    is(configured('shared_preload_libraries'), "$before, mule", 'it does what it is told');
    # it is not the new one's fault
    stays('the present list is broken', q{SELECT pgx.preload('clock')},
        { %may_not, message => 'the server would not start with its present settings', detail => qr/I shall not be loaded/, hint => qr/doctor/ });
    is($server->sql(q{SELECT library, action, value FROM pgx.unpreload('mule')}), "mule|taken out|$before", 'the way out');
    is(configured('shared_preload_libraries'), $before, 'as it was');
    $node->restart;
    pass('the server starts');
};

subtest 'a setting that it needs' => sub {
    $server->sql(q{SELECT pgx.install('keeper')});
    # no header tells that it has to be preloaded
    is($server->sql(q{SELECT next_step FROM pgx.install('keeper')}), 'CREATE EXTENSION keeper;', 'nobody knows');
    like($server->messages(q{SELECT * FROM pgx.preload('keeper')}), qr/NOTICE:  nothing of ".*keeper" has to be preloaded.*via => /s, 'preload() says so');
    stays('the setting is missing', q{SELECT pgx.preload('keeper', via => 'shared_preload_libraries')},
        { %may_not, message => 'the server would not start with "keeper" preloaded', detail => qr/parameter "keeper\.key" is not set/ });
    # the administrator's own file
    my $facts = $server->directory . '/pgx_preload.json';
    append_to_file($facts, q({"libraries": [{"library": "keeper", "preload": "shared_preload_libraries",
        "settings": [{"name": "keeper.key", "value": "it's {key}"}], "source": "measured"},
        {"library": "watch", "preload": "none", "source": "for the test"}]}));
    is($server->sql(q{SELECT next_step FROM pgx.install('keeper')}),
        q{ALTER SYSTEM SET keeper.key = 'it''s {key}'; SELECT pgx.preload('keeper'); restart the server; CREATE EXTENSION keeper;}, 'a file tells');
    is($server->sql(q{SELECT next_step FROM pgx.install('watch')}), 'none, it is created in this database', 'it wins over headers');
    stays('the setting is still missing', q{SELECT pgx.preload('keeper')},
        { %may_not, hint => qr/Settings that it needs: ALTER SYSTEM SET keeper\.key = 'it''s \{key\}';/ });
    $server->sql(q{ALTER SYSTEM SET keeper.key = 'it''s {key}'});
    is($server->sql(q{SELECT action, next_step FROM pgx.preload('keeper')}), 'added|restart the server; CREATE EXTENSION keeper;', 'then it can be done');
    $node->restart;
    is($server->sql('SHOW keeper.key'), q{it's {key}}, 'the server starts with it');
    # a file that cannot be read
    unlink $facts;
    append_to_file($facts, '{"libraries": [{"library": "a/b", "preload": "none", "source": ""}]}');
    $server->fails('a file with a mistake', q{SELECT pgx.preload('watch')}, { sqlstate => '22023', message => qr/^invalid file ".*pgx_preload\.json": "a\/b" is not the name of a library$/, hint => qr// });
    like($server->sql(q{SELECT status, detail FROM pgx.doctor() WHERE "check" = 'preload settings'}), qr/^error\|invalid file/m, 'doctor() tells');
    like($server->messages(q{SELECT next_step FROM pgx.install('watch')}), qr/WARNING:  could not read which libraries/, 'install() goes on');
    unlink $facts;
};

subtest 'session_preload_libraries' => sub {
    $server->sql(q{SELECT pgx.install('idle')});
    is($server->sql(q{SELECT * FROM pgx.preload('idle', via => 'session_preload_libraries')}),
        'idle|added|session_preload_libraries|idle|reconnect; CREATE EXTENSION idle;', 'without a restart');
    is($server->sql(q{SELECT count(*) FROM pg_get_loaded_modules() WHERE file_name LIKE 'idle%'}), '1', 'the next session has it');
    # what is loaded in sessions only is tried there
    stays('what insists on the start', q{SELECT pgx.preload('clock', via => 'session_preload_libraries')},
        { %may_not, detail => qr/can only be loaded via "shared_preload_libraries"/ });
    is($server->sql(q{SELECT library, action, setting, value, next_step FROM pgx.unpreload('idle')}),
        'idle|taken out|session_preload_libraries||none, new sessions do without it', 'undone');
    unlike(auto_conf(), qr/session_preload_libraries/, 'without a trace');
    $server->fails('another setting', q{SELECT pgx.preload('idle', via => 'local_preload_libraries')}, { sqlstate => '22023', message => qr/not preloaded via "local_preload_libraries"/ });
};

subtest 'undo' => sub {
    is($server->sql(q{SELECT count(*) FROM pgx.unpreload('clock')}), '0', 'what is not there');
    $server->sql(q{ALTER SYSTEM RESET shared_preload_libraries});
    $server->sql(q{SELECT pgx.preload('clock')});
    is(configured('shared_preload_libraries'), 'pg_stat_statements, "$libdir/auto_explain", watch, clock', 'two libraries');
    is($server->sql(q{SELECT library, value FROM pgx.unpreload('clock')}), 'clock|pg_stat_statements, "$libdir/auto_explain", watch', 'one goes');
    is($server->sql(q{SELECT next_step FROM pgx.unpreload('watch')}), 'restart the server;', 'the other');
    unlike(auto_conf(), qr/shared_preload_libraries/, 'what ALTER SYSTEM had set is taken back, as it came in');
    # written in another way by somebody else
    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = '$libdir/auto_explain', 'watch.so', 'pg_prewarm'});
    is($server->sql(q{SELECT library, value FROM pgx.unpreload('watch')}), 'watch|"$libdir/auto_explain", pg_prewarm', 'by any of its names');
    $server->sql(q{ALTER SYSTEM RESET shared_preload_libraries});

    $server->sql(q{DROP EXTENSION watch});
    $server->sql(q{SELECT pgx.remove('clock'); SELECT pgx.preload('watch')});
    $server->refuses('remove() of what is preloaded', q{SELECT pgx.remove('watch')},
        { %may_not, detail => qr/Setting shared_preload_libraries names a library of it/, hint => qr/pgx\.unpreload\('.*watch'\).*restart/ });
    $server->sql(q{SELECT pgx.unpreload('watch')});
    $server->refuses('before the restart', q{SELECT pgx.remove('watch')}, { %may_not, detail => 'The server still runs with a library of it preloaded.', hint => qr/Restart the server first/ });
    $server->sql(q{SELECT pgx.preload('watch')});
    like($server->messages(q{SELECT pgx.remove('watch', force => true)}), qr/NOTICE:  shared_preload_libraries was changed/, 'force');
    is(configured('shared_preload_libraries'), 'pg_stat_statements, "$libdir/auto_explain"', 'takes it out');
    $node->restart;
    is($server->sql(q{SELECT count(*) FROM pgx.files WHERE path = 'lib/watch.so'}), '0', 'and the server starts without the file');
};

subtest 'transactions' => sub {
    # ALTER SYSTEM stays, files go
    $server->refuses('with the installation', q{BEGIN; SELECT pgx.install('watch'); SELECT pgx.preload('watch'); COMMIT;},
        { %may_not, message => 'cannot run pgx.preload() in a transaction that has installed or removed files', hint => qr/COMMIT first/ });
    $server->sql(q{SELECT pgx.install('watch')});
    $server->sql(q{BEGIN; SELECT pgx.preload('watch'); ROLLBACK;});
    is(configured('shared_preload_libraries'), 'pg_stat_statements, "$libdir/auto_explain", watch', 'ROLLBACK does not undo it');
    $server->sql(q{SELECT pgx.unpreload('watch')});
};

subtest 'where ALTER SYSTEM does not reach' => sub {
    $server->node->append_conf('postgresql.conf', 'allow_alter_system = off');
    $node->reload;
    ok(eventually { $server->sql('SHOW allow_alter_system') eq 'off' }, 'it is off');
    stays('allow_alter_system = off', q{SELECT pgx.preload('watch')},
        { %may_not, message => 'ALTER SYSTEM is not allowed in this environment', hint => qr/^Set shared_preload_libraries to pg_stat_statements, "\$libdir\/auto_explain", watch where/ });
    $server->node->append_conf('postgresql.conf', 'allow_alter_system = on');
    $node->stop;
    system_or_bail('pg_ctl', '-w', '-s', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-c shared_preload_libraries=pg_prewarm --cluster-name=preload', 'start');
    $node->_update_pid(1);
    stays('the command line', q{SELECT pgx.preload('watch')}, { %may_not, message => q{shared_preload_libraries is given on the server's command line} });
    # not restart(), which keeps the command line
    $node->stop;
    $node->start;
};

my $allow;
subtest 'modules without an extension' => sub {
    # servers before 18.6 let everybody load every output plugin
    $allow = $server->sql(q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'}) eq '0' ? ''
      : 'ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, stenographer; SELECT pg_reload_conf(); ';
    is($server->sql(q{SELECT extension IS NULL, action, next_step FROM pgx.install('stenographer')}),
        qq{t|installed|${allow}ALTER SYSTEM SET wal_level = logical; restart the server; SELECT pg_create_logical_replication_slot('stenographer_slot', 'stenographer');}, 'an output plugin');
    $server->sql($_) foreach split /(?<=;) /, $allow . 'ALTER SYSTEM SET wal_level = logical;';
    is($server->sql(q{SELECT next_step FROM pgx.install('stenographer')}), q{restart the server; SELECT pg_create_logical_replication_slot('stenographer_slot', 'stenographer');}, 'what is left to do');
    $server->node->append_conf('postgresql.conf', "max_wal_senders = 2\nmax_replication_slots = 2\n");
    $node->restart;
    my $step = $server->sql(q{SELECT next_step FROM pgx.install('stenographer')});
    is($step, q{SELECT pg_create_logical_replication_slot('stenographer_slot', 'stenographer');}, 'after the restart');
    $server->sql($step);
    $server->sql('CREATE TABLE notes (x int); INSERT INTO notes VALUES (1)');
    is($server->sql(q{SELECT data FROM pg_logical_slot_get_changes('stenographer_slot', NULL, NULL)}), 'notes', 'doing that makes it work');
    $server->sql(q{SELECT pg_drop_replication_slot('stenographer_slot')});
    is($server->sql(q{SELECT next_step FROM pgx.install('sentry')}), "SELECT pgx.preload('$sentry'); restart the server;", 'one that has to be preloaded');
    is($server->sql(q{SELECT * FROM pgx.preload('sentry')}), q{sentry|added|shared_preload_libraries|pg_stat_statements, "$libdir/auto_explain", sentry|restart the server;}, 'is preloaded by its package');
};

subtest 'steps of one answer build upon each other' => sub {
    $server->sql(q{ALTER SYSTEM RESET output_plugin_libraries}) if $allow;
    $node->reload;
    $server->sql(q{SELECT pgx.remove(ARRAY['stenographer'])});
    my @steps = split /\n/, $server->sql(q{SELECT next_step FROM pgx.install(ARRAY['stenographer', 'scribe'])});
    is(scalar @steps, 2, 'two plugins');
    like($steps[0], qr/create_logical_replication_slot\('stenographer_slot', 'stenographer'\);$/, 'each has a slot of its own');
    like($steps[1], qr/create_logical_replication_slot\('scribe_slot', 'scribe'\);$/, 'and so has the other');
  SKIP: {
        skip 'this server lets everybody load every output plugin', 2 unless $allow;
        like($steps[0], qr/output_plugin_libraries = pgoutput, test_decoding, stenographer;/, 'the first');
        like($steps[1], qr/output_plugin_libraries = pgoutput, test_decoding, stenographer, scribe;/, 'the second keeps the first');
        $server->sql($_) foreach map { grep { /^ALTER/ } split /(?<=;) / } @steps;
        $server->sql('SELECT pg_reload_conf()');
        ok(eventually { $server->sql('SHOW output_plugin_libraries') eq 'pgoutput, test_decoding, stenographer, scribe' }, 'both are in the list');
        my ($step) = split /\n/, $server->sql(q{SELECT next_step FROM pgx.install('scribe')});
        unlike($step, qr/output_plugin_libraries/, 'nothing is left of that');
    }
};

subtest 'an extension without a default version' => sub {
    is($server->sql(q{SELECT next_step FROM pgx.install('oldtimer')}), "CREATE EXTENSION oldtimer VERSION '0.9' CASCADE;", 'the next step names one');
    is($server->sql(q{SELECT outcome FROM pgx.create('oldtimer')}), 'created with this transaction', 'create() takes it');
    is($server->sql(q{SELECT next_step FROM pgx.install('oldtimer')}), 'none, it is created in this database', 'nothing is left to do');
    $server->sql(q{DROP EXTENSION oldtimer; SELECT pgx.remove('oldtimer')});
};

# A list that becomes empty: an empty string in it would be a library that is nowhere.
subtest 'the last one goes' => sub {
    my $included = $node->data_dir . '/included.conf';
    append_to_file($included, "shared_preload_libraries = 'pg_stat_statements'\nsession_preload_libraries = 'auto_explain'\n");
    append_to_file($conf, "include 'included.conf'\n");
    $server->sql('ALTER SYSTEM RESET shared_preload_libraries; ALTER SYSTEM RESET session_preload_libraries');
    $node->restart;
    is($server->sql('SHOW shared_preload_libraries'), 'pg_stat_statements', 'of a file that is included');
    is($server->sql(q{SELECT library, value FROM pgx.unpreload('pg_stat_statements')}), 'pg_stat_statements|', 'taken out');
    like(auto_conf(), qr/^shared_preload_libraries = ''$/m, 'nothing is left');
    $node->restart;
    is($server->sql('SHOW shared_preload_libraries'), '', 'the server starts without');
    is($server->sql(q{SELECT library, value FROM pgx.unpreload('auto_explain')}), 'auto_explain|', 'of the sessions');
    $node->reload;
    ok(eventually { $server->sql('SHOW session_preload_libraries') eq '' }, 'sessions begin without');
    # what is removed by force goes in the same way
    append_to_file($included, "shared_preload_libraries = 'watch'\n");
    $server->sql('ALTER SYSTEM RESET shared_preload_libraries');
    $server->sql(q{SELECT pgx.install('watch')});
    $node->restart;
    like($server->messages(q{SELECT pgx.remove('watch', force => true)}), qr/It is now: empty\./, 'remove() with force');
    $node->restart;
    is($server->sql('SHOW shared_preload_libraries'), '', 'the server starts without that, too');
    # and what somebody has written in the way that PostgreSQL documents is seen
    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = ''});
    $node->reload;
    like($server->sql(q{SELECT status, detail FROM pgx.doctor() WHERE "check" = 'preload settings'}), qr/^error\|Setting shared_preload_libraries names "", and there is no such library: the server would not start again\.$/m, 'doctor()');
    unlink $included;
    append_to_file($included, "# nothing\n");
    $server->sql(q{SELECT pgx.install('watch')});
    $server->sql('ALTER SYSTEM RESET shared_preload_libraries; ALTER SYSTEM RESET session_preload_libraries');
    $node->restart;
};

subtest 'what is part of the server' => sub {
    $server->sql(q{ALTER SYSTEM SET shared_preload_libraries = ''});
    is($server->sql(q{SELECT library, action, value FROM pgx.preload('pg_stat_statements')}), 'pg_stat_statements|added|pg_stat_statements', 'can be preloaded as well');
    is($server->sql(q{SELECT library, value FROM pgx.unpreload('pg_stat_statements')}), 'pg_stat_statements|', 'and not');
    $server->fails('what nobody has', q{SELECT pgx.preload('nobody')}, { sqlstate => '42704', message => '"nobody" is not installed' });
};

subtest 'rights' => sub {
    $server->sql('CREATE ROLE operator LOGIN');
    $server->refuses('preload() without the right', q{SELECT pgx.preload('watch')}, { sqlstate => '42501', hint => '' }, role => 'operator');
    $server->sql(q{GRANT EXECUTE ON FUNCTION pgx.preload(text, text, boolean) TO operator; SELECT pgx.allow('operator', preload => true)});
    is($node->safe_psql('postgres', q{SELECT action FROM pgx.preload('watch')}, extra_params => [ '-U', 'operator' ]), 'added', 'with it');
    $server->refuses('unpreload() without', q{SELECT pgx.unpreload('watch')}, { sqlstate => '42501', hint => '' }, role => 'operator');
};

# A standby has a configuration of its own, and files of its primary's.
subtest 'on a standby' => sub {
    my $primary = PgxTest->new('primary', streaming => 1);
    $primary->add_registry('preloads');
    $primary->sql(q{SELECT pgx.install('watch')});
    $primary->node->backup('base');
    my $standby_node = PostgreSQL::Test::Cluster->new('standby');
    $standby_node->init_from_backup($primary->node, 'base', has_streaming => 1);
    $standby_node->start;
    my $standby = PgxTest->of_node($standby_node);
    is($standby->sql(q{SELECT library, action, value FROM pgx.preload('watch')}), 'watch|added|watch', 'preload()');
    $standby_node->restart;
    is($standby->sql('SHOW shared_preload_libraries'), 'watch', 'it starts with it');
    is($primary->sql('SHOW shared_preload_libraries'), '', 'the primary is as it was');
    is($standby->sql(q{SELECT library, value FROM pgx.unpreload('watch')}), 'watch|', 'unpreload()');
    $standby_node->stop;
    $primary->node->stop;
};

is($server->sql('SELECT count(*) FROM pgx.usage()'), '0', 'nothing is created');
is_deeply([ grep { m{^pgsql_tmp\.staging/} } keys %{ $server->files } ], [], 'nothing of the trials is left');
is_deeply([ $server->helpers ], [], 'no process is left');
$node->restart;
pass('the server starts');

done_testing();
