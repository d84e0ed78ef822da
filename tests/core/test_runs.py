"""Runs on virtual time: from an alert to the end, and everything that may stop one on the way."""

from collections import deque
from dataclasses import replace
from typing import Any, Final

import msgspec
import pytest

from responder.core.draft import Draft
from responder.core.guardrules import Allowed, Evidence, GuardRules, VerifyRules
from responder.core.intervalparse import parse_interval
from responder.core.matching import parse_matchers
from responder.core.messages import (
    Accepted,
    Acknowledge,
    Approve,
    CancelRun,
    Declined,
    DenyRun,
    Escalated,
    Execute,
    Inspect,
    LiftFreeze,
    LookAgain,
    PutFreeze,
    ResolveRun,
    RunJudged,
    RunMoved,
    SignRunbook,
    StartRun,
    StepIntended,
    VerifyRun,
)
from responder.core.model import HOUR, MINUTE, SECOND
from responder.core.parameters import ParameterType
from responder.core.plan import ObjectFacts
from responder.core.rules import Receiver, Ruleset
from responder.core.run import Run
from responder.core.runbook import (
    ActionStep,
    Hold,
    NotifyStep,
    Parameter,
    Query,
    Runbook,
    Target,
    Verify,
    WaitStep,
)
from responder.core.suppression import Maintenance, Suppression
from tests.clock import MONDAY
from tests.core.acting import World
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, labels_of, resolved, route, rules

RESTART: Final = "kubernetes.rollout_restart"
UNDO: Final = "kubernetes.rollout_undo"


def page(**fields: Any) -> Runbook:
    """A runbook that restarts what its alert names."""
    given: dict[str, Any] = {
        "name": "restart",
        "title": "Pods restart",
        "hash": "h" * 64,
        "matchers": (parse_matchers('alertname="A"').matchers,),
        "parameters": (
            Parameter("namespace", ParameterType("dns_label"), "ns", "shop"),
            Parameter("deployment", ParameterType("dns_subdomain"), "d", "checkout"),
        ),
        "target": Target("Deployment", "${deployment}", "${namespace}"),
        "mode": "auto",
        "risk": "medium",
        "hold": Hold(("pager",), 5 * MINUTE),
        "steps": (ActionStep(RESTART),),
        "verify": (Verify(Query("up")),),
        "on_failure": (ActionStep(UNDO), NotifyStep("pager")),
    }
    return Runbook(**(given | fields))


FLOORS: Final = GuardRules(
    allow=(Allowed(RESTART), Allowed(UNDO)),
    min_age=0,
    evidence=Evidence(runs=0),
    approvals={"low": 0, "medium": 0, "high": 2},
)


def ruleset(
    *pages: Runbook,
    floors: GuardRules = FLOORS,
    clusters: tuple[str, ...] = ("prod",),
    repeat: str = "4h",
    by: tuple[str, ...] = ("alertname",),
    interval: str = "1m",
) -> Ruleset:
    """Chat and pager hear of everything; the pages and floors are in force."""
    made = rules(
        route(to="pager", by=by, go_on=True),
        route(to="chat", by=by),
        receivers=(Receiver("chat", (hook("chat"),)), Receiver("pager", (hook("pager"),))),
        wait="10s",
        interval=interval,
        repeat=repeat,
    )
    return replace(
        made,
        runbooks={one.name: one for one in pages or (page(),)},
        guards=floors,
        clusters=clusters,
        asks_prometheus=True,
    )


def sign(line: Timeline, runbook: Runbook | None = None) -> None:
    made = runbook or page()
    assert isinstance(line.give(SignRunbook(made.name, made.hash, "tried by hand", "ann")), Accepted)


def states(line: Timeline, run: Run | None = None) -> list[str]:
    """Every state of the only run, or of this one."""
    number = run.number if run else 1
    return [moment.state for moment in line.state.runs[number].story]


def the_run(line: Timeline) -> Run:
    (run,) = line.state.runs.values()
    return run


def verdict(run: Run, guard: str) -> str:
    return next(one.verdict for one in run.verdicts if one.guard == guard)


# -- by itself --------------------------------------------------------------------------------


def test_a_signed_runbook_runs_by_itself_and_the_page_is_held_back_until_all_is_well() -> None:
    with Timeline(ruleset()) as line:
        sign(line)
        line.at("10s").post(firing("A"))
        run = the_run(line)
        assert states(line) == ["proposed", "approved", "executing", "executing", "verifying", "succeeded"]
        assert line.world.done == {RESTART: 1}
        line.at("25s").expect(
            "20s pager first_notification +A = suppressed held", "20s chat first_notification +A"
        )
        line.at("1m").post(resolved("A")).at("3m")
        line.expect("1m20s chat all_resolved -A")
        assert run.approvals == ()


