# 033_resolver.pl - which versions are chosen, as the user sees it. The rules have their cases in test/resolver.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('resolver');
$server->sql('SELECT pgx.setup()');
# one registry with two repositories: a repository has one version of a package
sub add_choices
{
    my ($to) = @_;
    my $sources = join("\n", $to->source('choices'), $to->source('choices-old'));
    $to->sql("SELECT pgx.add_registry('choices', '$sources'); SELECT pgx.refresh()");
}
add_choices($server);
my ($sweet, $sour, $feast, $fresh, $base, $late, $stuck) =
  map { PgxTest->package_name($_) } qw(sweet sour feast fresh base late stuck);

# what install() would do, and nothing of it stays
sub chosen
{
    my ($names) = @_;
    return $server->sql("SELECT extension || ' ' || version || ': ' || action FROM pgx.plan(ARRAY[$names]) ORDER BY 1");
}

subtest 'an older version where the newest does not fit' => sub {
    is(chosen(q{'sweet'}), 'sweet 2.0: install', 'the newest');
    is(chosen(q{'sour', 'sweet'}), "sour 1.0: install\nsweet 1.0: install", 'an older one that the other does not break');
    is(chosen(q{'fresh'}), "base 1.0: install, required by fresh\nfresh 1.0: install", 'one whose dependency there is');
    is(chosen(q{'late'}), 'late 1.0: install', 'one that requires less, as is known when the newest was downloaded');
    is($server->sql(q{SELECT extension, version, source FROM pgx.install('late')}), "late|1.0|choices: $late 1.0-1", 'installed');
    $server->is_consistent('and what was taken back is gone');
    $server->sql(q{SELECT pgx.remove('late')});
};

subtest 'what is installed' => sub {
    $server->sql(q{SELECT pgx.install('sweet@1.0')});
    is(chosen(q{'sour', 'sweet'}), "sour 1.0: install\nsweet 1.0: already installed", 'stays');
    is(chosen(q{'feast'}), "feast 1.0: install\nsweet 2.0: update, required by feast", 'becomes newer where that is needed');
    $server->sql(q{SELECT pgx.pin('sweet')});
    $server->refuses('unless it is pinned', q{SELECT pgx.install('feast')}, {
        sqlstate => 'PX011',
        message => 'could not find versions that fit together',
        detail => "Because $feast 1.0-1 depends on $sweet (>= 2) and $sweet is pinned to version 1.0-1, $feast 1.0-1 cannot be installed.\n"
          . 'And because you asked for feast, what you asked for cannot be installed.',
        hint => "Allow other versions of it with pgx.unpin('$sweet')." });
    $server->sql(q{SELECT pgx.unpin('sweet'); SELECT pgx.update('sweet')});
    $server->refuses('does not become older', q{SELECT pgx.install('sour')}, {
        sqlstate => 'PX011',
        detail => qr/^Because $sour 1\.0-1 breaks $sweet \(>= 2\) and $sweet 2\.0-1 is installed, and is not replaced by an older version/,
        hint => qr/'$sweet\@VERSION'/ });
    is(chosen(q{'sour', 'sweet@1.0'}), "sour 1.0: install\nsweet 1.0: update", 'unless somebody says so');
    $server->sql(q{SELECT pgx.install('feast')});
    $server->refuses('and not at the expense of another', q{SELECT pgx.install('sweet@1.0')}, {
        sqlstate => 'PX011',
        detail => "Because $feast 1.0-1 depends on $sweet (>= 2) and $feast 1.0-1 is installed, $sweet 2.0-1 has to be installed.\n"
          . 'And because you asked for sweet 1.0, what you asked for cannot be installed.' });
    $server->sql(q{SELECT pgx.remove(ARRAY['feast', 'sweet'])});
};

subtest 'updates' => sub {
    $server->sql(q{SELECT pgx.install(ARRAY['sour', 'sweet', 'base', 'late@1.0'])});
    my $messages = $server->messages(q{SELECT pgx.update('sweet')});
    like($messages, qr/NOTICE:  "$sweet" is not updated, since the newest version, 2\.0-1, does not fit together with the rest/, 'one that does not fit');
    like($messages, qr/^DETAIL:  Because $sour 1\.0-1 breaks $sweet \(>= 2\) and $sour 1\.0-1 is installed/m, 'with the reason');
    is($server->sql(q{SELECT extension, action, version FROM pgx.update('sweet')}), 'sweet|not updated: newer versions do not fit|1.0', 'it stays');
    $server->sql(q{SELECT pgx.remove('sour')});
    is($server->sql(q{SELECT extension, action, version FROM pgx.update() WHERE action LIKE 'updated%'}), 'sweet|updated|2.0', 'one of several');
    is($server->sql(q{SELECT version FROM pgx.installed WHERE package LIKE '%late'}), '1.0-1', 'whose newest version requires what nobody has, stays');
    $server->is_consistent('after updates');
    $server->sql(q{SELECT pgx.remove(ARRAY['sweet', 'base', 'late'])});
};

