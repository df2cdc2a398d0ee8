# 040_delegation.pl - roles that may install some things and not others.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('delegation', settings => "max_worker_processes = 16\n");
my $node = $server->node;
$server->add_registry('stable');
$server->add_registry('testing', priority => 400);
$server->sql(q{
    CREATE ROLE operator LOGIN;
    CREATE ROLE apprentice LOGIN;
    CREATE ROLE "Dr. ""No""" LOGIN;
    GRANT EXECUTE ON ROUTINE
        pgx.plan(text, text, text), pgx.plan(text[], text, text), pgx.install(text, text, text, text[]), pgx.install(text[], text, text, text[]),
        pgx.update(text), pgx.update(), pgx.rollback(text), pgx.remove(text, boolean), pgx.remove(text[], boolean), pgx.pin(text), pgx.unpin(text),
        pgx.repair(text), pgx.preload(text, text, boolean), pgx.unpreload(text), pgx.apply(jsonb), pgx.sync(), pgx.allow(text, text, text[], boolean, boolean, boolean),
        pgx.install_bundle(bytea, text, boolean), pgx.install_sql(text, text, text, text, text[], text, boolean)
        TO operator, apprentice});

sub as { my ($role, $sql) = @_; return $node->safe_psql('postgres', $sql, extra_params => [ '--username' => $role ]); }

