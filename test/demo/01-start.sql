-- A server with nothing configured
CREATE EXTENSION pgx;
SELECT name, version, comment FROM pgx.available() LIMIT 8;
SELECT count(*) > 80 AS "more than 80", count(*) FROM pgx.available();
--= t|*
SELECT name, version, comment FROM pgx.search('semantic version');
--= semver|*
