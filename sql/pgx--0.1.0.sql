-- pgx 0.1.0: catalog, functions and views of the schema pgx.
--
-- The catalog records decisions (registries, what is installed and why) and what was learnt from registries (releases).  Files
-- belong to the whole cluster, so the catalog lives in one database, the home database; take_home() below refuses a second
-- one.  Everybody may read the catalog; only the functions write it.  They run as the extension's owner, a superuser, with
-- a pinned search_path, and PUBLIC may not call those that change anything.  Three of them act for their caller as well and so
-- have to know who that is: install(), apply() and create() are SECURITY INVOKER, and the first two take the owner's rights
-- themselves (src/extension/definer.h).

\echo Use "CREATE EXTENSION pgx" to load this file. \quit

CREATE FUNCTION pgx.take_home() RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgx_take_home';
COMMENT ON FUNCTION pgx.take_home() IS 'makes this database the home of pgx; called by CREATE EXTENSION';
REVOKE EXECUTE ON FUNCTION pgx.take_home() FROM PUBLIC;
SELECT pgx.take_home();

--
-- The catalog
--

CREATE TABLE pgx.registries (
    name         text PRIMARY KEY,
    kind         text NOT NULL,
    source       text NOT NULL DEFAULT '',
    priority     integer NOT NULL DEFAULT 500,
    enabled      boolean NOT NULL DEFAULT true,
    packages     integer,
    refreshed_at timestamptz,
    added_at     timestamptz NOT NULL DEFAULT now(),
    added_by     text NOT NULL DEFAULT session_user,
    root         text NOT NULL DEFAULT '',
    expires_at   timestamptz,
    state        text NOT NULL DEFAULT ''
);
COMMENT ON TABLE pgx.registries IS 'places that list and serve releases';
COMMENT ON COLUMN pgx.registries.expires_at IS 'until when what was read may be believed; null: it does not say';
COMMENT ON COLUMN pgx.registries.root IS 'fingerprint of the root metadata that trust in a registry of kind pgx starts from';
COMMENT ON COLUMN pgx.registries.source IS 'where it is, in the syntax of its kind; empty: the host''s own configuration';
COMMENT ON COLUMN pgx.registries.priority IS 'the registry with the higher number wins a name that several offer';
COMMENT ON COLUMN pgx.registries.state IS 'stands for the content of pgx.releases as of the last refresh';

-- Nobody but the owner may read it, and a dump leaves it out: whoever restores one gives the secrets again.
CREATE TABLE pgx.registry_headers (
    registry text PRIMARY KEY REFERENCES pgx.registries ON DELETE CASCADE ON UPDATE CASCADE,
    headers  jsonb NOT NULL
);
-- Without a policy nobody but the owner reads it, not even members of pg_read_all_data.
ALTER TABLE pgx.registry_headers ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE pgx.registry_headers IS 'HTTP headers with the secrets of private registries';

CREATE TABLE pgx.registry_parts (
    registry text NOT NULL REFERENCES pgx.registries ON DELETE CASCADE ON UPDATE CASCADE,
    part     text NOT NULL,
    digest   text NOT NULL,
    PRIMARY KEY (registry, part)
);
COMMENT ON TABLE pgx.registry_parts IS 'the parts of large catalogs that pgx.releases holds, so that a refresh reads only those that changed';

CREATE TABLE pgx.releases (
    registry     text NOT NULL REFERENCES pgx.registries ON DELETE CASCADE ON UPDATE CASCADE,
    name         text NOT NULL,
    package      text NOT NULL,
    version      text NOT NULL,
    repository   text NOT NULL DEFAULT '',
    architecture text NOT NULL DEFAULT '',
    extensions   text[],
    summary      text NOT NULL DEFAULT '',
    description  text NOT NULL DEFAULT '',
    homepage     text NOT NULL DEFAULT '',
    depends      text NOT NULL DEFAULT '',
    recommends   text NOT NULL DEFAULT '',
    breaks       text NOT NULL DEFAULT '',
    url          text NOT NULL,
    size         bigint NOT NULL,
    sha256       text NOT NULL,
    signer       text NOT NULL DEFAULT '',
    module_path  text NOT NULL DEFAULT '',
    part         text NOT NULL DEFAULT '',
    PRIMARY KEY (registry, package, version, repository)
);
CREATE INDEX ON pgx.releases (name);
CREATE INDEX ON pgx.releases (package);
CREATE INDEX ON pgx.releases (registry, part);
CREATE INDEX ON pgx.releases (module_path) WHERE module_path <> '';
CREATE INDEX ON pgx.releases USING gin (extensions);
-- For pgx.search(): words are told apart by PostgreSQL's parser and left as they are.
CREATE INDEX ON pgx.releases USING gin (pg_catalog.to_tsvector('pg_catalog.simple', summary || ' ' || description));
COMMENT ON TABLE pgx.releases IS 'what the registries offer for this server''s PostgreSQL major, as of the last refresh';
COMMENT ON COLUMN pgx.releases.name IS 'the package''s name without what all packages of the registry share';
COMMENT ON COLUMN pgx.releases.extensions IS 'what CREATE EXTENSION takes from it; null: not known before it is unpacked';
COMMENT ON COLUMN pgx.releases.breaks IS 'packages that it breaks or conflicts with';
COMMENT ON COLUMN pgx.releases.module_path IS 'where the source lives, as a path that can be installed by: github.com/theory/pg-semver';
COMMENT ON COLUMN pgx.releases.part IS 'the part of the registry''s catalog that the row is from';

