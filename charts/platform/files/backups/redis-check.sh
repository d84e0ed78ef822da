#!/bin/sh
# redis-check.sh FILE: refuses what Redis could not load, by Redis' own check of every record and of the checksum.
set -eu
. "${0%/*}/dump.sh"
at_least "$1" "$MINIMUM_BYTES"
if ! found=$(redis-check-rdb "$1"); then
    echo "$found" | tail -n 3 >&2
    die 65 "${1##*/} cannot be read to its end: cut off, or damaged"
fi
keys=$(echo "$found" | sed -n 's/.* \([0-9]*\) keys read$/\1/p')
if [ "${keys:-0}" -lt "$MINIMUM_KEYS" ]; then
    die 65 "${1##*/} has ${keys:-0} keys, fewer than $MINIMUM_KEYS: Redis was empty"
fi
