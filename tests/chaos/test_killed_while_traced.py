"""kill -9 between a traced webhook and its telling: the trace goes on in the next process."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from responder.core.model import format_time
from tests.chaos.faults import QUICK, forbid, opened, permit, wait_settled
from tests.peers.calls import post, wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import webhook_alert, webhook_payload
from tests.peers.responder import ResponderProcess
from tests.peers.standins import StandInThread, receiver
from tests.tracing.collector import CollectorThread

pytestmark = pytest.mark.chaos

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER: Final = "1" * 32
CALLER: Final = "00f067aa0ba902b7"


@pytest.fixture
def people(tmp_path: Path) -> Iterator[StandInThread]:
    with StandInThread(tmp_path / "secrets") as started:
        yield started


@pytest.fixture
def collector() -> Iterator[CollectorThread]:
    with CollectorThread() as started:
        yield started


def kept(responder: ResponderProcess) -> list[str]:
    """What the database holds of traces."""
    with opened(responder.database) as connection:
        return [about for (about,) in connection.execute("SELECT about FROM traces ORDER BY about")]


def send(responder: ResponderProcess, name: str, trace: str) -> None:
    # What has fired for longer than group_wait would not wait for it.
    payload = webhook_payload([webhook_alert(name, starts_at=format_time(time.time_ns()))])
    headers = {"traceparent": f"00-{trace}-{CALLER}-01"}
    assert post(f"{responder.url}/webhooks/alertmanager", payload, headers).status == 200


def test_one_webhook_is_one_trace_however_often_the_process_is_killed(
    start_responder: StartResponder, people: StandInThread, collector: CollectorThread
) -> None:
    route = {"receiver": "team", "group_by": ["alertname"], "group_wait": "2s", "group_interval": "1s"}
    routing = {"route": route, "receivers": [receiver(pager=False, mail=False)]}
    tracing = {"endpoint": collector.there.url, "every": "10ms", "ratio": 0}
    config = {**people.config, "delivery": {**QUICK, "timeout": "30s"}, "tracing": tracing}
    responder = start_responder(routing, config)

    send(responder, "Down", TRACE)
    collector.wait("decide")
    responder.kill9()  # before it is told
    assert kept(responder) == ["told"]

    people.slack.fault("chat.postMessage", "hang")
    responder.start()
    people.wait(lambda: len(people.slack.calls) == 1, "Slack is told")
    forbid(responder.database, "INSERT ON journal")
    send(responder, "Other", OTHER)
    collector.wait("POST /webhooks/alertmanager", 2)
    responder.kill9()  # while one is told, and before the other is decided
    assert kept(responder) == ["input", "row", "told"]
    permit(responder.database)
    people.look(people.there.release)

    responder.start()
    wait_settled(responder, 2)
    collector.wait("chat.postMessage", 2)
    wait_until(lambda: kept(responder) == [], what="nothing is left to be told")
    for trace, attempt in ((TRACE, 2), (OTHER, 1)):
        line = collector.there.trace(trace)
        [entrance, decided, flush, told, call] = [
            next(one for one in line if one.name == name)
            for name in ("POST /webhooks/alertmanager", "decide", "flush", "deliver", "chat.postMessage")
        ]
        parents = [one.parent for one in (entrance, decided, flush, told, call)]
        assert parents == [CALLER, entrance.span, decided.span, flush.span, told.span]
        assert told.attributes["responder.attempt"] == attempt
    assert {one.trace for one in collector.there.spans} == {TRACE, OTHER}
    sent = people.look(lambda: [one["traceparent"] for one in people.there.headers["slack"]])
    assert {one.split("-")[1] for one in sent} == {TRACE, OTHER}
    assert len(people.messages()) == 2
