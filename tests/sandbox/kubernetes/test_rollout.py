"""What a rollout does: surge, reasons, revisions, deadlines; asked for with the real client."""

from typing import Any

import pytest

from responder.sandbox.kubernetes.platform import deployment
from responder.sandbox.kubernetes.rollout import HISTORY, REVISION
from tests.sandbox.kubernetes.shop import Shop

COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


def counts(shop: Shop, name: str = "checkout") -> list[int]:
    status = shop.deployment(name)["status"]
    return [status.get(count, 0) for count in COUNTS]


def sets(shop: Shop, name: str = "checkout") -> list[tuple[str, int]]:
    """Revision and replicas of each ReplicaSet."""
    found = [
        one
        for one in shop.cluster.objects("ReplicaSet", "shop")
        if one["spec"]["selector"]["matchLabels"]["app"] == name
    ]
    return sorted((one["metadata"]["annotations"][REVISION], one["spec"]["replicas"]) for one in found)


async def test_what_is_made_is_rolled_out(shop: Shop) -> None:
    assert counts(shop) == [3, 3, 3, 3, 0]
    assert shop.condition() == ("True", "NewReplicaSetAvailable")
    assert shop.condition("Available") == ("True", "MinimumReplicasAvailable")
    assert shop.deployment()["metadata"]["annotations"] == {REVISION: "1"}
    assert shop.deployment()["status"]["observedGeneration"] == 1


async def test_a_restart_replaces_one_pod_after_the_other(shop: Shop) -> None:
    before = {pod["metadata"]["uid"] for pod in shop.pods()}
    answer = await shop.restart()
    # The controllers have not looked yet: whoever watches must wait for them.
    assert (answer.metadata.generation, answer.status.observed_generation) == (2, 1)
    seen = [(counts(shop), shop.condition())]
    for _ in range(3):
        await shop.seconds(2)
        seen.append((counts(shop), shop.condition()))
    going, done = ("True", "ReplicaSetUpdated"), ("True", "NewReplicaSetAvailable")
    assert seen == [
        ([4, 1, 3, 3, 1], going),
        ([4, 2, 3, 3, 1], going),
        ([4, 3, 3, 3, 1], going),
        ([3, 3, 3, 3, 0], done),
    ]
    assert before & {pod["metadata"]["uid"] for pod in shop.pods()} == set()
    assert sets(shop) == [("1", 0), ("2", 3)]
    assert shop.deployment()["metadata"]["annotations"][REVISION] == "2"
    assert len(shop.cluster.restarts("shop", "checkout")) == 1


