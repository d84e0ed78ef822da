"""What the panels of config/dashboards show: of a real Prometheus with samples, and of a live Responder."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.monitoring.samples import END, START, openmetrics
from tests.monitoring.shipped import exporters, filled, laps, queries
from tests.peers.binaries import peer
from tests.peers.calls import answers_ok, get
from tests.peers.fixtures import StartResponder
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess


class Loaded(ChildProcess):
    """A Prometheus over data that is there already: it scrapes nothing and evaluates no rule by itself."""

    def __init__(self, program: str, directory: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        config = directory / "prometheus.yml"
        config.write_text("{}")
        argv = [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        super().__init__("prometheus", argv, directory, lambda: answers_ok(f"{self.url}/-/ready"))

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query at the end of the data."""
        found = get(f"{self.url}/api/v1/query?time={END}&query={quote(expression)}").json()
        samples: list[dict[str, Any]] = found["data"]["result"]
        return samples


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [peer("promtool"), "tsdb", "create-blocks-from", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """The samples, and what the recording rules make of them."""
    directory = tmp_path_factory.mktemp("loaded")
    text = directory / "samples.txt"
    text.write_text(openmetrics())
    promtool("openmetrics", text, directory / "data")
    process = Loaded(peer("prometheus"), directory)
    rules = directory / "rules.yml"
    for number, lap in enumerate(laps()):
        process.start()
        rules.write_text(json.dumps({"groups": [{"name": "lap", "rules": lap}]}))
        made = directory / f"made-{number}"
        times = (f"--start={START}", f"--end={END}", "--eval-interval=60s")
        promtool("rules", f"--url={process.url}", f"--output-dir={made}", *times, rules)
        # New blocks are found at the start.
        process.stop()
        for block in made.iterdir():
            shutil.move(block, directory / "data")
    process.start()
    yield process
    process.kill9()


def named(legend: str, labels: Mapping[str, str]) -> str:
    """A line's name, as Grafana puts it together."""
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)


PROMISED: Final = {
    ("backups", "Age"): {"cluster-hourly", "postgresql-backup"},
    ("backups", "Duration"): {"cluster-hourly", "postgresql-backup"},
    ("backups", "Failures within a day"): {"cluster-hourly failed", "cluster-hourly failed in part"},
    ("backups", "Last backup"): {"cluster-hourly", "postgresql-backup"},
    ("backups", "Size"): {"cluster-hourly", "postgresql-backup"},
    ("backups", "Status"): {"cluster-hourly", "postgresql-backup"},
    ("istio-mesh", "Circuit breakers"): {"shop/checkout"},
    ("istio-mesh", "Latency"): {"P50 shop/checkout", "P95 shop/checkout"},
    ("istio-mesh", "Pods put aside"): {"outbound|8080||checkout.shop.svc.cluster.local"},
    ("istio-mesh", "Requests by service"): {"shop/checkout"},
    ("istio-mesh", "Requests by status"): {"200", "503"},
    ("istio-mesh", "Success"): {"shop/checkout"},
    ("istio-mesh", "What the mesh adds"): {"shop/checkout"},
    ("platform", "Availability within 30 days"): {"shop/checkout"},
    ("platform", "Cache hits"): {"production"},
    ("platform", "CPU"): {"shop/checkout app"},
    ("platform", "Errors"): {"shop/checkout"},
    ("platform", "Memory"): {"shop/checkout app"},
    ("platform", "Nodes"): {"memory 10.0.0.1:9100 node-1", "disk 10.0.0.1:9100 node-1"},
    ("platform", "Pods"): {"shop/checkout", "shop/checkout wanted"},
    ("platform", "Requests by status"): {"200", "503"},
    ("platform", "Response time"): {"P50 shop/checkout", "P95 shop/checkout"},
    ("platform", "Restarts within an hour"): {"shop/checkout"},
    ("responder", "Alerts"): {"active", "resolved", "stale"},
    ("responder", "Backlog"): {"backlog"},
    ("responder", "Commit"): {"P95"},
    ("responder", "Database"): {"database"},
    ("responder", "Deliveries"): {"slack delivered", "email timeout"},
    ("responder", "Destinations down"): {"destinations"},
    ("responder", "Lag"): {"lag"},
    ("responder", "Ledger"): {"difference"},
    ("responder", "Not told"): {"silence", "inhibition"},
    ("responder", "Requests"): {"webhook 200"},
    ("responder", "Runbooks out of force"): {"broken"},
    ("responder", "Runs"): {"succeeded", "denied", "expired"},
    ("responder", "Told"): {"first_notification", "all_resolved"},
    ("responder", "Verdicts"): {"cooldown", "expired"},
    ("responder", "Waiting"): {"notifications"},
}


@pytest.mark.peers
def test_every_panel_shows_the_series_that_it_promises(prometheus: Loaded) -> None:
    shown: dict[tuple[str, str], list[str]] = {}
    for query in queries():
        legends = shown.setdefault((query.dashboard, query.panel), [])
        for sample in prometheus.query(filled(query.expression)):
            legends.append(named(query.legend, sample["metric"]))
            assert sample["value"][1] not in ("NaN", "+Inf"), query
    assert {panel: set(legends) for panel, legends in shown.items()} == PROMISED
    # No two lines of a panel have the same name.
    assert {panel for panel, legends in shown.items() if len(set(legends)) != len(legends)} == set()


@pytest.mark.peers
def test_panels_show_the_values_that_the_platform_has(prometheus: Loaded) -> None:
    values = {
        (query.dashboard, query.panel, sample["metric"].get("backup", query.legend)): round(
            float(sample["value"][1]), 3
        )
        for query in queries()
        for sample in prometheus.query(filled(query.expression))
        if query.panel
        in {
            *(
                "Errors",
                "Response time",
                "Success",
                "CPU",
                "Nodes",
                "Age",
                "Status",
                "Restarts within an hour",
            ),
            *("Availability within 30 days", "Cache hits", "What the mesh adds"),
        }
    }
    line = "{{namespace}}/{{deployment}}"
    assert values == {
        ("platform", "Errors", line): 0.053,
        ("platform", "Availability within 30 days", line): 0.947,
        ("platform", "Cache hits", "{{namespace}}"): 0.925,
        (
            "istio-mesh",
            "What the mesh adds",
            "{{destination_service_namespace}}/{{destination_service_name}}",
        ): 10.0,
        ("platform", "Response time", f"P50 {line}"): 0.1,
        ("platform", "Response time", f"P95 {line}"): 1.375,
        ("platform", "CPU", f"{line} {{{{container}}}}"): 0.5,
        ("platform", "Restarts within an hour", line): 6.0,
        ("platform", "Nodes", "memory {{instance}} {{node}}"): 0.7,
        ("platform", "Nodes", "disk {{instance}} {{node}}"): 0.6,
        ("istio-mesh", "Success", "{{namespace}}/{{service}}"): 0.95,
        ("backups", "Status", "cluster-hourly"): 0.0,
        ("backups", "Status", "postgresql-backup"): 1.0,
        ("backups", "Age", "cluster-hourly"): 0.967,
        ("backups", "Age", "postgresql-backup"): 0.393,
    }


@pytest.mark.acceptance
def test_responder_exposes_what_is_read_of_it(start_responder: StartResponder) -> None:
    process = start_responder({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]})
    exposed = set()
    for family in text_string_to_metric_families(get(f"{process.url}/metrics").text()):
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        exposed |= {family.name + suffix for suffix in suffixes}
    assert [name for name in exporters()["Responder"] if name not in exposed] == []
