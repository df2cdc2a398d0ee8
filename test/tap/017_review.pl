# 017_review.pl - what reviewers found by reading and by trying, each as a case that failed once.
use strict;
use warnings FATAL => 'all';

use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('review');
my $node = $server->node;
$server->add_registry('stable');

sub restart_after_crash { $node->stop('immediate'); $node->start; return; }

# A transaction that has changed the same files several times is undone newest first, also when a crash keeps it from doing so itself.
subtest 'a crash after several changes of one package' => sub {
    foreach my $round (1 .. 3)
    {
        $server->sql(q{SELECT pgx.install('color')}) if $round == 1;
        my $before = $server->files;
        my $session = $node->background_psql('postgres');
        $session->query_safe(q{SET client_min_messages = warning; BEGIN; SELECT pgx.remove('color'); SELECT pgx.install('color'); SELECT pgx.remove('color');
            SELECT pgx.install('color');});
        restart_after_crash();
        $session->{run}->kill_kill;
        $server->sql('SELECT pgx.recover()');
        my $after = $server->files;
        my @of_color = grep { /color/ } keys %$before;
        is_deeply({ map { $_ => $after->{$_} } @of_color }, { map { $_ => $before->{$_} } @of_color }, "round $round: the old files");
        $server->is_consistent("round $round");
    }
};

subtest 'several extensions in one other database' => sub {
    $server->sql('CREATE DATABASE other');
    $server->sql(q{SET statement_timeout = '30s'; SELECT pgx.install('twins', create_in => ARRAY['other', 'other'])});
    is($server->sql(q{SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'}, 'other'),
        'castor pollux', 'both, by one worker');
    $server->refuses('a second worker in one database', q{BEGIN; SELECT pgx.create('color', ARRAY['other']); SELECT pgx.create('castor', ARRAY['other'])},
        { message => q{this transaction has created extensions in database "other" already}, sqlstate => '55000' });
    $server->refuses('pgx itself', q{SELECT pgx.create('pgx', ARRAY['other'])},
        { message => q{pgx cannot create itself in other databases}, sqlstate => '22023' });
};

subtest 'a role may create only where it may connect, and nothing through others' => sub {
    $server->sql(q{CREATE ROLE low LOGIN; GRANT EXECUTE ON FUNCTION pgx.create(text, text[]) TO low;
        CREATE DATABASE closed; REVOKE CONNECT ON DATABASE closed FROM PUBLIC; GRANT CREATE ON SCHEMA public TO low});
    my ($status, $out, $err) = $node->psql('postgres', q{SELECT pgx.create('color', ARRAY['closed'])}, extra_params => ['-U', 'low']);
    like($err, qr/permission denied for database "closed"/, 'no connection, no extension');
    $server->refuses('template0', q{SELECT pgx.create('color', ARRAY['template0'])},
        { message => q{permission denied for database "template0"}, sqlstate => '42501' });
    # an index expression runs when a superuser analyzes the table
    $node->psql('postgres', q{CREATE TABLE trap (x text); INSERT INTO trap VALUES ('color');
        CREATE FUNCTION spring(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
          $$BEGIN PERFORM pgx.create($1, ARRAY['other']); RETURN 'x'; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END$$;
        CREATE INDEX ON trap (spring(x));}, extra_params => ['-U', 'low']);
    $server->sql('ANALYZE trap');
    is($server->sql(q{SELECT count(*) FROM pg_extension WHERE extname = 'color'}, 'other'), '0', 'ANALYZE creates nothing');
};

subtest 'a lock file of somebody who decides nothing' => sub {
    $server->sql(q{CREATE ROLE mover LOGIN; GRANT EXECUTE ON FUNCTION pgx.apply(jsonb) TO mover; SELECT pgx.allow('mover', trusted => true)});
    my $lock = $server->sql('SELECT pgx.export()');
    my $wrong = $lock =~ s/("package": "[^"]*color".*?"sha256": ")[0-9a-f]{64}/$1 . '0' x 64/er;
    $wrong =~ s/("sha256": ")[0-9a-f]{64}/$1 . '0' x 64/e if $wrong eq $lock;
    my ($status, $out, $err) = $node->psql('postgres', "SELECT pgx.apply('$wrong')", extra_params => ['-U', 'mover']);
    like($err, qr/permission denied to install/, 'a digest that no registry offers');
    ($status, $out, $err) = $node->psql('postgres', "SELECT pgx.apply('$lock')", extra_params => ['-U', 'mover']);
    is($status, 0, 'what the registry offers') or diag($err);
};

subtest 'an older snapshot' => sub {
    my $session = $node->background_psql('postgres', on_error_stop => 0);
    $session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pgx.installed;');
    $server->sql(q{SELECT pgx.install('veclike')});
    $session->query(q{SELECT pgx.remove('veclike');});
    like($session->{stderr}, qr/was changed by another transaction/, 'files do not go while their rows stay');
    $session->query('ROLLBACK;');
    $session->quit;
    $server->is_consistent('after it');
};

subtest 'what was read from registries is not restored, and read again' => sub {
    $server->sql('DELETE FROM pgx.releases');
    is($server->sql('SELECT status FROM pgx.refresh()'), 'updated', 'an unchanged repository is read all the same');
    cmp_ok($server->sql('SELECT count(*) FROM pgx.releases'), '>', 0, 'and offers something');
    $server->sql('DELETE FROM pgx.releases');
    is($server->sql(q{SELECT action FROM pgx.install('shop') WHERE extension = 'shop'}), 'installed', 'install reads them, too');
};

subtest 'a registry by another name' => sub {
    $server->sql(q{SELECT pgx.alter_registry('stable', rename_to => 'solid')});
    is($server->sql(q{SELECT DISTINCT registry FROM pgx.installed}), 'solid', 'what came from it still does');
    my $directory = $server->absolute($server->directory);
    unlink glob "$directory/*/share/extension/color.control";
    is($server->sql(q{SELECT status FROM pgx.repair('color')}), 'restored', 'repair finds it');
};

subtest 'few background workers' => sub {
    $node->append_conf('postgresql.conf', 'max_worker_processes = 2');
    $node->restart;
    $server->sql('SELECT count(*) FROM pgx.usage()') for 1 .. 3;
    pass('the databases are looked into one after the other');
};

subtest 'encodings' => sub {
    $server->sql(q{SELECT pgx.remove(array_agg(package), force => true) FROM pgx.installed; DROP EXTENSION pgx;
        CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
    my ($status, $out, $err) = $node->psql('latin', 'CREATE EXTENSION pgx');
    like($err, qr/the home database of pgx has to have encoding UTF8/, 'the home has to be UTF8');
};

done_testing();