async def test_a_restart_in_the_same_second_is_no_restart(shop: Shop) -> None:
    await shop.restart()
    await shop.seconds(10)
    before = shop.deployment()
    await shop.restart()
    assert shop.deployment() == before
    assert [(call.status, call.changed) for call in shop.cluster.writes("deployments")] == [
        (200, True),
        (200, False),
    ]
    assert len(shop.cluster.restarts("shop", "checkout")) == 1


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "most", "least"),
    [
        (10, "25%", "25%", 13, 8),
        (4, 1, 1, 5, 3),
        (3, 0, 1, 3, 2),
        (1, "25%", "25%", 2, 1),
        (5, "100%", 0, 10, 5),
        # Both rounded to nothing: one may be missing.
        (2, 0, "25%", 2, 1),
    ],
)
async def test_a_rollout_keeps_within_its_bounds(
    shop: Shop, replicas: int, surge: int | str, unavailable: int | str, most: int, least: int
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    shop.cluster.apply(deployment("shop", "web", replicas, strategy=rolling))
    await shop.seconds(2)
    await shop.restart("web")
    seen = []
    while shop.condition(name="web") != ("True", "NewReplicaSetAvailable"):
        seen.append(counts(shop, "web"))
        await shop.seconds(2)
    assert (max(row[0] for row in seen), min(row[3] for row in seen)) == (most, least)
    assert counts(shop, "web") == [replicas] * 4 + [0]


async def test_recreate_stops_all_before_it_starts_any(shop: Shop) -> None:
    shop.cluster.gone_after(10**9)
    shop.cluster.apply(deployment("shop", "batch", 2, strategy={"type": "Recreate"}))
    await shop.seconds(2)
    await shop.restart("batch")
    assert counts(shop, "batch") == [0, 0, 0, 0, 0]
    await shop.seconds(1)
    assert counts(shop, "batch") == [2, 2, 0, 0, 2]
    assert shop.condition("Available", "batch") == ("True", "MinimumReplicasAvailable")
    await shop.seconds(2)
    assert counts(shop, "batch") == [2, 2, 2, 2, 0]
    assert sets(shop, "batch") == [("1", 0), ("2", 2)]


async def test_a_paused_deployment_takes_a_restart_and_rolls_nothing(shop: Shop) -> None:
    await shop.apps.patch_namespaced_deployment("checkout", "shop", {"spec": {"paused": True}})
    assert shop.condition() == ("Unknown", "DeploymentPaused")
    await shop.restart()
    await shop.seconds(3_600)
    assert sets(shop) == [("1", 3)]
    assert counts(shop) == [3, 0, 3, 3, 0]
    assert shop.condition() == ("Unknown", "DeploymentPaused")
    assert shop.deployment()["status"]["observedGeneration"] == 3
    await shop.apps.patch_namespaced_deployment("checkout", "shop", {"spec": {"paused": None}})
    assert sets(shop) == [("1", 3), ("2", 1)]
    await shop.seconds(10)
    assert counts(shop) == [3, 3, 3, 3, 0]


async def test_a_paused_deployment_can_be_scaled(shop: Shop) -> None:
    await shop.apps.patch_namespaced_deployment("checkout", "shop", {"spec": {"paused": True, "replicas": 5}})
    await shop.seconds(2)
    assert counts(shop) == [5, 5, 5, 5, 0]


async def undo(shop: Shop) -> Any:
    """As kubectl does it: the template of the revision before, by a JSON patch."""
    found = await shop.apps.list_namespaced_replica_set("shop", label_selector="app=checkout")
    ranked = sorted(found.items, key=lambda one: int(one.metadata.annotations[REVISION]))
    raw = shop.cluster.get("ReplicaSet", "shop", ranked[-2].metadata.name)["spec"]["template"]
    labels = {name: value for name, value in raw["metadata"]["labels"].items() if name != "pod-template-hash"}
    template = {**raw, "metadata": {**raw["metadata"], "labels": labels}}
    patch = [{"op": "replace", "path": "/spec/template", "value": template}]
    return await shop.apps.patch_namespaced_deployment("checkout", "shop", patch)


async def test_an_undo_takes_the_old_set_again_under_a_new_revision(shop: Shop) -> None:
    await shop.restart()
    await shop.seconds(10)
    assert sets(shop) == [("1", 0), ("2", 3)]
    answer = await undo(shop)
    assert (answer.spec.template.metadata.annotations, answer.metadata.generation) == (None, 3)
    await shop.seconds(10)
    assert sets(shop) == [("2", 0), ("3", 3)]
    assert shop.condition() == ("True", "NewReplicaSetAvailable")
    (reused,) = [
        one
        for one in shop.cluster.objects("ReplicaSet")
        if one["spec"]["replicas"] and "checkout" in one["metadata"]["name"]
    ]
    assert reused["metadata"]["annotations"][HISTORY] == "1"
    assert shop.deployment()["metadata"]["annotations"][REVISION] == "3"


async def test_pods_that_never_get_ready_exceed_the_deadline_and_the_old_ones_serve(shop: Shop) -> None:
    shop.cluster.stick("shop", "checkout", "CrashLoopBackOff")
    await shop.restart()
    await shop.seconds(599)
    assert shop.condition() == ("True", "ReplicaSetUpdated")
    await shop.seconds(1)
    assert shop.condition() == ("False", "ProgressDeadlineExceeded")
    (condition,) = [one for one in shop.deployment()["status"]["conditions"] if one["type"] == "Progressing"]
    name = next(
        one["metadata"]["name"]
        for one in shop.cluster.objects("ReplicaSet")
        if one["metadata"]["annotations"][REVISION] == "2"
    )
    assert condition == {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": f'ReplicaSet "{name}" has timed out progressing.',
        "lastUpdateTime": "2026-01-05T00:10:02Z",
        "lastTransitionTime": "2026-01-05T00:10:02Z",
    }
    await shop.seconds(3_600)
    assert counts(shop) == [4, 1, 3, 3, 1]
    assert shop.condition("Available") == ("True", "MinimumReplicasAvailable")
    (stuck,) = [pod for pod in shop.pods() if not pod["status"]["containerStatuses"][0]["ready"]]
    assert stuck["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"


async def test_an_undo_ends_a_rollout_that_is_stuck(shop: Shop) -> None:
    shop.cluster.stick("shop", "checkout")
    await shop.restart()
    await shop.seconds(700)
    await undo(shop)
    await shop.seconds(1)
    assert counts(shop) == [3, 3, 3, 3, 0]
    assert shop.condition() == ("True", "NewReplicaSetAvailable")


async def test_what_was_stuck_goes_on_when_it_is_calm(shop: Shop) -> None:
    shop.cluster.stick("shop", "checkout")
    await shop.restart()
    await shop.seconds(700)
    shop.cluster.calm("shop", "checkout")
    await shop.seconds(6)
    assert counts(shop) == [3, 3, 3, 3, 0]
    assert shop.condition() == ("True", "NewReplicaSetAvailable")


async def test_another_deadline_counts_from_the_last_progress(shop: Shop) -> None:
    await shop.apps.patch_namespaced_deployment("checkout", "shop", {"spec": {"progressDeadlineSeconds": 60}})
    await shop.restart()
    await shop.seconds(1)
    shop.cluster.stick("shop", "checkout")
    # The first new pod gets ready at 2 s and lets the next one begin, which does not.
    await shop.seconds(60)
    assert shop.condition() == ("True", "ReplicaSetUpdated")
    await shop.seconds(1)
    assert shop.condition() == ("False", "ProgressDeadlineExceeded")


async def test_pods_count_when_they_have_been_ready_for_long_enough(shop: Shop) -> None:
    shop.cluster.apply(deployment("shop", "slow", 1, minReadySeconds=30))
    await shop.seconds(31)
    assert counts(shop, "slow") == [1, 1, 1, 0, 1]
    assert shop.condition("Available", "slow") == ("False", "MinimumReplicasUnavailable")
    await shop.seconds(1)
    assert counts(shop, "slow") == [1, 1, 1, 1, 0]


async def test_scaling_in_the_middle_of_a_rollout_shares_what_is_added(shop: Shop) -> None:
    shop.cluster.apply(
        deployment(
            "shop",
            "web",
            10,
            strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}},
        )
    )
    await shop.seconds(2)
    shop.cluster.stick("shop", "web")
    await shop.restart("web")
    assert sets(shop, "web") == [("1", 8), ("2", 5)]
    await shop.apps.patch_namespaced_deployment_scale("web", "shop", {"spec": {"replicas": 15}})
    # As in the documentation of proportional scaling: of five more, three for the old and two for the new.
    assert sets(shop, "web") == [("1", 11), ("2", 7)]