subtest 'a version that cannot be used here' => sub {
    my $spoilt = PgxTest->package_name('spoilt');
    my $why = qr/DETAIL:  Library "libpgxnowhere\.so\.1" is missing\. "spoilt\.so" of package "$spoilt" needs "libpgxnowhere\.so\.1"\./;
    like($server->messages(q{SELECT pgx.install('cake')}),
        qr/NOTICE:  version 1\.0-1 of "$spoilt" is taken, since version 2\.0-1 cannot be used here\n$why/, 'is passed over, and that is told');
    is($server->sql('SELECT package, version FROM pgx.installed ORDER BY 1'), PgxTest->package_name('cake') . "|1.0-1\n$spoilt|1.0-1", 'for an older one');
    $server->is_consistent('without it');
    $server->sql(q{SELECT pgx.install('sweet@1.0')});
    is($server->sql(q{SELECT extension, action, version FROM pgx.update() ORDER BY 1}),
        qq{cake|up to date|1.0\nspoilt|not updated: library "libpgxnowhere.so.1" is missing|1.0\nsweet|updated|2.0}, 'update() of all goes on without it');
    like($server->messages(q{SELECT pgx.update('spoilt')}), qr/NOTICE:  "$spoilt" is not updated, since version 2\.0-1 cannot be used here\n$why/, 'with the reason');
    $server->sql(q{SELECT pgx.remove(ARRAY['cake', 'spoilt', 'sweet'])});
    $server->refuses('that version by name', q{SELECT pgx.install('spoilt@2.0')}, { sqlstate => 'PX003', message => 'library "libpgxnowhere.so.1" is missing' });
};

subtest 'packages of one name in two registries' => sub {
    my $two = PgxTest->new('two');
    $two->sql('SELECT pgx.setup()');
    $two->add_registry($_) foreach qw(choices choices-old);
    $two->sql(q{SELECT pgx.install('choices-old:sweet')});
    $two->refuses('the other one is not taken', q{SELECT pgx.install('feast')}, {
        sqlstate => 'PX003',
        detail => qr/depends on $sweet \(>= 2\), which registry "choices" offers, but $sweet 1\.0-1 is installed from registry "choices-old" and is not replaced/,
        hint => "It is replaced when it is named in the same call: 'choices:$sweet\@2.0-1'." });
    is($two->sql("SELECT count(*) FROM pgx.install(ARRAY['choices:$sweet\@2.0-1', 'feast'])"), '2', 'as the hint says');
    is($two->sql("SELECT registry, version FROM pgx.installed WHERE package = '$sweet'"), 'choices|2.0-1', 'it is replaced');
    $two->node->stop;
};

subtest 'nothing fits' => sub {
    $server->refuses('two that need different things', q{SELECT pgx.install(ARRAY['sour', 'feast'])}, {
        sqlstate => 'PX011',
        message => 'could not find versions that fit together',
        detail => qr/^Because .* breaks $sweet \(>= 2\).* cannot be installed.*And because you asked for .*, what you asked for cannot be installed\.$/s });
    $server->refuses('a version that no registry has', q{SELECT pgx.install('stuck')}, {
        sqlstate => 'PX003',
        detail => "Because $stuck 1.0-1 depends on $base (>= 3), which registry \"choices\" does not offer, and you asked for stuck, what you asked for cannot be installed." });
    $server->refuses('an extension that nobody has', q{SELECT pgx.install('late@2.0')}, {
        sqlstate => 'PX003',
        detail => "Because $late 2.0-1 requires extension \"nowhere_else\", which no registry offers and the server does not have, and you asked for late 2.0, what you asked for cannot be installed." });
    $server->refuses('a version that was asked for', q{SELECT pgx.install('fresh@2.0')}, { sqlstate => 'PX003' });
    is($server->sql(q{SELECT action FROM pgx.install('base')}), 'installed', 'the next call works');
};

subtest 'a cycle' => sub {
    is($server->sql(q{SELECT extension, action FROM pgx.install('ring') ORDER BY 1}),
        "gnir|installed, required by ring\nring|installed", 'extensions that require each other are installed together');
    $server->is_consistent('the cycle');
    $server->fails('and PostgreSQL says what it thinks of it', 'CREATE EXTENSION ring CASCADE',
        { sqlstate => '42P19', message => qr/cyclic dependency/, hint => '' });
    is($server->sql(q{SELECT count(*) FROM pgx.remove(ARRAY['ring', 'gnir'])}), '2', 'they go together too');
};

subtest 'two packages with one file' => sub {
    $server->refuses('both at once', q{SELECT pgx.install(ARRAY['twin', 'niwt'])}, {
        sqlstate => '42710',
        message => qr/^packages ".*" and ".*" both contain "share\/extension\/twin--0\.9--1\.0\.sql"$/ });
    $server->sql(q{SELECT pgx.install('twin')});
    $server->refuses('one after the other', q{SELECT pgx.install('niwt')}, { sqlstate => '42710', message => qr/both contain/ });
    $server->sql(q{SELECT pgx.remove('twin')});
};

