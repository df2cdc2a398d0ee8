# PgxCrash.pm - ends processes, or makes system calls fail, at chosen system calls of an operation, and looks at what is left.
#
# An operation is SQL that leads from one state (files by hash, rows) to another, and its counterpart leads back. A first run under
# strace lists the system calls by which it touches files below pgx.directory, or the write-ahead log; each of them is a point. strace
# then ends the process on entering just that call (inject=...:signal=KILL), which is the state after the call before it, or makes
# the call fail (error=ENOSPC). Counting is by system call: "the third rename" is a point.
#
# After each point: the server is there (after a crash restart, where a backend was killed), one call of pgx later files and
# rows are exactly the old ones or exactly the new ones, nothing is left over, and the operation works.
package PgxCrash;

use strict;
use warnings FATAL => 'all';

use File::Path qw(remove_tree);
use IPC::Run;
use List::Util qw(min shuffle);
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# Calls that change files, or that show them to a process.
my @calls = qw(openat write fsync fdatasync rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat rmdir);

# A server that starts anew quickly.
my $settings = <<'END';
restart_after_crash = on
shared_buffers = 1MB
max_connections = 20
max_wal_senders = 0
wal_level = minimal
autovacuum = off
jit = off
END

# PgxCrash->new(NAME, settings => TEXT) - a server with a registry that offers the packages of the suites first and second
sub new
{
    my ($class, $name, %options) = @_;
    my $server = PgxTest->new($name, settings => $settings . ($options{settings} // ''));
    my $self = bless { server => $server, node => $server->node, tried => 0, failed => 0, hit => 0, ended => {}, directory => PostgreSQL::Test::Utils::tempdir }, $class;
    my $source = $server->source('first') . "\n" . $server->source('second');
    $server->sql("SELECT pgx.add_registry('life', '$source')");
    $server->sql('SELECT pgx.refresh(extension_names => true)');
    $self->{data} = $server->node->data_dir;
    $self->{pgx} = $server->directory;

    # The helper is traced from its beginning, as the file "inject" says. strace is not in its process group, which is killed.
    my $wrapper = "$self->{directory}/helper";
    append_to_file($wrapper, <<"END");
#!/bin/sh
inject=\$(cat $self->{directory}/inject)
[ -n "\$inject" ] || exec $ENV{PGX_HELPER} "\$@"
exec strace -DD -q -o $self->{directory}/trace \$inject $ENV{PGX_HELPER} "\$@"
END
    chmod 0755, $wrapper;
    $self->inject_helper('');
    $server->sql("ALTER SYSTEM SET pgx.helper_path = '$wrapper'");
    $server->node->reload;
    return $self;
}

sub server { my ($self) = @_; return $self->{server}; }

sub inject_helper
{
    my ($self, $options) = @_;
    open(my $file, '>', "$self->{directory}/inject.new") or die $!;
    print $file $options;
    close($file);
    rename("$self->{directory}/inject.new", "$self->{directory}/inject") or die $!;
}

# psql(SQL) - (status, output, errors); unlike that of Cluster.pm it costs nothing but psql
sub psql
{
    my ($self, $sql) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $self->{node}->connstr('postgres'), '-f', '-' ], '<', \$sql, '>', \$out, '2>', \$err);
    return ($? >> 8, $out, $err);
}

# start_psql(SQL) - the same in the background: a handle with {run}, {out} and {err}. psql prints what it has after each line of input.
sub start_psql
{
    my ($self, $sql) = @_;
    my $psql = { sql => $sql, out => '', err => '' };
    $psql->{run} = IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d', $self->{node}->connstr('postgres'), '-f', '-' ],
        '<', \$psql->{sql}, '>', \$psql->{out}, '2>', \$psql->{err}, IPC::Run::timeout(180));
    return $psql;
}

