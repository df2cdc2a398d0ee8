# 013_transactions.pl - changes in one transaction in every order, interrupts in every phase, and what others learn of a change.
#
# 003_transaction.pl is about one install. Here several changes meet, also of the same package.
use strict;
use warnings FATAL => 'all';

use JSON::PP;
use List::Util qw(shuffle);
use PgxCrash;
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{PGX_SEED} // int(rand(1_000_000));
srand($seed);
note("PGX_SEED=$seed");

my $crash = PgxCrash->new('orders', settings => "max_prepared_transactions = 2\ndeadlock_timeout = 100ms\n");
my $server = $crash->server;
my $node = $server->node;
my ($engine, $pump, $train, $part) = map { PgxTest->package_name($_) } qw(engine pump train part0);

# --- orders -------------------------------------------------------------------------------------------------------

my %sql = (
    'engine 1' => q{SELECT pgx.install('engine', version => '1.0');},
    'engine 2' => q{SELECT pgx.install('engine', version => '2.0');},
    'engine -' => q{SELECT pgx.remove('engine', force => true);},
    'pump 1'   => q{SELECT pgx.install('pump', version => '1.0');},
    'pump 2'   => q{SELECT pgx.install('pump', version => '1.1');},
    'pump -'   => q{SELECT pgx.remove('pump');},
    'part0 1'  => q{SELECT pgx.install('part0');},
    'part0 -'  => q{SELECT pgx.remove('part0');});

# The files of each package in each version, as they are after that was the only thing that was done.
my %files;
foreach my $what (sort grep { !/-$/ } keys %sql)
{
    my ($name) = split / /, $what;
    $server->sql($sql{$what});
    my $all = $server->files;
    $files{$what} = { map { ($_ => $all->{$_}) } grep { m{/\Q$name\E[.-]} || m{receipts/.*-\Q$name\E\.json$} } keys %$all };
    $server->sql($sql{"$name -"});
}
my $nothing = $server->files;

