"""Our own rules that keep alerts quiet: maintenance windows that come back on a schedule.

`ruleset` builds a Suppression from `suppression.yaml`; `core.flush`, `core.explain` and the API ask it
about an alert. It holds no state and never ends anything: whether a window is open is a matter of time.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import msgspec

from responder.core import timeintervals
from responder.core.matching import Matcher, all_match
from responder.core.model import Labels, Nanoseconds
from responder.core.timeintervals import TimeInterval

State: TypeAlias = Literal["open", "closed", "over"]

_MEMO_SIZE: Final = 16_384


class Maintenance(msgspec.Struct, frozen=True, eq=False):
    """While one of its intervals holds, alerts that all its matchers match are not told.

    `time_intervals` are the names that the file says, `entries` what they stand for. It is over for good
    at `until`. `owner` and `reason` are for people, `place` is `file:line`.
    """

    name: str
    matchers: tuple[Matcher, ...]
    time_intervals: tuple[str, ...]
    entries: tuple[TimeInterval, ...]
    owner: str
    reason: str
    until: Nanoseconds
    place: str = ""

    def state(self, at: Nanoseconds) -> State:
        """Whether it hides now, will again, or is over."""
        if at >= self.until:
            return "over"
        return "open" if _inside(self, at) else "closed"

    def next_change(self, at: Nanoseconds) -> Nanoseconds | None:
        """When it opens or closes next; None if it will not, or not within 366 days."""
        return None if at >= self.until else _next_change(self, at)


# A group may hold thousands of alerts, all of which are looked at with the same moment.


@lru_cache(maxsize=1024)
def _inside(window: Maintenance, at: Nanoseconds) -> bool:
    return any(timeintervals.contains(interval, at) for interval in window.entries)


@lru_cache(maxsize=1024)
def _next_change(window: Maintenance, at: Nanoseconds) -> Nanoseconds | None:
    change = timeintervals.next_change([window.entries], at)
    if change is None or change >= window.until:
        return window.until if _inside(window, at) else None
    return change


class Suppression:
    """Every rule of our own. Decisions depend on labels and time alone; the memo only saves time."""

    def __init__(self, maintenance: Iterable[Maintenance] = ()) -> None:
        """In the order of the file."""
        self.maintenance = tuple(maintenance)
        self._mentioned = frozenset(
            matcher.name for window in self.maintenance for matcher in window.matchers
        )
        self._memo: dict[Labels, tuple[Maintenance, ...]] = {}

    def of_labels(self, labels: Labels) -> tuple[Maintenance, ...]:
        """The windows that are about an alert with these labels, open or not."""
        if not self.maintenance:
            return ()
        mentioned = self._mentioned
        key = tuple([pair for pair in labels if pair[0] in mentioned])
        known = self._memo.get(key)
        if known is None:
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            values = dict(key)
            known = tuple([window for window in self.maintenance if all_match(window.matchers, values)])
            self._memo[key] = known
        return known

    def hiding(self, labels: Labels, at: Nanoseconds) -> list[tuple[Maintenance, Nanoseconds]]:
        """The windows that hide the alert now, each with its end; the first hides it for longest."""
        if not self.maintenance:
            return []  # nearly always, and asked for every alert of every look
        windows = [window for window in self.of_labels(labels) if window.state(at) == "open"]
        found = [(window, window.next_change(at) or window.until) for window in windows]
        return sorted(found, key=lambda one: -one[1])
