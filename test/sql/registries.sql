-- Registries: added, changed, dropped. Nothing is downloaded here.
SELECT pgx.add_registry('example', 'deb [signed-by=/usr/share/keyrings/example.gpg] https://example.org/debian stable main');
SELECT pgx.add_registry('local', E'Types: deb\nURIs: http://127.0.0.1:1/debian\nSuites: stable\nComponents: main\n', priority => 600);
SELECT pgx.add_registry('host', kind => 'apt', priority => NULL);
SELECT name, kind, source, priority, enabled, packages, refreshed_at, added_by FROM pgx.registries ORDER BY name;

-- what is wrong
SELECT pgx.add_registry('example', 'deb https://example.org/debian stable main');
SELECT pgx.add_registry('no good', 'deb https://example.org/debian stable main');
SELECT pgx.add_registry('', 'deb https://example.org/debian stable main');
SELECT pgx.add_registry(NULL, 'deb https://example.org/debian stable main');
SELECT pgx.add_registry('other', 'https://example.org/debian');
SELECT pgx.add_registry('other', 'deb https://example.org/debian stable main', kind => 'rpm');

-- changed
SELECT pgx.alter_registry('example', priority => 700, enabled => false);
SELECT pgx.alter_registry('host', rename_to => 'system');
SELECT pgx.alter_registry('local', source => 'deb http://127.0.0.1:1/debian testing main');
SELECT name, source, priority, enabled FROM pgx.registries ORDER BY name;
SELECT pgx.alter_registry('nobody', priority => 1);
SELECT pgx.alter_registry(NULL, priority => 1);
SELECT pgx.alter_registry('example', rename_to => 'system');
SELECT pgx.alter_registry('example', rename_to => 'not/good');
SELECT pgx.alter_registry('example', source => 'rubbish');

-- refresh
SELECT pgx.refresh('nobody');
SELECT pgx.alter_registry('local', enabled => false);
SELECT pgx.alter_registry('system', enabled => false);
SELECT pgx.refresh();
SET client_min_messages = warning; -- the set-up's notice names a directory of this run
SELECT pgx.install('color');
RESET client_min_messages;
SELECT name FROM pgx.available();

-- dropped
SELECT pgx.drop_registry('example');
SELECT pgx.drop_registry('example');
SELECT pgx.drop_registry(NULL);
SELECT pgx.drop_registry(name) FROM pgx.registries ORDER BY name;
