\echo Use "CREATE EXTENSION hello" to load this file. \quit

CREATE FUNCTION hello(name text) RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME';
