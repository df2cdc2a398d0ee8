# 015_crash.pl - an installer that is interrupted anywhere leaves the old files or the new ones.
#
# PgxCrash.pm tells how. Here is which operations, and how much: some points, chosen by chance, or all of them when
# PGX_TORTURE is set (make torture). PGX_SEED repeats a choice.
use strict;
use warnings FATAL => 'all';

use PgxCrash;
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $torture = $ENV{PGX_TORTURE};
my $seed = $ENV{PGX_SEED} // int(rand(1_000_000));
srand($seed);
note("PGX_SEED=$seed");

my $crash = PgxCrash->new('crash');
my $server = $crash->server;
my $node = $server->node;
my $started = time();

my $nothing = q{SELECT count(*) FROM pgx.remove((SELECT coalesce(array_agg(package), '{}') FROM pgx.installed))};
my ($first, $second) = map { "SELECT count(*) FROM pgx.install('engine', version => '$_')" } qw(1.0 2.0);
my $remove = q{SELECT count(*) FROM pgx.remove('engine')};

my @operations = (
    $crash->operation('install', prepare => $nothing, do => $first, undo => $remove),
    $crash->operation('update', prepare => $first, do => $second, undo => $first),
    $crash->operation('remove', prepare => $first, do => $remove, undo => $first),
);

# How many points of each operation: of the backend killed, the helper killed, either failing. Killing a backend takes longest,
# because the server has to start anew.
my %count = $torture ? () : (kill_backend => 7, kill_helper => 4, fail_backend => 6, fail_helper => 3);
my @errors = qw(error=ENOSPC error=EIO error=EDQUOT);

# points(OPERATION, TRIES) - a test: TRIES are subs that return true
sub points
{
    my ($operation, @tries) = @_;
    my $name = $operation->{name};
    $crash->enter($operation);
    my ($tried, $failed) = ($crash->{tried}, $crash->{failed});
    my $from = time();
    my $good = 0;
    $_->() and $good++ foreach @tries;
    is($good, scalar @tries, sprintf('%s: %d points', $name, scalar @tries));
    note(sprintf('%s: %d points tried, %d failed, %.1f s', $name, $crash->{tried} - $tried, $crash->{failed} - $failed, time() - $from));
}

subtest 'the backend is killed' => sub {
    foreach my $operation (@operations)
    {
        points($operation, map { my $point = $_; sub { $crash->at_backend($operation, $point, 'signal=KILL') } }
              PgxCrash::choose($count{kill_backend}, @{ $operation->{backend} }));
    }
};

subtest 'the helper is killed' => sub {
    foreach my $operation (grep { @{ $_->{helper} } } @operations)
    {
        points($operation, map { my $point = $_; sub { $crash->at_helper($operation, $point, 'signal=KILL') } }
              PgxCrash::choose($count{kill_helper}, @{ $operation->{helper} }));
    }
};

# Each error at each call, once or from there on. A call that is interrupted is made again; the file system calls of Linux that
# can be interrupted are these.
sub faults
{
    my (@points) = @_;
    my @faults;
    foreach my $point (@points)
    {
        next if $point->[0] eq 'pwrite64';    # the server's own
        push @faults, map { [ $point, $_ ] } @errors, 'error=EIO+';
        push @faults, [ $point, 'error=EINTR' ] if $point->[0] =~ /^(?:openat|write|fsync)$/;
    }
    return @faults;
}

subtest 'calls of the backend fail' => sub {
    my $before = $server->started;
    foreach my $operation (@operations)
    {
        points($operation, map { my ($point, $fault) = @$_; sub { $crash->at_backend($operation, $point, $fault) } }
              PgxCrash::choose($count{fail_backend}, faults(@{ $operation->{backend} })));
    }
    is($server->started, $before, 'the server was not started anew');
};

subtest 'calls of the helper fail' => sub {
    my $before = $server->started;
    foreach my $operation (grep { @{ $_->{helper} } } @operations)
    {
        points($operation, map { my ($point, $fault) = @$_; sub { $crash->at_helper($operation, $point, $fault) } }
              PgxCrash::choose($count{fail_helper}, faults(@{ $operation->{helper} })));
    }
    is($server->started, $before, 'the server was not started anew');
};

subtest 'the way back is interrupted as well' => sub {
    # what a ROLLBACK undoes
    foreach my $version ('1.0', '2.0')
    {
        my $prepare = $version eq '1.0' ? $nothing : $first;
        my $operation = $crash->operation("ROLLBACK of $version", prepare => $prepare, undo => 'SELECT 1',
            do => "BEGIN; SELECT count(*) FROM pgx.install('engine', version => '$version'); ROLLBACK");
        points($operation, map { my $point = $_; sub { $crash->at_backend($operation, $point, 'signal=KILL') } }
              PgxCrash::choose($torture ? undef : 4, @{ $operation->{backend} }));
        points($operation, map { my ($point, $fault) = @$_; sub { $crash->at_backend($operation, $point, $fault) } }
              PgxCrash::choose($torture ? undef : 4, faults(@{ $operation->{backend} })));
    }
    # what recovery undoes
    foreach my $operation (@operations)
    {
        $crash->enter($operation);
        # the last file that it moves, so that there is much to be undone
        my ($middle) = grep { $_->[0] =~ /^rename/ } reverse @{ $operation->{backend} };
        my @points = $crash->recovery_points($operation, $middle);
        cmp_ok(scalar @points, '>', 5, "$operation->{name}: there is something to recover");
        points($operation, map { my $point = $_; sub { $crash->at_recovery($operation, $middle, $point) } }
              PgxCrash::choose($torture ? undef : 4, @points));
    }
};