subtest 'a disk that is full between the third and the fourth of five' => sub {
    plan skip_all => 'PGX_SMALL_DIR is not set' unless $ENV{PGX_SMALL_DIR};
    my $small = PgxTest->new('five', settings => "pgx.directory = '$ENV{PGX_SMALL_DIR}/five'\n");
    $small->sql('SELECT pgx.setup()');
    add_choices($small);
    $small->refuses('it is refused', q{SELECT pgx.install('link1')}, { sqlstate => '53100', message => qr/No space left|full|not enough disk space for package ".*-link4"/ });
    my @downloads = map { m{-(link\d)_} ? $1 : () } $small->requests(qr/link\d/);
    # it may be known from its size, and not be fetched
    my %fetched = map { $_ => 1 } grep { $_ ne 'link4' } @downloads;
    is_deeply([ sort keys %fetched ], [qw(link1 link2 link3)], 'the fourth did not fit');
    is_deeply([ grep { /link/ } keys %{ $small->files } ], [], 'nothing of the five is left');
    is($small->sql('SELECT count(*) FROM pgx.installed'), '0', 'nor in the catalog');
    is($small->sql(q{SELECT action FROM pgx.install('base')}), 'installed', 'and what does fit can be installed');
    $small->is_consistent('the small disk');
    $small->node->stop;
    system('rm', '-rf', "$ENV{PGX_SMALL_DIR}/five");
};

subtest 'names as people write them' => sub {
    # its repositories have no list of contents, which cannot be read again
    unlike($server->messages(q{DO $$ BEGIN PERFORM pgx.plan('nobody_has_it'); EXCEPTION WHEN undefined_object THEN RAISE NOTICE 'unknown'; END $$}),
        qr/package contents of registry/, 'a name that nobody has is not looked for where there is nothing to look into');
    is($server->sql(q{SELECT version FROM pgx.versions('choices:sweet')}), "2.0-1\n1.0-1", 'versions() of one registry');
    is($server->sql(q{SELECT version FROM pgx.versions('choices:sweet@1.0')}), '1.0-1', 'and of one version');
    is($server->sql(q{SELECT version FROM pgx.versions('nobody:sweet')}), '', 'or none');
    is($server->sql(q{SELECT value FROM pgx.info('sweet@1.0') WHERE property = 'version'}), '1.0-1', 'info()');
    $server->sql(q{SELECT pgx.install('sweet@1.0')});
    is($server->sql(q{SELECT pgx.pin('choices:sweet')}), "$sweet 1.0-1", 'pin()');
    is($server->sql(q{SELECT pgx.unpin('sweet@1.0')}), "$sweet 1.0-1", 'unpin()');
    $server->fails('another version', q{SELECT pgx.pin('sweet@2.0')},
        { sqlstate => '42704', message => '"sweet@2.0" is not installed', detail => "What is installed is choices: $sweet 1.0-1." });
    is($server->sql(q{SELECT action, version FROM pgx.update('choices:sweet')}), 'updated|2.0', 'update()');
    is($server->sql(q{SELECT package FROM pgx.remove('choices:sweet@2.0-1')}), $sweet, 'remove()');
    $server->fails('a URL', q{SELECT pgx.install('https://example.org/theory/semver')},
        { sqlstate => '42602', detail => qr{without "https://"}, hint => qr/github\.com/ });
    $server->fails('an empty version', q{SELECT pgx.install('sweet@')}, { sqlstate => '22023', hint => qr/sweet\@1\.0/ });
    $server->fails('for another server', q{SELECT pgx.install('postgresql-17-sweet')},
        { sqlstate => '42704', detail => qr/^By its name it is a package for PostgreSQL 17, and this server is PostgreSQL \d+\.$/ });
};

subtest 'a registry that cannot be read' => sub {
    my $other = PgxTest->new('unread');
    $other->sql('SELECT pgx.setup()');
    add_choices($other);
    my $source = $other->source('no-release');
    $other->sql("SELECT pgx.add_registry('broken', '$source', priority => 900)");
    like($other->messages(q{SELECT pgx.install('base')}), qr/WARNING:  could not refresh registry "broken"/m, 'is a warning');
    is($other->sql('SELECT count(*) FROM pgx.installed'), '1', 'when another one has it');
    $other->refuses('it is an error when it is named', q{SELECT pgx.install('sweet', registry => 'broken')},
        { sqlstate => qr/^(?:08006|PX00\d)$/, message => qr/^could not refresh registry "broken"/ });
    $other->refuses('and told when nobody has it', q{SELECT pgx.install('brick')},
        { sqlstate => '42704', message => 'no registry offers "brick"', detail => qr/^What "broken" offers is not known: it could not be read\.$/ });
    $other->sql(q{SELECT pgx.alter_registry('choices', enabled => false)});
    $other->refuses('and an error when it is the only one', q{SELECT pgx.install('sweet')}, { message => qr/^could not refresh registry "broken"/ });
};

done_testing();
