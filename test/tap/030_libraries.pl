# 030_libraries.pl - modules that need libraries which the host does not have.
#
# The suite "libraries" holds an extension whose library needs another one, each in a package of its own;
# "other-libraries" holds different builds of both under the same names.
use strict;
use warnings FATAL => 'all';

use File::Copy qw(copy);
use File::Path qw(remove_tree);
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('libraries');
$server->add_registry($_) foreach qw(libraries other-libraries);
my $package = PgxTest->package_name('abacus');
my $directory = $server->directory . '/18';
($directory) = glob($server->directory . '/1*') unless -d $directory;

subtest 'a plan' => sub {
    my $rows = $server->sql(q{SELECT action, package, version, source, download ~ '^[0-9.]+ [kMG]?B$' FROM pgx.plan('abacus')});
    is($rows, join("\n",
            "install|$package|1.0|libraries: $package 1.0-1|t",
            "library for $package|libpgxdigit1|1.one-1|libraries: libpgxdigit1 1.one-1|t",
            "library for $package|libpgxnumber1|1.one-1|libraries: libpgxnumber1 1.one-1|t"),
        'names what comes along') or return;
    is($server->sql('SELECT count(*) FROM pgx.installed'), '0', 'nothing is installed');
};

subtest 'an installation' => sub {
    $server->sql(q{SELECT pgx.install('abacus')});
    $server->sql('CREATE EXTENSION abacus');
    is($server->sql('SELECT abacus_answer()'), '11', 'its function works');
    is($server->sql(q{SELECT package, status FROM pgx.verify()}), "$package|ok", 'verify() is content');
    my @files = split /\n/, $server->sql("SELECT path FROM pgx.files WHERE path LIKE 'lib/%' ORDER BY path");
    is(scalar(grep { m{^lib/\Q$package\E/lib/libpgx(?:digit|number)-[0-9a-f]{8}\.so\.1$} } @files), 2, 'the libraries are files of the package');
    is($server->sql(q{SELECT count(*) FROM pgx.files WHERE original_sha256 IS NOT NULL AND original_sha256 <> sha256}), '3',
        'three files differ from those in their packages');
    is($server->sql(q{SELECT jsonb_path_query_array(libraries, '$[*].names') FROM pgx.installed}),
        '[["libpgxdigit.so.1"], ["libpgxnumber.so.1"]]', 'the catalog says which');
};

subtest 'two builds of one library in one backend' => sub {
    $server->sql(q{SELECT pgx.install('ticker'); CREATE EXTENSION ticker});
    is($server->sql('SELECT abacus_answer(), ticker_answer(), abacus_answer()'), '11|21|11', 'each module has its own');
    is($server->sql('SELECT ticker_answer(), abacus_answer(), ticker_answer()'), '21|11|21', 'in either order');
};

# cache => 1: everything has to be downloaded again
sub repaired
{
    my ($name, %options) = @_;
    my $before = $server->files;
    my @libraries = glob("$directory/lib/$package/lib/*");
    is(scalar @libraries, 2, "$name: two libraries");
    unlink $libraries[0] or die;
    append_to_file("$directory/lib/abacus.so", 'more');
    append_to_file($libraries[1], 'more');
    is($server->sql(q{SELECT count(*), count(*) FILTER (WHERE detail ~ 'own file') FROM pgx.verify('abacus') WHERE status <> 'ok'}),
        '3|2', "$name: verify() tells of both digests");
    remove_tree($server->directory . '/pgsql_tmp.cache', { keep_root => 1 }) if $options{cache};
    $server->sql(q{SELECT pgx.repair('abacus')});
    is_deeply($server->files, $before, "$name: byte for byte what was there");
}

subtest 'repair()' => sub {
    repaired('from the cache');
    repaired('from the registry', cache => 1);
    is($server->sql('SELECT abacus_answer()'), '11', 'it works');
};

subtest 'sync() from the catalog alone' => sub {
    my $before = $server->files;
    remove_tree("$directory/lib", "$directory/share");
    $server->sql('SELECT pgx.sync()');
    is_deeply($server->files, $before, 'everything is as it was');
};

subtest 'another server by a lock file' => sub {
    my $other = PgxTest->new('other');
    (my $lock = $server->sql('SELECT pgx.export()')) =~ s/'/''/g;
    $other->sql("SELECT pgx.apply('$lock')");
    is($other->sql('SELECT path, sha256 FROM pgx.files ORDER BY path'),
        $server->sql('SELECT path, sha256 FROM pgx.files ORDER BY path'), 'has the same files');
    $other->sql('CREATE EXTENSION abacus');
    is($other->sql('SELECT abacus_answer()'), '11', 'and they work');
};

subtest 'removal' => sub {
    $server->sql('DROP EXTENSION abacus');
    $server->sql(q{SELECT pgx.remove('abacus')});
    is_deeply([ grep { /abacus/ } keys %{ $server->files } ], [], 'nothing of it is left');
    is($server->sql('SELECT ticker_answer()'), '21', 'the other one works');
    $server->sql('DROP EXTENSION ticker');
    $server->sql(q{SELECT pgx.remove('ticker')});
    is_deeply([ grep { m{/lib/} } keys %{ $server->files } ], [], 'nothing at all is left');
};

subtest 'sibling libraries' => sub {
    $server->sql(q{SELECT pgx.install('choir'); CREATE EXTENSION choir});
    is($server->sql('SELECT choir_answer()'), '4', 'find each other');
    is($server->sql(q{SELECT status FROM pgx.verify('choir')}), 'ok', 'verify() is content');
};

subtest 'what cannot work' => sub {
    $server->refuses('a library that is nowhere', q{SELECT pgx.install('nolib')},
        { message => qr/library "libpgxnowhere\.so\.1" is missing/, detail => qr/"nolib\.so" of package .* needs "libpgxnowhere\.so\.1"/ });
    $server->refuses('a library that is too old', q{SELECT pgx.install('needy')},
        { message => qr/library "libpgxnumber\.so\.1" is missing/,
          detail => qr/It depends on "libpgxnumber1 \(>= 9\)", and what the registry has is "libpgxnumber1" 1\.one-1\./ });
    $server->add_registry('choices');
    $server->refuses('a library of another registry', q{SELECT pgx.install('lodger')},
        { message => qr/library "libpgxnumber\.so\.1" is missing/,
          detail => qr/Registry "(?:other-)?libraries" has package "libpgxnumber1", but libraries come only from the registry of the package that needs them, which is "choices"\./ });
    $server->refuses('a newer C library', q{SELECT pgx.install('future')},
        { message => qr/"future\.so" needs a newer "libc\.so\.6"/, detail => qr/GLIBC_9\.99; the newest on this host is GLIBC_2\.\d+/ });
    my $spoilt = PgxTest->new('spoilt');
    $spoilt->sql('SELECT pgx.setup()');
    $spoilt->add_registry('library-hash');
    $spoilt->refuses('a library package with another digest', q{SELECT pgx.install('abacus')},
        { message => qr/libpgxdigit1/, sqlstate => qr/^PX/ });
    is_deeply([ grep { m{/lib/|receipts/} } keys %{ $spoilt->files } ], [], 'no file is there');
};

done_testing();
