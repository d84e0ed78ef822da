"""The benchmarks run at all; what they find is not judged here."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.binaries import peer
from tests.peers.process import environment

ROOT = Path(__file__).parents[2]


@pytest.mark.peers
@pytest.mark.acceptance
def test_a_quick_run_prints_its_tables() -> None:
    peer("prometheus-alertmanager")
    peer("wrk")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--only", "hundreds", "--only", "start"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    # 1: ran, and a target was missed, as may be while other tests have warmed the machine.
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    assert "ratio to Alertmanager" in done.stdout
    assert "accepted and decided" in done.stdout
    assert "start to ready" in done.stdout
    assert done.stderr == ""
