"""A restart against the stand-in's API server and controllers, over real HTTP."""

from asyncio import gather
from typing import Any

import msgspec
import pytest

from responder.actions.action import CannotTell, Ended, Looked, Seen
from responder.core.model import MINUTE, SECOND
from responder.core.plan import ObjectFacts, TargetRef
from tests.actions.yard import CHECKOUT, RESTART, RUN, Yard, looking, open_yard, with_step


async def inspect(yard: Yard, target: TargetRef = CHECKOUT) -> Seen:
    return await yard.until(yard.actions[RESTART].inspect(target, RUN))


# -- looking and planning -------------------------------------------------------------------------


async def test_what_is_seen_is_the_target_what_serves_and_what_a_rollout_takes(yard: Yard) -> None:
    seen = await inspect(yard)
    uid = yard.deployment()["metadata"]["uid"]
    assert seen.target == msgspec.structs.replace(CHECKOUT, uid=uid)
    assert seen.facts == ObjectFacts(desired=3, healthy=3, takes=0, busy="")
    assert seen.state == {"generation": 1, "replicas": 3, "uid": uid}
    assert seen.notes == (
        "PodDisruptionBudget checkout: 1 may be evicted now (a rolling update does not ask it)",
    )


async def test_an_autoscaler_is_named_for_people(yard: Yard) -> None:
    seen = await inspect(yard, msgspec.structs.replace(CHECKOUT, name="cart"))
    assert seen.notes == ("HorizontalPodAutoscaler cart: 2 to 6 replicas",)


async def test_what_may_not_be_listed_costs_a_line(yard: Yard) -> None:
    yard.standin.user.rules[:] = [
        rule for rule in yard.standin.user.rules if rule.group in ("apps", "policy")
    ]
    seen = await inspect(yard, msgspec.structs.replace(CHECKOUT, name="cart"))
    assert seen.facts.healthy == 2
    (line,) = seen.notes
    assert line.startswith(
        "autoscalers could not be listed (403 Forbidden: horizontalpodautoscalers.autoscaling"
    )


async def test_the_plan_is_the_same_as_long_as_the_same_would_be_done(yard: Yard) -> None:
    action = yard.actions[RESTART]
    first = await inspect(yard)
    one = action.plan(first.target, first, RUN)
    await yard.clock.advance(MINUTE)
    found = yard.deployment()
    labels = {**found["metadata"]["labels"], "tier": "front"}
    yard.standin.apply({**found, "metadata": {**found["metadata"], "labels": labels}})
    second = await inspect(yard)
    assert action.plan(second.target, second, RUN) == one
    assert dict(one.observed) == {"generation": 1, "replicas": 3, "uid": first.target.uid}
    assert dict(one.intended) == {"restart": "every pod", "pods": 3}
    assert one.calls == (
        "PATCH /apis/apps/v1/namespaces/shop/deployments/checkout?fieldManager=responder "
        '(application/strategic-merge-patch+json): {"spec": {"template": {"metadata": {"annotations": '
        '{"kubectl.kubernetes.io/restartedAt": "<when the step begins>", "responder/run": "<the step>"}}}}}',
        "GET /apis/apps/v1/namespaces/shop/deployments/checkout, until the rollout is complete",
    )
    yard.change(replicas=4)
    await yard.clock.advance(10 * SECOND)
    third = await inspect(yard)
    assert action.plan(third.target, third, RUN) != one


@pytest.mark.parametrize(
    ("spec", "busy"),
    [
        ({"paused": True}, "it is paused: a restart would change it and replace nothing"),
        ({"replicas": 0}, "it is scaled to 0: there is nothing to restart"),
    ],
)
async def test_what_makes_a_deployment_untouchable(yard: Yard, spec: dict[str, Any], busy: str) -> None:
    yard.change(**spec)
    await yard.clock.advance(10 * SECOND)
    assert (await inspect(yard)).facts.busy == busy


async def test_a_rollout_under_way_and_one_that_is_stuck_are_left_alone(yard: Yard) -> None:
    yard.standin.stick("shop", "checkout")
    yard.image("registry.sandbox.invalid/shop/checkout:2.0.0")
    assert (await inspect(yard)).facts.busy.startswith("a rollout is under way")
    await yard.clock.advance(11 * MINUTE)
    assert (await inspect(yard)).facts.busy == "its last rollout does not get on (progress deadline exceeded)"


