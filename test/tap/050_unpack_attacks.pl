# 050_unpack_attacks.pl - what an artifact can contain that harms whoever unpacks it, for every kind of artifact.
#
# The artifacts come from test/fixture/hostile.py, which also says what is to come of each: a package of an apt repository, a
# bundle of a registry whose publisher has signed it unseen, and a bundle that is given by hand, signed by a key that the server
# trusts. So each is refused for its content, or does no harm. docs/security.md, section "Attacks", has the rows.
use strict;
use warnings FATAL => 'all';

use JSON::PP ();
use PgxPublish;
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('unpack');
my $node = $server->node;
my $work = PostgreSQL::Test::Utils::tempdir;
my ($checkout) = __FILE__ =~ m{^(.*)/test/tap/};
$checkout = '.' unless defined $checkout;

my %titles = (
    U1 => 'names that lead elsewhere', U2 => 'symbolic links', U3 => 'through a link', U4 => 'hard links', U5 => 'special files',
    U6 => 'modes and owners', U7 => 'extended attributes', U8 => 'names that collide, and odd ones', U9 => 'headers that disagree',
    U10 => 'large headers', U11 => 'bombs', U12 => 'zstd windows and streams without an end', U13 => 'stacked filters', U14 => 'after the end',
    U15 => 'truncated', U16 => 'many folders, negative sizes', U17 => 'names of our own state', U19 => 'control files', U20 => 'files of others',
    T9 => 'another one than was signed',
    P5 => 'marked trusted', P8 => 'libraries that do not fit');

# --- the artifacts -------------------------------------------------------------------------------------------------------------

PostgreSQL::Test::Utils::system_or_bail("minisign -G -W -f -p $work/acme.pub -s $work/acme.key >$work/minisign.log");
local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
PostgreSQL::Test::Utils::system_or_bail('python3', "$checkout/test/fixture/make_hostile.py", $ENV{PGX_FIXTURE_DIR}, 'hostile', $work, "$work/acme.key");
my @cases = @{ JSON::PP::decode_json(slurp_file("$work/cases.json")) };

my $evil = PgxPublish->new($server, 'evil')->init;
$evil->publish_unseen(map { $_->{path} } grep { $_->{kind} eq 'registry' } @cases);

$server->add_registry('stable');
$server->add_registry('hostile', refresh => 0);
$evil->add_to($server);
$server->sql('SELECT pgx.setup(); SELECT pgx.refresh()');
$server->sql(q{SELECT pgx.trust_key('acme', '} . slurp_file("$work/acme.pub") . q{')});
# what others have: two packages, and cube, which is part of the server
$server->sql(q{SELECT pgx.install(ARRAY['stable:color', 'stable:veclike'])});

sub call
{
    my ($case) = @_;
    return $case->{kind} eq 'deb' ? "pgx.install('$case->{path}')" : $case->{kind} eq 'registry' ? "pgx.install('evil:$case->{name}')" : "pgx.install_bundle('$case->{path}')";
}

