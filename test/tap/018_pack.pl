# 018_pack.pl - pgx build and pgx pack with real compilers, and a server that installs what they make.
use strict;
use warnings FATAL => 'all';

use Digest::SHA;
use File::Path qw(make_path remove_tree);
use IPC::Run ();
use PgxPublish;
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('pack');
my $work = PostgreSQL::Test::Utils::tempdir;
make_path("$work/tmp");
my ($major) = split /\D/, (split / /, `"$ENV{PG_CONFIG}" --version`)[1];

# pgx(ARGUMENTS) - (status, output, errors)
sub pgx
{
    my (@arguments) = @_;
    my ($out, $err) = ('', '');
    local $ENV{TMPDIR} = "$work/tmp";
    IPC::Run::run([ $ENV{PGX_HELPER}, @arguments ], '<', \undef, '>', \$out, '2>', \$err);
    return ($? >> 8, $out, $err);
}

# made(NAME, ARGUMENTS) - pgx makes a bundle: a hash of what it prints, with the bundle's name under "bundle"
sub made
{
    my ($name, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = pgx(@arguments);
    is($status, 0, $name) or diag($out, $err);
    my ($bundle, @facts) = split /\n/, $out;
    my %facts = map { /^  (\S+(?: \S+)*)  +(.*)/ ? ($1 => $2) : () } @facts;
    return { bundle => $bundle // '', %facts };
}

sub digest { return Digest::SHA->new(256)->addfile($_[0])->hexdigest; }

sub write_file
{
    my ($path, $content) = @_;
    make_path($path =~ s{/[^/]+$}{}r);
    open my $file, '>', $path or die "$path: $!";
    print $file $content;
    close $file;
}

# source(FOLDER, options) - an extension's source folder
sub source
{
    my ($folder, %options) = @_;
    my $answer = $options{answer} // 42;
    write_file("$folder/Makefile", <<'END');
EXTENSION = packed
MODULE_big = packed
OBJS = packed.o
DATA = packed--1.0.sql
DOCS = packed.md
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
END
    write_file("$folder/packed.c", <<"END");
#include "postgres.h"
#include "fmgr.h"
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(packed_answer);
Datum packed_answer(PG_FUNCTION_ARGS)
{
    char text[32];
    snprintf(text, sizeof text, "%d", PG_GETARG_INT32(0));
    PG_RETURN_INT32($answer + (int) strlen(text) + (__FILE__[0] == 0));
}
END
    write_file("$folder/packed.control",
        "# \$libdir/packed\ncomment = 'made by a test'\ndefault_version = '1.0'\nmodule_pathname = '\$libdir/packed'\nrequires = 'plpgsql'\n");
    write_file("$folder/packed--1.0.sql",
        "CREATE FUNCTION packed_answer(int) RETURNS int LANGUAGE c AS 'MODULE_PATHNAME', 'packed_answer';\n");
    write_file("$folder/$_", "text\n") foreach qw(packed.md README.md LICENSE);
}

my $bundle;

subtest 'a PGXS folder, twice' => sub {
    source("$work/one");
    source("$work/another/place");
    my $first = made('pgx build', 'build', "$work/one", '--pg-config', $ENV{PG_CONFIG}, '--output', "$work/out/1");
    my $second = made('in another place', 'build', "$work/another/place", '--pg-config', $ENV{PG_CONFIG}, '--output', "$work/out/2");
    like($first->{bundle}, qr/^packed-1\.0\.0\+pg$major-gnulinux(-[\d.]+)?-\w+\.trunk$/, 'its name');
    $bundle = "$work/out/1/$first->{bundle}";
    is($first->{sha256}, digest($bundle), 'the digest that is printed');
    is($second->{sha256}, $first->{sha256}, 'the same bytes');
    is($first->{extensions}, 'packed 1.0', 'extensions');
    is($first->{requires}, 'pkg:postgres/plpgsql', 'requirements');
    is($first->{'host libraries'}, 'none but the C library', 'host libraries');
    my ($list) = run_command([ 'sh', '-c', "zstd -qdc '$bundle' | tar -t" ]);
    foreach my $file (qw(trunk.json digests META.json README.md LICENSE pgsql/pkglib/packed.so pgsql/share/extension/packed.control))
    {
        like($list, qr{^[^/\n]+/\Q$file\E$}m, "$file is in it");
    }
    unlike($list, qr/\.bc$/m, 'no bitcode');
    my ($control) = run_command([ 'sh', '-c', "zstd -qdc '$bundle' | tar -xO --wildcards '*/packed.control'" ]);
    is($control, "# \$libdir/packed\ncomment = 'made by a test'\ndefault_version = '1.0'\nmodule_pathname = 'packed'\nrequires = 'plpgsql'",
        'only module_pathname has changed');
    my $folder = $first->{bundle} =~ s/\.trunk$//r;
    my ($status) = (run_command([ 'sh', '-c',
        "cd '$work' && zstd -qdc '$bundle' | tar -x && cd '$folder' && sha256sum --strict --quiet -c digests && echo right" ]));
    is($status, 'right', 'sha256sum agrees with its digests');
};

subtest 'a server installs it' => sub {
    is($server->sql("SELECT action, version FROM pgx.install_bundle('$bundle', allow_unsigned => true) WHERE extension = 'packed'"),
        'installed|1.0', 'install_bundle()');
    is($server->sql('CREATE EXTENSION packed; SELECT packed_answer(100)'), '45', 'it works');
    $server->sql('DROP EXTENSION packed');
    $server->sql("SELECT pgx.remove('packed')");
};

subtest 'an install tree, with META.json and options' => sub {
    system("make -s -C '$work/one' PG_CONFIG='$ENV{PG_CONFIG}' with_llvm=no install DESTDIR='$work/tree' >/dev/null") == 0 or die 'make';
    write_file("$work/META.json", '{"name": "packed", "version": "2.1.0", "abstract": "From META", "license": "postgresql",'
        . ' "maintainer": "A <a@example.org>", "provides": {}, "meta-spec": {"version": "1.0.0"}}');
    my $facts = made('pgx pack', 'pack', "$work/tree", '--meta', "$work/META.json", '--pg-config', $ENV{PG_CONFIG}, '--output', "$work/out");
    like($facts->{bundle}, qr/^packed-2\.1\.0\+pg$major-/, 'the version of META.json');
    ok(!exists $facts->{note}, 'nothing is missing');
    $facts = made('options come first', 'pack', "$work/tree", '--meta', "$work/META.json", '--version', '3.0.0-rc.1', '--name', 'renamed',
        '--pg-config', $ENV{PG_CONFIG}, '--output', "$work/out");
    like($facts->{bundle}, qr/^renamed-3\.0\.0-rc\.1\+pg$major-/, 'name and version');
};

subtest 'an installed extension' => sub {
    my $facts = made('plpgsql', 'pack', '--installed', 'plpgsql', '--pg-config', $ENV{PG_CONFIG}, '--output', "$work/out");
    like($facts->{bundle}, qr/^plpgsql-1\.0\.0\+pg$major-/, 'its name');
    my ($status, $out, $err) = pgx('pack', '--installed', 'plpgsq', '--pg-config', $ENV{PG_CONFIG});
    is($status, 1, 'one that is not there');
    like($err, qr/is not installed.*Did you mean "plpgsql"/s, 'and what may be meant');
};

subtest 'CMake' => sub {
    plan skip_all => 'cmake is not installed' if system('command -v cmake >/dev/null') != 0;
    write_file("$work/cmake/CMakeLists.txt", <<'END');
cmake_minimum_required(VERSION 3.20)
project(plain NONE)
execute_process(COMMAND ${PG_CONFIG} --sharedir OUTPUT_VARIABLE share OUTPUT_STRIP_TRAILING_WHITESPACE)
install(FILES plain.control plain--1.0.sql DESTINATION ${share}/extension)
END
    write_file("$work/cmake/plain.control", "default_version = '1.0'\ncomment = 'SQL only'\n");
    write_file("$work/cmake/plain--1.0.sql", "CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'SELECT 1';\n");
    my $facts = made('pgx build', 'build', "$work/cmake", '--pg-config', $ENV{PG_CONFIG}, '--output', "$work/out");
    is($facts->{bundle}, "plain-1.0.0+pg$major-any.trunk", 'for any platform');
};

subtest 'signed, and checked by minisign' => sub {
    plan skip_all => 'minisign is not installed' if system('command -v minisign >/dev/null') != 0;
    system("minisign -G -W -p '$work/key.pub' -s '$work/key' >/dev/null") == 0 or die 'minisign';
    my $facts = made('pgx pack --sign', 'pack', "$work/tree", '--pg-config', $ENV{PG_CONFIG}, '--output', "$work/signed", '--sign', "$work/key");
    my $file = "$work/signed/$facts->{bundle}";
    is($facts->{signature}, "$file.minisig", 'where the signature is');
    my ($out) = run_command([ 'minisign', '-V', '-H', '-p', "$work/key.pub", '-m', $file ]);
    like($out, qr/Trusted comment: name=packed version=1\.0\.0 platform=gnulinux\S* postgres=$major/, 'minisign accepts it');
    my ($key) = (slurp_file("$work/key.pub") =~ /\n(\S+)\n/);
    $server->fails('a server that does not know the key', "SELECT pgx.install_bundle('$file')",
        { sqlstate => 'PX005', message => qr// });
    $server->sql("SELECT pgx.trust_key('tester', '$key')");
    is($server->sql("SELECT action FROM pgx.install_bundle('$file') WHERE extension = 'packed'"), 'installed', 'and one that does');
    is($server->sql('CREATE EXTENSION packed; SELECT packed_answer(1)'), '43', 'it works');
};

# far(FOLDER) - the source of an extension whose library needs another one, which is in $work/far and nowhere else
sub far
{
    my ($folder) = @_;
    make_path("$work/far");
    write_file("$work/far/far.c", "extern int far_number(void);\nint far_number(void) { return 77; }\n");
    system("gcc -shared -fPIC -O1 -Wl,-soname,libpgxfar.so.1 -o '$work/far/libpgxfar.so.1' '$work/far/far.c'") == 0 or die 'gcc';
    write_file("$folder/Makefile", <<"END");
EXTENSION = far
MODULE_big = far
OBJS = far.o
DATA = far--1.0.sql
SHLIB_LINK = $work/far/libpgxfar.so.1
PG_CONFIG ?= pg_config
PGXS := \$(shell \$(PG_CONFIG) --pgxs)
include \$(PGXS)
END
    write_file("$folder/far.c", <<'END');
#include "postgres.h"
#include "fmgr.h"
PG_MODULE_MAGIC;
extern int far_number(void);
PG_FUNCTION_INFO_V1(far_answer);
Datum far_answer(PG_FUNCTION_ARGS) { PG_RETURN_INT32(far_number()); }
END
    write_file("$folder/far.control", "default_version = '1.0'\nmodule_pathname = '\$libdir/far'\n");
    write_file("$folder/far--1.0.sql", "CREATE FUNCTION far_answer() RETURNS int LANGUAGE c AS 'MODULE_PATHNAME';\n");
}

subtest 'libraries of the system' => sub {
    far("$work/distant");
    my @build = ('build', "$work/distant", '--pg-config', $ENV{PG_CONFIG});
    my $without = made('without it', @build, '--output', "$work/out/without");
    is($without->{'host libraries'}, 'libpgxfar.so.1', 'it is named');
    $server->refuses('a server that lacks it', "SELECT pgx.install_bundle('$without->{file}', allow_unsigned => true)",
        { message => qr/library "libpgxfar\.so\.1" is missing/, detail => qr/"far\.so" of package "far" needs "libpgxfar\.so\.1"/,
          hint => qr/installed on the server's host/ });
    my ($status, $out, $err) = pgx(@build, '--bring-libraries');
    is($status, 1, 'a machine that lacks it cannot put it in');
    like($err, qr/library "libpgxfar\.so\.1" is missing/, 'and says so');
    like($err, qr/This host does not have it\.\n.*--libraries DIRECTORY/s, 'with a remedy for whoever packs');

    my $facts = made('with it', @build, '--libraries', "$work/far", '--output', "$work/out/with");
    is($facts->{'host libraries'}, 'none but the C library', 'the host needs nothing');
    is($facts->{'libraries in it'}, 'libpgxfar.so.1', 'it is in the bundle');
    my $again = made('again', @build, '--libraries', "$work/far", '--output', "$work/out/again");
    is($again->{sha256}, $facts->{sha256}, 'the same bytes');
    remove_tree("$work/far");
    is($server->sql("SELECT action FROM pgx.install_bundle('$facts->{file}', allow_unsigned => true)"), 'installed', 'install_bundle()');
    is($server->sql('CREATE EXTENSION far; SELECT far_answer()'), '77', 'it works');
    is($server->sql(q{SELECT count(*) FROM pgx.files WHERE path ~ '^lib/far/lib/libpgxfar-[0-9a-f]{8}\.so\.1$' AND package = 'far'}), '1', 'it is a file of the package');
    my $before = $server->files;
    remove_tree($server->directory . "/$major/lib/far");
    $server->sql(q{SELECT pgx.repair('far')});
    is_deeply($server->files, $before, 'repair()');
    $server->sql(q{DROP EXTENSION far; SELECT pgx.remove('far')});
    is_deeply([ grep { /far/ } keys %{ $server->files } ], [], 'nothing is left of it');

    my $publisher = PgxPublish->new($server, 'ours')->init;
    $publisher->pgx('registry', 'add', $publisher->folder, $facts->{file}, '--keys', $publisher->{keys});
    $server->sql("SELECT pgx.add_registry('ours', '" . $publisher->url . "', root => '" . $publisher->root . "')");
    is($server->sql(q{SELECT source FROM pgx.install('far', registry => 'ours')}), 'ours: far 1.0.0', 'from a registry');
    is($server->sql('CREATE EXTENSION far; SELECT far_answer()'), '77', 'it works');
    $server->sql(q{DROP EXTENSION far; SELECT pgx.remove('far')});
};

subtest 'what cannot be done' => sub {
    my @cases = (
        [ 'no Makefile', [ 'build', "$work/out" ], 1, qr/could not tell how .*HINT:.*--pipeline/s ],
        [ 'a build that fails', [ 'build', "$work/broken", '--pg-config', $ENV{PG_CONFIG} ], 1, qr/could not build .*with pgxs.*this is the reason/s ],
        [ 'a program that is not pg_config', [ 'build', "$work/one", '--pg-config', '/bin/false' ], 1, qr/--pg-config/ ],
        [ 'a folder without an extension', [ 'pack', "$work/out" ], 1, qr/there is no extension/ ],
        [ 'a file that is no package', [ 'pack', "$work/fake.deb" ], 1, qr/not a Debian package|Unrecognized/ ],
        [ 'a wrong version', [ 'pack', "$work/tree", '--version', '1.0', '--pg-config', $ENV{PG_CONFIG} ], 1, qr/not a semantic version/ ],
        [ 'a META.json that is none', [ 'pack', "$work/tree", '--meta', "$work/fake.deb", '--pg-config', $ENV{PG_CONFIG} ], 1, qr/META.json/ ],
        [ 'no source', ['pack'], 2, qr/needs a directory/ ],
        [ 'two sources', [ 'pack', 'a', 'b' ], 2, qr/needs a directory/ ],
        [ 'an unknown option', [ 'build', '--ouput', 'x' ], 2, qr/did you mean "--output"/ ],
        [ 'an unknown pipeline', [ 'build', "$work/one", '--pipeline', 'make' ], 1, qr/unknown build system/ ],
    );
    write_file("$work/fake.deb", "nothing\n");
    write_file("$work/broken/Makefile", "# PGXS\nall:\n\t\@echo this is the reason >&2; false\n");
    foreach my $case (@cases)
    {
        my ($name, $arguments, $expected, $pattern) = @$case;
        my ($status, $out, $err) = pgx(@$arguments);
        is($status, $expected, $name) or diag($out, $err);
        like($err, $pattern, "$name: what is said");
    }
    is_deeply([ glob "$work/tmp/*" ], [], 'no scratch directory is left');
};

done_testing();
