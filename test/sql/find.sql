-- Looking for extensions in the tests' own apt repository (test/fixture).
\getenv url PGX_FIXTURE_URL
\getenv key PGX_FIXTURE_KEY
SELECT format('deb [signed-by=%s] %s/regress/debian stable main', :'key', :'url') AS stable,
       format('deb [signed-by=%s] %s/regress/debian testing main', :'key', :'url') AS testing \gset

SELECT pgx.add_registry('stable', :'stable');
SELECT name, status, packages, repositories, requests FROM pgx.refresh();
SELECT name, status, packages, repositories, requests FROM pgx.refresh('stable');
SELECT name, packages, refreshed_at > added_at AS refreshed FROM pgx.registries;

SELECT * FROM pgx.available();

SELECT * FROM pgx.search('color');
SELECT name FROM pgx.search('hexadecimal COLORS');
SELECT name FROM pgx.search('postgresql-18-pgveclike');
SELECT name FROM pgx.search('  maps ');
SELECT name FROM pgx.search('no such thing');
SELECT name FROM pgx.search('100%_');
SELECT name FROM pgx.search('COL');
SELECT pgx.name_trigrams(ARRAY['Abc', NULL, 'ab', 'abcd']);
SELECT name FROM pgx.search('or') WHERE name LIKE '%or%';
SELECT name FROM pgx.search('map maps');
SELECT count(*) FROM pgx.search('');
SELECT count(*) FROM pgx.search(NULL);

SELECT * FROM pgx.info('color') WHERE property NOT IN ('size', 'sha256', 'signed by');
SELECT property, value FROM pgx.info('veclike') WHERE property IN ('name', 'package', 'extensions', 'installed', 'description');
SELECT value ~ '^[0-9A-F]{40}$' AS fingerprint FROM pgx.info('color') WHERE property = 'signed by';
SELECT value ~ '^[0-9a-f]{64}$' AS digest FROM pgx.info('color') WHERE property = 'sha256';
\set SHOW_CONTEXT never
SELECT * FROM pgx.info('no_such_thing');

SELECT version, package, registry, installed FROM pgx.versions('color');
SELECT pgx.add_registry('testing', :'testing', priority => 100);
SELECT name, status, packages FROM pgx.refresh('testing');
SELECT version, package, registry, installed FROM pgx.versions('color');
SELECT version, package, registry, installed FROM pgx.versions('no_such_thing');

-- priority decides, not the version
SELECT name, version, registry FROM pgx.available() WHERE name = 'color';
SELECT pgx.alter_registry('testing', priority => 900);
SELECT name, version, registry FROM pgx.available() WHERE name = 'color';
SELECT pgx.alter_registry('testing', enabled => false);
SELECT name, version, registry FROM pgx.available() WHERE name = 'color';

-- another source: what was known of the old one is forgotten
SELECT pgx.alter_registry('testing', source => :'stable', enabled => true);
SELECT packages, refreshed_at FROM pgx.registries WHERE name = 'testing';
SELECT count(*) FROM pgx.releases WHERE registry = 'testing';
SELECT pgx.drop_registry('testing');
