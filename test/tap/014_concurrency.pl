# 014_concurrency.pl - many sessions at once: each change is made once, and a library can be used while it is replaced.
#
# PGX_TORTURE (make torture) makes it longer.
use strict;
use warnings FATAL => 'all';

use IPC::Run;
use List::Util qw(shuffle);
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $torture = $ENV{PGX_TORTURE};
my $seed = $ENV{PGX_SEED} // int(rand(1_000_000));
srand($seed);
note("PGX_SEED=$seed");

my $server = PgxTest->new('crowd', settings => "max_connections = 150\nautovacuum = off\n");
my $node = $server->node;
my $source = $server->source('first') . "\n" . $server->source('second');
my $started = $server->started;

# at_once(SQL, ...) - a session for each, which all begin at the same time: (status, output, errors) of each
sub at_once
{
    my (@sql) = @_;
    my $gate = $node->background_psql('postgres');
    $gate->query_safe('SELECT pg_advisory_lock(1)');
    my @sessions;
    foreach my $sql (@sql)
    {
        my $session = { in => "SELECT pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1);\n\\o\n$sql;\n", out => '', err => '' };
        $session->{run} = IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-f', '-' ],
            '<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err});
        push @sessions, $session;
    }
    # send them all what they are to do
    eventually { $_->{run}->pump_nb foreach @sessions; $server->sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) eq @sessions };
    $gate->quit;
    $_->{run}->finish foreach @sessions;
    return map { my $out = $_->{out}; $out =~ s/^\|t\n//; { status => $_->{run}->result(0) // 0, out => $out, err => $_->{err} } } @sessions;
}

# nothing_left(NAME)
sub nothing_left
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $server->is_consistent($name);
    is_deeply([ grep { m{^(?:journal|pgsql_tmp\.staging)/} } keys %{ $server->files } ], [], "$name: nothing is left over");
    is($server->sql(q{SELECT count(*) FROM pgx.verify() WHERE status <> 'ok'}), '0', "$name: everything is as recorded");
    is($server->started, $started, "$name: it is the same server");
}

subtest 'the first refresh by many' => sub {
    $server->sql("SELECT pgx.add_registry('life', '$source')");
    my @results = at_once(map { $_ % 2 ? 'SELECT status FROM pgx.refresh()' : 'SELECT count(*) > 0 FROM pgx.available()' } 1 .. 12);
    my @failed = grep { $_->{status} != 0 } @results;
    is(scalar @failed, 0, 'all of them succeed') or diag(join("\n", map { $_->{err} } @failed));
    is($server->sql('SELECT count(*) FROM pgx.releases'), $server->sql('SELECT packages FROM pgx.registries'), 'and have read it once');
};

my @names = ((map { "part$_" } 0 .. 9), qw(engine pump train));
my $count = 100;

subtest 'installs of the same' => sub {
    my @results = at_once(map { "SELECT action FROM pgx.install('engine')" } 1 .. $count / 2);
    my @failed = grep { $_->{status} != 0 } @results;
    is(scalar @failed, 0, 'all of them succeed') or diag(join("\n", map { $_->{err} } @failed));
    my %outcomes;
    $outcomes{ $_->{out} }++ foreach @results;
    is_deeply(\%outcomes, { "installed\n" => 1, "already installed\n" => $count / 2 - 1 }, 'one of them does it');
    is($server->sql('SELECT count(*) FROM pgx.history'), '1', 'once');
    nothing_left('after installs of the same');
    $server->sql(q{SELECT pgx.remove('engine')});
};

subtest 'installs of all sorts' => sub {
    my $before = $server->sql('SELECT count(*) FROM pgx.history');
    my @wishes = shuffle map { $names[ $_ % @names ] } 1 .. $count;
    my $from = time();
    my @results = at_once(map { "SELECT extension, action FROM pgx.install('$_')" } @wishes);
    note(sprintf('%d installs: %.1f s', $count, time() - $from));
    my @failed = grep { $_->{status} != 0 } @results;
    is(scalar @failed, 0, "all $count of them succeed") or diag(join("\n", map { $_->{err} } @failed));
    my %installed;
    foreach my $result (@results)
    {
        /^(\w+)\|installed/ and $installed{$1}++ foreach split /\n/, $result->{out};
    }
    is_deeply(\%installed, { map { $_ => 1 } @names }, 'each package is installed by one of them');
    is($server->sql('SELECT count(*) FROM pgx.history') - $before, scalar @names, 'and once');
    nothing_left('after installs of all sorts');
};

