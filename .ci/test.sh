#!/bin/sh
# Every check there is, each even if one before it failed; what failed is named at the end.
# `make test` calls it after `make setup`. CHECKS names some of: peers lint types contracts tests.
set -u
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=

check() {
    name=$1
    shift
    case " ${CHECKS:-$name} " in *" $name "*) ;; *) return 0 ;; esac
    echo "== $name"
    "$@" || failed="$failed $name"
}

lint() {
    result=0
    $bin/ruff check --no-fix --output-format=concise . || result=1
    $bin/ruff format --check --output-format=concise . || result=1
    return $result
}

contracts() {
    # Its banner is left out.
    output=$($bin/lint-imports 2>&1)
    result=$?
    printf '%s\n' "$output" | sed -n '/^Analyzed\|^[A-Z][a-z]/,$p'
    return $result
}

check peers .ci/peers.sh
check lint lint
check types $bin/mypy
check contracts contracts
# Files go whole to one of as many workers as there are processors: what a file shares it shares still.
check tests $bin/pytest --numprocesses=auto --dist=loadfile

if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
