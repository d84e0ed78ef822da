#!/bin/sh
# Keeps a copy of what Velero stored, in the second region. What Velero removes or changes is moved aside there and kept
# for KEEP_DAYS: whoever empties the first bucket has not emptied the second.
set -eu
. "${0%/*}/dump.sh"
if ! first=$(rclone lsf --max-depth 1 "$FROM"); then die 69 "$FROM cannot be listed"; fi
if [ -z "$first" ]; then die 65 "$FROM is empty: nothing is copied, and what was copied before stays as it is"; fi
aside=$ASIDE/aside-$(stamp "$(date +%s)")
if ! rclone sync "$FROM" "$TO" --checksum --backup-dir "$aside"; then die 69 "$FROM is not copied to $TO"; fi
if ! rclone check "$FROM" "$TO" --one-way --size-only; then
    say "something was written meanwhile: the next copy has it"
fi
rclone size "$TO" --json | sed 's/.*"bytes":\([0-9]*\).*/\1/' > "$WORK/size"

before=aside-$(stamp $(($(date +%s) - KEEP_DAYS * 86400)))
rclone lsf --dirs-only "$ASIDE" | sed -n 's,/$,,p' | while read -r old; do
    if expr "$old" '<' "$before" > /dev/null; then rclone purge "$ASIDE/$old"; fi
done
