from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from responder.core.guardrules import Evidence
from responder.core.guards import effective_mode
from responder.core.model import DAY, HOUR, MINUTE, SECOND
from responder.core.run import Run, RunState
from responder.core.runbook import Mode, NotifyStep, Risk, Tightening
from tests.core.guards.situations import (
    NOW,
    PLAN,
    RULES,
    RUNBOOK,
    acted,
    answer,
    but,
    run,
    said,
    situation,
    verdict,
)

NAME = RUNBOOK.name


GOOD: list[RunState] = ["succeeded"]


def record(*states: RunState, person: str = "", approved: bool = True, begin: int = DAY) -> tuple[Run, ...]:
    """Runs of the runbook, the newest first."""
    return tuple(
        acted(
            100 + n,
            begin + n * HOUR,
            state,
            runbook=NAME,
            person=person,
            approvals=said(PLAN, "alice") if approved else (),
        )
        for n, state in enumerate(states)
    )


def asked_by(person: str, **changed: Any) -> Run:
    return run(via="slack", requested_by=person, person=person, **changed)


def mode_of(**changed: Any) -> Mode:
    return effective_mode(situation(**changed))[0]


# -- the effective mode -------------------------------------------------------------------------

MODES: tuple[Mode, ...] = ("observe", "suggest", "approve", "auto")


@pytest.mark.parametrize("ceiling", MODES)
@pytest.mark.parametrize("own", MODES)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("failed", [True, False])
def test_the_lowest_of_five_is_the_mode(
    own: Mode, ceiling: Mode, signed: bool, shown: bool, failed: bool
) -> None:
    limits: list[Mode] = [own, ceiling, *(["approve"] * (not signed or not shown or failed))]  # type: ignore[list-item]
    effective, limit = effective_mode(
        situation(
            runbook=replace(RUNBOOK, mode=own),
            rules=replace(RULES, mode=ceiling, evidence=Evidence(runs=0 if shown else 1)),
            signed={NAME: RUNBOOK.hash} if signed else {},
            runs=record("failed", "failed") if failed else (),
        )
    )
    assert effective == min(limits, key=MODES.index)
    assert limit


def test_what_the_limit_is_is_said() -> None:
    def limit(**changed: Any) -> str:
        return effective_mode(situation(**changed))[1]

    page = replace(RUNBOOK, mode="approve")
    assert limit() == "the page says so"
    assert limit(runbook=page, signed={}) == "the page says so"
    assert limit(rules=replace(RULES, mode="suggest")) == "guards.mode says so"
    assert limit(signed={NAME: "page-0"}) == "nobody has signed the page as it is now"
    runs = record("failed", "failed")
    assert limit(runs=runs) == "its last 2 runs failed, and nobody has reset it since"
    runs = record("rolled_back", "succeeded")
    assert limit(runs=runs) == f"its run {runs[0].id} was rolled back, and nobody has reset it since"


@pytest.mark.parametrize("signed", [{}, {"another": "page-1"}, {NAME: "page-0"}, {NAME: ""}])
def test_a_page_that_nobody_signed_as_it_is_asks(signed: dict[str, str]) -> None:
    assert mode_of(signed=signed) == "approve"


def test_a_page_without_a_hash_is_not_signed_by_an_empty_one() -> None:
    assert mode_of(runbook=replace(RUNBOOK, hash=""), signed={NAME: ""}) == "approve"


# -- evidence -----------------------------------------------------------------------------------

ASKING = replace(RULES, evidence=Evidence(), failures_in_row=10, failures_of_ten=10)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (record(*GOOD * 10), "auto"),
        (record(*GOOD * 9), "approve"),
        (record(*GOOD * 10, approved=False), "approve"),
        (record(*GOOD * 10, approved=False, person="alice"), "auto"),
        (record("failed", *GOOD * 18), "approve"),  # 94.7%
        (record("failed", *GOOD * 19), "auto"),  # 95%
        (record(*GOOD * 19, "rolled_back"), "approve"),
        (record("failed", *GOOD * 9), "approve"),  # ten were approved, nine helped
    ],
    ids=lambda value: f"{len(value)}" if isinstance(value, Sequence) and not isinstance(value, str) else None,
)
def test_trust_is_earned_by_runs_that_people_approved_and_that_helped(
    runs: tuple[Run, ...], expected: str
) -> None:
    assert mode_of(rules=ASKING, runs=runs) == expected