# What is refused changes nothing but the record of it.
sub refuses_operator
{
    my ($name, $sql, %expected) = @_;
    my ($role, $may_ask) = map { delete $expected{$_} } qw(role may_ask);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = $server->sql(q{SELECT count(*) FROM pgx.history WHERE action LIKE 'refused: %'});
    my $files = $server->files;
    my $rows = $server->sql('SELECT string_agg(i::text, $$ $$ ORDER BY package) FROM pgx.installed AS i');
    my $requests = $server->requests;
    $server->fails($name, $sql, { sqlstate => '42501', %expected }, role => $role // 'operator');
    is_deeply($server->files, $files, "$name: the same files");
    is($server->sql('SELECT string_agg(i::text, $$ $$ ORDER BY package) FROM pgx.installed AS i'), $rows, "$name: the same rows");
    is($server->requests, $requests, "$name: no request") unless $may_ask;
    is($server->sql(q{SELECT count(*) FROM pgx.history WHERE action LIKE 'refused: %'}) - $before, 1, "$name: it is recorded once");
    return;
}

subtest 'allow()' => sub {
    like($server->messages(q{SELECT pgx.allow('Dr. "No"', packages => 'atlas')}),
        qr/NOTICE:  role "Dr\. "No"" may not call pgx\.install\(\) yet\nHINT:  GRANT EXECUTE ON ROUTINE .* TO "Dr\. ""No""";/, 'says what is missing');
    my ($grant) = $server->messages(q{SELECT pgx.allow('Dr. "No"', packages => 'atlas')}) =~ /HINT:  (GRANT.*;)/;
    $server->sql($grant);
    is($server->messages(q{SELECT pgx.allow('Dr. "No"', packages => 'atlas', registries => '{stable}')}), '', 'the remedy helps');
    is(as('Dr. "No"', q{SELECT extension, action FROM pgx.install('atlas')}), 'atlas|installed', 'install()');
    is(as('Dr. "No"', q{SELECT package FROM pgx.remove('atlas')}), $server->package_name('atlas'), 'remove()');
    is($server->sql(q{SELECT pgx.disallow('Dr. "No"')}), '1', 'disallow()');
    $server->refuses('disallow() again', q{SELECT pgx.disallow('Dr. "No"')}, { sqlstate => '22023', message => qr/nothing of that kind is allowed/, hint => qr// });
    $server->refuses('a role that is not there', q{SELECT pgx.allow('nobody')}, { sqlstate => '22023', message => 'role "nobody" does not exist', hint => '' });
    $server->refuses('a registry that is not there', q{SELECT pgx.allow('operator', registries => '{none}')}, { sqlstate => qr/./, message => qr/registry "none" does not exist/, hint => qr// });
    $server->refuses('no pattern', "SELECT pgx.allow('operator', packages => '$_')", { sqlstate => '22023', message => qr/not a pattern of names/ })
      foreach '', '[a-z]*', 'a b', "x\n", 'a' x 256;
    $server->refuses('no superuser', q{SELECT pgx.allow('operator')}, { sqlstate => '42501', message => 'permission denied to run pgx.allow()', hint => 'Ask a superuser.' }, role => 'operator');
    is(as('apprentice', 'SELECT count(*) FROM pgx.allowances'), '0', 'everybody can look');
};

subtest 'names' => sub {
    my $requests = $server->requests;
    refuses_operator('nothing is allowed yet', q{SELECT pgx.install('atlas')}, message => 'permission denied to run pgx.install() for "atlas"',
        detail => 'Nothing is allowed to role "operator".', hint => qr/pgx\.allow\(role, packages => '\.\.\.'\)/);
    is($server->sql(q{SELECT action, package, "session_user", role FROM pgx.history ORDER BY at DESC LIMIT 1}), 'refused: install()|atlas|operator|operator', 'the record');
    $server->sql(q{SELECT pgx.allow('operator', packages => 'atl*'), pgx.allow('operator', packages => 'sho?'), pgx.allow('apprentice', packages => 'geo')});
    my %refused = (
        'plan()' => q{SELECT pgx.plan('geo')},
        'install()' => q{SELECT pgx.install('geo')},
        'one of several' => q{SELECT pgx.install(ARRAY['atlas', 'geo'])},
        'the name of its package' => "SELECT pgx.install('" . $server->package_name('geo') . "')",
        'with a registry' => q{SELECT pgx.install('stable:geo@1.1')},
        'a source' => q{SELECT pgx.install('github.com/example/atlas')},
        'what is not there' => q{SELECT pgx.install('nowhere')},
        'a bundle' => q{SELECT pgx.install_sql('geo', '1.0', 'SELECT 1')},
        'a lock file' => q{SELECT pgx.apply((SELECT pgx.export()))},
    );
    $server->sql(q{SELECT pgx.install('geo')});
    $refused{"$_()"} = "SELECT pgx.$_('geo')" foreach qw(update rollback remove pin unpin repair);
    $refused{'remove() with force'} = q{SELECT pgx.remove('geo', true)};
    foreach my $name (sort keys %refused)
    {
        my $superuser_only = $refused{$name} =~ /install_sql/;
        if ($superuser_only) { $server->refuses($name, $refused{$name}, { sqlstate => '42501' }, role => 'operator'); next; }
        refuses_operator($name, $refused{$name}, message => qr/^permission denied to run pgx\.\w+\(\) for "/, detail => 'Role "operator" is allowed packages "atl*" and "sho?".');
    }
    is(as('operator', q{SELECT extension, action FROM pgx.install('atlas')}), 'atlas|installed', 'what is allowed');
    is(as('operator', q{SELECT action FROM pgx.plan('atlas')}), 'already installed', 'plan() too');
    is(as('operator', q{SELECT extension, action FROM pgx.update()}), "atlas|up to date\ngeo|not allowed", 'update() of all leaves out what is not allowed');
    is(as('operator', "SELECT package FROM pgx.remove('" . $server->package_name('atlas') . "')"), $server->package_name('atlas'), 'what is installed has all its names');
    $server->sql(q{SELECT pgx.remove('geo')});
};

subtest 'what is required comes along' => sub {
    # color is marked trusted
    refuses_operator('what is trusted', q{SELECT pgx.install('shop')}, may_ask => 1, detail => qr/"postgresql-\d+-color" has "color", which is marked trusted: /);
    $server->sql(q{SELECT pgx.allow('operator', packages => 'sho?', trusted => true, libraries => false)});
    refuses_operator('libraries', q{SELECT pgx.install('shop')}, may_ask => 1, detail => qr/"postgresql-\d+-pgveclike" holds a library\. /);
    refuses_operator('also before', q{SELECT pgx.plan('shop')}, may_ask => 1, detail => qr/holds a library\. /);
    $server->sql(q{SELECT pgx.allow('operator', packages => 'sho?', trusted => true, registries => '{testing}')});
    refuses_operator('another registry', q{SELECT pgx.install('shop')}, detail => qr/It would come from registry "stable", which is not allowed/);
    refuses_operator('by name', q{SELECT pgx.install('stable:shop')}, detail => 'Registry "stable" is not allowed to role "operator".');
    $server->sql(q{SELECT pgx.allow('operator', packages => 'sho?', trusted => true, registries => '{stable}')});
    is(as('operator', q{SELECT extension, action FROM pgx.install('shop')}),
        "color|installed, required by shop\nveclike|installed, required by shop\nshop|installed", 'allowed');
    # what came along is not the operator's to change
    refuses_operator('remove() of what came along', q{SELECT pgx.remove('color')});
    is(as('operator', q{SELECT count(*) FROM pgx.remove('shop')}), '1', 'remove()');
    $server->sql(q{SELECT pgx.remove(ARRAY['color', 'veclike'])});
};

subtest 'preload' => sub {
    $server->sql(q{SELECT pgx.allow('operator', packages => 'guard')});
    refuses_operator('what has to be preloaded', q{SELECT pgx.install('guard')}, may_ask => 1, detail => qr/has to be preloaded\. /);
    $server->sql(q{SELECT pgx.install('guard')});
    refuses_operator('preload()', q{SELECT pgx.preload('guard')}, detail => 'Role "operator" is not allowed to have libraries preloaded.');
    refuses_operator('of the server', q{SELECT pgx.preload('pg_stat_statements')});
    $server->sql(q{SELECT pgx.allow('operator', packages => 'guard', preload => true)});
    is(as('operator', q{SELECT library, action FROM pgx.preload('guard')}), 'guard|added', 'allowed');
    is(as('operator', q{SELECT library, action FROM pgx.unpreload('guard')}), 'guard|taken out', 'unpreload()');
    $server->sql(q{SELECT pgx.remove('guard')});
};

subtest 'who calls' => sub {
    $server->sql(q{CREATE ROLE team; GRANT team TO apprentice; SELECT pgx.allow('team', packages => 'atlas')});
    is(as('apprentice', q{SELECT action FROM pgx.install('atlas')}), 'installed', 'what is allowed to a role is to its members');
    $server->sql(q{REVOKE team FROM apprentice});
    refuses_operator('not after that', q{SELECT pgx.remove('atlas')}, role => 'apprentice');
    $server->sql(q{GRANT team TO apprentice WITH INHERIT FALSE});
    refuses_operator('nor without SET ROLE', q{SELECT pgx.remove('atlas')}, role => 'apprentice');
    $server->sql(q{GRANT EXECUTE ON ROUTINE pgx.remove(text, boolean) TO team});
    is(as('apprentice', q{SET ROLE team; SELECT count(*) FROM pgx.remove('atlas')}), '1', 'SET ROLE');
    # the rights of a function of a superuser's are its own, and no more than that
    $server->sql(q{CREATE FUNCTION public.install_atlas() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp RETURN (SELECT action FROM pgx.install('atlas'))});
    is(as('apprentice', 'SELECT install_atlas()'), 'installed', 'SECURITY DEFINER of a superuser');
    is(as('operator', q{SELECT count(*) FROM pgx.remove('atlas')}), '1', 'gone again');
    # and the other way round: superusers that call a function of the role's
    $server->sql(q{GRANT CREATE ON SCHEMA public TO operator});
    as('operator', q{CREATE FUNCTION public.install_geo() RETURNS text LANGUAGE sql SECURITY DEFINER RETURN (SELECT action FROM pgx.install('geo'))});
    $server->fails('SECURITY DEFINER of the role', 'SELECT public.install_geo()', { sqlstate => '42501', message => 'permission denied to run pgx.install() for "geo"' });
};

subtest 'no way around' => sub {
    # a role keeps its allowances when it is renamed, and takes them along when it is dropped
    $server->sql(q{CREATE ROLE visitor LOGIN; GRANT EXECUTE ON ROUTINE pgx.plan(text, text, text) TO visitor; SELECT pgx.allow('visitor', packages => 'geo'); ALTER ROLE visitor RENAME TO guest});
    like(as('guest', q{SELECT action FROM pgx.plan('geo')}), qr/^install$/m, 'renamed');
    $server->sql(q{CREATE ROLE visitor LOGIN; GRANT EXECUTE ON ROUTINE pgx.plan(text, text, text) TO visitor});
    refuses_operator('called so later', q{SELECT pgx.plan('geo')}, role => 'visitor');
    $server->sql(q{REVOKE EXECUTE ON ROUTINE pgx.plan(text, text, text) FROM guest; DROP ROLE guest; CREATE ROLE guest LOGIN; GRANT EXECUTE ON ROUTINE pgx.plan(text, text, text) TO guest});
    refuses_operator('dropped and made anew', q{SELECT pgx.plan('geo')}, role => 'guest');
    $server->sql(q{SELECT pgx.allow('guest', packages => 'atlas')});
    is($server->sql(q{SELECT count(*) FROM pgx.allowances AS a WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = a.role)}), '0', 'rows of dropped roles do not stay for ever');
    $server->sql(q{SELECT pgx.disallow('guest')});
    # between plan and install: the allowance is looked at again
    $server->sql(q{SELECT pgx.allow('operator', packages => 'geo')});
    as('operator', q{SELECT pgx.plan('geo')});
    $server->sql(q{SELECT pgx.disallow('operator', 'geo')});
    refuses_operator('taken back after plan()', q{SELECT pgx.install('geo')});
    # names are words, whatever is in them
    $server->refuses('a path for a name', q{SELECT pgx.install('atlas/../geo')}, { sqlstate => '42602', hint => qr// }, role => 'operator');
    $server->refuses("rows: $_->[0]", $_->[1], { sqlstate => '42501', hint => '' }, role => 'operator')
      foreach ['INSERT', q{INSERT INTO pgx.allowances VALUES ('operator', '*', NULL, true, true, true)}], ['UPDATE', q{UPDATE pgx.allowances SET packages = '*'}],
      ['stored bundles', 'SELECT content FROM pgx.stored_bundles'];
    # a refusal is recorded whatever the transaction comes to, and does not break it
    my $before = $server->sql(q{SELECT count(*) FROM pgx.history WHERE action LIKE 'refused%'});
    is(as('operator', q{DO $$ BEGIN PERFORM pgx.install('geo'); EXCEPTION WHEN insufficient_privilege THEN RAISE NOTICE 'refused'; END $$; SELECT 1}), '1', 'a transaction goes on');
    is($server->sql(q{SELECT count(*) FROM pgx.history WHERE action LIKE 'refused%'}), $before + 1, 'it is recorded');
};

# Each case: what is allowed, as arguments of allow(), what is refused for itself, and what it was named together with.
subtest 'several names in one call lend each other nothing' => sub {
    $server->sql(q{SELECT pgx.disallow('operator')});
    my @cases = (
        [ 'trusted', [ q{'atlas', trusted => true}, q{'color'} ], q{'color'}, qr/which is marked trusted/ ],
        [ 'libraries', [ q{'atlas'}, q{'pgveclike', libraries => false} ], q{'pgveclike'}, qr/holds a library/ ],
        [ 'preload', [ q{'atlas', preload => true}, q{'guard'} ], q{'guard'}, qr/has to be preloaded/ ],
        [ 'registries', [ q{'atlas', registries => '{testing}'}, q{'color', registries => '{stable}', trusted => true} ], q{'testing:color'}, qr/Registry "testing" is not allowed/ ]);
    foreach my $case (@cases)
    {
        my ($name, $allowed, $wanted, $detail) = @$case;
        $server->sql("SELECT pgx.allow('operator', $_)") foreach @$allowed;
        refuses_operator("$name, alone", "SELECT pgx.install($wanted)", may_ask => 1, detail => $detail);
        refuses_operator("$name, with another", "SELECT pgx.install(ARRAY['atlas', $wanted])", may_ask => 1, detail => $detail);
        refuses_operator("$name, before another", "SELECT pgx.install(ARRAY[$wanted, 'atlas'])", may_ask => 1, detail => $detail);
        $server->sql(q{SELECT pgx.disallow('operator')});
    }
    # what is needed by the one is not brought by what the other may
    $server->sql(q{SELECT pgx.allow('operator', 'shop'), pgx.allow('operator', 'atlas', trusted => true)});
    refuses_operator('requirements', q{SELECT pgx.install(ARRAY['atlas', 'shop'])}, may_ask => 1, detail => qr/which is marked trusted/);
    $server->sql(q{SELECT pgx.allow('operator', 'color', trusted => true)});
    is(as('operator', q{SELECT count(*) FROM pgx.plan(ARRAY['atlas', 'shop'])}), '4', 'a requirement that is allowed itself');
    $server->sql(q{SELECT pgx.disallow('operator')});
};

subtest 'what protects others' => sub {
    $server->sql(q{SELECT pgx.allow('operator', 'guard'); SELECT pgx.install('guard'); SELECT pgx.preload('guard')});
    refuses_operator('remove() with force', q{SELECT pgx.remove('guard', force => true)}, detail => qr/^What force => true passes over protects others/);
    $server->sql(q{SELECT pgx.allow('operator', 'guard', preload => true)});
    refuses_operator('also of what may be preloaded', q{SELECT pgx.remove('guard', force => true)}, detail => qr/^What force => true passes over/);
    refuses_operator('preload() with force', q{SELECT pgx.preload('guard', force => true)}, detail => qr/^What force => true passes over/);
    is($node->safe_psql('postgres', q{SELECT setting FROM pg_file_settings WHERE name = 'shared_preload_libraries'}), 'guard', 'it stays preloaded');
    $server->sql(q{SELECT pgx.unpreload('guard'); SELECT pgx.remove('guard')});
    # what an allowed package requires may be installed with it, but is not preloaded for it
    $server->add_registry('preloads');
    $server->sql(q{SELECT pgx.disallow('operator'); SELECT pgx.allow('operator', 'clock', preload => true)});
    is(as('operator', q{SELECT extension FROM pgx.install('clock')}), "watch\nclock", 'install() of what needs another');
    refuses_operator('preload() of both', q{SELECT pgx.preload('clock')}, detail => 'Role "operator" is allowed packages "clock".');
    $server->sql(q{SELECT pgx.allow('operator', 'watch', preload => true)});
    is(as('operator', q{SELECT library, action FROM pgx.preload('clock')}), "watch|added\nclock|added", 'both are allowed');
    $server->sql(q{SELECT pgx.unpreload('clock'); SELECT pgx.unpreload('watch'); SELECT pgx.remove(ARRAY['clock', 'watch']); SELECT pgx.disallow('operator'); SELECT pgx.drop_registry('preloads')});
};

subtest 'taken back' => sub {
    # from a transaction that has its snapshot already
    $server->sql(q{SELECT pgx.allow('operator', 'color', trusted => true), pgx.allow('operator', 'guard', preload => true); SELECT pgx.install('guard')});
    foreach my $call (q{pgx.install('color')}, q{pgx.preload('guard')}, q{pgx.remove('guard')})
    {
        my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '--username' => 'operator' ]);
        $session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pgx.allowances');
        $server->sql(q{SELECT pgx.disallow('operator')});
        $session->query("SELECT $call");
        like($session->{stderr}, qr/permission denied to run pgx\.\w+\(\) for "(?:color|guard|postgresql-\d+-guard)"\nDETAIL:  Nothing is allowed to role "operator"/, "an old snapshot: $call");
        $session->quit;
        $server->sql(q{SELECT pgx.allow('operator', 'color', trusted => true), pgx.allow('operator', 'guard', preload => true)});
    }
    # while it waits for the lock
    foreach my $call (q{pgx.install('color')}, q{pgx.preload('guard')}, q{pgx.remove('guard')})
    {
        my $holder = $node->background_psql('postgres');
        $holder->query_safe(q{BEGIN; SELECT pgx.sync()});
        my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '--username' => 'operator' ]);
        $session->query_until(qr/begun/, "\\echo begun\nSELECT $call;\n");
        ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}), "waits: $call");
        $server->sql(q{DELETE FROM pgx.allowances});
        $holder->query_safe('COMMIT');
        $session->query('SELECT 1');
        like($session->{stderr}, qr/permission denied to run/, "refused after that: $call");
        $holder->quit;
        $session->quit;
        $server->sql(q{SELECT pgx.allow('operator', 'color', trusted => true), pgx.allow('operator', 'guard', preload => true)});
    }
    $server->sql(q{SELECT pgx.remove('guard'); SELECT pgx.disallow('operator')});
};