subtest 'installs, updates and removals' => sub {
    my $rounds = $torture ? 10 : 1;
    foreach my $round (1 .. $rounds)
    {
        my @changes = map {
            my $name = $names[ rand(@names) ];
            (   "SELECT action FROM pgx.install('$name')",
                "SELECT action FROM pgx.install('engine', version => '1.0')",
                "SELECT count(*) FROM pgx.update()",
                "SELECT count(*) FROM pgx.remove('$name', force => true)",
                "SELECT count(*) FROM pgx.remove('$name', force => true)",
                "SELECT count(*) FROM pgx.verify()",
                "BEGIN; SELECT count(*) FROM pgx.install('$name'); ROLLBACK",
                "SELECT count(*) FROM pgx.sync()",
                "SELECT pgx.pin('$name'); SELECT pgx.unpin('$name')")[ rand(9) ]
        } 1 .. 60;
        my @results = at_once(@changes);
        # what is gone can be neither removed nor pinned, what is pinned has no other version; nothing else may go wrong
        my $answers = qr/ERROR:  (?:42704: "[\w-]+" is not installed|55000: "[\w-]+" is pinned to version)/;
        my @failed = grep { $_->{status} != 0 && $_->{err} !~ $answers } @results;
        is(scalar @failed, 0, 'they do not disturb each other') or diag(join("\n", map { $_->{err} } @failed));
        nothing_left("after changes of all sorts, round $round");
    }
};

subtest 'a library is replaced while it is used' => sub {
    $server->sql(q{SELECT pgx.install('engine', version => '1.0')});
    $server->sql('CREATE EXTENSION engine');
    my $script = PostgreSQL::Test::Utils::tempdir . '/use.sql';
    append_to_file($script, "SELECT engine_answer();\n");
    my $seconds = $torture ? 60 : $ENV{PGX_TEST_SLOW} ? 40 : 8;
    # sessions that stay, and sessions that begin anew and so load what is there now
    my @pgbench = map {
        my ($clients, @options) = @$_;
        my $run = { out => '', err => '' };
        $run->{handle} = IPC::Run::start([ 'pgbench', '-n', '-c', $clients, '-T', $seconds, '-f', $script, @options, '-d', $node->connstr('postgres') . ' application_name=engine' ],
            '<', \undef, '>', \$run->{out}, '2>', \$run->{err});
        $run;
    } [ 40, '-R', 2000 ], [ 10, '-C' ];
    ok(eventually { $server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'engine'}) >= 40 }, 'fifty sessions use it');
    my ($updates, $until) = (0, time() + $seconds - 2);
    while ($updates < 20 || ($torture && time() < $until))
    {
        $updates++;
        my $version = $updates % 2 ? '2.0' : '1.0';
        $server->sql($updates == 2 ? q{SELECT pgx.rollback('engine')} : "SELECT pgx.install('engine', version => '$version')");
        my $answer = $server->sql('SELECT engine_answer()');
        is($answer, substr($version, 0, 1), "replaced: a new session has $version") if $answer ne substr($version, 0, 1);
    }
    my $using = $server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'engine'});
    cmp_ok($using, '>=', 40, "they still use it after $updates times");
    like($server->sql(q{SELECT string_agg(detail, ' ') FROM pgx.doctor() WHERE "check" = 'stale libraries'}), qr/still runs the old "engine\.so"/, 'the old library, says doctor()');
    foreach my $run (@pgbench)
    {
        $run->{handle}->finish;
        is($run->{handle}->result(0), 0, 'pgbench is content') or diag($run->{err});
        like($run->{out}, qr/number of failed transactions: 0 /, 'no call has failed');
        my ($transactions) = $run->{out} =~ /number of transactions actually processed: (\d+)/;
        cmp_ok($transactions, '>', 50, "$transactions calls");
    }
    nothing_left('after that');
    note("points: $updates replacements under 50 sessions");
};

done_testing();
