# 051_network_attacks.pl - web servers that lie, stall or lead elsewhere, for apt repositories and registries of pgx's own kind.
#
# What a server answers is told by test/fixture/hostile_server.py, which stands in front of good repositories: everything that goes
# wrong goes wrong on the way. Each attempt adds a registry, reads it and installs from it in one statement, so that every request
# is made, and afterwards nothing may be left. docs/security.md, section "Attacks", has the rows; what a single download does is
# tested more closely in test/unit/fetch_test.cpp, credentials in 020_registry.pl.
use strict;
use warnings FATAL => 'all';

use PgxPublish;
use PgxTest;
use PgxWeb;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $web = PgxWeb->new;
my $work = PostgreSQL::Test::Utils::tempdir;
append_to_file("$work/apt.conf", qq{Acquire::https::CAInfo "$web->{directory}/ca.pem";\n});
$ENV{APT_CONFIG} = "$work/apt.conf";
my $server = PgxTest->new('network');
my $node = $server->node;
my $acme = PgxPublish->new($server, 'acme')->init;
$acme->publish($acme->bundle('ledger', '1.0.0'));
$server->sql(q{
    SELECT pgx.setup();
    CREATE FUNCTION attempt(source text, root text, wanted text) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        IF root IS NULL THEN PERFORM pgx.add_registry('web', source); ELSE PERFORM pgx.add_registry('web', source, root => root); END IF;
        PERFORM pgx.refresh('web');
        RETURN (SELECT string_agg(action, ',') FROM pgx.install('web:' || wanted));
    END $$;});
my $cache = $server->directory . '/pgsql_tmp.cache';
my $count = 0;

# attempt(KIND, PORT) - an expression that does it all, from an address that nobody has seen yet
sub attempt
{
    my ($kind, $port) = @_;
    my $base = $web->url('attempt' . ++$count, $port);
    return $kind eq 'apt'
      ? "attempt('deb [signed-by=$ENV{PGX_FIXTURE_KEY}] $base/repository stable main', NULL, 'color')"
      : "attempt('$base/own/$server->{client}/acme', '$acme->{root}', 'ledger')";
}

