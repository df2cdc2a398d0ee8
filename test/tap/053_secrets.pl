# 053_secrets.pl - tokens and passwords do not turn up where others can read.
#
# Both secrets are used: a token that a private registry asks for, and a proxy's password, out of the environment and out of apt's
# configuration. Then every place is searched for them: process lists while a helper is at work, errors, the server's log at its most
# talkative, pg_stat_activity, pg_stat_statements, the catalog as others see it, dumps, and all files of pgx's own.
#
# The statement that gives a token to pgx is the one place that PostgreSQL itself may write down, with log_statement. It is the
# administrator who types it; docs/guide.md says how.
use strict;
use warnings FATAL => 'all';

use File::Find;
use MIME::Base64 ();
use PgxPublish;
use PgxTest;
use PgxWeb;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($token, $password) = ('let-me-in', 'Pr0xy-Pa55word');
my $web = PgxWeb->new;
my $work = PostgreSQL::Test::Utils::tempdir;
my $nowhere = PostgreSQL::Test::Cluster::get_free_port();
# one proxy by the environment and one by apt, neither of which is there
append_to_file("$work/apt.conf", qq{Acquire::http::Proxy::127.0.0.2 "http://somebody:$password\@127.0.0.1:$nowhere/";\n});
$ENV{APT_CONFIG} = "$work/apt.conf";
my $server;
{
    local $ENV{http_proxy} = "http://somebody:$password\@127.0.0.1:$nowhere/";
    local $ENV{no_proxy} = '127.0.0.1,localhost';
    $server = PgxTest->new('secrets', settings => <<'END');
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = all
pg_stat_statements.track_utility = on
log_min_messages = debug1
log_min_error_statement = debug1
log_min_duration_statement = 0
log_duration = on
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_error_verbosity = verbose
END
}
my $node = $server->node;
my $acme = PgxPublish->new($server, 'acme')->init;
$acme->publish($acme->bundle('ledger', '1.0.0'), $acme->bundle('journal', '1.0.0'));
$server->sql('CREATE EXTENSION pg_stat_statements; SELECT pgx.setup(); CREATE ROLE curious LOGIN; GRANT pg_monitor TO curious');

my @errors;
sub fails_somehow
{
    my ($name, $sql) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $error = $server->error($sql);
    ok(defined $error, $name);
    push @errors, $error->{all} if defined $error;
    return;
}

# given(SQL) - the administrator's statement, in a session where it is not logged
sub given
{
    my ($sql) = @_;
    return $server->sql("SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_duration = off; SET log_min_error_statement = panic; SET log_min_messages = panic; $sql");
}

my $headers = qq({"Authorization": "Bearer $token", "X-Token": "$token"});
my $private = $acme->url('private');

