"""Pods as a node runs them: their status, how long they take, and how they crash."""

import pytest

from responder.core.model import MINUTE, SECOND
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import deployment
from tests.clock import ManualClock
from tests.sandbox.kubernetes.shop import Shop


def restarts(shop: Shop, name: str = "checkout") -> list[int]:
    return sorted(pod["status"]["containerStatuses"][0]["restartCount"] for pod in shop.pods(name))


async def test_a_pod_is_complete_for_the_real_client(shop: Shop) -> None:
    found = await shop.core.list_namespaced_pod("shop", label_selector="app=checkout")
    pod = found.items[0]
    (status,) = pod.status.container_statuses
    assert (pod.status.phase, status.ready, status.restart_count, status.state.running is not None) == (
        "Running",
        True,
        0,
        True,
    )
    assert {one.type: one.status for one in pod.status.conditions} == {
        "PodScheduled": "True",
        "Initialized": "True",
        "ContainersReady": "True",
        "Ready": "True",
    }
    (owner,) = pod.metadata.owner_references
    assert (owner.kind, owner.controller) == ("ReplicaSet", True)
    assert {one.spec.node_name for one in found.items} == {"node-1", "node-2", "node-3"}


async def test_pods_are_not_put_on_nodes_that_are_closed(shop: Shop) -> None:
    async with shop.as_admin() as admin:
        for node in ("node-1", "node-2"):
            await admin.core.patch_node(node, {"spec": {"unschedulable": True}})
    shop.cluster.apply(deployment("shop", "web", 4))
    assert {pod["spec"]["nodeName"] for pod in shop.pods("web")} == {"node-3"}


async def test_how_long_a_pod_takes_is_said_for_all_or_for_one(shop: Shop) -> None:
    shop.cluster.ready_after(30 * SECOND)
    shop.cluster.ready_after(5 * SECOND, "shop", "cart")
    await shop.restart("cart")
    await shop.restart("payments")
    await shop.seconds(10)
    assert shop.condition(name="cart") == ("True", "NewReplicaSetAvailable")
    await shop.seconds(49)
    assert shop.condition(name="payments") == ("True", "ReplicaSetUpdated")
    await shop.seconds(1)
    assert shop.condition(name="payments") == ("True", "NewReplicaSetAvailable")


async def test_pods_crash_again_and_again_until_the_deployment_is_restarted(shop: Shop) -> None:
    shop.cluster.crash("shop", "checkout", every=10 * SECOND)
    await shop.seconds(60)
    assert restarts(shop) == [6, 6, 6]
    assert shop.cluster.crashed("shop", "checkout", 5 * MINUTE) == 18
    assert shop.cluster.crashed("shop", "checkout", 10 * SECOND) == 3
    # They serve in between.
    assert shop.condition("Available") == ("True", "MinimumReplicasAvailable")
    await shop.restart()
    await shop.seconds(10)
    assert restarts(shop) == [0, 0, 0]
    await shop.seconds(5 * 60)
    assert shop.cluster.crashed("shop", "checkout", 5 * MINUTE) == 0
    assert restarts(shop) == [0, 0, 0]


async def test_a_pod_in_place_of_one_that_crashes_crashes_too(shop: Shop) -> None:
    shop.cluster.crash("shop", "checkout", every=10 * SECOND)
    await shop.core.delete_namespaced_pod(shop.pods()[0]["metadata"]["name"], "shop")
    await shop.seconds(20)
    assert restarts(shop) == [2, 2, 2]


async def test_some_pods_may_crash_and_serve_nobody(shop: Shop) -> None:
    shop.cluster.crash("shop", "checkout", every=10 * SECOND, pods=1, ready=False)
    await shop.seconds(60)
    assert restarts(shop) == [0, 0, 6]
    status = shop.deployment()["status"]
    assert (status["readyReplicas"], status["unavailableReplicas"]) == (2, 1)
    (crashing,) = [pod for pod in shop.pods() if not pod["status"]["containerStatuses"][0]["ready"]]
    (container,) = crashing["status"]["containerStatuses"]
    assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert container["lastState"]["terminated"]["exitCode"] == 1
    # A pod in its place is well.
    await shop.core.delete_namespaced_pod(crashing["metadata"]["name"], "shop")
    await shop.seconds(60)
    assert restarts(shop) == [0, 0, 0]


async def test_what_crashes_can_be_calmed(shop: Shop) -> None:
    shop.cluster.crash("shop", "checkout", every=10 * SECOND, ready=False)
    await shop.seconds(10)
    assert "readyReplicas" not in shop.deployment()["status"]
    shop.cluster.calm("shop", "checkout")
    await shop.seconds(60)
    assert restarts(shop) == [1, 1, 1]
    assert shop.deployment()["status"]["readyReplicas"] == 3


async def test_what_crashes_does_not_count_for_others(shop: Shop) -> None:
    shop.cluster.crash("shop", "checkout", every=10 * SECOND)
    await shop.seconds(30)
    assert shop.cluster.crashed("shop", "cart", MINUTE) == 0
    assert {(crash.namespace, crash.workload) for crash in shop.cluster.crashes} == {("shop", "checkout")}


def test_what_is_not_there_cannot_crash(shop: Shop) -> None:
    with pytest.raises(KeyError, match="shop/nothing"):
        shop.cluster.crash("shop", "nothing")


async def test_without_a_node_pods_wait_and_time_goes_on() -> None:
    clock = ManualClock()
    async with Cluster(clock) as cluster:
        cluster.apply(deployment("default", "checkout", 2))
        await clock.advance(MINUTE)
        found = cluster.get("Deployment", "default", "checkout")["status"]
        assert (found["replicas"], found.get("availableReplicas")) == (2, None)
