# 052_server_attacks.pl - what can be done to pgx from within PostgreSQL: rights, names, exceptions, interruptions, exhausted resources.
#
# docs/security.md, section "Attacks", has the rows. Some are tested elsewhere: a hostile search_path (004_rights.pl, 040_delegation.pl),
# updates under sessions that run the old library (014_concurrency.pl), libraries that do not fit (050_unpack_attacks.pl), bad helpers
# (007_helper.pl), transactions (013_transactions.pl), failing system calls (015_crash.pl), full and read-only places (002_bad_input.pl).
use strict;
use warnings FATAL => 'all';

use List::Util qw(shuffle);
use PgxTest;
use PgxWeb;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $torture = $ENV{PGX_TORTURE};
my $seed = $ENV{PGX_SEED} // int(rand(1_000_000));
srand($seed);
note("PGX_SEED=$seed");

my ($checkout) = __FILE__ =~ m{^(.*)/test/tap/};
$checkout = '.' unless defined $checkout;
my $work = PostgreSQL::Test::Utils::tempdir;
chomp(my $include = `"$ENV{PG_CONFIG}" --includedir-server`);
system_or_bail('g++', '-std=c++20', '-shared', '-fPIC', '-O1', "-I$include", '-o', "$work/failing.so", "$checkout/test/fixture/failing.cpp");
system_or_bail('gcc', '-shared', '-fPIC', '-O1', '-o', "$work/stalling.so", "$checkout/test/fixture/stalling.c");

my $web = PgxWeb->new;
my $server;
{
    local $ENV{LD_PRELOAD} = join ':', "$work/failing.so", $ENV{LD_PRELOAD} // ();
    $server = PgxTest->new('attacked', streaming => 1);
}
my $node = $server->node;
$server->add_registry('stable');
$server->sql(q{SELECT pgx.setup(); SELECT pgx.install('color'); CREATE ROLE ordinary LOGIN});
my $color = PgxTest->package_name('color');

subtest 'P1 an ordinary role calls every function and reads every table' => sub {
    my @functions = map { [ split /\|/ ] } split /\n/, $server->sql(q{
        SELECT p.oid::regprocedure, format('%s(%s)', p.oid::regproc, (SELECT string_agg(format('(SELECT NULL::%s)', format_type(t, NULL)), ', ' ORDER BY n) FROM unnest(p.proargtypes) WITH ORDINALITY AS a(t, n))),
               has_function_privilege('ordinary', p.oid, 'EXECUTE'), proname
          FROM pg_proc AS p WHERE pronamespace = 'pgx'::regnamespace AND prokind = 'f' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) ORDER BY 1});
    cmp_ok(scalar @functions, '>', 50, 'there are many functions');
    my @cases;
    foreach my $function (grep { $_->[2] eq 'f' } @functions)
    {
        push @cases, { name => $function->[0], sql => "SET SESSION AUTHORIZATION ordinary;\nSELECT $function->[1];\nRESET SESSION AUTHORIZATION",
            fields => { sqlstate => '42501', message => "permission denied for function $function->[3]", hint => '' } };
    }
    my @relations = split /\n/, $server->sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'pgx'::regnamespace AND relkind IN ('r', 'v', 'm', 'p', 'S') ORDER BY 1});
    my %secret = map { $_ => 1 } qw(pgx.registry_headers pgx.stored_bundles pgx.registry_parts);
    foreach my $relation (@relations)
    {
        foreach my $command ("DELETE FROM $relation", "INSERT INTO $relation DEFAULT VALUES", "TRUNCATE $relation", "LOCK $relation", ($secret{$relation} ? "SELECT * FROM $relation" : ()))
        {
            push @cases, { name => $command, sql => "SET SESSION AUTHORIZATION ordinary;\nBEGIN; $command;\nROLLBACK; RESET SESSION AUTHORIZATION",
                fields => { sqlstate => qr/^(?:42501|42809|55000)$/, hint => qr// } };
        }
    }
    $server->refuses_each(@cases);
    # what everybody may call changes nothing, with nothing to go by
    my $before = $server->state;
    $node->psql('postgres', "SELECT $_->[1]", extra_params => [ '--username' => 'ordinary' ]) foreach grep { $_->[2] eq 't' } @functions;
    is_deeply($server->state, $before, 'functions for everybody change nothing');
    is_deeply([ grep { !$secret{$_} } split /\n/, $server->sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'pgx'::regnamespace AND relkind IN ('r', 'v', 'm') AND NOT has_table_privilege('ordinary', oid, 'SELECT') ORDER BY 1}) ],
        [], 'what may not be read is what is secret');
};

