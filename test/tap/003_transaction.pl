# 003_transaction.pl - files end with the transaction, and calls end when they are told to.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# An interrupt has to be acted upon within a second; the rest is for a busy machine.
my $soon = 10;

my $server = PgxTest->new('transactions', settings => 'max_prepared_transactions = 2');
my $node = $server->node;
$server->add_registry('stable');
$server->sql('SELECT pgx.setup()');

sub installed { return $server->sql('SELECT extension FROM pgx.installed_extensions ORDER BY 1') =~ s/\n/ /gr; }

# ends_as(NAME, SQL, EXTENSIONS) - after SQL just these are installed
sub ends_as
{
    my ($name, $sql, $extensions) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 0);
    is(installed(), $extensions, $name) or diag($err);
    $server->is_consistent($name);
    my @left = grep { m{^(?:journal|pgsql_tmp\.staging)/} } keys %{ $server->files };
    is_deeply(\@left, [], "$name: nothing is left over");
}

subtest 'transactions and savepoints' => sub {
    my $empty = $server->state;
    ends_as('ROLLBACK', q{BEGIN; SELECT pgx.install('color'); CREATE EXTENSION color; ROLLBACK;}, '');
    ends_as('an error', q{BEGIN; SELECT pgx.install('color'); SELECT 1/0; COMMIT;}, '');
    ends_as('an error in the same statement', q{SELECT pgx.install('color'), 1/0 FROM generate_series(1, 1);}, '');
    ends_as('end of the session', q{BEGIN; SELECT pgx.install('color');}, '');
    ends_as('DO with an error', q{DO $$BEGIN PERFORM pgx.install('color'); RAISE 'no'; END$$;}, '');
    is_deeply($server->state, $empty, 'all is as it was');

    ends_as('ROLLBACK TO', q{
        BEGIN;
        SELECT pgx.install('atlas');
        SAVEPOINT s;
        SELECT pgx.install('color');
        ROLLBACK TO s;
        COMMIT;}, 'atlas');
    ends_as('RELEASE', q{
        BEGIN;
        SAVEPOINT s;
        SELECT pgx.install('color');
        RELEASE s;
        COMMIT;}, 'atlas color');
    ends_as('RELEASE and ROLLBACK', q{
        BEGIN;
        SAVEPOINT s;
        SELECT pgx.install('twins');
        RELEASE s;
        ROLLBACK;}, 'atlas color');
    ends_as('a savepoint within one that is rolled back', q{
        BEGIN;
        SAVEPOINT outside;
        SAVEPOINT inside;
        SELECT pgx.install('twins');
        RELEASE inside;
        ROLLBACK TO outside;
        SELECT pgx.install('geo');
        COMMIT;}, 'atlas color geo');
    ends_as('the same package again after a rollback', q{
        BEGIN;
        SAVEPOINT s;
        SELECT pgx.install('twins');
        ROLLBACK TO s;
        SELECT pgx.install('twins');
        COMMIT;}, 'atlas castor color geo pollux');
    ends_as('a caught exception', q{
        DO $$BEGIN
            BEGIN
                PERFORM pgx.install('linked');
                RAISE 'no';
            EXCEPTION WHEN OTHERS THEN
                PERFORM pgx.install('veclike');
            END;
        END$$;}, 'atlas castor color geo pollux veclike');
    ends_as('a caught error of pgx', q{
        DO $$BEGIN
            PERFORM pgx.install('linked');
            BEGIN
                PERFORM pgx.install('no_such_thing');
            EXCEPTION WHEN undefined_object THEN NULL;
            END;
        END$$;}, 'atlas castor color geo linked pollux veclike');
    is($server->sql('CREATE EXTENSION linked; SELECT linked_answer()'), '42', 'what was committed works');
};

subtest 'an extension that is used when its files go away' => sub {
    # the library stays loaded in the session that has loaded it
    ends_as('install, create, use and roll back', q{
        BEGIN;
        SELECT pgx.install('shop');
        CREATE EXTENSION shop CASCADE;
        SELECT shop_version(), veclike_answer();
        ROLLBACK;
        SELECT 1;}, 'atlas castor color geo linked pollux veclike');
    is($server->sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'shop'}), 0, 'it is not offered any more');
};

