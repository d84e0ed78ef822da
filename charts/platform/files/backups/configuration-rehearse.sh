#!/bin/sh
# Whether the fetched configuration is whole. It is not applied anywhere: a cluster to apply it to is for people to make.
set -eu
here=${0%/*}
name=$(cat "$WORK/configuration")
sh "$here/configuration-check.sh" "$WORK/$name.yaml.gz"
