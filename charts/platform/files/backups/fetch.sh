#!/bin/sh
# Fetches a dump of each of KINDS from FROM/KIND, and refuses what is not as it was written. Without DUMP the newest one;
# KINDS says of each how many seconds it may be old ("redis:3600"). Whoever names one knows how old it is.
set -eu
here=${0%/*}
. "$here/dump.sh"
: > "$WORK/sizes"
for expected in $KINDS; do
    kind=${expected%:*}
    maximum=${expected#*:}
    place=$FROM/$kind
    name=${DUMP:-}
    if [ -z "$name" ]; then
        if ! there=$(rclone lsf --files-only --include "/$kind-*.sha256" "$place"); then die 69 "$place cannot be listed"; fi
        name=$(echo "$there" | sort | tail -n 1 | sed 's/\.sha256$//')
        if [ -z "$name" ]; then die 65 "there is no dump in $place"; fi
        old=$(age "$name")
        if [ "$old" -gt "$maximum" ]; then
            die 65 "$name, the newest in $place, is $old s old, more than $maximum: backups have stopped"
        fi
    fi
    if ! rclone copy "$place" "$WORK" --include "/$name.*"; then die 69 "$place did not give $name"; fi
    whole "$name" "$WORK"
    echo "$name" > "$WORK/$kind"
    bytes_of "$name" "$WORK" >> "$WORK/sizes"
    say "$name is fetched from $place"
done
awk '{ sum += $1 } END { printf "%d\n", sum }' "$WORK/sizes" > "$WORK/size"
