"""Whatever is proposed, begun and ended in whatever order: nothing goes beyond what is configured."""

from itertools import pairwise
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from responder.core.guardrules import Allowed, Evidence, GuardRules
from responder.core.guards import evaluate
from responder.core.model import DAY, HOUR, MINUTE, SECOND, Nanoseconds
from responder.core.plan import TargetRef
from responder.core.run import Episode, Run
from tests.core.guards.situations import NOW, PLAN, RESTART, RUNBOOK, UNDO, facts, run, situation

RULES = GuardRules(
    allow=(Allowed(RESTART), Allowed(UNDO)),
    evidence=Evidence(runs=0),
    approvals={"low": 0, "medium": 0, "high": 0},
    cooldown={"restart": 2 * MINUTE},
    attempts_per_episode=2,
    attempts_per_target=3,
    rate_runbook=3,
    rate_service=3,
    rate_global=5,
    rate_day=8,
    together=2,
    gap=10 * SECOND,
)
TARGETS = (
    TargetRef("prod", "shop", "Deployment", "cart", "1"),
    TargetRef("prod", "shop", "StatefulSet", "cart", "2"),  # the same service
    TargetRef("prod", "shop", "Deployment", "web", "3"),
    TargetRef("lab", "shop", "Deployment", "web", "4"),
)
RUNBOOKS = ("one", "two", "three")


class World:
    """Runs as the engine has them: every guard is asked in the transaction that takes the budgets."""

    def __init__(self) -> None:
        self.now = NOW
        self.runs: list[Run] = []

    def propose(self, runbook: str, target: TargetRef, alert: int) -> None:
        number = len(self.runs) + 1
        episode = Episode(f"fp-{alert}", NOW - HOUR, alert)
        made = run(number, runbook=runbook, target=target, episodes=(episode,), created_at=self.now)
        self.runs.append(made)

    def begin(self, index: int) -> bool:
        """The first step of a run, if every guard allows it."""
        one = self.runs[index]
        assert one.target is not None
        page = replace(RUNBOOK, name=one.runbook, verify=RUNBOOK.verify)
        plan = replace(
            PLAN,
            runbook=one.runbook,
            target=one.target,
            steps=tuple(replace(step, target=None) for step in PLAN.steps),
            on_failure=(),
        )
        results = evaluate(
            situation(
                now=self.now,
                run=one,
                runbook=page,
                rules=RULES,
                plan=plan,
                facts=facts(at=self.now),
                runs=tuple(other for other in self.runs if other is not one),
                signed={one.runbook: page.hash},
            )
        )
        if any(result.verdict != "allow" for result in results):
            return False
        self.change(index, state="executing", acted_at=self.now)
        return True

    def end(self, index: int) -> None:
        self.change(index, state="succeeded", ended_at=self.now)

    def change(self, index: int, **changed: Any) -> None:
        self.runs[index] = replace(self.runs[index], **changed)

    def waiting(self) -> list[int]:
        return [index for index, one in enumerate(self.runs) if one.state == "proposed"]

    def acting(self) -> list[int]:
        return [index for index, one in enumerate(self.runs) if one.state == "executing"]

    def check(self) -> None:
        """What must be true at any time, said without the guards."""
        acting = [one for one in self.runs if one.state == "executing"]
        assert len(acting) <= 2
        assert len({one.target_key for one in acting}) == len(acting)
        acted = sorted((one for one in self.runs if one.acted_at), key=lambda one: one.acted_at)
        for before, after in pairwise(acted):
            assert after.acted_at - before.acted_at >= 10 * SECOND
        for last in acted:
            day = [one for one in acted if last.acted_at - DAY < one.acted_at <= last.acted_at]
            hour = [one for one in day if last.acted_at - HOUR < one.acted_at]
            assert len(day) <= 8
            assert len(hour) <= 5
            assert sum(one.runbook == last.runbook for one in hour) <= 3
            assert sum(service(one) == service(last) for one in hour) <= 3
            assert sum(one.target_key == last.target_key for one in day) <= 3
            assert sum(one.episodes == last.episodes for one in acted) <= 2
            for one in acted:
                if one.acted_at < last.acted_at and (one.runbook, one.target) == (last.runbook, last.target):
                    assert one.ended_at
                    assert last.acted_at - one.ended_at >= 2 * MINUTE


def service(one: Run) -> str:
    assert one.target is not None
    return one.target.service


STEPS = st.one_of(
    st.tuples(st.just("propose"), st.sampled_from(RUNBOOKS), st.sampled_from(TARGETS), st.integers(1, 4)),
    st.tuples(st.just("begin"), st.integers(0, 9)),
    st.tuples(st.just("begin"), st.integers(0, 9)),
    st.tuples(st.just("end"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from([SECOND, 9 * SECOND, 2 * MINUTE, 20 * MINUTE, 6 * HOUR])),
)


@settings(max_examples=60, deadline=None, phases=set(Phase) - {Phase.explain})
@given(st.lists(STEPS, min_size=20, max_size=60))
def test_no_interleaving_exceeds_what_is_configured(steps: list[Any]) -> None:
    world = World()
    for step in steps:
        match step:
            case ("propose", runbook, target, alert):
                world.propose(runbook, target, alert)
            case ("begin", n) if waiting := world.waiting():
                if world.begin(waiting[n % len(waiting)]):
                    world.check()
            case ("end", n) if acting := world.acting():
                world.end(acting[n % len(acting)])
            case ("wait", duration):
                world.now += duration
            case _:
                pass


def test_who_asks_all_the_time_gets_as_much_as_is_configured_and_no_more() -> None:
    world = World()
    begun: list[Nanoseconds] = []
    for minute in range(0, 26 * 60, 4):
        world.now = NOW + minute * MINUTE
        for index in world.acting():
            world.end(index)
        world.propose(RUNBOOKS[minute // 4 % 3], TARGETS[minute // 4 % 4], minute)
        if world.begin(len(world.runs) - 1):
            begun.append(minute)
    world.check()
    assert len([minute for minute in begun if minute < 60]) == 5
    assert len([minute for minute in begun if minute < 24 * 60]) == 8
    assert len(begun) > 8
