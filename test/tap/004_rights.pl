# 004_rights.pl - who may do what, and what a hostile user can reach.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('rights');
$server->add_registry('stable');
$server->sql(q{SELECT pgx.install('color'); CREATE ROLE ordinary LOGIN; CREATE ROLE installer LOGIN;});
# ordinary users often may create things somewhere
$server->sql('CREATE SCHEMA hostile; GRANT ALL ON SCHEMA hostile TO PUBLIC');

sub as_ordinary { return $server->node->safe_psql('postgres', $_[0], extra_params => [ '--username' => 'ordinary' ]); }

subtest 'an ordinary role may look' => sub {
    is(as_ordinary('SELECT count(*) FROM pgx.available()'), 12, 'available()');
    is(as_ordinary(q{SELECT name, installed FROM pgx.search('hexadecimal')}), 'color|1.4.0', 'search()');
    is(as_ordinary(q{SELECT value FROM pgx.info('color') WHERE property = 'version'}), '1.4.0-2', 'info()');
    is(as_ordinary(q{SELECT version, installed FROM pgx.versions('color')}), '1.4.0-2|t', 'versions()');
    is(as_ordinary('SELECT postgresql > 0 FROM pgx.platform()'), 't', 'platform()');
    foreach my $relation (qw(registries releases installed installed_extensions files history offers progress))
    {
        like(as_ordinary("SELECT count(*) FROM pgx.$relation"), qr/^\d+$/, "pgx.$relation");
    }
    # nothing can be read yet, and that is told without an error
    my $fresh = PgxTest->new('fresh');
    $fresh->sql('CREATE ROLE ordinary LOGIN');
    my ($status, $out, $err) = $fresh->node->psql('postgres', 'SELECT count(*) FROM pgx.available()',
        extra_params => [ '--username' => 'ordinary' ]);
    is("$status $out", '0 0', 'available() before the first refresh');
    like($err, qr/NOTICE:  no registry has been read yet.*HINT:  .*pgx\.refresh\(\)/s, 'says what is missing');
    is(scalar keys %{ $fresh->files }, 0, 'and touches nothing');
    $fresh->node->stop;
};