# files(PACKAGES) - what has become of them: only our modes, our owner, our time, no attributes
sub harmless_files
{
    my (@packages) = @_;
    my $directory = $server->directory;
    my $list = join ', ', map { "'$_'" } @packages;
    my @paths = map { (glob "$directory/*/$_")[0] // "$directory/$_" } split /\n/, $server->sql("SELECT regexp_replace(path, '^\\d+/', '') FROM pgx.files WHERE package IN ($list)");
    my @wrong;
    foreach my $path (@paths)
    {
        my @info = lstat $path or push @wrong, "$path is not there" and next;
        push @wrong, "$path: mode " . sprintf('%o', $info[2]) unless -f _ && ($info[2] & 07777) == ($path =~ /\.so$/ ? 0755 : 0644);
        push @wrong, "$path: owner $info[4]" unless $info[4] == $>;
        push @wrong, "$path: time $info[9]" unless abs($info[9] - time()) < 3600;
        push @wrong, "$path: $info[3] links" unless $info[3] == 1;
    }
    my ($out, $err) = run_command([ 'python3', '-c', 'import os, sys; print(*[p for p in sys.argv[1:] if os.listxattr(p)])', @paths ]);
    push @wrong, "attributes of $out$err" if $out . $err ne '';
    is_deeply(\@wrong, [], 'its files are ours: ' . scalar @paths);
}

# --- one subtest for each row ----------------------------------------------------------------------------------------------------

my %rows;
push @{ $rows{ $_->{row} } }, $_ foreach @cases;
foreach my $row (sort { substr($a, 0, 1) cmp substr($b, 0, 1) || substr($a, 1) <=> substr($b, 1) } keys %rows)
{
    subtest "$row $titles{$row}" => sub {
        my @of_row = @{ $rows{$row} };
        $server->refuses_each(
            map { { name => "$_->{name} ($_->{kind}, $_->{format})", sql => 'SELECT ' . call($_), fields => { sqlstate => qr/^$_->{sqlstate}$/, all => qr/$_->{pattern}/, hint => qr// } } }
            grep { $_->{sqlstate} ne 'installed' } @of_row);
        foreach my $kind (qw(deb registry file))
        {
            my @harmless = grep { $_->{sqlstate} eq 'installed' && $_->{kind} eq $kind } @of_row or next;
            my @packages;
            foreach my $case (@harmless)
            {
                is($server->sql("SELECT action FROM " . call($case)), 'installed', "$case->{name} ($kind): installed");
                push @packages, $kind eq 'deb' ? $case->{path} : $case->{name};
            }
            is($server->sql("SELECT bool_and(trusted) FROM pgx.installed_extensions WHERE package IN ('$packages[0]')"), 't', 'the catalog says that it is trusted') if $row eq 'P5';
            harmless_files(@packages);
            $server->is_consistent("after $kind");
            $server->sql('SELECT pgx.remove(ARRAY[' . join(', ', map { "'$_'" } @packages) . '])');
        }
    };
}

# The publisher's own tool refuses what servers refuse.
subtest 'pgx registry add' => sub {
    my ($wrong, $count) = ('', 0);
    my $honest = PgxPublish->new($server, 'honest')->init;
    foreach my $case (grep { $_->{kind} ne 'deb' && $_->{sqlstate} !~ /^(?:installed|42710)$/ } @cases)
    {
        next if $count++ % 7;
        my ($status, $out, $err) = $honest->run_pgx('registry', 'add', $honest->folder, $case->{path}, '--keys', $honest->{keys});
        $wrong .= "$case->{name} ($case->{format}): status $status, $out$err\n" unless $status == 1 && $err =~ /$case->{pattern}/;
    }
    is($wrong, '', "refuses them: $count, some of them tried");
};

# --- places that somebody has prepared --------------------------------------------------------------------------------------------

subtest 'U18 a path that is there before' => sub {
    my $directory = $server->directory;
    my $victim = "$work/victim";
    append_to_file($victim, "victim\n");
    my %prepare = (
        'a link out' => sub { symlink $victim, $_[0] or die },
        'a link to nowhere' => sub { symlink "$work/made-by-a-link", $_[0] or die },
        'other content' => sub { append_to_file($_[0], "not the package\n") },
        'a folder' => sub { mkdir $_[0] or die });
    $server->sql(q{SELECT pgx.install('atlas'); SELECT pgx.remove('atlas')});
    my $digest = $server->sql(q{SELECT sha256 FROM pgx.releases WHERE package LIKE '%-atlas'});
    my ($cached) = grep { -f } glob "$directory/pgsql_tmp.cache/*$digest* $directory/pgsql_tmp.cache/*/*$digest*";
    ok(defined $cached, 'the cache has a name for each digest');
    foreach my $what (sort keys %prepare)
    {
        unlink $cached;
        rmdir $cached;
        $prepare{$what}->($cached);
        my $action = $server->sql(q{SELECT action FROM pgx.install('atlas')});
        is($action, 'installed', "the cache has $what: it is not believed");
        is(slurp_file($victim), "victim\n", 'nothing was written through it');
        ok(!-e "$work/made-by-a-link", 'nor made');
        $server->sql(q{SELECT pgx.remove('atlas')});
        rmdir $cached;
    }
    # staging has names that nobody can foresee; the directory itself is the only thing to prepare
    my $staging = "$directory/pgsql_tmp.staging";
    rename $staging, "$staging.away" or die;
    mkdir "$work/elsewhere";
    symlink "$work/elsewhere", $staging or die;
    $server->fails('staging is a link', q{SELECT pgx.install('atlas')}, { sqlstate => qr/^(?:55000|58030)$/, hint => qr// });
    is_deeply([ glob "$work/elsewhere/*" ], [], 'nothing was put there');
    unlink $staging;
    rename "$staging.away", $staging or die;
};

# --- after all of that --------------------------------------------------------------------------------------------------------

my @escaped = grep { -e || -l } glob "/tmp/*escaped* /escaped* $work/*escaped* " . $node->data_dir . '/{.,..,*,pgx/*,pgx/*/*,pgx/*/*/*}/*escaped*';
is_deeply(\@escaped, [], 'nothing has escaped');
is($server->sql('SELECT count(*) > 40 FROM pg_available_extensions'), 't', 'pg_available_extensions works');
is($server->sql(q{SELECT action FROM pgx.install('atlas')}), 'installed', 'the next correct call works');
$server->is_consistent('in the end');
done_testing();
