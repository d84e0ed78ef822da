import pytest
from msgspec.structs import replace

from responder.core.freeze import Freeze
from responder.core.model import DAY, MINUTE, SECOND
from responder.core.plan import Probe
from responder.core.runbook import ActionStep, Query
from tests.core.guards.situations import NOW, PLAN, RUNBOOK, answer, facts, run, verdict


def frozen(scope: str, *, until: int = NOW + MINUTE, hard: bool = False) -> tuple[Freeze, ...]:
    return (Freeze("f1", scope, "migration", "alice", NOW - MINUTE, until, hard),)


# -- freeze -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scope",
    [
        "global",
        "cluster=prod",
        "service=shop/cart",
        "runbook=pod-restarts",
        "action=kubernetes.rollout_restart",
        "action=kubernetes.rollout_undo",
    ],
)
def test_a_freeze_of_any_scope_that_covers_the_run_denies(scope: str) -> None:
    result = answer("freeze", freezes=frozen(scope))
    assert result.verdict == "deny"
    assert result.reason == f"{scope} is frozen by alice until 03:01:00Z: migration (f1)"
    assert result.retry_at == 0


@pytest.mark.parametrize(
    "scope",
    ["cluster=lab", "service=shop/web", "service=other/cart", "runbook=another", "action=kubernetes.scale"],
)
def test_a_freeze_of_something_else_does_not(scope: str) -> None:
    assert verdict("freeze", freezes=frozen(scope)) == "allow"


def test_a_freeze_holds_until_its_end_and_no_longer() -> None:
    assert verdict("freeze", freezes=frozen("global", until=NOW + 1)) == "deny"
    assert verdict("freeze", freezes=frozen("global", until=NOW)) == "allow"


def test_a_freeze_that_ends_another_day_says_which() -> None:
    result = answer("freeze", freezes=frozen("global", until=NOW + DAY))
    assert result.reason == "global is frozen by alice until 2026-01-06T03:00:00Z: migration (f1)"


def test_one_freeze_among_others_is_enough() -> None:
    freezes = (*frozen("cluster=lab"), *frozen("global", until=NOW - 1), *frozen("cluster=prod"))
    assert verdict("freeze", freezes=freezes) == "deny"


def test_a_freeze_of_a_place_denies_where_the_place_is_not_known() -> None:
    assert verdict("freeze", freezes=frozen("cluster=lab"), run=run(target=None), plan=None) == "deny"


def test_an_action_of_the_page_is_frozen_before_there_is_a_plan() -> None:
    assert verdict("freeze", freezes=frozen("action=kubernetes.rollout_restart"), plan=None) == "deny"


def test_only_a_hard_freeze_stops_a_rollback() -> None:
    rolling = run(rolling=True)
    assert verdict("freeze", freezes=frozen("global"), run=rolling) == "allow"
    assert verdict("freeze", freezes=frozen("global", hard=True), run=rolling) == "deny"


# -- blocking -----------------------------------------------------------------------------------


def test_what_people_do_not_hear_of_is_not_acted_on() -> None:
    result = answer("blocking", hidden="silence s1")
    assert (result.verdict, result.reason) == ("deny", "its alerts are hidden by silence s1")


# -- precondition -------------------------------------------------------------------------------


def test_every_precondition_must_hold() -> None:
    page = replace(RUNBOOK, preconditions=(Query("a"), Query("b")))
    both = (Probe("a", True), Probe("b", True))
    one = (Probe("a", True), Probe("b", False, "no sample"))
    assert verdict("precondition", runbook=page, facts=facts(probes=both)) == "allow"
    result = answer("precondition", runbook=page, facts=facts(probes=one))
    assert (result.verdict, result.reason) == ("deny", "b does not hold: no sample")
    assert verdict("precondition", runbook=page, facts=facts(probes=both[:1])) == "deny"


def test_before_a_step_an_answer_must_be_new() -> None:
    assert verdict("precondition", facts=facts(at=NOW - 5 * SECOND)) == "allow"
    assert verdict("precondition", facts=facts(at=NOW - 5 * SECOND - 1)) == "deny"
    assert verdict("precondition", facts=facts(at=NOW - 14 * MINUTE), when="approval") == "allow"


def test_a_page_without_preconditions_needs_no_answers() -> None:
    assert verdict("precondition", runbook=replace(RUNBOOK, preconditions=()), facts=None) == "allow"


# -- plan_first ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, runbook="another"),
        replace(PLAN, runbook_hash="page-0"),
        replace(PLAN, steps=()),
        replace(PLAN, steps=(replace(PLAN.steps[0], calls=()),)),
        replace(PLAN, steps=(replace(PLAN.steps[0], action="rm"),)),
    ],
    ids=["of another page", "of an older page", "without steps", "without calls", "of an unknown action"],
)
def test_a_plan_that_does_not_say_exactly_what_the_page_does_denies(plan: object) -> None:
    assert verdict("plan_first", plan=plan) == "deny"


def test_a_page_that_changed_since_the_proposal_denies() -> None:
    plan = replace(PLAN, runbook_hash="page-2")
    page = replace(RUNBOOK, hash="page-2")
    assert verdict("plan_first", plan=plan, runbook=page) == "deny"
    assert verdict("plan_first", plan=plan, runbook=page, run=run(runbook_hash="page-2")) == "allow"
    assert verdict("plan_first", plan=plan, runbook=page, run=run(rolling=True)) == "allow"


def test_a_later_step_may_have_bounds_instead_of_calls() -> None:
    later = replace(PLAN.steps[0], calls=(), bounds="at most 5 replicas")
    page = replace(RUNBOOK, steps=(*RUNBOOK.steps, ActionStep(later.action)))
    plan = replace(PLAN, steps=(*PLAN.steps, later))
    assert verdict("plan_first", plan=plan, runbook=page) == "allow"


# -- provenance and write_ahead -----------------------------------------------------------------


def test_alerts_from_whom_nobody_trusts_start_nothing() -> None:
    result = answer("provenance", trusted=False)
    assert result.reason == "alerts from prometheus may not start runs (guards.triggers)"
    assert result.verdict == "deny"
    assert answer("provenance", trusted=False, run=run(trigger="")).reason == (
        "alerts from anonymous may not start runs (guards.triggers)"
    )


@pytest.mark.parametrize(
    ("requested_by", "person", "expected"),
    [
        ("alice", "alice", "allow"),
        ("ci-token", "", "allow"),
        ("", "", "deny"),
        ("anonymous", "", "deny"),
    ],
)
def test_whoever_asks_has_a_name(requested_by: str, person: str, expected: str) -> None:
    asked = run(via="cli", requested_by=requested_by, person=person)
    assert verdict("provenance", run=asked, trusted=False) == expected


def test_without_a_journal_nothing_is_done() -> None:
    assert verdict("write_ahead", durable=False) == "deny"