def test_a_failure_never_adds_to_the_evidence() -> None:
    rules = replace(RULES, evidence=Evidence(runs=1, verified=0.0))
    assert mode_of(rules=rules, runs=record("failed")) == "approve"
    assert mode_of(rules=rules, runs=record("failed", "succeeded")) == "auto"


def test_evidence_is_of_the_same_runbook_and_of_the_last_thirty_days() -> None:
    ten = record(*GOOD * 10, begin=30 * DAY - 10 * HOUR)
    assert mode_of(rules=ASKING, runs=ten) == "auto"
    assert mode_of(rules=ASKING, runs=ten, now=NOW + HOUR) == "approve"
    assert mode_of(rules=ASKING, runs=tuple(replace(one, runbook="b") for one in ten)) == ("approve")


def test_what_evidence_is_lacking_is_said() -> None:
    def lack(*states: RunState) -> str:
        return effective_mode(situation(rules=ASKING, runs=record(*states)))[1]

    assert lack("succeeded", "failed") == "1 of the 10 approved runs that it takes helped in 30d"
    assert lack("failed", *GOOD * 10) == "10 of 11 approved runs in 30d helped; it takes 95%"
    assert lack("rolled_back", *GOOD * 10) == "1 of its runs in 30d were rolled back"


# -- after failures -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["failed", "failed", "succeeded"], "approve"),
        (["failed", "succeeded", "failed"], "auto"),
        (["succeeded", "failed", "failed"], "auto"),
        (["failed", "succeeded", "failed", "succeeded", "failed"], "approve"),
        (["failed", *GOOD * 8, "failed", "failed"], "auto"),  # the eleventh is not looked at
        (["failed", *GOOD * 7, "failed", "failed"], "approve"),
        ([*["failed", "succeeded"] * 4], "approve"),
        (["rolled_back"], "approve"),
        (["succeeded", "rollback_failed"], "approve"),
        (["rolling_back"], "approve"),
        (["failed", "cancelled", "failed"], "approve"),  # who was called off says nothing
        (["cancelled", "cancelled", "cancelled"], "auto"),
        (["failed"], "auto"),
    ],
)
def test_failures_take_the_trust_away(states: list[RunState], expected: str) -> None:
    assert mode_of(runs=record(*states)) == expected


def test_failures_before_a_reset_do_not_count() -> None:
    runs = record("failed", "failed", "rolled_back")
    assert mode_of(runs=runs, reset_at={NAME: NOW - DAY}) == "auto"
    assert mode_of(runs=runs, reset_at={NAME: NOW - DAY - HOUR}) == "auto"  # one has failed since
    assert mode_of(runs=runs, reset_at={NAME: NOW - DAY - 2 * HOUR}) == "approve"
    assert mode_of(runs=runs, reset_at={"another": NOW}) == "approve"


def test_a_failure_is_remembered_for_longer_than_evidence_is_looked_for() -> None:
    rules = replace(RULES, evidence=Evidence(runs=0, within=HOUR))
    assert mode_of(rules=rules, runs=record("failed", "failed", begin=29 * DAY)) == "approve"
    assert mode_of(rules=rules, runs=record("failed", "failed", begin=30 * DAY)) == "auto"


def test_failures_of_another_runbook_do_not_count() -> None:
    runs = tuple(replace(one, runbook="another") for one in record("failed", "failed"))
    assert mode_of(runs=runs) == "auto"


def test_a_demoted_runbook_asks_and_a_person_is_enough() -> None:
    runs = record("failed", "failed")
    assert but(runs=runs) == {"ask approval", "ask auto_disable"}
    assert but(runs=runs, run=run(approvals=said(PLAN, "alice"))) == set()
    assert but(runs=runs, run=asked_by("alice")) == set()


# -- the guard mode -----------------------------------------------------------------------------


def test_an_alert_starts_nothing_under_a_mode_that_only_looks() -> None:
    denied = ["observe", "suggest"]
    assert [own for own in MODES if verdict("mode", runbook=replace(RUNBOOK, mode=own)) == "deny"] == denied
    result = answer("mode", runbook=replace(RUNBOOK, mode="suggest"))
    assert result.reason == "the mode is suggest: the page says so; a person may ask for the run"
    assert result.data == {"mode": "suggest"}


# -- approvals ----------------------------------------------------------------------------------

BY_RISK = replace(RULES, approvals={"low": 0, "medium": 1, "high": 2})


