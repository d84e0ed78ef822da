#!/bin/sh
# Sees to it that the Debian packages of .ci/packages are there: root installs what is missing, anyone else is told.
# With REQUIRE_PEERS=1 a missing one is a failure; otherwise the tests that need it skip, by name.
set -eu
cd "$(dirname "$0")"

missing=
for package in $(grep -v '^#' packages); do
    case $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || :) in
        installed) ;;
        *) missing="$missing $package" ;;
    esac
done
if ! ./charttools.sh; then
    echo "peers: no helm and kubectl"
    if [ "${REQUIRE_PEERS:-}" = 1 ]; then exit 1; fi
fi
if [ -z "$missing" ]; then exit 0; fi

if [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
    # shellcheck disable=SC2086 # one word per package
    if ./debian.sh $missing; then exit 0; fi
else
    echo "peers: missing:$missing; as root: apt-get install --no-install-recommends$missing"
fi
if [ "${REQUIRE_PEERS:-}" = 1 ]; then exit 1; fi
echo "peers: the tests that need them are skipped, by name"
