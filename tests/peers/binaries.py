"""Where the real peers' programs are, and what happens where one is missing.

Fixtures call `peer`, benchmarks `found`. Nothing here installs anything: .ci/peers.sh does.
"""

import os
import shutil
from typing import Final

import pytest

DEBIAN_PACKAGE: Final = {
    "amtool": "prometheus-alertmanager",
    "chromium": "chromium",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "wrk": "wrk",
}


def found(program: str) -> str | None:
    """The program's path, if it is installed."""
    return shutil.which(program)


def peer(program: str) -> str:
    """The program's path; without it the test skips, and with REQUIRE_PEERS=1 it fails."""
    path = found(program)
    if path is None:
        reason = f"{program} is missing: apt-get install {DEBIAN_PACKAGE[program]}"
        if os.environ.get("REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
