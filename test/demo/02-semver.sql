-- semver: versions that compare as versions
SELECT * FROM pgx.install('semver');
CREATE EXTENSION semver;
SELECT '1.2.3'::semver < '1.10.0'::semver AS "semver knows", '1.2.3' < '1.10.0' AS "text does not";
--= t|f
