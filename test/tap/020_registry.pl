# 020_registry.pl - a registry of pgx's own kind from the server's side: trust, refresh, install, names, and what a bad web server
# can and cannot do.
use strict;
use warnings FATAL => 'all';

use File::Copy qw(copy);
use PgxPublish;
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

my $server = PgxTest->new('registry');
$server->sql('SELECT pgx.setup()');
my $acme = PgxPublish->new($server, 'acme')->init;
$acme->publish($acme->bundle('ledger', '1.0.0'), $acme->bundle('journal', '2.0.0', requires => 'ledger'));

sub refresh { return $server->sql("SELECT status, packages, requests FROM pgx.refresh('acme')"); }

# --- trust -------------------------------------------------------------------------------------------------------------------

subtest 'a registry is a URL and a fingerprint' => sub {
    my $url = $acme->url;
    $server->refuses('without a fingerprint', "SELECT pgx.add_registry('acme', '$url')",
        { sqlstate => '22023', message => qr/fingerprint of the registry's root is missing/, hint => qr/sha256:/ });
    $server->refuses('that is none', "SELECT pgx.add_registry('acme', '$url', root => 'abc')",
        { sqlstate => '22023', message => qr/"abc" is not a fingerprint/, hint => qr// });
    $server->refuses('an address with a password', "SELECT pgx.add_registry('acme', 'https://u:p\@example.org/', root => '" . $acme->root . "')",
        { sqlstate => '22023', message => qr/contains a user name/, hint => qr/headers/ });
    $server->refuses('an address with a line break', "SELECT pgx.add_registry('acme', E'https://example.org/a\\nb', root => '" . $acme->root . "')",
        { sqlstate => '22023', message => qr/character that is not allowed/, hint => qr// });
    $server->refuses('a fingerprint for apt', "SELECT pgx.add_registry('acme', '', root => '" . $acme->root . "')",
        { sqlstate => '22023', message => qr/has no root metadata/ });
    $server->refuses('the name of the registry of bundles', "SELECT pgx.add_registry('bundles', '$url', root => '" . $acme->root . "')",
        { sqlstate => '42602', message => qr/reserved/, hint => qr// });

    my $wrong = 'sha256:' . ('0' x 64);
    $server->sql("SELECT pgx.add_registry('acme', '$url', root => '$wrong')");
    $server->refuses('another fingerprint than the registry has', "SELECT pgx.refresh('acme')",
        { sqlstate => 'PX007', message => qr/could not refresh registry "acme"/ });
    $server->sql("SELECT pgx.alter_registry('acme', root => '" . $acme->root . "')");
    like(refresh(), qr/^updated\|2\|/, 'the right one');
    $server->sql("SELECT pgx.alter_registry('acme', source => '$url')");
    like(refresh(), qr/^updated\|2\|/, 'and once more, with nothing forgotten but the rows');
};

subtest 'what it offers' => sub {
    is($server->sql(q{SELECT name, version, package, registry FROM pgx.available()}), "journal|2.0.0|journal|acme\nledger|1.0.0|ledger|acme",
        'available()');
    is($server->sql(q{SELECT name FROM pgx.search('ledger')}), 'ledger', 'search()');
    is($server->sql(q{SELECT version, registry, installed FROM pgx.versions('ledger')}), '1.0.0|acme|f', 'versions()');
    like($server->sql(q{SELECT value FROM pgx.info('ledger') WHERE property = 'signed by'}), qr/^bin-[0-9a-f] of sha256:/, 'info()');
};

subtest 'install, with what is required' => sub {
    is($server->sql(q{SELECT extension, action, version, source FROM pgx.install('journal')}),
        "ledger|installed, required by journal|1.0.0|acme: ledger 1.0.0\njournal|installed|2.0.0|acme: journal 2.0.0", 'install()');
    is($server->sql('CREATE EXTENSION journal CASCADE; SELECT journal_version(), ledger_version()'), '2.0.0|1.0.0', 'they work');
    is($server->sql(q{SELECT DISTINCT signer ~ '^bin-[0-9a-f] of sha256:[0-9a-f]{64}$' FROM pgx.history}), 't', 'the history tells who signed');
    $server->is_consistent('after install');
};

subtest 'a refresh reads what has changed' => sub {
    is((split /\|/, refresh())[0], 'unchanged', 'nothing');
    $acme->publish($acme->bundle('ledger', '1.1.0'));
    my $before = $server->requests(qr{/targets/});
    like(refresh(), qr/^updated\|3\|/, 'one more');
    is($server->requests(qr{/targets/}) - $before, 1, 'one part of the catalog');
    is($server->sql(q{SELECT what, name, current, newest FROM pgx.outdated()}), 'package|ledger|1.0.0|1.1.0', 'outdated()');
    is($server->sql(q{SELECT extension, action, version FROM pgx.update('ledger')}), 'ledger|updated|1.1.0', 'update()');
    is($server->sql(q{SELECT extension, action, version FROM pgx.rollback('ledger')}), 'ledger|rolled back|1.0.0', 'rollback()');
    is($server->sql(q{SELECT action, version FROM pgx.install('acme:ledger@1.1.0')}), 'updated|1.1.0', 'registry and version in the name');
    $acme->pgx('registry', 'remove', $acme->folder, 'journal', '--keys', $acme->{keys});
    like(refresh(), qr/^updated\|2\|/, 'what is withdrawn is not offered any more');
    is($server->sql(q{SELECT what, name, newest, next_step FROM pgx.outdated() WHERE what LIKE 'package%'}), q{package (withdrawn)|journal||SELECT * FROM pgx.versions('journal');}, 'outdated() says so');
    is($server->sql(q{SELECT detail, remedy FROM pgx.doctor() WHERE "check" = 'origins' AND status = 'warning'}),
        '1 installed package was withdrawn by its publisher: "journal".|SELECT * FROM pgx.outdated();', 'and doctor()');
    is($server->sql(q{SELECT count(*) FROM pgx.available() WHERE name = 'journal'}), '0', 'nowhere');
};

# --- names -------------------------------------------------------------------------------------------------------------------

subtest 'names' => sub {
    my $globex = PgxPublish->new($server, 'globex')->init;
    $globex->publish($globex->bundle('ledger', '9.0.0'), $globex->bundle('stock', '1.0.0'),
        $globex->bundle('globex_ledger', '1.0.0', extension => 'ledger'), $acme->bundle('parts', '1.0.0-beta.1'));
    $globex->add_to($server);
    $server->sql(q{SELECT pgx.refresh('globex')});
    $acme->publish($acme->bundle('stock', '2.0.0'));
    $server->sql(q{SELECT pgx.refresh('acme')});

    $server->refuses('two registries with one name', q{SELECT pgx.install('stock')},
        { sqlstate => '42725', message => '"stock" is offered more than once', detail => qr/acme: stock 2\.0\.0.*globex: stock 1\.0\.0/ });
    is($server->sql(q{SELECT source FROM pgx.install('globex:stock')}), 'globex: stock 1.0.0', 'one of them');
    $server->refuses('the other, while this is installed', q{SELECT pgx.install('acme:stock')},
        { sqlstate => '42725', message => qr/"stock" is installed from another registry/, hint => qr/pgx\.remove/ });
    $server->refuses('a newer version does not come from elsewhere', q{SELECT pgx.install('stock@2.0.0')},
        { sqlstate => '42704', message => qr/no version "2\.0\.0"/ });
    is($server->sql(q{SELECT action FROM pgx.update('stock')}), 'up to date', 'nor by update()');
    $server->refuses('another package with an extension that is there', q{SELECT pgx.install('globex:globex_ledger')},
        { sqlstate => '42710', message => qr/both contain|belongs|installed/ });
    $server->refuses('two versions', q{SELECT pgx.install('parts@1.0.0', version => '2.0.0')},
        { sqlstate => '22023', message => 'two versions are asked for', hint => '' });
    $server->refuses('a path out of its folder', q{SELECT pgx.install('example.org/../x')}, { sqlstate => '42602', message => qr/not the path of a source/ });
    is($server->sql(q{SELECT version FROM pgx.install('parts')}), '1.0.0-beta.1', 'a pre-release when there is nothing else');
    $globex->publish($globex->bundle('parts', '1.0.0'));
    is($server->sql(q{SELECT action, version FROM pgx.update('parts')}), 'updated|1.0.0', 'and the release after it');
    $globex->publish($globex->bundle('parts', '1.1.0-rc.1'));
    is($server->sql(q{SELECT action FROM pgx.update('parts')}), 'up to date', 'but not the next pre-release');
    is($server->sql(q{SELECT version FROM pgx.install('parts@1.1.0-rc.1')}), '1.1.0-rc.1', 'unless it is asked for');
    $server->refuses('one name twice', q{SELECT pgx.install(ARRAY['parts@1.0.0', 'parts@1.1.0-rc.1'])}, { sqlstate => '22023', message => '"parts" is named twice', hint => '' });
    is($server->sql(q{SELECT count(*) FROM unnest(ARRAY['', '%', '(', 'a & b', '\\', '-']) AS w CROSS JOIN LATERAL pgx.search(w) AS s WHERE s.name = 'none'}),
        '0', 'any text can be searched for');
    $server->sql(q{SELECT pgx.remove(ARRAY['parts', 'stock']); SELECT pgx.drop_registry('globex')});
};

# --- private registries ------------------------------------------------------------------------------------------------------

sub credentials { return grep { m{/acme/} } split /\n/, slurp_file("$ENV{PGX_FIXTURE_DIR}/nginx/credentials.log"); }

subtest 'a private registry' => sub {
    $server->sql("SELECT pgx.alter_registry('acme', source => '" . $acme->url('private') . "')");
    $server->refuses('without the token', q{SELECT pgx.refresh('acme')}, { sqlstate => '08006', all => qr/HTTP status 401/ });
    $server->refuses('a header that would be two', q{SELECT pgx.alter_registry('acme', headers => '{"A": "b\r\nC: d"}')},
        { sqlstate => '22023', message => qr/value of header "A" is not valid/, hint => qr// });
    $server->refuses('no object', q{SELECT pgx.alter_registry('acme', headers => '["let-me-in"]')}, { sqlstate => '22023', message => qr/not a JSON object/ });
    $server->sql(q{SELECT pgx.alter_registry('acme', headers => '{"Authorization": "Bearer let-me-in", "X-Token": "let-me-in"}')});
    like(refresh(), qr/^updated/, 'with it');
    is($server->sql(q{SELECT source FROM pgx.install('stock')}), 'acme: stock 2.0.0', 'for bundles too');
    $server->sql(q{SELECT pgx.remove('stock')});

    $server->sql("SELECT pgx.alter_registry('acme', source => 'http://localhost:1/elsewhere')");
    is($server->sql('SELECT count(*) FROM pgx.registry_headers'), '0', 'another server does not get the token');
    $server->sql("SELECT pgx.alter_registry('acme', source => '" . $acme->url('private') . q{', headers => '{"Authorization": "Bearer let-me-in", "X-Token": "let-me-in"}')});
    $server->fails('a call that fails', q{SELECT pgx.add_registry('acme', 'https://example.org', root => 'sha256:} . ('0' x 64) . q{', headers => '{"A": "let-me-in"}')},
        { sqlstate => '42710' });
    my @sent = credentials();
    $server->sql("SELECT pgx.alter_registry('acme', source => '" . $acme->url('away') . "')");
    like(refresh(), qr/^updated/, 'a redirect to another host is followed');
    my @away = grep { /^localhost/ } splice(@{ [ credentials() ] }, @sent);
    cmp_ok(scalar @away, '>', 0, 'there');
    is(scalar(grep { /let-me-in/ } @away), 0, 'without the token');

    $server->sql(q{CREATE ROLE curious LOGIN});
    $server->fails('the token is not to be read', 'SELECT * FROM pgx.registry_headers',
        { sqlstate => '42501', hint => '' }, role => 'curious');
    my $dump = $server->{node}->basedir . '/dump';
    $server->{node}->command_ok([ 'pg_dump', '--file', $dump, $server->{node}->connstr('postgres') ], 'a dump');
    foreach my $place ($dump, $server->{node}->logfile, "$ENV{PGX_FIXTURE_DIR}/nginx/access.log")
    {
        unlike(slurp_file($place), qr/let-me-in/, "no token in $place");
    }
    my $session = $server->{node}->background_psql('postgres');
    $session->query_safe(q{SELECT pgx.alter_registry('acme', headers => '{"Authorization": "Bearer let-me-in"}') FROM (VALUES ('let-me-in')) AS v});
    is($server->sql(q{SELECT query FROM pg_stat_activity WHERE query LIKE '%secrets of pgx%' AND pid <> pg_backend_pid()}),
        '<a statement with secrets of pgx>', 'pg_stat_activity does not show the statement');
    is($server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%let-me%' AND pid <> pg_backend_pid()}), '0', 'nowhere');
    $session->quit;
    $server->sql("SELECT pgx.alter_registry('acme', source => '" . $acme->url . "', headers => '{}')");
    is($server->sql('SELECT count(*) FROM pgx.registry_headers'), '0', 'forgotten');
    refresh();
};

# --- a web server that is broken, or bad ---------------------------------------------------------------------------------------

# Every file of the registry, changed in every way: an error, nothing believed, and afterwards all is well. (T8, T11, "Bad input")
my $metadata = $acme->folder . '/metadata';

sub newest { my ($role) = @_; my ($file) = sort { ($b =~ /(\d+)\.$role/)[0] <=> ($a =~ /(\d+)\.$role/)[0] } glob "$metadata/*.$role.json"; return $file; }

sub with_change
{
    my ($file, $change) = @_;
    my $content = slurp_file($file);
    local $_ = $content;
    $change->();
    my $changed = $_;
    PostgreSQL::Test::Utils::append_to_file("$file.new", $changed);
    rename "$file.new", $file;
    return sub { unlink $file; PostgreSQL::Test::Utils::append_to_file($file, $content); };
}

subtest 'metadata that was tampered with' => sub {
    my %changes = (
        'is cut off' => sub { substr($_, length($_) / 2) = '' },
        'is empty' => sub { $_ = '' },
        'is nothing but brackets' => sub { $_ = '[' x 1_000_000 },
        'has a bit flipped' => sub { my $at = index($_, '"version"') + 5; substr($_, $at, 1) ^= "\x01" },
        'says null' => sub { s/"version":\d+/"version":null/ },
        'has no signatures' => sub { s/"signatures":\[.*?\]/"signatures":[]/s },
        'is endless' => sub { $_ .= ' ' x 6_000_000 },
    );
    $acme->publish($acme->bundle('next', '1.0.0'));
    foreach my $role (qw(timestamp snapshot targets))
    {
        my $file = $role eq 'timestamp' ? "$metadata/timestamp.json" : newest($role);
        foreach my $what (sort keys %changes)
        {
            # targets.json that the server has already is not asked for again
            next if $role eq 'targets';
            my $undo = with_change($file, $changes{$what});
            $server->refuses("$role metadata that $what", q{SELECT pgx.refresh('acme')},
                { sqlstate => qr/^(?:PX004|PX005|PX006|PX007|54000)$/, message => qr/could not refresh registry "acme"/, hint => qr// });
            $undo->();
        }
    }
    like(refresh(), qr/^updated/, 'the next refresh works');
};

subtest 'old metadata again' => sub {
    mkdir "$metadata.old";
    copy("$metadata/timestamp.json", "$metadata.old/timestamp.json") or die;
    $acme->publish($acme->bundle('next', '1.1.0'));
    like(refresh(), qr/^updated/, 'a newer generation is seen');
    copy("$metadata/timestamp.json", "$metadata.old/newest.json") or die;
    unlink "$metadata/timestamp.json";
    copy("$metadata.old/timestamp.json", "$metadata/timestamp.json") or die;
    $server->refuses('the one before', q{SELECT pgx.refresh('acme')}, { sqlstate => 'PX006', message => qr/could not refresh/ });
    unlink "$metadata/timestamp.json";
    copy("$metadata.old/newest.json", "$metadata/timestamp.json") or die;
    is((split /\|/, refresh())[0], 'unchanged', 'and back');
};

subtest 'a catalog or bundle that is not what was signed' => sub {
    $acme->publish($acme->bundle('wrench', '1.0.0'));
    my ($shard) = sort { (Time::HiRes::stat($b))[9] <=> (Time::HiRes::stat($a))[9] } glob $acme->folder . '/targets/catalog/*.json.zst';
    my $undo = with_change($shard, sub { substr($_, 20, 1) ^= "\x01" });
    $server->refuses('a part of the catalog', q{SELECT pgx.refresh('acme')}, { sqlstate => 'PX007', message => qr/could not refresh/ });
    $undo->();
    like(refresh(), qr/^updated/, 'then it works');
    my ($bundle) = glob $acme->folder . '/bundles/wrench/*.trunk';
    $undo = with_change($bundle, sub { substr($_, 100, 1) ^= "\x01" });
    $server->refuses('a bundle', q{SELECT pgx.install('wrench')}, { sqlstate => 'PX007' });
    $undo->();
    is($server->sql(q{SELECT action FROM pgx.install('wrench')}), 'installed', 'then it works');
};

# --- keys ----------------------------------------------------------------------------------------------------------------------

subtest 'keys are changed' => sub {
    foreach my $role (qw(timestamp snapshot targets root))
    {
        $acme->ok_pgx('registry', 'rotate', $acme->folder, '--role', $role, '--keys', $acme->{keys});
        $acme->publish($acme->bundle("after_$role", '1.0.0'));
        like(refresh(), qr/^updated/, "after a new key for $role");
        is($server->sql("SELECT action FROM pgx.install('after_$role')"), 'installed', 'install()');
    }
    $server->sql(q{SELECT pgx.add_registry('again', '} . $acme->url . q{', root => '} . $acme->root . q{', priority => 1)});
    like($server->sql(q{SELECT status FROM pgx.refresh('again')}), qr/updated|unchanged/, 'the first fingerprint is still good');
    $server->sql(q{SELECT pgx.drop_registry('again')});

    # A server in the middle of publishing a new root.
    my $file = newest('root');
    rename $file, "$file.away";
    $acme->run_pgx('registry', 'sign', $acme->folder, '--keys', $acme->{keys});
    rename "$file.away", $file;
    like(refresh(), qr/changed|updated/, 'a root that comes late');
};

subtest 'a registry that cannot be reached' => sub {
    foreach my $location (qw(denied busy))
    {
        $server->sql("SELECT pgx.alter_registry('acme', source => '" . $acme->url($location) . "')");
        $server->refuses("$location", q{SELECT pgx.refresh('acme')}, { sqlstate => '08006', message => qr/could not refresh registry "acme"/ });
    }
    $server->sql("SELECT pgx.alter_registry('acme', source => '" . $acme->url . "')");
    like(refresh(), qr/^updated/, 'then it works');
};

subtest 'from a disk' => sub {
    $server->sql("SELECT pgx.alter_registry('acme', source => 'file://" . $acme->folder . "')");
    like(refresh(), qr/^updated/, 'refresh()');
    is($server->sql(q{SELECT action FROM pgx.install('next')}), 'installed', 'install()');
    $server->is_consistent('in the end');
};

done_testing();
