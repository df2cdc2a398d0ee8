# 041_sandbox.pl - the helper's sandbox around real work: what it needs works, what it does not need is out of reach.
#
# What is denied in detail, and that it is denied from inside, is test/unit/sandbox_test.cpp's and job_rules_test.cpp's.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('sandbox');
my $node = $server->node;
$server->sql('SELECT pgx.setup()');
my $abi = `$ENV{PGX_HELPER} platform` =~ /Landlock ABI (\d+)/ ? $1 : 0;

subtest 'doctor() tells what is in force' => sub {
    my ($status, $detail, $remedy) = split /\|/, $server->sql(q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'sandbox'});
    is($status, $abi >= 6 ? 'ok' : 'warning', "with Landlock ABI $abi");
    like($detail, $abi >= 6 ? qr/connections, signals and system calls are limited/ : qr/Landlock/, 'in words');
    my $helper = PostgreSQL::Test::Utils::tempdir . '/old-kernel';
    append_to_file($helper, '');
    chmod 0755, $helper;
    $server->sql("ALTER SYSTEM SET pgx.helper_path = '$helper'");
    $node->reload;
    $node->poll_query_until('postgres', "SELECT current_setting('pgx.helper_path') = '$helper'") or die 'no reload';
    for my $case (
        [ '{"system_calls": true, "landlock_abi": 0}', qr/offers no Landlock/ ],
        [ '{"system_calls": true, "landlock_abi": 3}', qr/\(ABI 3\).*not its connections/ ],
        [ '{"system_calls": true, "landlock_abi": 5}', qr/\(ABI 5\).*signals/ ],
        [ '{"system_calls": false, "landlock_abi": 6}', qr/no seccomp/ ])
    {
        my ($report, $expected) = @$case;
        open my $file, '>', $helper or die $!;
        print $file "#!/bin/sh\necho '{\"result\": $report}'\n";
        close $file;
        my ($found, $text, $what) = split /\|/, $server->sql(q{SELECT status, detail, remedy FROM pgx.doctor() WHERE "check" = 'sandbox'});
        is($found, 'warning', "a helper that says $report");
        like($text, $expected, 'has its words');
        like($what, qr/^Use /, 'and a remedy');
    }
    $server->sql('ALTER SYSTEM RESET pgx.helper_path');
    $node->reload;
    $node->poll_query_until('postgres', "SELECT current_setting('pgx.helper_path') = ''") or die 'no reload';
};

# A repository in files, as a mirror is: the helper may read it, because it was named, and nothing beside it.
my $mirror = PostgreSQL::Test::Utils::tempdir . '/mirror';
system_or_bail('cp', '-r', "$ENV{PGX_FIXTURE_DIR}/repository", $mirror);
my $source = "deb [signed-by=$ENV{PGX_FIXTURE_KEY}] file:$mirror stable main";

subtest 'files that were named' => sub {
    $server->sql("SELECT pgx.add_registry('mirror', '$source')");
    is($server->sql(q{SELECT action FROM pgx.install('color')}), 'installed', 'an install from a directory');
    is($server->sql('CREATE EXTENSION color; SELECT color_hex(1, 2, 3)'), '#010203', 'works');
    $server->is_consistent('after that');
};

# A helper that was taken over reports what it likes, and the next one is told so.
subtest 'addresses that a helper has reported' => sub {
    plan skip_all => 'this kernel has no Landlock' if $abi == 0;
    my $url = $server->sql(q{SELECT url FROM pgx.releases WHERE registry = 'mirror' AND name = 'atlas' LIMIT 1});
    like($url, qr{^file:/+\Q${\ substr $mirror, 1}\E/}, 'an address below the source');
    # It can be read as the server's user, and is no package.
    my $secret = $node->data_dir . '/PG_VERSION';
    $server->sql("UPDATE pgx.releases SET url = 'file:$secret' WHERE registry = 'mirror' AND name = 'atlas'");
    $server->refuses('an address elsewhere', q{SELECT pgx.install('atlas')},
        { sqlstate => qr/^(?:PX|58|08)/, message => qr/could not read the file$/, detail => qr/./, hint => qr// });
    $server->sql("UPDATE pgx.releases SET url = '$url' WHERE registry = 'mirror' AND name = 'atlas'");
    is($server->sql(q{SELECT action FROM pgx.install('atlas')}), 'installed', 'and its own');
};

subtest 'files that were not' => sub {
    plan skip_all => 'this kernel has no Landlock' if $abi == 0;
    for my $secret ($node->data_dir . '/postgresql.conf', '/usr/bin/env')
    {
        unlink "$mirror/dists/stable/InRelease";
        symlink $secret, "$mirror/dists/stable/InRelease" or die $!;
        $server->refuses("a link to $secret", q{SELECT pgx.refresh('mirror')},
            { sqlstate => qr/^(?:PX|58|08)/, message => qr/could not read the file$/, detail => qr/./, hint => qr// });
    }
};

done_testing();
