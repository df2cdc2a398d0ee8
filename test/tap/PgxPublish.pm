# PgxPublish.pm - a registry of pgx's own kind, made with the program pgx as its publishers make theirs.
package PgxPublish;

use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path remove_tree);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my ($major) = split /\D/, (split / /, `"$ENV{PG_CONFIG}" --version`)[1];

# PgxPublish->new(SERVER, NAME) - a registry in the folder of the web server that is SERVER's own; see nginx.conf
sub new
{
    my ($class, $server, $name) = @_;
    my $work = PostgreSQL::Test::Utils::tempdir();
    my $self = bless {
        server => $server,
        name => $name,
        work => $work,
        keys => "$work/keys",
        folder => "$ENV{PGX_FIXTURE_DIR}/own/$server->{client}/$name",
    }, $class;
    make_path("$ENV{PGX_FIXTURE_DIR}/own/$server->{client}");
    return $self;
}

# init - makes the registry
sub init
{
    my ($self) = @_;
    $self->ok_pgx('registry', 'init', $self->{folder}, '--keys', $self->{keys});
    ($self->{root}) = $self->pgx('registry', 'fingerprint', $self->{folder}) =~ /(sha256:[0-9a-f]{64})/;
    return $self;
}

sub folder { my ($self) = @_; return $self->{folder}; }
sub root { my ($self) = @_; return $self->{root}; }

# url(LOCATION) - its address, by a location of nginx.conf
sub url
{
    my ($self, $location) = @_;
    return "$ENV{PGX_FIXTURE_URL}/$self->{server}{client}/" . ($location // 'own') . "/$self->{name}";
}

# pgx(ARGUMENTS) - what the program prints; dies when it fails. run_pgx gives (status, output, errors)
sub run_pgx
{
    my ($self, @arguments) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ $ENV{PGX_HELPER}, @arguments ], '<', \undef, '>', \$out, '2>', \$err);
    return ($? >> 8, $out, $err);
}

sub pgx
{
    my ($self, @arguments) = @_;
    my ($status, $out, $err) = $self->run_pgx(@arguments);
    die "pgx @arguments: status $status\n$out$err" if $status != 0;
    return $out;
}

sub ok_pgx
{
    my ($self, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = $self->run_pgx(@arguments);
    is($status, 0, "pgx $arguments[0] $arguments[1]") or diag("$out$err");
    return $out;
}

# bundle(NAME, VERSION, options) - packs an extension of SQL only, whose function NAME_version() tells the version; gives the
# path. Options: requires, extension (its name, else NAME), body, meta => {...}, control => more lines
sub bundle
{
    my ($self, $name, $version, %options) = @_;
    my $extension = $options{extension} // $name;
    my $tree = "$self->{work}/tree-$name-$version";
    my $out = "$self->{work}/bundles";
    remove_tree($tree);
    my $share = "$tree/usr/share/postgresql/$major/extension";
    make_path($share, $out);
    my $requires = defined $options{requires} ? "requires = '$options{requires}'\n" : '';
    my $body = $options{body}
      // "CREATE FUNCTION ${extension}_version() RETURNS text LANGUAGE sql AS \$\$ SELECT '$version' \$\$;\n";
    append_to_file("$share/$extension.control",
        "comment = 'The extension $extension'\ndefault_version = '$version'\nrelocatable = true\nsuperuser = false\n$requires"
          . ($options{control} // ''));
    append_to_file("$share/$extension--$version.sql", $body);
    my @more = @{ $options{arguments} // [] };
    $self->pgx('pack', $tree, '--name', $name, '--version', $version, '--output', $out, @more);
    my ($path) = glob "$out/$name-$version+pg*.trunk";
    return $path;
}

# publish(PATHS) - adds bundles to the registry
sub publish
{
    my ($self, @paths) = @_;
    return $self->pgx('registry', 'add', $self->{folder}, @paths, '--keys', $self->{keys});
}

# publish_unseen(PATHS) - the same without looking into them: for bundles that no honest publisher has
sub publish_unseen
{
    my ($self, @paths) = @_;
    my ($out, $err) = ('', '');
    my ($checkout) = __FILE__ =~ m{^(.*)/test/tap/};
    IPC::Run::run([ ($checkout // '.') . '/build/test/publish-unseen', $self->{folder}, $self->{keys}, @paths ], '<', \undef, '>', \$out, '2>', \$err) or die "publish-unseen: $out$err";
    return;
}

# add_to(SERVER, options) - SERVER gets to know the registry; options: location, more (further arguments in SQL)
sub add_to
{
    my ($self, $server, %options) = @_;
    my $url = $self->url($options{location});
    my $more = defined $options{more} ? ", $options{more}" : '';
    $server->sql("SELECT pgx.add_registry('$self->{name}', '$url', root => '$self->{root}'$more)");
    return;
}

1;
