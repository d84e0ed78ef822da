#!/bin/sh
# Makes .venv with the locked dependencies and this package in it, or does nothing if it is as it should be.
# `make setup` calls it for everything, `make run` with `run`: what the tests alone need is left out then, half of the
# time. PYTHON names another interpreter than the first fitting one on PATH.
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

# Else each start compiles half of the house anew wherever Python is told to leave no bytecode behind.
compiled() { .venv/bin/python -m compileall -q responder || true; }

# What .venv was made from, and for what: if none of it changed, it is as it should be. What is there for everything
# is there for `run`.
what=${1:-everything}
stamp=.venv/.made-from
made_from=$({ pwd && "$python" -VV && cat requirements/*.txt pyproject.toml .ci/setup.sh; } | sha256sum)
if [ -x .venv/bin/responder ]; then
    case $(cat $stamp 2>/dev/null) in
        "everything $made_from" | "$what $made_from") compiled && exit 0 ;;
    esac
fi
case $what in
    run) requirements=requirements/sandbox.txt ;;
    *) requirements=requirements/dev.txt ;;
esac

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
pip() { .venv/bin/python -m pip "$@"; }

# uv needs a third of pip's time, most of which is spent on comparing each file of an index with each tag of the platform.
# It reads none of pip's settings: a mirror that those name is handed on; where they ask for more, or uv gets no further,
# pip does the work.
uv_works=yes
pip install -qq --no-deps --require-hashes --only-binary :all: --requirement requirements/installer.txt || uv_works=no
settings=$(pip config list)
case $settings in
    *.no-index=* | *.proxy=*) uv_works=no ;;
esac
if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    for section in :env: install global; do
        mirror=$(echo "$settings" | sed -n "s/^$section\.index-url='\(.*\)'\$/\1/p")
        if [ -n "$mirror" ]; then export UV_DEFAULT_INDEX="$mirror" && break; fi
    done
fi
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-15}" UV_HTTP_RETRIES="${UV_HTTP_RETRIES:-1}"
if [ $uv_works = no ]; then echo "setup: pip installs, without uv, which takes longer"; fi
install() {
    if [ $uv_works = yes ]; then
        if .venv/bin/uv pip install --quiet --system-certs --python .venv/bin/python --compile-bytecode "$@"; then return; fi
        uv_works=no
        echo "setup: uv could not install (above); pip tries, which takes longer"
    fi
    pip install -qq "$@"
}

# The lock is complete: nothing else is looked for.
install --no-deps --require-hashes --requirement "$requirements"
install --no-deps --no-build-isolation --editable .
compiled
echo "$what $made_from" > $stamp
