-- pgtap: tests in SQL
SELECT * FROM pgx.install('pgtap');
CREATE EXTENSION pgtap;
BEGIN;
SELECT plan(1);
SELECT is('1.10.0'::semver > '1.9.0', true, 'ten comes after nine');
--= ok * - ten comes after nine
ROLLBACK;
