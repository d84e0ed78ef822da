"""Two sets of rules under one recording: what people would have got from each, and who would hear of what.

`cli.backtest` plays a Recording through `Backtest` and shows the Difference. The same core decides as
in the service; every notification counts as delivered at once, and nothing is written.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import msgspec

from responder.core.draft import Decision
from responder.core.messages import (
    Acknowledge,
    AlertsReceived,
    BadRequest,
    Body,
    CreateSilence,
    Declined,
    ExpireSilence,
    Input,
    Lagging,
    LimitReached,
    Resumed,
    RulesLoaded,
    Started,
    Unacknowledge,
    Unreadable,
    kind_of,
)
from responder.core.model import Labels, Nanoseconds
from responder.core.rules import Ruleset
from responder.replay.course import Course
from responder.replay.hearing import Firing, Heard, Hearing, Told
from responder.replay.lines import Lines
from responder.replay.reachable import reachable
from responder.replay.recording import Beginning, Recording

_PLAYED: Final = (
    AlertsReceived,
    CreateSilence,
    ExpireSilence,
    Started,
    Resumed,
    BadRequest,
    LimitReached,
    Lagging,
    Acknowledge,
    Unacknowledge,
)
"""Inputs that mean the same under any rules. Others speak of rows and runs that only the recorded rules
brought about, or of deliveries, which here succeed at once."""

Covered: TypeAlias = Callable[[int], frozenset[Labels]]
"""The alerts of the incidents that an input took on or gave back."""


class Rules(Protocol):
    """Which rules are in force."""

    def at_first(self) -> Ruleset:
        """Those at the beginning."""
        ...

    def after(self, body: Started | RulesLoaded) -> Ruleset | None:
        """Those after a recorded start or reload; None: no others."""
        ...


class Fixed:
    """The same rules all the time."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = reachable(ruleset)

    def at_first(self) -> Ruleset:
        """They."""
        return self._ruleset

    def after(self, body: Started | RulesLoaded) -> Ruleset | None:
        """No others."""
        return None


class AsRecorded:
    """The rules as they were in force. Raises FileError where some were not kept."""

    def __init__(self, recording: Recording, beginning: Beginning) -> None:
        self._recording = recording
        self._first = reachable(recording.ruleset(beginning.rules))

    def at_first(self) -> Ruleset:
        """Those at the beginning of the record."""
        return self._first

    def after(self, body: Started | RulesLoaded) -> Ruleset | None:
        """Those that it names."""
        digest = body.rules if isinstance(body, Started) else body.hash
        return reachable(self._recording.ruleset(digest))


class _Side:
    """One set of rules on its course."""

    def __init__(self, rules: Rules, start: Nanoseconds, hearing: Hearing) -> None:
        self.hearing = hearing
        self.left_out = 0
        self._rules = rules
        ruleset = rules.at_first()
        self._lines = Lines(ruleset, start)
        self.course = Course(ruleset, start, self._taken)

    def _taken(self, decision: Decision, at: Nanoseconds) -> None:
        self.hearing.take(decision, at, self._lines.of(decision, at))

    def give(self, given: Input, covered: Covered) -> bool:
        """Play one input; whether it was taken."""
        body = given.body
        self.course.advance(max(given.at, self.course.now))
        if isinstance(body, Started | RulesLoaded):
            ruleset = self._rules.after(body)
            if ruleset is not None and ruleset.hash != self.course.ruleset.hash:
                self._lines.follow(ruleset)
                self.course.load(ruleset)
            if isinstance(body, RulesLoaded):
                return True
            body = msgspec.structs.replace(body, rules=self.course.ruleset.hash, attempted=(), unrecorded=0)
        if isinstance(body, Acknowledge | Unacknowledge) and body.incidents:
            body = msgspec.structs.replace(body, incidents=self._incidents_of(covered(given.seq)))
            if not body.incidents:
                return False
        if not isinstance(body, _PLAYED):
            return False
        return not isinstance(self.course.give(body, given.actor), Declined)

    def _incidents_of(self, alerts: frozenset[Labels]) -> tuple[str, ...]:
        """The incidents here of which nothing fires but these alerts."""
        state, now = self.course.state, self.course.now
        known = {alert.id for labels in alerts if (alert := state.alerts.get(labels)) is not None}
        found = []
        for group in sorted({group for alert in known for group in state.by_id[alert].groups}):
            firing = {key for key, alert in state.members[group].items() if alert.firing_at(now)}
            if firing and firing <= known:
                found.append(state.groups[group].incident)
        return tuple(found)

    @property
    def patience(self) -> Nanoseconds:
        """How long after an alert somebody may hear of it for the first time."""
        return max(max(r.group_wait, r.group_interval) for r in self.course.ruleset.router.routes)


