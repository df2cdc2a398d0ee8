# 001_install.pl - the main job: from SQL to a working extension.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('main');
my $node = $server->node;
$server->add_registry('stable', refresh => 0);
my $color = PgxTest->package_name('color');

subtest 'the first install sets everything up, in the same transaction' => sub {
    my $messages = $server->messages(q{
        BEGIN;
        SELECT pgx.install('color');
        CREATE EXTENSION color;
        COMMIT;});
    like($messages, qr/NOTICE:  registry "stable" offers 11 packages/, 'tells that it has read the registry');
    like($messages, qr/NOTICE:  pgx keeps extensions in ".*\/pgx"/, 'tells that it has changed the settings');
    is($server->sql('SELECT color_hex(255, 128, 0)'), '#ff8000', 'the extension works');
    $server->is_consistent('after the first install');

    # the configuration, seen by a new session
    my $directory = $server->directory;
    like($server->sql('SHOW extension_control_path'), qr{^\$system:.*:\Q$directory\E/\d+/share$}, 'extension_control_path');
    like($server->sql('SHOW dynamic_library_path'), qr{^\$libdir:.*:\Q$directory\E/\d+/lib$}, 'dynamic_library_path');
    is($server->sql(q{SELECT count(*) FROM pg_file_settings WHERE name = 'extension_control_path' AND applied}), 1,
        'is applied without a restart');
};

subtest 'what is recorded' => sub {
    is($server->sql('SELECT package, version, extensions, registry, requested FROM pgx.installed'),
        "$color|1.4.0-2|{color}|stable|t", 'pgx.installed');
    is($server->sql('SELECT extension, package, default_version, comment, requires, trusted, preload FROM pgx.installed_extensions'),
        "color|$color|1.4|colors as a data type|{}|t|{}", 'pgx.installed_extensions');
    is($server->sql(q{SELECT action, package, version, previous_version IS NULL, registry, "session_user" FROM pgx.history}),
        "install|$color|1.4.0-2|t|stable|postgres", 'pgx.history');
    is($server->sql('SELECT i.change = h.change AND i.url = h.url AND i.sha256 = h.sha256 AND i.signer = h.signer '
        . 'FROM pgx.installed i, pgx.history h'), 't', 'they are of one change');
    like($server->sql('SELECT signer FROM pgx.installed'), qr/^[0-9A-F]{40}$/, 'the key that signed it is known');
    is($server->sql('SELECT count(*) FROM pgx.files'), 2, 'documentation is left out');
    my $files = $server->files;
    is_deeply([ grep { /^0644 / } map { $files->{$_} } grep { m{share/extension/color} } sort keys %$files ],
        [ map { $files->{$_} } grep { m{share/extension/color} } sort keys %$files ], 'modes are 0644');
    is(sprintf('%04o', (stat $server->directory)[2] & 07777), '0700', 'the directory is closed to others');
};

subtest 'twice is not an error' => sub {
    my $before = $server->state;
    my $requests = () = $server->requests;
    is($server->sql(q{SELECT extension, action, version FROM pgx.install('color')}), 'color|already installed|1.4', 'says so');
    is($server->sql(qq{SELECT extension, action, version FROM pgx.install('$color')}), 'color|already installed|1.4',
        'by the package name as well');
    is_deeply($server->state, $before, 'and changes nothing');
    is(scalar(() = $server->requests), $requests, 'without asking the registry');
};

subtest 'by extension name, though the package is called otherwise' => sub {
    is($server->sql(q{SELECT extension, action, version, next_step FROM pgx.install('veclike')}),
        'veclike|installed|0.8.1|CREATE EXTENSION veclike;', 'the answer');
    is($server->sql('CREATE EXTENSION veclike; SELECT veclike_answer()'), '42', 'its library is loaded');
    is($server->sql(q{SELECT count(*) FROM pgx.files WHERE path LIKE '%bitcode%'}), 0, 'bitcode is left out');
    $server->is_consistent('with a library');
};

