"""What is measured, one function a case, and which of its figures are held against which target.

The runner calls each for both subjects in turn, some rounds over. A case never compares: it returns figures.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, TypeAlias

from tests.bench import alerts, load
from tests.bench.sink import SinkProcess
from tests.bench.subjects import ALERTS, Name, Subject, catch_up, routing, start, subject
from tests.peers.calls import wait_until
from tests.peers.responder import ResponderProcess

Figures: TypeAlias = dict[str, float]

QUIET: Final = {
    "group_by": ["alertname", "cluster", "service"],
    "group_wait": "30s",
    "group_interval": "5m",
    "repeat_interval": "4h",
}
"""Alertmanager's own timers: nothing is due while the load lasts."""

AT_ONCE: Final = {"group_by": ["..."], "group_wait": "0s", "group_interval": "5m", "repeat_interval": "4h"}
STORM: Final = {
    "group_by": ["service"],
    "group_wait": "0s",
    "group_interval": "200ms",
    "repeat_interval": "4h",
}
MANY: Final = {
    "group_by": ["alertname", "service", "team"],
    "group_wait": "10s",
    "group_interval": "15s",
    "repeat_interval": "4h",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a case plays: an empty directory, the sink, the programs, and how long to press."""

    directory: Path
    sink: SinkProcess
    alertmanager: str
    wrk: str
    templates: Path
    seconds: float

    def make(self, name: Name, config: Mapping[str, Any]) -> Subject:
        """A subject on an empty directory, not started; the sink has forgotten everything."""
        self.sink.forget()
        return subject(name, self.alertmanager, self.directory / name, config)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a figure, and the ratio (ours to Alertmanager's) that it is held against."""

    title: str
    figure: str
    unit: str
    target: float
    at_least: bool

    def holds(self, ratio: float) -> bool:
        """Whether the target is met."""
        return ratio >= self.target if self.at_least else ratio <= self.target


@dataclass(frozen=True, slots=True)
class Bound:
    """A plain figure of ours, with the value that it may not exceed (None: only shown)."""

    title: str
    figure: str
    unit: str
    at_most: float | None


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement: for whom it runs, and what its figures are held against."""

    name: str
    run: Callable[[Stage, Name], Figures]
    rows: tuple[Row, ...] = ()
    bounds: tuple[Bound, ...] = ()
    subjects: tuple[Name, ...] = ("alertmanager", "responder")
    rounds: int | None = None


def _press(
    stage: Stage, name: Name, children: int, connections: int, per_request: int, again: int = 0
) -> Figures:
    """Accepted a second under full load; for us also decided, and how long after the load all of it was."""
    process = stage.make(name, routing(stage.sink.url, QUIET, children))
    start(process)
    try:
        pressed = load.press(
            stage.wrk,
            process.url + ALERTS,
            stage.templates,
            connections=connections,
            per_request=per_request,
            seconds=stage.seconds,
            again=again,
        )
        accepted = pressed.requests * per_request
        figures = {
            "requests": pressed.requests / pressed.seconds,
            "alerts": accepted / pressed.seconds,
            "refused": float(pressed.refused + pressed.broken),
        }
        if isinstance(process, ResponderProcess):
            late = catch_up(process)
            figures |= {"decided": accepted / (pressed.seconds + late), "late": late}
        return figures
    finally:
        process.kill9()


def hundreds(stage: Stage, name: Name) -> Figures:
    """100 new alerts a request, 8 connections."""
    return _press(stage, name, children=0, connections=8, per_request=100)


def hundreds_routed(stage: Stage, name: Name) -> Figures:
    """The same with 1,000 routes."""
    return _press(stage, name, children=1_000, connections=8, per_request=100)


def singles(stage: Stage, name: Name) -> Figures:
    """One new alert a request, 64 connections."""
    return _press(stage, name, children=0, connections=64, per_request=1)


def repeats(stage: Stage, name: Name) -> Figures:
    """One alert a request, 64 connections, 10,000 alerts over and over."""
    return _press(stage, name, children=0, connections=64, per_request=1, again=10_000)


def _latency(stage: Stage, name: Name, *, webhook: bool) -> Figures:
    """From POST to the sink's having it, 50 alerts a second, each a group of its own."""
    count = round(50 * stage.seconds)
    warm = 25
    process = stage.make(name, routing(stage.sink.url, AT_ONCE))
    start(process)
    try:
        each = list(alerts.alerts(count + warm))
        if webhook and name == "responder":
            sent = load.pace(
                f"{process.url}/webhooks/alertmanager",
                [alerts.webhook_body(alert, process.url) for alert in each],
                50,
            )
        else:
            sent = load.pace(process.url + ALERTS, [f"[{alert}]".encode() for alert in each], 50)
        stage.sink.wait_alerts(count + warm, timeout=30)
        seen = stage.sink.times()
    finally:
        process.kill9()
    taken = [(seen[number] - at) / 1e6 for number, at in enumerate(sent)][warm:]
    return {"p50": median(taken), "p99": quantiles(taken, n=100)[98]}


def latency(stage: Stage, name: Name) -> Figures:
    """Both by POST /api/v2/alerts."""
    return _latency(stage, name, webhook=False)


def latency_webhook(stage: Stage, name: Name) -> Figures:
    """Ours by POST /webhooks/alertmanager, Alertmanager by its own API."""
    return _latency(stage, name, webhook=True)


def _storm(stage: Stage, name: Name, per_request: int) -> Figures:
    """10,000 alerts in 100 groups, as fast as 8 connections take them, until the sink has seen each."""
    count = 10_000
    process = stage.make(name, routing(stage.sink.url, STORM))
    bodies = alerts.bodies(count, per_request)
    start(process)
    try:
        sent = load.send(process.url + ALERTS, bodies, connections=8)
        if len(sent.accepted) != len(bodies):
            raise AssertionError(f"{name} did not accept everything: {sent}")
        last = stage.sink.wait_alerts(count, timeout=60).last
    finally:
        process.kill9()
    return {"seconds": (last - sent.began) / 1e9, "accepting": sent.seconds}


def storm(stage: Stage, name: Name) -> Figures:
    """100 alerts a request."""
    return _storm(stage, name, 100)


def storm_singles(stage: Stage, name: Name) -> Figures:
    """1 alert a request."""
    return _storm(stage, name, 1)


def _fill(process: Subject, count: int) -> None:
    """Let it have that many active alerts, and decide on each."""
    sent = load.send(process.url + ALERTS, alerts.bodies(count, 100), connections=4)
    if len(sent.accepted) != count // 100:
        raise AssertionError(f"did not accept everything: {sent.statuses}")
    if isinstance(process, ResponderProcess):
        catch_up(process)


def memory(stage: Stage, name: Name) -> Figures:
    """What 100,000 active alerts occupy: once they are known, and once the sink was told of all of them."""
    count = 100_000

    def mebibytes() -> float:
        samples = []
        for _ in range(5):
            time.sleep(0.3)
            samples.append(process.memory() / 2**20)
        return median(samples)

    process = stage.make(name, routing(stage.sink.url, MANY))
    start(process)
    try:
        _fill(process, count)
        known = mebibytes()
        stage.sink.wait_alerts(count, timeout=60)
        return {"known": known, "told": mebibytes()}
    finally:
        process.kill9()


def start_to_ready(stage: Stage, name: Name) -> Figures:
    """From the start of the process to the first 200 of /-/ready, on an empty directory."""
    process = stage.make(name, routing(stage.sink.url, QUIET))
    try:
        return {"seconds": process.start()}
    finally:
        process.kill9()


def restart(stage: Stage, name: Name) -> Figures:
    """100,000 active alerts, `kill -9`, start: seconds until it is ready and knows all of them again."""
    count = 100_000
    process = stage.make(name, routing(stage.sink.url, MANY))
    assert isinstance(process, ResponderProcess)
    process.start()
    try:
        _fill(process, count)
        stage.sink.wait_alerts(count, timeout=60)
        process.kill9()
        began = time.monotonic()
        ready = process.start()
        wait_until(
            lambda: process.metric("responder_alerts", state="active") >= count,
            60,
            f"{count} alerts are active again",
        )
        return {"ready": ready, "seconds": time.monotonic() - began}
    finally:
        process.kill9()


def loss(stage: Stage, name: Name) -> Figures:
    """Killed in the middle of a load: of the alerts answered 200, how many the sink never hears of."""
    per_request = 10
    config = routing(stage.sink.url, {**STORM, "group_wait": "2s"})
    process = stage.make(name, config)
    start(process)
    try:
        bodies = alerts.bodies(40_000, per_request)
        sent = load.send(process.url + ALERTS, bodies, connections=8, after=1_000, act=process.kill9)
        accepted = {index * per_request + offset for index in sent.accepted for offset in range(per_request)}
        process.start()

        def lost() -> set[int]:
            return accepted - stage.sink.times().keys()

        # What is due is told within group_wait and a little more; Alertmanager has nothing left to tell.
        until = time.monotonic() + (4 if name == "alertmanager" else 30)
        while lost() and time.monotonic() < until:
            time.sleep(0.1)
        return {"accepted": float(len(accepted)), "lost": float(len(lost()))}
    finally:
        process.kill9()


CASES: Final = (
    Case(
        "hundreds",
        hundreds,
        (Row("alerts/s accepted, 100 a request, 8 connections", "alerts", "/s", 1.2, at_least=True),),
    ),
    Case(
        "routes",
        hundreds_routed,
        (Row("the same with 1,000 routes", "alerts", "/s", 6, at_least=True),),
    ),
    Case(
        "singles",
        singles,
        (Row("requests/s, 1 new alert each, 64 connections", "requests", "/s", 0.6, at_least=True),),
    ),
    Case(
        "repeats",
        repeats,
        (Row("the same, 10,000 alerts over and over", "requests", "/s", 0.6, at_least=True),),
    ),
    Case(
        "latency",
        latency,
        (
            Row("POST to notification at 50/s, p50", "p50", "ms", 2, at_least=False),
            Row("POST to notification at 50/s, p99", "p99", "ms", 2.5, at_least=False),
        ),
    ),
    Case(
        "webhook",
        latency_webhook,
        (
            Row("webhook to notification at 50/s, p50", "p50", "ms", 2, at_least=False),
            Row("webhook to notification at 50/s, p99", "p99", "ms", 2.5, at_least=False),
        ),
    ),
    Case(
        "storm",
        storm,
        (Row("storm of 10,000 alerts in 100 groups, 100 a request", "seconds", "s", 0.9, at_least=False),),
    ),
    Case(
        "storm-singles",
        storm_singles,
        (Row("the same, 1 a request", "seconds", "s", 0.9, at_least=False),),
    ),
    Case(
        "memory",
        memory,
        (
            Row("memory with 100,000 active alerts", "known", "MiB", 0.75, at_least=False),
            Row("the same, once all were told of", "told", "MiB", 0.75, at_least=False),
        ),
        rounds=1,
    ),
    Case("start", start_to_ready, bounds=(Bound("start to ready", "seconds", "s", 0.5),)),
    Case(
        "restart",
        restart,
        bounds=(
            Bound("start to ready after kill -9 with 100,000 active alerts", "ready", "s", None),
            Bound("all 100,000 decided again", "seconds", "s", 2),
        ),
        subjects=("responder",),
        rounds=1,
    ),
    Case(
        "loss",
        loss,
        bounds=(
            Bound("alerts answered 200 before kill -9", "accepted", "", None),
            Bound("of these never told", "lost", "", 0),
        ),
        rounds=1,
    ),
)