@dataclass(frozen=True, slots=True)
class Change:
    """One time that an alert fired, of which people would hear otherwise."""

    firing: Firing
    then: Heard
    now: Heard


@dataclass(slots=True)
class Difference:
    """What would be different. `then` is under the rules compared against, `now` under the others.

    `unheard`: somebody heard, nobody would; `new`: the other way round; `others`: not the same receivers
    would; `times`: the same ones would, at other times. `firings`: how often an alert fired in all.
    """

    then: Counter[Told]
    now: Counter[Told]
    firings: int = 0
    unheard: list[Change] = field(default_factory=list)
    new: list[Change] = field(default_factory=list)
    others: list[Change] = field(default_factory=list)
    times: list[Change] = field(default_factory=list)

    @property
    def unheard_incidents(self) -> int:
        """Incidents of which nobody would hear: alerts that were told together are one."""
        return len({change.then.incident for change in self.unheard})

    @property
    def new_incidents(self) -> int:
        """Incidents of which nobody heard."""
        return len({change.now.incident for change in self.new})


class Backtest:
    """A recording, played under two sets of rules at once, from before `since` until `until`."""

    def __init__(
        self,
        beginning: Beginning,
        now: Rules,
        then: Rules,
        since: Nanoseconds,
        until: Nanoseconds,
        covered: Covered,
    ) -> None:
        """Only what happens from `since` to `until` counts; what was before is played to get there."""
        self._covered = covered
        self.since = since
        self.until = until
        self.played: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self._now = _Side(now, beginning.at, Hearing(since, until))
        self._then = _Side(then, beginning.at, Hearing(since, until))
        for body in beginning.known:
            for side in (self._now, self._then):
                side.course.give(body, "recorded")

    def play(self, inputs: Iterator[Input], passed: Callable[[], None]) -> None:
        """Play them all, and time after them, until all that they bring about was told."""
        for given in inputs:
            taken = [side.give(given, self._covered) for side in (self._now, self._then)]
            (self.played if any(taken) else self.left_out)[_kind(given.body)] += 1
            passed()
        patience = max(self._now.patience, self._then.patience)
        for side in (self._now, self._then):
            side.course.advance(max(self.until + patience, side.course.now))

    def difference(self) -> Difference:
        """What came of it."""
        then, now = self._then.hearing, self._now.hearing
        found = Difference(then.counts, now.counts)
        for firing in sorted(then.firings.keys() | now.firings.keys(), key=lambda each: each[::-1]):
            if not self.since <= firing.since <= self.until:
                continue
            found.firings += 1
            change = Change(firing, then.firings.get(firing, Heard()), now.firings.get(firing, Heard()))
            before, after = change.then.first, change.now.first
            if before.keys() != after.keys():
                (found.others if before and after else found.unheard if before else found.new).append(change)
            elif before != after:
                found.times.append(change)
        return found

    def receivers(self, labels: Labels) -> tuple[str, ...]:
        """Who the rules say is to hear of an alert, whether or not it can be told anything."""
        ruleset = self._now.course.ruleset
        return tuple(dict.fromkeys(route.receiver for route in ruleset.router.match(labels)))


def _kind(body: Body) -> str:
    return body.kind if isinstance(body, Unreadable) else kind_of(body)
