"""A restart is taken back, and nothing else: against the stand-in, over real HTTP."""

import pytest

from responder.actions.action import CannotTell, Ended, Looked
from responder.core.messages import Execute
from tests.actions.yard import CHECKOUT, RESTART, RUN, UNDO, Yard, looking

RESTARTED = "kubectl.kubernetes.io/restartedAt"


@pytest.fixture
async def restarted(yard: Yard) -> Execute:
    """Checkout, restarted by our run."""
    order = await yard.order(RESTART)
    assert (await yard.carry_out(order)).result == "applied"
    return order


async def undo(yard: Yard, number: int = 1) -> Execute:
    return await yard.order(UNDO, number=number)


def template(yard: Yard) -> dict[str, object]:
    found: dict[str, object] = yard.deployment()["spec"]["template"]
    return found


async def test_the_pod_template_is_again_what_it_was(yard: Yard) -> None:
    before = template(yard)
    order = await yard.order(RESTART)
    await yard.carry_out(order)
    assert template(yard) != before
    back = await undo(yard)
    assert set(back.step.intended) == {"revision", "template"}
    assert back.step.intended["revision"] == 1
    assert await yard.carry_out(back) == Ended("applied", "3 of 3 pods are new and available")
    assert template(yard) == before
    _, call = yard.standin.writes()
    assert (call.verb, call.manager, call.content_type) == (
        "patch",
        "responder",
        "application/json-patch+json",
    )
    assert [(one["op"], one["path"]) for one in call.body] == [
        ("test", "/metadata/uid"),
        ("test", "/metadata/resourceVersion"),
        ("replace", "/spec/template"),
        ("add", "/metadata/annotations"),
    ]
    annotations = yard.deployment()["metadata"]["annotations"]
    assert annotations == {"deployment.kubernetes.io/revision": "3", "responder/run": back.key}
    # The old ReplicaSet serves again; no third one was made.
    assert len(yard.standin.objects("ReplicaSet", "shop")) == 4


async def test_the_plan_says_so_before_there_is_anything_to_take_back(yard: Yard) -> None:
    intent = yard.actions[UNDO].plan(CHECKOUT, None, RUN)
    assert (
        intent.bounds == "back to the pod template from before this run, if nothing else has changed it since"
    )
    assert dict(intent.observed) == {}
    assert intent.calls == (
        "GET /apis/apps/v1/namespaces/shop/replicasets",
        "PATCH /apis/apps/v1/namespaces/shop/deployments/checkout?fieldManager=responder "
        '(application/json-patch+json): [{"op": "test", "path": "/metadata/uid", ...}, '
        '{"op": "test", "path": "/metadata/resourceVersion", ...}, {"op": "replace", "path": '
        '"/spec/template", ...}, {"op": "add", "path": "/metadata/annotations", ...}]',
        "GET /apis/apps/v1/namespaces/shop/deployments/checkout, until the rollout is complete",
    )


async def test_what_another_run_did_is_not_taken_back(yard: Yard, restarted: Execute) -> None:
    seen = await yard.until(yard.actions[UNDO].inspect(CHECKOUT, "r7-695b0d8"))
    assert seen.facts.busy == (
        "its pod template does not bear this run's mark: there is nothing of ours to take back"
    )


async def test_a_deployment_that_was_never_restarted_has_nothing_to_take_back(yard: Yard) -> None:
    back = await undo(yard)
    assert await yard.apply(back) == Ended(
        "failed", "its pod template does not bear this run's mark: there is nothing of ours to take back"
    )
    assert yard.standin.writes() == []


async def test_an_image_that_somebody_deployed_over_our_restart_stays(yard: Yard, restarted: Execute) -> None:
    yard.image("registry.sandbox.invalid/shop/checkout:2.0.0")
    await yard.clock.advance(20 * 10**9)
    back = await undo(yard)
    ended = await yard.apply(back)
    assert ended == Ended(
        "failed",
        "no ReplicaSet has its pod template as it was before this run, and as it would be without it",
    )
    assert len(yard.standin.writes()) == 1


async def test_a_rollout_of_ours_that_is_stuck_can_be_taken_back(yard: Yard) -> None:
    yard.change(progressDeadlineSeconds=20)
    await yard.clock.advance(10**9)
    yard.standin.stick("shop", "checkout")
    order = await yard.order(RESTART)
    assert (await yard.carry_out(order)).result == "failed"
    seen = await yard.until(yard.actions[UNDO].inspect(CHECKOUT, RUN))
    assert seen.facts.busy == ""
    assert (await yard.carry_out(await undo(yard))).result == "applied"


async def test_paused_it_is_refused(yard: Yard, restarted: Execute) -> None:
    yard.change(paused=True)
    seen = await yard.until(yard.actions[UNDO].inspect(CHECKOUT, RUN))
    assert seen.facts.busy == "it is paused"
    assert await yard.apply(await undo(yard)) == Ended("failed", "it is paused")


async def test_a_change_in_the_same_moment_is_a_conflict(yard: Yard, restarted: Execute) -> None:
    back = await undo(yard)
    yard.change(replicas=4)
    assert (await yard.apply(back)).result == "conflict"
    assert len(yard.standin.writes()) == 1


async def test_the_history_must_be_readable(yard: Yard, restarted: Execute) -> None:
    back = await undo(yard)
    yard.standin.fault("403", 2, verb="list", resource="replicasets")
    with pytest.raises(CannotTell, match="list replicasets shop in cluster sandbox: 403 Forbidden"):
        await yard.until(yard.actions[UNDO].inspect(CHECKOUT, RUN))
    ended = await yard.apply(back)
    assert ended.result == "failed"
    assert ended.detail.startswith("list replicasets shop in cluster sandbox: 403 Forbidden")


@pytest.mark.parametrize(("fault", "applied"), [("reset_after", True), ("reset", False)])
async def test_a_lost_answer_is_found_out(yard: Yard, restarted: Execute, fault: str, applied: bool) -> None:
    back = await undo(yard)
    yard.standin.fault(fault, verb="patch")
    assert (await yard.apply(back)).result == "unknown"
    looked = await yard.until(yard.actions[UNDO].look(looking(back)))
    assert looked == (
        Looked(True, "it bears this step's mark")
        if applied
        else Looked(False, "it is as it was: nothing was changed")
    )


async def test_several_changes_without_our_mark_cannot_be_told(yard: Yard, restarted: Execute) -> None:
    back = await undo(yard)
    yard.change(replicas=4)
    yard.change(replicas=5)
    looked = await yard.until(yard.actions[UNDO].look(looking(back)))
    assert looked == Looked(None, "it was changed several times since, and bears no mark of this step")
