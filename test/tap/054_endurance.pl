# 054_endurance.pl - hostile artifacts in a row and helpers that die, while others use the server.
#
# One session is given the artifacts of test/fixture/hostile.py and helpers that crash, hang or ramble, one after the other; pgbench runs
# all the time. Nothing of that may be seen by the others, and nothing may grow: descriptors of the session, processes, shared
# memory, files. A few dozen of each, or 1,000 artifacts and 100 crashes when PGX_TORTURE is set (make torture).
use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use JSON::PP ();
use List::Util qw(shuffle);
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($artifacts, $crashes) = $ENV{PGX_TORTURE} ? (1000, 100) : (60, 12);
my $seed = $ENV{PGX_SEED} // int(rand(1_000_000));
srand($seed);
note("PGX_SEED=$seed");
my ($checkout) = __FILE__ =~ m{^(.*)/test/tap/};
$checkout = '.' unless defined $checkout;
my $work = PostgreSQL::Test::Utils::tempdir;

my $server = PgxTest->new('endurance');
my $node = $server->node;
system_or_bail("minisign -G -W -f -p $work/acme.pub -s $work/acme.key >$work/minisign.log");
{
    local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
    system_or_bail('python3', "$checkout/test/fixture/make_hostile.py", $ENV{PGX_FIXTURE_DIR}, 'endurance', $work, "$work/acme.key");
}
$server->add_registry('stable');
$server->add_registry('endurance');
$server->sql('SELECT pgx.setup()');
$server->sql(q{SELECT pgx.trust_key('acme', '} . slurp_file("$work/acme.pub") . q{')});
$server->sql(q{SELECT pgx.install(ARRAY['stable:color', 'stable:veclike'])});
my @hostile = grep { $_->{kind} ne 'registry' && $_->{sqlstate} ne 'installed' } @{ JSON::PP::decode_json(slurp_file("$work/cases.json")) };

# A helper that does what the file "how" says.
append_to_file("$work/helper", <<"END");
#!/bin/sh
case \$(cat $work/how) in
segfault) kill -SEGV \$\$ ;;
abort) kill -ABRT \$\$ ;;
memory) ulimit -v 300000; exec python3 -c 'x = [bytearray(1 << 20) for i in range(1 << 20)]' ;;
hang) exec sleep 600 ;;
garbage) head -c 1000000000 /dev/urandom ;;
line) exec tr '\\0' x </dev/zero ;;
events) exec yes '{"event": "progress", "phase": "download", "item": "x", "done": 1, "total": 2}' ;;
*) exec $ENV{PGX_HELPER} "\$@" ;;
esac
END
chmod 0755, "$work/helper";
sub be { my ($how) = @_; append_to_file("$work/how.new", $how); rename "$work/how.new", "$work/how"; return; }
be('good');
$server->sql("ALTER SYSTEM SET pgx.helper_path = '$work/helper'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('pgx.helper_path') = '$work/helper'") or die 'no reload';

# --- the others -----------------------------------------------------------------------------------------------------------------

$node->command_ok([ 'pgbench', '--initialize', '--quiet', '--scale' => 1, 'postgres' ], 'pgbench has its tables');
my ($bench_out, $bench_err) = ('', '');
my $seconds = $ENV{PGX_TORTURE} ? 3600 : 300;
my $bench = IPC::Run::start([ 'pgbench', '--no-vacuum', '--client' => 2, '--time' => $seconds, '--rate' => 100, '--progress' => 1, $node->connstr('postgres') ], '<', \undef, '>', \$bench_out, '2>', \$bench_err);

# --- the session ----------------------------------------------------------------------------------------------------------------

my $started = $server->started;
my $session = $node->background_psql('postgres', on_error_stop => 0, timeout => $seconds);
my ($pid) = $session->query('SELECT pg_backend_pid()') =~ /(\d+)/;
$session->query('SET statement_timeout = 0');

sub attempt
{
    my ($call, $timeout) = @_;
    my $before = length $session->{stderr};
    $session->query(defined $timeout ? "SET statement_timeout = '$timeout'; SELECT count(*) FROM $call; RESET statement_timeout" : "SELECT count(*) FROM $call");
    return $session->{stderr} =~ /ERROR: /;
}

