#!/bin/sh
# Restores the fetched dump into a directory of its own, by a Redis that nobody else can reach.
set -eu
mkdir -p "$WORK/redis-scratch"
export REDIS_DATA="$WORK/redis-scratch" REDIS_HOST=
sh "${0%/*}/redis-restore.sh"
