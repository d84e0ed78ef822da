"""Where the real peers' programs are, and what happens where one is missing.

Fixtures call `peer`, benchmarks `found`. Nothing here installs anything: .ci/peers.sh does.
"""

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

DEBIAN_PACKAGE: Final = {
    "amtool": "prometheus-alertmanager",
    "busybox": "busybox",
    "chromium": "chromium",
    "createdb": "postgresql-15",
    "dropdb": "postgresql-15",
    "initdb": "postgresql-15",
    "pg_dump": "postgresql-15",
    "pg_dumpall": "postgresql-15",
    "pg_isready": "postgresql-15",
    "pg_restore": "postgresql-15",
    "postgres": "postgresql-15",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-pushgateway": "prometheus-pushgateway",
    "promtool": "prometheus",
    "psql": "postgresql-15",
    "rclone": "rclone",
    "redis-check-rdb": "redis-server",
    "redis-cli": "redis-server",
    "redis-server": "redis-server",
    "shellcheck": "shellcheck",
    "wrk": "wrk",
}
# PostgreSQL's are not on PATH; helm and kubectl are fetched by .ci/charttools.sh.
ELSEWHERE: Final = (Path("/usr/lib/postgresql/15/bin"), Path(__file__).parents[2] / ".venv-tools" / "bin")


def found(program: str) -> str | None:
    """The program's path, if it is installed; the locked helm and kubectl go before the machine's own."""
    return shutil.which(program, path=os.pathsep.join(map(str, ELSEWHERE))) or shutil.which(program)


def peer(program: str) -> str:
    """The program's path; without it the test skips, and with REQUIRE_PEERS=1 it fails."""
    path = found(program)
    if path is None:
        package = DEBIAN_PACKAGE.get(program)
        reason = f"{program} is missing: {f'apt-get install {package}' if package else '.ci/charttools.sh'}"
        if os.environ.get("REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