subtest 'the token is used' => sub {
    given("SELECT pgx.add_registry('acme', '$private', root => '$acme->{root}', headers => '$headers')");
    $server->sql(q{ALTER SYSTEM SET log_statement = 'all'});
    $node->reload;
    like($server->sql(q{SELECT status FROM pgx.refresh('acme')}), qr/updated/, 'refresh()');
    is($server->sql(q{SELECT action FROM pgx.install('ledger')}), 'installed', 'install()');
    is($server->sql(q{SELECT count(*) FROM pgx.doctor() WHERE status = 'error'}), '0', 'doctor()');
    $server->sql(q{SELECT pgx.plan('ledger'), pgx.export()});
    rename $acme->folder, $acme->folder . '.away';
    fails_somehow('refresh() of what is not there', q{SELECT pgx.refresh('acme', true)});
    fails_somehow('install() of what is not there', q{SELECT pgx.install('journal')});
    rename $acme->folder . '.away', $acme->folder;
    given("SELECT pgx.alter_registry('acme', headers => '{\"Authorization\": \"Bearer wrong-$token\"}')");
    fails_somehow('a token that is refused', q{SELECT pgx.refresh('acme', true)});
    given("SELECT pgx.alter_registry('acme', headers => '$headers')");
    # values that are refused are not shown either
    my $error = $node->psql('postgres', "SET log_statement = 'none'; SET log_min_error_statement = panic; SET log_min_duration_statement = -1; SELECT pgx.alter_registry('acme', headers => '{\"Authorization\": \"Bearer $token\\r\\nX: y\"}')", stderr => \my $said);
    push @errors, $said =~ s/^.*?(?=ERROR)//sr =~ s/^LINE.*//msr;
    # An error has a context in which the statement of a function would be, and the parameters of a prepared one.
    my $quiet = "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_duration = off";
    my %contexts = (
        'in a function' => qq{DO \$\$ BEGIN PERFORM pgx.add_registry('acme', '$private', root => '$acme->{root}', headers => '$headers'); END \$\$},
        'as a parameter' => qq{SELECT pgx.add_registry('acme', '$private', root => '$acme->{root}', headers => \$1) \\bind '$headers' \\g\n},
        'in another function' => qq{DO \$\$ BEGIN PERFORM pgx.alter_registry('nowhere', headers => '$headers'); END \$\$});
    # psql sends what is typed; the log's last line of each would be the statement, if it were told
    foreach my $what (sort keys %contexts)
    {
        my $before = -s $node->logfile;
        $node->psql('postgres', "$quiet;\n$contexts{$what};", stderr => \my $answer, on_error_stop => 0);
        like($answer, qr/ERROR:  registry "\w+" (?:exists already|does not exist)/, "an error $what");
        unlike($answer, qr/^CONTEXT/m, "$what: without a context");
        push @errors, $answer;
        unlike(slurp_file($node->logfile, $before), qr/\Q$token\E/, "$what: the log");
    }
    is($server->sql(q{DO $$ BEGIN PERFORM pgx.alter_registry('acme', priority => 501); RAISE NOTICE 'x'; END $$; SELECT 1}), '1', 'without headers all is as ever');
    # predefined roles do not read them either
    $server->sql('CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader');
    is($node->safe_psql('postgres', 'SELECT count(*) FROM pgx.registry_headers', extra_params => [ '--username' => 'reader' ]), '0', 'pg_read_all_data');
    is($server->sql('SELECT count(*) FROM pgx.registry_headers'), '1', 'they are there');
};

subtest 'the password is used' => sub {
    # by the environment's proxy and by apt's; neither answers
    $server->sql("SELECT pgx.add_registry('far', 'deb [signed-by=$ENV{PGX_FIXTURE_KEY}] http://127.0.0.2:1/debian stable main')");
    $server->sql("SELECT pgx.add_registry('farther', 'deb [signed-by=$ENV{PGX_FIXTURE_KEY}] http://proxied.example.org/debian stable main')");
    $server->sql("SELECT pgx.add_registry('farthest', 'http://proxied.example.org/', root => '$acme->{root}')");
    fails_somehow("apt's proxy", q{SELECT pgx.refresh('far')});
    fails_somehow("the environment's proxy", q{SELECT pgx.refresh('farther')});
    fails_somehow("the environment's proxy, for a registry of our own kind", q{SELECT pgx.refresh('farthest')});
    like(join('', @errors[ -3 .. -1 ]), qr/proxy|connect/i, 'it was the proxy that was asked');
    # a password in an address would be in tables that everybody reads
    fails_somehow('a password in an address', $_) foreach "SELECT pgx.add_registry('named', 'deb [signed-by=$ENV{PGX_FIXTURE_KEY}] http://somebody:secret-word\@127.0.0.2:1/debian stable main')",
        "SELECT pgx.add_registry('named', 'https://somebody:secret-word\@127.0.0.2/', root => '$acme->{root}')",
        "SELECT pgx.alter_registry('far', 'deb [signed-by=$ENV{PGX_FIXTURE_KEY}] http://somebody\@127.0.0.2:1/debian stable main')";
    like(join('', @errors[ -3 .. -1 ]), qr/(?:the (?:URL|source) contains a user name.*){3}/s, 'which says so');
    is($server->sql(q{SELECT count(*) FROM pgx.registries WHERE source LIKE '%somebody%'}), '0', 'it is not kept');
    $server->sql(q{SELECT pgx.drop_registry('far'), pgx.drop_registry('farther'), pgx.drop_registry('farthest')});
};