def risky(risk: Risk, approvals: int | None = None) -> Any:
    return replace(RUNBOOK, risk=risk, mode="approve", guards=Tightening(approvals=approvals))


@pytest.mark.parametrize(
    ("risk", "people", "expected"),
    [
        ("medium", (), ("ask", 1)),
        ("medium", ("alice",), ("allow", 0)),
        ("high", (), ("ask", 2)),
        ("high", ("alice",), ("ask", 2)),
        ("high", ("alice", "alice"), ("ask", 2)),
        ("high", ("alice", ""), ("ask", 2)),
        ("high", ("alice", "bob"), ("allow", 0)),
    ],
)
def test_as_many_distinct_persons_as_the_risk_asks_for(
    risk: Risk, people: tuple[str, ...], expected: tuple[str, int]
) -> None:
    result = answer("approval", rules=BY_RISK, runbook=risky(risk), run=run(approvals=said(PLAN, *people)))
    assert (result.verdict, result.approvals) == expected


@pytest.mark.parametrize(
    ("risk", "approvals", "expected"),
    [("low", None, "allow"), ("medium", None, "allow"), ("medium", 1, "ask"), ("high", None, "ask")],
)
def test_what_goes_by_itself_needs_nobody_below_high_risk_unless_its_page_says_so(
    risk: Risk, approvals: int | None, expected: str
) -> None:
    page = replace(risky(risk, approvals), mode="auto")
    assert verdict("approval", rules=BY_RISK, runbook=page) == expected
    stricter = replace(RULES, approvals={"low": 2, "medium": 2, "high": 3})
    assert answer("approval", rules=stricter, runbook=page).data["needed"] == (3 if risk == "high" else 1)
    token_without_person = run(via="cli", requested_by="ci")
    if risk != "low":
        assert verdict("approval", rules=BY_RISK, runbook=page, run=token_without_person) == "ask"


def test_whoever_asked_is_one_of_them() -> None:
    high = {"rules": BY_RISK, "runbook": risky("high")}
    assert verdict("approval", **high, run=asked_by("alice")) == "ask"
    assert verdict("approval", **high, run=asked_by("alice", approvals=said(PLAN, "alice"))) == "ask"
    assert verdict("approval", **high, run=asked_by("alice", approvals=said(PLAN, "bob"))) == "allow"
    token = run(via="cli", requested_by="ci", approvals=said(PLAN, "bob"))
    assert verdict("approval", **high, run=token) == "ask"
    medium = {"rules": BY_RISK, "runbook": risky("medium")}
    assert verdict("approval", **medium, run=asked_by("alice")) == "allow"


def test_an_alert_is_nobody() -> None:
    proposed = run(person="alice", requested_by="alice", approvals=said(PLAN, "bob"))
    assert verdict("approval", rules=BY_RISK, runbook=risky("high"), run=proposed) == "ask"


def test_a_yes_to_another_plan_does_not_count() -> None:
    other = replace(PLAN, parameters={"replicas": "5"})
    approved = run(approvals=(*said(other, "alice", "bob"), *said(PLAN, "carol")))
    result = answer("approval", rules=BY_RISK, runbook=risky("high"), run=approved)
    assert (result.verdict, result.data) == ("ask", {"needed": 2, "have": 1, "risk": "high"})
    assert result.reason == (
        "high risk: 2 distinct persons must say yes to this plan, 1 so far (carol); a yes is good for 15m"
    )


def test_once_begun_a_yes_holds_for_what_the_later_steps_turn_out_to_be() -> None:
    later = replace(PLAN, steps=tuple(replace(step, observed={"revision": 8}) for step in PLAN.steps))
    high = {"rules": BY_RISK, "runbook": risky("high"), "plan": later}
    both = said(PLAN, "alice", "bob")
    assert verdict("approval", **high, run=run(approvals=both)) == "ask"
    assert verdict("approval", **high, run=run(approvals=both, acted_at=NOW)) == "allow"
    mixed = (*said(later, "carol"), *both[1:])
    assert verdict("approval", **high, run=run(approvals=mixed, acted_at=NOW)) == "ask"


