# PgxTest.pm - a PostgreSQL server with pgx, and the tests' apt repository as its registry.
#
# A thin layer over PostgreSQL::Test::Cluster, whose object is in $server->node. What it adds is what every test of
# pgx has to ask: what are the files and rows now, what does the error say in each of its fields, and is it still
# the same postmaster. test/fixture/start tells what the environment variables PGX_FIXTURE_* are; catalog.py there
# tells what the repository's suites hold.
package PgxTest;

use strict;
use warnings FATAL => 'all';

use Digest::SHA;
use Exporter 'import';
use File::Basename qw(basename);
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(eventually);

# The template was made for this role, whoever runs the tests.
$ENV{PGUSER} = 'postgres';

# What the tests assume of the environment; without it they cannot say anything.
foreach my $variable (qw(PGX_FIXTURE_URL PGX_FIXTURE_KEY PGX_FIXTURE_STRANGER PGX_FIXTURE_LOG PGX_HELPER))
{
    die "$variable is not set; run the tests with test/check/run" unless $ENV{$variable};
}

my ($major) = split /\D/, (split / /, `"$ENV{PG_CONFIG}" --version`)[1];

# The value of pgx.directory, whether the library that defines it is loaded yet or not.
my $directory_expression = q{coalesce(nullif(current_setting('pgx.directory', true), ''), 'pgx')};

# The name of the package in the repository.
sub package_name { my ($class, $name) = @_; return "postgresql-$major-$name"; }

