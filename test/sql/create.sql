-- What CREATE EXTENSION makes. A change here is a change of the interface.
CREATE EXTENSION pgx;

-- functions
\pset format unaligned
SELECT format('%s(%s) -> %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)) AS function
  FROM pg_proc p
 WHERE p.pronamespace = 'pgx'::regnamespace
 ORDER BY p.proname COLLATE "C", pg_get_function_arguments(p.oid) COLLATE "C";

-- relations and their columns
SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE 'type' END AS kind, c.relname AS name,
       string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) AS columns
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'pgx'::regnamespace AND c.relkind IN ('r', 'v', 'c')
 GROUP BY c.oid ORDER BY c.relkind, c.relname;
\pset format aligned

-- settings
SELECT name, setting, context, short_desc FROM pg_settings WHERE name LIKE 'pgx.%' ORDER BY name;
SET pgx.directory = '/somewhere';
SET pgx.no_such_setting = 1;

-- everything says what it is for
SELECT p.oid::regprocedure AS function_without_comment
  FROM pg_proc p
 WHERE p.pronamespace = 'pgx'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
 ORDER BY p.proname;
SELECT c.relname AS relation_without_comment
  FROM pg_class c
 WHERE c.relnamespace = 'pgx'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;

-- what pg_dump takes along: decisions, and not what can be read again
SELECT c.relname AS dumped
  FROM pg_extension e CROSS JOIN unnest(e.extconfig) AS t(oid) JOIN pg_class c ON c.oid = t.oid
 WHERE e.extname = 'pgx' ORDER BY 1;

-- nothing has happened yet
SELECT name FROM pgx.registries;
SELECT package FROM pgx.installed;
SELECT pid FROM pgx.progress;
SELECT pg_stat_file('pgx', true) IS NULL AS no_directory;

-- the platform
SELECT postgresql = current_setting('server_version_num')::integer / 10000 AS postgresql,
       os ~ '^[a-z]+$' AS os,
       libc ~ '^(glibc|musl)$' AS libc,
       libc_version ~ '^[0-9.]+$' OR libc = 'musl' AS libc_version,
       architecture ~ '^[a-z0-9-]+$' AS architecture
  FROM pgx.platform();

-- a second time
CREATE EXTENSION pgx;
CREATE EXTENSION IF NOT EXISTS pgx;