# What must not grow. Files of tables are the server's business.
sub used
{
    my $pgx = $server->directory;
    my @descriptors = grep { my $file = readlink($_) // ''; $file !~ m{/(?:base|global|pg_\w+)/} } glob "/proc/$pid/fd/*";
    my @files = keys %{ $server->files };
    return {
        descriptors => scalar @descriptors,
        helpers => scalar $server->helpers,
        # in /dev/shm there are those of other servers too
        'shared memory' => scalar(my @mapped = slurp_file("/proc/$pid/maps") =~ m{/dev/shm/}g),
        allocations => $server->sql('SELECT sum(allocated_size) FROM pg_shmem_allocations'),
        files => scalar @files,
        staging => scalar(my @staging = glob "$pgx/pgsql_tmp.staging/*"),
        journal => scalar(my @journal = glob "$pgx/journal/*"),
        rows => $server->sql('SELECT count(*) FROM pgx.history'),
    };
}

sub memory { my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m; return $kilobytes; }

my @row;
sub next_artifact
{
    @row = shuffle @hostile unless @row;
    my $case = pop @row;
    return $case->{kind} eq 'deb' ? "pgx.install('$case->{path}')" : "pgx.install_bundle('$case->{path}')";
}

attempt(next_artifact()) for 1 .. 10;
my $before = used();
my $memory = memory();

subtest 'hostile artifacts' => sub {
    my ($from, $refused) = (time(), 0);
    for (1 .. $artifacts) { $refused++ if attempt(next_artifact()); $session->{stderr} = ''; }
    is($refused, $artifacts, 'each is refused');
    note(sprintf('%d artifacts in %.1f s', $artifacts, time() - $from));
    is_deeply(used(), $before, 'nothing has grown');
    my $growth = memory() - $memory;
    note("the session's memory has grown by $growth kB");
  SKIP: {
        skip 'sanitizers keep freed memory', 1 if $ENV{PGX_TEST_SLOW};
        cmp_ok($growth, '<', 4 * 1024, 'nor has memory');
    }
};

subtest 'helpers that crash' => sub {
    my @ways = qw(segfault abort memory hang garbage line);
    my ($from, $failed) = (time(), 0);
    for my $number (0 .. $crashes - 1)
    {
        # a gigabyte of messages that could be ones takes long to read
        my $way = $ENV{PGX_TORTURE} && $number % 25 == 24 ? 'events' : $ways[ $number % @ways ];
        be($way);
        $session->{stderr} = '';
        $failed++ if attempt(q{pgx.install('geo')}, $way eq 'hang' ? '150ms' : undef);
    }
    be('good');
    is($failed, $crashes, 'each is an error');
    note(sprintf('%d crashes in %.1f s', $crashes, time() - $from));
    is_deeply(used(), $before, 'nothing has grown');
};

# a line of 16 MB is read before it is too long; malloc keeps some of that for the next
my $growth = memory() - $memory;
note("the session's memory has grown by $growth kB");
SKIP: {
    skip 'sanitizers keep freed memory', 1 if $ENV{PGX_TEST_SLOW};
    cmp_ok($growth, '<', 64 * 1024, 'memory has not grown by much');
}
$session->{stderr} = '';
ok(!attempt(q{pgx.install('geo')}), 'the same session installs') or diag($session->{stderr});
$session->quit;

$bench->signal('INT');
$bench->finish;
my @progress = $bench_err =~ /^progress: [\d.]+ s, ([\d.]+) tps.* (\d+) failed/mg;
my ($transactions, $errors) = (0, 0);
while (my ($tps, $failed) = splice @progress, 0, 2) { $transactions += $tps; $errors += $failed; }
cmp_ok($transactions, '>', 100, sprintf('pgbench has made %d transactions', $transactions)) or diag($bench_err);
is($errors, 0, 'none has failed');
unlike($bench_err, qr/error|abort|FATAL/i, 'nor has pgbench');
is($server->started, $started, 'the server is the same');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal/, 'nothing in its log');
$server->is_consistent('in the end');
done_testing();
