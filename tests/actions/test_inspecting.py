"""What is found out before a decision, and the plan that is made of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from aiohttp import web

from responder.actions.action import CannotTell, Ended, Intent, Looked, Seen, Steady
from responder.actions.inspecting import Inspection
from responder.actions.prometheus import Oracle
from responder.core.messages import Execute, FactsGathered, Inspect, LookAgain
from responder.core.model import MINUTE, SECOND, labels_from
from responder.core.plan import Facts, ObjectFacts, PlannedStep, Probe, TargetRef
from responder.core.runbook import ActionStep, NotifyStep, Query, Runbook, Target, WaitStep
from responder.settings import Prometheus
from tests.clock import ManualClock

RESTART, UNDO = "kubernetes.rollout_restart", "kubernetes.rollout_undo"
TARGET = TargetRef("prod", "shop", "Deployment", "checkout")
KNOWN = msgspec.structs.replace(TARGET, uid="u-1")
VALUES = {"cluster": "prod", "namespace": "shop", "name": "che.kout"}
RUNBOOK = Runbook(
    "pod-restarts",
    "Pods restart",
    "h" * 64,
    target=Target("Deployment", "${name}", "${namespace}"),
    preconditions=(Query('up{job=~"${name}"}'), Query('down{n="${namespace}"}')),
    steps=(ActionStep(RESTART, timeout=MINUTE), WaitStep(30 * SECOND), ActionStep(RESTART)),
    on_failure=(ActionStep(UNDO), NotifyStep("pagerduty")),
)


@dataclass
class Plain:
    """An action that sees what it is told to see."""

    seen: Callable[[TargetRef], Seen]
    calls: int = 0

    async def inspect(self, target: TargetRef, run: str) -> Seen:
        self.calls += 1
        return self.seen(target)

    def plan(self, target: TargetRef, seen: Seen | None, run: str) -> Intent:
        if seen is None:
            return Intent(("PATCH later",), {"do": run}, bounds="some day")
        return Intent(("PATCH it",), {"do": run}, dict(seen.state))

    async def apply(self, order: Execute, until: int) -> Ended:
        raise AssertionError("nothing is done while looking")

    async def settle(self, order: Execute, until: int) -> Ended:
        raise AssertionError("nothing is done while looking")

    async def look(self, order: LookAgain) -> Looked:
        raise AssertionError("nothing is done while looking")

    async def steady(self, target: TargetRef) -> Steady:
        raise AssertionError("nobody asked")


def healthy(target: TargetRef) -> Seen:
    known = msgspec.structs.replace(target, uid="u-1")
    return Seen(known, ObjectFacts(3, 3, 1), {"generation": 4}, ("a budget",))


@asynccontextmanager
async def oracle(answer: Callable[[str], list[str]]) -> AsyncIterator[Oracle]:
    """A Prometheus that answers each query with samples of these values."""

    async def handle(request: web.Request) -> web.Response:
        values = answer(str((await request.post())["query"]))
        result = [{"metric": {"alertname": "High"}, "value": [1, value]} for value in values]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    app = web.Application()
    app.router.add_post("/api/v1/query", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = Oracle(Prometheus(f"http://127.0.0.1:{runner.addresses[0][1]}"))
    try:
        yield made
    finally:
        await made.close()
        await runner.cleanup()


def asked(**more: Any) -> Inspect:
    labels = labels_from({"alertname": "High"})
    return msgspec.structs.replace(Inspect(7, "r7-1", 2, RUNBOOK, VALUES, TARGET, labels), **more)


async def gather(
    question: Inspect, actions: Mapping[str, Plain], prometheus: Oracle | None = None
) -> FactsGathered:
    return await Inspection(actions, prometheus, ManualClock()).inspect(question)


def both() -> dict[str, Plain]:
    return {RESTART: Plain(healthy), UNDO: Plain(healthy)}


async def test_facts_and_plan_are_gathered_at_once() -> None:
    queries: list[str] = []

    def answer(query: str) -> list[str]:
        queries.append(query)
        return [] if query.startswith("down") else ["1"]

    actions = both()
    async with oracle(answer) as prometheus:
        found = await gather(asked(), actions, prometheus)
    assert (found.run, found.lap) == (7, 2)
    assert found.facts == Facts(
        at=ManualClock().now(),
        object=ObjectFacts(3, 3, 1),
        firing="yes",
        firing_asked="prometheus",
        probes=(Probe('up{job=~"che\\\\.kout"}', True, "1"), Probe('down{n="shop"}', False, "no sample")),
        notes=("a budget",),
    )
    assert sorted(queries) == [
        'ALERTS{alertname="High",alertstate="firing"}',
        'down{n="shop"}',
        'up{job=~"che\\\\.kout"}',
    ]
    assert (actions[RESTART].calls, actions[UNDO].calls) == (1, 0)


async def test_the_plan_is_exact_now_and_bounded_later() -> None:
    found = await gather(asked(), both())
    plan = found.plan
    assert plan is not None
    assert (plan.runbook, plan.runbook_hash, plan.parameters, plan.target) == (
        "pod-restarts",
        "h" * 64,
        VALUES,
        KNOWN,
    )
    first = PlannedStep(
        RESTART,
        KNOWN,
        ("PATCH it",),
        {"do": "r7-1"},
        {"generation": 4},
        MINUTE,
        "medium",
        undo=UNDO,
    )
    later = msgspec.structs.replace(first, timeout=5 * MINUTE, bounds="as it is when this step's turn comes")
    wait = PlannedStep("wait", intended={"nanoseconds": 30 * SECOND}, timeout=30 * SECOND, mutates=False)
    assert plan.steps == (first, wait, later)
    undo = PlannedStep(
        UNDO, KNOWN, ("PATCH later",), {"do": "r7-1"}, {}, 5 * MINUTE, "medium", bounds="some day"
    )
    tell = PlannedStep("notify", intended={"receiver": "pagerduty"}, mutates=False)
    assert plan.on_failure == (undo, tell)


async def test_taking_back_is_planned_exactly_when_its_turn_comes() -> None:
    actions = both()
    found = await gather(asked(rolling=True), actions)
    assert found.plan is not None
    assert found.plan.steps == ()
    undo, tell = found.plan.on_failure
    assert (undo.calls, undo.observed, undo.bounds) == (("PATCH it",), {"generation": 4}, "")
    assert tell.action == "notify"
    assert (actions[RESTART].calls, actions[UNDO].calls) == (0, 1)


async def test_the_same_situation_gives_the_same_plan() -> None:
    first, second = await asyncio.gather(gather(asked(), both()), gather(asked(lap=9), both()))
    assert first.plan is not None
    assert second.plan is not None
    assert first.plan.hash == second.plan.hash

    def changed(target: TargetRef) -> Seen:
        return replace(healthy(target), state={"generation": 5})

    third = await gather(asked(), {RESTART: Plain(changed), UNDO: Plain(healthy)})
    assert third.plan is not None
    assert third.plan.hash != first.plan.hash


async def test_a_target_that_cannot_be_looked_at_has_no_plan() -> None:
    def gone(target: TargetRef) -> Seen:
        raise CannotTell("it is gone")

    found = await gather(asked(), {RESTART: Plain(gone), UNDO: Plain(healthy)})
    assert (found.plan, found.facts.object, found.facts.problem) == (None, None, "it is gone")


async def test_an_action_that_is_not_there_has_no_plan() -> None:
    found = await gather(asked(), {})
    assert (found.plan, found.facts.problem) == (None, f"{RESTART} cannot be carried out here")


async def test_without_a_prometheus_nothing_is_claimed() -> None:
    found = await gather(asked(), both())
    assert (found.facts.firing, found.facts.firing_asked) == ("unknown", "")
    assert [(probe.ok, probe.detail) for probe in found.facts.probes] == [
        (False, "no prometheus is configured")
    ] * 2


async def test_where_a_person_asked_no_alert_is_asked_about() -> None:
    queries: list[str] = []

    def answer(query: str) -> list[str]:
        queries.append(query)
        return ["1"]

    async with oracle(answer) as prometheus:
        found = await gather(asked(alert=None), both(), prometheus)
    assert (found.facts.firing, found.facts.firing_asked) == ("unknown", "")
    assert [query for query in queries if query.startswith("ALERTS")] == []
