# 032_relations.pl - what packages say of each other: Depends, Recommends, Breaks.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use Test::More;

my $server = PgxTest->new('relations');
$server->sql('SELECT pgx.setup()');
# one registry with two repositories: a repository has one version of a package
my $sources = join("\n", $server->source('related'), $server->source('related-old'));
$server->sql("SELECT pgx.add_registry('related', '$sources'); SELECT pgx.refresh()");

subtest 'a library in another package' => sub {
    is($server->sql(q{SELECT extension, action FROM pgx.install('atelier')}), "atelier|installed\n|installed, required by atelier",
        'what it recommends comes along');
    is($server->sql('CREATE EXTENSION atelier; SELECT atelier_answer()'), '42', 'and the function finds its library');
    $server->sql('DROP EXTENSION atelier');
    $server->is_consistent('after that');
};

subtest 'a dependency with a version' => sub {
    is($server->sql(q{SELECT extension, action, version FROM pgx.install('tint@1.0')}), 'tint|installed|1.0', 'an old one');
    is($server->sql(q{SELECT extension, action, version FROM pgx.install('palette') ORDER BY 1}),
        "palette|installed|1.0\ntint|updated, required by palette|2.0", 'is replaced when it does not do');
    is($server->sql(q{SELECT requested FROM pgx.installed WHERE package LIKE '%tint'}), 't', 'it stays asked for');
    is($server->sql(q{SELECT extension, action FROM pgx.install('palette')}), 'palette|already installed', 'twice');
};

subtest 'packages that do not go together' => sub {
    $server->refuses('with one that is installed', q{SELECT pgx.install('rival')}, {
        sqlstate => 'PX011',
        message => 'could not find versions that fit together',
        detail => qr/^Because postgresql-\d+-rival 1\.0-1 breaks postgresql-\d+-tint \(<< 3\) and postgresql-\d+-tint 2\.0-1 is installed, .* cannot be installed\.$/s });
    $server->sql(q{SELECT pgx.remove(ARRAY['palette', 'tint'])});
    is($server->sql(q{SELECT action FROM pgx.install('rival')}), 'installed', 'without it');
    $server->refuses('the other way round', q{SELECT pgx.install('tint')}, { sqlstate => 'PX011' });
    $server->sql(q{SELECT pgx.remove('rival')});
    $server->refuses('both at once', q{SELECT pgx.install('quarrel')}, { sqlstate => 'PX011' });
};

done_testing();
