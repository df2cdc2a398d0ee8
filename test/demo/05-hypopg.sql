-- hypopg: would an index help?
SELECT * FROM pgx.install('hypopg');
CREATE EXTENSION hypopg;
CREATE TABLE numbers AS SELECT n FROM generate_series(1, 100000) AS n;
SELECT indexname LIKE '%btree_numbers_n' AS hypothetical FROM hypopg_create_index('CREATE INDEX ON numbers (n)');
EXPLAIN (COSTS OFF) SELECT FROM numbers WHERE n = 7;
--= *"<*>btree_numbers_n"*