my %processes;
sub command_line { my ($process) = @_; open(my $file, '<', "$process/cmdline") or return ''; return <$file> // ''; }

subtest 'while a helper is at work' => sub {
    given("SELECT pgx.alter_registry('acme', source => '" . $web->url("x/own/$server->{client}/acme") . "', headers => '$headers')");
    $web->behave('silent');
    my $session = $node->background_psql('postgres', on_error_stop => 0);
    $session->query_until(qr/begun/, "\\echo begun\nSELECT pgx.refresh('acme', true);\n");
    ok((eventually { $web->requests }), 'a request has been made');
    foreach my $pid ($server->helpers)
    {
        my ($line, $environment) = map { -r "/proc/$pid/$_" ? slurp_file("/proc/$pid/$_") : '' } qw(cmdline environ);
        $processes{"command line of $pid"} = $line;
        # the server's own environment is the helper's, and nobody else may read it; the token is not in it
        unlike($environment, qr/\Q$token\E/, 'no token in the environment');
        is((stat "/proc/$pid/environ")[2] & 0077, 0, 'nobody else may read the environment');
    }
    is(scalar keys %processes, 1, 'a helper was looked at');
    $processes{'all command lines'} = join "\n", map { command_line($_) } glob '/proc/[0-9]*';
    $processes{'pg_stat_activity'} = $node->safe_psql('postgres', q{SELECT * FROM pg_stat_activity WHERE pid <> pg_backend_pid()}, extra_params => [ '--username' => 'curious' ]);
    $processes{'pgx.progress'} = $server->sql('SELECT * FROM pgx.progress');
    ($session->{pid}) = $server->sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pgx.refresh%' AND pid <> pg_backend_pid()});
    $session->query('SELECT 1');
    push @errors, $session->{stderr};
    $session->quit;
    $web->behave('ok');
};

subtest 'nowhere' => sub {
    my %places = (%processes, errors => join("\n", @errors));
    ok(@errors > 5, 'there were errors');
    my @dump = map { "$work/$_" } qw(dump dumpall);
    $node->command_ok([ 'pg_dump', '--file', $dump[0], $node->connstr('postgres') ], 'pg_dump');
    $node->command_ok([ 'pg_dumpall', '--file', $dump[1], '--dbname', $node->connstr('postgres') ], 'pg_dumpall');
    $places{$_} = slurp_file($_) foreach @dump;
    $places{"the server's log"} = slurp_file($node->logfile);
    cmp_ok(length $places{"the server's log"}, '>', 20_000, 'the log is long');
    my $by_curious = sub { return $node->safe_psql('postgres', $_[0], extra_params => [ '--username' => 'curious' ]) };
    $places{pg_stat_statements} = $by_curious->('SELECT * FROM pg_stat_statements');
    like($places{pg_stat_statements}, qr/pgx\.refresh/, 'pg_stat_statements has statements');
    foreach my $relation (split /\n/, $server->sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'pgx'::regnamespace AND relkind IN ('r', 'v') AND relname NOT IN ('registry_headers', 'stored_bundles')}))
    {
        $places{$relation} = $server->sql("SELECT * FROM $relation");
    }
    $places{$_} = $server->sql("SELECT * FROM pgx.$_") foreach ('doctor()', 'export()', 'outdated()', q{info('ledger')}, q{versions('ledger')});
    find({ no_chdir => 1, wanted => sub { $places{$_} = slurp_file($_) if -f $_ } }, $server->directory);
    my @found = grep { $places{$_} =~ /\Q$token\E|\Q$password\E|\Q${\ MIME::Base64::encode_base64("somebody:$password", '')}\E/ } sort keys %places;
    is_deeply(\@found, [], 'of ' . scalar(keys %places) . ' places');
    $server->fails('and not to be read', 'SELECT * FROM pgx.registry_headers', { sqlstate => '42501', hint => '' }, role => 'curious');
};

done_testing();
