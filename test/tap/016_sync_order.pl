# 016_sync_order.pl - what a change writes is on disk before its transaction is.
#
# A machine that loses its power keeps what was synced, in any combination with what was not. So for each file: fsync before it
# gets its name, fsync of its directory afterwards, and both before the commit record is flushed; the journal before the
# first file, and gone only after that flush. A trace of the system calls shows it.
use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use PgxCrash;
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

# The walwriter might flush the record before the backend does.
my $crash = PgxCrash->new('order', settings => "fsync = on\nwal_sync_method = fdatasync\nwal_writer_delay = 10s\n");
my $server = $crash->server;
my $directory = $server->directory;
my ($major) = $server->sql('SHOW server_version_num') =~ /^(\d+)\d{4}$/;

# trace(SQL) - system calls in the order in which they ended: [call, path, path]
sub trace
{
    my ($sql) = @_;
    $crash->run_traced('-f -y -e trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,pwrite64', "$sql;");
    my $file = "$crash->{directory}/trace";
    eventually { slurp_file($file) =~ /^(?:\d+ +)?\+\+\+ /m };
    my (@events, %begun);
    foreach my $line (split /\n/, slurp_file($file))
    {
        my ($pid, $rest) = $line =~ /^(\d+) +(.*)/ or next;
        if ($rest =~ /^(.*) <unfinished \.\.\.>$/) { $begun{$pid} = $1; next; }
        $rest = delete($begun{$pid}) . $1 if $rest =~ /^<\.\.\. \w+ resumed>(.*)/;
        next unless $rest =~ /= 0$/ || $rest =~ /^pwrite64\(.*= \d+$/;
        my ($call, $arguments) = $rest =~ /^(\w+)\((.*)/ or next;
        # of a call with a descriptor the descriptor's path, of others the paths
        my @paths = $call =~ /^(?:fsync|fdatasync|pwrite64)$/ ? $arguments =~ /^\d+<([^>]+)>/ : $arguments =~ /"([^"]*)"/g;
        if ($call =~ /at2?$/)
        {
            # unlinkat(descriptor<directory>, "name", ...)
            my ($at) = $arguments =~ /^\w+<([^>]*)>/;
            @paths = map { m{^/} ? $_ : "$at/$_" } @paths;
        }
        $call =~ s/at2?$//;
        push @events, [ $call, map { $_ =~ s/ \(deleted\)$//r } @paths ];
    }
    unlink $file;
    return @events;
}

# where(EVENTS, CALL, PATTERN) - the numbers of the events
sub where
{
    my ($events, $call, $pattern, $argument) = @_;
    $argument //= 1;
    return grep { $events->[$_][0] eq $call && ($events->[$_][$argument] // '') =~ $pattern } 0 .. $#$events;
}

# in_order(NAME, SQL, placed => COUNT, removed => COUNT)
sub in_order
{
    my ($name, $sql, %expected) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @events = trace($sql);
    my @problems;
    my $check = sub { my ($condition, $problem) = @_; push @problems, $problem unless $condition; };

    my ($flush) = reverse where(\@events, 'fdatasync', qr{/pg_wal/});
    my ($record) = reverse where(\@events, 'pwrite64', qr{/pg_wal/});
    $check->(defined $flush && defined $record && $record < $flush, 'the commit record is not flushed');
    $flush //= @events;

    # the journal
    my ($journal) = where(\@events, 'rename', qr{/journal/[^/]*\.json$}, 2);
    $check->(defined $journal, 'there is no journal');
    my ($written, $journal_path) = @{ $events[$journal] }[ 1, 2 ];
    $check->(grep({ $_ < $journal } where(\@events, 'fsync', qr/^\Q$written\E$/)), 'the journal is not synced before it has its name');
    my ($journal_safe) = grep { $_ > $journal } where(\@events, 'fsync', qr{/journal$});
    $check->(defined $journal_safe, 'the directory of the journal is not synced');
    my @gone = where(\@events, 'unlink', qr/^\Q$journal_path\E$/);
    $check->(@gone == 1 && $gone[0] > $flush, 'the journal goes before the commit record is flushed');

    # every file that gets a place, or loses it
    my $version = qr{^\Q$directory\E/$major/};
    my @placed = where(\@events, 'rename', $version, 2);
    my @removed = where(\@events, 'rename', $version, 1);
    is(scalar @placed, $expected{placed}, "$name: files that get a place");
    is(scalar @removed, $expected{removed}, "$name: files that lose it");
    foreach my $event (@placed)
    {
        my ($from, $to) = @{ $events[$event] }[ 1, 2 ];
        my ($file) = $to =~ m{([^/]+)$};
        $check->(grep({ $_ < $event } where(\@events, 'fsync', qr/^\Q$from\E$/)), "$file is not synced before it has its name");
    }
    foreach my $event (@placed, @removed)
    {
        my $path = (grep { $_ =~ $version } @{ $events[$event] }[ 1, 2 ])[0];
        my ($file, $parent) = ($path =~ m{([^/]+)$}, dirname($path));
        my @synced = grep { $_ > $event && $_ < $flush } where(\@events, 'fsync', qr/^\Q$parent\E$/);
        $check->(@synced, "the directory of $file is not synced before the commit record");
        $check->(defined $journal_safe && $journal_safe < $event, "$file is moved before the journal is safe");
    }
    # backups are needed until the commit record is safe
    my @backups_gone = where(\@events, 'unlink', qr{/journal/[^/]*\.d/});
    $check->(!grep({ $_ < $flush } @backups_gone), 'a backup goes before the commit record is flushed');
    ok(!@problems, "$name: everything is synced in order")
      or diag(join("\n", @problems, map { "$_: @{ $events[$_] }" } 0 .. $#events));
}

in_order('install', q{SELECT pgx.install('engine', version => '1.0')}, placed => 4, removed => 0);
in_order('update', q{SELECT pgx.update('engine')}, placed => 5, removed => 1);
in_order('remove', q{SELECT pgx.remove('engine')}, placed => 0, removed => 5);
in_order('without waiting for commits', q{SET synchronous_commit = off; SELECT pgx.install('engine')}, placed => 5, removed => 0);

done_testing();