subtest 'what it requires comes along' => sub {
    my $requiring = PgxTest->new('requiring');
    $requiring->add_registry('stable');
    is($requiring->sql(q{SELECT extension, action, version FROM pgx.install('shop')}),
        "color|installed, required by shop|1.4\nveclike|installed, required by shop|0.8.1\nshop|installed|1.0",
        'what is required first');
    is($requiring->sql('SELECT package, requested FROM pgx.installed ORDER BY package'),
        join("\n", "$color|f", PgxTest->package_name('pgveclike') . '|f', PgxTest->package_name('shop') . '|t'),
        'who asked for what');
    is($requiring->sql('CREATE EXTENSION shop CASCADE; SELECT veclike_answer()'), '42', 'CREATE EXTENSION ... CASCADE');

    # asked for later by name
    $requiring->sql(q{SELECT pgx.install('color')});
    is($requiring->sql(qq{SELECT requested FROM pgx.installed WHERE package = '$color'}), 't', 'now somebody asked for it');

    # required, but part of the server
    is($requiring->sql(q{SELECT extension, action FROM pgx.install('geo')}),
        "cube|part of the server, required by geo\ngeo|installed", 'what the server has is not looked for');
    is($requiring->sql(q{SELECT count(*) FROM pgx.files WHERE path LIKE '%cube%'}), 0, 'nor shadowed');
    is($requiring->sql('CREATE EXTENSION geo CASCADE; SELECT geo_version()'), '1.1', 'and works');
    $requiring->is_consistent('after chains');
    $requiring->node->stop;
};

subtest 'several at once' => sub {
    is($server->sql(q{SELECT extension, action FROM pgx.install(ARRAY['atlas', 'pollux', 'color']) ORDER BY 1}),
        "atlas|installed\ncastor|installed\ncolor|already installed\npollux|installed", 'an array of names');
    is($server->sql('CREATE EXTENSION pollux CASCADE; SELECT castor_version(), pollux_version()'), '1.0|1.1',
        'two extensions of one package');
    is($server->sql('CREATE EXTENSION atlas; SELECT atlas_version()'), '2.2', 'a control file with a directory');
    is($server->sql(q{SELECT path FROM pgx.files WHERE path LIKE '%atlas--%'}) =~ m{share/atlas/atlas--2\.2\.sql$}, 1,
        'whose scripts are where it says');
};

subtest 'links become files' => sub {
    $server->sql(q{SELECT pgx.install('linked')});
    my $files = $server->files;
    is(scalar(grep { $_ eq 'link' || $_ eq 'special' } values %$files), 0, 'there are regular files only');
    my ($library) = grep { m{/lib/linked\.so$} } keys %$files;
    my ($versioned) = grep { m{/lib/linked-1\.0\.so$} } keys %$files;
    is($files->{$library}, $files->{$versioned}, 'the target of a symbolic link is copied');
    is((stat $server->directory . "/$library")[3], 1, 'and has one name');
    my @scripts = map { $files->{$_} } grep { m{linked--0\.\d--1\.0\.sql$} } keys %$files;
    is(scalar(@scripts), 2, 'a hard link is a file, too');
    is($scripts[0], $scripts[1], 'with the same content');
    is($server->sql('CREATE EXTENSION linked; SELECT linked_answer()'), '42', 'it works');
    $server->is_consistent('with links');
};

subtest 'a library that has to be preloaded' => sub {
    my $next = $server->sql(q{SELECT next_step FROM pgx.install('guard')});
    is($next, q{SELECT pgx.preload('guard'); restart the server; CREATE EXTENSION guard;}, 'the next step names all that is to do');
    is($server->sql(q{SELECT preload FROM pgx.installed_extensions WHERE extension = 'guard'}), '{guard}', 'is recorded');
    # do just what the row says
    my ($preload, $create) = $next =~ /^(SELECT .*?); restart the server; (CREATE EXTENSION .*;)$/;
    $server->sql($preload);
    $node->restart;
    $server->sql($create);
    is($server->sql('SELECT guard_answer()'), '42', 'doing that makes it work');
};

