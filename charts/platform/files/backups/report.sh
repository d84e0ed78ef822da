#!/bin/sh
# report.sh [SCRIPT]: the last step of a job; then tells the Pushgateway how all of it ended, and ends as it did.
# A failure leaves the time and the size of the newest success as they are.
set -eu
here=${0%/*}
. "$here/dump.sh"
if [ $# -gt 0 ]; then sh "$here/step.sh" "$1"; fi

now=$(date +%s)
number() {
    echo "# TYPE $1 gauge"
    echo "$1 $2"
}
{
    number backup_last_duration_seconds $((now - $(cat "$WORK/began")))
    if [ -e "$WORK/failed" ]; then
        number backup_last_status 0
    else
        number backup_last_status 1
        number backup_last_success_timestamp_seconds "$now"
        number backup_last_size_bytes $(($(cat "$WORK/size")))
    fi
} > "$WORK/numbers"
told=0
wget -q -O /dev/null --post-file "$WORK/numbers" "$PUSHGATEWAY/metrics/job/backup/namespace/$NAMESPACE/backup/$BACKUP" || told=$?

if [ -e "$WORK/failed" ]; then
    read -r step status < "$WORK/failed"
    die "$status" "$BACKUP failed in $step"
fi
if [ "$told" -ne 0 ]; then die 69 "$BACKUP succeeded, and $PUSHGATEWAY could not be told"; fi
say "$BACKUP succeeded"
