#!/bin/sh
# Puts the dump that fetch.sh fetched into the data directory of a Redis that is stopped. What was there is moved aside.
# A Redis with "appendonly yes" reads no dump.rdb, so it gets what it reads as well, written by a Redis that read this one.
set -eu
here=${0%/*}
. "$here/dump.sh"
name=$(cat "$WORK/redis")
sh "$here/redis-check.sh" "$WORK/$name.rdb"
if [ -n "$REDIS_HOST" ]; then
    # Who answers runs, whatever it says: that it wants a password, or still loads. One that speaks TLS hangs up.
    answer=$(timeout 5 redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" PING 2>&1) || :
    case $answer in
        '' | 'Could not connect to Redis'*) ;;
        *) die 75 "Redis on $REDIS_HOST:$REDIS_PORT runs: stop it first, it would write over what is restored" ;;
    esac
fi
aside=$REDIS_DATA/before-$(stamp "$(date +%s)")
mkdir "$aside"
for there in "$REDIS_DATA/dump.rdb" "$REDIS_DATA/appendonlydir"; do
    if [ -e "$there" ]; then mv "$there" "$aside/"; fi
done
cp "$WORK/$name.rdb" "$REDIS_DATA/.restored.part"
mv "$REDIS_DATA/.restored.part" "$REDIS_DATA/dump.rdb"

socket=$WORK/redis.sock
ask() { redis-cli -s "$socket" "$@"; }
unset REDISCLI_AUTH
redis-server --port 0 --unixsocket "$socket" --dir "$REDIS_DATA" --save '' --appendonly no > "$WORK/redis.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null && wait "$server" || :' EXIT
tries=0
until [ "$(ask PING 2>&1)" = PONG ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt "$LOAD_TRIES" ] || ! kill -0 "$server" 2>/dev/null; then
        tail -n 5 "$WORK/redis.log" >&2
        die 65 "Redis did not load $name; what was there is in $aside"
    fi
    sleep 0.1
done

# Keys that were to expire may be gone by now; those that were not are there.
count() { sed -n "s/.* \([0-9]*\) $1\$/\1/p" "$WORK/checked"; }
redis-check-rdb "$REDIS_DATA/dump.rdb" > "$WORK/checked"
loaded=$(ask INFO keyspace | tr -d '\r' | sed -n 's/^db[0-9]*:keys=\([0-9]*\),.*/\1/p' | awk '{ sum += $1 } END { print sum + 0 }')
if [ "$loaded" -gt "$(count 'keys read')" ] || [ "$loaded" -lt $(($(count 'keys read') - $(count expires))) ]; then
    die 65 "Redis loaded $loaded of the $(count 'keys read') keys of $name"
fi
ask CONFIG SET appendonly yes > /dev/null
until ask INFO persistence | tr -d '\r' | grep -qx aof_rewrite_in_progress:0; do sleep 0.1; done
if ! ask INFO persistence | tr -d '\r' | grep -qx aof_last_bgrewrite_status:ok; then
    tail -n 5 "$WORK/redis.log" >&2
    die 69 "Redis could not write its append-only file to $REDIS_DATA"
fi
ask SHUTDOWN NOSAVE || :
wait "$server" || :
say "$name is restored into $REDIS_DATA, $loaded keys; what was there is in $aside"
