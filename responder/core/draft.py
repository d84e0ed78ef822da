"""A decision while it is being made: the state as it was, and what has been decided on top.

`core.decide` and `core.flush` write into a Draft; `finish` makes it the Decision that the engine
commits. It never touches the State itself.
"""

import msgspec

from responder.core.ledger import Told
from responder.core.messages import Effect, Event
from responder.core.model import Alert, Labels, Nanoseconds
from responder.core.rules import Ruleset
from responder.core.run import Episode, Run, RunIndex
from responder.core.state import Changes, ClosedRow, DeadRow, Group, LogEntry, State


class Decision(msgspec.Struct, frozen=True):
    """What one input (or one tick) came to. `reply` answers the command that asked for it."""

    changes: Changes
    events: list[Event]
    effects: list[Effect]
    reply: object = None

    @property
    def notable(self) -> bool:
        """Whether it is worth a journal row: an unchanged tick is not."""
        return bool(self.events)


class Draft:
    """The working copy that one decision writes into.

    `new`: ids of label sets not known before; `opened`: ids of new groups, by route id and labels.
    `outdated`: groups whose places do not show any more how things are.
    """

    __slots__ = (
        "at",
        "changes",
        "effects",
        "events",
        "new",
        "opened",
        "outdated",
        "ruleset",
        "runs",
        "state",
    )

    def __init__(self, state: State, ruleset: Ruleset, at: Nanoseconds) -> None:
        """Begin a decision at `at`."""
        self.state = state
        self.ruleset = ruleset
        self.at = at
        self.changes = Changes(
            next_alert=state.next_alert,
            next_group=state.next_group,
            next_row=state.next_row,
            next_run=state.next_run,
        )
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.new: dict[Labels, int] = {}
        self.opened: dict[tuple[str, Labels], int] = {}
        self.outdated: set[int] = set()
        self.runs = RunIndex()

    def alert(self, labels: Labels) -> Alert | None:
        """The alert with these labels, as decided so far."""
        known = self.state.alerts.get(labels)
        if known is not None:
            return self.changes.alerts.get(known.id, known)
        new = self.new.get(labels)
        return None if new is None else self.changes.alerts[new]

    def put_alert(self, alert: Alert) -> None:
        """Record an alert's new value."""
        self.changes.alerts[alert.id] = alert

    def members(self, group: int) -> dict[int, Alert]:
        """The alerts in a group, as decided so far."""
        members = dict(self.state.members.get(group, {}))
        for alert in self.changes.alerts.values():
            if group in alert.groups:
                members[alert.id] = alert
            else:
                members.pop(alert.id, None)
        return members

    def new_group_id(self) -> int:
        """The next group id."""
        self.changes.next_group += 1
        return self.changes.next_group - 1

    def new_row_id(self) -> int:
        """The next ledger row id."""
        self.changes.next_row += 1
        return self.changes.next_row - 1

    def new_run_number(self) -> int:
        """The next run's number."""
        self.changes.next_run += 1
        return self.changes.next_run - 1

    def group(self, group: int) -> Group | None:
        """A group as decided so far; None if there is none, or it closes."""
        if group in self.changes.closed_groups:
            return None
        return self.changes.groups.get(group) or self.state.groups.get(group)

    def look_now(self, group_id: int) -> None:
        """Make a group due at once, if there still is one."""
        group = self.group(group_id)
        if group is None:
            return
        if group.tick_at <= self.at:
            self.changes.groups[group_id] = msgspec.structs.replace(group, tick_at=self.at, wake_at=0)
        else:
            self.changes.groups[group_id] = msgspec.structs.replace(group, wake_at=self.at)

    def run(self, number: int) -> Run | None:
        """A run as decided so far."""
        return self.changes.runs.get(number) or self.state.runs.get(number)

    def put_run(self, run: Run) -> Run:
        """Record a run's new value."""
        self.changes.runs[run.number] = run
        self.runs.put(run)
        return run

    def open_run(self, runbook: str, target: str) -> Run | None:
        """The run that is open for a runbook and a target's key, as decided so far."""
        number = self.runs.open.get((runbook, target)) or self.state.index.open.get((runbook, target))
        run = self.run(number) if number else None
        return run if run is not None and run.open else None

    def acted_runs(self) -> dict[int, Run]:
        """Every run that has acted and is remembered, by number, as decided so far."""
        numbers = sorted(self.state.index.acted | self.runs.acted)
        return {number: run for number in numbers if (run := self.run(number)) is not None}

    def lives(self, fingerprint: str) -> dict[Nanoseconds, Nanoseconds]:
        """When each life of an alert that a run is about began, and when the newest run about it did."""
        return self.state.index.lives.get(fingerprint, {}) | self.runs.lives.get(fingerprint, {})

    def last_run(self, runbook: str, episode: Episode, why: str) -> Run | None:
        """The newest run of a runbook that answered this life of an alert, or was refused for this reason."""
        for index in (self.runs, self.state.index):
            number = index.last(runbook, episode, why)
            if number:
                return self.run(number)
        return None

    def runs_of(self, group: int) -> list[Run]:
        """The runs about a group, oldest first, as decided so far."""
        if not (self.state.runs or self.changes.runs):
            return []  # nearly always
        numbers = set(self.state.runs_of_group.get(group, ()))
        numbers.update(run.number for run in self.changes.runs.values() if group in run.groups)
        return [run for number in sorted(numbers) if (run := self.run(number)) is not None]

    def shown_runs(self, group: int) -> tuple[Run, ...]:
        """Those that people are shown where they are told of the group: not what only looks on."""
        return tuple(run for run in self.runs_of(group) if run.mode != "observe" or run.via != "alert")

    def told(self, group: int, integration: str) -> Told:
        """What an integration was told about a group, as decided so far."""
        known = self.changes.told.get((group, integration))
        return known if known is not None else self.state.told_to(group, integration)

    def put_told(self, group: int, integration: str, told: Told) -> None:
        """Record it, unless nothing changed."""
        if told != self.told(group, integration):
            self.changes.told[group, integration] = told

    def logged(self, key: str) -> LogEntry | None:
        """What the notification log has under a key, as decided so far."""
        return self.changes.log[key] if key in self.changes.log else self.state.log.get(key)

    def close_row(self, row: ClosedRow) -> None:
        """Close a ledger row."""
        self.changes.closed.append(row)

    def list_dead(self, row: int, group: int, integration: str) -> None:
        """Put a dead row on people's list, in place of an earlier one of the same (group, integration)."""
        count, earlier = 1, self.state.dead_of.get((group, integration))
        if earlier is not None and earlier not in self.changes.unlisted:
            count += self.state.dead[earlier].count
            self.changes.unlisted.append(earlier)
        self.changes.dead[row] = DeadRow(group, integration, count)

    def finish(self, reply: object = None) -> Decision:
        """The decision as it stands."""
        return Decision(self.changes, self.events, self.effects, reply)
