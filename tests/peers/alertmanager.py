"""Debian's Alertmanager as a real process, and its amtool.

Fixtures and benchmarks start it with the configuration that they mean. It is never part of a cluster.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.peers.calls import Reply, answers_ok, post
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess


class Alertmanager(ChildProcess):
    """One Alertmanager with its storage below `directory`; not started yet."""

    def __init__(self, program: str, directory: Path, config: Mapping[str, Any]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config_path = directory / "alertmanager.yml"
        self.configure(config)
        argv = [
            program,
            f"--config.file={self.config_path}",
            f"--storage.path={directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            # Empty: no cluster. Otherwise it listens to everyone, and waits for its gossip to settle.
            "--cluster.listen-address=",
        ]
        super().__init__("alertmanager", argv, directory, lambda: answers_ok(f"{self.url}/-/ready"))

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write its file; a running one reads it on `reload`."""
        self.config_path.write_text(yaml.safe_dump(dict(config), sort_keys=False))

    def reload(self) -> Reply:
        """Read the file again."""
        return post(f"{self.url}/-/reload", b"")

    def post_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> Reply:
        """POST /api/v2/alerts."""
        return post(f"{self.url}/api/v2/alerts", list(alerts))
