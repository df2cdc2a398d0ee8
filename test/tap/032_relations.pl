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

subtest 'a library that others use' => sub {
    my ($atelier, $scripts) = map { $server->package_name($_) } qw(atelier atelier-scripts);
    my $missing = q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'missing libraries'};
    is($server->sql($missing), 'ok|Every library that a script names is there.|', 'doctor() is content');
    is($server->sql(q{SELECT libraries FROM pgx.installed_extensions WHERE extension = 'atelier'}), '{atelier-3}', 'what scripts name is recorded');
    $server->refuses('it does not go by itself', "SELECT pgx.remove('$atelier')", {
        sqlstate => '55000', message => qq{"$atelier" is in use}, detail => 'Its library "atelier-3" is used by "atelier".',
        hint => qr/^Remove what requires it first, or in the same call\./ });
    like($server->messages("SELECT pgx.remove('$atelier', force => true)"),
        qr/WARNING:  removing "$atelier" although it is in use\nDETAIL:  Its library "atelier-3" is used by "atelier"\./, 'but by force');
    is($server->sql($missing), qq{error|Scripts of package "$scripts", for "atelier", name "atelier-3", which is not on this server.}
          . q{|SELECT * FROM pgx.install('atelier'); brings it back if a package that goes with it has it.}, 'doctor() names it');
    is($server->sql(q{SELECT extension, action FROM pgx.plan('atelier')}), "atelier|already installed\n|install, required by atelier", 'plan() has it');
    is($server->sql(q{SELECT extension, action FROM pgx.install('atelier')}), "atelier|already installed\n|installed, required by atelier",
        'install() brings it back');
    is($server->sql('CREATE EXTENSION atelier; SELECT atelier_answer()'), '42', 'and all is well');
    is($server->sql(q{SELECT extension, action FROM pgx.install('atelier')}), 'atelier|already installed', 'twice');
    $server->sql('DROP EXTENSION atelier');
    like($server->messages("SELECT pgx.remove('atelier')"), qr/NOTICE:  no longer required by anything: "$atelier"/, 'without its user it is not required');
    is($server->sql("SELECT count(*) FROM pgx.remove('$atelier')"), '1', 'and can go');
    is($server->sql("SELECT count(*) FROM pgx.install(ARRAY['$atelier', 'atelier'])"), '2', 'both by name');
    is($server->sql("SELECT count(*) FROM pgx.remove(ARRAY['$atelier', 'atelier'])"), '2', 'go together');
    $server->is_consistent('the library of others');
};

subtest 'a library that depends on the scripts' => sub {
    my ($route, $scripts, $maps) = map { $server->package_name($_) } qw(route route-scripts route-maps);
    my $messages = $server->messages(q{SELECT pgx.install('route')});
    unlike($messages, qr/lacks/, 'nothing is missing');
    is($server->sql('SELECT package, requested FROM pgx.installed ORDER BY 1'), "$route|f\n$scripts|t", 'comes along');
    is($server->sql('CREATE EXTENSION route; SELECT route_answer(); DROP EXTENSION route'), '42', 'and the function finds it');
    $server->refuses('the library stays', "SELECT pgx.remove('$route')", { sqlstate => '55000', detail => 'Its library "libroute-4.0" is used by "route".' });
    $server->sql("SELECT pgx.remove('$route', force => true)");
    is($server->sql(q{SELECT extension, action FROM pgx.install('route')}), "route|already installed\n|installed, required by route", 'it is brought back');
    $server->sql(q{SELECT pgx.install('route_maps')});
    $server->refuses('what another package depends on', q{SELECT pgx.remove('route')}, {
        sqlstate => '55000', message => qq{"$scripts" is in use}, detail => qq{Package "$maps" depends on it.} });
    $server->sql(q{SELECT pgx.remove('route_maps')});
    like($server->messages(q{SELECT pgx.remove('route')}), qr/NOTICE:  no longer required by anything: "$route"/, 'what only came along keeps nothing');
    $server->sql("SELECT pgx.remove('$route')");
    like($server->messages(q{SELECT pgx.install('ghost')}),
        qr/NOTICE:  extension "ghost" lacks a library and may not work\nDETAIL:  Its scripts name "ghost-9", which neither the server has nor any package that goes with ".*ghost 1\.0-1"\./,
        'one that is nowhere is told');
    $server->sql(q{SELECT pgx.remove('ghost')});
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

subtest 'an extension that two packages hold' => sub {
    my ($stand, $easel, $paint) = map { $server->package_name($_) } qw(canvas-stand easel paint);
    is($server->sql(q{SELECT DISTINCT package, version FROM pgx.plan('canvas_stand')}), "$stand|3.7", 'is taken from the one that is called so');
    is($server->sql(q{SELECT DISTINCT package, version FROM pgx.plan('canvas_stand_us')}), "$stand|3.7", 'or nearly so');
    $server->refuses('where none is, nothing is chosen', q{SELECT pgx.install('brush')}, {
        sqlstate => '42725', message => '"brush" is offered more than once', detail => qq{It is offered by "related: $easel 1.0-1" and "related: $paint 1.0-1".},
        hint => qq{Name the package: pgx.install('$easel') or pgx.install('$paint').} });
    is($server->sql("SELECT string_agg(extension, ' ' ORDER BY extension) FROM pgx.plan('$paint')"), 'brush paint', 'which works');
};

subtest 'a server that there is not' => sub {
    $server->refuses('one of tomorrow', q{SELECT pgx.install('tomorrow')}, {
        sqlstate => 'PX003', detail => qr/^Because \S+-tomorrow 2\.0-1 depends on postgresql-\d+ \(>= 99\), and this server is \d+[.~]?\S*, and you asked for tomorrow/ });
};

subtest 'an extension more, which requires what nobody has' => sub {
    my $octopus = $server->package_name('octopus');
    like($server->messages(q{SELECT pgx.install('octopus')}),
        qr/NOTICE:  extension "octopus_colony" of package "$octopus" cannot be created here\nDETAIL:  It requires "nowhere_to_be_found", which neither the server nor a registry has\./,
        'is told and does not keep the others from being installed');
    is($server->sql('CREATE EXTENSION octopus_arm CASCADE; SELECT octopus_version()'), '1.0', 'which work');
    is($server->sql(q{SELECT action FROM pgx.install('octopus')}), 'already installed', 'twice');
    $server->sql(q{SELECT pgx.remove('octopus', force => true)});
    is($server->sql(q{SELECT next_step FROM pgx.install('octopus') WHERE extension = 'octopus_colony'}), 'none, it requires "nowhere_to_be_found", which is not there', 'which cannot has no next step');
    $server->refuses('nor is it preloaded', q{SELECT pgx.preload('octopus_colony')}, { sqlstate => 'PX003', message => 'extension "octopus_colony" cannot be created here', hint => qr/Install that first/ });
    my %missing = (sqlstate => 'PX003', detail => qr/"octopus_colony" requires "nowhere_to_be_found"/, hint => qr//);
    $server->refuses('that one by name', q{SELECT pgx.install('octopus_colony')}, \%missing);
    $server->sql('DROP EXTENSION octopus CASCADE');
    $server->sql(q{SELECT pgx.remove('octopus')});
    $server->refuses('also at first', q{SELECT pgx.install('octopus_colony')}, { sqlstate => 'PX003', all => qr/nowhere_to_be_found/, hint => qr// });
    like($server->messages("SELECT pgx.install('$octopus')"), qr/"octopus_colony" .* cannot be created here/, 'by the name of the package');
    $server->sql(q{SELECT pgx.remove('octopus')});
};

done_testing();