def test_nothing_is_done_about_what_maintenance_hides() -> None:
    always = parse_interval({})
    window = Maintenance("work", page().matchers[0], ("always",), (always,), "ops", "work", MONDAY + HOUR)
    with Timeline(replace(ruleset(), suppression=Suppression([window]))) as line:
        sign(line)
        line.at("10s").post(firing("A"))
        said = {one.guard: (one.verdict, one.reason) for one in the_run(line).verdicts}
        assert said["blocking"] == ("deny", "its alerts are hidden by maintenance work")
        assert line.world.done == {}


def test_nothing_is_held_back_for_a_runbook_that_nobody_signed() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.post(firing("A"))
        assert states(line) == ["proposed", "awaiting_approval"]
        assert the_run(line).mode == "approve"
        line.at("20s").expect("10s pager first_notification +A", "10s chat first_notification +A")


def test_the_page_goes_out_at_once_when_what_was_tried_did_not_help() -> None:
    world = World()
    world.verify.append(False)
    world.hold.add(VerifyRun)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("20s")
        line.expect("10s pager first_notification +A = suppressed held", "10s chat first_notification +A")
        line.release()
        assert states(line)[-3:] == ["rolling_back", "rolling_back", "rolled_back"]
        assert line.world.done == {RESTART: 1, UNDO: 1}
        line.expect("20s pager unmuted +A", "20s pager escalated +A", "20s chat escalated +A")


def test_an_alert_that_fires_anew_after_a_run_is_not_held_back_for_that_run() -> None:
    with Timeline(ruleset()) as line:
        sign(line)
        line.post(firing("A")).at("30s").skip()
        assert the_run(line).state == "succeeded"
        line.post(resolved("A")).at("40s").post(firing("A")).at("45s")
        assert line.state.runs[2].reason == "cooldown"
        line.expect("40s pager unmuted +A", "40s chat new_alerts +A")


def test_a_run_follows_its_alerts_into_the_incidents_of_other_rules() -> None:
    world = World()
    world.hold.add(Execute)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A", pod="p1")).at("30s").skip()
        line.load(replace(ruleset(by=("alertname", "pod")), hash="other"))
        assert (the_run(line).state, the_run(line).groups) == ("executing", (1, 2, 3, 4))
        line.at("1m").expect(
            "30s pager first_notification +A = suppressed held", "30s chat first_notification +A"
        )


def test_a_page_without_steps_begins_no_run() -> None:
    with Timeline(ruleset(page(steps=(), verify=(), on_failure=(), target=None, hold=None))) as line:
        line.post(firing("A")).at("30s").skip()
        assert line.state.runs == {}


def test_the_page_goes_out_when_it_takes_longer_than_the_hold_lasts() -> None:
    world = World()
    world.hold.add(VerifyRun)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("20s").skip().at("5m30s")
        line.expect("5m pager unmuted +A")
        line.release()
        assert states(line)[-1] == "succeeded"


# -- with people ------------------------------------------------------------------------------

ASKING: Final = msgspec.structs.replace(FLOORS, approvals={"low": 0, "medium": 1, "high": 2})


def approve(line: Timeline, person: str, **fields: str) -> object:
    return line.give(Approve("r1", person, **fields), person)


def test_a_person_approves_and_it_is_done_once() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.post(firing("A")).at("1m").skip()
        run = the_run(line)
        assert run.plan is not None
        assert approve(line, "ann", plan_hash=run.plan.hash, nonce=run.nonce) == Accepted(
            f"{run.id} approved"
        )
        assert (
            states(line)[-4:] == ["approved", "executing", "executing", "verifying"]
            or states(line)[-1] == "succeeded"
        )
        assert line.world.done == {RESTART: 1}
        again = approve(line, "bob")
        assert isinstance(again, Declined)
        assert again.status == 409
        assert "approved by ann" in again.reason


def test_s102_as_alertmanager_what_an_open_run_is_about_is_not_forgotten_at_a_restart() -> None:
    with Timeline(replace(ruleset(floors=ASKING), compatibility="alertmanager")) as line:
        line.post(firing("A"), firing("B")).at("1m").skip().stop().at("2m").start()
        assert list(line.state.alerts) == [labels_of("A")]
        run = the_run(line)
        assert run.plan is not None
        assert isinstance(approve(line, "ann", plan_hash=run.plan.hash, nonce=run.nonce), Accepted)
        assert line.world.done == {RESTART: 1}


