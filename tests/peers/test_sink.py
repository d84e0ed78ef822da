"""The recording webhook receiver."""

import threading
import time

import pytest

from tests.peers.calls import post
from tests.peers.payloads import webhook_alert, webhook_payload
from tests.peers.sink import HANG, OK, RESET, Answer, Sink

PAYLOAD = webhook_payload([webhook_alert("A"), webhook_alert("B", status="resolved")])


def test_it_records_what_it_took(sink: Sink) -> None:
    before = time.monotonic()
    assert post(sink.url, PAYLOAD, {"X-Test": "1"}).status == 200
    (request,) = sink.wait_count(1)
    assert before < request.at < time.monotonic()
    assert request.path == "/hook"
    assert request.payload == PAYLOAD
    assert request.headers["X-Test"] == "1"
    assert (request.alertnames("firing"), request.alertnames("resolved")) == (["A"], ["B"])


def test_it_answers_as_told(sink: Sink) -> None:
    sink.answer_always(Answer(500))
    sink.answer_next(Answer(429, {"Retry-After": "7"}, body="later"), OK)
    replies = [post(sink.url, PAYLOAD) for _ in range(3)]
    assert [reply.status for reply in replies] == [429, 200, 500]
    assert (replies[0].headers["Retry-After"], replies[0].text()) == ("7", "later")
    assert [request.taken for request in sink.received] == [False, True, False]


def test_it_resets_and_refuses(sink: Sink) -> None:
    sink.answer_next(RESET)
    with pytest.raises(ConnectionError):
        post(sink.url, PAYLOAD)
    sink.shut()
    with pytest.raises(ConnectionRefusedError):
        post(sink.url, PAYLOAD)
    sink.open()
    assert post(sink.url, PAYLOAD).status == 200
    assert len(sink.received) == 2


def test_it_hangs_until_released(sink: Sink) -> None:
    sink.answer_next(HANG)
    statuses: list[int] = []
    sender = threading.Thread(target=lambda: statuses.append(post(sink.url, PAYLOAD).status))
    sender.start()
    sink.wait_until(lambda received: len(received) == 1)
    assert statuses == []
    sink.release()
    sender.join(10)
    assert statuses == [200]
    assert sink.taken == []


def test_it_names_what_it_saw_when_it_waits_in_vain(sink: Sink) -> None:
    post(sink.url, b"{}")
    with pytest.raises(AssertionError) as failed:
        sink.wait_until(lambda received: len(received) == 2, timeout=0.05)
    assert str(failed.value) == ("sink: not within 0.05 s; 1 requests, the last ones:\n  /hook -> 200: b'{}'")
