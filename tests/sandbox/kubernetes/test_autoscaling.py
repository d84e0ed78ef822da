"""Autoscalers: they put back what people change, within their bounds, when they look."""

from typing import Any

from responder.sandbox.kubernetes.platform import autoscaler
from tests.sandbox.kubernetes.shop import Shop


async def scale(shop: Shop, replicas: int, name: str = "cart") -> None:
    await shop.apps.patch_namespaced_deployment_scale(name, "shop", {"spec": {"replicas": replicas}})


def replicas(shop: Shop, name: str = "cart") -> int:
    return int(shop.deployment(name)["spec"]["replicas"])


async def read(shop: Shop) -> Any:
    return await shop.autoscaling.read_namespaced_horizontal_pod_autoscaler("cart", "shop")


async def test_it_is_complete_for_the_real_client(shop: Shop) -> None:
    status = (await read(shop)).status
    assert (status.current_replicas, status.desired_replicas) == (2, 2)
    assert {one.type: (one.status, one.reason) for one in status.conditions} == {
        "AbleToScale": ("True", "ReadyForNewScale"),
        "ScalingActive": ("True", "ValidMetricFound"),
    }


async def test_it_puts_back_what_it_wants_at_its_next_look(shop: Shop) -> None:
    shop.cluster.want("shop", "cart", 3)
    # It looks every fifteen seconds of the monotonic clock, which stands at 1,002.
    await shop.seconds(3)
    assert replicas(shop) == 3
    await scale(shop, 5)
    await shop.seconds(14)
    assert replicas(shop) == 5
    await shop.seconds(1)
    assert replicas(shop) == 3
    writers = {
        (entry["manager"], entry.get("subresource", ""))
        for entry in shop.deployment("cart")["metadata"]["managedFields"]
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    }
    assert writers == {("kube-controller-manager", "scale")}
    assert (await read(shop)).status.last_scale_time is not None


async def test_it_leaves_what_is_within_its_bounds_if_it_wants_nothing_else(shop: Shop) -> None:
    await scale(shop, 4)
    await shop.seconds(60)
    assert replicas(shop) == 4
    await scale(shop, 9)
    await shop.seconds(15)
    assert replicas(shop) == 6
    await scale(shop, 1)
    await shop.seconds(15)
    assert replicas(shop) == 2


async def test_nothing_at_all_turns_it_off(shop: Shop) -> None:
    shop.cluster.want("shop", "cart", 3)
    await scale(shop, 0)
    await shop.seconds(60)
    assert replicas(shop) == 0
    status = (await read(shop)).status
    assert [(one.type, one.status, one.reason) for one in status.conditions][1:] == [
        ("ScalingActive", "False", "ScalingDisabled")
    ]
    await scale(shop, 2)
    await shop.seconds(15)
    assert replicas(shop) == 3


async def test_one_without_a_deployment_says_so(shop: Shop) -> None:
    document = autoscaler("shop", "cart", 2, 6)
    document["spec"]["scaleTargetRef"]["name"] = "nothing"
    shop.cluster.apply(document)
    await shop.seconds(15)
    status = (await read(shop)).status
    assert [(one.type, one.reason) for one in status.conditions] == [("AbleToScale", "FailedGetScale")]
