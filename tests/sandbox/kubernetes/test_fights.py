"""Somebody else holds a Deployment to what it was."""

import pytest

from tests.sandbox.kubernetes.shop import RESTARTED, Shop


def annotations(shop: Shop) -> dict[str, str]:
    return dict(shop.deployment()["spec"]["template"]["metadata"].get("annotations") or {})


async def test_a_restart_is_taken_back_under_another_manager(shop: Shop) -> None:
    shop.cluster.fight("shop", "checkout")
    await shop.restart()
    await shop.seconds(4)
    assert annotations(shop) == {RESTARTED: "2026-01-05T00:00:00Z"}
    await shop.seconds(1)
    assert annotations(shop) == {}
    managers = {entry["manager"] for entry in shop.deployment()["metadata"]["managedFields"]}
    assert "argocd-controller" in managers
    # It is the old template again: its set is used again, and the rollout goes back.
    await shop.seconds(10)
    sets = {
        one["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: one["spec"]["replicas"]
        for one in shop.cluster.objects("ReplicaSet", "shop")
        if one["metadata"]["labels"]["app"] == "checkout"
    }
    assert sets == {"2": 0, "3": 3}


async def test_replicas_are_held_and_the_template_is_let_go(shop: Shop) -> None:
    shop.cluster.fight("shop", "checkout", manager="flux", what={"replicas"})
    await shop.restart()
    await shop.apps.patch_namespaced_deployment_scale("checkout", "shop", {"spec": {"replicas": 5}})
    await shop.seconds(5)
    assert shop.deployment()["spec"]["replicas"] == 3
    assert annotations(shop) == {RESTARTED: "2026-01-05T00:00:00Z"}


async def test_a_fight_goes_on_until_it_is_calm(shop: Shop) -> None:
    shop.cluster.fight("shop", "checkout")
    for _ in range(2):
        await shop.restart()
        await shop.seconds(5)
        assert annotations(shop) == {}
    shop.cluster.calm("shop", "checkout")
    await shop.restart()
    await shop.seconds(60)
    assert annotations(shop) == {RESTARTED: "2026-01-05T00:00:00Z"}
    # What others do is no request.
    assert len(shop.cluster.restarts("shop", "checkout")) == 3


def test_nobody_fights_for_what_is_not_there(shop: Shop) -> None:
    with pytest.raises(KeyError, match="shop/nothing"):
        shop.cluster.fight("shop", "nothing")