async def test_pods_that_break_after_a_rollout_do_not_make_it_busy(yard: Yard) -> None:
    yard.standin.crash("shop", "checkout", pods=1, ready=False)
    await yard.clock.advance(15 * SECOND)
    assert (await inspect(yard)).facts == ObjectFacts(desired=3, healthy=2, takes=0, busy="")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            {"name": "nowhere"},
            "get deployments shop/nowhere in cluster sandbox: 404 NotFound: "
            'deployments.apps "nowhere" not found',
        ),
        ({"cluster": "lab"}, "no cluster 'lab' is configured"),
        ({"kind": "StatefulSet"}, "sandbox/shop/StatefulSet/checkout is no Deployment"),
    ],
)
async def test_a_target_that_is_not_there_is_said_to_be_so(
    yard: Yard, target: dict[str, str], words: str
) -> None:
    with pytest.raises(CannotTell) as told:
        await inspect(yard, msgspec.structs.replace(CHECKOUT, **target))
    assert str(told.value) == words


# -- doing it -------------------------------------------------------------------------------------


async def test_every_pod_is_replaced_once_under_our_name_and_mark(yard: Yard) -> None:
    order = await yard.order()
    before = {pod["metadata"]["name"] for pod in yard.standin.objects("Pod", "shop")}
    assert await yard.carry_out(order) == Ended("applied", "3 of 3 pods are new and available")
    after = {
        pod["metadata"]["name"]
        for pod in yard.standin.objects("Pod", "shop")
        if pod["metadata"]["labels"]["app"] == "checkout"
    }
    assert (len(after), after & before) == (3, set())
    (call,) = yard.standin.writes()
    assert (call.verb, call.manager, call.content_type, call.status) == (
        "patch",
        "responder",
        "application/strategic-merge-patch+json",
        200,
    )
    assert set(call.body) == {"metadata", "spec"}
    assert set(call.body["metadata"]) == {"resourceVersion"}
    assert call.body["spec"] == {
        "template": {
            "metadata": {
                "annotations": {
                    "kubectl.kubernetes.io/restartedAt": "2026-01-05T00:00:02Z",
                    "responder/run": "r7-695b0d80-0-1",
                }
            }
        }
    }


async def test_asked_again_for_the_same_step_nothing_is_written(yard: Yard) -> None:
    order = await yard.order()
    await yard.carry_out(order)
    assert await yard.carry_out(order) == Ended("applied", "3 of 3 pods are new and available")
    assert len(yard.standin.writes()) == 1


async def test_a_deployment_that_was_changed_since_the_plan_is_a_conflict(yard: Yard) -> None:
    order = await yard.order()
    yard.change(replicas=4)
    assert await yard.apply(order) == Ended("conflict", "its generation is 2, and was 1 when it was planned")
    assert yard.standin.writes() == []


async def test_one_that_was_made_again_is_never_touched(yard: Yard) -> None:
    order = await yard.order()
    found = yard.deployment()
    yard.standin.delete("Deployment", "shop", "checkout")
    await yard.clock.advance(60 * SECOND)
    metadata = {name: found["metadata"][name] for name in ("name", "namespace", "labels")}
    yard.standin.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": found["spec"]}
    )
    assert await yard.apply(order) == Ended(
        "conflict", "it was deleted and made again since it was looked at"
    )
    assert await yard.until(yard.actions[RESTART].look(looking(order))) == Looked(
        None, "it was deleted and made again since"
    )
    assert yard.standin.writes() == []


async def test_paused_between_plan_and_step_it_is_refused(yard: Yard) -> None:
    yard.change(paused=True)
    await yard.clock.advance(SECOND)
    order = await yard.order()
    assert await yard.apply(order) == Ended("failed", "it is paused")
    assert yard.standin.writes() == []