# is_exactly(NAME, VERSIONS) - files and rows are those of these versions, "1", "2" or "-" by package
sub is_exactly
{
    my ($name, $versions, $more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %expected = (%$nothing, map { %{ $files{"$_ $versions->{$_}"} // {} } } keys %$versions);
    my $files = $server->files;
    my @wrong = grep { ($files->{$_} // '') ne ($expected{$_} // '') } sort keys %{ { %$files, %expected } };
    my $rows = join(' ', map { my ($package, $version) = split /\|/; $package =~ s/.*-//; $version =~ s/^1\.1-1|^2.*/2/; $version =~ s/-1$//; $version =~ s/^1\.0/1/; "$package $version" }
          split /\n/, $server->sql('SELECT package, version FROM pgx.installed ORDER BY 1'));
    my $expected_rows = join(' ', map { "$_ $versions->{$_}" } grep { $versions->{$_} ne '-' } sort keys %$versions);
    my $bad = $server->sql(q{SELECT count(*) FROM pgx.verify() WHERE status <> 'ok'});
    return ok(!@wrong && $rows eq $expected_rows && $bad eq '0', $name)
      || diag("files: @wrong\nrows: $rows, expected: $expected_rows\n$bad packages are not as recorded\n" . ($more // ''));
}

# begin_with(VERSIONS)
sub begin_with
{
    my ($versions) = @_;
    my @installed = split /\n/, $server->sql('SELECT package FROM pgx.installed');
    my $sql = @installed ? 'SELECT pgx.remove(array_agg(package), force => true) FROM pgx.installed;' : '';
    $server->sql(join("\n", $sql, map { $sql{"$_ $versions->{$_}"} } grep { $versions->{$_} ne '-' } sort keys %$versions));
}

# try_order(START, CHANGES) - in one transaction, with each of its ends
sub try_order
{
    my ($start, @changes) = @_;
    my $description = join(', ', map { $_ =~ s/-$/removed/r } @changes);
    my $after = sub { my %versions = %$start; foreach my $change (@_) { my ($name, $version) = split / /, $change; $versions{$name} = $version; } return \%versions; };
    my @ends = ([ 'COMMIT', 'COMMIT', scalar @changes ], [ 'ROLLBACK', 'ROLLBACK', 0 ], map { [ "ROLLBACK TO $_", "ROLLBACK TO s$_; COMMIT", $_ ] } 1 .. $#changes);
    foreach my $end (@ends)
    {
        my ($name, $sql, $count) = @$end;
        begin_with($start);
        my $statements = join("\n", 'BEGIN;', map({ ($sql{ $changes[$_] }, "SAVEPOINT s" . ($_ + 1) . ';') } 0 .. $#changes), "$sql;");
        my ($status, $out, $err) = $node->psql('postgres', $statements, on_error_stop => 0);
        is_exactly("$description; $name", $after->(@changes[ 0 .. $count - 1 ]), $err);
    }
}

subtest 'an install, an update and a removal' => sub {
    my %start = (engine => '1', pump => '-', part0 => '1');
    my @changes = ('pump 1', 'engine 2', 'part0 -');
    foreach my $order ([ 0, 1, 2 ], [ 0, 2, 1 ], [ 1, 0, 2 ], [ 1, 2, 0 ], [ 2, 0, 1 ], [ 2, 1, 0 ])
    {
        try_order(\%start, @changes[@$order]);
    }
};

subtest 'the same package' => sub {
    my @orders;
    foreach my $start ('-', '1')
    {
        foreach my $one ('1', '2', '-')
        {
            foreach my $two ('1', '2', '-')
            {
                foreach my $three ('1', '2', '-')
                {
                    my @versions = ($start, $one, $two, $three);
                    # what is not there cannot be removed
                    push @orders, \@versions unless grep { $versions[$_] eq '-' && $versions[ $_ - 1 ] eq '-' } 1 .. 3;
                }
            }
        }
    }
    foreach my $order (PgxCrash::choose($ENV{PGX_TORTURE} ? undef : 10, @orders))
    {
        my ($start, @versions) = @$order;
        note("from $start: @versions");
        try_order({ engine => $start }, map { "engine $_" } @versions);
    }
};

subtest 'exception blocks' => sub {
    begin_with({ engine => '1', pump => '-' });
    # each block undoes what it has done, and what is outside stays
    $server->sql(q{
        DO $$BEGIN
            PERFORM pgx.install('pump', version => '1.0');
            BEGIN
                PERFORM pgx.install('engine', version => '2.0');
                BEGIN
                    PERFORM pgx.remove('engine');
                    PERFORM pgx.install('part0');
                    RAISE 'inside';
                EXCEPTION WHEN raise_exception THEN
                    PERFORM pgx.install('pump', version => '1.1');
                END;
                IF (SELECT version FROM pgx.installed WHERE package LIKE '%-engine') <> '2.0-1' THEN RAISE 'not 2.0'; END IF;
                PERFORM 1/0;
            EXCEPTION WHEN division_by_zero THEN
                PERFORM pgx.install('part0');
            END;
        END$$;});
    is_exactly('nested', { engine => '1', pump => '1', part0 => '1' });
    $server->sql(q{
        DO $$BEGIN
            FOR i IN 1 .. 5 LOOP
                BEGIN
                    PERFORM pgx.remove('engine');
                    PERFORM pgx.install('engine', version => '2.0');
                    IF i < 5 THEN RAISE 'again'; END IF;
                EXCEPTION WHEN raise_exception THEN NULL;
                END;
            END LOOP;
        END$$;});
    is_exactly('in a loop', { engine => '2', pump => '1', part0 => '1' });
    $server->sql(q{
        CREATE PROCEDURE step_by_step() LANGUAGE plpgsql AS $$BEGIN
            PERFORM pgx.install('engine', version => '1.0');
            COMMIT;
            PERFORM pgx.remove('engine');
            ROLLBACK;
            PERFORM pgx.remove('pump');
            COMMIT;
        END$$;
        CALL step_by_step();});
    is_exactly('a procedure with transactions of its own', { engine => '1', pump => '-', part0 => '1' });
};

subtest 'PREPARE TRANSACTION' => sub {
    begin_with({ engine => '1' });
    foreach my $change (q{install('pump')}, q{update('engine')}, q{remove('engine')})
    {
        $server->refuses("after $change", "BEGIN; SELECT pgx.$change; PREPARE TRANSACTION 'x';", { sqlstate => '0A000', message => qr/^cannot PREPARE/ });
    }
    my ($status, $out, $err) = $node->psql('postgres', q{BEGIN; SAVEPOINT s; SELECT pgx.remove('engine'); ROLLBACK TO s; PREPARE TRANSACTION 'x'; ROLLBACK PREPARED 'x';});
    is($status, 0, 'what was rolled back does not matter');
    is_exactly('nothing has changed', { engine => '1' });
};

# --- interrupts ---------------------------------------------------------------------------------------------------

# interrupted(NAME, SQL, POINT, ACTION, VERSIONS) - ACTION on the backend (pg_cancel_backend or pg_terminate_backend) while it is in the
# system call POINT, which strace prolongs
sub interrupted
{
    my ($name, $sql, $point, $action, $versions) = @_;
    my ($call, $number) = @$point;
    my $psql = $crash->start_psql($crash->traced("-e trace=$call -e inject=$call:delay_enter=1500ms:when=$number", "$sql;"));
    $psql->{run}->pump until $psql->{out} =~ /backend (\d+)\n/;
    my ($pid) = $psql->{out} =~ /backend (\d+)/;
    my $started = time();
    # it is there when it holds the lock of the cluster and does not wait for anything
    my $there = eventually { $server->sql("SELECT count(*) FROM pg_locks WHERE pid = $pid AND locktype = 'advisory' AND granted") eq '1' };
    ok($there, "$name: it is at work");
    sleep 0.3;
    $server->sql("SELECT $action($pid)");
    $psql->{run}->finish;
    cmp_ok(time() - $started, '<', 10, "$name: it ends soon");
    ok(eventually { $server->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' }, "$name: the session has ended");
    is_exactly("$name: the state", $versions, $psql->{err});
    return $psql->{err};
}

subtest 'while files are moved' => sub {
    my $before = $server->started;
    my $first = $sql{'engine 1'} =~ s/;$//r;
    my $second = $sql{'engine 2'} =~ s/;$//r;
    my $update = $crash->operation('update', prepare => $first, do => $second, undo => $first);
    my @renames = grep { $_->[0] =~ /^rename/ } @{ $update->{backend} };
    my ($last_unlink) = reverse grep { $_->[0] eq 'unlink' } @{ $update->{backend} };
    my ($link) = grep { $_->[0] =~ /^link/ } @{ $update->{backend} };
    foreach my $action (qw(pg_cancel_backend pg_terminate_backend))
    {
        begin_with({ engine => '1' });
        like(interrupted("$action at the first file", $second, $link, $action, { engine => '1' }), qr/57014|57P01/, "$action: the error");
        like(interrupted("$action at the last file", $second, $renames[-1], $action, { engine => '1' }), qr/57014|57P01/, "$action: the error");
        # the transaction is committed then
        interrupted("$action at the end of the journal", $second, $last_unlink, $action, { engine => '2' });
    }
    is($server->started, $before, 'the server goes on');
};

subtest 'while waiting for the lock' => sub {
    begin_with({ engine => '1' });
    my $holder = $node->background_psql('postgres');
    $holder->query_safe(q{BEGIN; SELECT pgx.install('pump')});
    my $before = $server->files;
    foreach my $change (q{install('part0')}, q{update('engine')}, q{remove('engine')}, q{rollback('engine')}, q{repair('engine')}, q{sync()})
    {
        next if $change =~ /rollback/;    # there is no version to go back to
        my $error = $server->error("SET lock_timeout = '100ms'; SELECT pgx.$change");
        is($error->{sqlstate}, '55P03', "lock_timeout in $change");
        $error = $server->error("SET statement_timeout = '300ms'; SELECT pgx.$change");
        is($error->{sqlstate}, '57014', "statement_timeout in $change");
    }
    foreach my $action (qw(pg_cancel_backend pg_terminate_backend))
    {
        my $psql = $crash->start_psql(qq{SELECT 'pid ' || pg_backend_pid();\nSELECT pgx.install('part0');\n});
        $psql->{run}->pump until $psql->{out} =~ /pid (\d+)/;
        my ($pid) = $psql->{out} =~ /pid (\d+)/;
        ok(eventually { $server->sql("SELECT count(*) FROM pg_locks WHERE pid = $pid AND NOT granted") eq '1' }, 'it waits');
        my $started = time();
        $server->sql("SELECT $action($pid)");
        $psql->{run}->finish;
        cmp_ok(time() - $started, '<', 10, "$action ends it");
        like($psql->{err}, $action =~ /cancel/ ? qr/57014/ : qr/57P01/, "$action: the error");
    }
    is_deeply($server->files, $before, 'nothing has changed');
    $holder->query_safe('COMMIT');
    $holder->quit;
    is_exactly('the first one goes on', { engine => '1', pump => '2' });
};

subtest 'while the client does nothing' => sub {
    begin_with({ engine => '1' });
    foreach my $timeout (qw(idle_in_transaction_session_timeout transaction_timeout))
    {
        my $session = $node->background_psql('postgres', on_error_stop => 0);
        $session->query_safe("SET $timeout = '300ms'");
        $session->query(q{BEGIN; SELECT pgx.update('engine'), pgx.install('pump')});
        ok(eventually { $server->sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}) eq '0' }, "$timeout ends it");
        is_exactly("$timeout: the state", { engine => '1' });
        $session->{run}->finish;
    }
};

subtest 'deadlock' => sub {
    begin_with({ engine => '1' });
    $server->sql('CREATE TABLE mine ()');
    my ($one, $two) = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
    $one->query_safe(q{BEGIN; SELECT pgx.install('pump')});
    $two->query_safe(q{BEGIN; LOCK TABLE mine});
    $one->query_until(qr/begun/, "\\set VERBOSITY verbose\n\\echo begun\nLOCK TABLE mine;\n");
    ok(eventually { $server->sql('SELECT count(*) FROM pg_locks WHERE NOT granted') eq '1' }, 'one waits for the other');
    $two->query("\\set VERBOSITY verbose\nSELECT pgx.update('engine');");
    my @results;
    foreach my $session ($one, $two)
    {
        $session->query('SELECT 1') if $session == $one;
        $session->query('COMMIT');
        push @results, $session->{stderr} =~ /40P01/ ? 'deadlock' : 'done';
    }
    is(join(' ', sort @results), 'deadlock done', 'it is found, and one of them goes on');
    is_exactly('the state is that of the other', $results[0] eq 'done' ? { engine => '1', pump => '2' } : { engine => '2' });
    $_->quit foreach $one, $two;
    # rows of the catalog can be what is waited for
    begin_with({ engine => '1' });
    ($one, $two) = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
    $one->query_safe(q{BEGIN; SELECT pgx.pin('engine')});
    $two->query_safe(q{BEGIN; SELECT pgx.install('pump')});
    $two->query_until(qr/begun/, "\\set VERBOSITY verbose\n\\echo begun\nSELECT pgx.remove('engine');\n");
    ok(eventually { $server->sql('SELECT count(*) FROM pg_locks WHERE NOT granted') eq '1' }, 'one waits for the other');
    $one->query("\\set VERBOSITY verbose\nSELECT pgx.install('part0');");
    @results = ();
    foreach my $session ($one, $two)
    {
        $session->query('SELECT 1') if $session == $two;
        $session->query('COMMIT');
        push @results, $session->{stderr} =~ /40P01/ ? 'deadlock' : 'done';
    }
    is(join(' ', sort @results), 'deadlock done', 'of pin() and remove()');
    is_exactly('the state is that of the other', $results[0] eq 'done' ? { engine => '1', part0 => '1' } : { engine => '-', pump => '2' });
    $_->quit foreach $one, $two;
    $server->sql(q{UPDATE pgx.installed SET pinned = false});
};

# --- what others learn --------------------------------------------------------------------------------------------

subtest 'NOTIFY' => sub {
    begin_with({});
    my $listener = $node->background_psql('postgres');
    $listener->query_safe('LISTEN pgx');
    my $heard = sub {
        my $text = $listener->query_safe('SELECT 1');
        return map { JSON::PP->new->decode($_) } $text =~ /Asynchronous notification "pgx" with payload "(\{.*\})" received/g;
    };
    my $session = $node->background_psql('postgres');
    $session->query_safe(q{BEGIN; SELECT pgx.install('engine', version => '1.0'); SAVEPOINT s; SELECT pgx.install('pump'); ROLLBACK TO s;});
    is(scalar(() = $heard->()), 0, 'nothing before COMMIT');
    $session->query_safe('COMMIT');
    my @changes = $heard->();
    is(scalar @changes, 1, 'at COMMIT what was committed');
    is_deeply([ sort keys %{ $changes[0] } ], [qw(action at change package previous_version registry version)], 'as JSON with');
    is(join(' ', @{ $changes[0] }{qw(action package version registry)}), "install $engine 1.0-1 life", 'what it says');
    is($changes[0]{change}, $server->sql('SELECT change FROM pgx.installed'), 'is in the history');
    $session->query_safe(q{BEGIN; SELECT pgx.update('engine'); ROLLBACK;});
    is(scalar(() = $heard->()), 0, 'nothing after ROLLBACK');
    $session->query_safe(q{SELECT pgx.update('engine'); SELECT pgx.pin('engine'); SELECT pgx.unpin('engine'); SELECT pgx.remove('engine');});
    is(join(' ', map { "$_->{action}:" . ($_->{version} // '-') . ':' . ($_->{previous_version} // '-') } $heard->()),
        'update:2.0-1:1.0-1 pin:2.0-1:- unpin:2.0-1:- remove:-:2.0-1', 'every change');
    $_->quit foreach $session, $listener;
};

subtest 'history' => sub {
    $server->sql('CREATE ROLE operator LOGIN; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgx TO operator; SELECT pgx.allow(\'operator\', trusted => true, preload => true); CREATE ROLE somebody LOGIN;');
    $node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
    $node->restart;
    begin_with({});
    my $last = sub { return $server->sql(q{SELECT action, package, version, "session_user", role, client, registry FROM pgx.history ORDER BY at DESC LIMIT 1}); };
    $node->safe_psql('postgres', $sql{'engine 1'}, extra_params => [ '-U', 'operator' ]);
    is($last->(), "install|$engine|1.0-1|operator|operator||life", 'whoever was granted it');
    $server->sql("SET ROLE operator; $sql{'engine 2'}");
    is($last->(), "update|$engine|2.0-1|postgres|operator||life", 'whoever has become somebody else');
    $server->sql("SET SESSION AUTHORIZATION operator; $sql{'engine 1'}");
    is($last->(), "update|$engine|1.0-1|operator|operator||life", 'or altogether');
    $node->safe_psql('postgres', q{SELECT pgx.remove('engine')}, connstr => 'host=127.0.0.1 user=operator dbname=postgres port=' . $node->port);
    is($last->(), "remove|$engine||operator|operator|127.0.0.1|", 'from where');
    is($server->sql(qq{SELECT count(*) FROM pgx.history WHERE action = 'update' AND (url IS NULL OR length(sha256) <> 64 OR signer !~ '^[0-9A-F]{40}' OR size <= 0 OR at IS NULL)}),
        '0', 'digest, signer, address and time');
    is($server->sql(q{SELECT count(*) - count(DISTINCT change) FROM pgx.history}), '0', 'each change has a key of its own');
    my $before = $server->sql('SELECT count(*), md5(string_agg(h::text, $$ $$ ORDER BY change)) FROM pgx.history AS h');
    foreach my $role (qw(operator somebody))
    {
        my %denied = (sqlstate => '42501', message => 'permission denied for table history', hint => qr//);
        $server->fails("$role: $_->[0]", $_->[1], \%denied, role => $role)
          foreach [ UPDATE => q{UPDATE pgx.history SET role = 'nobody'} ], [ DELETE => 'DELETE FROM pgx.history' ], [ TRUNCATE => 'TRUNCATE pgx.history' ],
          [ INSERT => q{INSERT INTO pgx.history (change, action, package, "session_user", role) VALUES (gen_random_uuid(), 'install', 'x', 'y', 'z')} ];
        is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM pgx.history', extra_params => [ '-U', $role ]), 't', "$role: may read it");
    }
    is($server->sql('SELECT count(*), md5(string_agg(h::text, $$ $$ ORDER BY change)) FROM pgx.history AS h'), $before, 'it is as it was');
};

done_testing();
