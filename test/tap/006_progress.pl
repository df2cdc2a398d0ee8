# 006_progress.pl - what other sessions see of a call that is under way.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('progress');
my $node = $server->node;
$server->add_registry('stable', location => 'slow');
$server->sql('SELECT pgx.setup(); CREATE ROLE ordinary LOGIN; CREATE DATABASE other;');
my $heavy = PgxTest->package_name('heavy');

is($server->sql('SELECT count(*) FROM pgx.progress'), 0, 'nothing is under way');

my $session = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_until(qr/begun/, "\\echo begun\nSELECT pgx.install('heavy');\n");
ok(eventually { $server->sql("SELECT done > 0 FROM pgx.progress_entries() WHERE phase = 'download'") eq 't' }, 'a download has begun');

is($server->sql('SELECT pid, command, phase, item FROM pgx.progress'), "$pid|install|download|$heavy", 'who does what');
like($server->sql('SELECT bytes FROM pgx.progress'), qr/^\d+ (?:bytes|kB) of \d+ kB$/, 'how much of how much');
like($server->sql('SELECT percent FROM pgx.progress'), qr/^\d\d?$/, 'in percent');
is($server->sql(q{SELECT elapsed BETWEEN '0 s' AND '10 min' FROM pgx.progress}), 't', 'since when');
is($node->safe_psql('postgres', 'SELECT pid FROM pgx.progress', extra_params => [ '--username' => 'ordinary' ]), $pid,
    'ordinary users see it as well');
my $done = $server->sql('SELECT done FROM pgx.progress_entries()');
ok(eventually { $server->sql('SELECT done FROM pgx.progress_entries()') > $done }, 'it goes on');
is($server->sql("SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE pid = $pid"), 'Extension|PgxHelper',
    'pg_stat_activity has a name for it');
is($server->sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'nobody is locked out by a download');

# another call at the same time
is($server->sql(q{SELECT action FROM pgx.install('color')}), 'installed', 'another session installs meanwhile');
is($server->sql('SELECT count(*) FROM pgx.progress'), 1, 'and leaves the first one\'s entry alone');

$server->sql("SELECT pg_cancel_backend($pid)");
ok(eventually { $server->sql('SELECT count(*) FROM pgx.progress') eq '0' }, 'the entry goes with the call');
$session->quit;

done_testing();
