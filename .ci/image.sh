#!/bin/sh
# The container image's steps, kept out of the Dockerfile so that a test can run them in a clean directory.
#   build DIR    a virtual environment in DIR: the locked run-time dependencies and this package's wheel, nothing else
#   verify DIR   such a one is complete, starts, and holds nothing that only building or testing needs
set -eu
usage() {
    echo "usage: $0 build|verify DIR (absolute)" >&2
    exit 2
}
[ $# -eq 2 ] || usage
dir=$2
case $dir in /*) ;; *) usage ;; esac
cd "$(dirname "$0")/.."
umask 022
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

build() {
    python=${PYTHON:-python3}
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # pip and the build backend stay in an environment that is thrown away.
    "$python" -m venv "$work/tools"
    pip="$work/tools/bin/python -m pip"
    $pip install -qq --require-hashes --requirement requirements/build.txt
    $pip wheel -qq --no-deps --no-build-isolation --wheel-dir "$work/wheels" .

    "$python" -m venv --without-pip "$dir"
    $pip --python "$dir/bin/python" install -qq --require-hashes --only-binary :all: --requirement requirements/runtime.txt
    $pip --python "$dir/bin/python" install -qq --no-deps --no-index "$work"/wheels/*.whl
}

verify() {
    "$dir/bin/responder" --help > /dev/null
    # What is installed is what is locked, and this package; exactly.
    "$dir/bin/python" - requirements/runtime.txt <<'PYTHON'
import re
import sys
from importlib.metadata import distributions
from pathlib import Path

locked = set(re.findall(r"^([a-z0-9-]+)==(\S+)", Path(sys.argv[1]).read_text(), re.MULTILINE))
there = {(re.sub(r"[-_.]+", "-", found.name).lower(), found.version) for found in distributions()}
strange = {pair for pair in there - locked if pair[0] != "responder"}
missing = locked - there
if strange or missing or not any(name == "responder" for name, _ in there):
    sys.exit(f"image: not as locked: too much {sorted(strange)}, missing {sorted(missing)}")
PYTHON
    # Another user than the one who built it runs it, and cannot write there.
    closed=$(find "$dir" ! -type l \( ! -perm -o=r -o -perm /go=w \) -print)
    [ -z "$closed" ] || { echo "image: unreadable, or writable by others: $closed" >&2 && exit 1; }
    # Compiled beforehand: a read-only file system keeps no cache.
    find "$dir"/lib/python*/site-packages/responder -name '*.py' | while read -r source; do
        set -- "$(dirname "$source")/__pycache__/$(basename "$source" .py)".*.pyc
        [ -e "$1" ] || { echo "image: not compiled: $source" >&2 && exit 1; }
    done
}

case $1 in
    build) build ;;
    verify) verify ;;
    *) usage ;;
esac
