"""Shares and bounds."""

import pytest

from responder.sandbox.kubernetes.scaling import bounds, portion


@pytest.mark.parametrize(
    ("value", "of", "up", "down"),
    [(3, 10, 3, 3), ("25%", 3, 1, 0), ("25%", 4, 1, 1), ("50%", 5, 3, 2), ("100%", 7, 7, 7), ("0%", 7, 0, 0)],
)
def test_shares_are_rounded_either_way(value: int | str, of: int, up: int, down: int) -> None:
    assert (portion(value, of, up=True), portion(value, of, up=False)) == (up, down)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "wanted"),
    [(3, "25%", "25%", (1, 0)), (10, "25%", "25%", (3, 2)), (0, "25%", "25%", (0, 1)), (4, 0, "10%", (0, 1))],
)
def test_a_rollout_can_always_move(
    replicas: int, surge: int | str, unavailable: int | str, wanted: tuple[int, int]
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    assert bounds({"replicas": replicas, "strategy": {"rollingUpdate": rolling}}) == wanted
