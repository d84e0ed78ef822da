#!/bin/sh
# Takes a copy of what Redis holds, as a replica would get it, to the backups' volume. REDISCLI_AUTH is redis-cli's own.
set -eu
here=${0%/*}
. "$here/dump.sh"
lock "$BACKUPS"
drop_unfinished redis "$BACKUPS"
name_it redis "$BACKUPS"
part=$BACKUPS/.$name.rdb.part
if [ -n "${REDIS_CA:-}" ]; then REDIS_FLAGS="$REDIS_FLAGS --cacert $REDIS_CA"; fi
# shellcheck disable=SC2086 # REDIS_FLAGS is words
if ! redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" $REDIS_FLAGS ${REDIS_CA:+--cacert "$REDIS_CA"} --rdb "$part" > "$WORK/said" 2>&1; then
    tail -n 3 "$WORK/said" >&2
    die 69 "could not copy Redis on $REDIS_HOST:$REDIS_PORT to $BACKUPS"
fi
sh "$here/redis-check.sh" "$part"
finish "$name" "$BACKUPS"
echo "$name" > "$WORK/made"
say "$name: $(($(bytes_of "$name" "$BACKUPS"))) bytes"
