"""The service itself as a real process, with its own directory for configuration, rules and storage.

Acceptance tests, chaos tests and benchmarks start, kill and question it. It uses nothing but what a user may
use: the command line, the configuration file and HTTP.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.peers.calls import Reply, answers_ok, get, post
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment

PROGRAM: Final = Path(sys.executable).with_name("responder")


class ResponderProcess(ChildProcess):
    """One `responder serve` below `directory`; not started yet.

    `routing` becomes rules/routing.yaml (text as it is, anything else as YAML). `config` is laid over a
    configuration that listens on a free port and keeps everything in `directory`; a value None removes a key.
    """

    def __init__(
        self,
        directory: Path,
        routing: Mapping[str, Any] | str,
        config: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        deadline: float = 20.0,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.rules = directory / "rules"
        self.rules.mkdir(exist_ok=True)
        self.database = directory / "responder.db"
        self.config_path = directory / "responder.yaml"
        self.write_routing(routing)
        self.configure(config or {})
        super().__init__(
            "responder",
            [PROGRAM, "serve", "--config", self.config_path],
            directory,
            lambda: answers_ok(f"{self.url}/-/ready"),
            env=env,
            deadline=deadline,
        )

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write responder.yaml; a running process does not notice."""
        whole = {
            "listen": f"127.0.0.1:{self.port}",
            "external_url": self.url,
            "storage": f"sqlite:///{self.database}",
            "rules": f"{self.rules}/",
            **config,
        }
        kept = {key: value for key, value in whole.items() if value is not None}
        self.config_path.write_text(yaml.safe_dump(kept, sort_keys=False))

    def write_routing(self, routing: Mapping[str, Any] | str) -> None:
        """Write rules/routing.yaml; a running process reads it on SIGHUP."""
        text = routing if isinstance(routing, str) else yaml.safe_dump(dict(routing), sort_keys=False)
        (self.rules / "routing.yaml").write_text(text)

    def restart(self) -> float:
        """Start it again on what it left, stopping it first if it runs: seconds until it was ready."""
        if self.alive:
            self.stop()
        return self.start()

    def post_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> Reply:
        """POST /api/v2/alerts."""
        return post(f"{self.url}/api/v2/alerts", list(alerts))

    def post_webhook(self, payload: Mapping[str, Any] | bytes) -> Reply:
        """POST /webhooks/alertmanager."""
        return post(f"{self.url}/webhooks/alertmanager", payload)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels; 0 where there is none."""
        families = text_string_to_metric_families(get(f"{self.url}/metrics").text())
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def cli(
        self, *arguments: str | Path, check: bool = True, timeout: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `responder ARGUMENTS...` as a client of this process; `check`: any exit but 0 is a failure."""
        done = subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.directory,
            env=environment({"RESPONDER_URL": self.url}),
            check=False,
        )
        if check and done.returncode != 0:
            words = " ".join(map(str, arguments))
            raise AssertionError(f"responder {words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def cli_json(self, *arguments: str | Path) -> Any:
        """Run it with `--output json`: the document."""
        return json.loads(self.cli(*arguments, "--output", "json").stdout)
