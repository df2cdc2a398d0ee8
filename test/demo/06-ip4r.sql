-- ip4r: ranges of addresses that need not be networks
SELECT * FROM pgx.install('ip4r');
CREATE EXTENSION ip4r;
SELECT '192.0.2.17'::ip4 <<= '192.0.2.10-192.0.2.20'::ip4r AS inside;
--= t