subtest 'registries' => sub {
    $server->sql(q{SELECT pgx.install(ARRAY['stable:atlas', 'stable:geo'])});
    $server->sql(q{SELECT pgx.allow('operator', 'atlas', registries => '{testing}')});
    my $requests = $server->requests;
    is(as('operator', 'SELECT extension, action FROM pgx.update()'), "atlas|not allowed
geo|not allowed", 'update() of all leaves out what would come from elsewhere');
    is(as('apprentice', 'SELECT extension, action FROM pgx.update()'), "atlas|not allowed
geo|not allowed", 'update() of a role that is allowed nothing');
    refuses_operator('update()', q{SELECT pgx.update('atlas')}, detail => 'Registry "stable" is not allowed to role "operator".');
    refuses_operator('repair()', q{SELECT pgx.repair('atlas')}, detail => 'Registry "stable" is not allowed to role "operator".');
    is($server->requests, $requests, 'nobody was asked');
    # a registry's name is not the registry
    $server->sql(q{SELECT pgx.alter_registry('testing', rename_to => 'old'), pgx.alter_registry('stable', rename_to => 'testing')});
    is($server->sql('SELECT registries FROM pgx.allowances'), '{old}', 'a registry that is renamed keeps its allowances');
    refuses_operator('what has its name', q{SELECT pgx.repair('atlas')}, detail => 'Registry "testing" is not allowed to role "operator".');
    $server->sql(q{SELECT pgx.alter_registry('testing', rename_to => 'stable'), pgx.alter_registry('old', rename_to => 'testing')});
    is($server->sql(q{BEGIN; SELECT pgx.drop_registry('testing'); SELECT registries FROM pgx.allowances}) =~ s/.*\n//gr, '{}', 'one that is gone leaves nothing to its successor');
    # what the host has is added by those who are not limited
    is($server->sql(q{BEGIN; SELECT pgx.disallow('operator'); DELETE FROM pgx.registries; SELECT pgx.allow('operator', 'nothing', registries => NULL); SELECT count(*) FROM pgx.registries; ROLLBACK}) =~ s/.*\n//gr, '1', 'allow() sets up what the role will need');
    $server->sql(q{SELECT pgx.disallow('operator'); SELECT pgx.remove(ARRAY['atlas', 'geo'])});
    # the name of a package is a name of it, also once it is there
    $server->sql(q{SELECT pgx.allow('operator', 'pgveclike')});
    is(as('operator', q{SELECT action FROM pgx.install('pgveclike')}), 'installed', 'a short name');
    is(as('operator', q{SELECT action FROM pgx.update('pgveclike')}), 'up to date', 'update() by it');
    is(as('operator', q{SELECT count(*) FROM pgx.remove('pgveclike')}), '1', 'remove() by it');
    $server->sql(q{SELECT pgx.disallow('operator'); SELECT pgx.allow('operator', 'atl*')});
};

subtest 'lock files' => sub {
    $server->sql(q{SELECT pgx.disallow('operator'); SELECT pgx.install('stable:atlas'); SELECT pgx.allow('operator', '*atlas')});
    my $lock = $server->sql('SELECT pgx.export()');
    # what a lock file says of a package has to be what a registry says
    foreach my $change (q{'{packages,0,signer}', '"somebody else"'}, q{'{packages,0,size}', '1'})
    {
        $server->sql(q{SELECT pgx.remove('atlas')}) if $server->sql(q{SELECT count(*) FROM pgx.installed}) ne '0';
        $server->fails("apply() with $change", "SELECT pgx.apply(jsonb_set('$lock', $change))", { sqlstate => '42501', message => qr/^permission denied to install/,
            detail => qr/does not offer it with this address, size, digest and signer/ }, role => 'operator');
    }
    is(as('operator', "SELECT count(*) FROM pgx.apply('$lock')"), '1', 'as it was');
    # pins are lifted by those who may
    $server->sql(q{SELECT pgx.pin('atlas')});
    as('operator', q{SELECT pgx.apply(jsonb_set(pgx.export(), '{packages,0,pinned}', 'false'))});
    is($server->sql('SELECT pinned FROM pgx.installed'), 't', 'apply() does not unpin for a role that is limited');
    $server->sql(q{SELECT pgx.apply(jsonb_set(pgx.export(), '{packages,0,pinned}', 'false'))});
    is($server->sql('SELECT pinned FROM pgx.installed'), 'f', 'it does for others');
    is($server->sql(q{SELECT action FROM pgx.history ORDER BY at DESC LIMIT 1}), 'unpin', 'and records it');
    # nothing to place, and something to remove: the allowance is looked at under the lock
    my $holder = $node->background_psql('postgres');
    $holder->query_safe(q{BEGIN; SELECT pgx.sync()});
    my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '--username' => 'operator' ]);
    $session->query_until(qr/begun/, qq{\\echo begun\nSELECT pgx.apply(jsonb_set(pgx.export(), '{packages}', '[]'));\n});
    ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}), 'apply() waits');
    $server->sql(q{DELETE FROM pgx.allowances});
    $holder->query_safe('COMMIT');
    $session->query('SELECT 1');
    like($session->{stderr}, qr/permission denied to run pgx\.apply\(\) for "postgresql-\d+-atlas"/, 'and is refused');
    $_->quit foreach $holder, $session;
    $server->sql(q{SELECT pgx.remove('atlas')});
};

