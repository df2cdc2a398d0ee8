-- pg_cron: a library that has to be loaded when the server starts
SELECT * FROM pgx.install('pg_cron');
--! next step
SELECT cron.schedule('nightly', '30 3 * * *', 'VACUUM') > 0 AS scheduled;
SELECT jobname, schedule, command, database FROM cron.job;
--= nightly|30 3 * * *|VACUUM|postgres