def test_two_people_are_needed_where_the_risk_is_high_and_the_requester_is_one_of_them() -> None:
    with Timeline(ruleset(page(risk="high"), floors=ASKING)) as line:
        reply = line.give(StartRun("restart", {}, "ann", "because"), "ann")
        assert isinstance(reply, Accepted)
        assert the_run(line).state == "awaiting_approval"
        alone = approve(line, "ann")
        assert isinstance(alone, Declined)
        assert "another person" in alone.reason
        assert isinstance(approve(line, "bob"), Accepted)
        assert the_run(line).state == "succeeded"


def test_an_alert_counts_as_nobody_so_that_two_others_must_approve() -> None:
    with Timeline(ruleset(page(risk="high"), floors=ASKING)) as line:
        line.post(firing("A"))
        assert approve(line, "ann") == Accepted(f"{the_run(line).id}: 1 of 2 persons have approved")
        twice = approve(line, "ann")
        assert isinstance(twice, Declined)
        assert the_run(line).state == "awaiting_approval"
        assert isinstance(approve(line, "bob"), Accepted)
        assert the_run(line).state == "succeeded"
        line.at("1m").skip()


def test_an_approval_that_nobody_gives_expires() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.post(firing("A")).at("15m").skip()
        assert (the_run(line).state, the_run(line).reason) == ("expired", "expired")
        assert isinstance(approve(line, "ann"), Declined)
        assert line.world.done == {}


def test_an_approval_of_another_plan_is_void_and_the_new_plan_is_proposed() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.post(firing("A")).at("1m").skip()
        run = the_run(line)
        line.world.generation += 1
        assert isinstance(approve(line, "ann"), Accepted)
        first, second = line.state.runs[1], line.state.runs[2]
        assert (first.state, first.reason) == ("denied", "stale_plan")
        assert (second.state, second.groups, second.episodes) == (
            "awaiting_approval",
            run.groups,
            run.episodes,
        )
        assert line.world.done == {}
        old = line.give(Approve("r2", "ann", nonce=run.nonce), "ann")
        assert isinstance(old, Declined)
        assert isinstance(line.give(Approve("r2", "ann"), "ann"), Accepted)
        assert line.state.runs[2].state == "succeeded"


def test_an_approval_is_void_if_the_target_changes_while_the_first_step_waits() -> None:
    made = page(steps=(WaitStep(MINUTE), ActionStep(RESTART)))
    with Timeline(ruleset(made, floors=ASKING)) as line:
        line.post(firing("A")).at("1m").skip()
        approve(line, "ann")
        line.world.generation += 1
        line.at("3m").skip()
        first, second = line.state.runs[1], line.state.runs[2]
        assert (first.state, first.reason) == ("cancelled", "stale_plan")
        assert (second.step, second.reason) == (0, "cooldown")  # the first one counts as begun
        assert line.world.done == {}


def test_an_approval_after_every_alert_has_ended_by_its_time_does_nothing() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.api(firing("A", since="0s", until="90s")).at("95s").skip()
        assert the_run(line).state == "awaiting_approval"
        assert isinstance(approve(line, "ann"), Declined)
        assert (the_run(line).state, the_run(line).reason) == ("cancelled", "resolved")


def test_a_person_denies() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.post(firing("A")).at("1m").skip()
        assert isinstance(line.give(DenyRun("r1", "bob", "not now"), "bob"), Accepted)
        run = the_run(line)
        assert (run.state, run.story[-1].text, run.story[-1].by) == ("denied", "not now", "bob")
        line.at("2h").post(firing("A")).skip()
        assert len(line.state.runs) == 1


def test_a_run_is_cancelled_by_its_alert_resolving_before_it_is_approved() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.post(firing("A")).at("1m").post(resolved("A")).at("3m").skip()
        assert (the_run(line).state, the_run(line).reason) == ("cancelled", "resolved")


def test_a_person_cancels_what_waits_and_not_what_is_over() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.post(firing("A")).at("1m").skip()
        assert isinstance(line.give(CancelRun("r1", "bob"), "bob"), Accepted)
        again = line.give(CancelRun("r1", "bob"), "bob")
        assert isinstance(again, Declined)
        assert again.status == 409


