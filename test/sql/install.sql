-- What pgx.install() and pgx.plan() answer, as psql shows it.
SELECT setting, changed FROM pgx.setup(); -- done before, by the first call that needed it

SELECT extension, action, version, package, source, files FROM pgx.plan('color');
SELECT * FROM pgx.install('color');
CREATE EXTENSION color;
SELECT color_hex(255, 128, 0);
SELECT * FROM pgx.install('color');
SELECT * FROM pgx.install('postgresql-18-color');

-- chains
SELECT extension, action, version, package, source, files FROM pgx.plan('shop');
SELECT * FROM pgx.install('shop');
CREATE EXTENSION shop CASCADE;

-- several, some of them there already
SELECT extension, action, version, next_step FROM pgx.install(ARRAY['geo', 'castor', 'color', 'cube']);

-- a library to preload, a module without an extension
SELECT * FROM pgx.install('guard');
SELECT * FROM pgx.install('toolbox');

-- what is recorded
SELECT package, version, extensions, registry, requested, pinned FROM pgx.installed ORDER BY package;
SELECT extension, package, default_version, requires, trusted, preload FROM pgx.installed_extensions ORDER BY extension;
SELECT path, package, kind, mode FROM pgx.files ORDER BY path;
SELECT action, package, version, previous_version, registry FROM pgx.history ORDER BY at;
SELECT name, version, installed FROM pgx.available() WHERE installed IS NOT NULL;
SELECT value FROM pgx.info('shop') WHERE property = 'installed';

-- what is wrong
SELECT pgx.install('colour');
SELECT pgx.install('nothing_like_it_exists');
SELECT pgx.install('atlas', version => '7');
SELECT pgx.install('atlas', registry => 'nobody');
SELECT pgx.install('orphan');
BEGIN;
SELECT extension, action FROM pgx.install('atlas');
PREPARE TRANSACTION 'atlas';
SELECT count(*) FROM pgx.files WHERE path LIKE '%atlas%';

-- undone
BEGIN;
SELECT extension, action FROM pgx.install('atlas');
CREATE EXTENSION atlas;
SELECT atlas_version();
ROLLBACK;
SELECT name FROM pg_available_extensions WHERE name = 'atlas';
SELECT count(*) FROM pgx.files WHERE path LIKE '%atlas%';
