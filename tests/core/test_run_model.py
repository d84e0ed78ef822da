"""Whatever happens to runs in whatever order: they act together, often and twice no more than they may."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from responder.core.freezing import actions_of
from responder.core.guardrules import GuardRules
from responder.core.matching import parse_matchers
from responder.core.messages import (
    Act,
    Approve,
    Body,
    CancelRun,
    DenyRun,
    Execute,
    FactsGathered,
    Inspect,
    LiftFreeze,
    LookAgain,
    Probed,
    PutFreeze,
    ResetRunbook,
    ResolveRun,
    RunMoved,
    StartRun,
    StepFinished,
    StepIntended,
    Verified,
    VerifyRun,
)
from responder.core.model import DAY, HOUR, MINUTE, Nanoseconds, parse_duration
from responder.core.parameters import ParameterType
from responder.core.plan import ObjectFacts
from responder.core.rules import Ruleset
from responder.core.run import MOVES, Run
from responder.core.runbook import ActionStep, NotifyStep, Parameter, Query, Verify, WaitStep
from tests.core.acting import World
from tests.core.test_runs import FLOORS, RESTART, UNDO, page, ruleset, sign
from tests.core.timeline import Timeline
from tests.core.words import firing, resolved

Happens: TypeAlias = tuple[Any, ...]

TARGETS: Final = ("checkout", "cart", "search")
PEOPLE: Final = ("ann", "bob", "eve")
PARAMETERS: Final = (
    Parameter("namespace", ParameterType("dns_label"), "ns", "shop"),
    Parameter("deployment", ParameterType("dns_subdomain"), "instance", "checkout"),
)
ONCE: Final = page(name="once", parameters=PARAMETERS)
TWICE: Final = page(
    name="twice",
    hash="t" * 64,
    matchers=(parse_matchers('alertname="B"').matchers,),
    parameters=PARAMETERS,
    risk="high",
    hold=None,
    steps=(ActionStep(RESTART), WaitStep(MINUTE), NotifyStep("chat"), ActionStep(RESTART)),
    verify=(Verify(Query("up")),),
)
REST: Final = 2 * MINUTE
LIMITS: Final = replace(
    FLOORS,
    cooldown={"restart": REST},
    gap=0,
    together=2,
    attempts_per_episode=1,
    attempts_per_target=3,
    rate_runbook=3,
    rate_service=2,
    rate_global=4,
)
SCOPES: Final = ("global", "service=shop/cart", "runbook=twice", f"action={RESTART}", "cluster=prod")
ACTS: Final = (Inspect, Execute, LookAgain, VerifyRun)
RESULTS: Final = ("applied", "failed", "conflict", "unknown", "withdrawn", "too_late", "frozen")
WELL: Final = ObjectFacts(desired=6, healthy=6, takes=1)
SICK: Final = (WELL, None, ObjectFacts(desired=6, healthy=1, takes=1), WELL)


def rules(floors: GuardRules = LIMITS) -> Ruleset:
    """Nobody looks at groups often: it is about runs."""
    return ruleset(ONCE, TWICE, floors=floors, by=("alertname",), interval="30m")


@dataclass(slots=True)
class Watched(World):
    """A World that looks at each order as it comes: nothing is ordered that a freeze forbids."""

    line: Timeline | None = None

    def take(self, act: Act, now: Nanoseconds) -> Body | None:
        if isinstance(act, Execute) and self.line is not None:
            run = self.line.state.runs[act.run]
            for freeze in self.line.state.freezes.values():
                covers = freeze.covers(run.runbook, actions_of(run), run.target)
                assert not covers or (run.rolling and not freeze.hard), (run.id, freeze)
        return World.take(self, act, now)


# -- what may happen --------------------------------------------------------------------------

NAMES: Final = st.sampled_from([f"{name}/{target}" for name in "AB" for target in TARGETS])
WAITS: Final = st.sampled_from(["1s", "20s", "1m", "3m", "6m", "16m", "70m"])
RUNS: Final = st.integers(0, 5)
WHO: Final = st.sampled_from(PEOPLE)

HAPPENS: st.SearchStrategy[Happens] = st.one_of(
    st.tuples(st.just("fire"), st.lists(NAMES, min_size=1, max_size=4)),
    st.tuples(st.just("fire"), st.lists(NAMES, min_size=1, max_size=4)),
    st.tuples(st.just("life"), NAMES, WAITS),
    st.tuples(st.just("life"), NAMES, st.just("3m")),
    st.tuples(st.just("wait"), WAITS),
    st.tuples(st.just("wait"), WAITS),
    st.tuples(st.just("resolve"), st.lists(NAMES, min_size=1, max_size=4)),
    st.tuples(st.just("approve"), RUNS, WHO, st.booleans()),
    st.tuples(st.just("approve"), RUNS, WHO, st.booleans()),
    st.tuples(st.just("all approve")),
    st.tuples(st.just("deny"), RUNS, WHO),
    st.tuples(st.just("cancel"), RUNS, WHO),
    st.tuples(st.just("say"), RUNS, WHO, st.booleans()),
    st.tuples(st.just("ask"), st.sampled_from(["once", "twice"]), st.sampled_from(TARGETS), WHO),
    st.tuples(st.just("sign"), st.sampled_from([ONCE, TWICE])),
    st.tuples(st.just("reset"), st.sampled_from(["once", "twice"])),
    st.tuples(st.just("freeze"), st.sampled_from(SCOPES), st.booleans(), WAITS),
    st.tuples(st.just("lift"), st.integers(0, 3)),
    st.tuples(st.just("hold"), st.sets(st.sampled_from(ACTS), min_size=1), st.booleans(), st.booleans()),
    st.tuples(st.just("release")),
    st.tuples(st.just("comes"), st.sampled_from([RESTART, UNDO]), st.sampled_from(RESULTS), st.booleans()),
    st.tuples(st.just("helps"), st.sampled_from([True, False, None])),
    st.tuples(st.just("seen"), st.sampled_from([True, False, None])),
    st.tuples(st.just("fires"), st.sampled_from(["yes", "yes", "no", "unknown"])),
    st.tuples(st.just("object"), st.sampled_from(SICK)),
    st.tuples(st.just("changes")),
    st.tuples(st.just("late"), st.integers(0, 30)),
    st.tuples(st.just("crash"), WAITS),
    st.tuples(st.just("cut off"), NAMES, st.booleans(), st.booleans()),
    st.tuples(st.just("well")),
    st.tuples(st.just("well")),
)  # fmt: skip


ANSWERS: Final = (FactsGathered, StepFinished, Verified, Probed)


def late(line: Timeline, number: int) -> None:
    """An answer comes a second time."""
    answers = [given.body for given in line.inputs if isinstance(given.body, ANSWERS)]
    if answers:
        line.give(answers[number % len(answers)], "actions")


def hold(line: Timeline, kinds: set[type], claims: bool, reaches: bool) -> None:
    line.world.hold |= kinds
    line.world.claims, line.world.reaches = claims, reaches


def see(line: Timeline, found: ObjectFacts | None) -> None:
    line.world.object, line.world.problem = found, "" if found else "connection refused"


def approve(line: Timeline, number: int, who: str, pressed: bool) -> None:
    if run := chosen(line, number):
        line.give(Approve(run.id, who, nonce=run.nonce if pressed else ""), who)


def approve_all(line: Timeline) -> None:
    for run in [*line.state.runs.values()]:
        for who in PEOPLE[:2]:
            line.give(Approve(run.id, who), who)


def decide(line: Timeline, kind: type[DenyRun | CancelRun], number: int, who: str) -> None:
    if run := chosen(line, number):
        line.give(kind(run.id, who, "no"), who)


def say(line: Timeline, number: int, who: str, done: bool) -> None:
    if run := chosen(line, number):
        line.give(ResolveRun(run.id, done, who, "looked"), who)


def freeze(line: Timeline, scope: str, hard: bool, lasting: str) -> None:
    until = line.now + parse_duration(lasting)
    line.give(PutFreeze(f"f{len(line.inputs)}", scope, "moving", until, hard, "bob"), "bob")


def lift(line: Timeline, number: int) -> None:
    known = sorted(line.state.freezes)
    line.give(LiftFreeze(known[number % len(known)] if known else "none", "ann"), "ann")


def well(line: Timeline) -> None:
    """Nobody freezes anything, everything is answered, and the target is as it should be."""
    line.release()
    see(line, WELL)
    line.world.firing = "yes"
    for key in [*line.state.freezes]:
        line.give(LiftFreeze(key, "ann"), "ann")


def life(line: Timeline, name: str, lasting: str) -> None:
    """An alert comes, and goes after a while."""
    line.post(firing(name)).wait(lasting).post(resolved(name)).wait("1m")


def cut_off(line: Timeline, name: str, claims: bool, reaches: bool) -> None:
    """The process dies while it carries out a step."""
    hold(line, {Execute}, claims, reaches)
    line.post(firing(name)).wait("10s").stop().wait("20s").start()


DOES: Final[dict[str, Callable[..., object]]] = {
    "fire": lambda line, names: line.post(*map(firing, dict.fromkeys(names))),
    "resolve": lambda line, names: line.post(*map(resolved, dict.fromkeys(names))),
    "wait": Timeline.wait,
    "crash": lambda line, duration: line.stop().wait(duration).start(),
    "hold": hold,
    "release": Timeline.release,
    "comes": lambda line, action, result, touched: line.world.fails(action, result, touched=touched),
    "helps": lambda line, ok: line.world.verify.append(ok),
    "seen": lambda line, found: setattr(line.world, "look", found),
    "fires": lambda line, answer: setattr(line.world, "firing", answer),
    "object": see,
    "changes": lambda line: setattr(line.world, "generation", line.world.generation + 1),
    "late": late,
    "approve": approve,
    "all approve": approve_all,
    "deny": lambda line, number, who: decide(line, DenyRun, number, who),
    "cancel": lambda line, number, who: decide(line, CancelRun, number, who),
    "say": say,
    "ask": lambda line, name, target, who: line.give(
        StartRun(name, {"deployment": target}, who, "because", "api"), who
    ),
    "sign": sign,
    "reset": lambda line, name: line.give(ResetRunbook(name, "mended", "ann"), "ann"),
    "freeze": freeze,
    "lift": lift,
    "cut off": cut_off,
    "well": well,
    "life": life,
}


def chosen(line: Timeline, number: int) -> Run | None:
    """One of the last runs, the open ones first."""
    runs = sorted(line.state.runs.values(), key=lambda run: (run.open, run.number), reverse=True)
    return runs[number % len(runs)] if runs else None


# -- what must hold ---------------------------------------------------------------------------


def acting(line: Timeline) -> list[Run]:
    return [run for run in line.state.runs.values() if run.acted_at and run.open]


def check(line: Timeline) -> None:
    """What must hold at each moment."""
    going = acting(line)
    assert len(going) <= LIMITS.together
    assert len({run.target_key for run in going}) == len(going), "two runs act on one target"
    assert [step for step, times in line.world.carried.items() if times > 1] == [], "done twice"
    acted = [run for run in line.state.runs.values() if run.acted_at]
    for run in acted:
        within_budget(run, acted)


def within_budget(run: Run, acted: Sequence[Run]) -> None:
    """At its beginning there was room for this run, itself counted."""

    def count(window: Nanoseconds, some: Sequence[Run]) -> int:
        return sum(run.acted_at - window < one.acted_at <= run.acted_at for one in some)

    on_target = [one for one in acted if one.target_key == run.target_key]
    assert count(DAY, on_target) <= LIMITS.attempts_per_target
    assert count(HOUR, [one for one in acted if one.runbook == run.runbook]) <= LIMITS.rate_runbook
    assert count(HOUR, on_target) <= LIMITS.rate_service
    assert count(HOUR, acted) <= LIMITS.rate_global
    for one in on_target:
        if one.runbook == run.runbook and one.acted_at < run.acted_at:
            assert run.acted_at >= one.ended_at + REST, "the target has not rested"
    for episode in run.episodes[:1]:
        lives = [one for one in acted if episode in one.episodes and one.acted_at <= run.acted_at]
        assert len(lives) <= LIMITS.attempts_per_episode


LEGAL: Final = {(was, now) for was, possible in MOVES.items() for now in possible}


def check_stories(line: Timeline) -> None:
    """Each run took moves that exist, one after the other; every order is on record before it."""
    at: dict[str, str] = {}
    for event in line.events_of(RunMoved):
        assert event.was == at.get(event.run, "proposed")
        assert (event.was, event.now) in LEGAL
        at[event.run] = event.now
    ordered = [act.key for act in line.world.asked if isinstance(act, Execute)]
    assert len(set(ordered)) == len(ordered)
    assert sorted(event.key for event in line.events_of(StepIntended)) == sorted(ordered)
    assert {key for key, _ in line.world.carried} <= {key.rpartition("-")[0] for key in ordered}


@settings(max_examples=25, phases=set(Phase) - {Phase.explain})
@given(st.lists(HAPPENS, min_size=8, max_size=40), st.sampled_from([True, True, False]))
def test_runs_keep_to_their_budgets_and_end_whatever_happens(happens: list[Happens], signed: bool) -> None:
    world = Watched()
    with Timeline(rules(), check=False, world=world) as line:
        world.line = line
        if signed:
            sign(line, ONCE)
        for what in happens:
            DOES[what[0]](line, *what[1:])
            check(line)
        well(line)
        line.wait("3h")
        check(line)
        check_stories(line)
        assert {run.state for run in line.state.runs.values() if run.open} <= {"unknown"}
        line.skip()