def test_only_the_plan_is_made_where_only_that_was_asked_for() -> None:
    with Timeline(ruleset()) as line:
        line.give(StartRun("restart", {}, "ann", only_plan=True), "ann")
        run = the_run(line)
        assert (run.state, run.plan is not None, bool(run.verdicts)) == ("cancelled", True, True)
        assert line.world.done == {}


def test_an_alert_does_not_join_a_run_that_is_a_plan_alone() -> None:
    world = World()
    world.hold.add(Inspect)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.give(StartRun("restart", {}, "ann", only_plan=True), "ann")
        line.post(firing("A")).release().at("30s").skip()
        assert [run.state for run in line.state.runs.values()] == ["cancelled", "succeeded"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (StartRun("nothing", {}, "ann"), 404),
        (StartRun("restart", {"namespace": "a/../../kube-system"}, "ann"), 400),
        (StartRun("restart", {"colour": "red"}, "ann"), 400),
    ],
)
def test_what_cannot_be_run_is_refused_to_the_person(asked: StartRun, status: int) -> None:
    with Timeline(ruleset()) as line:
        reply = line.give(asked, "ann")
        assert isinstance(reply, Declined)
        assert reply.status == status
        assert line.state.runs == {}


# -- guards -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["; rm -rf /", "a/../../kube-system", "prod\n", "*", "x" * 10_000, "ｐrod", "..", "Prod"]
)
def test_a_value_that_is_no_name_never_reaches_a_call(value: str) -> None:
    with Timeline(ruleset()) as line:
        sign(line)
        line.post(firing("A", ns=value)).at("1m").skip()
        run = the_run(line)
        assert (run.state, run.reason, run.target) == ("denied", "target", None)
        assert line.world.asked == []
        assert [event.run for event in line.events_of(RunJudged)] == [run.id]


def test_many_alerts_with_values_that_are_no_names_are_refused_once() -> None:
    with Timeline(ruleset()) as line:
        line.post(*(firing(f"A/{n}", ns="*") for n in range(50))).at("1m").skip()
        assert len(line.state.runs) == 1


def test_fifty_pods_of_one_deployment_have_one_run() -> None:
    with Timeline(ruleset(floors=ASKING, by=("alertname", "instance"))) as line:
        line.post(*(firing(f"A/{n}") for n in range(50))).at("1m").skip()
        run = the_run(line)
        assert (len(run.episodes), len(run.groups)) == (50, 100)
        assert approve(line, "ann") == Accepted(f"{run.id} approved")
        assert line.world.done == {RESTART: 1}


def test_an_alert_that_comes_and_goes_is_counted_by_its_lives_in_the_last_half_hour() -> None:
    with Timeline(ruleset()) as line:
        for life in range(4):
            line.at(f"{life * 5}m").post(firing("A")).at(f"{life * 5 + 2}m").post(resolved("A"))
        line.at("40m").post(firing("A")).at("41m").skip()
        said = [verdict(run, "flap") for run in line.state.runs.values()]
        assert said == ["allow", "allow", "allow", "deny", "allow"]


def test_what_guards_look_back_at_is_what_has_acted_however_many_alerts_were_answered() -> None:
    world = World(object=None)
    with Timeline(ruleset(), world=world) as line:
        line.post(*(firing(f"A/{n}", d=f"d{n}") for n in range(20))).at("30s").skip()
        assert {run.state for run in line.state.runs.values()} == {"denied"}
        draft = Draft(line.state, line.ruleset, line.now)
        assert draft.acted_runs() == {}
        world.object = ObjectFacts(desired=6, healthy=6, takes=1)
        sign(line)
        line.post(firing("A/x", d="x")).at("1m").skip()
        assert list(Draft(line.state, line.ruleset, line.now).acted_runs()) == [21]


def test_the_same_names_in_two_clusters_are_two_targets() -> None:
    with Timeline(ruleset(clusters=("east", "west"))) as line:
        sign(line)
        line.post(firing("A/1", cluster="west")).at("1m").skip()
        assert [run.target_key for run in line.state.runs.values()] == ["west/shop/Deployment/checkout"]
        line.post(firing("A/2")).at("2m").skip()
        assert line.state.runs[2].reason == "target"
        line.post(firing("A/3", cluster="north")).at("3m").skip()
        assert line.state.runs[3].reason == "target"


