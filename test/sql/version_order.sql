-- Debian's order of versions, as ORDER BY.
SELECT version
  FROM unnest(ARRAY['1.10', '1.9', '1.0~rc1', '1.0', '1.0-1', '1.0+dfsg-1', '2:0.1', '1.0-1+b1', '1.0-1~bpo12', '0.9.9',
                    '1.0a', '1.0.1', '10', '9', '1:1.0', '1.0-1.pgdg13+1', '1.00']) AS version
 ORDER BY pgx.version_key(version), version;

-- the same version in two spellings
SELECT pgx.version_key('1.0') = pgx.version_key('0:1.0') AS epoch,
       pgx.version_key('1.0') = pgx.version_key('1.00') AS zeros,
       pgx.version_key('1.0') < pgx.version_key('1.0-1') AS revision;

-- any text has a key
SELECT pgx.version_key('') IS NOT NULL AS empty, pgx.version_key('ä ~~ b') IS NOT NULL AS odd, pgx.version_key(NULL) IS NULL AS "null";

-- what the packager added is left out
SELECT version, pgx.upstream_version(version)
  FROM unnest(ARRAY['1.2.3-4', '1:0.8.1-1', '0.32.1-2.pgdg13+1', '1.0', '1.0-rc1-2', '']) AS version;
