"""What is said of runbooks before anything is done: from the real proposal and guards, and kept nowhere."""

from typing import Any

from responder.core.explain import explain_alert
from responder.core.messages import Acknowledge, Inspect
from responder.core.model import SECOND
from responder.core.state import State
from tests.clock import MONDAY
from tests.core.acting import World
from tests.core.test_runs import page, ruleset, sign
from tests.core.timeline import Timeline
from tests.core.words import firing, labels_of, resolved


def explained(line: Timeline, name: str = "A") -> dict[str, Any]:
    return explain_alert(line.state, line.ruleset, labels_of(name), line.now)


def remedy(line: Timeline, name: str = "A") -> dict[str, Any]:
    (found,) = explained(line, name)["runbooks"]
    assert isinstance(found, dict)
    return found


def said(found: dict[str, Any]) -> dict[str, str]:
    return {one["guard"]: one["verdict"] for one in found["verdicts"]}


def test_rules_alone_say_which_run_would_begin_and_what_can_be_said_of_it() -> None:
    made = ruleset()
    state = State(made)
    (found,) = explain_alert(state, made, labels_of("A"), MONDAY)["runbooks"]
    verdicts = said(found)
    del found["verdicts"]
    assert found == {
        "runbook": "restart",
        "title": "Pods restart",
        "would": "begin",
        "target": "prod/shop/Deployment/checkout",
        "parameters": {"namespace": "shop", "deployment": "checkout", "cluster": "prod"},
        "problem": None,
        "run": None,
        "page_mode": "auto",
        "mode": "approve",
        "why_mode": "nobody has signed the page as it is now",
        "risk": "medium",
    }
    needs_facts = {"target", "allow_list", "trigger_age", "min_healthy", "cooldown", "approval", "plan_first"}
    assert {guard for guard, verdict in verdicts.items() if verdict == "open"} == needs_facts
    assert {verdict for guard, verdict in verdicts.items() if guard not in needs_facts} == {"allow"}
    assert (state.runs, state.alerts, state.groups) == ({}, {}, {})


def test_an_alert_that_no_runbook_is_about_has_none() -> None:
    made = ruleset()
    assert explain_alert(State(made), made, labels_of("B"), MONDAY)["runbooks"] == []


def test_a_page_without_steps_begins_nothing_and_is_named() -> None:
    made = ruleset(page(target=None, steps=(), verify=(), on_failure=(), hold=None))
    found = explain_alert(State(made), made, labels_of("A"), MONDAY)
    assert (found["runbooks"], found["pages"]) == ([], [{"runbook": "restart", "title": "Pods restart"}])


def test_a_page_with_steps_is_no_page_for_people_alone() -> None:
    made = ruleset()
    assert explain_alert(State(made), made, labels_of("A"), MONDAY)["pages"] == []


def test_what_cannot_be_bound_would_be_refused() -> None:
    made = ruleset(clusters=("east", "west"))
    (found,) = explain_alert(State(made), made, labels_of("A"), MONDAY)["runbooks"]
    assert (found["would"], found["target"], found["problem"]) == (
        "be_refused",
        None,
        "cluster: not named, and 2 clusters are configured",
    )
    assert said(found)["target"] == "deny"


def test_a_page_that_may_only_be_suggested_is_denied_by_its_mode() -> None:
    made = ruleset(page(mode="suggest"))
    (found,) = explain_alert(State(made), made, labels_of("A"), MONDAY)["runbooks"]
    assert (found["mode"], found["why_mode"]) == ("suggest", "the page says so")
    assert said(found)["mode"] == "deny"


def test_a_run_that_is_open_answers_the_alert_and_shows_what_was_said_of_it() -> None:
    with Timeline(ruleset()) as line:
        line.post(firing("A"))
        found = remedy(line)
        (run,) = line.state.runs.values()
        assert (found["would"], found["run"]) == (
            "nothing",
            {"id": run.id, "state": "awaiting_approval", "open": True, "reason": ""},
        )
        assert found["verdicts"] == [
            {"guard": one.guard, "verdict": one.verdict, "reason": one.reason} for one in run.verdicts
        ]
        assert said(found)["approval"] == "ask"
        line.at("30s").skip()


def test_a_run_of_which_nothing_was_heard_yet_is_judged_without_facts() -> None:
    with Timeline(ruleset(), world=World(hold={Inspect})) as line:
        line.post(firing("A"))
        found = remedy(line)
        assert (found["run"]["state"], said(found)["target"], said(found)["freeze"]) == (
            "proposed",
            "open",
            "allow",
        )
        line.release().skip()


def test_another_alert_would_join_the_run_that_is_open_for_its_target() -> None:
    with Timeline(ruleset()) as line:
        line.post(firing("A/1"))
        (run,) = line.state.runs.values()
        found = remedy(line, "A/2")
        assert (found["would"], found["run"]["id"]) == ("join", run.id)
        assert [episode.alert for episode in line.state.runs[1].episodes] == [1]
        line.at("30s").skip()


def test_an_alert_that_is_over_is_looked_at_as_if_it_fired_again() -> None:
    with Timeline(ruleset()) as line:
        line.post(firing("A")).at("30s").post(resolved("A"))
        assert [run.state for run in line.state.runs.values()] == ["cancelled"]
        found = remedy(line)
        assert (found["would"], found["run"]) == ("begin", None)
        line.at("2m").skip()


def test_a_run_that_goes_by_itself_is_named_where_it_keeps_somebody_from_hearing() -> None:
    with Timeline(ruleset(), world=World(hold={Inspect})) as line:
        sign(line)
        line.post(firing("A")).at("20s")
        groups = {group["receiver"]: group for group in explained(line)["groups"]}
        (run,) = line.state.runs.values()
        assert groups["pager"]["held"] == [
            {"receivers": ["pager"], "by": f"held run {run.id}", "until": "2026-01-05T00:05:00Z"}
        ]
        assert remedy(line)["mode"] == "auto"
        line.release().skip()


def test_who_took_an_incident_on_is_named() -> None:
    with Timeline(ruleset()) as line:
        line.post(firing("A")).at("30s").skip()
        assert {group["acknowledged"] is None for group in explained(line)["groups"]} == {True}
        incident = line.state.groups[1].incident
        line.give(Acknowledge((incident,), until=line.now + 90 * SECOND, note="looking"))
        marks = [group["acknowledged"] for group in explained(line)["groups"]]
        assert marks[0] == {
            "by": "somebody",
            "at": "2026-01-05T00:00:30Z",
            "until": "2026-01-05T00:02:00Z",
            "note": "looking",
        }
        line.skip()
