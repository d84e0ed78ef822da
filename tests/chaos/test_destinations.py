"""Destinations that limit, hang or are gone: nothing is lost, and nobody else waits for them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos.faults import QUICK, check_books, key, ledger, routing, told, wait_settled
from tests.peers.calls import wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert
from tests.peers.sink import HANG, OK, Answer, Sink

pytestmark = pytest.mark.chaos

FIRST = "first_notification"


@pytest.fixture
def other() -> Iterator[Sink]:
    """A second destination."""
    with Sink() as started:
        yield started


def two(sink: Sink, other: Sink) -> dict[str, Any]:
    """Alerts of the team `other`, and Responder's own, to the other destination."""
    rules = routing(other)
    rules["receivers"].append(
        {"name": "hanging", "webhook_configs": [{"url": sink.url, "send_resolved": True}]}
    )
    rules["route"]["routes"].append({"receiver": "hanging", "matchers": ['team="hanging"']})
    return rules


def test_429_two_hundred_times(start_responder: StartResponder, sink: Sink) -> None:
    responder = start_responder(
        routing(sink), {"delivery": {"first_retry": "0.005s", "max_retry": "0.01s", "timeout": "5s"}}
    )
    asked = [Answer(429, {"Retry-After": "1"})] * 2
    sink.answer_next(*asked, *[Answer(429, {"Retry-After": "0"})] * 198)
    assert responder.post_alerts([api_alert("Limited")]).status == 200
    sums = wait_settled(responder, 1, timeout=30)
    assert sums["closed"]["delivered"] == 1
    assert [request.answer.status for request in sink.received] == [429] * 200 + [200]
    first, second, third, *_ = [request.at for request in sink.received]
    assert second - first >= 1
    assert third - second >= 1
    assert len({key(request) for request in sink.received}) == 1
    assert responder.metric("responder_delivery_attempts_total", outcome="rate_limited") == 200
    assert told(sink.received) == [(FIRST, "firing", ("Limited",))]  # and no alert that it fails
    check_books(responder)


def test_a_destination_that_hangs(start_responder: StartResponder, sink: Sink, other: Sink) -> None:
    delivery = QUICK | {"timeout": "1s", "breaker": {"after": 5, "probe": "0.1s", "max_probe": "0.2s"}}
    responder = start_responder(two(sink, other), {"delivery": delivery})
    sink.answer_always(HANG)
    names = [f"Hanging{number:02}" for number in range(20)]
    assert responder.post_alerts([api_alert(name, None, team="hanging") for name in names]).status == 200
    sink.wait_until(lambda received: len(received) > 0)
    assert responder.post_alerts([api_alert("Elsewhere")]).status == 200
    other.wait_count(1)
    assert sink.taken == []  # whoever is told elsewhere does not wait for it
    # It is told past the one that hangs that this one hangs.
    failing = (FIRST, "firing", ("ResponderDeliveryFailing",))
    wait_until(lambda: failing in told(other.received, "/own"), what="the failing destination is told of")
    sink.answer_always(OK)
    sink.wait_until(
        lambda received: {name for r in received if r.taken for name in r.alertnames("firing")} == set(names)
    )
    wait_until(
        lambda: (
            told(other.received, "/own")[-1] == ("all_resolved", "resolved", ("ResponderDeliveryFailing",))
        ),
        what="that it is well again is told",
    )
    assert told(other.received) == [(FIRST, "firing", ("Elsewhere",))]
    assert ledger(responder)["closed"]["dead"] == 0
    check_books(responder)


def test_a_stop_does_not_wait_for_a_destination_that_hangs(
    start_responder: StartResponder, sink: Sink
) -> None:
    responder = start_responder(routing(sink))
    sink.answer_always(HANG)
    assert responder.post_alerts([api_alert("Hanging")]).status == 200
    (first,) = sink.wait_until(lambda received: len(received) == 1)
    assert responder.stop(timeout=10) == 0
    check_books(responder)
    sink.answer_always(OK)
    responder.start()
    wait_settled(responder, 1)
    assert [key(request) for request in sink.received] == [key(first)] * 2
    check_books(responder)


def test_a_destination_that_was_gone(start_responder: StartResponder, sink: Sink) -> None:
    responder = start_responder(routing(sink), {"delivery": QUICK})
    sink.shut()
    assert responder.post_alerts([api_alert("Patient")]).status == 200
    wait_until(
        lambda: responder.metric("responder_delivery_attempts_total", outcome="refused") >= 3,
        what="it was refused three times",
    )
    sink.open()
    wait_settled(responder, 1)
    assert told(sink.received) == [(FIRST, "firing", ("Patient",))]
    check_books(responder)
