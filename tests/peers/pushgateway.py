"""Debian's Pushgateway as a real process.

Fixtures start it; jobs push to it, and tests read what Prometheus would.
"""

from pathlib import Path

from tests.peers.binaries import peer
from tests.peers.calls import answers_ok, call, get
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess


class Pushgateway(ChildProcess):
    """A Pushgateway; not started yet."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        argv = [
            peer("prometheus-pushgateway"),
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-admin-api",
        ]
        super().__init__("pushgateway", argv, directory, lambda: answers_ok(f"{self.url}/-/ready"))

    def clear(self) -> None:
        """Forget everything."""
        assert call("PUT", f"{self.url}/api/v1/admin/wipe").status == 202

    def pushed(self) -> dict[str, float]:
        """Each series `backup_...{...}` with its value."""
        lines = get(f"{self.url}/metrics").text().splitlines()
        found = (line.rpartition(" ") for line in lines if line.startswith("backup_"))
        return {series: float(value) for series, _, value in found}
