"""What delivery is told and asks for: its settings, its store, how it stands.

`store` implements DeliveryStore, `service` fills the settings and reads the Snapshot. What goes in
and comes out, Order and Ending, is in `core.orders`. Nothing here does anything.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from responder.core.model import MINUTE, SECOND, Nanoseconds
from responder.core.orders import Attempted


class DeliverySettings(msgspec.Struct, frozen=True):
    """`delivery:` in the configuration. Durations are nanoseconds, `jitter` a share of 1.

    `per_destination` and `overall` bound the sends that are under way at one time.
    """

    first_retry: Nanoseconds = SECOND // 2
    factor: float = 1.5
    jitter: float = 0.5
    max_retry: Nanoseconds = MINUTE
    breaker_after: int = 10
    breaker_probe: Nanoseconds = 5 * SECOND
    breaker_max_probe: Nanoseconds = MINUTE
    timeout: Nanoseconds = 10 * SECOND
    per_destination: int = 8
    overall: int = 64


class DeliveryStore(Protocol):
    """Delivery's own bookkeeping. Each call is one transaction; both raise StorageError."""

    async def claim(self, rows: Sequence[int]) -> Collection[int]:
        """Make the claims of `rows` durable; answers with those that could be claimed.

        A row that is no longer pending cannot: delivery forgets it.
        """
        ...

    async def attempts(self, attempted: Sequence[Attempted]) -> None:
        """Record how often rows were tried and when they will be tried next."""
        ...


class DestinationStatus(msgspec.Struct, frozen=True):
    """How one destination stands. `waiting` rows are not being sent; `in_flight` ones are.

    `replies`: rows of which people were told and a part is left; they are not among `waiting`.
    """

    destination: str
    kind: str
    waiting: int
    in_flight: int
    breaker: Literal["closed", "open", "probing"]
    paused: bool
    replies: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """How delivery stands. `outcomes` counts attempts by (kind, receiver, `delivered` or reason).

    A row that was told in two parts counts as delivered once, at its end. `unreported` endings have
    not reached the inputs log yet. `announced`: how often a destination was told that much waits.
    """

    destinations: tuple[DestinationStatus, ...]
    outcomes: Mapping[tuple[str, str, str], int]
    unreported: int
    announced: int = 0