# hostile(NAME, WHAT, FIELDS, AT) - cases for refuses_each(), for both kinds; FIELDS may differ by kind: { apt => {}, pgx => {} }, and so may AT
sub hostile
{
    my ($name, $what, $fields, $at, $port) = @_;
    return map {
        my $more = exists $fields->{$_} ? $fields->{$_} : $fields;
        { name => "$name ($_)", before => $web->command($what, ref $at ? $at->{$_} : $at) . " && rm -rf $cache/*", sql => 'SELECT ' . attempt($_, $port), fields => { hint => qr//, %$more } }
    } qw(apt pgx);
}

sub works
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    foreach my $kind (qw(apt pgx))
    {
        my ($wanted) = $kind eq 'apt' ? PgxTest->package_name('color') : 'ledger';
        is($server->sql('SELECT ' . attempt($kind)), 'installed', "$name ($kind)");
        $server->is_consistent($name);
        $server->sql("SELECT pgx.remove('$wanted'); SELECT pgx.drop_registry('web')");
    }
}

works('at first');
my %requests = (apt => 0, pgx => 0);
{
    my %paths;
    $paths{$_}++ foreach map { (split / /)[1] } $web->requests;
    $requests{ m{/repository/} ? 'apt' : 'pgx' }++ foreach keys %paths;
}
cmp_ok($requests{apt}, '>=', 3, 'an apt repository takes some requests');
cmp_ok($requests{pgx}, '>=', 5, 'and so does a registry of our own kind');

subtest 'N1 redirects' => sub {
    $server->refuses_each(
        hostile('to a file', 'file', { sqlstate => '08006', all => qr/redirected to an address that is not allowed/ }),
        hostile('to another protocol', 'gopher', { sqlstate => '08006', all => qr/redirected to an address that is not allowed/ }),
        hostile('for ever', 'loop', { sqlstate => '08006', all => qr/redirected too often/ }),
        grep { $_->{name} =~ /apt/ } hostile('from https to http', 'away', { sqlstate => '08006', all => qr/redirected to an address that is not allowed/ }, undef, 'good'));
    # mirrors and content networks live of redirects to other hosts, and what arrives is held against signed digests
    $web->behave('away');
    works('to another host over the same protocol');
    $web->behave('ok');
};

subtest 'N3 a name in Content-Disposition' => sub {
    $web->behave('disposition');
    works('is not looked at');
    is_deeply([ grep { -e } glob "/tmp/*escaped* $cache/*escaped* $cache/../*escaped* " . $node->data_dir . '/*escaped* ' . $node->data_dir . '/../*escaped*' ], [], 'nothing has that name');
    $web->behave('ok');
};

subtest 'N4 slow servers' => sub {
    my @cases;
    foreach my $what (qw(trickle silent))
    {
        push @cases, map { $_->{sql} = "SET statement_timeout = '400ms'; $_->{sql}"; $_ } hostile("$what at once", $what, { sqlstate => '57014' }),
          hostile("$what at the last request", $what, { sqlstate => '57014' }, \%requests);
    }
    push @cases, map { $_->{sql} = "SET statement_timeout = '400ms'; $_->{sql}"; $_ } hostile('a connection that is never accepted', 'ok', { sqlstate => '57014' }, undef, 'full');
    my $from = time();
    $server->refuses_each(@cases);
    # what a call that is canceled leaves behind goes within a second; this is one more for each, on a busy machine
    cmp_ok(time() - $from, '<', 3 + 2 * @cases, 'each ends when it is told to');
    is_deeply([ $server->helpers ], [], 'no helper is left');
};

subtest 'N5 lengths' => sub {
    $server->refuses_each(
        hostile('a first file without an end', 'endless', { sqlstate => '54000', all => qr/too large/ }, 1),
        hostile('a package without an end', 'endless', { sqlstate => 'PX007', all => qr/wrong size/ }, \%requests),
        hostile('a length that is too small', 'short', { sqlstate => qr/^(?:PX00[4567]|08006)$/ }),
        hostile('a length that is too large', 'long', { sqlstate => '08006', all => qr/connection was lost/ }, 1));
    works('after that');
};

subtest 'N6 secure connections' => sub {
    # the host's apt names the authority for its repositories; registries of our own kind go by the system's, which this one is not among
    my $apt = sub { return grep { $_->{name} =~ /\(apt\)/ } @_ };
    is($server->sql('SELECT ' . attempt('apt', 'good')), 'installed', 'a certificate that is right');
    $server->sql("SELECT pgx.remove(array_agg(package)) FROM pgx.installed; SELECT pgx.drop_registry('web')");
    my $secure = sub { my ($why) = @_; return { sqlstate => '08006', message => qr/could not make a secure connection/, detail => qr/$why/i } };
    $server->refuses_each(
        $apt->(hostile('for another host', 'ok', $secure->('alternative certificate subject name|does not match'), undef, 'host')),
        $apt->(hostile('expired', 'ok', $secure->('expired'), undef, 'expired')),
        $apt->(hostile('TLS 1.1', 'ok', $secure->('version|alert|handshake|protocol'), undef, 'old')),
        hostile('signed by itself', 'ok', $secure->('self.signed|issuer'), undef, 'self'),
        grep { $_->{name} =~ /\(pgx\)/ } hostile('by an authority that is not known', 'ok', $secure->('issuer|self.signed'), undef, 'good'));
};

subtest 'N8 line breaks' => sub {
    my $url = $web->url('x');
    $server->refuses_each(map { { name => $_->[0], sql => "SELECT $_->[1]", fields => { sqlstate => qr/^(?:22023|42602|PX004)$/, hint => qr//, all => qr/$_->[2]/ } } }
          [ 'an address', "pgx.add_registry('crlf', E'$url\\r\\nX: y', root => '$acme->{root}')", 'not allowed|invalid' ],
          [ 'an address, encoded twice', "pgx.add_registry('crlf', E'$url/\\n', root => '$acme->{root}')", 'not allowed|invalid' ],
          [ 'a header', "pgx.add_registry('crlf', '$url', root => '$acme->{root}', headers => '{\"A\": \"b\\r\\nC: d\"}')", 'value of header "A" is not valid' ],
          [ "a header's name", "pgx.add_registry('crlf', '$url', root => '$acme->{root}', headers => '{\"A\\r\\nB\": \"c\"}')", 'not valid|invalid|none may have' ],
          [ 'a source line', "attempt(E'deb [signed-by=$ENV{PGX_FIXTURE_KEY}] $url\\r\\nX: stable main', NULL, 'color')", '.' ],
          [ 'an option', "attempt(E'deb [signed-by=$ENV{PGX_FIXTURE_KEY}\\n/x] $url stable main', NULL, 'color')", '.' ]);
};

subtest 'N9 a Content-Encoding with much in little' => sub {
    # nothing is decoded: what arrives are the compressed bytes, which are not the file. (The second and third request of
    # a pgx registry come side by side, and one of them is for a root that is not there.)
    $server->refuses_each(hostile('at once', 'gzip', { sqlstate => qr/^PX00[4567]$/ }), hostile('later', 'gzip', { sqlstate => qr/^(?:PX00[4567]|54000)$/ }, { apt => 3, pgx => 4 }));
    works('after that');
};

subtest 'N10 every request of an install fails' => sub {
    my @what = qw(disconnect 404 500 429);
    my (@cases, $turn, @missing);
    foreach my $kind (qw(apt pgx))
    {
        foreach my $at (1 .. $requests{$kind})
        {
            # each request in one way, or in all of them
            foreach my $what ($ENV{PGX_TORTURE} ? @what : $what[ $turn++ % 4 ])
            {
                my ($case) = grep { $_->{name} =~ /\($kind\)/ } hostile("request $at: $what", $what, { sqlstate => qr/^(?:08006|PX00[45])$/ }, $at);
                push @{ $what eq '404' ? \@missing : \@cases }, $case;
            }
        }
    }
    $server->refuses_each(@cases);
    # some files may be missing: a newer root, a list under its digest that is there under its name too. Then all is well without.
    my $without = 0;
    foreach my $case (@missing)
    {
        my $before = $server->state;
        PostgreSQL::Test::Utils::system_or_bail($case->{before});
        my $error = $server->error($case->{sql});
        if (defined $error)
        {
            like($error->{sqlstate}, qr/^(?:08006|PX00[45])$/, $case->{name}) or diag($error->{all});
            is_deeply($server->state, $before, "$case->{name}: nothing has changed");
            next;
        }
        $without++;
        $server->is_consistent("$case->{name}, installed without");
        $server->sql("SELECT pgx.remove(array_agg(package)) FROM pgx.installed; SELECT pgx.drop_registry('web')");
    }
    cmp_ok($without, '<=', $ENV{PGX_TORTURE} ? 4 : 2, 'few files may be missing');
    $web->behave('ok');
    works('once more, undisturbed');
};

$server->is_consistent('in the end');
done_testing();
