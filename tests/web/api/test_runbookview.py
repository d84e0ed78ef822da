"""Runbooks as the API writes them; `test_runbooks` has whole answers."""

from msgspec.structs import replace

from responder.core.matching import parse_matchers
from responder.core.model import MINUTE, SECOND
from responder.core.runbook import ActionStep, Hold, NotifyStep, Query, Verify, WaitStep
from responder.core.state import Changes, Signature, State
from responder.web.api.runbookview import RunbookView
from tests.clock import MONDAY
from tests.core.words import rules
from tests.web.api.office import PAGE

RULES = rules()


def test_every_kind_of_step_and_limit() -> None:
    page = replace(
        PAGE,
        matchers=(PAGE.matchers[0], parse_matchers('alertname="Other",env=prod').matchers),
        target=None,
        preconditions=(Query("up"),),
        steps=(WaitStep(MINUTE), ActionStep("kubernetes.rollout_restart", {"x": "${y}"}, 2 * MINUTE)),
        verify=(Verify(Query("ok"), 3, 10 * SECOND, 5 * MINUTE, 30 * SECOND),),
        on_failure=(NotifyStep("pager"),),
        hold=Hold(("pager", "mail"), 5 * MINUTE),
    )
    shown = RunbookView(State(RULES), RULES, MONDAY).whole(page)
    assert shown["match"] == [['alertname="PodRestartsHigh"'], ['alertname="Other"', 'env="prod"']]
    assert {
        key: shown[key] for key in ("target", "preconditions", "steps", "verify", "on_failure", "hold")
    } == {
        "target": None,
        "preconditions": ["up"],
        "steps": [
            {"wait": "1m"},
            {"action": "kubernetes.rollout_restart", "arguments": {"x": "${y}"}, "timeout": "2m"},
        ],
        "verify": [{"query": "ok", "good": 3, "every": "10s", "within": "5m", "settle": "30s"}],
        "on_failure": [{"notify": "pager"}],
        "hold": {"receivers": ["pager", "mail"], "for": "5m"},
    }


def test_the_risk_is_the_greatest_of_the_pages_and_its_actions() -> None:
    view = RunbookView(State(RULES), RULES, MONDAY)
    assert view.brief(replace(PAGE, risk="low"))["risk"] == "medium"
    assert view.brief(replace(PAGE, risk="high"))["risk"] == "high"
    assert view.brief(replace(PAGE, risk="low", steps=()))["risk"] == "low"


def test_a_signature_of_another_text_does_not_count() -> None:
    state = State(RULES)
    state.apply(Changes(signatures={PAGE.name: Signature(PAGE.name, "b" * 64, "boss", MONDAY, "read it")}))
    brief = RunbookView(state, RULES, MONDAY).brief(PAGE)
    assert (brief["signed"], brief["signature"]["hash"], brief["effective_mode"]) == (
        False,
        "b" * 64,
        "approve",
    )
    state.apply(Changes(signatures={PAGE.name: Signature(PAGE.name, reset_at=MONDAY)}))
    brief = RunbookView(state, RULES, MONDAY).brief(PAGE)
    assert (brief["signature"], brief["reset_at"]) == (None, "2026-01-05T00:00:00Z")
