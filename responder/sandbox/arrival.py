"""Something that arrived at one of the stand-ins, as it is kept, shown and looked for.

`standins` makes Arrivals, `page`, `terminal` and `story` read them. Their texts are what was sent:
whoever shows them makes them harmless.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from responder.core.model import SECOND, Nanoseconds, format_time

Place: TypeAlias = Literal["Slack", "PagerDuty", "mail", "webhook"]
Tone: TypeAlias = Literal["firing", "resolved", "plain"]

LONGEST: Final = 16_000
"""Characters of a text that are kept."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One thing that arrived: its number, when, at which stand-in, and where in it.

    `how` says what became of it (`posted`, `edited`, `resolved`...), `what` is its headline, `text`
    the whole as a person reads it.
    """

    number: int
    at: Nanoseconds
    place: Place
    where: str
    how: str
    what: str
    text: str = ""
    tone: Tone = "plain"

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return {
            "number": self.number,
            "at": format_time(self.at),
            "place": self.place,
            "where": self.where,
            "how": self.how,
            "what": self.what,
            "text": self.text,
        }

    @property
    def clock_time(self) -> str:
        """When it arrived: the time of day in UTC, to a tenth of a second."""
        moment = datetime.fromtimestamp(self.at // SECOND, UTC)
        return f"{moment:%H:%M:%S}.{self.at % SECOND * 10 // SECOND}"
