"""What the benchmarks send, and what they count as accepted."""

import json
from pathlib import Path

import pytest

from tests.bench import alerts, load
from tests.bench.sink import Seen
from tests.peers.binaries import peer
from tests.peers.sink import Answer, Received, Sink


def instances(received: list[Received]) -> list[str]:
    return [alert["labels"]["instance"] for request in received for alert in request.payload]


def test_alerts_are_distinct_and_of_the_size_that_is_said() -> None:
    made = [json.loads(alert) for alert in alerts.alerts(2_000)]
    assert {(len(a["labels"]), len(a["annotations"])) for a in made} == {(10, 3)}
    assert [a["labels"]["instance"] for a in made] == [f"i-{number}" for number in range(2_000)]
    assert len({a["labels"]["service"] for a in made}) == alerts.SERVICES
    assert len({a["labels"]["team"] for a in made}) == alerts.TEAMS
    assert all(500 < len(alert) < 700 for alert in alerts.alerts(2_000))


def test_bodies_hold_so_many_each_and_none_twice() -> None:
    bodies = [json.loads(body) for body in alerts.bodies(250, 100)]
    assert [len(body) for body in bodies] == [100, 100, 50]
    assert len({alert["labels"]["instance"] for body in bodies for alert in body}) == 250


@pytest.mark.peers
@pytest.mark.parametrize(("again", "distinct"), [(0, None), (7, 7)])
def test_wrk_posts_new_alerts_or_the_same_ones_again(
    sink: Sink, tmp_path: Path, again: int, distinct: int | None
) -> None:
    templates = tmp_path / "templates"
    alerts.write_templates(templates)
    pressed = load.press(
        peer("wrk"), sink.url, templates, connections=2, per_request=3, seconds=1, again=again
    )
    # What was on its way when the time was up is received and not counted.
    received = list(sink.received)
    seen = instances(received)
    assert 0 < pressed.requests <= len(received) <= pressed.requests + 2
    assert len(seen) == 3 * len(received)
    assert len(set(seen)) == (distinct or len(seen))
    assert (pressed.refused, pressed.broken) == (0, 0)


@pytest.mark.peers
def test_wrk_counts_refusals_apart(sink: Sink, tmp_path: Path) -> None:
    sink.answer_always(Answer(503))
    templates = tmp_path / "templates"
    alerts.write_templates(templates)
    pressed = load.press(peer("wrk"), sink.url, templates, connections=1, per_request=1, seconds=1)
    assert pressed.requests == 0
    assert pressed.refused > 0


def test_everything_is_sent_once_and_again_only_where_refused(sink: Sink) -> None:
    sink.answer_next(Answer(503), Answer(400))
    sent = load.send(sink.url, alerts.bodies(6, 1), connections=2)
    assert dict(sent.statuses) == {503: 1, 400: 1, 200: 5}
    assert len(sent.accepted) == 5
    assert len(sink.received) == 7
    assert sorted(set(instances(sink.received))) == [f"i-{number}" for number in range(6)]
    assert {f"i-{index}" for index in sent.accepted} == set(instances(sink.taken))


def test_it_acts_once_enough_are_accepted(sink: Sink) -> None:
    accepted_then: list[int] = []
    load.send(
        sink.url,
        alerts.bodies(8, 1),
        connections=1,
        after=3,
        act=lambda: accepted_then.append(len(sink.taken)),
    )
    assert accepted_then == [3]


def test_pace_spreads_and_tells_when(sink: Sink) -> None:
    times = load.pace(sink.url, alerts.bodies(5, 1), per_second=100)
    arrived = [request.at * 1e9 for request in sink.received]
    assert all(sent < came for sent, came in zip(times, arrived, strict=True))
    # Never early; late only by what the machine is.
    assert all((at - times[0]) / 1e9 >= number / 100 - 0.005 for number, at in enumerate(times))


def test_the_cheap_sink_counts_firing_alerts_once() -> None:
    seen = Seen()
    for status, instance in (("firing", "i-1"), ("firing", "i-1"), ("resolved", "i-2")):
        body = {"alerts": [{"status": status, "labels": {"instance": instance, "x": "y"}}]}
        seen.take(json.dumps(body).encode())
    counts = json.loads(seen.tell("/counts"))
    assert (counts["alerts"], counts["requests"]) == (1, 3)
    assert json.loads(seen.tell("/times")) == {"i-1": counts["last"]}
    seen.tell("/forget")
    assert json.loads(seen.tell("/counts")) == {"alerts": 0, "requests": 0, "last": 0}