async def test_what_a_refused_or_lost_write_means(yard: Yard) -> None:
    order = await yard.order()
    for fault, result, words in (
        ("401", "failed", "401 Unauthorized: the cluster does not know our credentials"),
        ("403", "failed", '403 Forbidden: deployments.apps "checkout" is forbidden: User'),
        ("404", "failed", '404 NotFound: deployments.apps "checkout" not found'),
        ("409", "conflict", "409 Conflict: Operation cannot be fulfilled on"),
        ("410", "failed", "410 Expired: "),
        ("422", "failed", "422 Invalid: "),
        ("reset", "unknown", "the connection ended before an answer came"),
        ("500", "unknown", "500 InternalError: "),
        ("503", "unknown", "503 ServiceUnavailable: "),
        ("504", "unknown", "504 Timeout: "),
        ("html_502", "unknown", "502 HTTP: <html>"),
        ("bad_json", "unknown", "the answer is no object"),
    ):
        before = len(yard.standin.writes())
        yard.standin.fault(fault, verb="patch")
        ended = await yard.apply(order)
        words = f"patch deployments shop/checkout in cluster sandbox: {words}"
        assert (ended.result, ended.detail[: len(words)], ended.touched) == (result, words, False)
        assert len(yard.standin.writes()) == before + 1
    assert yard.restarts() == 0


