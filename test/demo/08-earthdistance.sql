-- earthdistance: the server has it already, and cube, which it requires
SELECT * FROM pgx.install('earthdistance');
--! next step
SELECT round(earth_distance(ll_to_earth(52.52, 13.40), ll_to_earth(48.86, 2.35)) / 1000) AS "Berlin to Paris, km";
--= 878
