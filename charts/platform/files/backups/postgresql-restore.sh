#!/bin/sh
# Restores the dump that fetch.sh fetched into a new database beside the old one. With SWAP=yes the two then change names,
# in one transaction: nothing is dropped. With ROLES=yes roles that are missing are made first, without passwords.
set -eu
here=${0%/*}
. "$here/dump.sh"
name=$(cat "$WORK/postgresql")
dump=$WORK/$name.dump
sh "$here/postgresql-check.sh" "$dump"
now=$(stamp "$(date +%s)")
restored=${PGDATABASE}_restored_$now
sql() { psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 "$@"; }

if [ "${ROLES:-no}" = yes ]; then
    # Roles that exist are left as they are. Who is a member of whom is said again for all: what is so already is no error.
    sed -n 's/^CREATE ROLE \(.*\);$/\1/p' "$WORK/$name.roles" > "$WORK/roles"
    sql --dbname postgres --command "SELECT quote_ident(rolname) FROM pg_roles" > "$WORK/known"
    while read -r role; do
        if grep -qxF "$role" "$WORK/known"; then
            say "the role $role exists already, and is left as it is"
        else
            grep -F -e "CREATE ROLE $role;" -e "ALTER ROLE $role " "$WORK/$name.roles" | sql --dbname postgres
        fi
    done < "$WORK/roles"
    grep '^GRANT ' "$WORK/$name.roles" | sed 's/ GRANTED BY .*;$/;/' | sql --set ON_ERROR_STOP=0 --dbname postgres
fi

if ! sql --dbname postgres --set restored="$restored" --file "$WORK/$name.database"; then
    die 69 "could not make the database $restored on $PGHOST:$PGPORT as $PGUSER"
fi
if ! pg_restore --exit-on-error --no-password --jobs="$JOBS" --dbname="$restored" "$dump"; then
    dropdb --no-password --maintenance-db=postgres "$restored" || say "the half-restored $restored is still there"
    die 65 "$name could not be restored; $PGDATABASE is as it was"
fi

# Planned before anybody asks; and counted: each table must have the rows that it had in the dump's own snapshot.
sql --dbname "$restored" --command ANALYZE
sql --dbname "$restored" --file "$here/row-counts.sql" > "$WORK/rows"
if ! cmp -s "$WORK/rows" "$WORK/$name.rows"; then
    die 65 "$restored has other rows than $name had; $PGDATABASE is as it was"
fi

if [ "${SWAP:-no}" != yes ]; then
    echo "$restored" > "$WORK/restored"
    say "$name is restored into $restored, with the rows that it had; $PGDATABASE is as it was"
    exit 0
fi
if ! sql --dbname postgres --set old="$PGDATABASE" --set before="${PGDATABASE}_before_$now" --set new="$restored" <<'SQL'
SELECT count(*) > 0 AS exists FROM pg_database WHERE datname = :'old' \gset
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN (:'old', :'new') \g /dev/null
BEGIN;
\if :exists
ALTER DATABASE :"old" RENAME TO :"before";
\endif
ALTER DATABASE :"new" RENAME TO :"old";
COMMIT;
SQL
then
    die 69 "$restored could not be put in the place of $PGDATABASE, which is as it was: stop what uses it"
fi
say "$name is restored into $PGDATABASE; what was there before, if anything, is ${PGDATABASE}_before_$now"
