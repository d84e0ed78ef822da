"""A full disk: refused with 503, nothing lost, and well again without a restart once there is room."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.faults import QUICK, ledger, routing, wait_settled
from tests.peers.calls import get, wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert
from tests.peers.responder import PROGRAM, ResponderProcess
from tests.peers.sink import Sink

pytestmark = pytest.mark.chaos

UNSHARE: Final = ["unshare", "--mount", "--propagation", "private"]
MOUNT: Final = 'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"'


def own_mounts() -> list[str]:
    """The command for a mount namespace of its own; skips where the system does not allow one."""
    command = UNSHARE if os.geteuid() == 0 else [*UNSHARE, "--map-root-user"]
    probe = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        reason = f"no mount namespace for a small disk: {probe.stderr.strip()}"
        if os.environ.get("REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return command


class SmallDisk:
    """A Responder whose storage is on a disk of 24 MiB that it has for itself."""

    def __init__(self, responder: ResponderProcess) -> None:
        self.responder = responder
        place = responder.directory / "disk"
        place.mkdir()
        responder.configure({"storage": f"sqlite:///{place}/responder.db", "delivery": QUICK})
        responder.argv = [*own_mounts(), "sh", "-c", MOUNT, str(place), *responder.argv]
        responder.start()
        # Its mounts are not ours: we see them through the process.
        self._inside = Path(f"/proc/{responder.pid}/root{place}")
        assert (self._inside / "responder.db").exists()

    def check_books(self) -> None:
        """As `faults.check_books`, where its mounts are."""
        for command in (("ledger",), ("audit", "verify")):
            argv = ["nsenter", "--mount", f"--target={self.responder.pid}", str(PROGRAM), *command]
            done = subprocess.run(
                [*argv, "--config", str(self.responder.config_path)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr

    def fill(self) -> None:
        """Leave no byte."""
        with (self._inside / "filler").open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass

    def clear(self) -> None:
        """Make room."""
        (self._inside / "filler").unlink()


def test_a_full_disk(start_responder: StartResponder, sink: Sink) -> None:
    responder = start_responder(routing(sink), start=False)
    disk = SmallDisk(responder)
    answered: list[str] = []

    def send() -> int:
        """One alert that nobody sends again: what is answered 200 must be told."""
        name = f"Alert{len(answered):04}"
        status = responder.post_alerts([api_alert(name, {"text": "x" * 10_000})]).status
        if status == 200:
            answered.append(name)
        return status

    assert send() == 200
    wait_settled(responder, 1)
    disk.fill()
    wait_until(lambda: send() == 503, what="there is no room")
    refused = responder.post_alerts([api_alert("Refused")])
    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    assert get(f"{responder.url}/-/healthy").status == 200
    assert responder.alive

    disk.clear()
    wait_until(lambda: send() == 200, what="it takes alerts again")
    wait_until(lambda: get(f"{responder.url}/-/ready").status == 200, what="it is ready again")
    wait_until(
        lambda: ledger(responder)["closed"]["delivered"] == len(answered), what="what was accepted is told"
    )
    assert sorted(name for request in sink.taken for name in request.alertnames("firing")) == answered
    assert responder.cli_json("explain", "alertname=Refused")["alert"] is None
    disk.check_books()
