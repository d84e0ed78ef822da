"""Who heard of what in one replay: for each time that an alert fired, which receivers, and when first.

`replay.backtest` keeps one Hearing for each of the two sets of rules and compares them. It looks at
decisions and their lines alone, and counts what people get: pages, messages, mails.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from responder.core.draft import Decision
from responder.core.messages import AlertsFired
from responder.core.model import Labels, Nanoseconds
from responder.replay.lines import Line

PAGE = "page"
"""What is counted of PagerDuty: an incident that opens. Updates and ends page nobody."""


class Firing(NamedTuple):
    """One time that an alert fired: since when."""

    labels: Labels
    since: Nanoseconds


class Told(NamedTuple):
    """What a receiver gets of one kind: a page, or a notification by its integration's kind."""

    receiver: str
    kind: str


@dataclass(slots=True)
class Heard:
    """Who heard of one firing, and when first; what kept others from it.

    `incident`: the group by which it was told first. `until`: when it ended, 0 where nobody knows.
    """

    first: dict[str, Nanoseconds] = field(default_factory=dict)
    incident: int = 0
    why_not: set[str] = field(default_factory=set)
    until: Nanoseconds = 0


class Hearing:
    """Gathers it. What is told before `since` or after `until` is not counted, but heard all the same."""

    def __init__(self, since: Nanoseconds, until: Nanoseconds) -> None:
        self.firings: dict[Firing, Heard] = {}
        self.counts: Counter[Told] = Counter()
        self._since = since
        self._until = until
        self._current: dict[Labels, Heard] = {}
        self._paged: set[tuple[int, str]] = set()

    def take(self, decision: Decision, at: Nanoseconds, lines: Iterable[Line]) -> None:
        """One decision and the lines of it."""
        changed = decision.changes.alerts
        for event in decision.events:
            if isinstance(event, AlertsFired):
                for alert_id, _, _ in event.alerts:
                    alert = changed[alert_id]
                    if alert.source != "responder":
                        heard = self._current[alert.labels] = Heard()
                        self.firings[Firing(alert.labels, at)] = heard
        for alert in changed.values():
            if (known := self._current.get(alert.labels)) is not None:
                known.until = alert.ends_at
        for line in lines:
            if line.type == "notification":
                self._told(line, at)
            else:
                self._not_told(line)

    def _told(self, line: Line, at: Nanoseconds) -> None:
        kind = line.integration.partition(":")[0]
        counted = self._since <= at <= self._until
        if kind == "pagerduty":
            incident = (line.group, line.integration)
            counted = counted and bool(line.firing) and incident not in self._paged
            kind = PAGE
            if line.firing:
                self._paged.add(incident)
            else:
                self._paged.discard(incident)
        if counted:
            self.counts[Told(line.receiver, kind)] += 1
        for labels in line.firing:
            heard = self._current.get(labels)
            if heard is not None and line.receiver not in heard.first:
                heard.incident = heard.incident or line.group
                heard.first[line.receiver] = at

    def _not_told(self, line: Line) -> None:
        why = f"{line.reason} {line.by.partition(' alert ')[0]}".rstrip()
        for labels in (*line.firing, *line.resolved):
            heard = self._current.get(labels)
            if heard is not None:
                heard.why_not.add(why)