@pytest.mark.parametrize("fault", ["reset_after", "hang_after"])
async def test_a_write_whose_answer_was_lost_is_unknown_and_then_known(
    tmp_path_factory: pytest.TempPathFactory, fault: str
) -> None:
    async with open_yard(tmp_path_factory.mktemp("y"), patience=SECOND // 2) as yard:
        order = await yard.order()
        yard.standin.fault(fault, verb="patch")
        ended = await yard.apply(order)
        assert (ended.result, yard.restarts()) == ("unknown", 1)
        looked = await yard.until(yard.actions[RESTART].look(looking(order)))
        assert looked == Looked(True, "it bears this step's mark")
        assert len(yard.standin.writes()) == 1


async def test_an_overloaded_server_is_waited_for_and_asked_with_a_fresh_look(yard: Yard) -> None:
    order = await yard.order()
    yard.standin.fault("429", 3, verb="patch")
    began = yard.clock.monotonic()
    assert (await yard.apply(order)).result == "applied"
    assert (yard.clock.monotonic() - began) >= 3 * SECOND
    assert [call.status for call in yard.standin.writes()] == [429, 429, 429, 200]
    assert yard.restarts() == 1


async def test_it_is_not_waited_for_longer_than_there_is_time(yard: Yard) -> None:
    order = await yard.order()
    yard.standin.fault("429", 100)
    ended = await yard.apply(order, within=10 * SECOND)
    assert ended == Ended(
        "failed",
        "get deployments shop/checkout in cluster sandbox: 429 TooManyRequests: "
        "Too many requests, please try again later.",
    )
    assert yard.standin.writes() == []


# -- what follows ---------------------------------------------------------------------------------


async def test_a_rollout_that_gets_stuck_has_failed_and_touched_something(yard: Yard) -> None:
    yard.change(progressDeadlineSeconds=20)
    yard.standin.stick("shop", "checkout")
    await yard.clock.advance(SECOND)
    order = await yard.order()
    assert await yard.carry_out(order) == Ended(
        "failed", "it does not get on: progress deadline exceeded", touched=True
    )


async def test_a_rollout_that_takes_too_long_has_failed_and_touched_something(yard: Yard) -> None:
    yard.standin.ready_after(10 * MINUTE)
    order = await yard.order(timeout=MINUTE)
    ended = await yard.carry_out(order)
    assert (ended.result, ended.touched) == ("failed", True)
    assert ended.detail.startswith("the rollout is not complete within 1m: ")


async def test_somebody_who_takes_our_mark_away_is_noticed(yard: Yard) -> None:
    yard.standin.fight("shop", "checkout", after=SECOND)
    order = await yard.order()
    assert await yard.carry_out(order) == Ended(
        "failed", "something else has changed its pods meanwhile", touched=True
    )


async def test_a_deployment_that_is_deleted_meanwhile_is_noticed(yard: Yard) -> None:
    order = await yard.order()
    assert (await yard.apply(order)).result == "applied"
    yard.standin.delete("Deployment", "shop", "checkout")
    assert await yard.settle(order) == Ended(
        "failed", "it was deleted while it was rolling out", touched=True
    )


async def test_a_cluster_that_cannot_be_asked_for_a_while_is_asked_again(yard: Yard) -> None:
    order = await yard.order()
    assert (await yard.apply(order)).result == "applied"
    yard.standin.fault("503", 5, verb="get")
    assert await yard.settle(order) == Ended("applied", "3 of 3 pods are new and available")


async def test_a_cluster_that_cannot_be_asked_at_all_leaves_it_unknown(yard: Yard) -> None:
    order = await yard.order(timeout=MINUTE)
    assert (await yard.apply(order)).result == "applied"
    yard.standin.fault("503", 100, verb="get")
    ended = await yard.settle(order)
    assert (ended.result, ended.touched) == ("unknown", False)
    assert ended.detail.startswith("whether it took effect could not be seen within 1m: get deployments")


# -- nobody knows ---------------------------------------------------------------------------------


async def test_a_write_may_be_on_its_way_for_a_while(yard: Yard) -> None:
    order = await yard.order()
    began = yard.clock.monotonic()
    looked = await yard.until(yard.actions[RESTART].look(looking(order)))
    assert looked == Looked(False, "it is as it was: nothing was changed")
    assert 100 * SECOND <= yard.clock.monotonic() - began <= 110 * SECOND


async def test_a_write_that_arrives_late_is_seen(yard: Yard) -> None:
    order = await yard.order()

    async def late() -> None:
        await yard.clock.sleep(40 * SECOND)
        action = yard.actions[RESTART]
        assert (await action.apply(order, yard.clock.monotonic() + SECOND)).result == "applied"

    async def both() -> Looked:
        return (await gather(yard.actions[RESTART].look(looking(order)), late()))[0]

    assert await yard.until(both()) == Looked(True, "it bears this step's mark")


async def test_a_change_by_somebody_else_settles_that_ours_never_comes(yard: Yard) -> None:
    order = await yard.order()
    yard.change(replicas=4)
    began = yard.clock.monotonic()
    looked = await yard.until(yard.actions[RESTART].look(looking(order)))
    assert looked == Looked(False, "it was changed by something else, and not by this step")
    assert yard.clock.monotonic() - began < 5 * SECOND


async def test_a_restart_that_was_deployed_over_is_found_in_the_replica_sets(yard: Yard) -> None:
    order = await yard.order()
    await yard.carry_out(order)
    template = yard.deployment()["spec"]["template"]
    yard.change(template={**template, "metadata": {"labels": template["metadata"]["labels"]}})
    yard.image("registry.sandbox.invalid/shop/checkout:2.0.0")
    looked = await yard.until(yard.actions[RESTART].look(looking(order)))
    assert looked == Looked(True, "one of its ReplicaSets bears this step's mark")


async def test_several_changes_and_no_mark_anywhere_mean_it_was_not_done(yard: Yard) -> None:
    order = await yard.order()
    yard.change(replicas=4)
    yard.change(replicas=5)
    looked = await yard.until(yard.actions[RESTART].look(looking(order)))
    assert looked == Looked(False, "none of its ReplicaSets bears this step's mark")


async def test_several_changes_without_a_history_cannot_be_told(yard: Yard) -> None:
    order = await yard.order()
    yard.change(replicas=4, revisionHistoryLimit=0)
    yard.change(replicas=5)
    looked = await yard.until(yard.actions[RESTART].look(looking(order)))
    assert looked == Looked(None, "it was changed several times since, and bears no mark of this step")


async def test_a_cluster_that_does_not_answer_leaves_it_open(yard: Yard) -> None:
    order = await yard.order()
    yard.standin.fault("503", 100)
    looked = await yard.until(yard.actions[RESTART].look(looking(order)))
    assert looked.applied is None
    assert looked.detail.startswith("get deployments shop/checkout in cluster sandbox: 503")


# -- at rest --------------------------------------------------------------------------------------


async def test_a_target_is_at_rest_when_its_rollout_is_complete(yard: Yard) -> None:
    action = yard.actions[RESTART]
    assert (await yard.until(action.steady(CHECKOUT))).ok is True
    yard.standin.crash("shop", "checkout", pods=1, ready=False)
    await yard.clock.advance(15 * SECOND)
    steady = await yard.until(action.steady(CHECKOUT))
    assert (steady.ok, steady.detail) == (False, "2 of 3 new pods are available")
    yard.standin.fault("500", verb="get")
    assert (await yard.until(action.steady(CHECKOUT))).ok is None


async def test_an_order_without_a_plan_of_its_own_changes_nothing(yard: Yard) -> None:
    order = await yard.order()
    bare = with_step(order, msgspec.structs.replace(order.step, observed={}))
    assert (await yard.apply(bare)).result == "conflict"
    assert yard.standin.writes() == []
