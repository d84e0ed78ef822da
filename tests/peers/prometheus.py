"""Debian's Prometheus as a real process, and the numbers that it scrapes.

Fixtures start one for a session: its service discovery takes 5 s, whatever one does.
"""

import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.peers.calls import Reply, answers_ok, get, post, wait_until
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess


class Exposition:
    """A server with a /metrics page whose values a test sets: what Prometheus scrapes."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        values = self._values

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = "".join(f"{name} {value:g}\n" for name, value in values.items()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the library's name
                pass

        self.port = free_port()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Page)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def set(self, name: str, value: float) -> None:
        """Let the next scrape see this value."""
        self._values[name] = value

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Prometheus(ChildProcess):
    """One Prometheus that scrapes `exposition` every second; not started yet.

    `rules` is a list of alerting rules, which `set_rules` changes; `alertmanagers` (host:port) are told.
    """

    def __init__(
        self,
        program: str,
        directory: Path,
        exposition: Exposition,
        rules: Sequence[Mapping[str, Any]],
        alertmanagers: Sequence[str],
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.rules_path = directory / "rules.yml"
        self._write_rules(rules)
        config_path = directory / "prometheus.yml"
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self.rules_path)],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
            "scrape_configs": [
                {"job_name": "app", "static_configs": [{"targets": [f"127.0.0.1:{exposition.port}"]}]}
            ],
        }
        config_path.write_text(yaml.safe_dump(config, sort_keys=False))
        argv = [
            program,
            f"--config.file={config_path}",
            f"--storage.tsdb.path={directory / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--web.external-url={self.url}",
            "--web.enable-lifecycle",
            # By default what fires before Alertmanager is discovered is sent again only after a minute.
            "--rules.alert.resend-delay=1s",
        ]
        super().__init__("prometheus", argv, directory, lambda: answers_ok(f"{self.url}/-/ready"))

    def _write_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        groups = [{"name": "test", "interval": "1s", "rules": [dict(rule) for rule in rules]}]
        self.rules_path.write_text(yaml.safe_dump({"groups": groups}, sort_keys=False))

    def set_rules(self, rules: Sequence[Mapping[str, Any]]) -> Reply:
        """Other alerting rules, at once."""
        self._write_rules(rules)
        return post(f"{self.url}/-/reload", b"")

    def query(self, expression: str) -> list[float]:
        """The values of an instant query."""
        found = get(f"{self.url}/api/v1/query?query={expression}").json()
        return [float(sample["value"][1]) for sample in found["data"]["result"]]

    def wait_discovered(self) -> None:
        """Wait until it scrapes and knows whom to tell: 5 to 6 s after the start."""

        def discovered() -> bool:
            known = get(f"{self.url}/api/v1/alertmanagers").json()["data"]["activeAlertmanagers"]
            return bool(known) and self.query("up") == [1.0]

        wait_until(discovered, 20.0, "Prometheus scrapes and knows an Alertmanager")