subtest 'a newer version, and back' => sub {
    $server->add_registry('testing', priority => 400);
    my $before = $server->state;
    $server->refuses('from another registry only when it is named', q{SELECT pgx.install('color', version => '2.0.0-1')},
        { sqlstate => '42704', message => qr/no version "2\.0\.0-1"/, hint => qr/registry => 'testing'/ });
    my $new = q{pgx.install('color', version => '2.0.0-1', registry => 'testing')};
    my ($status, $out, $err) = $node->psql('postgres', "BEGIN; SELECT action FROM $new; CREATE EXTENSION color; SELECT color_version(); ROLLBACK;");
    is($out, "updated\n2.0", 'within the transaction it is the new one') or diag($err);
    is_deeply($server->state, $before, 'after ROLLBACK the old one, byte for byte');
    is($server->sql('BEGIN; CREATE EXTENSION color; SELECT color_hex(1, 2, 3); ROLLBACK'), '#010203', 'which works');
    $server->sql("SELECT $new");
    is($server->sql('SELECT action, version, previous_version FROM pgx.history ORDER BY at DESC LIMIT 1'), 'update|2.0.0-1|1.4.0-2',
        'committed, it is in the history');
    $server->is_consistent('after an update');
    is(scalar(grep { /color--1\.4\.sql/ } keys %{ $server->files }), 0, 'files that the new version has not are gone');
};

subtest 'two-phase commit' => sub {
    my $before = $server->state;
    $server->refuses('PREPARE TRANSACTION', q{BEGIN; SELECT pgx.install('guard'); PREPARE TRANSACTION 'x';},
        { sqlstate => qr/^(?:55000|0A000)$/, message => qr/PREPARE|prepare/ });
    is($server->sql('SELECT count(*) FROM pg_prepared_xacts'), 0, 'there is none');
    $server->sql(q{BEGIN; SELECT count(*) FROM pgx.installed; PREPARE TRANSACTION 'reading';});
    $server->sql(q{ROLLBACK PREPARED 'reading'});
    is_deeply($server->state, $before, 'one that only reads may be prepared');
};

# --- interrupts ---------------------------------------------------------------------------------------------------

# Nobody else here downloads "heavy": what is in the cache would not take long.

# download(SQL) - a session that runs SQL, which is in the middle of a download now: (session, its process id, helpers)
sub download
{
    my ($sql) = @_;
    my $session = $node->background_psql('postgres', on_error_stop => 0);
    my $pid = $session->query_safe('SELECT pg_backend_pid()');
    my $requests = () = $server->requests(qr{/slow/.*\.deb});
    $session->query_until(qr/begun/, "\\set VERBOSITY verbose\n\\echo begun\n$sql\n");
    eventually { $server->sql("SELECT done > 0 FROM pgx.progress_entries() WHERE pid = $pid AND phase = 'download'") eq 't' }
      or diag('the download did not begin: ' . $server->sql('SELECT * FROM pgx.progress_entries()'));
    my @helpers = $server->helpers;
    return ($session, $pid, @helpers);
}

