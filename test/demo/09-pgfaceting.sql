-- pgfaceting: requires roaringbitmap, which comes from another package
SELECT * FROM pgx.install('pgfaceting');
CREATE EXTENSION pgfaceting CASCADE;
CREATE TABLE wine (id int PRIMARY KEY, color text);
INSERT INTO wine SELECT n, CASE WHEN n % 3 = 0 THEN 'white' ELSE 'red' END FROM generate_series(1, 30000) AS n;
SELECT faceting.add_faceting_to_table('wine', key => 'id', facets => ARRAY[faceting.plain_facet('color')]);
SELECT facet_value, cardinality FROM faceting.top_values('wine'::regclass);
--= red|20000 white|10000
