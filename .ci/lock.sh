#!/bin/sh
# Writes requirements/*.txt from pyproject.toml: exact versions with hashes, and no registry's address.
# `make lock` calls it; UPGRADE=1 takes the newest versions that fit, otherwise those that are locked stay.
set -eu
cd "$(dirname "$0")/.."

if [ ! -x .venv/bin/uv ]; then
    echo "lock: uv is needed in .venv, and \`make setup\` could not install it on this platform" >&2
    exit 1
fi

lock() {
    file=$1
    shift
    .venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links ${UPGRADE:+--upgrade} "$@" --output-file "requirements/$file"
}

# The image traces where it is told to; so do the tests.
lock runtime.txt --extra tracing pyproject.toml
lock sandbox.txt --extra tracing --extra sandbox --group build --constraints requirements/runtime.txt pyproject.toml
lock dev.txt --extra tracing --group dev --constraints requirements/runtime.txt pyproject.toml
lock build.txt --group build --constraints requirements/dev.txt
lock installer.txt --group installer
lock tools.txt --no-deps --group tools
