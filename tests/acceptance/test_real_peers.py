"""Prometheus and Alertmanager as they are, and a whole Responder behind them.

One Prometheus tells both an Alertmanager, which calls our webhook as config/alertmanager-snippet.yml says,
and a second Responder directly, as it would tell an Alertmanager.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.peers.alertmanager import Alertmanager
from tests.peers.calls import get, wait_until
from tests.peers.fixtures import StartAlertmanager, StartPrometheus
from tests.peers.prometheus import Exposition
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Sink

pytestmark = [pytest.mark.acceptance, pytest.mark.peers]

SNIPPET: Final = Path(__file__).parents[2] / "config" / "alertmanager-snippet.yml"
RULE: Final = {
    "alert": "PodsCrash",
    "expr": "pods_crashing == 1",
    "labels": {"severity": "critical"},
    "annotations": {"summary": "pods of {{ $labels.job }} crash"},
}


@dataclass
class Place:
    """A Responder and the one whom it tells."""

    responder: ResponderProcess
    sink: Sink

    def told(self) -> list[tuple[str, str, list[str]]]:
        return [
            (request.payload["status"], status, names)
            for request in self.sink.received
            for status in ("firing", "resolved")
            if (names := request.alertnames(status))
        ]


def place(directory: Path) -> Iterator[Place]:
    with Sink() as sink:
        routing = {
            "route": {
                "receiver": "team",
                "group_by": ["alertname"],
                "group_wait": "0s",
                "group_interval": "1s",
            },
            "receivers": [{"name": "team", "webhook_configs": [{"url": sink.url, "send_resolved": True}]}],
        }
        responder = ResponderProcess(directory, routing)
        responder.start()
        yield Place(responder, sink)
        responder.kill9()


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Behind an Alertmanager."""
    yield from place(tmp_path_factory.mktemp("behind"))


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """In the place of an Alertmanager."""
    yield from place(tmp_path_factory.mktemp("beside"))


@pytest.fixture(scope="module")
def alertmanager(
    start_alertmanager: StartAlertmanager, behind: Place, tmp_path_factory: pytest.TempPathFactory
) -> Alertmanager:
    config: dict[str, Any] = yaml.safe_load(SNIPPET.read_text())
    key = tmp_path_factory.mktemp("keys") / "pagerduty.key"
    key.write_text("k" * 32)
    responder, pagerduty = config["receivers"]
    responder["webhook_configs"][0]["url"] = f"{behind.responder.url}/webhooks/alertmanager"
    pagerduty["pagerduty_configs"][0] |= {"routing_key_file": str(key), "url": behind.sink.url}
    config["route"]["group_interval"] = "1s"  # 10 s there: how soon an end is passed on
    return start_alertmanager(config)


@pytest.fixture(scope="module")
def story(
    start_prometheus: StartPrometheus,
    exposition: Exposition,
    alertmanager: Alertmanager,
    behind: Place,
    beside: Place,
) -> str:
    """A rule fires for a while and stops; the fingerprint that Alertmanager gives the alert."""
    exposition.set("pods_crashing", 0)
    told = [f"127.0.0.1:{port}" for port in (alertmanager.port, beside.responder.port)]
    start_prometheus(exposition, [RULE], told)
    exposition.set("pods_crashing", 1)
    for one in (behind, beside):
        one.sink.wait_count(1)
    # Prometheus says it again and again while it fires: that is no news.
    wait_until(
        lambda: beside.responder.metric("responder_alerts_received_total", entrance="api") >= 3,
        what="Prometheus said it three times",
    )
    (alert,) = get(f"{alertmanager.url}/api/v2/alerts").json()
    (ours,) = get(f"{beside.responder.url}/api/v2/alerts").json()
    for key in ("labels", "annotations", "startsAt", "generatorURL", "fingerprint"):
        assert ours[key] == alert[key]
    assert ours["status"]["state"] == alert["status"]["state"] == "active"
    exposition.set("pods_crashing", 0)
    for one in (behind, beside):
        one.sink.wait_count(2)
    fingerprint: str = alert["fingerprint"]
    return fingerprint


def check(told: Place, fingerprint: str) -> None:
    assert told.told() == [
        ("firing", "firing", ["PodsCrash"]),
        ("resolved", "resolved", ["PodsCrash"]),
    ]
    first, last = [request.payload["alerts"][0] for request in told.sink.received]
    assert first["fingerprint"] == last["fingerprint"] == fingerprint
    assert first["annotations"] == {"summary": "pods of app crash"}
    assert first["startsAt"] == last["startsAt"] < last["endsAt"]
    ledger = told.responder.cli_json("ledger")
    assert (ledger["owed"], ledger["closed"]["delivered"], ledger["balanced"]) == (2, 2, True)
    told.responder.cli("audit", "verify", "--config", told.responder.config_path)


def test_by_way_of_alertmanager(story: str, behind: Place) -> None:
    check(behind, story)
    assert behind.responder.metric("responder_alerts_received_total", entrance="webhook") == 2


def test_in_the_place_of_alertmanager(story: str, beside: Place) -> None:
    check(beside, story)
