"""kill -9 again and again while alerts arrive: what was answered 200 is known, and told."""

import threading
from typing import Final

import pytest

from tests.chaos.faults import QUICK, check_books, key, ledger, routing
from tests.peers.calls import get, wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Sink

pytestmark = pytest.mark.chaos

KILLS: Final = 10


class Sender(threading.Thread):
    """Posts two new alerts at a time, as fast as they are answered, and never the same twice."""

    def __init__(self, responder: ResponderProcess) -> None:
        super().__init__(daemon=True)
        self._responder = responder
        self._stop_now = threading.Event()
        self.answered: list[str] = []
        self.sent: set[str] = set()

    def run(self) -> None:
        while not self._stop_now.is_set():
            names = [f"Alert{len(self.sent) + offset:05}" for offset in range(2)]
            self.sent.update(names)
            try:
                if self._responder.post_alerts([api_alert(name) for name in names]).status == 200:
                    self.answered += names
            except OSError:
                self._stop_now.wait(0.01)  # it is being killed, or not up yet

    def stop(self) -> None:
        self._stop_now.set()
        self.join()


def test_killed_again_and_again(start_responder: StartResponder, sink: Sink) -> None:
    responder = start_responder(routing(sink, interval="1m"), {"delivery": QUICK})
    sender = Sender(responder)
    sender.start()
    for number in range(KILLS):
        enough = len(sender.answered) + 10 + 7 * number  # each time at another moment
        wait_until(lambda: len(sender.answered) >= enough, what="alerts are accepted")  # noqa: B023
        responder.kill9()
        responder.start()
    sender.stop()
    wait_until(lambda: ledger(responder)["pending"] == 0, 30, "everything is told")

    fired = {
        labels["alertname"]
        for row in get(f"{responder.url}/api/v1/audit?since=1&limit=10000").json()
        for event in row["body"]["events"]
        if event["type"] == "alerts_fired"
        for _, labels, _ in event["alerts"]
    }
    told: dict[str, set[str]] = {}
    for request in sink.taken:
        for name in request.alertnames("firing"):
            told.setdefault(name, set()).add(key(request))
    assert len(sender.answered) > 10 * KILLS
    assert set(sender.answered) - fired == set()  # accepted, so known
    assert fired - sender.sent == set()
    assert set(told) == fired  # known, so told
    assert {name: keys for name, keys in told.items() if len(keys) > 1} == {}  # and if twice, under one key
    sums = ledger(responder)
    assert (sums["owed"], sums["closed"]["delivered"]) == (len(fired), len(fired))
    check_books(responder)