subtest 'an ordinary role may not change anything' => sub {
    my %calls = (
        'setup' => q{SELECT pgx.setup()},
        'add_registry' => q{SELECT pgx.add_registry('x', 'deb http://127.0.0.1/ x main')},
        'alter_registry' => q{SELECT pgx.alter_registry('stable', priority => 1)},
        'drop_registry' => q{SELECT pgx.drop_registry('stable')},
        'refresh' => q{SELECT pgx.refresh()},
        'plan' => q{SELECT pgx.plan('atlas')},
        'plan of several' => q{SELECT pgx.plan(ARRAY['atlas'])},
        'install' => q{SELECT pgx.install('atlas')},
        'install of several' => q{SELECT pgx.install(ARRAY['atlas'])},
        'take_home' => q{SELECT pgx.take_home()},
        'update' => q{SELECT pgx.update('color')},
        'update of all' => q{SELECT pgx.update()},
        'rollback' => q{SELECT pgx.rollback('color')},
        'pin' => q{SELECT pgx.pin('color')},
        'unpin' => q{SELECT pgx.unpin('color')},
        'remove' => q{SELECT pgx.remove('color')},
        'remove of several' => q{SELECT pgx.remove(ARRAY['color'])},
        'create' => q{SELECT pgx.create('color')},
        'preload' => q{SELECT pgx.preload('color')},
        'preload of several' => q{SELECT pgx.preload(ARRAY['color'])},
        'unpreload' => q{SELECT pgx.unpreload('color')},
        'usage' => q{SELECT pgx.usage()},
        'outdated' => q{SELECT pgx.outdated()},
        'verify' => q{SELECT pgx.verify()},
        'doctor' => q{SELECT pgx.doctor()},
        'repair' => q{SELECT pgx.repair('color')},
        'sync' => q{SELECT pgx.sync()},
        'recover' => q{SELECT pgx.recover()},
        'apply' => q{SELECT pgx.apply('{}')},
        'allow' => q{SELECT pgx.allow('ordinary')},
        'disallow' => q{SELECT pgx.disallow('ordinary')});
    foreach my $what (sort keys %calls)
    {
        (my $function = $what) =~ s/ .*//;
        $server->refuses($what, $calls{$what},
            { sqlstate => '42501', message => "permission denied for function $function", hint => '' }, role => 'ordinary');
    }
    foreach my $table (qw(registries releases installed installed_extensions files history allowances))
    {
        $server->refuses("$table: DELETE", "DELETE FROM pgx.$table", { sqlstate => '42501', hint => '' }, role => 'ordinary');
        $server->refuses("$table: INSERT", "INSERT INTO pgx.$table DEFAULT VALUES", { sqlstate => '42501', hint => '' }, role => 'ordinary');
    }
    # pg_write_all_data is no superuser: what is in these tables decides about files
    $server->sql('CREATE ROLE writer LOGIN; GRANT pg_write_all_data, pg_read_all_data TO writer');
    my @tables = split /\n/, $server->sql(q{SELECT relname FROM pg_class WHERE relnamespace = 'pgx'::regnamespace AND relkind = 'r' ORDER BY 1});
    cmp_ok(scalar @tables, '>', 10, 'there are many tables');
    foreach my $table (@tables)
    {
        my ($column) = split /\n/, $server->sql("SELECT attname FROM pg_attribute WHERE attrelid = 'pgx.$table'::regclass AND attnum = 1");
        $server->refuses("$table: $_->[0] by a member of pg_write_all_data", $_->[1], { sqlstate => '42501', message => "permission denied for table $table", hint => '' }, role => 'writer')
          foreach [ 'DELETE', "DELETE FROM pgx.$table" ], [ 'INSERT', "INSERT INTO pgx.$table DEFAULT VALUES" ], [ 'UPDATE', "UPDATE pgx.$table SET $column = NULL" ];
    }
    $server->refuses('a trigger function', 'SELECT pgx.check_writer()', { sqlstate => qr/^(?:42501|0A000)$/, hint => '' }, role => 'ordinary');
    $server->refuses('a function in the schema', 'CREATE FUNCTION pgx.x() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
        { sqlstate => '42501', hint => '' }, role => 'ordinary');
    # with the library loaded, and before that, when they are words without a meaning
    my $load = 'SELECT pgx.platform();';
    $server->refuses('pgx.directory', "$load SET pgx.directory = '/tmp'", { sqlstate => '55P02', hint => '' }, role => 'ordinary');
    $server->refuses('pgx.helper_path', "$load SET pgx.helper_path = '/tmp/x'", { sqlstate => '55P02', hint => '' }, role => 'ordinary');
    $server->refuses('pgx.home', "$load SET pgx.home = off", { sqlstate => '42501', hint => '' }, role => 'ordinary');
    my ($status, $out, $err) = $server->node->psql('postgres', "SET pgx.directory = '/tmp'; $load SELECT 1",
        extra_params => [ '--username' => 'ordinary' ]);
    like($err, qr/WARNING:  parameter "pgx.directory" cannot be (?:changed|set)/, 'a setting from before the library was loaded is dropped');
    $server->refuses('CREATE EXTENSION pgx', 'DROP EXTENSION pgx', { sqlstate => '42501', hint => '' }, role => 'ordinary');

    # which functions PUBLIC may call is a decision for each: whoever adds one has to make it here
    is($server->sql(q{
        SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc
         WHERE pronamespace = 'pgx'::regnamespace AND has_function_privilege('ordinary', oid, 'EXECUTE')}),
        'available ensure_refreshed export info is_prerelease name_parts name_trigrams packages_with platform progress_entries search upstream_version usual_names version_key versions word_query', 'functions for everybody');
    is($server->sql(q{
        SELECT count(*) FROM pg_proc WHERE pronamespace = 'pgx'::regnamespace AND prosecdef
           AND (proconfig IS NULL OR NOT 'search_path=pg_catalog, pg_temp' = ANY (proconfig))}), 0,
        'every function with the owner\'s rights has a fixed search_path');
    is($server->sql(q{
        SELECT count(*) FROM pg_proc WHERE pronamespace = 'pgx'::regnamespace AND prosecdef
           AND has_function_privilege('ordinary', oid, 'EXECUTE')}), 0, 'and PUBLIC may call none of them');
};

