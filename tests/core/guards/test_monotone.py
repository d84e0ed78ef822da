"""A denied plan stays denied when things get worse, and nothing gets easier by it."""

from collections.abc import Callable
from operator import ge
from typing import Any, TypeAlias

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from responder.core.freeze import Freeze
from responder.core.guardrules import Evidence, GuardRules
from responder.core.guards import Situation, evaluate
from responder.core.model import DAY, HOUR, MINUTE, SECOND
from responder.core.plan import Facts, ObjectFacts
from responder.core.run import Run
from responder.core.runbook import Tightening
from tests.core.guards.situations import (
    EPISODE,
    NOW,
    OTHER,
    PLAN,
    RULES,
    RUNBOOK,
    TARGET,
    acted,
    facts,
    run,
    said,
    situation,
)

Move: TypeAlias = Callable[[Situation], Situation]

AGES = st.sampled_from([SECOND, 59 * SECOND, 5 * MINUTE, 14 * MINUTE, 20 * MINUTE, HOUR, 2 * DAY])
PEOPLE = st.lists(st.sampled_from(["alice", "bob"]), max_size=2)


def judged(one: Situation) -> tuple[list[int], tuple[int, int]]:
    """What each guard says, from allow to deny, and what comes of it with the persons that are needed.

    `verify` is left out of the first: it is moot when the mode falls.
    """
    results = evaluate(one)
    each = {result.guard: ("allow", "ask", "deny").index(result.verdict) for result in results}
    worst = max(each.values())
    persons = max(result.approvals for result in results) if worst == 1 else 0
    return [verdict for guard, verdict in each.items() if guard != "verify"], (worst, persons)


@st.composite
def runs(draw: st.DrawFn, states: list[str]) -> Run:
    """One that acted, close by or elsewhere."""
    changed: dict[str, Any] = {
        "runbook": draw(st.sampled_from([RUNBOOK.name, "another"])),
        "target": draw(st.sampled_from([TARGET, OTHER])),
        "approvals": said(PLAN, *draw(PEOPLE)),
    }
    if draw(st.booleans()):
        changed["episodes"] = (EPISODE,)
    state: Any = draw(st.sampled_from(states))
    return acted(draw(st.integers(2, 999)), draw(AGES), state, **changed)


