#!/bin/sh
# Restores the fetched dump into a PostgreSQL of its own that nobody else can reach and that ends with this script:
# whether a restore would work, without touching anything that is used.
set -eu
here=${0%/*}
. "$here/dump.sh"
sh "$here/postgresql-check.sh" "$WORK/$(cat "$WORK/postgresql").dump"
scratch=$WORK/postgresql-scratch
rm -rf "$scratch"
mkdir -m 700 "$scratch"
initdb --pgdata="$scratch/data" --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync > "$WORK/said" 2>&1 || {
    cat "$WORK/said" >&2
    die 69 "initdb could not make a database to restore into"
}
postgres -D "$scratch/data" -k "$scratch" -c listen_addresses= -c fsync=off -c full_page_writes=off > "$WORK/postgres.log" 2>&1 &
server=$!
trap 'kill -INT "$server" 2>/dev/null && wait "$server" || :' EXIT
export PGHOST="$scratch" PGPORT=5432 PGUSER=postgres
unset PGPASSWORD
tries=0
until pg_isready --quiet; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
        tail -n 5 "$WORK/postgres.log" >&2
        die 69 "the PostgreSQL to restore into did not start"
    fi
    sleep 0.1
done
ROLES=yes SWAP=no sh "$here/postgresql-restore.sh"
if [ -n "${REHEARSAL_QUERY:-}" ]; then
    answer=$(psql --no-psqlrc --quiet --tuples-only --no-align --dbname "$(cat "$WORK/restored")" --command "$REHEARSAL_QUERY")
    if [ "$answer" != t ]; then die 65 "the restored database answers $answer, not t, to: $REHEARSAL_QUERY"; fi
fi