CREATE TABLE pgx.trusted_keys (
    name       text PRIMARY KEY,
    key_id     text NOT NULL UNIQUE,
    public_key text NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT now(),
    added_by   text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE pgx.trusted_keys IS 'minisign keys whose bundles pgx.install_bundle() takes';

-- The bytes themselves: a standby and a restored dump have no other place to get them from.
CREATE TABLE pgx.stored_bundles (
    sha256   text PRIMARY KEY,
    package  text NOT NULL,
    version  text NOT NULL,
    signer   text NOT NULL,
    release  jsonb NOT NULL,
    sql      jsonb,
    added_at timestamptz NOT NULL DEFAULT now(),
    added_by text NOT NULL DEFAULT session_user,
    content  bytea NOT NULL
);
ALTER TABLE pgx.stored_bundles ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX ON pgx.stored_bundles (package, version);
COMMENT ON TABLE pgx.stored_bundles IS 'bundles given to pgx.install_bundle() and made by pgx.install_sql(): the releases of registry "bundles"';
COMMENT ON COLUMN pgx.stored_bundles.release IS 'its row in pgx.releases';
COMMENT ON COLUMN pgx.stored_bundles.sql IS 'the version and scripts, by file name, that pgx.install_sql() was given';

CREATE TABLE pgx.allowances (
    role       regrole NOT NULL,
    packages   text NOT NULL,
    registries text[],
    trusted    boolean NOT NULL,
    preload    boolean NOT NULL,
    libraries  boolean NOT NULL,
    allowed_at timestamptz NOT NULL DEFAULT now(),
    allowed_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (role, packages)
);
COMMENT ON TABLE pgx.allowances IS 'what roles that are not superusers may install and change, besides EXECUTE on the functions';
COMMENT ON COLUMN pgx.allowances.role IS 'who keeps it when renamed; one that was dropped leaves a number, and whoever is called so later has nothing of it';
COMMENT ON COLUMN pgx.allowances.packages IS 'a pattern of names, with * and ?';
COMMENT ON COLUMN pgx.allowances.registries IS 'only from these; null: from all';

CREATE TABLE pgx.installed (
    package      text PRIMARY KEY,
    version      text NOT NULL,
    extensions   text[] NOT NULL,
    registry     text NOT NULL,
    requested    boolean NOT NULL,
    pinned       boolean NOT NULL DEFAULT false,
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    change       uuid NOT NULL,
    url          text NOT NULL,
    size         bigint NOT NULL,
    sha256       text NOT NULL,
    signer       text NOT NULL,
    libraries    jsonb NOT NULL DEFAULT '[]'
);
COMMENT ON TABLE pgx.installed IS 'packages whose files pgx has put in place';
COMMENT ON COLUMN pgx.installed.libraries IS 'packages of which libraries were installed with it, as this host does not have them';
COMMENT ON COLUMN pgx.installed.requested IS 'somebody asked for it by name; false: it came because another package requires it';

CREATE TABLE pgx.installed_extensions (
    extension       text PRIMARY KEY,
    package         text NOT NULL REFERENCES pgx.installed ON DELETE CASCADE,
    default_version text NOT NULL,
    comment         text NOT NULL,
    requires        text[] NOT NULL,
    trusted         boolean NOT NULL,
    preload         text[] NOT NULL,
    libraries       text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE pgx.installed_extensions IS 'the extensions of the installed packages, as their control files say';
COMMENT ON COLUMN pgx.installed_extensions.preload IS 'libraries that have to be preloaded';
COMMENT ON COLUMN pgx.installed_extensions.libraries IS 'libraries that its scripts name; another package may have them, or the server';

CREATE TABLE pgx.files (
    path     text PRIMARY KEY,
    package  text NOT NULL REFERENCES pgx.installed ON DELETE CASCADE,
    kind     text NOT NULL,
    size     bigint NOT NULL,
    mode     text NOT NULL,
    sha256   text NOT NULL,
    original_sha256 text
);
COMMENT ON TABLE pgx.files IS 'every file that pgx has put in place, relative to pgx.directory';
COMMENT ON COLUMN pgx.files.original_sha256 IS 'of the package''s own file, where pgx changed it so that it works where it is';

CREATE TABLE pgx.history (
    change           uuid PRIMARY KEY,
    at               timestamptz NOT NULL DEFAULT clock_timestamp(),
    action           text NOT NULL,
    package          text NOT NULL,
    version          text,
    previous_version text,
    registry         text,
    url              text,
    size             bigint,
    sha256           text,
    signer           text,
    "session_user"   text NOT NULL,
    role             text NOT NULL,
    client           text,
    libraries        jsonb
);
CREATE INDEX ON pgx.history (at);
COMMENT ON TABLE pgx.history IS 'every change that was committed; its row is the commit record of the change''s files';

-- Members of pg_write_all_data may write every table, and whoever writes these is as good as a superuser.
CREATE FUNCTION pgx.check_writer() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'pgx_check_writer';
COMMENT ON FUNCTION pgx.check_writer() IS 'refuses changes of the catalog by others than its owner and superusers';
REVOKE EXECUTE ON FUNCTION pgx.check_writer() FROM PUBLIC;
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT c.oid FROM pg_catalog.pg_class AS c
                 WHERE c.relnamespace OPERATOR(pg_catalog.=) 'pgx'::regnamespace AND c.relkind OPERATOR(pg_catalog.=) 'r'
    LOOP
        EXECUTE pg_catalog.format('CREATE TRIGGER check_writer BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
                                  'FOR EACH STATEMENT EXECUTE FUNCTION pgx.check_writer()', name);
    END LOOP;
END $$;

SELECT pg_catalog.pg_extension_config_dump('pgx.registries', '');
SELECT pg_catalog.pg_extension_config_dump('pgx.trusted_keys', '');
SELECT pg_catalog.pg_extension_config_dump('pgx.stored_bundles', '');
SELECT pg_catalog.pg_extension_config_dump('pgx.allowances', '');
SELECT pg_catalog.pg_extension_config_dump('pgx.installed', '');
SELECT pg_catalog.pg_extension_config_dump('pgx.installed_extensions', '');
SELECT pg_catalog.pg_extension_config_dump('pgx.files', '');
SELECT pg_catalog.pg_extension_config_dump('pgx.history', '');

GRANT USAGE ON SCHEMA pgx TO PUBLIC;
GRANT SELECT ON pgx.registries, pgx.releases, pgx.installed, pgx.installed_extensions, pgx.files, pgx.history,
    pgx.trusted_keys, pgx.allowances TO PUBLIC;
-- Or else whoever owns the database could not dump it.
GRANT SELECT ON pgx.stored_bundles TO pg_database_owner;

--
-- Set up
--

CREATE FUNCTION pgx.setup(OUT setting text, OUT value text, OUT changed boolean) RETURNS SETOF record
    LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_setup';
COMMENT ON FUNCTION pgx.setup() IS 'makes pgx''s directories and puts them on extension_control_path and dynamic_library_path';

CREATE FUNCTION pgx.platform(OUT postgresql integer, OUT os text, OUT os_version text, OUT libc text, OUT libc_version text,
                             OUT architecture text) RETURNS record
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgx_platform';
COMMENT ON FUNCTION pgx.platform() IS 'what a build must match to work on this server';

--
-- Registries
--

CREATE FUNCTION pgx.add_registry(name text, source text DEFAULT '', kind text DEFAULT NULL, priority integer DEFAULT 500,
                                 root text DEFAULT NULL, headers jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_add_registry';
COMMENT ON FUNCTION pgx.add_registry(text, text, text, integer, text, jsonb) IS 'adds a registry; without a source: the host''s own apt configuration';

CREATE FUNCTION pgx.alter_registry(name text, source text DEFAULT NULL, priority integer DEFAULT NULL, enabled boolean DEFAULT NULL,
                                   rename_to text DEFAULT NULL, root text DEFAULT NULL, headers jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_alter_registry';
COMMENT ON FUNCTION pgx.alter_registry(text, text, integer, boolean, text, text, jsonb) IS 'changes what is not null';

CREATE FUNCTION pgx.drop_registry(name text) RETURNS text
    LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_drop_registry';
COMMENT ON FUNCTION pgx.drop_registry(text) IS 'forgets a registry; what was installed from it stays';

CREATE FUNCTION pgx.refresh(registry text DEFAULT NULL, extension_names boolean DEFAULT false,
                            OUT name text, OUT status text, OUT packages integer, OUT repositories integer, OUT requests integer,
                            OUT bytes bigint, OUT milliseconds integer) RETURNS SETOF record
    LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_refresh';
COMMENT ON FUNCTION pgx.refresh(text, boolean) IS 'asks the registries what is new';

--
-- Find
--

CREATE FUNCTION pgx.version_key(version text) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgx_version_key';
COMMENT ON FUNCTION pgx.version_key(text) IS 'orders package versions as Debian does: ORDER BY pgx.version_key(version)';

CREATE FUNCTION pgx.upstream_version(version text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgx_upstream_version';
COMMENT ON FUNCTION pgx.upstream_version(text) IS 'the version without what the packager added to it';

-- For pgx.search(), which looks for parts of names.
CREATE FUNCTION pgx.name_trigrams(names text[]) RETURNS integer[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgx_name_trigrams';
COMMENT ON FUNCTION pgx.name_trigrams(text[]) IS 'the groups of three characters that an index of names finds parts of names by';
CREATE INDEX ON pgx.releases USING gin (pgx.name_trigrams(extensions || package));

CREATE FUNCTION pgx.is_prerelease(version text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN version OPERATOR(pg_catalog.~) '^\d+\.\d+\.\d+-[A-Za-z]';
COMMENT ON FUNCTION pgx.is_prerelease(text) IS 'whether a semantic version is one before its release: 1.0.0-beta.1';

-- While a registry has not told which extensions its packages hold, an extension is looked for under these short names.  What was found that way
-- is verified after unpacking.
CREATE FUNCTION pgx.usual_names(extension text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ARRAY[extension, pg_catalog.regexp_replace(extension, '^pg_?', ''), 'pg_' OPERATOR(pg_catalog.||) extension,
                 'pg' OPERATOR(pg_catalog.||) extension];
COMMENT ON FUNCTION pgx.usual_names(text) IS 'short package names, with "_" for "-", that an extension of this name usually has';

-- The newest release of every package, with the names it can be installed by.  A registry that does not say which extensions
-- a package holds offers it under the package's short name, unless it was unpacked here before.
--
-- There are few registries, which the planner does not know of a table that is too small to be analyzed.  It would take each one's
-- releases by an index and look through all of them for those that were asked for; no index has registry || ''.
CREATE VIEW pgx.offers AS
    SELECT DISTINCT ON (n.name, r.package, r.registry)
           n.name, r.package, r.version, r.registry, g.priority, r.summary, r.description, r.extensions, r.size
      FROM pgx.releases AS r
      JOIN pgx.registries AS g ON g.name OPERATOR(pg_catalog.=) (r.registry OPERATOR(pg_catalog.||) '') AND g.enabled
      LEFT JOIN pgx.installed AS i ON i.package OPERATOR(pg_catalog.=) r.package
     CROSS JOIN LATERAL pg_catalog.unnest(
               CASE WHEN pg_catalog.cardinality(r.extensions) OPERATOR(pg_catalog.>) 0 THEN r.extensions
                    WHEN pg_catalog.cardinality(i.extensions) OPERATOR(pg_catalog.>) 0 THEN i.extensions
                    ELSE ARRAY[r.name] END) AS n(name)
     ORDER BY n.name, r.package, r.registry, pgx.is_prerelease(r.version), pgx.version_key(r.version) DESC;
COMMENT ON VIEW pgx.offers IS 'the newest release of every package, one row for each name it can be installed by';
GRANT SELECT ON pgx.offers TO PUBLIC;

-- Looking must work for everybody, fetching is for those who may call refresh(): a registry that was never read is read for the first
-- such caller.
CREATE FUNCTION pgx.ensure_refreshed() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    anything CONSTANT boolean := EXISTS (SELECT FROM pgx.releases WHERE registry <> 'bundles');
    unread text;
    problem text;
BEGIN
    IF EXISTS (SELECT FROM pgx.registries WHERE kind <> 'bundles')
       AND NOT EXISTS (SELECT FROM pgx.registries WHERE enabled AND kind <> 'bundles'
                          AND (refreshed_at IS NULL OR (packages > 0 AND NOT anything))) THEN
        RETURN;
    END IF;
    IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean
       OR NOT has_function_privilege('pgx.refresh(text,boolean)', 'EXECUTE') THEN
        IF NOT anything THEN
            RAISE NOTICE 'no registry has been read yet'
                USING HINT = 'Somebody who may call it runs SELECT pgx.refresh() once, on the primary.';
        END IF;
        RETURN;
    END IF;
    IF NOT anything THEN
        PERFORM pgx.refresh();
        RETURN;
    END IF;
    -- One that cannot be read does not hide the others.
    FOR unread IN SELECT name FROM pgx.registries WHERE enabled AND kind <> 'bundles' AND refreshed_at IS NULL ORDER BY name LOOP
        BEGIN
            PERFORM pgx.refresh(unread);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
            RAISE WARNING '%', problem
                USING HINT = format('SELECT pgx.refresh(%L); or SELECT pgx.drop_registry(%L);', unread, unread);
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION pgx.ensure_refreshed() IS 'reads registries that never were, if the caller may call pgx.refresh()';

CREATE FUNCTION pgx.available(OUT name text, OUT version text, OUT installed text, OUT comment text, OUT package text,
                              OUT registry text) RETURNS SETOF record
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pgx.ensure_refreshed();
    RETURN QUERY
        SELECT DISTINCT ON (o.name)
               o.name, pgx.upstream_version(o.version),
               (SELECT pgx.upstream_version(i.version) FROM pgx.installed AS i WHERE i.package = o.package),
               o.summary, o.package, o.registry
          FROM pgx.offers AS o
         ORDER BY o.name, o.priority DESC, pgx.version_key(o.version) DESC, o.registry;
END
$$;
COMMENT ON FUNCTION pgx.available() IS 'everything that pgx.install() can install, with the version that is installed';

-- Which packages have a word: anywhere in a name, or at the beginning of a word in the description.  Each of the two is an index;
-- together in one condition they would be a scan of everything.  Two names may have all parts of a word between them, hence strpos().
-- Null for what holds no word at all.
CREATE FUNCTION pgx.word_query(word text) RETURNS tsquery
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts tsquery;
BEGIN
    IF word !~ '[[:alnum:]]' THEN
        RETURN NULL;
    END IF;
    parts := plainto_tsquery('simple', word);
    RETURN CASE WHEN numnode(parts) > 0 THEN (parts::text || ':*')::tsquery END;
END
$$;
COMMENT ON FUNCTION pgx.word_query(text) IS 'finds words that begin with this one';

CREATE FUNCTION pgx.packages_with(word text) RETURNS SETOF text
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.package FROM pgx.releases AS r
     WHERE pgx.name_trigrams(r.extensions || r.package) @> pgx.name_trigrams(ARRAY[word])
       AND (strpos(lower(r.package), word) > 0 OR strpos(lower(array_to_string(r.extensions, ' ')), word) > 0)
    UNION
    SELECT r.package
      FROM pgx.releases AS r
     WHERE to_tsvector('pg_catalog.simple', r.summary || ' ' || r.description) @@ pgx.word_query(word)
$$;
COMMENT ON FUNCTION pgx.packages_with(text) IS 'packages that have this word in their names or description';

CREATE FUNCTION pgx.search(query text, OUT name text, OUT version text, OUT installed text, OUT comment text, OUT package text,
                           OUT registry text) RETURNS SETOF record
    LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words text[] := regexp_split_to_array(lower(btrim(query)), '\s+');
    found text[];
BEGIN
    PERFORM pgx.ensure_refreshed();
    found := ARRAY(SELECT p.package
                     FROM (SELECT DISTINCT unnest(words) AS word) AS w CROSS JOIN LATERAL pgx.packages_with(w.word) AS p(package)
                    GROUP BY p.package HAVING count(*) = (SELECT count(DISTINCT word) FROM unnest(words) AS word));
    RETURN QUERY
        SELECT a.*
          FROM (SELECT DISTINCT ON (o.name)
                       o.name, pgx.upstream_version(o.version) AS version,
                       (SELECT pgx.upstream_version(i.version) FROM pgx.installed AS i WHERE i.package = o.package) AS installed,
                       o.summary, o.package, o.registry
                  FROM pgx.offers AS o
                 WHERE o.package = ANY (found)
                 ORDER BY o.name, o.priority DESC, pgx.version_key(o.version) DESC, o.registry) AS a
         ORDER BY a.name <> lower(btrim(query)),
                  strpos(lower(a.name), words[1]) = 0,
                  (SELECT count(*) FROM unnest(words) AS w WHERE strpos(lower(a.summary), w) = 0),
                  a.name;
END
$$;
COMMENT ON FUNCTION pgx.search(text) IS 'what is available and has every word of the query in its name or description; best matches first';

-- What people write where a name is asked for. Neither ":" nor "@" can be in a name.
CREATE FUNCTION pgx.name_parts(written text, OUT registry text, OUT name text, OUT version text)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p[2], p[3], p[5] FROM regexp_match(written, '^(([^:]*):)?([^@]*)(@(.*))?$') AS p
$$;
COMMENT ON FUNCTION pgx.name_parts(text) IS 'registry, name and version of registry:name@version';

CREATE FUNCTION pgx.versions(name text, OUT version text, OUT package text, OUT registry text, OUT repository text, OUT size text,
                             OUT installed boolean) RETURNS SETOF record
    LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asked record := pgx.name_parts(versions.name);
BEGIN
    PERFORM pgx.ensure_refreshed();
    RETURN QUERY
        SELECT r.version, r.package, r.registry, r.repository, pg_size_pretty(r.size),
               EXISTS (SELECT FROM pgx.installed AS i WHERE i.package = r.package AND i.version = r.version)
          FROM pgx.releases AS r
          JOIN pgx.registries AS g ON g.name = r.registry
         WHERE (asked.name IN (r.name, r.package, nullif(r.module_path, '')) OR r.extensions @> ARRAY[asked.name]
                OR (r.extensions IS NULL AND translate(r.name, '-', '_') = ANY (pgx.usual_names(asked.name)))
                OR r.package IN (SELECT e.package FROM pgx.installed_extensions AS e WHERE e.extension = asked.name))
               AND r.registry = coalesce(asked.registry, r.registry)
               AND (asked.version IS NULL OR asked.version IN (r.version, pgx.upstream_version(r.version)))
         ORDER BY g.priority DESC, pgx.version_key(r.version) DESC, r.registry, r.repository;
END
$$;
COMMENT ON FUNCTION pgx.versions(text) IS 'every release of a package, newest first';

CREATE FUNCTION pgx.info(name text, OUT property text, OUT value text) RETURNS SETOF record
    LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asked record := pgx.name_parts(info.name);
    r record;
    i record;
BEGIN
    PERFORM pgx.ensure_refreshed();
    SELECT o.* INTO r
      FROM pgx.releases AS o JOIN pgx.registries AS g ON g.name = o.registry
     WHERE (asked.name IN (o.name, o.package, nullif(o.module_path, '')) OR o.extensions @> ARRAY[asked.name]
            OR (o.extensions IS NULL AND translate(o.name, '-', '_') = ANY (pgx.usual_names(asked.name)))
            OR o.package IN (SELECT e.package FROM pgx.installed_extensions AS e WHERE e.extension = asked.name))
           AND o.registry = coalesce(asked.registry, o.registry)
           AND (asked.version IS NULL OR asked.version IN (o.version, pgx.upstream_version(o.version)))
     ORDER BY coalesce(o.extensions @> ARRAY[asked.name], false) DESC, asked.name IN (o.name, o.package) DESC, g.priority DESC, pgx.version_key(o.version) DESC
     LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('no registry offers "%s"', info.name),
            HINT = 'Look for it with pgx.search(text), or update the lists with pgx.refresh().';
    END IF;
    SELECT * INTO i FROM pgx.installed AS p WHERE p.package = r.package;
    RETURN QUERY
        SELECT v.property, v.value
          FROM (VALUES (1, 'name', asked.name),
                       (2, 'comment', r.summary),
                       (3, 'version', r.version),
                       (4, 'installed', coalesce(i.version, 'no')),
                       (5, 'extensions', array_to_string(coalesce(i.extensions, r.extensions), ', ')),
                       (6, 'package', r.package),
                       (7, 'registry', r.registry || coalesce(nullif(' (' || r.repository || ')', ' ()'), '')),
                       (8, 'size', pg_size_pretty(r.size)),
                       (9, 'homepage', nullif(r.homepage, '')),
                       (10, 'depends', nullif(r.depends, '')),
                       (11, 'signed by', nullif(r.signer, '')),
                       (12, 'sha256', r.sha256),
                       (13, 'description', nullif(r.description, ''))) AS v(n, property, value)
         WHERE v.value IS NOT NULL
         ORDER BY v.n;
END
$$;
COMMENT ON FUNCTION pgx.info(text) IS 'what is known of one extension or package, a property a row';

--
-- Act
--

CREATE TYPE pgx.installation AS (extension text, action text, version text, source text, next_step text);
COMMENT ON TYPE pgx.installation IS 'what pgx.install() did, a row an extension';

CREATE TYPE pgx.planned AS (extension text, action text, version text, package text, source text, download text, files integer, remarks text);
COMMENT ON TYPE pgx.planned IS 'what pgx.install() would do, a row an extension';

CREATE FUNCTION pgx.plan(names text[], version text DEFAULT NULL, registry text DEFAULT NULL) RETURNS SETOF pgx.planned
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_plan';
COMMENT ON FUNCTION pgx.plan(text[], text, text) IS 'what install() would do: downloads and inspects, changes nothing';

CREATE FUNCTION pgx.plan(name text, version text DEFAULT NULL, registry text DEFAULT NULL) RETURNS SETOF pgx.planned
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_plan';
COMMENT ON FUNCTION pgx.plan(text, text, text) IS 'what install() would do: downloads and inspects, changes nothing';

CREATE FUNCTION pgx.install(names text[], version text DEFAULT NULL, registry text DEFAULT NULL, create_in text[] DEFAULT NULL) RETURNS SETOF pgx.installation
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_install';
COMMENT ON FUNCTION pgx.install(text[], text, text, text[]) IS 'installs extensions and what they require, all or nothing';

CREATE FUNCTION pgx.install(name text, version text DEFAULT NULL, registry text DEFAULT NULL, create_in text[] DEFAULT NULL) RETURNS SETOF pgx.installation
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_install';
COMMENT ON FUNCTION pgx.install(text, text, text, text[]) IS 'installs an extension and what it requires';

--
-- Bundles and keys: for machines without a network, and for extensions that are just SQL
--

CREATE FUNCTION pgx.trust_key(name text, public_key text) RETURNS text
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_trust_key';
COMMENT ON FUNCTION pgx.trust_key(text, text) IS 'takes bundles that are signed with this minisign key; superusers only';

CREATE FUNCTION pgx.distrust_key(name text) RETURNS text
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_distrust_key';
COMMENT ON FUNCTION pgx.distrust_key(text) IS 'takes no more bundles that are signed with this key; superusers only';

CREATE FUNCTION pgx.install_bundle(bundle bytea, signature text DEFAULT NULL, allow_unsigned boolean DEFAULT false)
    RETURNS SETOF pgx.installation
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_install_bundle';
COMMENT ON FUNCTION pgx.install_bundle(bytea, text, boolean) IS 'installs a bundle that is given as bytes, by its minisign signature';

-- The caller''s right to read files on the server is what counts, so nothing here has the owner''s.
CREATE FUNCTION pgx.install_bundle(path text, signature text DEFAULT NULL, allow_unsigned boolean DEFAULT false) RETURNS SETOF pgx.installation
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM pgx.install_bundle(pg_read_binary_file(path),
                                     CASE WHEN signature IS NOT NULL THEN signature
                                          WHEN (pg_stat_file(path || '.minisig', true)).size IS NOT NULL
                                          THEN pg_read_file(path || '.minisig') END,
                                     allow_unsigned)
$$;
COMMENT ON FUNCTION pgx.install_bundle(text, text, boolean) IS 'installs a bundle in a file on the server, by the signature in the file beside it (.minisig)';

CREATE FUNCTION pgx.drop_bundle(package text, version text) RETURNS text
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_drop_bundle';
COMMENT ON FUNCTION pgx.drop_bundle(text, text) IS 'forgets a bundle that is not installed; superusers only';

CREATE FUNCTION pgx.install_sql(name text, version text, script text, comment text DEFAULT '', requires text[] DEFAULT '{}',
                                from_version text DEFAULT NULL, superuser boolean DEFAULT false) RETURNS SETOF pgx.installation
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_install_sql';
COMMENT ON FUNCTION pgx.install_sql(text, text, text, text, text[], text, boolean) IS
    'installs an extension whose script is given as text; with from_version: the script that updates from there';

CREATE FUNCTION pgx.update(name text) RETURNS SETOF pgx.installation
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_update';
COMMENT ON FUNCTION pgx.update(text) IS 'installs the newest release of an installed package';

CREATE FUNCTION pgx.update() RETURNS SETOF pgx.installation
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_update';
COMMENT ON FUNCTION pgx.update() IS 'installs the newest releases of all installed packages that are not pinned';

CREATE FUNCTION pgx.rollback(name text) RETURNS SETOF pgx.installation
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_rollback';
COMMENT ON FUNCTION pgx.rollback(text) IS 'goes back to the version that was installed before the last update';

CREATE FUNCTION pgx.pin(name text) RETURNS text
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_pin';
COMMENT ON FUNCTION pgx.pin(text) IS 'keeps a package at its version';

CREATE FUNCTION pgx.unpin(name text) RETURNS text
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_unpin';
COMMENT ON FUNCTION pgx.unpin(text) IS 'allows updates of a package again';

CREATE FUNCTION pgx.remove(names text[], force boolean DEFAULT false, OUT package text, OUT version text, OUT files integer)
    RETURNS SETOF record
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_remove';
COMMENT ON FUNCTION pgx.remove(text[], boolean) IS 'removes packages, all or none';

CREATE FUNCTION pgx.remove(name text, force boolean DEFAULT false, OUT package text, OUT version text, OUT files integer)
    RETURNS SETOF record
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_remove';
COMMENT ON FUNCTION pgx.remove(text, boolean) IS 'removes the files of a package, unless a database uses it';

CREATE FUNCTION pgx.preload(names text[], via text DEFAULT NULL, force boolean DEFAULT false,
                            OUT library text, OUT action text, OUT setting text, OUT value text, OUT next_step text)
    RETURNS SETOF record
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_preload';
COMMENT ON FUNCTION pgx.preload(text[], text, boolean) IS 'adds the libraries of several to shared_preload_libraries or session_preload_libraries';

CREATE FUNCTION pgx.preload(name text, via text DEFAULT NULL, force boolean DEFAULT false,
                            OUT library text, OUT action text, OUT setting text, OUT value text, OUT next_step text)
    RETURNS SETOF record
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_preload';
COMMENT ON FUNCTION pgx.preload(text, text, boolean) IS 'adds the libraries that have to be preloaded to the setting, after a trial';

CREATE FUNCTION pgx.unpreload(name text, OUT library text, OUT action text, OUT setting text, OUT value text, OUT next_step text)
    RETURNS SETOF record
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_unpreload';
COMMENT ON FUNCTION pgx.unpreload(text) IS 'takes the libraries of a package out of the preload settings';

CREATE FUNCTION pgx.create(names text[], databases text[] DEFAULT NULL, OUT database text, OUT extension text, OUT outcome text)
    RETURNS SETOF record
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_create';
COMMENT ON FUNCTION pgx.create(text[], text[]) IS 'runs CREATE EXTENSION of several in several databases, in all or in none';

CREATE FUNCTION pgx.create(name text, databases text[] DEFAULT NULL, OUT database text, OUT extension text, OUT outcome text)
    RETURNS SETOF record
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_create';
COMMENT ON FUNCTION pgx.create(text, text[]) IS 'runs CREATE EXTENSION in several databases, in all or in none';

--
-- Rights
--

CREATE FUNCTION pgx.allow(role text, packages text DEFAULT '*', registries text[] DEFAULT NULL, trusted boolean DEFAULT false,
                          preload boolean DEFAULT false, libraries boolean DEFAULT true) RETURNS text
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_allow';
COMMENT ON FUNCTION pgx.allow(text, text, text[], boolean, boolean, boolean) IS
    'lets a role that has EXECUTE on pgx.install() and others use them for these packages; superusers only';

CREATE FUNCTION pgx.disallow(role text, packages text DEFAULT NULL) RETURNS integer
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_disallow';
COMMENT ON FUNCTION pgx.disallow(text, text) IS 'takes back what pgx.allow() gave, of one pattern or of all; superusers only';

--
-- Look
--

CREATE FUNCTION pgx.usage(name text DEFAULT NULL, OUT database text, OUT extension text, OUT created_version text, OUT file_version text)
    RETURNS SETOF record
    LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_usage';
COMMENT ON FUNCTION pgx.usage(text) IS 'which databases of the cluster have which installed extensions';

CREATE FUNCTION pgx.outdated(OUT what text, OUT name text, OUT current text, OUT newest text, OUT next_step text)
    RETURNS SETOF record
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'package' || CASE WHEN i.pinned THEN ' (pinned)' ELSE '' END, i.package, i.version, r.version,
           CASE WHEN i.pinned THEN format('SELECT pgx.unpin(%L);', i.package)
                ELSE format('SELECT * FROM pgx.update(%L);', i.package) END
      FROM pgx.installed AS i
     CROSS JOIN LATERAL (SELECT r.version FROM pgx.releases AS r
                           JOIN pgx.registries AS own ON own.name = r.registry AND own.enabled
                          WHERE r.package = i.package
                            AND (r.registry = i.registry OR NOT EXISTS (SELECT FROM pgx.registries AS g WHERE g.name = i.registry))
                            AND pgx.version_key(r.version) > pgx.version_key(i.version)
                            AND (pgx.is_prerelease(i.version) OR NOT pgx.is_prerelease(r.version))
                          ORDER BY pgx.version_key(r.version) DESC LIMIT 1) AS r
    UNION ALL
    -- apt repositories drop every release that has a newer one; ours only what its publisher takes back
    SELECT 'package (withdrawn)', i.package, i.version, r.version, format('SELECT * FROM pgx.versions(%L);', i.package)
      FROM pgx.installed AS i
      JOIN pgx.registries AS g ON g.name = i.registry AND g.kind = 'pgx' AND g.enabled AND g.refreshed_at IS NOT NULL
      LEFT JOIN LATERAL (SELECT o.version FROM pgx.releases AS o WHERE o.package = i.package AND o.registry = i.registry
                          ORDER BY pgx.version_key(o.version) DESC LIMIT 1) AS r ON true
     WHERE NOT EXISTS (SELECT FROM pgx.releases AS o
                        WHERE o.registry = i.registry AND o.package = i.package AND o.version = i.version AND o.sha256 = i.sha256)
    UNION ALL
    SELECT format('database %I', u.database), u.extension, u.created_version, u.file_version,
           format('in database %I: ALTER EXTENSION %I UPDATE;', u.database, u.extension)
      FROM pgx.usage() AS u
     WHERE u.created_version <> u.file_version
     ORDER BY 1, 2
$$;
COMMENT ON FUNCTION pgx.outdated() IS 'packages that a registry has newer, and databases that were created from older files';

CREATE FUNCTION pgx.verify(name text DEFAULT NULL, OUT package text, OUT status text, OUT path text, OUT detail text)
    RETURNS SETOF record
    LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_verify';
COMMENT ON FUNCTION pgx.verify(text) IS 'compares every installed file with what was recorded';

CREATE FUNCTION pgx.doctor(OUT "check" text, OUT status text, OUT detail text, OUT remedy text)
    RETURNS SETOF record
    LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_doctor';
COMMENT ON FUNCTION pgx.doctor() IS 'what can be wrong, a row a check, with the remedy';

--
-- Mend and move
--

CREATE FUNCTION pgx.repair(name text, OUT package text, OUT status text, OUT files text)
    RETURNS SETOF record
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_repair';
COMMENT ON FUNCTION pgx.repair(text) IS 'brings back the missing and changed files of a package';

CREATE FUNCTION pgx.sync(OUT package text, OUT status text, OUT files text)
    RETURNS SETOF record
    LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_sync';
COMMENT ON FUNCTION pgx.sync() IS 'makes the files those of the catalog; works on a standby too';

CREATE FUNCTION pgx.recover() RETURNS void
    LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_recover';
COMMENT ON FUNCTION pgx.recover() IS 'finishes or undoes interrupted changes; every call that changes something does so first';

CREATE FUNCTION pgx.export() RETURNS jsonb
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_export';
COMMENT ON FUNCTION pgx.export() IS 'the installed packages as a lock file, for pgx.apply() on another server';

CREATE FUNCTION pgx.apply(lock_file jsonb) RETURNS SETOF pgx.installation
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pgx_apply';
COMMENT ON FUNCTION pgx.apply(jsonb) IS 'makes the installed packages those of a lock file';

CREATE FUNCTION pgx.progress_entries(OUT pid integer, OUT command text, OUT phase text, OUT item text, OUT done bigint, OUT total bigint,
                                     OUT started_at timestamptz) RETURNS SETOF record
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgx_progress_entries';
COMMENT ON FUNCTION pgx.progress_entries() IS 'the rows of pgx.progress';

CREATE VIEW pgx.bundles AS
    SELECT b.package, b.version, b.signer, pg_catalog.octet_length(b.content) AS size,
           i.package IS NOT NULL AS installed, b.added_at, b.added_by, b.sha256
      FROM pgx.stored_bundles AS b
      LEFT JOIN pgx.installed AS i ON i.package OPERATOR(pg_catalog.=) b.package AND i.sha256 OPERATOR(pg_catalog.=) b.sha256;
COMMENT ON VIEW pgx.bundles IS 'bundles given to pgx.install_bundle() and made by pgx.install_sql(); size in bytes';
GRANT SELECT ON pgx.bundles TO PUBLIC;

CREATE VIEW pgx.progress AS
    SELECT pid, command, phase, item,
           CASE WHEN total OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.format('%s of %s', pg_catalog.pg_size_pretty(done), pg_catalog.pg_size_pretty(total))
                ELSE pg_catalog.pg_size_pretty(done) END AS bytes,
           CASE WHEN total OPERATOR(pg_catalog.>) 0
                THEN (100 OPERATOR(pg_catalog.*) done) OPERATOR(pg_catalog./) total END AS percent,
           pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) started_at AS elapsed
      FROM pgx.progress_entries();
COMMENT ON VIEW pgx.progress IS 'calls of pgx that are under way in any session of the cluster';
GRANT SELECT ON pgx.progress TO PUBLIC;

REVOKE EXECUTE ON FUNCTION
    pgx.setup(),
    pgx.add_registry(text, text, text, integer, text, jsonb),
    pgx.alter_registry(text, text, integer, boolean, text, text, jsonb),
    pgx.drop_registry(text),
    pgx.refresh(text, boolean),
    pgx.plan(text[], text, text),
    pgx.plan(text, text, text),
    pgx.install(text[], text, text, text[]),
    pgx.install(text, text, text, text[]),
    pgx.trust_key(text, text),
    pgx.distrust_key(text),
    pgx.drop_bundle(text, text),
    pgx.install_bundle(bytea, text, boolean),
    pgx.install_bundle(text, text, boolean),
    pgx.install_sql(text, text, text, text, text[], text, boolean),
    pgx.update(text),
    pgx.update(),
    pgx.rollback(text),
    pgx.pin(text),
    pgx.unpin(text),
    pgx.remove(text[], boolean),
    pgx.remove(text, boolean),
    pgx.preload(text[], text, boolean),
    pgx.preload(text, text, boolean),
    pgx.unpreload(text),
    pgx.allow(text, text, text[], boolean, boolean, boolean),
    pgx.disallow(text, text),
    pgx.create(text[], text[]),
    pgx.create(text, text[]),
    pgx.usage(text),
    pgx.outdated(),
    pgx.verify(text),
    pgx.doctor(),
    pgx.repair(text),
    pgx.sync(),
    pgx.recover(),
    pgx.apply(jsonb)
FROM PUBLIC;