cmp_ok($crash->{hit}, '>', 0.9 * $crash->{tried}, 'nearly all points were met');

subtest 'at any time' => sub {
    my @kinds = qw(backend helper postmaster immediate);
    foreach my $operation (@operations)
    {
        points($operation, map { my $kind = $_; sub { $crash->at_random($operation, $kind) } } ($torture ? map({ (@kinds) } 1 .. 25) : @kinds));
    }
};

$node->stop;

# With pgx in shared_preload_libraries the server recovers by itself, without any call.
my $preloaded = PgxCrash->new('preloaded', settings => "shared_preload_libraries = 'pgx'\nlog_min_messages = notice\n");
subtest 'preloaded' => sub {
    my ($good, $tried, $waiting) = (0, 0, 0);
    foreach my $sql ([ 'install', $nothing, $first, $remove ], [ 'update', $first, $second, $first ], [ 'remove', $first, $remove, $first ])
    {
        my ($name, $prepare, $do, $undo) = @$sql;
        my $operation = $preloaded->operation($name, prepare => $prepare, do => $do, undo => $undo);
        $preloaded->enter($operation);
        foreach my $point (PgxCrash::choose($torture ? undef : 3, grep { $_->[0] =~ /^(?:rename|link|unlink|pwrite)/ } @{ $operation->{backend} }))
        {
            $preloaded->interrupt($operation, $point);
            $tried++;
            my $state;
            my $until = time() + 20;
            my $recovered;
            do
            {
                $state = $preloaded->state;
                $recovered = PgxCrash::is_same($state, $operation->{old}) || PgxCrash::is_same($state, $operation->{new});
            } until $recovered || time() > $until;
            diag("$name, $point->[0] $point->[1]:\n" . PgxCrash::difference($state, $operation->{old})) unless $recovered;
            $good++ if $recovered && $preloaded->look("$name, $point->[0] $point->[1]", $operation);
        }
    }
    is($good, $tried, "$tried points, without a call");
    like(slurp_file($preloaded->server->node->logfile), qr/NOTICE:  an interrupted change of extension files was undone/, 'a worker did it');

    # the same at the start of a server
    my $operation = $preloaded->operation('install', prepare => $nothing, do => $first, undo => $remove);
    my ($middle) = grep { $_->[0] =~ /^rename/ } reverse @{ $operation->{backend} };
    $preloaded->server->node->adjust_conf('postgresql.conf', 'restart_after_crash', 'off');
    $preloaded->server->node->reload;
    $preloaded->run_traced("-e trace=$middle->[0] -e inject=$middle->[0]:signal=KILL:when=$middle->[1]", "$operation->{do};");
    eventually { !-e $preloaded->server->node->data_dir . '/postmaster.pid' };
    my @journals = glob $preloaded->{pgx} . '/journal/*.json';
    is(scalar @journals, 1, 'a server has stopped in the middle of a change');
    $preloaded->server->node->_update_pid(0);
    $preloaded->server->node->start;
    ok(eventually { PgxCrash::is_same($preloaded->state, $operation->{old}) }, 'after its start it is as before');

    # without pgx, what is called pgx.recover() is somebody else's
    my $node = $preloaded->server->node;
    my $home = $node->safe_psql('postgres', q{SELECT d.datname FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase WHERE 'pgx.home=on' = ANY (s.setconfig)});
    $node->safe_psql($home, qq{DROP EXTENSION pgx; DROP SCHEMA IF EXISTS pgx; CREATE ROLE tenant; GRANT CREATE ON DATABASE "$home" TO tenant; SET ROLE tenant;
        CREATE SCHEMA pgx; CREATE FUNCTION pgx.recover() RETURNS void LANGUAGE plpgsql AS \$\$BEGIN RAISE LOG 'recover() runs as %', current_user; END\$\$});
    my $before = -s $node->logfile;
    $node->restart;
    ok(eventually { slurp_file($node->logfile, $before) =~ /"pgx recovery".* exited/ }, 'the worker has ended');
    unlike(slurp_file($node->logfile, $before), qr/recover\(\) runs as/, 'a function of the same name is not called');
};

note(sprintf('points: %d tried, %d failed; %d left the old state, %d the new one; %.0f s, PGX_SEED=%d',
    $crash->{tried} + $preloaded->{tried}, $crash->{failed} + $preloaded->{failed}, $crash->{ended}{old} // 0, $crash->{ended}{new} // 0, time() - $started, $seed));
done_testing();
