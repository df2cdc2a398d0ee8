-- Names and other arguments are checked before anything is asked of a registry: this test has none.
SELECT pgx.install('');
SELECT pgx.install('a/b');
SELECT pgx.install('../semver');
SELECT pgx.install('semver--1.0');
SELECT pgx.install('-semver');
SELECT pgx.install('semver-');
SELECT pgx.install('it''s');
SELECT pgx.install('"semver"');
SELECT pgx.install('sem ver');
SELECT pgx.install('sémver');
SELECT pgx.install(E'sem\nver');
SELECT pgx.install(repeat('x', 64));
SELECT pgx.install(repeat('x', 1000));
SELECT pgx.install(NULL::text);
SELECT pgx.install('{}'::text[]);
SELECT pgx.install(ARRAY['good', NULL]);
SELECT pgx.install(ARRAY['good', 'b;d']);
SELECT pgx.install(ARRAY['one', 'two'], version => '1.0');
SELECT pgx.plan('a/b');
SELECT pgx.plan('{}'::text[]);

-- it is for the home database, and for transactions that may write
BEGIN READ ONLY;
SELECT pgx.install('good');
ROLLBACK;

-- nothing of this has done anything
SELECT count(*) FROM pgx.registries;
SELECT count(*) FROM pgx.history;
SELECT pg_stat_file('pgx', true) IS NULL AS no_directory;
