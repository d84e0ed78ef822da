"""A notification that arrived at the sandbox's sink, as it is kept and shown.

`sink` makes Arrivals, `page`, `terminal` and `story` read them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from responder.core.model import SECOND, Nanoseconds, format_time


@dataclass(frozen=True, slots=True)
class Arrival:
    """One notification that arrived: its number, when, for whom, why, and the alerts in it."""

    number: int
    at: Nanoseconds
    receiver: str
    reason: str
    firing: tuple[dict[str, str], ...]
    resolved: tuple[dict[str, str], ...]
    body: bytes

    @property
    def status(self) -> str:
        """`firing` while anything in it fires."""
        return "firing" if self.firing else "resolved"

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return {
            "number": self.number,
            "at": format_time(self.at),
            "receiver": self.receiver,
            "payload": msgspec.Raw(self.body),
        }

    @property
    def clock_time(self) -> str:
        """When it arrived: the time of day in UTC, to a tenth of a second."""
        moment = datetime.fromtimestamp(self.at // SECOND, UTC)
        return f"{moment:%H:%M:%S}.{self.at % SECOND * 10 // SECOND}"