# ended(NAME, BEFORE, STARTED, HELPERS) - everything is as it was BEFORE, soon after STARTED
sub ended
{
    my ($name, $before, $started, @helpers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    cmp_ok(time() - $started, '<', $soon, "$name: it ends soon");
    cmp_ok(scalar @helpers, '>', 0, "$name: there was a helper");
    ok(eventually { !grep { PgxTest::process_exists($_) } @helpers }, "$name: it has gone");
    is($server->sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, "$name: no lock is left");
    is($server->sql('SELECT count(*) FROM pgx.progress'), 0, "$name: no progress is left");
    is_deeply($server->state, $before, "$name: nothing has changed");
}

$server->add_registry('stable', name => 'slow', location => 'slow', priority => 900);
my $slow_install = q{SELECT pgx.install('heavy');};

subtest 'cancel' => sub {
    my $before = $server->state;
    my ($session, $pid, @helpers) = download($slow_install);
    my $started = time();
    $server->sql("SELECT pg_cancel_backend($pid)");
    is(($session->query('SELECT 1'))[0], '1', 'the session goes on');
    like($session->{stderr}, qr/ERROR:  57014: canceling statement due to user request/, 'the error is PostgreSQL\'s own');
    ended('cancel', $before, $started, @helpers);
    $session->quit;
};

subtest 'terminate' => sub {
    my $before = $server->state;
    my ($session, $pid, @helpers) = download($slow_install);
    my $started = time();
    $server->sql("SELECT pg_terminate_backend($pid)");
    ok(eventually { $server->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' }, 'the session has ended');
    ended('terminate', $before, $started, @helpers);
    $session->{run}->finish;
};

subtest 'statement_timeout' => sub {
    my $before = $server->state;
    my ($session, $pid, @helpers) = download("SET statement_timeout = '3s';\n$slow_install");
    my $started = time();
    $session->query('SELECT 1');
    like($session->{stderr}, qr/ERROR:  57014: canceling statement due to statement timeout/, 'the error is PostgreSQL\'s own');
    ended('statement_timeout', $before, $started, @helpers);
    $session->quit;
};

subtest 'cancel in a transaction that has installed something' => sub {
    my $before = $server->state;
    my ($session, $pid, @helpers) = download("BEGIN;\nSELECT pgx.install('guard');\n$slow_install");
    my $started = time();
    $server->sql("SELECT pg_cancel_backend($pid)");
    $session->query('ROLLBACK');
    ended('cancel', $before, $started, @helpers);
    $session->quit;
};

subtest 'the client goes away' => sub {
    my $before = $server->state;
    my ($session, $pid, @helpers) = download("SET client_connection_check_interval = '500ms';\n$slow_install");
    my $started = time();
    $session->{run}->kill_kill;
    ok(eventually { $server->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' }, 'the session has ended');
    ended('client gone', $before, $started, @helpers);
};

subtest 'fast shutdown and restart' => sub {
    my $before = $server->state;
    my ($session, $pid, @helpers) = download($slow_install);
    my $started = time();
    $node->stop('fast');
    cmp_ok(time() - $started, '<', $soon, 'the shutdown is fast');
    ok(eventually { !grep { PgxTest::process_exists($_) } @helpers }, 'no helper is left');
    $session->{run}->finish;
    $node->start;
    $before->{started} = $server->state->{started};
    is_deeply($server->state, $before, 'nothing has changed');
};

subtest 'a backend that is killed takes its helper along' => sub {
    my $before = $server->state;
    $node->adjust_conf('postgresql.conf', 'restart_after_crash', 'on');
    $node->reload;
    my ($session, $pid, @helpers) = download($slow_install);
    kill 'KILL', $pid;
    ok(eventually { !grep { PgxTest::process_exists($_) } @helpers }, 'no helper is left');
    $session->{run}->finish;
    $node->poll_query_until('postgres', 'SELECT true');
    # the staging directory of the dead is removed by whoever comes next
    $server->sql(q{SELECT pgx.plan('guard')});
    $before->{started} = $server->state->{started};
    is_deeply($server->state, $before, 'nothing has changed');
};

subtest 'two sessions want the same' => sub {
    my @sessions = map { $node->background_psql('postgres') } 1 .. 2;
    $sessions[0]->query_safe(q{BEGIN; SELECT pgx.install('guard')});
    $sessions[1]->query_until(qr/begun/, "\\echo begun\nSELECT action FROM pgx.install('guard');\n");
    ok(eventually { $server->sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) eq '1' },
        'the second waits');
    $sessions[0]->query_safe('COMMIT');
    is($sessions[1]->query_safe('SELECT 1'), "already installed\n1", 'and finds it done');
    $_->quit foreach @sessions;
    is($server->sql(q{SELECT count(*) FROM pgx.history WHERE package LIKE '%-guard'}), 1, 'once');
    $server->is_consistent('after two sessions');
};

subtest 'two sessions, and the first gives up' => sub {
    my @sessions = map { $node->background_psql('postgres') } 1 .. 2;
    $sessions[0]->query_safe(q{BEGIN; SELECT pgx.install('toolbox')});
    $sessions[1]->query_until(qr/begun/, "\\echo begun\nSELECT action FROM pgx.install('toolbox');\n");
    ok(eventually { $server->sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) eq '1' },
        'the second waits');
    $sessions[0]->query_safe('ROLLBACK');
    is($sessions[1]->query_safe('SELECT 1'), "installed\n1", 'and installs it');
    $_->quit foreach @sessions;
    $server->is_consistent('after two sessions');
};

subtest 'lock_timeout' => sub {
    $server->sql(q{SELECT pgx.drop_registry('slow')});
    my $session = $node->background_psql('postgres');
    $session->query_safe(q{BEGIN; SELECT pgx.install('heavy')});
    my $error = $server->error(q{SET lock_timeout = '100ms'; SELECT pgx.install('shop')});
    is($error->{sqlstate}, '55P03', 'is obeyed');
    $session->query_safe('ROLLBACK');
    $session->quit;
    $server->is_consistent('after a lock_timeout');
};

done_testing();