def test_an_alert_whose_run_is_refused_at_once_is_told_with_those_that_come_soon_after() -> None:
    with Timeline(ruleset(clusters=("east", "west"))) as line:
        line.post(firing("A/1")).at("5s").post(firing("A/2"))
        assert {run.state for run in line.state.runs.values()} == {"denied"}
        line.at("20s").expect(
            "10s pager first_notification +A/1 +A/2", "10s chat first_notification +A/1 +A/2"
        )


def test_whoever_approves_hears_at_once_that_it_is_denied_by_now() -> None:
    with Timeline(ruleset(page(risk="high"), floors=ASKING)) as line:
        line.post(firing("A")).at("1m").skip()
        assert isinstance(approve(line, "ann"), Accepted)
        line.give(PutFreeze("f1", "runbook=restart", "deploy", line.now + HOUR, person="bob"), "bob")
        reply = approve(line, "bob")
        run = the_run(line)
        assert isinstance(reply, Declined)
        assert reply.reason.startswith(
            f"run {run.id} is denied all the same: runbook=restart is frozen by bob"
        )
        assert (run.state, run.reason) == ("denied", "frozen")
        assert line.world.done == {}


def test_a_freeze_between_approval_and_execution_stops_it() -> None:
    world = World()
    with Timeline(ruleset(floors=ASKING), world=world) as line:
        line.post(firing("A")).at("1m").skip()
        world.hold.add(Inspect)
        approve(line, "ann")
        frozen = line.give(PutFreeze("f1", "global", "deploy", line.now + HOUR, person="bob"), "bob")
        assert frozen == Accepted("f1")
        line.release()
        assert (the_run(line).state, the_run(line).reason) == ("denied", "frozen")
        assert world.done == {}
        assert isinstance(line.give(LiftFreeze("f1", "ann"), "ann"), Accepted)
        assert line.state.freezes == {}


def test_a_freeze_takes_back_a_step_that_was_ordered_and_not_begun() -> None:
    world = World(claims=False)
    world.hold.add(Execute)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("30s").skip()
        assert the_run(line).state == "executing"
        line.give(PutFreeze("f1", "cluster=prod", "deploy", line.now + HOUR), "bob")
        run = the_run(line)
        assert (run.state, run.reason) == ("cancelled", "frozen")
        assert world.done == {}
        line.at("40s").expect("30s pager unmuted +A")
        line.at("2h").skip()
        assert line.state.freezes == {}


def test_of_two_freezes_the_older_one_is_named_before_and_after_a_restart() -> None:
    with Timeline(ruleset()) as line:
        for name, why in (("f9", "moving"), ("f10", "deploy")):
            line.give(PutFreeze(name, "global", why, line.now + HOUR), "bob")
            line.at(f"{len(line.inputs)}s")
        line.post(firing("A")).stop().at("1m").start().post(firing("A/1", d="cart")).at("2m").skip()
        said = [run.verdicts[0].reason.partition(": ")[2] for run in line.state.runs.values()]
        assert said == ["moving (f9)"] * 2
        line.at("2h").skip()


@pytest.mark.parametrize(
    ("scope", "seconds"), [("everything", 60), ("cluster=", 60), ("global", 0), ("global", 8 * 24 * 3600)]
)
def test_a_freeze_without_a_scope_or_an_end_in_reach_is_refused(scope: str, seconds: int) -> None:
    with Timeline(ruleset()) as line:
        reply = line.give(PutFreeze("f1", scope, "why", line.now + seconds * SECOND), "bob")
        assert isinstance(reply, Declined)
        assert reply.status == 400
        assert line.state.freezes == {}


def test_an_alert_that_is_too_young_is_asked_about_again_when_it_is_not() -> None:
    with Timeline(ruleset(floors=msgspec.structs.replace(FLOORS, min_age=2 * MINUTE))) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert the_run(line).state == "proposed"
        line.at("2m1s")
        assert the_run(line).state == "succeeded"
        line.at("3m").skip()


def test_what_time_does_not_mend_in_ten_minutes_is_denied() -> None:
    with Timeline(ruleset(floors=msgspec.structs.replace(FLOORS, min_age=20 * MINUTE))) as line:
        sign(line)
        line.post(firing("A")).at("11m").skip()
        assert (the_run(line).state, the_run(line).reason) == ("denied", "trigger_age")


def test_a_world_that_cannot_be_seen_denies() -> None:
    with Timeline(ruleset(), world=World(object=None, problem="connection refused")) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert the_run(line).state == "denied"


