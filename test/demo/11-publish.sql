-- A registry of one's own: from a source folder and a Debian package to a colleague's pgx.install()
--$ pgx registry init registry --keys keys
--$ pgx build hello --output .
--$ apt-get -qq download postgresql-18-prefix
--$ pgx pack postgresql-18-prefix_*.deb --output .
--$ pgx registry add registry *.trunk --keys keys
\set fingerprint `pgx registry fingerprint registry`
\set url 'http://127.0.0.1:' :port
SELECT pgx.add_registry('ours', :'url', root => :'fingerprint', priority => 900);
SELECT name, version, comment FROM pgx.available() WHERE registry = 'ours';
--= hello|1.0.0|* prefix|*
SELECT * FROM pgx.install('hello');
--! next step
SELECT hello('world');
--= Hello, world!
SELECT * FROM pgx.install('prefix');
--! next step
SELECT '123'::prefix_range @> '123456' AS contained;
--= t