subtest 'a registry that is disabled' => sub {
    $server->sql(q{SELECT pgx.alter_registry('testing', enabled => false); SELECT pgx.allow('operator', '*', trusted => true)});
    $server->fails('by name', q{SELECT pgx.install('testing:color')}, { sqlstate => '55000', message => 'registry "testing" is disabled', hint => qr/enabled => true/ }, role => $_) foreach 'operator', 'postgres';
    $server->sql(q{SELECT pgx.alter_registry('testing', enabled => true); SELECT pgx.disallow('operator')});
};

subtest 'what is there is not changed for the sake of another' => sub {
    my $sources = join("\n", $server->source('choices'), $server->source('choices-old'));
    $server->sql("SELECT pgx.add_registry('sweets', '$sources'); SELECT pgx.refresh('sweets'); SELECT pgx.install('sweet', version => '1.0-1')");
    is($server->sql(q{SELECT count(*) FROM pgx.installed}), '1', 'something is there');
    $server->sql(q{SELECT pgx.allow('operator', 'sweet', registries => '{stable}'), pgx.allow('operator', 'feast')});
    my $plan = $server->sql(q{SELECT action FROM pgx.plan('feast') WHERE extension = 'sweet'});
    like($plan, qr/^update, required by feast$/, 'another needs a newer version');
    refuses_operator('by the allowance of the other', q{SELECT pgx.install('feast')}, may_ask => 1, detail => qr/comes from registry "sweets"/);
    $server->sql(q{SELECT pgx.disallow('operator'); SELECT pgx.remove('sweet'); SELECT pgx.drop_registry('sweets')});
};

