"""Time in which it could not hear: nothing ends because of it."""

import signal
import time

import pytest

from tests.chaos.faults import QUICK, check_books, routing, told, wait_settled
from tests.peers.calls import wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Sink

pytestmark = pytest.mark.chaos

FIRING = ("first_notification", "firing", ("Renewed",))
RESOLVED = ("all_resolved", "resolved", ("Renewed",))


@pytest.fixture
def responder(start_responder: StartResponder, sink: Sink) -> ResponderProcess:
    """An alert that nobody renews for 2 s is over, as `resolve_timeout` says."""
    rules = {"global": {"resolve_timeout": "2s"}, **routing(sink)}
    return start_responder(rules, {"delivery": QUICK, "limits": {"lag": "1s"}})


def renew(responder: ResponderProcess) -> None:
    assert responder.post_alerts([api_alert("Renewed")]).status == 200


def told_once(responder: ResponderProcess, sink: Sink) -> None:
    renew(responder)
    wait_settled(responder, 1)
    assert told(sink.received) == [FIRING]


def last_renewed_then_over(responder: ResponderProcess, sink: Sink) -> None:
    """It goes on while it is renewed; when nobody renews it any more, it is over."""
    renew(responder)
    assert told(sink.received) == [FIRING]
    sink.wait_count(2)
    assert told(sink.received) == [FIRING, RESOLVED]
    wait_settled(responder, 2)
    check_books(responder)


def test_a_process_that_was_stopped_for_a_while(responder: ResponderProcess, sink: Sink) -> None:
    told_once(responder, sink)
    responder.signal(signal.SIGSTOP)
    time.sleep(2.5)  # longer than resolve_timeout: whoever renews it is not heard
    responder.signal(signal.SIGCONT)
    wait_until(
        lambda: "resumed" in responder.cli("audit", "list", "--kind", "resumed").stdout, what="it noticed"
    )
    last_renewed_then_over(responder, sink)


def test_a_process_that_was_down_for_a_while(responder: ResponderProcess, sink: Sink) -> None:
    told_once(responder, sink)
    responder.kill9()
    time.sleep(2.5)
    responder.start()
    last_renewed_then_over(responder, sink)
