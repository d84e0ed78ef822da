from dataclasses import replace

import pytest

from responder.core.model import DAY, MINUTE, SECOND
from responder.core.runbook import Tightening
from tests.core.guards.situations import NOW, PLAN, RULES, RUNBOOK, answer, facts, run, said, verdict

TIGHTER = replace(RUNBOOK, guards=Tightening(min_age=5 * MINUTE))
LAXER = replace(RUNBOOK, guards=Tightening(min_age=SECOND))


# -- trigger_age --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "least"), [(RUNBOOK, 2 * MINUTE), (TIGHTER, 5 * MINUTE), (LAXER, 2 * MINUTE)]
)
def test_a_young_alert_is_looked_at_again_when_it_is_old_enough(page: object, least: int) -> None:
    result = answer("trigger_age", runbook=page, fires_since=NOW - least + 1)
    assert (result.verdict, result.retry_at) == ("deny", NOW + 1)
    assert verdict("trigger_age", runbook=page, fires_since=NOW - least) == "allow"


def test_a_young_alert_says_how_old_it_is() -> None:
    assert answer("trigger_age", fires_since=NOW - 50 * SECOND).reason == (
        "the alert fires for 50s, it takes 2m; again at 03:01:10Z"
    )


def test_what_would_take_longer_than_a_proposal_waits_is_denied_for_good() -> None:
    begins = NOW + 8 * MINUTE - SECOND  # the run was created a second ago
    assert answer("trigger_age", fires_since=begins).retry_at == NOW + 10 * MINUTE - SECOND
    result = answer("trigger_age", fires_since=begins + 1)
    assert (result.verdict, result.retry_at) == ("deny", 0)


def test_an_alert_that_is_over_starts_nothing() -> None:
    result = answer("trigger_age", fires_since=None)
    assert (result.verdict, result.retry_at) == ("deny", 0)
    result = answer("trigger_age", facts=facts(firing="no"))
    assert (result.verdict, result.reason) == ("deny", "the alert fires no more: prometheus was asked")


def test_before_a_step_nothing_is_known_without_facts() -> None:
    result = answer("trigger_age", facts=None, asks_prometheus=False, when="step")
    assert (result.verdict, result.reason) == ("deny", "cannot tell: whether the alert still fires")
    assert verdict("trigger_age", facts=None, asks_prometheus=False, when="proposal") == "ask"


def test_before_a_step_prometheus_was_asked_just_now() -> None:
    assert verdict("trigger_age", facts=facts(at=NOW - 30 * SECOND)) == "allow"
    assert verdict("trigger_age", facts=facts(at=NOW - 30 * SECOND - 1)) == "deny"
    assert verdict("trigger_age", facts=facts(at=NOW - 10 * MINUTE), when="approval") == "allow"


def test_where_nobody_can_be_asked_a_person_says_yes() -> None:
    nobody = {"asks_prometheus": False, "facts": facts(firing="unknown", firing_asked="")}
    result = answer("trigger_age", **nobody)
    assert (result.verdict, result.approvals) == ("ask", 1)
    assert verdict("trigger_age", **nobody, run=run(approvals=said(PLAN, "alice"))) == "allow"
    assert verdict("trigger_age", **nobody, seen_at=NOW - DAY + 1) == "ask"
    assert verdict("trigger_age", **nobody, seen_at=NOW - DAY) == "deny"
    assert verdict("trigger_age", **nobody, stale_after=MINUTE) == "deny"


def test_whoever_was_asked_is_believed_even_if_it_was_not_prometheus() -> None:
    assert verdict("trigger_age", asks_prometheus=False, seen_at=0) == "allow"
    assert verdict("trigger_age", asks_prometheus=False, facts=facts(firing="no")) == "deny"


# -- flap ---------------------------------------------------------------------------------------


def test_an_alert_that_comes_and_goes_starts_nothing() -> None:
    assert verdict("flap", flaps=4) == "allow"
    result = answer("flap", flaps=5)
    assert (result.verdict, result.retry_at) == ("deny", 0)
    assert (
        result.reason
        == "its alerts came and went 5 times in 30m, the limit is 4; a person may ask for the run"
    )
    assert verdict("flap", flaps=1, rules=replace(RULES, flaps=0)) == "deny"
