-- The extension goes; what it has installed stays.
DROP EXTENSION pgx;
SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('pgx');
SELECT name FROM pg_available_extensions WHERE name = 'pgx';
SELECT color_hex(1, 2, 3);
SELECT name, default_version, installed_version FROM pg_available_extensions WHERE name IN ('color', 'geo') ORDER BY name;