subtest 'a package with a module only' => sub {
    my $answer = $server->sql(q{SELECT * FROM pgx.install('toolbox')});
    like($answer, qr/installed/, 'is installed by the package name');
    unlike($answer, qr/CREATE EXTENSION/, 'and has no extension to create');
    is($server->sql(q{LOAD 'toolbox'; SELECT 'loaded'}), 'loaded', 'it can be loaded');
    $server->is_consistent('with a module');
};

subtest 'a plan changes nothing' => sub {
    my $planning = PgxTest->new('planning');
    $planning->add_registry('stable');
    # whether plan() may do the set-up is not the question here
    $planning->sql('SELECT pgx.setup()');
    my $before = $planning->state;
    my $plan = $planning->sql(q{SELECT extension, action, version, package, files FROM pgx.plan('shop')});
    is_deeply($planning->state, $before, 'nothing');
    my @extensions = map { (split /\|/)[0] } split /\n/, $plan;
    is_deeply(\@extensions, [qw(color veclike shop)], 'it shows the whole chain in order');
    unlike($plan, qr/\|installed\|/, 'and does not say that it was done');
    is($planning->sql(q{SELECT count(*) FROM pgx.plan(ARRAY['atlas', 'geo']) WHERE action <> ''}) >= 2, 1, 'for several names');

    my $requests = () = $planning->requests(qr/\.deb/);
    $planning->sql(q{SELECT pgx.install('shop')});
    is(scalar(() = $planning->requests(qr/\.deb/)), $requests, 'what the plan has downloaded is not downloaded again');
    $planning->node->stop;
};

subtest 'versions' => sub {
    my $versions = PgxTest->new('versions');
    $versions->add_registry('stable');
    $versions->add_registry('testing', priority => 400);
    is($versions->sql(q{SELECT version, package, registry FROM pgx.versions('color')}),
        "1.4.0-2|$color|stable\n2.0.0-1|$color|testing", 'priority comes first');
    is($versions->sql(q{SELECT action, version, source FROM pgx.install('color', version => '2.0.0')}) =~ /^installed\|2\.0\|/, 1,
        'the version can be told');
    is($versions->sql(q{SELECT version, installed FROM pgx.versions('color') WHERE installed}), '2.0.0-1|t', 'and is marked');
    is($versions->sql('CREATE EXTENSION color; SELECT color_version()'), '2.0', 'and is the one');
    $versions->node->stop;

    # a registry with two repositories, in the other syntax
    my $both = PgxTest->new('both');
    my $source = "Types: deb\nURIs: $ENV{PGX_FIXTURE_URL}/both/debian\nSuites: stable testing\nComponents: main\n"
      . "Signed-By: $ENV{PGX_FIXTURE_KEY}\n";
    $both->sql("SELECT pgx.add_registry('both', '$source')");
    is($both->sql(q{SELECT repositories FROM pgx.refresh('both')}), '2', 'two suites of one registry');
    is($both->sql(q{SELECT version FROM pgx.versions('color')}), "2.0.0-1\n1.4.0-2", 'the newest first');
    is($both->sql(q{SELECT version FROM pgx.install('color')}), '2.0', 'and taken');
    $both->node->stop;
};

subtest 'a refresh of what has not changed' => sub {
    my $requests = () = $server->requests;
    my $before = $server->sql('SELECT * FROM pgx.releases AS r ORDER BY r::text');
    is($server->sql(q{SELECT name, status, packages, repositories, requests FROM pgx.refresh('stable')}),
        'stable|unchanged|11|1|1', 'is told');
    my @new = ($server->requests)[ $requests .. scalar(() = $server->requests) - 1 ];
    is(scalar @new, 1, 'and costs one request');
    like($new[0], qr/^304 GET .*InRelease/, 'that is answered without a body');
    is($server->sql('SELECT * FROM pgx.releases AS r ORDER BY r::text'), $before, 'the releases stay');
};

done_testing();
