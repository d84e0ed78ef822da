#!/bin/sh
# postgresql-check.sh FILE: refuses what pg_restore could not restore. It reads the dump to its end; a list alone would
# not notice that the end is missing.
set -eu
. "${0%/*}/dump.sh"
at_least "$1" "$MINIMUM_BYTES"
if ! list=$(pg_restore --list "$1"); then die 65 "${1##*/} is no dump that pg_restore knows"; fi
tables=$(echo "$list" | grep -c ' TABLE DATA ') || :
if [ "$tables" -lt "$MINIMUM_TABLES" ]; then
    die 65 "${1##*/} has the data of $tables tables, fewer than $MINIMUM_TABLES: the database was empty"
fi
if ! pg_restore --file=/dev/null "$1"; then die 65 "${1##*/} cannot be read to its end: cut off, or damaged"; fi
