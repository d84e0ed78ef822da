#!/bin/sh
# configuration-check.sh FILE: refuses what is not whole, or holds fewer objects than a platform has.
set -eu
. "${0%/*}/dump.sh"
at_least "$1" "$MINIMUM_BYTES"
if ! gzip -t "$1"; then die 65 "${1##*/} cannot be read to its end: cut off, or damaged"; fi
objects=$(gzip -dc "$1" | grep -c '^- apiVersion: ') || :
if [ "$objects" -lt "$MINIMUM_OBJECTS" ]; then
    die 65 "${1##*/} has $objects objects, fewer than $MINIMUM_OBJECTS"
fi
