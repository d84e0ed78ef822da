"""Budgets: how many pods may go."""

from typing import Any

import pytest

from responder.sandbox.kubernetes.platform import budget
from tests.sandbox.kubernetes.shop import Shop


@pytest.mark.parametrize(
    ("spec", "healthy", "desired", "allowed", "expected"),
    [
        ({"minAvailable": 2}, 3, 2, 1, 3),
        ({"minAvailable": 5}, 3, 5, 0, 3),
        ({"minAvailable": "50%"}, 3, 2, 1, 3),
        ({"maxUnavailable": 1}, 3, 2, 1, 3),
        ({"maxUnavailable": "50%"}, 3, 1, 2, 3),
        ({"maxUnavailable": 0}, 3, 3, 0, 3),
        ({"maxUnavailable": "100%"}, 3, 0, 3, 3),
        ({"selector": {"matchLabels": {"app": "nothing"}}, "minAvailable": 0}, 0, 0, 0, 0),
    ],
)
async def test_what_a_budget_counts(
    shop: Shop, spec: dict[str, Any], healthy: int, desired: int, allowed: int, expected: int
) -> None:
    shop.cluster.apply(budget("shop", "checkout", **spec))
    found = await shop.policy.read_namespaced_pod_disruption_budget("checkout", "shop")
    status = found.status
    assert (
        status.current_healthy,
        status.desired_healthy,
        status.disruptions_allowed,
        status.expected_pods,
    ) == (healthy, desired, allowed, expected)
    assert status.observed_generation == found.metadata.generation


async def test_pods_that_are_being_stopped_are_not_healthy(shop: Shop) -> None:
    shop.cluster.gone_after(10**9)
    await shop.core.delete_namespaced_pod(shop.pods()[0]["metadata"]["name"], "shop")
    (found,) = shop.cluster.objects("PodDisruptionBudget", "shop")
    assert found["status"]["currentHealthy"] == 2
