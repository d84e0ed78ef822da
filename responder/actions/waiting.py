"""Stands in for whoever carries runs out until they are there: importing them takes longer than a start may.

`service` gives it to the engine, and lets it go once there is a `worker.Acts`. It carries nothing out, and
loses nothing.
"""

from collections.abc import Sequence
from typing import Protocol

from responder.core.messages import Act


class Taker(Protocol):
    """Whoever carries runs out."""

    def take(self, acts: Sequence[Act]) -> None:
        """Begin."""
        ...


class Waiting:
    """Keeps orders in their order."""

    def __init__(self) -> None:
        """Nobody is there yet."""
        self._kept: list[Act] = []
        self._there: Taker | None = None

    def take(self, acts: Sequence[Act]) -> None:
        """Keep them, or pass them on."""
        if self._there is None:
            self._kept += acts
        else:
            self._there.take(acts)

    def pass_to(self, there: Taker) -> None:
        """They are there: what was kept is theirs, and what comes."""
        self._there, kept = there, self._kept
        self._kept = []
        there.take(kept)
