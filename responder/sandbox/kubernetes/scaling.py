"""Arithmetic of replicas: shares in percent, and how far a rollout may go at once.

The controllers ask. Numbers in, numbers out; nothing is looked up here.
"""

from typing import Any


def portion(value: int | str, of: int, *, up: bool) -> int:
    """A number, or a share such as `25%` of `of`, rounded up or down."""
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * of
    return -(-share // 100) if up else share // 100


def bounds(spec: dict[str, Any]) -> tuple[int, int]:
    """How many pods more, and how many fewer, a rolling Deployment may have meanwhile."""
    rolling = spec["strategy"].get("rollingUpdate") or {}
    surge = portion(rolling.get("maxSurge", "25%"), spec["replicas"], up=True)
    unavailable = portion(rolling.get("maxUnavailable", "25%"), spec["replicas"], up=False)
    # Both rounded to nothing: nothing would ever move.
    return surge, unavailable if surge or unavailable else 1
