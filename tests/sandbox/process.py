"""`responder sandbox` as a real process, for the tests that look at it from outside."""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from tests.peers.calls import call, get, post
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
        config["overrides"]["timers"] = {
            "group_wait": "200ms",
            "group_interval": "500ms",
            "repeat_interval": "5m",
        }
        config["overrides"]["runbooks"] |= {"settle": "100ms", "every": "100ms"}
        config["guards"]["verify"] |= {"settle": "100ms", "every": "100ms"}
        (directory / "config").mkdir()
        (directory / "config" / "sandbox.yaml").write_text(yaml.safe_dump(config))
        copytree(ROOT / "rules", directory / "rules")
        self._pasted = 0
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
        until = time.monotonic() + 40
        while not holds():
            assert time.monotonic() < until, self.text
            time.sleep(0.02)

    def received(self) -> list[Any]:
        """What arrived at the stand-ins."""
        found: list[Any] = get(f"{self.site}/received").json()
        return found

    def post(self, *alerts: Any) -> None:
        """Alerts of a newcomer's own."""
        assert self.tell("/api/v2/alerts", list(alerts)) == 200

    def paste(self, words: str) -> subprocess.CompletedProcess[str]:
        """Wait for a further line to paste that has these words, and paste it."""
        self.wait_for(lambda: len(self._lines(words)) > self._pasted)
        self._pasted += 1
        return subprocess.run(
            ["/bin/sh", "-c", self._lines(words)[-1]],
            cwd=self.directory,
            env=environment({"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _lines(self, words: str) -> list[str]:
        return [
            line.removeprefix("  $ ")
            for line in self.text.splitlines()
            if line.startswith("  $ ") and words in line
        ]

    @property
    def cluster(self) -> str:
        """Where its cluster is."""
        kubeconfig = yaml.safe_load((self.directory / "var" / "sandbox" / "kubeconfig").read_text())
        return str(kubeconfig["clusters"][0]["cluster"]["server"])

    def writes(self) -> list[tuple[str, str, int]]:
        """What the cluster was asked to change: the verb, the Deployment, and the answer's status."""
        asked = get(f"{self.cluster}/_standin/calls?writes=1").json()
        return [(one["verb"], one["name"], one["status"]) for one in asked]

    def serves(self) -> bool:
        """Whether every pod that its cluster should have is there and ready."""
        found = get(f"{self.cluster}/_standin/objects/deployments").json()
        return all(one["status"].get("availableReplicas") == one["spec"]["replicas"] for one in found)

    def steer(self, command: str, **fields: Any) -> None:
        """Let something happen in its cluster."""
        assert post(f"{self.cluster}/_standin/{command}", fields).status == 200

    def ask(self, path: str) -> Any:
        """A document of the service, as the newcomer."""
        return call("GET", f"http://127.0.0.1:{self.port}{path}", headers=self._newcomer()).json()

    def tell(self, path: str, body: Any) -> int:
        """A command to the service, as the newcomer; the answer's status."""
        return post(f"http://127.0.0.1:{self.port}{path}", body, headers=self._newcomer()).status

    def _newcomer(self) -> dict[str, str]:
        token = (self.directory / "var" / "sandbox" / "token").read_text().strip()
        return {"Authorization": f"Bearer {token}"}

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
