"""The platform that clusters are filled with, as the real client sees it."""

from typing import Any

from tests.sandbox.kubernetes.shop import Shop


async def test_what_is_in_it(shop: Shop) -> None:
    nodes = await shop.core.list_node()
    assert {node.metadata.name: node.status.conditions[0].status for node in nodes.items} == {
        "node-1": "True",
        "node-2": "True",
        "node-3": "True",
    }
    namespaces = await shop.core.list_namespace()
    assert {one.metadata.name: one.status.phase for one in namespaces.items} == {
        "default": "Active",
        "kube-system": "Active",
        "shop": "Active",
    }
    assert (await shop.core.read_namespace("shop")).metadata.uid
    deployments = await shop.apps.list_namespaced_deployment("shop")
    assert {one.metadata.name: one.status.available_replicas for one in deployments.items} == {
        "checkout": 3,
        "cart": 2,
        "payments": 2,
    }
    budgets: Any = await shop.policy.list_namespaced_pod_disruption_budget("shop")
    assert [(one.metadata.name, one.status.disruptions_allowed) for one in budgets.items] == [("checkout", 1)]
    scalers: Any = await shop.autoscaling.list_namespaced_horizontal_pod_autoscaler("shop")
    assert [(one.metadata.name, one.spec.max_replicas) for one in scalers.items] == [("cart", 6)]