ANY_END = ["succeeded", "succeeded", "failed", "cancelled", "executing"]
BAD_END = ["failed", "rolled_back", "rollback_failed", "rolling_back", "executing", "verifying", "unknown"]


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Most of them are not denied, or for few reasons."""
    by_person = draw(st.booleans())
    asked: dict[str, Any] = {"via": "cli", "requested_by": "carol", "person": "carol"} if by_person else {}
    risk: Any = draw(st.sampled_from(["low", "high"]))
    mode: Any = draw(st.sampled_from(["auto", "auto", "approve", "suggest"]))
    return situation(
        when=draw(st.sampled_from(["proposal", "approval", "step"])),
        run=run(approvals=said(PLAN, *draw(PEOPLE)), **asked),
        runbook=replace(RUNBOOK, risk=risk, mode=mode),
        rules=replace(
            RULES, evidence=Evidence(runs=draw(st.integers(0, 1)), verified=draw(st.sampled_from([0.0, 0.5])))
        ),
        runs=tuple(draw(st.lists(runs(ANY_END), max_size=3))),
        asks_prometheus=draw(st.booleans()),
        facts=facts(object=ObjectFacts(4, draw(st.integers(2, 4)), draw(st.integers(0, 1)))),
    )


# -- what is worse ------------------------------------------------------------------------------


def known(**changed: Any) -> Move:
    """Worse facts, where there are any."""
    return lambda one: replace(one, facts=one.facts and replace(one.facts, **changed))


def seen(change: Callable[[ObjectFacts], ObjectFacts]) -> Move:
    """A target that looks worse, where it was looked at."""

    def move(one: Situation) -> Situation:
        found: Facts | None = one.facts
        if found is None or found.object is None:
            return one
        return replace(one, facts=replace(found, object=change(found.object)))

    return move


def counted(name: str, by: int) -> Move:
    """One more, or fewer, of what is counted there; what is not known stays so."""

    def change(found: ObjectFacts) -> ObjectFacts:
        value = getattr(found, name)
        return replace(found, **{name: None if value is None else value + by})

    return seen(change)


def stricter(**changed: Any) -> Move:
    return lambda one: replace(one, rules=replace(one.rules, **changed))


def younger(one: Situation) -> Situation:
    since = one.fires_since
    return replace(one, fires_since=None if since is None else since + 59 * MINUTE)


def stranger(one: Situation) -> Situation:
    """Nobody has said yes."""
    return replace(one, run=replace(one.run, approvals=()))


def another(made: Run) -> Move:
    return lambda one: replace(one, runs=(*one.runs, made))


def frozen(scope: str) -> Move:
    return lambda one: replace(one, freezes=(*one.freezes, Freeze("f", scope, "why", "bob", NOW, NOW + HOUR)))


def flapping(one: Situation) -> Situation:
    return replace(one, flaps=None if one.flaps is None else one.flaps + 3)


LOWER: dict[str, Any] = {"observe": "observe", "suggest": "observe", "approve": "suggest", "auto": "approve"}

TIGHT = Tightening(
    min_age=5 * MINUTE,
    cooldown=HOUR,
    attempts_per_episode=1,
    attempts_per_target=1,
    rate_per_hour=1,
    min_healthy=0.9,
    min_healthy_count=4,
    approvals=3,
    expires=SECOND,
)


MOVES: list[Move] = [
    counted("healthy", -1),
    counted("takes", 1),
    counted("desired", 1),
    *(
        seen(lambda found, name=name: replace(found, **{name: None}))  # type: ignore[misc]
        for name in ("healthy", "takes", "desired")
    ),
    seen(lambda found: replace(found, busy="a rollout is under way")),
    known(object=None),
    known(probes=()),
    known(at=NOW - HOUR),
    lambda one: replace(one, facts=None),
    lambda one: replace(one, plan=None),
    younger,
    lambda one: replace(one, fires_since=None),
    lambda one: replace(one, seen_at=one.seen_at - DAY),
    flapping,
    lambda one: replace(one, flaps=None),
    lambda one: replace(one, hidden="silence s1"),
    lambda one: replace(one, hidden=None),
    lambda one: replace(one, trusted=False),
    lambda one: replace(one, durable=False),
    lambda one: replace(one, signed={}),
    lambda one: replace(one, problems=("namespace: a value is missing",)),
    lambda one: replace(one, runbook=replace(one.runbook, mode=LOWER[one.runbook.mode])),
    lambda one: replace(one, runbook=replace(one.runbook, risk="high")),
    lambda one: replace(one, runbook=replace(one.runbook, verify=())),
    lambda one: replace(one, runbook=replace(one.runbook, guards=TIGHT)),
    stranger,
    stricter(allow=()),
    stricter(together=1),
    stricter(gap=10 * MINUTE, cooldown={"restart": DAY}, min_age=HOUR),
    stricter(rate_runbook=1, rate_service=1, rate_global=1, rate_day=1),
    stricter(attempts_per_episode=1, attempts_per_target=1),
    stricter(min_healthy=1.0),
    stricter(approvals={"low": 1, "medium": 2, "high": 3}),
    stricter(evidence=Evidence(runs=5)),
    stricter(failures_in_row=1, failures_of_ten=1),
    *(frozen(scope) for scope in ("global", "cluster=prod", "cluster=lab", "runbook=pod-restarts")),
]


@settings(max_examples=40, deadline=None, phases=set(Phase) - {Phase.explain})
@given(
    situations(),
    st.lists(st.sampled_from(MOVES), max_size=2),
    st.lists(runs(BAD_END), min_size=1, max_size=9),
)
def test_nothing_gets_easier_when_things_get_worse(
    one: Situation, bad_already: list[Move], more: list[Run]
) -> None:
    for move in bad_already:
        one = move(one)
    each, outcome = judged(one)
    for number, move in enumerate([*MOVES, *map(another, more)]):
        each_after, outcome_after = judged(move(one))
        assert outcome_after >= outcome, number
        assert all(map(ge, each_after, each)), number


def test_the_situations_above_are_not_all_denied() -> None:
    assert judged(situation())[1] == (0, 0)
    assert judged(stranger(replace(situation(), signed={})))[1] == (1, 1)
    assert judged(replace(situation(), rules=GuardRules()))[1] == (2, 0)
