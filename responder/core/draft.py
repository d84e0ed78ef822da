"""A decision while it is being made: the state as it was, and what has been decided on top.

`core.decide` and `core.flush` write into a Draft; `finish` makes it the Decision that the engine
commits. It never touches the State itself.
"""

from dataclasses import dataclass

from responder.core.ledger import Told
from responder.core.messages import Effect, Event
from responder.core.model import Alert, Labels, Nanoseconds
from responder.core.rules import Ruleset
from responder.core.state import Changes, ClosedRow, DeadRow, State


@dataclass(frozen=True, slots=True)
class Decision:
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
    """

    __slots__ = ("at", "changes", "effects", "events", "new", "opened", "ruleset", "state")

    def __init__(self, state: State, ruleset: Ruleset, at: Nanoseconds) -> None:
        """Begin a decision at `at`."""
        self.state = state
        self.ruleset = ruleset
        self.at = at
        self.changes = Changes(
            next_alert=state.next_alert, next_group=state.next_group, next_row=state.next_row
        )
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.new: dict[Labels, int] = {}
        self.opened: dict[tuple[str, Labels], int] = {}

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

    def told(self, group: int, integration: str) -> Told:
        """What an integration was told about a group, as decided so far."""
        known = self.changes.told.get((group, integration))
        return known if known is not None else self.state.told_to(group, integration)

    def put_told(self, group: int, integration: str, told: Told) -> None:
        """Record it, unless nothing changed."""
        if told != self.told(group, integration):
            self.changes.told[group, integration] = told

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