def test_few_healthy_ones_are_left_alone() -> None:
    with Timeline(ruleset(), world=World(object=ObjectFacts(desired=3, healthy=1, takes=1))) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert (the_run(line).state, the_run(line).reason) == ("denied", "min_healthy")


def test_a_second_run_waits_for_the_cooldown_and_a_third_is_one_too_many() -> None:
    floors = msgspec.structs.replace(FLOORS, cooldown={"restart": 15 * MINUTE})
    with Timeline(ruleset(floors=floors)) as line:
        sign(line)
        line.post(firing("A")).at("10m").post(firing("A")).skip()
        assert len(line.state.runs) == 1
        line.at("16m").post(firing("A")).at("40m").post(firing("A")).skip()
        assert [run.state for run in line.state.runs.values()] == ["succeeded", "succeeded", "denied"]
        assert line.state.runs[3].reason == "attempts"


# -- what goes wrong --------------------------------------------------------------------------


def test_a_newer_version_met_in_writing_is_looked_at_and_tried_again_if_the_plan_is_the_same() -> None:
    world = World()
    world.fails(RESTART, "conflict")
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert the_run(line).state == "succeeded"
        assert world.done == {RESTART: 1}
        assert len(line.events_of(StepIntended)) == 2


def test_a_rollout_that_got_stuck_is_taken_back() -> None:
    world = World()
    world.fails(RESTART, "failed", touched=True)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert the_run(line).state == "rolled_back"
        assert world.done == {RESTART: 1, UNDO: 1}


def test_what_the_first_step_did_is_taken_back_if_the_second_changes_nothing() -> None:
    world, made = World(), page(steps=(ActionStep(RESTART), ActionStep(RESTART)))
    world.fails(RESTART, "applied", "failed")
    with Timeline(ruleset(made), world=world) as line:
        sign(line, made)
        line.post(firing("A")).at("1m").skip()
        assert the_run(line).state == "rolled_back"
        assert world.done == {RESTART: 1, UNDO: 1}


def test_after_an_unknown_step_back_that_was_done_the_next_one_follows() -> None:
    world, made = World(), page(on_failure=(ActionStep(UNDO), ActionStep(UNDO)))
    world.fails(RESTART, "failed", touched=True)
    world.fails(UNDO, "unknown")
    with Timeline(ruleset(made), world=world) as line:
        sign(line, made)
        line.post(firing("A")).at("1m").skip()
        assert the_run(line).state == "rolled_back"
        assert world.done == {RESTART: 1, UNDO: 2}


def test_what_did_not_help_says_so_in_a_word_to_the_end() -> None:
    world = World()
    world.verify.append(False)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert (the_run(line).state, the_run(line).reason) == ("rolled_back", "verify")


def test_a_page_that_has_another_way_back_by_now_takes_nothing_back() -> None:
    world = World(claims=False)
    world.hold.add(Execute)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("30s").skip()
        line.load(replace(ruleset(page(hash="i" * 64, on_failure=())), hash="other"))
        world.fails(RESTART, "failed", touched=True)
        line.release().at("2m").skip()
        assert (the_run(line).state, world.done) == ("rollback_failed", {RESTART: 1})
        assert world.waiting == []


@pytest.mark.parametrize(("hard", "state"), [(False, "rolled_back"), (True, "rollback_failed")])
def test_only_a_hard_freeze_stops_taking_back(hard: bool, state: str) -> None:
    world = World(verify=deque([False]))
    world.hold.add(VerifyRun)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("15s").skip()
        assert the_run(line).state == "verifying"
        line.give(PutFreeze("f1", "global", "deploy", line.now + HOUR, hard), "bob")
        line.release()
        line.at("1m").skip()
        assert the_run(line).state == state
        assert world.done[UNDO] == (not hard)


@pytest.mark.parametrize(("takes", "state"), [(0, "rolled_back"), (1, "rollback_failed")])
def test_taking_back_does_not_take_away_what_still_serves(takes: int, state: str) -> None:
    world = World(claims=False)
    world.hold.add(Execute)
    world.fails(RESTART, "failed", touched=True)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("15s").skip()
        world.object = ObjectFacts(desired=6, healthy=2, takes=takes, busy="a rollout is under way")
        line.release()
        line.at("1m").skip()
        assert the_run(line).state == state


def test_what_changed_nothing_is_not_taken_back_and_people_hear_of_it() -> None:
    world = World()
    world.fails(RESTART, "failed")
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("1m")
        assert the_run(line).state == "failed"
        assert not the_run(line).open
        assert world.done == {}
        line.expect("0s pager escalated +A", "0s chat escalated +A")


