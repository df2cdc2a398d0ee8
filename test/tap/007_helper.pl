# 007_helper.pl - a helper that dies, lies or rambles: the caller gets an error, the server goes on.
#
# The helper has read what strangers wrote, so the backend trusts nothing of what it says.
use strict;
use warnings FATAL => 'all';

use JSON::PP;
use PgxTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = PgxTest->new('helper');
my $node = $server->node;
$server->add_registry('stable');
$server->sql('SELECT pgx.setup()');
$node->append_conf('postgresql.conf', "log_min_messages = warning");
my $directory = PostgreSQL::Test::Utils::tempdir;
my $count = 0;

# use_helper(SCRIPT) - from now on the helper is this shell script
sub use_helper
{
    my ($script) = @_;
    my $path = "$directory/helper-" . ++$count;
    append_to_file($path, "#!/bin/sh\n$script\n");
    chmod 0755, $path;
    set_helper_path($path);
}

sub set_helper_path
{
    my ($path) = @_;
    $server->sql("ALTER SYSTEM SET pgx.helper_path = '$path'");
    $node->reload;
    $node->poll_query_until('postgres', "SELECT current_setting('pgx.helper_path') = '$path'") or die 'no reload';
}

# misbehaves(NAME, SCRIPT, FIELDS) - with such a helper neither install() nor refresh() does anything
sub misbehaves
{
    my ($name, $script, $fields) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    use_helper($script);
    $server->refuses("$name: install()", q{SELECT pgx.install('color')}, $fields);
    $server->refuses("$name: refresh()", q{SELECT pgx.refresh('stable')}, $fields);
}

subtest 'a helper that is killed' => sub {
    $server->add_registry('stable', name => 'slow', location => 'slow', priority => 900);
    my $before = $server->state;
    my $session = $node->background_psql('postgres', on_error_stop => 0);
    $session->query_until(qr/begun/, "\\set VERBOSITY verbose\n\\echo begun\nSELECT pgx.install('heavy');\n");
    ok(eventually { $server->sql("SELECT done > 0 FROM pgx.progress_entries() WHERE phase = 'download'") eq 't' }, 'a download has begun');
    my @helpers = $server->helpers;
    is(scalar @helpers, 1, 'there is one helper');
    kill 'KILL', @helpers;
    is(($session->query('SELECT 1'))[0], '1', 'the session goes on');
    my $error = PgxTest::error_fields($session->{stderr});
    is($error->{sqlstate}, '58000', 'the error');
    is($error->{message}, 'the helper program ended without an answer', 'says what has happened');
    like($error->{detail}, qr/signal 9/, 'and how');
    $session->quit;
    is_deeply($server->state, $before, 'nothing has changed');
    $server->sql(q{SELECT pgx.drop_registry('slow')});
};

