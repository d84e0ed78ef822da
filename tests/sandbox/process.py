"""`responder sandbox` as a real process, for the tests that look at it from outside."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from tests.peers.calls import get, post
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment
from tests.peers.responder import PROGRAM

ROOT = Path(__file__).parents[2]


class Sandbox(ChildProcess):
    """`responder sandbox` in a directory and on ports of its own, faster, and otherwise as shipped."""

    def __init__(self, directory: Path, *arguments: str, program: Sequence[str | Path] = (PROGRAM,)) -> None:
        self.port, self.site_port, self.smtp_port = free_port(), free_port(), free_port()
        text = (ROOT / "config" / "sandbox.yaml").read_text()
        for shipped, port in ((9095, self.port), (9096, self.site_port), (9025, self.smtp_port)):
            text = text.replace(f":{shipped}", f":{port}")
        config: Any = yaml.safe_load(text)
        config["overrides"]["timers"] = {"group_wait": "200ms", "group_interval": "500ms"}
        (directory / "config").mkdir()
        (directory / "config" / "sandbox.yaml").write_text(yaml.safe_dump(config))
        copytree(ROOT / "rules", directory / "rules")
        super().__init__(
            "sandbox",
            [*program, "sandbox", *arguments],
            directory,
            lambda: "Ctrl-C stops." in self.text,
            deadline=60,
        )

    @property
    def text(self) -> str:
        """What it printed so far."""
        return self.log.read_text() if self.log.exists() else ""

    @property
    def site(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.site_port}"

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds` says yes."""
        until = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < until, self.text
            time.sleep(0.02)

    def received(self) -> list[Any]:
        """What arrived at the stand-ins."""
        found: list[Any] = get(f"{self.site}/received").json()
        return found

    def post(self, *alerts: Any) -> None:
        """Alerts of a newcomer's own."""
        token = (self.directory / "var" / "sandbox" / "token").read_text().strip()
        url = f"http://127.0.0.1:{self.port}/api/v2/alerts"
        assert post(url, list(alerts), headers={"Authorization": f"Bearer {token}"}).status == 200

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`responder ARGUMENTS...` in its directory."""
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
