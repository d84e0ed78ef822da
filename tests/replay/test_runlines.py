"""What a simulation says of runs."""

from dataclasses import replace

from responder.core.guardrules import Allowed, GuardRules
from responder.core.messages import AlertsReceived, Approve, Inspect
from responder.core.model import MINUTE
from responder.replay import Course
from responder.replay.runlines import RunLine, RunLines, unseen, with_clusters
from tests.clock import MONDAY
from tests.core.test_runs import RESTART, page
from tests.core.words import firing, rules

RULES = replace(
    rules(), runbooks={"restart": page()}, guards=GuardRules(allow=(Allowed(RESTART),)), clusters=("prod",)
)


def lines_of(*alerts: str) -> list[RunLine]:
    found: list[RunLine] = []
    runs = RunLines(MONDAY)
    course = Course(RULES, MONDAY, lambda decision, at: found.extend(runs.of(decision, at)), unseen)
    course.advance(MONDAY + MINUTE)
    course.give(AlertsReceived("webhook", b"", tuple(firing(name) for name in alerts)), "simulation")
    course.advance(MONDAY + 30 * MINUTE)
    return found


def test_a_run_is_judged_once_and_what_needs_facts_cannot_tell() -> None:
    (line,) = lines_of("A", "B")
    said = {one.guard: (one.verdict, one.reason) for one in line.verdicts}
    assert (line.at, line.runbook, line.target) == (MINUTE, "restart", "prod/shop/Deployment/checkout")
    assert line.state == "denied"
    assert said["min_healthy"] == (
        "deny",
        "cannot tell: what would be done (a simulation looks at no cluster)",
    )
    assert said["provenance"][0] == "allow"
    document = line.document()
    assert (document["at"], document["type"], document["runbook"]) == (60, "run", "restart")
    assert document["verdicts"][0] == {
        "guard": "freeze",
        "verdict": "allow",
        "reason": "nothing is frozen here",
    }


def test_an_alert_without_a_runbook_has_no_line() -> None:
    assert lines_of("B") == []


def test_every_cluster_that_an_alert_names_is_there() -> None:
    sent = AlertsReceived(
        "webhook", b"", (firing("A", cluster="west"), firing("B"), firing("C", cluster="east"))
    )
    assert with_clusters(rules(), iter([sent])).clusters == ("east", "west")
    assert with_clusters(rules(), iter([])).clusters == ("simulation",)


def test_nothing_but_a_look_is_answered() -> None:
    asked: list[object] = []
    course = Course(RULES, MONDAY, lambda decision, at: asked.extend(decision.effects))
    course.give(AlertsReceived("webhook", b"", (firing("A"),)), "simulation")
    (look,) = [effect for effect in asked if isinstance(effect, Inspect)]
    answer = unseen(look, MONDAY)
    assert answer is not None
    course.give(answer, "actions")
    assert [run.state for run in course.state.runs.values()] == ["denied"]
    assert course.give(Approve("r1", "ann"), "ann") is not None
