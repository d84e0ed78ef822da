"""A run that every guard allows, and ways to make it worse, for tests of the guards."""

from typing import Any, Final

from msgspec.structs import replace

from responder.core.guardrules import Allowed, Evidence, GuardRules
from responder.core.guards import Situation, evaluate
from responder.core.model import HOUR, MINUTE, SECOND, Nanoseconds
from responder.core.plan import Facts, ObjectFacts, Plan, PlannedStep, Probe, TargetRef
from responder.core.run import Approval, Episode, GuardResult, Run, RunState
from responder.core.runbook import ActionStep, Query, Runbook, Verify
from tests.clock import MONDAY

NOW: Final = MONDAY + 3 * HOUR
RESTART: Final = "kubernetes.rollout_restart"
UNDO: Final = "kubernetes.rollout_undo"

TARGET: Final = TargetRef("prod", "shop", "Deployment", "cart", "uid-1")
OTHER: Final = TargetRef("prod", "shop", "Deployment", "web", "uid-2")

RUNBOOK: Final = Runbook(
    name="pod-restarts",
    title="Pods restart too often",
    hash="page-1",
    mode="auto",
    risk="low",
    preconditions=(Query("up == 1"),),
    steps=(ActionStep(RESTART),),
    verify=(Verify(Query("restarts < 1")),),
    on_failure=(ActionStep(UNDO),),
)
RULES: Final = GuardRules(
    allow=(Allowed(RESTART, "prod"), Allowed(UNDO, "prod", "shop", "cart")),
    evidence=Evidence(runs=0),
    approvals={"low": 0, "medium": 0, "high": 2},
)
PLAN: Final = Plan(
    runbook=RUNBOOK.name,
    runbook_hash=RUNBOOK.hash,
    parameters={},
    target=TARGET,
    steps=(PlannedStep(RESTART, TARGET, ("PATCH cart",), risk="medium"),),
    on_failure=(PlannedStep(UNDO, TARGET, bounds="one revision back", risk="medium"),),
)
EPISODE: Final = Episode("fp-1", NOW - HOUR, 1)


def run(number: int = 1, **changed: Any) -> Run:
    """A run that was proposed a moment ago."""
    made = Run(
        number=number,
        runbook=RUNBOOK.name,
        runbook_hash=RUNBOOK.hash,
        parameters={},
        target=TARGET,
        state="proposed",
        created_at=NOW - SECOND,
        mode="auto",
        risk="low",
        trigger="prometheus",
        episodes=(EPISODE,),
    )
    return replace(made, **changed)


def acted(number: int, ago: Nanoseconds, state: RunState = "succeeded", **changed: Any) -> Run:
    """A run on something else, of another runbook, for another alert, that acted and ended so long ago."""
    is_open = state in ("executing", "waiting", "verifying", "unknown", "rolling_back")
    usual: dict[str, Any] = {
        "runbook": "another",
        "target": TargetRef("lab", "else", "Deployment", f"d{number}", f"uid-{number}"),
        "state": state,
        "created_at": NOW - ago - SECOND,
        "acted_at": NOW - ago,
        "ended_at": 0 if is_open else NOW - ago,
        "episodes": (Episode(f"fp-{number}", NOW - HOUR, number),),
    }
    return run(number, **{**usual, **changed})


def situation(**changed: Any) -> Situation:
    """One in which every guard allows, but for what is changed."""
    made = Situation(
        now=NOW,
        when="step",
        run=run(),
        runbook=RUNBOOK,
        rules=RULES,
        plan=PLAN,
        facts=Facts(
            NOW - SECOND,
            ObjectFacts(desired=4, healthy=4, takes=1),
            "yes",
            "prometheus",
            (Probe("up == 1", True),),
        ),
        signed={RUNBOOK.name: RUNBOOK.hash},
        fires_since=NOW - HOUR,
        seen_at=NOW - MINUTE,
        flaps=0,
        hidden="",
        trusted=True,
        asks_prometheus=True,
    )
    return replace(made, **changed)


def facts(**changed: Any) -> Facts:
    """The usual facts, but for what is changed."""
    usual = situation().facts
    assert usual is not None
    return replace(usual, **changed)


def said(plan: Plan, *people: str, at: Nanoseconds = NOW - SECOND) -> tuple[Approval, ...]:
    """These people said yes to a plan."""
    return tuple(Approval(person, at, plan.hash) for person in people)


def answer(guard: str, **changed: Any) -> GuardResult:
    """What one guard says."""
    return next(result for result in evaluate(situation(**changed)) if result.guard == guard)


def verdict(guard: str, **changed: Any) -> str:
    """Its verdict alone."""
    return answer(guard, **changed).verdict


def but(**changed: Any) -> set[str]:
    """The guards that do not allow it, with their verdicts: `deny freeze`."""
    results = evaluate(situation(**changed))
    return {f"{result.verdict} {result.guard}" for result in results if result.verdict != "allow"}
