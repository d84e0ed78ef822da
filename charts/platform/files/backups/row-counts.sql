-- How many rows each table has, a line each: of a dump's snapshot, and of what was restored from it. The two are compared.
SELECT format('SELECT %L, count(*) FROM %I.%I',
    quote_ident(n.nspname) || '.' || quote_ident(c.relname), n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname
\gexec
