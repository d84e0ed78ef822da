#!/bin/sh
# Installs the Debian packages that are named, none of which may start a service meanwhile. Needs root.
# Called with the missing ones only: .ci/peers.sh finds out which.
set -eu

# Maintainer scripts ask this file before they start a service; 101 means "no" (also without systemd).
policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-responder
# postgresql-common reads this directory: the package would make a cluster of its own, which nobody asked for.
no_cluster=/etc/postgresql-common/createcluster.d/responder-no-main.conf
restore() {
    rm -f $policy $no_cluster
    if [ -e $kept ]; then mv $kept $policy; fi
}
# What an interrupted run had kept is the machine's own: never written over.
if [ -e $policy ] && [ ! -e $kept ]; then mv $policy $kept; fi
trap restore EXIT
trap 'exit 130' INT TERM
printf '#!/bin/sh\nexit 101\n' > $policy
chmod 755 $policy
mkdir -p "$(dirname $no_cluster)"
echo 'create_main_cluster = false' > $no_cluster

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends "$@"; } > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    echo "apt-get could not install: $*" >&2
    exit 1
fi
rm -f "$log"
echo "installed: $*"
