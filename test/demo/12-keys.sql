-- Somebody has stolen the key of the timestamp and has broken into the web server
--$ mkdir stolen && cp keys/timestamp*.key keys/fingerprint stolen
--$ cp registry/metadata/timestamp.json stolen/old.json
--$ pgx pack postgresql-18-prefix_*.deb --version 9.9.9 --output stolen >/dev/null
--$! pgx registry add registry stolen/prefix-9.9.9*.trunk --keys stolen
\set ON_ERROR_STOP off
--$ cp registry/bundles/hello/hello-1.0.0*.trunk stolen/ && echo evil | tee -a registry/bundles/hello/*.trunk
SELECT * FROM pgx.remove('hello', force => true);
--$ rm -r $PGX_DEMO_DATA/pgx/pgsql_tmp.cache
SELECT * FROM pgx.install('hello');
--x wrong size
--$ cp stolen/hello-*.trunk registry/bundles/hello/
SELECT * FROM pgx.install('hello');
SELECT hello('again');
--= Hello, again!
--$ pgx registry rotate registry --role timestamp --keys keys
SELECT name, status FROM pgx.refresh('ours');
--= ours|*
--$ cp registry/metadata/timestamp.json keys/good.json && cp stolen/old.json registry/metadata/timestamp.json
SELECT name, status FROM pgx.refresh('ours');
--x could not refresh registry "ours"
--$ cp keys/good.json registry/metadata/timestamp.json
SELECT name, status FROM pgx.refresh('ours');
--= ours|*