subtest 'a database with settings of its own' => sub {
    $server->sql(q{CREATE DATABASE odd; ALTER DATABASE odd SET transaction_timeout = '1ms'; ALTER DATABASE odd SET default_transaction_read_only = on;
        CREATE ROLE landlord; ALTER DATABASE odd SET role = landlord;
        ALTER DATABASE postgres SET default_transaction_read_only = on; ALTER DATABASE postgres SET role = landlord});
    is($server->sql(q{SET ROLE NONE; SET default_transaction_read_only = off; SELECT count(*) FROM pgx.usage() WHERE database = 'odd'}) , '0', 'is looked into all the same');
    $server->fails('a refusal', q{SET default_transaction_read_only = off; SELECT pgx.install('geo')}, { sqlstate => '42501', message => qr/^permission denied to run pgx\.install/ }, role => 'operator');
    is($server->sql(q{SET ROLE NONE; SELECT action, package FROM pgx.history ORDER BY at DESC LIMIT 1}), 'refused: install()|geo', 'is recorded where transactions are read-only and begin as another role');
    $server->sql(q{SET ROLE NONE; SET default_transaction_read_only = off; ALTER DATABASE postgres RESET default_transaction_read_only; ALTER DATABASE postgres RESET role});
    # what is created there is the caller's, not the role's that sessions begin with
    $server->sql(q{ALTER DATABASE odd RESET ALL; ALTER DATABASE odd SET role = landlord; SELECT pgx.install('stable:atlas'); SELECT pgx.create('atlas', '{odd}')});
    is($node->safe_psql('odd', q{SET ROLE NONE; SELECT extowner::regrole FROM pg_extension WHERE extname = 'atlas'}), 'postgres', 'create() in it');
    $server->sql(q{DROP DATABASE odd; SELECT pgx.remove('atlas')});
    # a name of any length is recorded, by its beginning
    $server->fails('a long name', q{SELECT pgx.allow('operator', repeat('a', 40000000))}, { sqlstate => '42501', hint => qr// }, role => 'operator');
    is($server->sql(q{SELECT length(package) FROM pgx.history ORDER BY at DESC LIMIT 1}), '200', 'a long name is cut');
};

subtest 'a dump has them' => sub {
    $server->sql(q{SELECT pgx.allow('operator', 'atl*')});
    my $dump = $node->data_dir . '/../dump.sql';
    command_ok([ 'pg_dump', '--file' => $dump, '--dbname' => $node->connstr('postgres') ], 'pg_dump');
    like(slurp_file($dump), qr/^COPY pgx\.allowances .*^operator\tatl\*/ms, 'pgx.allowances');
};

$server->is_consistent('at the end');
done_testing();