# run_traced(OPTIONS, SQL) - SQL in a backend that strace is attached to
sub run_traced { my ($self, $options, $sql) = @_; return $self->psql($self->traced($options, $sql)); }

# traced(OPTIONS, SQL) - what psql has to be told for that
sub traced
{
    my ($self, $options, $sql) = @_;
    return <<"END";
SELECT pg_backend_pid() AS pid \\gset
\\setenv BACKEND :pid
\\! strace -q -o $self->{directory}/trace $options -p \$BACKEND >/dev/null 2>&1 &
\\! i=0; until grep -q 'TracerPid:.[1-9]' /proc/\$BACKEND/status || [ \$i -gt 500 ]; do sleep 0.01; i=\$((i+1)); done; sleep 0.01
\\echo backend :pid
$sql
END
}

# --- states -------------------------------------------------------------------------------------------------------

# rows - what the catalog says, without what is different each time; and what pgx itself thinks of it
my $rows = <<'END';
SELECT 'installed', package, version, sha256 FROM pgx.installed
UNION ALL SELECT 'file', package, path, sha256 FROM pgx.files
UNION ALL SELECT 'extension', extension, package, default_version FROM pgx.installed_extensions
UNION ALL SELECT 'verify', package, status, path FROM pgx.verify()
UNION ALL SELECT 'doctor', "check", status, CASE WHEN status <> 'ok' THEN detail END FROM pgx.doctor()
           WHERE "check" IN ('files', 'orphans', 'interrupted changes')
UNION ALL SELECT 'locks', count(*)::text, NULL, NULL FROM pg_locks WHERE locktype = 'advisory'
ORDER BY 1, 2, 3, 4;
END

# state(CALL) - rows and files, after a call of pgx if one is named
sub state
{
    my ($self, $call) = @_;
    my ($status, $out, $err) = $self->psql((defined $call ? "SELECT count(*) FROM $call;\n" : '') . $rows);
    return { error => $err } if $status != 0;
    $out =~ s/^\d+\n// if defined $call;
    return { rows => $out, files => $self->{server}->files($self->{pgx}) };
}

sub is_same
{
    my ($one, $other) = @_;
    return 0 if exists $one->{error} || $one->{rows} ne $other->{rows};
    my $text = sub { my ($files) = @_; return join("\n", map { "$_ $files->{$_}" } sort keys %$files); };
    return $text->($one->{files}) eq $text->($other->{files});
}

# difference(STATE, OTHER) - for people
sub difference
{
    my ($one, $other) = @_;
    return $one->{error} if exists $one->{error};
    my %lines;
    foreach my $pair ([ $one, 1 ], [ $other, -1 ])
    {
        my ($state, $sign) = @$pair;
        $lines{$_} += $sign foreach split(/\n/, $state->{rows}), map { "$_ $state->{files}{$_}" } keys %{ $state->{files} };
    }
    return join("\n", map { ($lines{$_} > 0 ? '+ ' : '- ') . $_ } grep { $lines{$_} != 0 } sort keys %lines);
}

# --- points -------------------------------------------------------------------------------------------------------

# operation(NAME, prepare => SQL, do => SQL, undo => SQL) - learns the two states and the points of "do". "prepare" leads to the
# old state from wherever the operation before has left the server.
sub operation
{
    my ($self, $name, %sql) = @_;
    my $operation = { name => $name, %sql };
    my $must = sub {
        my ($what) = @_;
        my ($status, $out, $err) = $self->psql("$sql{$what};");
        die "$name, $what: $err" if $status != 0;
    };
    $must->('prepare');
    $operation->{old} = $self->state;
    $must->('do');
    $operation->{new} = $self->state;
    $must->('undo');
    my $again = $self->state;
    die "$name: it cannot be undone:\n" . difference($again, $operation->{old}) unless is_same($again, $operation->{old});

    my $trace = '-y -e trace=' . join(',', @calls, 'pwrite64');
    my ($status, $out, $err) = $self->run_traced($trace, "$sql{do};");
    die "$name: $err" if $status != 0;
    $operation->{backend} = [ $self->read_trace ];
    $must->('undo');
    remove_tree("$self->{pgx}/pgsql_tmp.cache", { keep_root => 1 });
    $self->inject_helper($trace);
    $must->('do');
    $self->inject_helper('');
    $operation->{helper} = [ $self->read_trace ];
    $must->('undo');
    return $operation;
}

