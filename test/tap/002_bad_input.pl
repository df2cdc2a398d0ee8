# 002_bad_input.pl - everything that can be wrong with names, registries, packages and the place to put them.
#
# Each case says which error it is, what to do, and that no file and no row has changed (PgxTest::refuses).
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('bad');
$server->add_registry('stable');
$server->sql(q{SELECT pgx.install('color')});
my $color = PgxTest->package_name('color');

subtest 'names and versions' => sub {
    $server->refuses('unknown name', q{SELECT pgx.install('colour')},
        { sqlstate => '42704', message => 'no registry offers "colour"', hint => qr/"color"/ });
    $server->refuses('unknown name without a near one', q{SELECT pgx.install('qqqqqqqqqq')},
        { sqlstate => '42704', message => 'no registry offers "qqqqqqqqqq"', hint => qr/pgx\.search/ });
    $server->refuses('unknown version', q{SELECT pgx.install('atlas', version => '9.9')},
        { sqlstate => '42704', message => 'there is no version "9.9" of "atlas"', detail => qr/"2\.2-1"/ });
    $server->refuses('unknown registry', q{SELECT pgx.install('atlas', registry => 'nobody')},
        { sqlstate => '42704', message => 'registry "nobody" does not exist' });
    $server->refuses('one good name and one bad', q{SELECT pgx.install(ARRAY['atlas', 'colour'])},
        { sqlstate => '42704', message => 'no registry offers "colour"' });
    $server->refuses('a package for an older server', q{SELECT pgx.install('postgresql-17-color')},
        { sqlstate => '42704', message => 'no registry offers "postgresql-17-color"' });
    $server->refuses('a package that is none for PostgreSQL', q{SELECT pgx.install('hello')},
        { sqlstate => '42704', message => 'no registry offers "hello"' });

    my %bad = (
        'a quotation mark'   => q{co'lor},
        'a double quote'     => q{co"lor},
        'a slash'            => q{../color},
        'a backslash'        => q{co\lor},
        'two dashes'         => q{color--1.4},
        'a leading dash'     => q{-color},
        'a trailing dash'    => q{color-},
        'a space'            => q{color },
        'a newline'          => "color\n",
        'SQL'                => q{x'); DROP TABLE pgx.files; --},
        'a leading dot'      => q{.color},
        'nothing'            => q{},
        '64 bytes'           => 'c' x 64,
        'a megabyte'         => 'c' x 100_000,
        'another alphabet'   => "c\xc3\xb6lor");
    foreach my $what (sort keys %bad)
    {
        (my $name = $bad{$what}) =~ s/'/''/g;
        $server->fails("a name with $what", "SELECT pgx.install('$name')",
            { sqlstate => '42602', message => qr/^invalid extension name: "/, detail => qr/^A name must / });
    }
    $server->fails('a null name', 'SELECT pgx.install(NULL::text)', { sqlstate => '22023', message => 'no extension is named' });
    $server->fails('an array with a null', q{SELECT pgx.install(ARRAY['color', NULL])}, { sqlstate => '42602', detail => 'A name must not be empty.' });
    $server->fails('no names', q{SELECT pgx.install('{}'::text[])}, { sqlstate => '22023', message => 'no extension is named' });
    $server->fails('one version for two', q{SELECT pgx.install(ARRAY['atlas', 'geo'], version => '1.0')}, { sqlstate => '22023' });
    is($server->sql('SELECT count(*) FROM pgx.installed'), 1, 'none of them was installed');
};

subtest 'what is required and nobody has' => sub {
    $server->refuses('missing requirement', q{SELECT pgx.install('orphan')},
        { sqlstate => 'PX003', message => 'could not find versions that fit together', detail => qr/-orphan 1\.0-1 requires extension "nowhere_to_be_found", which no registry offers/ });
};

subtest 'a registry that cannot be reached' => sub {
    # a port that was free a moment ago
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    $server->sql("SELECT pgx.add_registry('down', 'deb [signed-by=$ENV{PGX_FIXTURE_KEY}] http://127.0.0.1:$port/debian stable main')");
    $server->refuses('nobody listens', q{SELECT pgx.refresh('down')},
        { sqlstate => '08006', message => qr/^could not refresh registry "down": / });
    # what needs it fails as well, and says why
    $server->refuses('a registry that was never read, for install()', q{SELECT pgx.install('atlas', registry => 'down')},
        { sqlstate => '08006', message => qr/"down"/ });
    $server->sql(q{SELECT pgx.drop_registry('down')});

    my %answers = (denied => '403', busy => '503');
    foreach my $location (sort keys %answers)
    {
        my $name = $server->add_registry('stable', name => $location, location => $location, refresh => 0);
        $server->refuses("HTTP $answers{$location}", "SELECT pgx.refresh('$name')",
            { sqlstate => '08006', all => qr/$answers{$location}/ });
        $server->sql("SELECT pgx.drop_registry('$name')");
    }
    my $name = $server->add_registry('no-such-suite', refresh => 0);
    $server->refuses('a suite that does not exist', "SELECT pgx.refresh('$name')",
        { sqlstate => qr/^(?:08006|PX00[45])$/, message => qr/no-such-suite/ });
    $server->sql("SELECT pgx.drop_registry('$name')");

    # not an error: it has moved
    $server->add_registry('stable', name => 'moved', location => 'moved');
    is($server->sql(q{SELECT packages FROM pgx.registries WHERE name = 'moved'}), 11, 'a redirect is followed');
    $server->sql(q{SELECT pgx.drop_registry('moved')});
};

subtest 'a registry that cannot be trusted' => sub {
    my @cases = (
        # suite, what, options, fields
        [ 'no-release', 'no signed file at all', {}, { sqlstate => qr/^PX00[45]$|^08006$/ } ],
        [ 'unsigned', 'an InRelease that is not signed', {}, { sqlstate => 'PX005', message => qr/sign/ } ],
        [ 'stranger', 'the wrong key', {}, { sqlstate => 'PX005', message => qr/signature/, all => qr/\Q$ENV{PGX_FIXTURE_KEY}\E/ } ],
        [ 'tampered', 'a bad signature', {}, { sqlstate => 'PX005', message => qr/signature/ } ],
        [ 'stable', 'a keyring that does not exist', { key => '/nonexistent/keyring.gpg' }, { sqlstate => 'PX005', message => qr/keyring/ } ],
        [ 'stable', 'a keyring that is none', { key => $ENV{PGX_FIXTURE_LOG} }, { sqlstate => 'PX005', message => qr/keyring/ } ],
        [ 'expired', 'an expired Release file', { more => 'check-valid-until=yes' },
            { sqlstate => 'PX006', message => qr/expired/, detail => qr/valid until/ } ],
        [ 'future', 'a Release file of tomorrow', { more => 'check-date=yes' }, { sqlstate => 'PX006', message => qr/not valid yet/ } ],
        [ 'spoilt-index', 'a Packages file with a wrong hash', {}, { sqlstate => 'PX007' } ]);
    foreach my $case (@cases)
    {
        my ($suite, $what, $options, $fields) = @$case;
        $server->add_registry($suite, name => 'bad', refresh => 0, %$options);
        $server->refuses($what, q{SELECT pgx.refresh('bad')}, { message => qr/^could not refresh registry "bad": /, %$fields });
        $server->sql(q{SELECT pgx.drop_registry('bad')});
    }

    # the administrator's decision
    $server->add_registry('expired', more => 'check-valid-until=no');
    is($server->sql(q{SELECT packages FROM pgx.registries WHERE name = 'expired'}), 1, 'an expired one that is allowed');
    $server->sql(q{SELECT pgx.drop_registry('expired')});
    # the right key for it makes the stranger a friend
    $server->add_registry('stranger', key => $ENV{PGX_FIXTURE_STRANGER});
    is($server->sql(q{SELECT packages FROM pgx.registries WHERE name = 'stranger'}), 1, 'a key that the source names');
    $server->sql(q{SELECT pgx.drop_registry('stranger')});

    # a registry that was good once and is not any more
    $server->add_registry('testing', name => 'turned');
    my $releases = $server->sql('SELECT * FROM pgx.releases AS r ORDER BY r::text');
    $server->sql('UPDATE pgx.registries SET source = $$' . $server->source('tampered') . q{$$ WHERE name = 'turned'});
    $server->refuses('a registry that has turned bad', q{SELECT pgx.refresh('turned')}, { sqlstate => 'PX005' });
    is($server->sql('SELECT * FROM pgx.releases AS r ORDER BY r::text'), $releases, 'what was known stays');
    $server->sql(q{SELECT pgx.drop_registry('turned')});
};

subtest 'packages' => sub {
    my @cases = (
        [ 'deb-hash', 'a wrong hash', { sqlstate => 'PX007' } ],
        [ 'deb-longer', 'longer than it should be', { sqlstate => 'PX007' } ],
        [ 'deb-shorter', 'truncated on the way', { sqlstate => 'PX007' } ],
        [ 'deb-missing', 'not there', { sqlstate => '08006', all => qr/404/ } ],
        [ 'deb-cut', 'truncated before it was signed', { sqlstate => 'PX008' } ],
        [ 'traversal', 'path traversal out of the root', { sqlstate => 'PX009' } ],
        [ 'traversal-below', 'path traversal to another directory', { sqlstate => 'PX009' } ],
        [ 'symlink-out', 'a symbolic link to an absolute path', { sqlstate => 'PX009' } ],
        [ 'symlink-up', 'a symbolic link out of the package', { sqlstate => 'PX009' } ],
        [ 'hardlink-out', 'a hard link out of the package', { sqlstate => 'PX009' } ],
        [ 'device', 'a device', { sqlstate => 'PX009' } ],
        [ 'bad-control', 'a control file with a syntax error', { sqlstate => 'PX008', all => qr/brick\.control/ } ],
        [ 'unknown-parameter', 'a control file with an unknown parameter', { sqlstate => 'PX008', all => qr/colour/ } ],
        [ 'wrong-type', 'a control file with a wrong value', { sqlstate => 'PX008', all => qr/relocatable/ } ],
        [ 'wrong-major', 'built for another major', { sqlstate => 'PX010', all => qr/\b17\b/ } ],
        [ 'wrong-machine', 'built for another processor', { sqlstate => 'PX010' } ],
        [ 'not-elf', 'a library that is none', { sqlstate => qr/^PX0(?:08|09|10)$/ } ],
        [ 'server-control', 'a control file that the server has',
            { sqlstate => '42710', message => qr/"cube\.control"/, detail => qr{/extension"} } ],
        [ 'server-library', 'a library that the server has', { sqlstate => '42710', message => qr/"cube\.so"/ } ]);
    foreach my $case (@cases)
    {
        my ($suite, $what, $fields) = @$case;
        $server->add_registry($suite, name => 'bad', priority => 600);
        $server->refuses("a package: $what", q{SELECT pgx.install('brick')}, $fields);
        $server->sql(q{SELECT pgx.drop_registry('bad')});
    }
    ok(!-e '/escaped.sql' && !-e '/tmp/escaped.sql', 'nothing has escaped');
    is($server->sql('SELECT count(*) > 40 FROM pg_available_extensions'), 't', 'pg_available_extensions works');

    $server->add_registry('thief');
    $server->refuses('a package with a file of another package', q{SELECT pgx.install('thief')},
        { sqlstate => '42710', message => qr/"$color"/ });
    $server->sql(q{SELECT pgx.drop_registry('thief')});

    $server->add_registry('stable', name => 'again');
    $server->refuses('the same in two registries', q{SELECT pgx.install('atlas')},
        { sqlstate => '42725', message => '"atlas" is offered more than once', detail => qr/"again: .*"stable: |"stable: .*"again: /s });
    $server->sql(q{SELECT pgx.drop_registry('again')});

    # a package that disappeared since the lists were read
    $server->sql(q{UPDATE pgx.releases SET url = replace(url, '/debian/', '/nodebs/') WHERE package LIKE '%-atlas'});
    $server->refuses('a package that has gone', q{SELECT pgx.install('atlas')},
        { sqlstate => '08006', all => qr/404/, hint => qr/pgx\.refresh\(\)/ });
    $server->sql(q{UPDATE pgx.releases SET url = replace(url, '/nodebs/', '/debian/')});
    # one of several fails: none is installed
    $server->add_registry('deb-hash', name => 'bad');
    $server->refuses('one of several packages is bad', q{SELECT pgx.install(ARRAY['atlas', 'brick', 'twins'])}, { sqlstate => 'PX007' });
    $server->sql(q{SELECT pgx.drop_registry('bad')});
};

subtest 'what the server has' => sub {
    my $before = $server->state;
    is($server->sql(q{SELECT extension, action, next_step FROM pgx.install('cube')}), 'cube|part of the server|CREATE EXTENSION cube;',
        'is reported as present');
    is_deeply($server->state, $before, 'and nothing is done');
    $server->refuses('another version of what the server has', q{SELECT pgx.install('cube', version => '9.9')},
        { sqlstate => '42710', message => 'extension "cube" is part of the server already' });
};

subtest 'somebody else\'s file is in the way' => sub {
    my ($directory) = glob $server->directory . '/*/share/extension';
    append_to_file("$directory/atlas.control", "comment = 'not ours'\ndefault_version = '0'\n");
    $server->refuses('a foreign file in pgx.directory', q{SELECT pgx.install('atlas')},
        { sqlstate => '42710', message => qr/atlas\.control" is in the way$/ });
    unlink "$directory/atlas.control";
};

subtest 'read-only transactions' => sub {
    foreach my $call (q{install('atlas')}, q{plan('atlas')}, q{refresh()}, q{setup()}, q{add_registry('x', 'deb http://127.0.0.1/ x main')},
        q{alter_registry('stable', priority => 1)}, q{drop_registry('stable')})
    {
        (my $name = $call) =~ s/\(.*//;
        $server->refuses("$name() in a read-only transaction", "BEGIN READ ONLY; SELECT pgx.$call;",
            { sqlstate => '25006', message => "cannot execute pgx.$name() in a read-only transaction", hint => '' });
    }
    is($server->sql(q{BEGIN READ ONLY; SELECT count(*) FROM pgx.available();}), 12, 'looking is allowed');
};

# --- where the files go: servers of their own, because pgx.directory is a setting of the server ------------------------

# with_directory(NAME, DIRECTORY, WHAT, FIELDS) - install() of something large fails there, without a trace
sub with_directory
{
    my ($name, $directory, $what, $fields) = @_;
    my $other = PgxTest->new($name, settings => "pgx.directory = '$directory'");
    $other->sql('SELECT pgx.add_registry($$stable$$, $$' . $other->source('stable') . '$$)');
    # the directories themselves are made, where that is possible
    $other->error('SELECT pgx.setup()');
    $other->error('SELECT pgx.refresh()');
    $other->refuses($what, q{SELECT pgx.install('heavy')}, $fields);
    is($other->sql('SELECT count(*) FROM pgx.installed'), 0, "$what: nothing is installed");
    return $other;
}

subtest 'pgx.directory is not writable' => sub {
    my $directory = PostgreSQL::Test::Utils::tempdir;
    my $place = "$directory/closed";
    mkdir $place, 0500;
    my $other = with_directory('closed', "$place/pgx", 'a directory that cannot be made', { sqlstate => '42501', message => qr/\Q$place\E/ });
    $other->node->stop;

    mkdir "$directory/open", 0777;
    chmod 0777, "$directory/open";
    $other = with_directory('open', "$directory/open", 'a directory that everybody may write to',
        { sqlstate => '55000', message => qr/is not the server's alone$/ });
    $other->node->stop;

    append_to_file("$directory/file", "not a directory\n");
    $other = with_directory('file', "$directory/file", 'a file in its place', { sqlstate => qr/^(?:55000|58030)$/, message => qr/\Q$directory\E/ });
    $other->node->stop;
};

subtest 'pgx.directory is full' => sub {
    plan skip_all => 'PGX_SMALL_DIR is not set' unless $ENV{PGX_SMALL_DIR};
    my $directory = "$ENV{PGX_SMALL_DIR}/pgx";
    my $other = with_directory('full', $directory, 'a full disk', { sqlstate => '53100', message => qr/^not enough disk space/ });
    # what does not fit was removed again, so that what does fit can be installed
    is($other->sql(q{SELECT action FROM pgx.install('color')}), 'installed', 'a small package fits after that');
    is($other->sql('CREATE EXTENSION color; SELECT color_hex(1, 2, 3)'), '#010203', 'and works');
    $other->is_consistent('on the small disk');
    $other->node->stop;
    system('rm', '-rf', $directory);
};

subtest 'pgx.directory is mounted noexec' => sub {
    plan skip_all => 'PGX_NOEXEC_DIR is not set' unless $ENV{PGX_NOEXEC_DIR};
    my $directory = "$ENV{PGX_NOEXEC_DIR}/pgx";
    my $other = with_directory('noexec', $directory, 'a noexec mount',
        { sqlstate => '55000', message => qr/^libraries cannot be loaded from/, hint => qr/pgx\.directory/ });
    $other->node->stop;
    system('rm', '-rf', $directory);
};

subtest 'no apt on the host and no registry' => sub {
    # A server that sees no apt: its postmaster runs in a mount namespace of its own where apt's configuration is an empty
    # directory and apt-config no program. The capability to mount goes before the server starts.
    my $directory = PostgreSQL::Test::Utils::tempdir;
    chomp(my $pg_ctl = `sh -c 'command -v pg_ctl'`);
    mkdir "$directory/empty";
    append_to_file("$directory/nothing", '');
    append_to_file("$directory/pg_ctl", <<"END");
#!/bin/sh
exec unshare --user --map-current-user --mount --keep-caps -- /bin/sh -ec '
    mount --bind $directory/nothing /usr/bin/apt-config
    mount --bind $directory/empty /etc/apt
    exec setpriv --inh-caps=-all --ambient-caps=-all -- "\$@"' sh '$pg_ctl' "\$@"
END
    chmod 0755, "$directory/pg_ctl";
    plan skip_all => 'this machine has no apt to hide, or lets nobody make namespaces'
      unless -x '/usr/bin/apt-config' && system("'$directory/pg_ctl' --version >/dev/null 2>&1") == 0;

    my $node = PostgreSQL::Test::Cluster->new('no_apt');
    $node->init;
    {
        local $ENV{PATH} = "$directory:$ENV{PATH}";
        $node->start;
    }
    my $other = PgxTest->of_node($node);
    $other->sql('CREATE EXTENSION pgx');
    $other->sql('SELECT pgx.setup()');
    $other->refuses('install() without anything to install from', q{SELECT pgx.install('color')},
        { sqlstate => 'PX002', hint => qr/pgx\.add_registry/ });
    $other->fails('available()', q{SELECT pgx.available()}, { sqlstate => 'PX002', hint => qr/pgx\.add_registry/ });
    # a registry of one's own needs no apt
    $other->add_registry('stable');
    is($other->sql(q{SELECT action FROM pgx.install('color')}), 'installed', 'an explicit registry works without apt');
    $node->stop;
};

$server->is_consistent('after all of that');
done_testing();
