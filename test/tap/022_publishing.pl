# 022_publishing.pl - pgx key and pgx registry as people type them: what they print, what they refuse, and how they end.
#
# No PostgreSQL here: what a server makes of such a registry is in 020_registry.pl, and each operation with every fault in the
# unit tests.
use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path);
use PgxPublish;
use PostgreSQL::Test::Utils;
use Test::More;

my $ours = PgxPublish->new({ client => 'publishing' }, 'ours');
my ($folder, $keys) = ($ours->folder, $ours->{keys});
my $work = PostgreSQL::Test::Utils::tempdir();

# pgx_like(NAME, STATUS, OUT, ERR, ARGUMENTS)
sub pgx_like
{
    my ($name, $wanted, $out_like, $err_like, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = $ours->run_pgx(@arguments);
    subtest $name => sub {
        is($status, $wanted, "pgx @arguments") or diag("$out$err");
        defined $out_like ? like($out, $out_like, 'output') : is($out, '', 'no output');
        defined $err_like ? like($err, $err_like, 'errors') : is($err, '', 'no errors');
    };
    return $out;
}

sub registry { my ($action, @more) = @_; return ('registry', $action, $folder, @more, '--keys', $keys); }

# --- a registry ----------------------------------------------------------------------------------------------------------------

my $made = pgx_like('init says what to do next', 0, qr/^fingerprint +sha256:[0-9a-f]{64}$/m, undef, registry('init'));
like($made, qr/pgx\.add_registry\('NAME', 'https:\/\/ADDRESS', root => 'sha256:[0-9a-f]{64}'\);/, 'with the line for SQL');
like($made, qr/^$_ key +\Q$keys\E\/$_\.key$/m, "the key of $_") for qw(root targets snapshot timestamp);
my ($fingerprint) = $made =~ /(sha256:[0-9a-f]{64})/;
pgx_like('fingerprint', 0, qr/^$fingerprint$/, undef, 'registry', 'fingerprint', $folder);
pgx_like('init again', 1, undef, qr/there is a registry in .*\nHINT: /s, registry('init'));
pgx_like('keys in the published folder', 1, undef, qr/is in the registry's/, 'registry', 'init', "$work/new", '--keys', "$work/new/keys");
is((stat "$keys/root.key")[2] & 07777, 0600, 'secret keys are for their owner only');
is((stat $keys)[2] & 07777, 0700, 'and so is their folder');

my ($ledger, $journal) = ($ours->bundle('ledger', '1.0.0'), $ours->bundle('journal', '2.0.0', requires => 'ledger'));
pgx_like('add', 0, qr/^ledger-1\.0\.0\+pg\d+-any\.trunk .* added\n.*pgx\.install\('ledger'\)/ms, undef, registry('add', $ledger, $journal));
pgx_like('add again', 0, qr/is published already$/m, undef, registry('add', $ledger));
pgx_like('other content under the name', 1, undef, qr/is published with other content\nDETAIL: .*\nHINT: .*new version/s,
    registry('add', $ours->bundle('ledger', '1.0.0', body => 'SELECT 2;')));
append_to_file("$work/bad-1.0.0+pg18-any.trunk", 'nonsense');
pgx_like('no bundle', 1, undef, qr/could not publish ".*bad-1\.0\.0/, registry('add', "$work/bad-1.0.0+pg18-any.trunk"));
pgx_like('a folder without a registry', 1, undef, qr/there is no registry in "\Q$work\E"\nHINT: /, 'registry', 'add', $work, $ledger, '--keys', $keys);
pgx_like('without keys', 1, undef, qr/a key is missing\nDETAIL: .*\nHINT: Name the folder that has them with --keys\./,
    'registry', 'add', $folder, $ours->bundle('ledger', '1.1.0'), '--keys', "$work/none");
pgx_like('check', 0, qr/^packages +2 in 1 shard, 2 releases, 2 bundles.*^All is well\.$/ms, undef, 'registry', 'check', $folder);
pgx_like('check by http', 0, qr/^All is well\.$/m, undef, 'registry', 'check', $ours->url, '--root', $fingerprint);
pgx_like('check by file:', 0, qr/^All is well\.$/m, undef, 'registry', 'check', "file://$folder");
pgx_like('sign with nothing to do', 0, qr/^Nothing is due\.$/, undef, registry('sign'));
pgx_like('sign for longer', 0, qr/^timestamp +\d+ .*\(100 days\)$/m, undef, registry('sign', '--expires', 'timestamp=100'));

# --- keys and publishers -----------------------------------------------------------------------------------------------------

make_path("$work/acme", { mode => 0700 });
pgx_like('key generate', 0, qr/^id +[0-9a-f]{64}$/m, undef, 'key', 'generate', "$work/acme/acme");
pgx_like('key generate again', 1, undef, qr/exists already/, 'key', 'generate', "$work/acme/acme");
my ($id) = $ours->pgx('key', 'show', "$work/acme/acme.pub") =~ /^id +(\w+)$/m;
like($ours->pgx('key', 'show', "$work/acme/acme.key"), qr/^id +$id$/m, 'both files tell the same key');
unlike($ours->pgx('key', 'show', "$work/acme/acme.key", '--public'), qr/secret/, 'and never the secret');
my ($status, $out, $err) = (0, '', '');
IPC::Run::run([ $ENV{PGX_HELPER}, 'key', 'generate', "$work/locked", '--passphrase' ], '<', \"open sesame\n", '>', \$out, '2>', \$err);
is($?, 0, 'a key with a passphrase') or diag("$out$err");
unlike(slurp_file("$work/locked.key"), qr/"secret"/, 'is not in its file');
pgx_like('the key to an own keeper', 1, undef, qr/no passphrase was given/, 'registry', 'sign-root', "$folder/metadata/1.root.json", '--key', "$work/locked.key");

pgx_like('delegate', 0, qr/^publisher +acme \(new\)\n.*--publisher acme/ms, undef,
    registry('delegate', 'acme', '--key', "$work/acme/acme.pub", '--packages', 'acme_*'));
pgx_like('a name of his', 1, undef, qr/belongs to publisher "acme"\nHINT: .*--publisher acme/, registry('add', $ours->bundle('acme_one', '1.0.0')));
pgx_like('published by him', 0, qr/readers do not see it yet.*pgx registry sign/s, undef,
    'registry', 'add', $folder, $ours->bundle('acme_one', '1.0.0'), '--publisher', 'acme', '--keys', "$work/acme");
my ($waiting) = glob "$folder/metadata/*.publisher-acme.json";
my $right = slurp_file($waiting);
unlink $waiting;
append_to_file($waiting, 'nonsense');
pgx_like('a file of his that is broken', 1, qr/./, qr/newer metadata of publisher "acme" was not taken in: "\Q$waiting\E".*\nHINT: /s, registry('sign'));
pgx_like('which a check tells too', 1, qr/^DEFECT: "metadata\/1\.publisher-acme\.json"/m, undef, 'registry', 'check', $folder);
unlink $waiting;
append_to_file($waiting, $right);
pgx_like('taken in', 0, qr/^publisher "acme": newer metadata taken in$/m, undef, registry('sign'));
$ours->pgx('key', 'generate', "$work/late");
pgx_like('a pattern that comes too late', 0, qr/^publisher +late \(new\)/m, qr/^WARNING: the pattern "acme_t\*" of publisher "late" is of no effect.*\nHINT: /s,
    registry('delegate', 'late', '--key', "$work/late.pub", '--packages', 'acme_t*'));
pgx_like('and goes', 0, qr/^targets /m, undef, registry('undelegate', 'late'));
pgx_like('an extension of another name', 1, undef, qr/claims the extension "ledger", whose name is not publisher "acme"'s\n/,
    'registry', 'add', $folder, $ours->bundle('acme_two', '1.0.0', extension => 'ledger'), '--publisher', 'acme', '--keys', "$work/acme");
pgx_like('three packages', 0, qr/^packages +3 .*^publisher-acme +1 .*All is well/ms, undef, 'registry', 'check', $folder);

# --- rotation ----------------------------------------------------------------------------------------------------------------

pgx_like('rotate', 0, qr/^new key +.*timestamp-2\.key\n.*^root +2 /ms, undef, registry('rotate', '--role', 'timestamp'));
pgx_like('rotate what there is not', 1, undef, qr/there is no role "nothing"/, registry('rotate', '--role', 'nothing'));
ok(!-e "$keys/nothing.key", 'and no key for it');
$ours->pgx('key', 'generate', "$work/ann");
$ours->pgx('key', 'generate', "$work/bob");
my @two = map { ('--new-key', "$work/$_.pub") } qw(ann bob);
pgx_like('too few signatures', 1, undef, qr/not signed by enough of its own keys\nDETAIL: .*\nHINT: .*--out/s, registry('rotate', '--role', 'root', @two, '--threshold', 2));
pgx_like('to a file', 0, qr/^signatures +1 of 1 by keys of the present root, 0 of 2 by its own\n.*^The registry is as it was/ms, undef,
    registry('rotate', '--role', 'root', @two, '--threshold', 2, '--out', "$work/root.json"));
pgx_like("Ann's signature", 0, qr/^signed with +.*ann\.key$/m, undef, 'registry', 'sign-root', "$work/root.json", '--key', "$work/ann.key");
pgx_like('is not enough', 1, undef, qr/not signed by enough of its own keys/, 'registry', 'sign-root', "$work/root.json", '--into', $folder, '--keys', $keys);
pgx_like("with Bob's it is", 0, qr/^root +3 /m, undef, 'registry', 'sign-root', "$work/root.json", '--key', "$work/bob.key", '--into', $folder, '--keys', $keys);
pgx_like('and the old key counts no more', 1, undef, qr/not signed by enough of the present root's keys/, registry('rotate', '--role', 'root', '--threshold', 1));
ok(!-e "$keys/root-2.key", 'the key made for nothing is gone');
# the steps of docs/publish.md, where the present root's keys are with people too
$ours->pgx('key', 'generate', "$work/eve");
my @three = map { ('--new-key', "$work/$_.pub") } qw(ann bob eve);
pgx_like('a root of three, begun where no key of it is', 0, qr/^signatures +0 of 2 by keys of the present root, 0 of 2 by its own$/m, undef,
    registry('rotate', '--role', 'root', '--threshold', 2, @three, '--out', "$work/next.json"));
$ours->pgx('registry', 'sign-root', "$work/next.json", '--key', "$work/eve.key");
$ours->pgx('registry', 'sign-root', "$work/next.json", '--key', "$work/ann.key");
pgx_like('signed by two, but by one of the present root', 1, undef, qr/not signed by enough of the present root's keys/,
    'registry', 'sign-root', "$work/next.json", '--into', $folder, '--keys', $keys);
$ours->pgx('registry', 'sign-root', "$work/next.json", '--key', "$work/bob.key");
pgx_like('into the registry', 0, qr/^root +4 /m, undef, 'registry', 'sign-root', "$work/next.json", '--into', $folder, '--keys', $keys);
pgx_like('all is well', 0, qr/^root +4 +2 of 3 .*All is well/ms, undef, 'registry', 'check', $ours->url, '--root', $fingerprint);

# --- mirror ------------------------------------------------------------------------------------------------------------------

pgx_like('mirror of one package', 0, qr/^packages +1 of 3\n.*^bundles +1, of which 1 /ms, undef,
    'registry', 'mirror', $ours->url, "$work/mirror", '--root', $fingerprint, '--packages', 'led*', '--postgres', 18);
pgx_like('again', 0, qr/of which 0 .*nothing new/s, undef,
    'registry', 'mirror', $ours->url, "$work/mirror", '--root', $fingerprint, '--packages', 'led*');
pgx_like('the mirror lacks bundles, but is right otherwise', 0, qr/All is well/, undef,
    'registry', 'check', "$work/mirror", '--no-bundles', '--root', $fingerprint);
pgx_like('the rest', 0, qr/^bundles +3, of which 2 /m, undef, 'registry', 'mirror', $folder, "$work/mirror", '--root', $fingerprint);
pgx_like('whole', 0, qr/All is well/, undef, 'registry', 'check', "$work/mirror", '--root', $fingerprint);
append_to_file("$work/headers", "Authorization: Bearer let-me-in\n");
pgx_like('a private one, without the token', 1, undef, qr/401/, 'registry', 'mirror', $ours->url('private'), "$work/private", '--root', $fingerprint);
pgx_like('and with it', 0, qr/^packages +3 of 3$/m, undef,
    'registry', 'mirror', $ours->url('private'), "$work/private", '--root', $fingerprint, '--headers', "$work/headers");
pgx_like('another registry', 1, undef, qr/does not have the trusted fingerprint/,
    'registry', 'mirror', $ours->url, "$work/other", '--root', 'sha256:' . '0' x 64);

# --- removal, damage, command lines ------------------------------------------------------------------------------------------

pgx_like('remove a version', 0, qr/^journal\@2\.0\.0 +removed\n.*deleted$/ms, undef, registry('remove', 'journal@2.0.0'));
pgx_like('its file stands for what it was', 1, undef, qr/was published with other content, and withdrawn\nDETAIL: .*\nHINT: /,
    registry('add', $ours->bundle('journal', '2.0.0', body => 'SELECT 2;')));
pgx_like('that is gone', 1, undef, qr/the registry has no package "journal"/, registry('remove', 'journal'));
pgx_like('undelegate', 0, qr/^acme_one +removed$/m, undef, registry('undelegate', 'acme'));
pgx_like('one package is left', 0, qr/^packages +1 /m, undef, 'registry', 'check', $folder);
my ($bundle) = glob "$folder/bundles/ledger/*.trunk";
append_to_file($bundle, 'x');
pgx_like('a damaged bundle', 1, qr/^DEFECT: ".*ledger.*" is not what was published\n.*^1 defect, 0 warnings$/ms, undef, 'registry', 'check', $folder);

for my $case ([ 'registry' ], [ 'registry', 'ad' ], [ 'registry', 'add' ], [ 'registry', 'init' ], [ 'registry', 'init', 'a', 'b' ],
    [ 'registry', 'rotate', $folder, '--keys', $keys ], [ 'registry', 'mirror', 'a', 'b' ], [ 'registry', 'sign', $folder, '--nothing' ],
    [ 'registry', 'sign-root', "$work/root.json" ], [ 'key' ], [ 'key', 'make' ], [ 'key', 'show' ])
{
    pgx_like("usage: @$case", 2, undef, qr/^pgx: /, @$case);
}
pgx_like("help: @$_", 0, qr/^Usage: pgx /, undef, @$_, '--help')
  for [ 'key' ], [ 'key', 'generate' ], [ 'registry' ], map { [ 'registry', $_ ] } qw(init add remove sign fingerprint check mirror rotate sign-root
  delegate undelegate);
pgx_like('a wrong number of days', 1, undef, qr/invalid time "x"\nHINT: /, registry('sign', '--expires', 'x'));
pgx_like('a wrong major', 1, undef, qr/invalid version of PostgreSQL/, 'registry', 'mirror', $folder, "$work/m", '--root', $fingerprint, '--postgres', 'x');

done_testing();
