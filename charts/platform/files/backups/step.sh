#!/bin/sh
# step.sh SCRIPT: one step of a job, in a container of its own. A failure is noted in $WORK/failed instead of ending the
# pod, so that the last step can tell of it (report.sh); the steps between are left out.
set -eu
here=${0%/*}
if [ ! -e "$WORK/began" ]; then date +%s > "$WORK/began"; fi
if [ -e "$WORK/failed" ]; then exit 0; fi
status=0
sh "$here/$1" || status=$?
if [ "$status" -ne 0 ]; then echo "$1 $status" > "$WORK/failed"; fi