# PgxTest->new(NAME, settings => TEXT, streaming => 1, pgx => 0) - a running server; pgx => 0 leaves out CREATE EXTENSION
sub new
{
    my ($class, $name, %options) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init(allows_streaming => $options{streaming} // 0);
    # every statement would be in the log twice, and some are meant to fail
    $node->append_conf('postgresql.conf', "log_statement = none\n" . ($options{settings} // ''));
    $node->start;
    my $self = $class->of_node($node);
    $self->sql('CREATE EXTENSION pgx') unless defined $options{pgx} && !$options{pgx};
    return $self;
}

# PgxTest->of_node(NODE) - the same for a server that is there already, such as a standby
sub of_node
{
    my ($class, $node) = @_;
    my $self = bless { node => $node, registries => {} }, $class;
    # the part of the URL by which nginx's log tells tests apart
    ($self->{client} = basename($0, '.pl') . '-' . $node->name) =~ s/[^\w-]/_/g;
    return $self;
}

sub node { my ($self) = @_; return $self->{node}; }

# --- talking to it ------------------------------------------------------------------------------------------------

# sql(SQL, DATABASE) - its output; dies of an error
sub sql
{
    my ($self, $sql, $database) = @_;
    return $self->{node}->safe_psql($database // 'postgres', $sql);
}

# messages(SQL, DATABASE) - what psql prints on standard error: notices, in full
sub messages
{
    my ($self, $sql, $database) = @_;
    my ($status, $out, $err) = $self->{node}->psql($database // 'postgres', $sql, on_error_stop => 1);
    is($status, 0, 'no error') or diag($err);
    return $err;
}

# error(SQL, DATABASE, ROLE) - the fields of the error that it raises, or undef when it raises none: sqlstate, message,
# detail, hint, and all, the whole text
sub error
{
    my ($self, $sql, $database, $role) = @_;
    my @as_role = defined $role ? ('--username' => $role) : ();
    my ($status, $out, $err) = $self->{node}->psql(
        $database // 'postgres', $sql,
        on_error_stop => 1,
        extra_params => [ '--set' => 'VERBOSITY=verbose', @as_role ]);
    return undef if $status == 0;
    return error_fields($err);
}

sub error_fields
{
    my ($text) = @_;
    my %fields = (all => $text, sqlstate => '', message => '', detail => '', hint => '');
    $text =~ s/.*^(?:psql:\S+ )?(?=(?:ERROR|FATAL):)//ms;
    my $current = '';
    foreach my $line (split /\n/, $text)
    {
        if ($line =~ /^(?:ERROR|FATAL):  (\w{5}): (.*)/) { ($fields{sqlstate}, $current) = ($1, 'message'); $fields{message} = $2; }
        elsif ($line =~ /^(DETAIL|HINT):  (.*)/)         { $current = lc $1; $fields{$current} = $2; }
        elsif ($line =~ /^(?:LINE \d+|CONTEXT|LOCATION|QUERY|STATEMENT|WARNING|NOTICE|psql|server|connection|\t)/) { $current = ''; }
        elsif ($current ne '')                           { $fields{$current} .= "\n$line"; }
    }
    return \%fields;
}

# fails(NAME, SQL, FIELDS, options) - SQL raises an error whose fields are like those given (text or pattern). It has to
# have a hint, unless FIELDS say hint => ''; options are database and role
sub fails
{
    my ($self, $name, $sql, $expected, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $error = $self->error($sql, $options{database}, $options{role});
    my %expected = (hint => qr/^(?:[A-Z]|pgx ).*[.;]$/s, %$expected);
    my @wrong;
    foreach my $field (sort keys %expected)
    {
        my $got = defined $error ? $error->{$field} : '(no error)';
        my $wanted = $expected{$field};
        push @wrong, "$field: \"$got\" is not " . (ref $wanted ? "like $wanted" : "\"$wanted\"")
          unless ref $wanted ? $got =~ $wanted : $got eq $wanted;
    }
    # PostgreSQL's style guide
    push @wrong, "message: \"$error->{message}\" is a sentence"
      if defined $error && $error->{message} =~ /^[A-Z][a-z]+ |\.$/;
    ok(!@wrong, $name) or diag(join("\n", @wrong, defined $error ? $error->{all} : ()));
    return $error;
}

# refuses(NAME, SQL, FIELDS, options) - the same, and nothing has changed and the server is the same
sub refuses
{
    my ($self, $name, $sql, $expected, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = $self->state;
    my $error = $self->fails($name, $sql, $expected, %options);
    is_deeply($self->state, $before, "$name: nothing has changed");
    return $error;
}

# refuses_each(CASES) - the same as refuses() for many calls in one session, which is faster: CASES are { name, sql, fields, before },
# where before is a command for the shell. In front and behind each, rows and files are looked at (by size and times, in the server).
sub refuses_each
{
    my ($self, @cases) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return unless @cases;
    my $rows = join ' UNION ALL ', (map { "SELECT '$_ ' || to_jsonb(t)::text FROM pgx.$_ AS t" }
      qw(registries releases installed installed_extensions files bundles)), "SELECT 'history ' || to_jsonb(t)::text FROM pgx.history AS t WHERE action NOT LIKE 'refused: %'";
    my $script = <<"END";
\\set VERBOSITY verbose
SELECT set_config('pgx_test.directory', $directory_expression, false) AS ignored \\gset
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql BEGIN ATOMIC
    WITH RECURSIVE found(path, folder, line) AS (
        SELECT current_setting('pgx_test.directory'), true, ''
        UNION ALL
        SELECT path || '/' || name, s.isdir, path || '/' || name || CASE WHEN s.isdir THEN '' ELSE ' ' || s.size || ' ' || s.modification || ' ' || s.change END
          FROM found CROSS JOIN LATERAL pg_ls_dir(path) AS name CROSS JOIN LATERAL pg_stat_file(path || '/' || name, true) AS s
         WHERE folder AND name NOT IN ('pgsql_tmp.cache', 'pgsql_tmp.host', 'trust'))
    SELECT md5(string_agg(line, E'\\n' ORDER BY line)) || ' ' || pg_postmaster_start_time() FROM (
        $rows
        UNION ALL SELECT line FROM found) AS everything(line);
END;
SELECT 'state ' || pg_temp.state();
END
    foreach (0 .. $#cases)
    {
        $script .= "\\! $cases[$_]{before}\n" if defined $cases[$_]{before};
        $script .= "\\warn -- $_\n$cases[$_]{sql};\nSELECT 'state ' || pg_temp.state();\n";
    }
    my ($status, $out, $err) = $self->{node}->psql('postgres', $script, on_error_stop => 0);
    my @states = $out =~ /^state (.*)$/mg;
    die "no state: $err" unless @states;
    my @said = map { { all => '', sqlstate => '', message => '(no error)', detail => '', hint => '' } } @cases;
    my @parts = split /^-- (\d+)\n/m, $err;
    shift @parts;
    while (my ($number, $text) = splice @parts, 0, 2)
    {
        $said[$number] = error_fields($text) if defined $text && $text =~ /^(?:psql:\S+ )?(?:ERROR|FATAL):/m;
    }
    foreach my $i (0 .. $#cases)
    {
        my $error = $said[$i];
        my %expected = (hint => qr/^(?:[A-Z]|pgx ).*[.;]$/s, %{ $cases[$i]{fields} });
        my @wrong = map { "$_: \"$error->{$_}\" is not like \"$expected{$_}\"" }
          grep { !(ref $expected{$_} ? $error->{$_} =~ $expected{$_} : $error->{$_} eq $expected{$_}) } sort keys %expected;
        push @wrong, "message: \"$error->{message}\" is a sentence" if $error->{message} =~ /^[A-Z][a-z]+ |\.$/;
        push @wrong, 'the session is gone' unless defined $states[ $i + 1 ];
        push @wrong, 'something has changed' if defined $states[ $i + 1 ] && $states[ $i + 1 ] ne $states[$i];
        ok(!@wrong, $cases[$i]{name}) or diag(join("\n", @wrong, $error->{all}));
    }
    return;
}

# --- registries ---------------------------------------------------------------------------------------------------

# source(SUITE, options) - an apt source line; options: location (see nginx.conf), key, more (further options)
sub source
{
    my ($self, $suite, %options) = @_;
    my $location = $options{location} // 'debian';
    my $key = $options{key} // $ENV{PGX_FIXTURE_KEY};
    my $more = defined $options{more} ? " $options{more}" : '';
    return "deb [signed-by=$key$more] $ENV{PGX_FIXTURE_URL}/$self->{client}/$location $suite main";
}

# add_registry(SUITE, options) - adds and reads it under the name of the suite, or name => ...; refresh => 0: not read
sub add_registry
{
    my ($self, $suite, %options) = @_;
    my $name = $options{name} // $suite;
    my $source = $self->source($suite, %options);
    my $priority = $options{priority} // 500;
    $self->sql("SELECT pgx.add_registry('$name', '$source', priority => $priority)");
    $self->sql("SELECT pgx.refresh('$name')") unless defined $options{refresh} && !$options{refresh};
    return $name;
}

# requests(PATTERN) - the lines of nginx's log that are this server's: "status method path bytes"
sub requests
{
    my ($self, $pattern) = @_;
    $pattern //= qr//;
    return grep { m{ /\Q$self->{client}\E/} && $_ =~ $pattern } split /\n/, slurp_file($ENV{PGX_FIXTURE_LOG});
}

# --- what there is ------------------------------------------------------------------------------------------------

# directory - pgx.directory as an absolute path
sub directory
{
    my ($self) = @_;
    return $self->absolute($self->sql("SELECT $directory_expression"));
}

sub absolute
{
    my ($self, $path) = @_;
    return $path =~ m{^/} ? $path : $self->{node}->data_dir . "/$path";
}

# files(ROOT) - everything below pgx.directory, apart from the cache and the metadata that was verified: relative path to SHA-256, or to what else it is
sub files
{
    my ($self, $root) = @_;
    $root //= $self->directory;
    my %files;
    return {} unless -d $root;
    find(
        {
            no_chdir => 1,
            preprocess => sub { return grep { !/^(?:pgsql_tmp\.cache|pgsql_tmp\.host|trust)$/ } @_; },
            wanted => sub {
                my $path = $File::Find::name;
                return if $path eq $root;
                my $mode = sprintf('%04o', (lstat $path)[2] & 07777);
                (my $name = $path) =~ s{^\Q$root\E/}{};
                $files{$name} =
                    -l $path ? 'link'
                  : -d $path ? 'directory'
                  : -f $path ? "$mode " . Digest::SHA->new(256)->addfile($path)->hexdigest
                  :            'special';
            },
        },
        $root);
    return \%files;
}

# state - files, rows of the catalog, settings, and when the server was started: for "nothing has changed"
sub state
{
    my ($self) = @_;
    # one query, because every psql costs more than all of this
    my @parts = map { "SELECT '$_' AS part, to_jsonb(t)::text AS value FROM pgx.$_ AS t" }
      qw(registries releases installed installed_extensions files);
    push @parts,
      # that it was refused is recorded
      "SELECT 'history', to_jsonb(t)::text FROM pgx.history AS t WHERE action NOT LIKE 'refused: %'",
      "SELECT 'settings', name || ' = ' || setting FROM pg_file_settings WHERE name IN ('extension_control_path', 'dynamic_library_path')",
      "SELECT 'started', pg_postmaster_start_time()::text",
      "SELECT 'directory', $directory_expression";
    my %state;
    foreach my $line (split /\n/, $self->sql(join(' UNION ALL ', @parts) . ' ORDER BY 1, 2'))
    {
        my ($part, $value) = split /\|/, $line, 2;
        push @{ $state{$part} }, $value;
    }
    return { files => $self->files($self->absolute($state{directory}[0])), %state };
}

# started - when the postmaster was started: a crash of a backend changes it
sub started
{
    my ($self) = @_;
    return $self->sql('SELECT pg_postmaster_start_time()');
}

# is_consistent(NAME) - the files on disk are those in pgx.files, byte for byte, and nothing is left over
sub is_consistent
{
    my ($self, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $files = $self->files;
    my %on_disk = map { $_ => (split / /, $files->{$_})[-1] }
      grep { $files->{$_} ne 'directory' && $_ !~ m{^$major/receipts/} } keys %$files;
    my %recorded = map { my ($path, $sha256) = split /\|/; ($path => $sha256) }
      split /\n/, $self->sql('SELECT path, sha256 FROM pgx.files');
    # relative to pgx.directory or to the directory of the major
    %recorded = map { ("$major/" . $_ => $recorded{$_}) } keys %recorded unless grep { m{^$major/} } keys %recorded;
    my $ok = is_deeply(\%on_disk, \%recorded, "$name: files and rows agree");
    my @receipts = sort map { m{^$major/receipts/(.+)\.json$} ? $1 : () } keys %$files;
    my @packages = sort split /\n/, $self->sql('SELECT package FROM pgx.installed');
    return is_deeply(\@receipts, \@packages, "$name: a receipt for every package") && $ok;
}

# --- processes ----------------------------------------------------------------------------------------------------

# helpers - process ids of what backends of this server have started. A backend starts nothing else.
sub helpers
{
    my ($self) = @_;
    my ($postmaster) = split /\n/, slurp_file($self->{node}->data_dir . '/postmaster.pid');
    my %parent;
    foreach my $file (glob '/proc/[0-9]*/stat')
    {
        open(my $handle, '<', $file) or next;
        my $line = <$handle> // next;
        $parent{$1} = $2 if $line =~ /^(\d+) \(.*\) \S (\d+)/s;
    }
    return sort { $a <=> $b } grep { ($parent{ $parent{$_} } // 0) == $postmaster } keys %parent;
}

sub process_exists { my ($pid) = @_; return -d "/proc/$pid" && !PgxTest::is_zombie($pid); }

sub is_zombie
{
    my ($pid) = @_;
    open(my $handle, '<', "/proc/$pid/stat") or return 0;
    return (<$handle> // '') =~ /^\d+ \(.*\) Z/s;
}

# eventually { CONDITION } - waits until it is true, for at most PG_TEST_TIMEOUT_DEFAULT seconds; its last value
sub eventually (&)
{
    my ($condition) = @_;
    my $end = time() + $PostgreSQL::Test::Utils::timeout_default;
    while (1)
    {
        my $value = $condition->();
        return $value if $value || time() > $end;
        sleep 0.02;
    }
}

1;
