-- vector: nearest neighbours; its package is called pgvector
SELECT * FROM pgx.install('vector');
CREATE EXTENSION vector;
CREATE TABLE fruit (name text, taste vector(3));
INSERT INTO fruit VALUES ('lemon', '[9,1,2]'), ('lime', '[8,2,2]'), ('peach', '[2,8,5]'), ('fig', '[1,9,7]');
CREATE INDEX ON fruit USING hnsw (taste vector_l2_ops);
SELECT name, round((taste <-> '[9,1,1]')::numeric, 2) AS distance FROM fruit ORDER BY taste <-> '[9,1,1]' LIMIT 2;
--= lemon|1.00 lime|1.73