def test_taking_back_fails_and_people_hear_of_it() -> None:
    world = World()
    world.fails(RESTART, "failed", touched=True)
    world.fails(UNDO, "failed")
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert the_run(line).state == "rollback_failed"


@pytest.mark.parametrize(("look", "state"), [(True, "succeeded"), (False, "failed"), (None, "unknown")])
def test_an_unknown_outcome_is_looked_at_and_never_repeated(look: bool | None, state: str) -> None:
    world = World(look=look)
    world.fails(RESTART, "unknown")
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert the_run(line).state == state
        assert world.done == {RESTART: 1}
        line.at("3h").skip()
        assert the_run(line).state == state


def test_people_hear_of_an_unknown_outcome_that_nobody_could_look_into() -> None:
    world = World()
    world.fails(RESTART, "unknown")
    world.hold.add(LookAgain)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("5m").skip()
        assert (the_run(line).state, line.events_of(Escalated)) == ("unknown", [])
        line.at("3h").skip()
        assert the_run(line).state == "unknown"
        assert len({one.why for one in line.events_of(Escalated)}) == 1


@pytest.mark.parametrize(("applied", "state"), [(True, "succeeded"), (False, "failed")])
def test_a_person_says_what_came_of_an_unknown_step(applied: bool, state: str) -> None:
    world = World(look=None)
    world.fails(RESTART, "unknown")
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        assert isinstance(line.give(ResolveRun("r1", applied, "ann"), "ann"), Accepted)
        assert the_run(line).state == state
        line.at("2m").skip()


@pytest.mark.parametrize(
    ("claims", "reaches", "done", "state"),
    [(False, False, 0, "succeeded"), (True, False, 0, "failed"), (True, True, 1, "succeeded")],
)
def test_a_crash_while_a_step_is_on_its_way_never_does_it_twice(
    claims: bool, reaches: bool, done: int, state: str
) -> None:
    world = World(claims=claims, reaches=reaches)
    world.hold.add(Execute)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("30s").skip()
        assert world.done[RESTART] == done
        line.stop().at("1m").start().at("2m").skip()
        assert the_run(line).state == state
        assert world.done[RESTART] == (1 if state == "succeeded" else done)


def test_steps_that_wait_and_tell_are_taken_in_their_order() -> None:
    made = page(steps=(WaitStep(MINUTE), NotifyStep("ops"), ActionStep(RESTART), WaitStep(MINUTE)))
    with Timeline(ruleset(made)) as line:
        sign(line, made)
        line.post(firing("A")).at("30s").skip()
        assert the_run(line).state == "waiting"
        line.at("1m30s").expect("1m pager escalated +A", "1m ops escalated +A", "1m chat escalated +A")
        assert the_run(line).state == "waiting"
        assert line.world.done == {RESTART: 1}
        line.at("2m10s").skip()
        assert the_run(line).state == "succeeded"


def test_an_approval_holds_for_the_later_steps_whose_facts_the_first_one_made() -> None:
    world = World(claims=False)
    made = page(steps=(ActionStep(RESTART), ActionStep(RESTART)))
    with Timeline(ruleset(made, floors=ASKING), world=world) as line:
        line.post(firing("A")).at("1m").skip()
        world.hold.add(Execute)
        approve(line, "ann")
        world.generation += 1  # what the first step did
        line.release()
        assert the_run(line).state == "succeeded"
        assert world.done == {RESTART: 2}


def test_silence_where_an_answer_was_due_is_an_unknown_outcome() -> None:
    world = World()
    world.hold.add(Execute)
    with Timeline(ruleset(), world=world) as line:
        sign(line)
        line.post(firing("A")).at("4m").skip()
        assert the_run(line).state == "succeeded"
        assert world.done == {RESTART: 1}


def test_the_story_of_a_run_is_in_the_journal() -> None:
    with Timeline(ruleset()) as line:
        sign(line)
        line.post(firing("A")).at("1m").skip()
        moves = [(event.was, event.now) for event in line.events_of(RunMoved)]
        assert moves == [
            ("proposed", "approved"),
            ("approved", "executing"),
            ("executing", "verifying"),
            ("verifying", "succeeded"),
        ]
        assert [event.when for event in line.events_of(RunJudged)] == ["proposal", "step 1"]


# -- what people are shown --------------------------------------------------------------------