def test_the_greatest_risk_counts_whoever_names_it() -> None:
    def needed(**changed: Any) -> object:
        return answer("approval", rules=BY_RISK, **changed).data["risk"]

    assert needed() == "medium"  # the actions' own
    assert needed(runbook=risky("high")) == "high"
    step = replace(PLAN.steps[0], risk="high")
    assert needed(plan=replace(PLAN, steps=(step,))) == "high"
    assert needed(plan=replace(PLAN, on_failure=(step,))) == "high"
    low = replace(PLAN, steps=(), on_failure=())
    assert needed(plan=low, runbook=replace(RUNBOOK, steps=(), on_failure=())) == "low"


def test_a_page_may_ask_for_more_persons_and_not_for_fewer() -> None:
    def needed(approvals: int, risk: Risk) -> int:
        return answer("approval", rules=BY_RISK, runbook=risky(risk, approvals)).approvals

    assert (needed(3, "medium"), needed(0, "high")) == (3, 2)


def test_below_auto_one_person_at_least_is_asked() -> None:
    page = replace(RUNBOOK, mode="approve")
    assert but(runbook=page) == {"ask approval"}
    assert answer("approval", runbook=page).approvals == 1
    assert but(runbook=page, run=run(approvals=said(PLAN, "alice"))) == set()
    assert but(signed={}) == {"ask approval"}
    # The mode is about alerts: a machine's token may ask for what has no risk.
    assert but(runbook=page, run=run(via="cli", requested_by="ci")) == set()


def test_a_yes_is_good_for_a_while() -> None:
    def after(ago: int, **changed: Any) -> str:
        approved = run(approvals=said(PLAN, "alice", at=NOW - ago), **changed)
        return verdict("approval", rules=BY_RISK, runbook=changed_page, run=approved)

    changed_page = risky("medium")
    assert after(15 * MINUTE - 1) == "allow"
    assert after(15 * MINUTE) == "ask"
    assert after(DAY, acted_at=NOW - HOUR) == "allow"
    changed_page = replace(RUNBOOK, mode="approve", guards=Tightening(expires=MINUTE))
    assert after(MINUTE) == "ask"
    changed_page = replace(RUNBOOK, mode="approve", guards=Tightening(expires=DAY))
    assert after(15 * MINUTE) == "ask"


def test_a_first_yes_is_as_good_as_the_second_one() -> None:
    approvals = (*said(PLAN, "alice", at=NOW - 16 * MINUTE), *said(PLAN, "bob", at=NOW - 2 * MINUTE))
    approved = run(approvals=approvals)
    assert verdict("approval", rules=BY_RISK, runbook=risky("high"), run=approved) == "allow"


def test_a_request_that_nobody_acted_on_lapses_too() -> None:
    medium = {"rules": BY_RISK, "runbook": risky("medium")}
    assert verdict("approval", **medium, run=asked_by("alice", created_at=NOW - 15 * MINUTE)) == "ask"


def test_an_approval_that_came_too_late_is_refused() -> None:
    approved = run(approvals=said(PLAN, "alice"), expires_at=NOW)
    result = answer("approval", when="approval", run=approved)
    assert (result.verdict, result.reason) == (
        "deny",
        "the approval came too late: it was waited for until 03:00:00Z",
    )
    in_time = run(approvals=said(PLAN, "alice"), expires_at=NOW + 1)
    assert verdict("approval", when="approval", run=in_time) == "allow"
    assert verdict("approval", when="step", run=approved) == "allow"


# -- verify -------------------------------------------------------------------------------------


def test_what_cannot_be_seen_to_help_does_not_go_by_itself() -> None:
    blind = replace(RUNBOOK, verify=())
    assert but(runbook=blind) == {"ask verify"}
    assert answer("verify", runbook=blind).approvals == 1
    assert but(runbook=blind, run=run(approvals=said(PLAN, "alice"))) == set()
    assert but(runbook=blind, run=asked_by("alice")) == set()
    assert verdict("verify", runbook=replace(blind, mode="approve")) == "allow"
    assert verdict("verify", runbook=replace(blind, steps=(NotifyStep("ops"),))) == "allow"


def test_without_a_prometheus_nothing_can_be_seen_to_help() -> None:
    assert verdict("verify", asks_prometheus=False) == "ask"


def test_a_yes_that_lapsed_answers_nobody() -> None:
    lapsed = run(approvals=said(PLAN, "alice", at=NOW - HOUR))
    assert verdict("verify", runbook=replace(RUNBOOK, verify=()), run=lapsed) == "ask"
    assert (
        verdict("verify", runbook=replace(RUNBOOK, verify=()), run=run(created_at=NOW - 9 * SECOND)) == "ask"
    )
