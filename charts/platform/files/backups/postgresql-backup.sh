#!/bin/sh
# Dumps one database to the backups' volume; beside it what makes the database itself (owner, settings, grants), the roles
# without their passwords, and how many rows each table had. The dump and the counts see the same snapshot.
set -eu
here=${0%/*}
. "$here/dump.sh"
lock "$BACKUPS"
drop_unfinished postgresql "$BACKUPS"
name_it postgresql "$BACKUPS"
export DUMP="$BACKUPS/.$name.dump.part" DUMPED="$WORK/dumped"
rows=$BACKUPS/.$name.rows.part
rm -f "$DUMPED"

# \! runs in a shell of its own that knows the snapshot only by its environment.
if ! psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
    --set counts="$here/row-counts.sql" --set database="$BACKUPS/.$name.database.part" > "$rows" <<'SQL'
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\! pg_dump --format=custom --compress="$COMPRESSION" --no-password --snapshot="$SNAPSHOT" --file="$DUMP" && touch "$DUMPED"
\i :counts
\o :database
SELECT format('CREATE DATABASE :"restored" TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L',
        pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
    || CASE WHEN datlocprovider = 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L',
        coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')) ELSE '' END || ';'
FROM pg_database d WHERE datname = current_database();
-- Lists are stored as they are written; anything else is a text.
SELECT CASE WHEN role = 0 THEN 'ALTER DATABASE' ELSE format('ALTER ROLE %I IN DATABASE', pg_get_userbyid(role)) END
    || format(' :"restored" SET %I TO ', name)
    || CASE WHEN name IN ('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries')
        THEN value ELSE quote_literal(value) END || ';'
FROM (
    SELECT setrole AS role, split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value
    FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) setting
    WHERE datname = current_database()
) settings ORDER BY role, name;
SELECT 'REVOKE ALL ON DATABASE :"restored" FROM PUBLIC;'
FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL;
SELECT format('GRANT %s ON DATABASE :"restored" TO %s%s;', privilege_type,
    CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_database, aclexplode(datacl) WHERE datname = current_database() ORDER BY 1;
COMMIT;
SQL
then
    rm -f "$DUMPED"
fi
if [ ! -e "$DUMPED" ] ||
    ! pg_dumpall --roles-only --no-role-passwords --no-password --file="$BACKUPS/.$name.roles.part"; then
    die 69 "could not dump $PGDATABASE on $PGHOST:$PGPORT as $PGUSER to $BACKUPS"
fi
sh "$here/postgresql-check.sh" "$DUMP"
finish "$name" "$BACKUPS"
echo "$name" > "$WORK/made"
say "$name: $(($(bytes_of "$name" "$BACKUPS"))) bytes, $(($(wc -l < "$BACKUPS/$name.rows"))) tables"
