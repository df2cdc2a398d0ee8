-- hll: counting distinct values in a few bytes
SELECT * FROM pgx.install('hll');
CREATE EXTENSION hll;
SELECT round(hll_cardinality(hll_add_agg(hll_hash_integer(n % 1000)))) BETWEEN 950 AND 1050 AS "about 1000"
  FROM generate_series(1, 100000) AS n;
--= t