subtest 'a helper that cannot be started' => sub {
    set_helper_path('/nonexistent/pgx');
    $server->refuses('no such file', q{SELECT pgx.install('color')},
        { sqlstate => '58000', message => qr{^could not start the helper program "/nonexistent/pgx": }, hint => qr/pgx\.helper_path/ });
    append_to_file("$directory/not-executable", "#!/bin/sh\n");
    set_helper_path("$directory/not-executable");
    $server->refuses('not executable', q{SELECT pgx.install('color')}, { sqlstate => '58000', message => qr/^could not start/ });
    set_helper_path('pgx');
    $server->refuses('a relative path', q{SELECT pgx.install('color')}, { sqlstate => '22023', hint => qr// });
};

my %failed = (sqlstate => '58000');
subtest 'a helper that says nonsense' => sub {
    misbehaves('exits silently', 'exit 0', { %failed, message => qr/the helper program ended without an answer$/, detail => qr/status 0/ });
    misbehaves('fails silently', 'exit 3', { %failed, detail => qr/status 3/ });
    misbehaves('crashes', 'kill -SEGV $$', { %failed, detail => qr/signal 11/ });
    misbehaves('closes its output and stays', 'exec >&-; sleep 600', { %failed });
    misbehaves('prints garbage', 'echo garbage', { %failed, message => qr/could not understand the helper program$/ });
    misbehaves('prints bytes', 'head -c 100000 /dev/urandom; echo', \%failed);
    misbehaves('prints an array', q{echo '[1, 2]'}, \%failed);
    misbehaves('prints JSON that is nested deeply', q(head -c 1000000 /dev/zero | tr '\0' '['; echo), \%failed);
    misbehaves('prints half a message', q(printf '{"result": {'), \%failed);
    misbehaves('prints an empty object', q{echo '{}'}, \%failed);
    misbehaves('prints endless lines', 'exec yes', \%failed);
    misbehaves('prints an endless line', q{exec tr '\0' 'x' </dev/zero}, { %failed, message => qr/the helper program says too much$/ });
    misbehaves('prints a NUL', q{printf '{"error": {"code": "io", "message": "a\\\\u0000b"}}\n'}, { sqlstate => qr/^58/, hint => qr// });
    misbehaves('prints a byte that is not UTF-8', q{printf '{"error": {"code": "io", "message": "a\377b"}}\n'},
        { sqlstate => qr/^(?:58|22)/, hint => qr// });
    misbehaves('prints format characters', q{echo '{"error": {"code": "io", "message": "%s%n%s%n", "detail": "%s.", "hint": "%n."}}'},
        { sqlstate => '58030', message => qr/%s%n%s%n$/, hint => '%n.' });
    misbehaves('prints an unknown error', q{echo '{"error": {"code": "tired", "message": "went to sleep"}}'},
        { sqlstate => qr/^(?:58000|XX000)$/ });
    misbehaves('prints a result that is none', q{echo '{"result": 5}'}, { sqlstate => qr/^(?:58|PX|22|XX)/, hint => qr// });
    misbehaves('prints values of other types', q{echo '{"event": "progress", "phase": 5, "done": "many"}'}, { sqlstate => qr/^(?:58|PX|22|XX)/, hint => qr// });
    use_helper('exec sleep 600');
    my $error = $server->error(q{SET statement_timeout = '300ms'; SELECT pgx.install('color')});
    is($error->{sqlstate}, '57014', 'one that says nothing at all can be cancelled');
};

# --- answers that are well-formed ---------------------------------------------------------------------------------

# A helper that answers like the real one except for what is changed here: the real one runs first, and its answer, with
# the files that it has unpacked, is edited. What the backend cannot find out is whether the content of a file is what was
# in the package: nobody else has read that.
subtest 'a helper that lies' => sub {
    set_helper_path('');
    my $real = $ENV{PGX_HELPER};
    append_to_file("$directory/edit.py", <<'END');
import json, os, pathlib, subprocess, sys
real, change, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
request = sys.stdin.read()
# the real helper dies with its parent, which is this process now
arguments[arguments.index('--parent') + 1] = str(os.getpid())
answer = subprocess.run([real, *arguments], input=request, stdout=subprocess.PIPE, text=True).stdout
staging = pathlib.Path(json.loads(request).get('staging', '/nonexistent'))
for line in answer.splitlines():
    message = json.loads(line)
    if 'result' in message and 'receipts' in message['result']:
        receipts = message['result']['receipts']
        receipt = receipts[0]
        files = receipt['files']
        tree = staging / receipt['package']
        exec(change)
    print(json.dumps(message))
END
    my $lie = sub {
        my ($name, $change) = @_;
        use_helper("exec python3 $directory/edit.py $real '$change' \"\$@\"");
        my $outside = $server->sql('SELECT count(*) FROM pg_ls_dir($$.$$)');
        my $error = $server->refuses($name, q{SELECT pgx.install('color')}, { sqlstate => qr/^(?:58|PX|42|22|XX)/, hint => qr// });
        is($server->sql('SELECT count(*) FROM pg_ls_dir($$.$$)'), $outside, "$name: nothing in the data directory either");
    };
    # first, that the editing itself is not what fails
    use_helper("exec python3 $directory/edit.py $real 'pass' \"\$@\"");
    is($server->sql(q{SELECT action FROM pgx.install('atlas')}), 'installed', 'an honest answer is accepted');

    $lie->('a path upwards', q{files[0]["path"] = "../x"});
    $lie->('a path in the middle upwards', q{files[0]["path"] = "share/../../../../x.control"});
    $lie->('an absolute path', q{files[0]["path"] = "/tmp/x"});
    $lie->('a path into the journal', q{files[0]["path"] = "../journal/x.json"});
    $lie->('a path outside of share and lib', q{files[0]["path"] = "receipts/x.json"});
    $lie->('an empty path', q{files[0]["path"] = ""});
    $lie->('a path with a newline', q{files[0]["path"] = "share/extension/a\nb"});
    $lie->('a file that is not there', q{files.append(dict(files[0], path="share/extension/absent.sql"))});
    $lie->('a file twice', q{files.append(files[0])});
    $lie->('a link instead of a file', q{p = tree / files[0]["path"]; p.unlink(); p.symlink_to("/etc/passwd")});
    $lie->('a directory instead of a file', q{p = tree / files[0]["path"]; p.unlink(); p.mkdir()});
    $lie->('another package', q{receipt["package"] = "postgresql-18-other"});
    $lie->('a package name upwards', q{receipt["package"] = "../../x"});
    $lie->('another version', q{receipt["version"] = "9"});
    $lie->('another digest', q{receipt["artifact_sha256"] = "0" * 64});
    $lie->('no receipt', q{receipts.clear()});
    $lie->('one receipt too many', q{receipts.append(receipt)});
    $lie->('an extension with a bad name', q{receipt["extensions"][0]["name"] = "a/b"});
    $lie->('files of another type', q{receipt["files"] = "all"});
    $lie->('a setuid file', q{files[0]["mode"] = 0o4755});

    set_helper_path('');
    is($server->sql(q{SELECT action FROM pgx.install('color')}), 'installed', 'with the real one all is well');
    is($server->sql('CREATE EXTENSION color; SELECT color_hex(1, 2, 3)'), '#010203', 'and the extension works');

    # what replaces a file that was damaged is looked at as well
    my ($damaged) = grep { /color.*\.sql$/ } keys %{ $server->files };
    my $place = $server->directory . "/$damaged";
    unlink $place;
    foreach my $case ([ 'a setuid file' => q{p.chmod(0o6777)} ], [ 'a pipe' => q{p.unlink(); os.mkfifo(p)} ], [ 'a link' => q{p.unlink(); p.symlink_to("/etc/passwd")} ])
    {
        use_helper("exec python3 $directory/edit.py $real 'p = [tree / f[\"path\"] for f in files if f[\"path\"].endswith(\".sql\")][0]; $case->[1]' \"\$@\"");
        $server->refuses("repair() with $case->[0]", q{SELECT pgx.repair('color')}, { sqlstate => '58000', message => qr/^cannot install/, hint => qr// });
        ok(!-e $place && !-l $place, "repair() with $case->[0]: it is not put in place");
    }
    set_helper_path('');
    is($server->sql(q{SELECT status FROM pgx.repair('color')}), 'restored', 'repair() with the real one');
    $server->is_consistent('after all of that');
};

done_testing();