# enter(OPERATION) - the old state, before points of another operation are tried
sub enter
{
    my ($self, $operation) = @_;
    my ($status, $out, $err) = $self->psql("$operation->{prepare};");
    die "$operation->{name}: $err" if $status != 0;
}

# read_trace - points: [call, number], of calls that have to do with files of pgx or the write-ahead log
sub read_trace
{
    my ($self) = @_;
    my $trace = "$self->{directory}/trace";
    # an operation may do without a helper
    return () unless -e $trace;
    # strace writes its last lines when what it traces has ended
    eventually { slurp_file($trace) =~ /^\+\+\+ /m } or die 'strace does not end';
    my (%count, @points);
    foreach my $line (split /\n/, slurp_file($trace))
    {
        my ($call) = $line =~ /^(?:\d+\s+)?(\w+)\(/ or next;
        $count{$call}++;
        next unless index($line, $self->{pgx}) >= 0 || $line =~ /^pwrite64\(.*pg_wal/;
        push @points, [ $call, $count{$call} ];
    }
    unlink $trace;
    return @points;
}

# wait_for_server - until it accepts connections again
sub wait_for_server
{
    my ($self) = @_;
    return eventually { ($self->psql('SELECT 1'))[0] == 0 };
}

# look(WHAT, OPERATION, allowed states) - one call of pgx later it is as it was or as it should be, and goes on. True when it is so.
sub look
{
    my ($self, $what, $operation, @allowed) = @_;
    @allowed = qw(old new) unless @allowed;
    $self->{tried}++;
    my $complain = sub {
        my ($problem) = @_;
        diag("$what: $problem");
        $self->{failed}++;
        # a server that is as it should be for the next point
        $self->psql('SELECT count(*) FROM pgx.sync()');
        $self->psql("$operation->{undo};");
        return 0;
    };
    return $complain->('the server does not come back') unless $self->wait_for_server;
    my $call = (qw(pgx.recover() pgx.setup()))[ $self->{tried} % 2 ];
    my $state = $self->state($call);
    my ($which) = grep { is_same($state, $operation->{$_}) } @allowed;
    return $complain->("neither " . join(' nor ', @allowed) . ", seen from old:\n" . difference($state, $operation->{old}))
      unless defined $which;
    $self->{ended}{$which}++;
    if ($which eq 'old')
    {
        my ($status, $out, $err) = $self->psql("$operation->{do};");
        return $complain->("the next call fails: $err") if $status != 0;
        return $complain->("the next call does not do it:\n" . difference($self->state, $operation->{new})) unless is_same($self->state, $operation->{new});
    }
    my ($status, $out, $err) = $self->psql("$operation->{undo};");
    return $complain->("the way back fails: $err") if $status != 0;
    return 1;
}

# at_backend(OPERATION, POINT, FAULT) - FAULT is "signal=KILL" or "error=EIO"; with a plus sign at its end from that call on
sub at_backend
{
    my ($self, $operation, $point, $fault) = @_;
    my ($call, $number) = @$point;
    my $when = $fault =~ s/\+$// ? "$number+" : $number;
    $self->run_traced("-e trace=$call -e inject=$call:$fault:when=$when", "$operation->{do};");
    $self->count_hit;
    return $self->look("$operation->{name}, backend, $fault at $call $when", $operation);
}

sub at_helper
{
    my ($self, $operation, $point, $fault) = @_;
    my ($call, $number) = @$point;
    my $when = $fault =~ s/\+$// ? "$number+" : $number;
    # so that it is downloaded
    remove_tree("$self->{pgx}/pgsql_tmp.cache", { keep_root => 1 });
    $self->inject_helper("-e trace=$call -e inject=$call:$fault:when=$when");
    $self->psql("$operation->{do};");
    $self->inject_helper('');
    $self->count_hit;
    return $self->look("$operation->{name}, helper, $fault at $call $when", $operation);
}

# at_recovery(OPERATION, MIDDLE, POINT) - killed at MIDDLE, and again at POINT while that is recovered from
sub at_recovery
{
    my ($self, $operation, $middle, $point) = @_;
    $self->interrupt($operation, $middle);
    my ($call, $number) = @$point;
    $self->run_traced("-e trace=$call -e inject=$call:signal=KILL:when=$number", 'SELECT pgx.recover();');
    $self->count_hit;
    return $self->look("recovery from $operation->{name}, signal=KILL at $call $number", $operation, 'old');
}

# interrupt(OPERATION, MIDDLE) - a backend killed on the way; the server is there again
sub interrupt
{
    my ($self, $operation, $middle) = @_;
    my ($call, $number) = @$middle;
    $self->run_traced("-e trace=$call -e inject=$call:signal=KILL:when=$number", "$operation->{do};");
    $self->wait_for_server or die 'the server does not come back';
}

# recovery_points(OPERATION, MIDDLE) - of the recovery after that
sub recovery_points
{
    my ($self, $operation, $middle) = @_;
    $self->interrupt($operation, $middle);
    unlink "$self->{directory}/trace";
    $self->run_traced('-y -e trace=' . join(',', @calls), 'SELECT pgx.recover();');
    return $self->read_trace;
}

# at_random(OPERATION, KIND) - while it runs, at a time by chance, the backend or helper or postmaster is killed (KIND), or the server is
# shut down immediately
sub at_random
{
    my ($self, $operation, $kind) = @_;
    remove_tree("$self->{pgx}/pgsql_tmp.cache", { keep_root => 1 }) if $kind eq 'helper';
    my $psql = $self->start_psql("SELECT 'pid ' || pg_backend_pid();\n$operation->{do};\n");
    $psql->{run}->pump until $psql->{out} =~ /pid (\d+)/;
    my ($pid) = $psql->{out} =~ /pid (\d+)/;
    my $delay = rand(0.15);
    sleep $delay;
    if    ($kind eq 'backend')    { kill 'KILL', $pid; }
    elsif ($kind eq 'helper')     { kill 'KILL', $self->{server}->helpers; }
    elsif ($kind eq 'postmaster') { $self->{node}->kill9; }
    else                          { $self->{node}->stop('immediate'); }
    $psql->{run}->finish;
    $self->start if $kind =~ /^(?:postmaster|immediate)$/;
    return $self->look(sprintf('%s, %s after %.3f s', $operation->{name}, $kind, $delay), $operation);
}

# start - after the postmaster was killed its children may hold the shared memory for a moment
sub start
{
    my ($self) = @_;
    return eventually { $self->{node}->start(fail_ok => 1) } || die 'the server does not start';
}

# count_hit - whether what was to happen has happened. The number of a call is not always the same, so a point may be missed.
sub count_hit
{
    my ($self) = @_;
    my $trace = "$self->{directory}/trace";
    my $text = '';
    eventually { $text = -e $trace ? slurp_file($trace) : '+++ '; $text =~ /^\+\+\+ /m };
    $self->{hit}++ if $text =~ /INJECTED|killed by SIGKILL/;
    unlink $trace;
}

# choose(COUNT, POINTS) - so many of them, by chance; all when COUNT is undefined
sub choose
{
    my ($count, @points) = @_;
    return @points if !defined $count || $count >= @points;
    return (shuffle @points)[ 0 .. $count - 1 ];
}

1;