def test_an_answer_whether_it_helped_is_waited_for_as_long_as_the_floors_take() -> None:
    world = World()
    world.hold.add(VerifyRun)
    made = page(verify=(Verify(Query("up"), 2, MINUTE, 2 * MINUTE),))
    floors = msgspec.structs.replace(FLOORS, verify=VerifyRules(good=10))
    with Timeline(ruleset(made, floors=floors), world=world) as line:
        sign(line, made)
        line.post(firing("A")).at("9m").skip()
        assert the_run(line).state == "verifying"
        line.release().skip()
        assert the_run(line).state == "succeeded"


@pytest.mark.parametrize(("mode", "shown"), [("observe", set()), ("suggest", {"denied"})])
def test_people_are_shown_what_a_page_suggests_and_not_what_it_only_observes(
    mode: str, shown: set[str]
) -> None:
    with Timeline(ruleset(page(mode=mode))) as line:
        line.post(firing("A")).at("1m").skip()
        run = the_run(line)
        assert (run.state, run.reason, bool(run.plan)) == ("denied", "mode", True)
        assert {one.state for told in (*line.handed, *line.shown) for one in told.runs} == shown


def test_places_that_were_told_are_shown_how_a_run_goes() -> None:
    with Timeline(ruleset(floors=ASKING)) as line:
        line.post(firing("A")).at("1m").skip()
        before = len(line.shown)
        approve(line, "ann")
        shown = [(one.integration, one.runs[0].state, one.shown) for one in line.shown[before:]]
        assert {state for _, state, _ in shown if state == "succeeded"} == {"succeeded"}
        last = {integration: state for integration, state, _ in shown}
        assert last == {"pager": "succeeded", "chat": "succeeded"}
        assert all(receipt for _, _, receipt in shown[2:])


def test_an_acknowledgement_keeps_repeats_back_until_its_time_ends() -> None:
    with Timeline(ruleset(page(matchers=()), repeat="10m")) as line:
        line.post(firing("A")).at("1m").skip()
        ids = tuple(group.incident for group in line.state.groups.values())
        reply = line.give(Acknowledge(ids[:1], until=line.now + 30 * MINUTE, person="ann"), "ann")
        assert reply == Accepted(f"{ids[0]} acknowledged; also {ids[1]}")
        assert [one.acknowledged.by for one in line.shown if one.acknowledged] == ["ann", "ann"]
        line.at("25m").expect(
            "10m10s pager repeat +A = suppressed acknowledged",
            "10m10s chat repeat +A = suppressed acknowledged",
            "20m10s pager repeat +A = suppressed acknowledged",
            "20m10s chat repeat +A = suppressed acknowledged",
        )
        line.at("32m").expect(
            "30m10s pager repeat +A = suppressed acknowledged",
            "30m10s chat repeat +A = suppressed acknowledged",
            "31m pager repeat +A",
            "31m chat repeat +A",
        )


def test_an_incident_that_somebody_has_taken_on_stays_theirs_if_another_spreads_to_it() -> None:
    with Timeline(ruleset(page(matchers=()))) as line:
        line.post(firing("A")).at("1m").skip()
        mine, other = (group.incident for group in line.state.groups.values())
        line.give(Acknowledge((mine,), person="ann"), "ann")
        line.give(Acknowledge((other,), person="bob"), "bob")
        marks = [group.acknowledged for group in line.state.groups.values()]
        assert [mark.by for mark in marks if mark] == ["ann", "bob"]


def test_an_acknowledged_incident_still_tells_what_is_new_and_what_is_over() -> None:
    with Timeline(ruleset(page(matchers=()), repeat="10m")) as line:
        line.post(firing("A/1")).at("1m").skip()
        group = next(iter(line.state.groups.values()))
        line.give(Acknowledge((group.incident,)), "ann")
        line.post(firing("A/2")).at("3m").expect(
            "1m10s pager new_alerts +A/1 +A/2", "1m10s chat new_alerts +A/1 +A/2"
        )
        line.post(resolved("A/1"), resolved("A/2")).at("6m")
        line.expect("3m10s pager all_resolved -A/1 -A/2", "3m10s chat all_resolved -A/1 -A/2")
        assert line.state.groups == {}


def test_an_incident_that_nobody_knows_or_that_is_over_is_not_acknowledged() -> None:
    with Timeline(ruleset(page(matchers=()))) as line:
        for asked in (Acknowledge(("7-0",)), Acknowledge(("x",)), Acknowledge()):
            reply = line.give(asked, "ann")
            assert isinstance(reply, Declined)
        assert labels_of("A")
