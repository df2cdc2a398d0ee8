# PgxWeb.pm - a web server that misbehaves as it is told (test/fixture/hostile_server.py), in front of the tests' repositories.
package PgxWeb;

use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use JSON::PP ();
use PgxTest;
use PostgreSQL::Test::Utils;

my ($checkout) = __FILE__ =~ m{^(.*)/test/tap/};
$checkout = '.' unless defined $checkout;

# PgxWeb->new - serves what test/fixture/start has made: "repository" and "own/<client>"
sub new
{
    my ($class) = @_;
    my $self = bless { directory => PostgreSQL::Test::Utils::tempdir, in => '' }, $class;
    PostgreSQL::Test::Utils::append_to_file("$self->{directory}/mode", '{"what": "ok"}');
    $self->{run} = IPC::Run::start([ 'python3', "$checkout/test/fixture/hostile_server.py", $self->{directory}, $ENV{PGX_FIXTURE_DIR} ],
        '<pipe', my $stdin = IO::Handle->new, '>', "$self->{directory}/out", '2>', "$self->{directory}/err");
    $self->{stdin} = $stdin;
    eventually { -s "$self->{directory}/ports" } or die 'no web server: ' . slurp_file("$self->{directory}/err");
    @{ $self->{ports} }{qw(http good host expired self old full)} = split / /, slurp_file("$self->{directory}/ports");
    return $self;
}

# url(PATH, PORT) - by default that of plain HTTP
sub url
{
    my ($self, $path, $port) = @_;
    $port //= 'http';
    return ($port =~ /^(?:http|full)$/ ? 'http' : 'https') . "://127.0.0.1:$self->{ports}{$port}/$path";
}

# command(WHAT, AT) - what a shell has to do to have it behave so; behave() does it
sub command
{
    my ($self, $what, $at) = @_;
    my $mode = JSON::PP->new->canonical->encode({ what => $what, defined $at ? (at => $at + 0) : (), time => ++$self->{changes} });
    return "echo '$mode' >$self->{directory}/mode.new && mv $self->{directory}/mode.new $self->{directory}/mode";
}

sub behave
{
    my ($self, @how) = @_;
    PostgreSQL::Test::Utils::system_or_bail($self->command(@how));
    return;
}

# requests - lines "WHAT PATH" since the last call
sub requests
{
    my ($self) = @_;
    my $file = "$self->{directory}/requests";
    return () unless -e $file;
    my @lines = split /\n/, slurp_file($file);
    unlink $file;
    return @lines;
}

sub DESTROY
{
    my ($self) = @_;
    local $?;
    close $self->{stdin} if $self->{stdin};
    $self->{run}->finish if $self->{run};
    return;
}

1;
