#!/bin/sh
# Makes .venv with the locked dependencies and this package in it, or does nothing if it is as it should be.
# `make setup` calls it; PYTHON names another interpreter than the first fitting one on PATH.
set -eu
cd "$(dirname "$0")/.."

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.11 python3 python3.12 python3.13 /usr/bin/python3; do
        if fits "$candidate"; then python=$candidate && break; fi
    done
fi
if [ -z "$python" ] || ! fits "$python"; then
    echo "setup: Python 3.11 or newer is needed: ${python:-none was found on PATH}; name one with PYTHON=..." >&2
    exit 1
fi

# What .venv was made from: if none of it changed, it is as it should be.
stamp=.venv/.made-from
made_from=$({ pwd && "$python" -VV && cat requirements/dev.txt pyproject.toml .ci/setup.sh; } | sha256sum)
if [ -x .venv/bin/responder ] && [ "$(cat $stamp 2>/dev/null)" = "$made_from" ]; then exit 0; fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps ensurepip in a package of its own.
    if [ "$(id -u)" -ne 0 ]; then
        echo "setup: $python cannot make virtual environments; as root: apt-get install python3-venv" >&2
        exit 1
    fi
    .ci/debian.sh python3-venv
fi

echo "setup: .venv with the locked dependencies ($("$python" -V))"
rm -f $stamp
"$python" -m venv --clear .venv
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
.venv/bin/python -m pip install -qq --require-hashes --requirement requirements/dev.txt
.venv/bin/python -m pip install -qq --no-deps --no-build-isolation --editable .
echo "$made_from" > $stamp
