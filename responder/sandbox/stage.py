"""What the chapters of the story share: whom they ask, what they hear, and how they tell it.

`story` and `mending` play on it, `cli.sandbox` sets it up. It waits and tells, and starts nothing by
itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from responder.clock import Clock
from responder.core.model import MILLISECOND, SECOND
from responder.errors import ResponderError
from responder.sandbox.arrival import Arrival
from responder.sandbox.client import Client
from responder.sandbox.standins import StandIns

Kind: TypeAlias = Literal["heading", "said", "run", "why", "good", "bad", "paste", "arrived"]
Tell: TypeAlias = Callable[[Kind, str], None]

PATIENCE: Final = 15 * SECOND
"""How long a step may take: group_wait and group_interval of config/sandbox.yaml come to 7 s."""

LOOK_AGAIN: Final = 200 * MILLISECOND


class StoryStopped(ResponderError):
    """Something that should have happened did not; the message says what."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`command` makes a line to paste: `responder` with these arguments, as the newcomer."""

    client: Client
    standins: StandIns
    clock: Clock
    tell: Tell
    command: Callable[[str], str]

    async def wait(
        self, expected: set[tuple[str, str]], *words: str, before: int = 0, over: bool = False
    ) -> None:
        """Until what has these words has arrived everywhere as expected, after arrival number `before`.

        `expected`: the place, or the channel in Slack, and what becomes of it there. `over`: what says
        that it fires does not count.
        """

        def missing() -> set[tuple[str, str]]:
            return expected - {
                (where(arrival), arrival.how)
                for arrival in self.since(before, *words)
                if arrival.tone == "resolved" or not over
            }

        if not await self.standins.until(lambda: not missing(), PATIENCE):
            awaited = ", ".join(f"{place} ({how})" for place, how in sorted(missing()))
            raise StoryStopped(
                f"{words[0]} should have arrived within {PATIENCE // SECOND} s: {awaited}; "
                "see `responder delivery list`"
            )

    def since(self, before: int, *words: str) -> list[Arrival]:
        """What arrived that has all of these words."""
        return [
            arrival
            for arrival in self.standins.arrivals
            if arrival.number > before and all(word in arrival.text for word in words)
        ]

    async def suppressed(self, *words: str) -> list[Any]:
        """The ledger's rows that say why the group whose key has these words was told to nobody."""
        for _ in range(PATIENCE // LOOK_AGAIN):
            rows = await self.client.get("/api/v1/deliveries", [("limit", "100")])
            found = [
                row
                for row in rows
                if row["state"] == "suppressed" and all(word in row["group_key"] for word in words)
            ]
            if found:
                return found
            await self.clock.sleep(LOOK_AGAIN)
        raise StoryStopped(f"nobody looked at {words[0]} within {PATIENCE // SECOND} s")

    def tell_rows(self, rows: Iterable[Any]) -> None:
        """Why those receivers were told nothing."""
        for row in rows:
            self.tell(
                "why", f"{row['receiver']}: row {row['id']} of the ledger closed, {row['close_reason']}"
            )


def where(arrival: Arrival) -> str:
    """The channel in Slack, else the place."""
    return arrival.where if arrival.place == "Slack" else arrival.place
