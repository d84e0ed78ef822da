#!/bin/sh
# finish.sh SCRIPT: the last step of a job that a person started and watches: ends as the job did, and tells nobody else.
set -eu
here=${0%/*}
sh "$here/step.sh" "$1"
if [ -e "$WORK/failed" ]; then
    read -r step status < "$WORK/failed"
    echo "failed in $step" >&2
    exit "$status"
fi
