"""What the journal says of runs, freezes, signatures and acknowledgements, in words."""

from typing import Any, get_args

import msgspec
import pytest

from responder.cli.journalruns import run_event, steering_event, verdict_lines
from responder.core.messages import (
    AcknowledgementEnded,
    Escalated,
    Event,
    FreezeLifted,
    FreezePut,
    IncidentAcknowledged,
    Noted,
    RunApproved,
    RunbookReset,
    RunbookSigned,
    RunJoined,
    RunJudged,
    RunMoved,
    RunPlanned,
    RunProposed,
    StepEnded,
    StepIntended,
)
from responder.core.plan import Plan, PlannedStep, TargetRef
from responder.core.run import GuardResult
from responder.store.journal import canonical

TARGET = TargetRef("prod", "shop", "Deployment", "checkout")
PLAN = Plan(
    "p", "a" * 64, {}, TARGET, (PlannedStep("kubernetes.rollout_restart", TARGET), PlannedStep("wait"))
)
VERDICTS = [
    GuardResult("freeze", "allow", "nothing is frozen"),
    GuardResult("approval", "ask", "1 person", approvals=1),
    GuardResult("cooldown", "deny", "too soon"),
]
EVENTS: list[tuple[Event, str]] = [
    (
        RunProposed("r1-a", "pods", "a" * 64, "prod/shop/Deployment/checkout", {}, "alert 7", [7]),
        "run r1-a is proposed: pods for prod/shop/Deployment/checkout, by alert 7: A",
    ),
    (
        RunProposed("r1-a", "pods", "a" * 64, "", {}, "alice", []),
        "run r1-a is proposed: pods, for no target, by alice",
    ),
    (RunJoined("r1-a", [7]), "run r1-a answers as well: A"),
    (
        RunJudged("r1-a", "step 1", "b" * 64, VERDICTS),
        "run r1-a is judged (step 1): cooldown denies, approval asks",
    ),
    (RunJudged("r1-a", "proposal", "", VERDICTS[:1]), "run r1-a is judged (proposal): all 1 guards allow it"),
    (
        RunPlanned("r1-a", "b" * 64, PLAN),
        "run r1-a has the plan bbbbbbbbbbbb: kubernetes.rollout_restart prod/shop/Deployment/checkout; wait",
    ),
    (
        RunMoved("r1-a", "proposed", "denied", "cooldown", "too soon"),
        "run r1-a: proposed -> denied (cooldown): too soon",
    ),
    (
        RunMoved("r1-a", "awaiting_approval", "approved", by="alice"),
        "run r1-a: awaiting_approval -> approved, by alice",
    ),
    (
        RunApproved("r1-a", "alice", "b" * 64, 1, 2, "slack"),
        "run r1-a: alice approves plan bbbbbbbbbbbb via slack, 1 of 2",
    ),
    (
        StepIntended("r1-a", 0, "kubernetes.rollout_restart", "prod/shop/Deployment/checkout", "k", "12:00"),
        "run r1-a: step 1 is to be done, not after 12:00: "
        "kubernetes.rollout_restart prod/shop/Deployment/checkout",
    ),
    (StepEnded("r1-a", 0, "applied"), "run r1-a: step 1 is applied"),
    (StepEnded("r1-a", 1, "unknown", "no answer"), "run r1-a: step 2 is unknown: no answer"),
    (
        FreezePut("f-1", "global", "moving", "alice", "12:00", hard=True, withdrawn=["r1-a"]),
        "hard freeze f-1 of global until 12:00, by alice: moving; taken back: r1-a",
    ),
    (
        FreezePut("f-1", "cluster=prod", "moving", "alice", "12:00"),
        "freeze f-1 of cluster=prod until 12:00, by alice: moving",
    ),
    (FreezeLifted("f-1", "global", "time"), "freeze f-1 of global ends, by time"),
    (
        RunbookSigned("pods", "c" * 64, "read it", "boss"),
        "runbook pods cccccccccccc is signed by boss: read it",
    ),
    (RunbookReset("pods", "mended", "boss"), "runbook pods may go by itself again, by boss: mended"),
    (
        IncidentAcknowledged([(1, "1-a"), (2, "2-a")], "alice", "12:00", "mine"),
        "alice takes on 1-a, 2-a until 12:00: mine",
    ),
    (IncidentAcknowledged([(1, "1-a")], "alice", ""), "alice takes on 1-a"),
    (AcknowledgementEnded([(1, "1-a")], "resolved"), "nobody's any more, by resolved: 1-a"),
    (Escalated(7, ["team", "pager"], "it failed"), "group 7: team, pager are to be told now: it failed"),
]


def as_journaled(event: Event) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(canonical(event))
    return decoded


@pytest.mark.parametrize(("event", "line"), EVENTS)
def test_an_event_in_words(event: Event, line: str) -> None:
    body = as_journaled(event)
    assert (run_event(body, "A" if body.get("alerts") else "") or steering_event(body)) == line


def test_what_speaks_against_a_run_is_a_line_for_each_guard() -> None:
    judged = as_journaled(RunJudged("r1-a", "step 1", "b" * 64, VERDICTS))
    assert verdict_lines(judged) == ["  cooldown denies: too soon", "  approval asks: 1 person"]
    assert verdict_lines({"type": "noted"}) == []


def test_every_event_about_runs_has_its_words() -> None:
    about = {type(event) for event, _ in EVENTS}
    here = get_args(Event).index(IncidentAcknowledged)
    assert set(get_args(Event)[here:]) - about == {Noted}


def test_other_events_are_none_of_its_business() -> None:
    assert (run_event({"type": "noted"}, ""), steering_event({"type": "noted"})) == ("", "")
