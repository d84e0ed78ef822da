"""`responder serve` while it starts: it is ready before everything is imported, and can be told to stop."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.peers.calls import get, wait_until
from tests.peers.responder import ResponderProcess

ROUTING: Final = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def test_a_stop_right_after_it_is_ready_is_clean(tmp_path: Path) -> None:
    process = ResponderProcess(tmp_path, ROUTING)
    process.start()
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    said = process.log.read_text()
    assert said.count('"event":"stopped"') == 1
    assert "Traceback" not in said


def test_what_is_asked_for_too_early_waits_until_it_can_be_answered(tmp_path: Path) -> None:
    process = ResponderProcess(tmp_path, ROUTING)
    process.start()
    process.signal(signal.SIGHUP)
    try:
        assert get(f"{process.url}/api/v2/status").status == 200
        wait_until(lambda: '"event":"reloaded"' in process.log.read_text(), what="the rules")
    finally:
        process.stop()


def test_without_a_part_of_it_nothing_of_it_goes_on(tmp_path: Path) -> None:
    process = ResponderProcess(tmp_path, ROUTING)
    without = "import sys; sys.modules['aiohttp'] = None; from responder.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", without, "serve", "--config", process.config_path],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert '"event":"stopped"' in done.stderr
    assert "import of aiohttp halted" in done.stderr.splitlines()[-1]