subtest 'the right to install can be granted' => sub {
    $server->sql('GRANT EXECUTE ON FUNCTION pgx.install(text, text, text, text[]) TO installer');
    $server->fails('and opens nothing alone', q{SELECT pgx.install('atlas')}, { sqlstate => '42501',
            message => 'permission denied to run pgx.install() for "atlas"', detail => 'Nothing is allowed to role "installer".' }, role => 'installer');
    $server->sql(q{SELECT pgx.allow('installer')});
    is($server->node->safe_psql('postgres', q{SELECT extension, action FROM pgx.install('atlas')},
            extra_params => [ '--username' => 'installer' ]), 'atlas|installed', 'and used');
    is($server->sql(q{SELECT "session_user" FROM pgx.history ORDER BY at DESC LIMIT 1}), 'installer', 'the history knows who it was');
    $server->refuses('what was not granted', q{SELECT pgx.install(ARRAY['geo'])}, { sqlstate => '42501', hint => '' }, role => 'installer');
};

subtest 'a hostile search_path' => sub {
    # What a function with the owner's rights would call if it looked names up on the caller's path
    $server->sql(q{
        CREATE TABLE hostile.caught (who text);
        GRANT INSERT ON hostile.caught TO PUBLIC;
        CREATE FUNCTION hostile.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN true; END$$;
        CREATE FUNCTION hostile.trap_any(anyarray, anyarray) RETURNS boolean LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN true; END$$;
        CREATE OPERATOR hostile.= (FUNCTION = hostile.trap, LEFTARG = text, RIGHTARG = text);
        CREATE OPERATOR hostile.|| (FUNCTION = hostile.trap, LEFTARG = text, RIGHTARG = text);
        CREATE OPERATOR hostile.@> (FUNCTION = hostile.trap_any, LEFTARG = anyarray, RIGHTARG = anyarray);
        CREATE FUNCTION hostile.lower(text) RETURNS text LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN $1; END$$;
        CREATE FUNCTION hostile.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN $1; END$$;
        CREATE FUNCTION hostile.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN; END$$;
        CREATE FUNCTION hostile.array_to_json(text[]) RETURNS json LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN '[]'; END$$;
        CREATE FUNCTION hostile.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN NULL; END$$;
        CREATE FUNCTION hostile.current_setting(text) RETURNS text LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN NULL; END$$;
        CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO hostile.caught VALUES (current_user); RETURN NULL; END$$;
        CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (false);});
    my $set = 'SET search_path = hostile, pg_catalog; ';
    is($server->sql($set . q{SELECT 'a'::pg_catalog.text = 'b'::pg_catalog.text}), 't', 'the trap works');
    $server->sql('TRUNCATE hostile.caught');
    foreach my $call (q{pgx.setup()}, q{pgx.refresh('stable', true)}, q{pgx.plan('geo')}, q{pgx.install('geo')},
        q{pgx.install(ARRAY['twins', 'color'])}, q{pgx.add_registry('testing', '} . $server->source('testing') . q{')},
        q{pgx.alter_registry('testing', priority => 300, rename_to => 'next')}, q{pgx.drop_registry('next')},
        q{pgx.available()}, q{pgx.search('color')}, q{pgx.info('color')}, q{pgx.versions('color')}, q{pgx.platform()})
    {
        my ($status, $out, $err) = $server->node->psql('postgres', "$set SELECT * FROM $call");
        is($status, 0, $call) or diag($err);
    }
    foreach my $view (qw(offers progress))
    {
        $server->sql("$set SELECT * FROM pgx.$view");
    }
    is($server->sql('SELECT count(*) FROM hostile.caught'), 0, 'nothing ran into a trap');
    # temporary objects come first where pg_temp is not put last
    my ($status, $out, $err) = $server->node->psql('postgres', q{
        CREATE TEMP TABLE pg_extension (extname text); CREATE TEMP TABLE registries (name text);
        SELECT extension, action FROM pgx.install('veclike');});
    is($out, 'veclike|installed', 'temporary tables do not hide the catalog') or diag($err);
    $server->is_consistent('after hostile calls');
};

done_testing();
