"""Prometheus and Alertmanager as these fixtures start them: what every test with them takes for granted."""

import pytest

from tests.peers.alertmanager import Alertmanager
from tests.peers.fixtures import StartAlertmanager, StartPrometheus
from tests.peers.payloads import api_alert
from tests.peers.prometheus import Exposition
from tests.peers.sink import Answer, Received, Sink

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def alertmanager(start_alertmanager: StartAlertmanager, session_sink: Sink) -> Alertmanager:
    return start_alertmanager(
        {
            "route": {
                "receiver": "sink",
                "group_by": ["..."],
                "group_wait": "0s",
                "group_interval": "1s",
            },
            "receivers": [
                {"name": "sink", "webhook_configs": [{"url": session_sink.url, "send_resolved": True}]}
            ],
        }
    )


@pytest.fixture(autouse=True)
def forgotten(session_sink: Sink) -> None:
    session_sink.clear()


def told(received: list[Received]) -> list[tuple[str, list[str]]]:
    return [
        (status, names)
        for request in received
        if request.taken
        for status in ("firing", "resolved")
        if (names := request.alertnames(status))
    ]


def test_an_alert_reaches_the_sink(alertmanager: Alertmanager, session_sink: Sink) -> None:
    assert alertmanager.post_alerts([api_alert("Posted")]).status == 200
    (request,) = session_sink.wait_count(1)
    assert told([request]) == [("firing", ["Posted"])]
    assert request.payload["version"] == "4"


def test_it_tries_again_where_the_sink_fails(alertmanager: Alertmanager, session_sink: Sink) -> None:
    session_sink.answer_next(Answer(500))
    assert alertmanager.post_alerts([api_alert("Retried")]).status == 200
    session_sink.wait_count(1)
    assert [request.answer.status for request in session_sink.received] == [500, 200]


def test_a_rule_fires_and_stops(
    alertmanager: Alertmanager,
    start_prometheus: StartPrometheus,
    exposition: Exposition,
    session_sink: Sink,
) -> None:
    exposition.set("boom", 0)
    rules = [{"alert": "Boom", "expr": "boom == 1", "labels": {"severity": "page"}}]
    start_prometheus(exposition, rules, [f"127.0.0.1:{alertmanager.port}"])
    exposition.set("boom", 1)
    session_sink.wait_count(1)
    exposition.set("boom", 0)
    session_sink.wait_count(2)
    assert told(session_sink.received) == [("firing", ["Boom"]), ("resolved", ["Boom"])]