subtest 'P3 objects of the same name' => sub {
    my %prepared = (
        'a schema of somebody else' => q{CREATE SCHEMA pgx AUTHORIZATION ordinary},
        'a schema that somebody may use' => q{CREATE SCHEMA pgx; GRANT CREATE ON SCHEMA pgx TO ordinary},
        'a table in it' => q{CREATE SCHEMA pgx; CREATE TABLE pgx.registries (name text)},
        'a function in it' => q{CREATE SCHEMA pgx; CREATE FUNCTION pgx.install(varchar) RETURNS int LANGUAGE sql RETURN 1});
    # a cluster has one home of pgx
    my $fresh = PgxTest->new('fresh', pgx => 0);
    $fresh->sql('CREATE ROLE ordinary');
    foreach my $what (sort keys %prepared)
    {
        $fresh->sql($prepared{$what});
        $fresh->fails($what, 'CREATE EXTENSION pgx', { sqlstate => qr/^(?:55000|42P07|42723)$/, message => qr/exists/, hint => qr// });
        is($fresh->sql(q{SELECT count(*) FROM pg_extension WHERE extname = 'pgx'}), '0', 'it is not created');
        $fresh->sql('DROP SCHEMA pgx CASCADE');
    }
    is($fresh->sql(q{CREATE SCHEMA pgx; CREATE EXTENSION pgx; SELECT count(*) FROM pg_extension WHERE extname = 'pgx'}), '1', 'an empty schema of the same owner does no harm');
    $fresh->node->stop;
    # the same for what pgx installs: PostgreSQL's own check, at CREATE EXTENSION by pgx
    $server->sql('CREATE FUNCTION public.color_hex(integer, integer, integer) RETURNS text LANGUAGE sql RETURN NULL');
    $server->refuses('an extension whose function is there', q{SELECT pgx.create('color')}, { sqlstate => '42723', hint => qr// });
    $server->sql('DROP FUNCTION public.color_hex(integer, integer, integer)');
};

subtest 'P4 names' => sub {
    my $count = 0;
    foreach my $odd (q{O"Brien's}, q{a$b$$c}, "two\nlines", q{-- not a comment}, q{@extschema@}, 'x' x 63, "\x{c3}\x{b6}\x{c3}\x{9f}", q{x; DROP TABLE pgx.files}, q{\\'}, q{%s%n})
    {
        my ($shown) = $odd =~ s/\n/\\n/r;
        my $number = ++$count;
        (my $literal = $odd) =~ s/'/''/g;
        $literal =~ s/\\/\\\\/g;
        my $name = sub { my ($prefix) = @_; return "E'" . substr($literal, 0, 63 - length $prefix) . "'" };
        my ($status, $out, $err) = $node->psql('postgres', qq{
            SELECT format('CREATE ROLE %I LOGIN SUPERUSER', E'$literal') \\gexec
            SELECT format('CREATE DATABASE %I', E'$literal') \\gexec
            SELECT format('SET SESSION AUTHORIZATION %I', E'$literal') \\gexec
            SELECT 'installed ' || action FROM pgx.install('atlas');
            SELECT format('CREATE SCHEMA %I', E'$literal') \\gexec
            SELECT format('SET search_path = %I', E'$literal') \\gexec
            SELECT 'created' FROM pgx.create('color', ARRAY[E'$literal']);
            SELECT 'used ' || database FROM pgx.usage() WHERE database = E'$literal' AND extension = 'color';
            SELECT 'doctor ' || count(*) FROM pgx.doctor() WHERE status = 'error';
            SELECT 'history ' || count(*) FROM pgx.history WHERE "session_user" = E'$literal' OR role = E'$literal';
            SELECT 'removed ' || count(*) FROM pgx.remove('atlas');
            RESET SESSION AUTHORIZATION;
        }, on_error_stop => 0);
        my $complete = join ' ', $out =~ /^(installed|created|used|doctor 0|history [1-9]|removed 1)/mg;
        like($complete, qr/^installed created used doctor 0 history \d removed 1$/, "a role, a database and a schema named $shown") or diag("$out\n$err");
        my $error = $server->refuses('what is in use there', q{SELECT pgx.remove('color')}, { sqlstate => '55000', hint => qr// });
        like($error->{all}, qr/\Q$odd\E|\Q$shown\E/, 'the database is named') or diag($error->{all});
        # what the error tells a person to type is to work as it stands
        $node->psql('postgres', qq{SELECT format('DROP DATABASE %I', E'$literal') \\gexec
            SELECT format('DROP SCHEMA %I CASCADE', E'$literal') \\gexec
            SELECT format('DROP ROLE %I', E'$literal') \\gexec});
    }
    $server->is_consistent('after odd names');
};

# --- P9: exceptions -----------------------------------------------------------------------------------------------------------------

subtest 'P9 exceptions at every entry point' => sub {
    $server->sql(qq{
        CREATE FUNCTION fail_allocations(integer, integer, integer) RETURNS void LANGUAGE c AS '$work/failing', 'fail_allocations';
        CREATE FUNCTION allocations() RETURNS bigint LANGUAGE c AS '$work/failing', 'allocations';});
    my %calls = map { ($_ => "SELECT * FROM pgx.$_") } (
        'available()', q{search('color')}, q{info('color')}, q{versions('color')}, 'platform()', 'usage()', 'outdated()', 'verify()', 'doctor()', 'export()',
        'setup()', 'recover()', 'sync()', q{pin('color')}, q{unpin('color')}, q{refresh('stable')}, q{plan('atlas')}, q{repair('color')},
        q{allow('ordinary')}, q{disallow('ordinary')}, q{add_registry('other', 'deb http://127.0.0.1/ x main')}, q{alter_registry('stable', priority => 500)});
    $calls{'install() and remove()'} = q{BEGIN; SELECT pgx.install('atlas'); SAVEPOINT s; SELECT pgx.remove('color'); ROLLBACK TO s; COMMIT};
    $calls{'install() and ROLLBACK'} = q{BEGIN; SELECT pgx.install('geo'); ROLLBACK};
    $calls{'create()'} = q{BEGIN; SELECT pgx.create('color'); ROLLBACK};
    my $before = $server->started;
    my ($tried, $errors) = (0, 0);
    my @wrong;
    foreach my $name (sort keys %calls)
    {
        my $reset = q{SELECT pgx.remove(coalesce(array_agg(package), '{}')) FROM pgx.installed WHERE 'atlas' = ANY (extensions); DELETE FROM pgx.registries WHERE name = 'other';};
        my ($status, $out, $err) = $node->psql('postgres', "SELECT pgx.platform();\nSELECT fail_allocations(0, 0, 0);\n$calls{$name};\nSELECT 'count ' || allocations();\n$reset", on_error_stop => 0);
        my ($number) = $out =~ /^count (\d+)/m;
        if (!$number) { push @wrong, "$name allocates nothing: $out$err"; next; }
        # memory that is short once, or from there on; exceptions of other kinds, which no allocation throws, only where a function
        # begins: elsewhere it may be in a destructor
        my @tries = ([ 1, 1, 1 ], [ 1, 1, 2 ], [ 1, 1_000_000, 0 ]);
        my @points = $torture ? (1 .. ($number > 300 ? 300 : $number), map { 1 + int(rand($number)) } 1 .. 100) : map { 1 + int(rand($number)) } 1 .. 3;
        push @tries, map { ($torture || rand() < 0.5 ? [ $_, 1, 0 ] : ()), [ $_, 1_000_000, 0 ] } @points;
        my $script = "\\set VERBOSITY terse\nSELECT pgx.platform();\n";
        foreach my $try (@tries)
        {
            my ($point, $times, $kind) = @$try;
            $script .= "\\warn -- $name at $point\nSELECT fail_allocations($point, $times, $kind);\n$calls{$name};\nROLLBACK;\nSELECT fail_allocations(0, 0, 0);\nSELECT 'alive';\n$reset\n";
            $tried++;
        }
        ($status, $out, $err) = $node->psql('postgres', $script, on_error_stop => 0);
        my $alive = () = $out =~ /^alive$/mg;
        $errors += () = $err =~ /ERROR:/g;
        push @wrong, "$name: the session has ended\n" . substr($err, -1000) if $status == 2 || $err =~ /server closed|terminating/;
        push @wrong, "$name: $1" if $err =~ /(PANIC.*)/;
    }
    is_deeply(\@wrong, [], "an error, and the session goes on: $tried exceptions");
    cmp_ok($errors, '>', $tried / 3, "most of them were errors: $errors");
    is($server->started, $before, 'the same server');
    $server->sql('SELECT pgx.recover()');
    $server->is_consistent('after all exceptions');
    unlike(slurp_file($node->logfile), qr/terminate called|was terminated by signal|PANIC/, 'nothing ended the hard way');
};

# --- P10: interruptions -----------------------------------------------------------------------------------------------------------------

my $helper = "$work/helper";
append_to_file($helper, qq{#!/bin/sh
phase=\$(cat $work/phase)
[ -n "\$phase" ] || exec $ENV{PGX_HELPER} "\$@"
exec env LD_PRELOAD="$work/stalling.so\${LD_PRELOAD:+:\$LD_PRELOAD}" PGX_TEST_STALL="\$phase" $ENV{PGX_HELPER} "\$@"
});
chmod 0755, $helper;

sub set_phase { my ($phase) = @_; append_to_file("$work/phase.new", $phase); rename "$work/phase.new", "$work/phase"; return; }

sub children
{
    my (@parents) = @_;
    my %children;
    foreach my $file (glob '/proc/[0-9]*/stat')
    {
        open(my $handle, '<', $file) or next;
        my $line = <$handle> // next;
        push @{ $children{$2} }, $1 if $line =~ /^(\d+) \(.*\) \S (\d+)/s;
    }
    my @found = my @next = map { @{ $children{$_} // [] } } @parents;
    push @found, @next = map { @{ $children{$_} // [] } } @next while @next;
    return @found;
}

# Without the server's own files, which it keeps open for later.
sub open_files
{
    my ($pid) = @_;
    my $pgx = $server->directory;
    return scalar grep { my $file = readlink($_) // ''; $file =~ m{^(?:pipe|socket|/memfd|anon_inode)|^\Q$pgx\E} || $file !~ m{^/} } glob "/proc/$pid/fd/*";
}

subtest 'P10 interruptions in every phase' => sub {
    set_phase('');
    $server->sql("ALTER SYSTEM SET pgx.helper_path = '$helper'");
    $node->reload;
    $node->poll_query_until('postgres', "SELECT current_setting('pgx.helper_path') = '$helper'") or die 'no reload';
    my $key = "[signed-by=$ENV{PGX_FIXTURE_KEY}]";
    my $local = $web->url('x/repository');
    # where it stands still, by what: the helper's own calls, the web server's answers, the lock of another session
    my %phases = (
        names => { stall => 'names', sql => "SELECT pgx.add_registry('far', 'deb $key http://names.example.org/ stable main'); SELECT pgx.refresh('far')" },
        connect => { sql => "SELECT pgx.add_registry('far', 'deb $key " . $web->url('x/repository', 'full') . " stable main'); SELECT pgx.refresh('far')" },
        answer => { web => 'silent', sql => "SELECT pgx.add_registry('far', 'deb $key $local stable main'); SELECT pgx.refresh('far')" },
        body => { web => 'trickle', sql => "SELECT pgx.add_registry('far', 'deb $key $local stable main'); SELECT pgx.refresh('far')" },
        verify => { stall => 'verify', sql => "SELECT pgx.add_registry('far', 'deb $key $local stable main'); SELECT pgx.refresh('far')" },
        unpack => { stall => 'unpack', sql => q{SELECT pgx.install('geo')} },
        sync => { stall => 'sync', sql => q{SELECT pgx.install('geo')} },
        lock => { lock => 1, sql => q{SELECT pgx.install('geo')} },
    );
    my @ways = qw(cancel terminate timeout);
    my $turn = int(rand(3));
    my $slowest = 0;
    foreach my $phase (sort keys %phases)
    {
        my $how = $phases{$phase};
        my @now = $torture ? (@ways, 'postmaster') : $ways[ $turn++ % 3 ];
        push @now, 'postmaster' if !$torture && $phase =~ /^(?:body|sync)$/;
        foreach my $way (@now)
        {
            set_phase($how->{stall} // '');
            $web->behave($how->{web} // 'ok');
            system('rm', '-rf', glob $server->directory . '/pgsql_tmp.cache/*');
            my $holder;
            if ($how->{lock})
            {
                $holder = $node->background_psql('postgres');
                $holder->query_safe(q{BEGIN; SELECT pgx.install('atlas')});
            }
            my $before = $how->{lock} ? undef : $server->state;
            my $session = $node->background_psql('postgres', on_error_stop => 0);
            my $pid = $session->query('SELECT pgx.platform(); SELECT pg_backend_pid()');
            ($pid) = $pid =~ /^(\d+)$/m;
            my $files = open_files($pid);
            $session->query_until(qr/begun/, ($way eq 'timeout' ? "SET statement_timeout = '500ms';\n" : '') . "\\echo begun\nBEGIN; $how->{sql}; COMMIT;\n");
            my $still = $how->{lock}
              ? eventually { $server->sql("SELECT count(*) FROM pg_locks WHERE pid = $pid AND NOT granted") eq '1' }
              : eventually { my @c = children($pid); @c && ($phase ne 'verify' || @c > 1 || $way eq 'timeout') };
            ok($still, "$phase, $way: it stands still");
            sleep 0.15;
            my @helpers = children($pid);
            my $from = time();
            if    ($way eq 'cancel')     { $server->sql("SELECT pg_cancel_backend($pid)"); }
            elsif ($way eq 'terminate')  { $server->sql("SELECT pg_terminate_backend($pid)"); }
            elsif ($way eq 'postmaster') { $node->kill9; }
            my $gone = $way =~ /^(?:terminate|postmaster)$/;
            my $ended = eventually { $gone ? !PgxTest::process_exists($pid) : !grep { PgxTest::process_exists($_) } @helpers };
            my ($took) = (time() - $from - ($way eq 'timeout' ? 0.35 : 0));
            $slowest = $took if $took > $slowest;
            ok($ended && $took < 5, sprintf('%s, %s: ended after %.2f s', $phase, $way, $took));
            ok((eventually { !grep { PgxTest::process_exists($_) } @helpers }), "$phase, $way: no process is left of " . scalar @helpers);
            if ($gone)
            {
                $session->{run}->kill_kill;
            }
            else
            {
                is(scalar($session->query('ROLLBACK; SELECT 1') =~ /^1$/m), 1, "$phase, $way: the session goes on");
                like($session->{stderr}, qr/canceling statement due to/, "$phase, $way: it says why");
                is(open_files($pid), $files, "$phase, $way: no descriptor is left open");
                $session->quit;
            }
            if ($way eq 'postmaster')
            {
                $holder->{run}->kill_kill if $holder;
                set_phase('');
                eventually { $node->start(fail_ok => 1) };
                $server->sql('SELECT pgx.recover()');
            }
            elsif ($holder) { $holder->query_safe('ROLLBACK'); $holder->quit; }
            is($server->sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', "$phase, $way: no lock is left");
            set_phase('');
            $web->behave('ok');
            if ($before)
            {
                my $after = $server->state;
                delete $_->{started} foreach $way eq 'postmaster' ? ($before, $after) : ();
                # who died has left its staging directory to the next one who needs the place
                is_deeply($after, $before, "$phase, $way: nothing has changed");
            }
        }
    }
    note(sprintf('the slowest end of a call took %.2f s', $slowest));
    is($server->sql(q{SELECT action FROM pgx.install('geo') WHERE extension = 'geo'}), 'installed', 'the next call works');
    $server->sql(q{SELECT pgx.remove('geo')});
    $server->is_consistent('after interruptions');
};

subtest 'P10 interrupted while it commits' => sub {
    foreach my $way (qw(cancel terminate))
    {
        # a commit that waits for a standby that will never be: the transaction is committed, its callbacks have not run
        my $session = $node->background_psql('postgres', on_error_stop => 0);
        my ($pid) = $session->query('SELECT pg_backend_pid()') =~ /(\d+)/;
        $server->sql(q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'; SELECT pg_reload_conf()});
        $session->query_until(qr/begun/, "\\echo begun\nSELECT pgx.install('geo');\n");
        ok((eventually { $node->psql('postgres', "SELECT wait_event FROM pg_stat_activity WHERE pid = $pid") eq '0' and ($node->psql('postgres', "SELECT wait_event FROM pg_stat_activity WHERE pid = $pid"))[1] eq 'SyncRep' }), "$way: it waits");
        $node->psql('postgres', $way eq 'cancel' ? "SELECT pg_cancel_backend($pid)" : "SELECT pg_terminate_backend($pid)");
        ok((eventually { ($node->psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND wait_event = 'SyncRep'"))[1] eq '0' }), "$way: it goes on");
        $node->psql('postgres', q{ALTER SYSTEM RESET synchronous_standby_names});
        $node->psql('postgres', q{SELECT pg_reload_conf()});
        if ($way eq 'cancel') { $session->query('SELECT 1'); $session->quit; }
        else { eventually { !PgxTest::process_exists($pid) }; $session->{run}->kill_kill; }
        is($server->sql(q{SELECT count(*) FROM pgx.installed WHERE package LIKE '%-geo'}), '1', "$way: it is committed");
        $server->is_consistent("$way in COMMIT");
        is_deeply([ glob $server->directory . '/journal/*' ], [], "$way: no journal is left");
        $server->sql(q{SELECT pgx.remove('geo')});
    }
};

# --- P13: nothing left -----------------------------------------------------------------------------------------------------------------

subtest 'P13 no more descriptors, no more memory' => sub {
    my $limit = sub {
        my ($name, $what, $sql) = @_;
        my $before = $server->state;
        my $session = $node->background_psql('postgres', on_error_stop => 0);
        my ($pid) = $session->query('SELECT pgx.platform(); SELECT pg_backend_pid()') =~ /^(\d+)$/m;
        my $value = $what->($pid);
        system_or_bail('prlimit', '--pid', $pid, "$value");
        $session->query($sql);
        my $error = PgxTest::error_fields($session->{stderr});
        like($session->{stderr}, qr/^(?:psql:\S+ )?ERROR: /m, "$name: an error") or diag($session->{stderr});
        like($session->query('SELECT 1'), qr/^1$/m, "$name: the session goes on");
        $session->quit;
        is_deeply($server->state, $before, "$name: nothing has changed");
    };
    # descriptors are numbered from below, so a limit is felt from the first number that is free
    my $free = sub { my ($pid) = @_; my %used = map { m{/(\d+)$} ? ($1 => 1) : () } glob "/proc/$pid/fd/*"; my $number = 0; $number++ while $used{$number}; return $number; };
    foreach my $more ($torture ? (0 .. 5) : (0, 2))
    {
        $limit->("EMFILE after $more, install()", sub { '--nofile=' . ($free->($_[0]) + $more) . ':4096' }, q{SELECT pgx.install('geo');});
        $limit->("EMFILE after $more, refresh()", sub { '--nofile=' . ($free->($_[0]) + $more) . ':4096' }, q{SELECT pgx.refresh('stable', true);});
    }
    # the helper inherits the limit, and it is the one that needs memory
    append_to_file("$work/small", qq{#!/bin/sh\nulimit -v \$(cat $work/kilobytes)\nexec $ENV{PGX_HELPER} "\$@"\n});
    chmod 0755, "$work/small";
    $server->sql("ALTER SYSTEM SET pgx.helper_path = '$work/small'");
    $node->reload;
    $node->poll_query_until('postgres', "SELECT current_setting('pgx.helper_path') = '$work/small'") or die 'no reload';
    foreach my $kilobytes (2_000, 10_000, 20_000)
    {
        unlink "$work/kilobytes";
        append_to_file("$work/kilobytes", "$kilobytes\n");
        my $before = $server->state;
        my $error = $server->error(q{SELECT pgx.install('geo')});
        is(defined $error ? $error->{sqlstate} : 'no error', defined $error && $error->{sqlstate} =~ /^(?:58000|53200|08006|58030|XX000)$/ ? $error->{sqlstate} : 'an error', "a helper with $kilobytes kB") or diag($error->{all});
        is_deeply($server->state, $before, 'nothing has changed');
    }
    $server->sql('ALTER SYSTEM RESET pgx.helper_path');
    $node->reload;
    $node->poll_query_until('postgres', q{SELECT current_setting('pgx.helper_path') = ''}) or die 'no reload';
    is($server->sql(q{SELECT action FROM pgx.install('geo') WHERE extension = 'geo'}), 'installed', 'the next call works');
};

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal (?!9)/, 'the server has never crashed');
$server->is_consistent('in the end');
done_testing();
