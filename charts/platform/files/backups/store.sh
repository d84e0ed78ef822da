#!/bin/sh
# Carries the dump that this job made to each of PLACES, looks whether it arrived, and then removes what is too old.
set -eu
here=${0%/*}
. "$here/dump.sh"
lock "$BACKUPS"
name=$(cat "$WORK/made")
kind=${name%-*}
whole "$name" "$BACKUPS"
bytes_of "$name" "$BACKUPS" > "$WORK/size"

for place in $PLACES; do
    # The checksums go last: until then it is no dump there either.
    if ! rclone copy "$BACKUPS" "$place" --filter '- *.sha256' --filter "+ /$name.*" --filter '- *' ||
        ! rclone copyto "$BACKUPS/$name.sha256" "$place/$name.sha256"; then
        die 69 "$place did not take $name"
    fi
    if ! rclone check "$BACKUPS" "$place" --one-way --include "/$name.*" 2> "$WORK/said"; then
        cat "$WORK/said" >&2
        die 69 "$place has not what was sent of $name"
    fi
    say "$name is in $place"
done

# DAYS PLACE: what is older goes, but never the newest KEEP_AT_LEAST; only reached where a new one is everywhere.
prune() {
    before=$(stamp $(($(date +%s) - $1 * 86400)))
    if ! there=$(rclone lsf --files-only --include "/$kind-*.sha256" "$2"); then die 69 "$2 cannot be listed"; fi
    old=$(echo "$there" | sort -r | tail -n +$((KEEP_AT_LEAST + 1)) | sed 's/\.sha256$//' | while read -r name; do
        if expr "${name##*-}" '<' "$before" > /dev/null; then echo "$name"; fi
    done)
    if [ -z "$old" ]; then return; fi
    echo "$old" | sed 's,.*,/&.sha256,' > "$WORK/old-sums"
    echo "$old" | sed 's,.*,/&.*,' > "$WORK/old-files"
    # The checksums first: what is left after a crash is no dump.
    if ! rclone delete --include-from "$WORK/old-sums" "$2" || ! rclone delete --include-from "$WORK/old-files" "$2"; then
        die 69 "$2 did not remove what is too old"
    fi
    for name in $old; do say "$name is gone from $2"; done
}
prune "$VOLUME_DAYS" "$BACKUPS"
for place in $PLACES; do prune "$KEEP_DAYS" "$place"; done
