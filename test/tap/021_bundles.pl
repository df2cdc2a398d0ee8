# 021_bundles.pl - bundles without a registry: signatures, keys, scripts as text, and what becomes of them later.
use strict;
use warnings FATAL => 'all';

use IPC::Run ();
use MIME::Base64 qw(decode_base64 encode_base64);
use PgxPublish;
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('bundles');
my $node = $server->node;
$server->add_registry('stable', priority => 400);
$server->sql('SELECT pgx.setup(); CREATE ROLE operator LOGIN; GRANT EXECUTE ON FUNCTION pgx.install_bundle(bytea, text, boolean), pgx.install_bundle(text, text, boolean), pgx.trust_key(text, text), pgx.install_sql(text, text, text, text, text[], text, boolean) TO operator');
$server->sql(q{SELECT pgx.allow('operator', trusted => true)});
my $maker = PgxPublish->new($server, 'maker');
my $work = $maker->{work};

# Keys and signatures by the program minisign itself.
sub minisign
{
    my (@arguments) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'minisign', @arguments ], '<', \undef, '>', \$out, '2>', \$err) or die "minisign @arguments: $out$err";
    return;
}

sub comment { my ($name, $version) = @_; return "name=$name version=$version platform=any postgres=" . $node->pg_version->major; }