async def test_old_sets_are_kept_as_far_as_the_limit_says(shop: Shop) -> None:
    await shop.apps.patch_namespaced_deployment("checkout", "shop", {"spec": {"revisionHistoryLimit": 1}})
    for number in range(3):
        await shop.restart(value=f"2026-01-05T00:0{number}:00Z")
        await shop.seconds(10)
    assert sets(shop) == [("3", 0), ("4", 3)]


async def test_the_controllers_tell_of_their_scaling_in_events(shop: Shop) -> None:
    found = await shop.core.list_namespaced_event(
        "shop", field_selector="involvedObject.name=checkout,reason=ScalingReplicaSet"
    )
    name = shop.cluster.objects("ReplicaSet", "shop")[1]["metadata"]["name"]
    assert [event.message for event in found.items] == [f"Scaled up replica set {name} from 0 to 3"]


async def test_a_deployment_that_goes_takes_all_with_it(shop: Shop) -> None:
    shop.cluster.delete("Deployment", "shop", "checkout")
    assert (shop.pods(), sets(shop)) == ([], [])


async def test_a_pod_that_is_deleted_is_replaced(shop: Shop) -> None:
    gone = shop.pods()[0]["metadata"]["name"]
    await shop.core.delete_namespaced_pod(gone, "shop")
    assert len(shop.pods()) == 3
    assert gone not in {pod["metadata"]["name"] for pod in shop.pods()}
    assert shop.condition("Available") == ("False", "MinimumReplicasUnavailable")
    assert counts(shop) == [3, 3, 2, 2, 1]
    await shop.seconds(2)
    assert counts(shop) == [3, 3, 3, 3, 0]


async def test_many_changes_at_once_in_virtual_time_come_to_their_own_times(shop: Shop) -> None:
    # Nobody looks for an hour: what was due has its own time all the same.
    await shop.restart()
    await shop.clock.advance(3_600 * 10**9)
    starts = {pod["status"]["startTime"] for pod in shop.pods()}
    assert starts == {"2026-01-05T00:00:02Z", "2026-01-05T00:00:04Z", "2026-01-05T00:00:06Z"}