sub sign
{
    my ($path, $comment, $key) = @_;
    minisign('-S', '-s', "$work/" . ($key // 'acme') . '.key', '-m', $path, '-t', $comment);
    return $path;
}

minisign('-G', '-W', '-f', '-p', "$work/$_.pub", '-s', "$work/$_.key") foreach qw(acme stranger);
my $public = slurp_file("$work/acme.pub");
my $bundle = $maker->bundle('ledger', '1.0.0');
my $newer = $maker->bundle('ledger', '1.1.0');

subtest 'keys' => sub {
    $server->refuses('no key', q{SELECT pgx.trust_key('acme', 'RWrubbish')}, { sqlstate => '22023', hint => qr// });
    $server->refuses('not a superuser', qq{SELECT pgx.trust_key('acme', '$public')},
        { sqlstate => '42501', message => 'permission denied to trust a key' }, role => 'operator');
    sign($bundle, comment('ledger', '1.0.0'));
    $server->refuses('no key is trusted yet', "SELECT pgx.install_bundle('$bundle')", { sqlstate => 'PX005', message => qr/no key is trusted/ });
    like($server->sql(qq{SELECT pgx.trust_key('acme', '$public')}), qr/^acme [0-9A-F]{16}$/, 'named');
    my ($id) = $public =~ /([0-9A-F]{16})/;
    is($server->sql('SELECT key_id FROM pgx.trusted_keys'), $id, 'by the number that minisign prints');
    $server->refuses('twice', qq{SELECT pgx.trust_key('other', '$public')}, { sqlstate => '22023', message => 'key "acme" is trusted already' });
};

subtest 'a signed bundle in a file' => sub {
    is($server->sql("SELECT extension, action, version, source FROM pgx.install_bundle('$bundle')"), 'ledger|installed|1.0.0|bundles: ledger 1.0.0', 'installed');
    is($server->sql('CREATE EXTENSION ledger; SELECT ledger_version()'), '1.0.0', 'it works');
    like($server->sql('SELECT signer FROM pgx.history WHERE signer IS NOT NULL'), qr/^minisign [0-9A-F]{16} \(acme\)$/, 'the history tells by whom it is signed');
    is($server->sql("SELECT action FROM pgx.install_bundle('$bundle')"), 'already installed', 'twice');
    $server->is_consistent('after that');
    $server->fails('only for those who may read files', "SELECT pgx.install_bundle('$bundle')", { sqlstate => '42501', hint => '' }, role => 'operator');
};

subtest 'given as bytes' => sub {
    sign($newer, comment('ledger', '1.1.0'));
    my $hex = unpack('H*', slurp_file($newer));
    my $signature = slurp_file("$newer.minisig");
    is($node->safe_psql('postgres', "SELECT action, version FROM pgx.install_bundle('\\x$hex'::bytea, '$signature')", extra_params => [ '--username' => 'operator' ]),
        'updated|1.1.0', 'by somebody who may just call it');
    is($server->sql('SELECT action, version FROM pgx.rollback($$ledger$$)'), 'rolled back|1.0.0', 'and back');
    is($server->sql('SELECT version, installed FROM pgx.versions($$ledger$$)'), "1.1.0|f\n1.0.0|t", 'both are on offer');
    is($server->sql('SELECT action FROM pgx.install($$ledger@1.1.0$$)'), 'updated', 'by name, like any other');
};

subtest 'signatures that do not count' => sub {
    my $victim = $maker->bundle('victim', '1.0.0');
    my %cases = (
        'none' => [ sub { unlink "$victim.minisig" }, 'PX005', qr/is not signed/ ],
        'of a stranger' => [ sub { sign($victim, comment('victim', '1.0.0'), 'stranger') }, 'PX005', qr// ],
        'about another bundle' => [ sub { sign($victim, comment('ledger', '1.0.0')) }, 'PX005', qr// ],
        'about another version' => [ sub { sign($victim, comment('victim', '1.0.1')) }, 'PX005', qr// ],
        'without a word' => [ sub { sign($victim, 'trust me') }, 'PX005', qr// ],
        'of another file' => [ sub { sign($bundle, comment('victim', '1.0.0')); rename "$bundle.minisig", "$victim.minisig" }, 'PX005', qr// ],
        'of the old kind' => [ sub { minisign('-S', '-l', '-s', "$work/acme.key", '-m', $victim, '-t', comment('victim', '1.0.0')) }, 'PX005', qr// ],
        'with another comment' => [ sub { sign($victim, comment('victim', '1.0.1')); my $text = slurp_file("$victim.minisig"); $text =~ s/1\.0\.1/1.0.0/; unlink "$victim.minisig"; append_to_file("$victim.minisig", $text) }, 'PX005', qr// ],
        'that is cut off' => [ sub { sign($victim, comment('victim', '1.0.0')); truncate("$victim.minisig", 100) or die }, 'PX005', qr// ],
        'that is nothing' => [ sub { unlink "$victim.minisig"; append_to_file("$victim.minisig", "nothing\n") }, 'PX005', qr// ],
    );
    foreach my $name (sort keys %cases)
    {
        my ($prepare, $sqlstate, $message) = @{ $cases{$name} };
        $prepare->();
        $server->refuses("a signature $name", "SELECT pgx.install_bundle('$victim')", { sqlstate => $sqlstate, message => $message });
    }
    is($server->sql('SELECT count(*) FROM pgx.bundles WHERE package = $$victim$$'), '0', 'nothing of it is kept');
    sign($victim, comment('victim', '1.0.0'));
    is($server->sql("SELECT action FROM pgx.install_bundle('$victim')"), 'installed', 'the right one');
    $server->sql(q{SELECT pgx.distrust_key('acme')});
    $server->sql(q{SELECT pgx.remove('victim')});
    $server->refuses('a key that is trusted no more', "SELECT pgx.install_bundle('$victim')", { sqlstate => 'PX005' });
    is($server->sql(q{SELECT count(*) FROM pgx.available() WHERE package = 'victim'}), '0', 'nor is anything of it on offer');
    $server->sql(qq{SELECT pgx.trust_key('acme', '$public')});
    $server->refuses('a bundle that is in use is not dropped', q{SELECT pgx.drop_bundle('ledger', '1.1.0')}, { sqlstate => '55000', message => qr/is installed/ });
    is($server->sql(q{SELECT pgx.drop_bundle('victim', '1.0.0')}), 'victim 1.0.0', 'another one is');
    $server->refuses('once', q{SELECT pgx.drop_bundle('victim', '1.0.0')}, { sqlstate => '42704' });
    $server->refuses('nor is the registry', q{SELECT pgx.drop_registry('bundles')}, { sqlstate => '55000', message => qr/is not empty/ });
};

subtest 'what a bundle says of itself' => sub {
    # META.json of a careless or bad publisher
    my $meta = "$work/META.json";
    append_to_file($meta, q({"name": "honest", "version": "1.0.0", "abstract": "two\nlines", "license": "PostgreSQL", "maintainers": [{"name": "x", "url": "https://example.org"}],
        "contents": {"extensions": {"postgis": {"control": "a", "sql": "b"}, "honest": {"control": "a", "sql": "b"}}}, "meta-spec": {"version": "2.0.0", "url": "https://example.org"}}));
    my $path = sign($maker->bundle('honest', '1.0.0', arguments => [ '--meta', $meta ]), comment('honest', '1.0.0'));
    $server->sql("SELECT pgx.install_bundle('$path')");
    is($server->sql(q{SELECT extensions, summary FROM pgx.releases WHERE package = 'honest'}), '{honest}|two lines', 'is held against what is in it');
};

subtest 'unsigned' => sub {
    my $path = $maker->bundle('plain', '1.0.0');
    my $hex = unpack('H*', slurp_file($path));
    $server->refuses('not without saying so', "SELECT pgx.install_bundle('\\x$hex'::bytea)", { sqlstate => 'PX005', message => 'the bundle is not signed' });
    $server->refuses('not for others than superusers', "SELECT pgx.install_bundle('\\x$hex'::bytea, allow_unsigned => true)",
        { sqlstate => '42501', message => 'permission denied to install an unsigned bundle' }, role => 'operator');
    is($server->sql("SELECT action FROM pgx.install_bundle('$path', allow_unsigned => true)"), 'installed', 'a superuser may');
    is($server->sql(q{SELECT signer FROM pgx.history WHERE package = 'plain'}), 'unsigned', 'and it is recorded');
    is($server->sql(q{SELECT string_agg(DISTINCT action || ' ' || package, ', ' ORDER BY action || ' ' || package) FROM pgx.history WHERE role = 'operator' AND action LIKE 'refused: %'}),
        'refused: install_bundle() unsigned, refused: trust_key() acme', 'and so is what was refused');
};

subtest 'what is no bundle' => sub {
    my %cases = ('nothing' => '', 'text' => 'hello', 'a cut-off bundle' => substr(slurp_file($bundle), 0, 500), 'an ELF file' => substr(slurp_file($ENV{PGX_HELPER}), 0, 10000));
    foreach my $name (sort keys %cases)
    {
        my $hex = unpack('H*', $cases{$name});
        $server->refuses($name, "SELECT pgx.install_bundle('\\x$hex'::bytea, allow_unsigned => true)", { sqlstate => qr/^PX00[89]$/, hint => qr// });
    }
    $server->refuses('null', 'SELECT pgx.install_bundle(NULL::bytea)', { sqlstate => '22023', message => 'the bundle is null', hint => '' });
    $server->fails('a file that is not there', q{SELECT pgx.install_bundle('/nowhere/x.trunk')}, { sqlstate => '58P01', hint => '' });
};

subtest 'scripts as text' => sub {
    my $one = q{SELECT extension, action, version FROM pgx.install_sql('greeting', '1.0', $$ CREATE FUNCTION greet() RETURNS text LANGUAGE sql RETURN 'one' $$, comment => 'It''s a \ greeting')};
    is($server->sql($one), 'greeting|installed|1.0', 'installed');
    is($server->sql('CREATE EXTENSION greeting; SELECT greet()'), 'one', 'created');
    is($server->sql(q{SELECT comment FROM pg_available_extensions WHERE name = 'greeting'}), q{It's a \ greeting}, 'the comment is what was given');
    is($server->sql($one), 'greeting|already installed|1.0', 'twice');
    my $two = q{pgx.install_sql('greeting', '1.1', $$ CREATE OR REPLACE FUNCTION greet() RETURNS text LANGUAGE sql RETURN 'two' $$, from_version => '1.0')};
    is($server->sql("SELECT action, version FROM $two"), 'updated|1.1', 'an update');
    is($server->sql('ALTER EXTENSION greeting UPDATE; SELECT greet()'), 'two', 'which works');
    is($server->sql('DROP EXTENSION greeting; CREATE EXTENSION greeting; SELECT greet()'), 'two', 'also from the beginning');
    is($server->sql(q{SELECT action, version FROM pgx.rollback('greeting')}), 'rolled back|1.0', 'and back');
    is($server->sql(q{SELECT superuser, trusted FROM pg_available_extension_versions WHERE name = 'greeting'}), 'f|f', 'it has no rights of its own');

    $server->refuses('the same version in other words', q{SELECT pgx.install_sql('greeting', 'v1.1', 'SELECT 1')},
        { sqlstate => '22023', message => 'version "v1.1" of "greeting" cannot be told from "1.1"', detail => 'Both are version 1.1.0 of a bundle.',
            hint => q{Choose another version, or drop the other one first: SELECT pgx.drop_bundle('greeting', '1.1.0').} });
    is($server->sql(q{SELECT version, signer, size > 100, installed FROM pgx.bundles WHERE package = 'greeting' ORDER BY version}),
        "1.0.0|unsigned|t|t\n1.1.0|unsigned|t|f", 'they are kept');
    $server->refuses('a name with a slash', q{SELECT pgx.install_sql('a/b', '1.0', 'SELECT 1')}, { sqlstate => '42602' });
    $server->refuses('a version with a slash', q{SELECT pgx.install_sql('a', '../1', 'SELECT 1')}, { sqlstate => '42602', hint => qr// });
    is($server->sql(q{BEGIN; SELECT action FROM pgx.install_sql('steps', '1.0', 'SELECT 1'); SELECT action FROM pgx.install_sql('steps', '1.1', 'SELECT 1', from_version => '1.0');
        SELECT action FROM pgx.install_sql('steps', '1.2', 'SELECT 1', from_version => '1.1'); COMMIT}), "installed\nupdated\nupdated", 'three in one transaction');
    is($server->sql(q{SELECT action FROM pgx.install_sql('lines', '1.0', 'SELECT 1', comment => E'two\nlines')}), 'installed', 'a comment of two lines');
    $server->refuses('an update from nowhere', q{SELECT pgx.install_sql('b', '1.1', 'SELECT 1', from_version => '1.0')}, { sqlstate => 'PX008' });
    $server->refuses('not a superuser', q{SELECT pgx.install_sql('b', '1.0', 'SELECT 1')},
        { sqlstate => '42501', message => 'permission denied to install a script as an extension' }, role => 'operator');
    is($server->sql(q{SELECT count(*) FROM pgx.install_sql('later', '1.0', 'SELECT 1', requires => '{greeting}')}), '2', 'one that requires another');
    $server->is_consistent('after that');
};

subtest 'later' => sub {
    my $directory = $server->directory;
    my ($file) = grep { m{share/extension/ledger\.control$} } keys %{ $server->files };
    unlink "$directory/$file";
    PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', "$directory/pgsql_tmp.cache");
    is($server->sql(q{SELECT status FROM pgx.repair('ledger')}), 'restored', 'repair() has the bytes from the catalog');
    $server->is_consistent('after repair()');

    # A dump has everything. Extensions that the database uses are another matter (012_moving.pl).
    $server->sql('DROP EXTENSION ledger, greeting');
    my $other = PgxTest->new('restored', pgx => 0);
    my $dump = "$work/dump";
    $node->command_ok([ 'pg_dump', '--file', $dump, $node->connstr('postgres') ], 'pg_dump');
    $other->sql('CREATE ROLE operator');
    my ($status, $out, $err) = $other->node->psql('postgres', slurp_file($dump), on_error_stop => 1);
    is($status, 0, 'restored') or diag(substr($err, 0, 2000));
    $other->sql('SELECT pgx.sync()');
    is($other->sql('CREATE EXTENSION ledger; SELECT ledger_version()'), '1.1.0', 'sync() brings the files');
    is($other->sql('SELECT string_agg(DISTINCT status, $$,$$) FROM pgx.verify()'), 'ok', 'all of them');

};

done_testing();
