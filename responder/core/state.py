"""The state that decisions are made against, and the one function that changes it.

`engine` and `replay` hold a State, `core.decide` reads it, `store.records` writes and reads back
what `Changes` say. Nothing outside `apply` may change a State: a decision that is not committed
must leave no trace in it.
"""

import heapq
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from responder.core.freeze import Freeze
from responder.core.inhibition import Inhibitor
from responder.core.ledger import FRESH, Told
from responder.core.messages import Execute
from responder.core.model import Alert, Labels, Nanoseconds, label
from responder.core.notification import Acknowledgement, incident_id
from responder.core.rules import Ruleset
from responder.core.run import Run, RunIndex
from responder.core.silence import Silence
from responder.core.silenceindex import SilenceIndex

DELIVERY_FAILING: Final = "ResponderDeliveryFailing"
DEAD_LETTERS: Final = "ResponderDeadLetters"
"""Responder's own alerts that something cannot be told: never only through what they are about."""


class Group(msgspec.Struct, frozen=True, array_like=True):
    """Alerts of one route with the same group labels, told together.

    `tick_at` is the next regular look (group_wait after its first alert, then every
    group_interval); `wake_at` an extra one, when something that hid an alert ends (0: none).
    `muted`: alert id to the verdict that hides it, `reason by`, as last journaled.
    `fallbacks`: receivers that are told as well for as long as the group lives, because another
    could not be reached. `stranded`: it was noted that it can be told to nobody.
    """

    id: int
    route: str
    labels: Labels
    created_at: Nanoseconds
    tick_at: Nanoseconds
    wake_at: Nanoseconds = 0
    muted: dict[int, str] = {}
    fallbacks: tuple[str, ...] = ()
    stranded: bool = False
    acknowledged: Acknowledgement | None = None
    escalate: tuple[str, ...] = ()

    @property
    def incident(self) -> str:
        """The incident's id, as people say it."""
        return incident_id(self.id, self.created_at)

    @property
    def due_at(self) -> Nanoseconds:
        """When it is to be looked at next."""
        return min(self.tick_at, self.wake_at) if self.wake_at else self.tick_at


class LedgerRow(msgspec.Struct, frozen=True):
    """A ledger row as it is opened. The three lists hold alert ids; `labels` are the route's."""

    id: int
    group: int
    group_key: str
    receiver: str
    integration: str
    at: Nanoseconds
    reason: str
    firing: list[int]
    resolved: list[int]
    stale: list[int]
    labels: Labels = ()


class ClosedRow(msgspec.Struct, frozen=True):
    """How a ledger row was closed. `by` names what suppressed or superseded it.

    `attempts`: how often it was sent, 0 where the decision does not know.
    """

    id: int
    state: Literal["delivered", "suppressed", "superseded", "dead"]
    reason: str
    detail: str = ""
    by: str = ""
    attempts: int = 0


class DeadRow(msgspec.Struct, frozen=True, array_like=True):
    """The newest dead row of a (group, integration), while people have not dealt with it.

    `count`: how many there were in a row, this one included.
    """

    group: int
    integration: str
    count: int = 1


class LogEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry of Alertmanager's notification log: what was told last. See `core.notificationlog`.

    Alerts by their fingerprints: it outlives groups and alerts.
    """

    firing: tuple[str, ...]
    resolved: tuple[str, ...]
    at: Nanoseconds
    expires_at: Nanoseconds


class Signature(msgspec.Struct, frozen=True):
    """What somebody said of a runbook: that they vouch for the text with this hash, and when and why.

    `reset_at`: since when its earlier failures do not count (0: they all do).
    """

    runbook: str
    hash: str = ""
    by: str = ""
    at: Nanoseconds = 0
    reason: str = ""
    reset_at: Nanoseconds = 0


class Changes(msgspec.Struct):
    """What a decision changes; also its view of what it has already decided."""

    alerts: dict[int, Alert] = msgspec.field(default_factory=dict)
    dropped: list[int] = msgspec.field(default_factory=list)
    groups: dict[int, Group] = msgspec.field(default_factory=dict)
    closed_groups: list[int] = msgspec.field(default_factory=list)
    told: dict[tuple[int, str], Told] = msgspec.field(default_factory=dict)
    log: dict[str, LogEntry | None] = msgspec.field(default_factory=dict)
    opened: list[LedgerRow] = msgspec.field(default_factory=list)
    revised: list[LedgerRow] = msgspec.field(default_factory=list)
    closed: list[ClosedRow] = msgspec.field(default_factory=list)
    dead: dict[int, DeadRow] = msgspec.field(default_factory=dict)
    unlisted: list[int] = msgspec.field(default_factory=list)
    silences: dict[str, Silence] = msgspec.field(default_factory=dict)
    forgotten_silences: list[str] = msgspec.field(default_factory=list)
    runs: dict[int, Run] = msgspec.field(default_factory=dict)
    forgotten_runs: list[int] = msgspec.field(default_factory=list)
    ordered: list[Execute] = msgspec.field(default_factory=list)
    withdrawn: list[int] = msgspec.field(default_factory=list)
    freezes: dict[str, Freeze] = msgspec.field(default_factory=dict)
    lifted: list[str] = msgspec.field(default_factory=list)
    signatures: dict[str, Signature] = msgspec.field(default_factory=dict)
    rules: str = ""
    collect_at: Nanoseconds = 0
    next_alert: int = 0
    next_group: int = 0
    next_row: int = 0
    next_run: int = 0


class State:
    """Everything in memory that a decision may depend on. Rebuilt from rows at any time."""

    __slots__ = (
        "alerts",
        "by_id",
        "collect_at",
        "dead",
        "dead_of",
        "freezes",
        "group_index",
        "groups",
        "hiding",
        "index",
        "inhibitor",
        "log",
        "members",
        "names",
        "next_alert",
        "next_group",
        "next_row",
        "next_run",
        "rows",
        "rules",
        "runs",
        "runs_of_group",
        "shows",
        "signatures",
        "silences",
        "timers",
        "told",
        "trouble",
    )

    def __init__(self, ruleset: Ruleset) -> None:
        """An empty state under `ruleset`."""
        self.alerts: dict[Labels, Alert] = {}
        self.by_id: dict[int, Alert] = {}
        self.names: dict[str, int] = {}
        self.groups: dict[int, Group] = {}
        self.group_index: dict[tuple[str, Labels], int] = {}
        self.members: dict[int, dict[int, Alert]] = {}
        self.told: dict[int, dict[str, Told]] = {}
        self.log: dict[str, LogEntry] = {}
        self.rows: dict[int, tuple[int, str]] = {}
        self.shows: dict[int, tuple[int, str]] = {}
        self.runs: dict[int, Run] = {}
        self.index = RunIndex()
        self.runs_of_group: dict[int, set[int]] = {}
        self.freezes: dict[str, Freeze] = {}
        self.signatures: dict[str, Signature] = {}
        self.dead: dict[int, DeadRow] = {}
        self.dead_of: dict[tuple[int, str], int] = {}
        self.hiding: set[int] = set()
        self.trouble: dict[int, Alert] = {}
        self.timers: list[tuple[Nanoseconds, int]] = []
        self.inhibitor = Inhibitor(ruleset.inhibit_rules)
        self.silences = SilenceIndex()
        self.rules = ruleset.hash
        self.collect_at: Nanoseconds = 0
        self.next_alert = 1
        self.next_group = 1
        self.next_row = 1
        self.next_run = 1

    # -- reading --------------------------------------------------------------------------

    def told_to(self, group: int, integration: str) -> Told:
        """What one integration was told about one group."""
        return self.told.get(group, {}).get(integration, FRESH)

    @property
    def down(self) -> set[str]:
        """Destinations that do not answer: those of which Responder's own alert fires."""
        failing = (dict(alert.labels) for alert in self.trouble.values())
        return {
            labels.get("destination", "") for labels in failing if labels["alertname"] == DELIVERY_FAILING
        }

    def next_due(self) -> tuple[Nanoseconds, int] | None:
        """(when, what) of the earliest timer: a group's id, a run's number below zero, or 0.

        0 stands for silences and freezes that end, and for the collection of what is over.
        """
        timers = self.timers
        while timers:
            due, group = timers[0]
            if group == 0:
                if due == self.collect_at or self.silences.ends(due) or self._freeze_ends(due):
                    return due, 0
            elif group < 0:
                run = self.runs.get(-group)
                if run is not None and run.due_at == due:
                    return due, group
            else:
                known = self.groups.get(group)
                if known is not None and known.due_at == due:
                    return due, group
            heapq.heappop(timers)
        return None

    def _freeze_ends(self, at: Nanoseconds) -> bool:
        return any(freeze.until == at for freeze in self.freezes.values())

    # -- changing -------------------------------------------------------------------------

    def apply(self, changes: Changes) -> None:
        """Make `changes` true. Called once per decision, in order."""
        for group in changes.groups.values():
            self._put_group(group)
        for alert in changes.alerts.values():
            self._put_alert(alert)
        for alert_id in changes.dropped:
            self._drop_alert(alert_id)
        for (group_id, integration), told in changes.told.items():
            self._put_told(group_id, integration, told)
        for group_id in changes.closed_groups:
            self._drop_group(group_id)
        for key, entry in changes.log.items():
            if entry is None:
                self.log.pop(key, None)
            else:
                self.log[key] = entry
        for row, dead in changes.dead.items():
            self.dead[row] = dead
            self.dead_of[dead.group, dead.integration] = row
        for row in changes.unlisted:
            gone = self.dead.pop(row)
            if self.dead_of[gone.group, gone.integration] == row:
                del self.dead_of[gone.group, gone.integration]
        self._put_silences(changes)
        self._put_runs(changes)
        if changes.rules:
            self.rules = changes.rules
        if changes.collect_at:
            self.collect_at = changes.collect_at
            heapq.heappush(self.timers, (changes.collect_at, 0))
        if changes.next_row:
            self.next_alert = changes.next_alert
            self.next_group = changes.next_group
            self.next_row = changes.next_row
            self.next_run = changes.next_run

    def fill(self, alerts: Iterable[Alert]) -> None:
        """Take in alerts that are not known yet, of groups that are: what a start reads, by the 100,000."""
        by_id, by_labels, names, members = self.by_id, self.alerts, self.names, self.members
        for alert in alerts:
            key, labels = alert.id, alert.labels
            by_id[key] = by_labels[labels] = alert
            name = label(labels, "alertname")
            names[name] = names.get(name, 0) + 1
            for group in alert.groups:
                members[group][key] = alert
            if alert.source == "responder":
                self._watch_trouble(alert)
            self.inhibitor.put(alert)

    def replace_rules(self, ruleset: Ruleset) -> None:
        """Build the inhibition index anew for another ruleset."""
        self.inhibitor = Inhibitor(ruleset.inhibit_rules)
        for alert in self.by_id.values():
            self.inhibitor.put(alert)

    def _put_alert(self, alert: Alert) -> None:
        key = alert.id
        old = self.by_id.get(key)
        self.by_id[key] = alert
        self.alerts[alert.labels] = alert
        if alert.source == "responder" or (old is not None and old.source == "responder"):
            self._watch_trouble(alert)
        members = self.members
        if old is None:
            name = label(alert.labels, "alertname")
            self.names[name] = self.names.get(name, 0) + 1
        elif old.groups != alert.groups:
            for group in old.groups:
                if group not in alert.groups:
                    members[group].pop(key, None)
        for group in alert.groups:
            members[group][key] = alert
        self.inhibitor.put(alert)

    def _watch_trouble(self, alert: Alert) -> None:
        name = label(alert.labels, "alertname")
        if alert.source == "responder" and not alert.ends_at and name in (DELIVERY_FAILING, DEAD_LETTERS):
            self.trouble[alert.id] = alert
        else:
            self.trouble.pop(alert.id, None)

    def _drop_alert(self, key: int) -> None:
        alert = self.by_id.pop(key)
        self.trouble.pop(key, None)
        del self.alerts[alert.labels]
        for group in alert.groups:
            self.members[group].pop(key, None)
        name = label(alert.labels, "alertname")
        self.names[name] -= 1
        if not self.names[name]:
            del self.names[name]
        self.inhibitor.drop(key)
        self.silences.forget_alert(key)

    def _put_group(self, group: Group) -> None:
        self.groups[group.id] = group
        self.group_index[group.route, group.labels] = group.id
        if group.id not in self.members:
            self.members[group.id] = {}
        heapq.heappush(self.timers, (group.due_at, group.id))

    def _put_told(self, group: int, integration: str, told: Told) -> None:
        entries = self.told.setdefault(group, {})
        old = entries.get(integration, FRESH)
        for row in (old.head, old.behind):
            if row:
                self.rows.pop(row.id, None)
        for row in (told.head, told.behind):
            if row:
                self.rows[row.id] = (group, integration)
        if old.showing != told.showing:
            self.shows.pop(old.showing, None)
            if told.showing:
                self.shows[told.showing] = (group, integration)
        entries[integration] = told
        if any(entry.hidden for entry in entries.values()):
            self.hiding.add(group)
        else:
            self.hiding.discard(group)

    def _put_silences(self, changes: Changes) -> None:
        for silence in changes.silences.values():
            self.silences.put(silence)
            if not silence.ended:
                heapq.heappush(self.timers, (silence.ends_at, 0))
        for silence_id in changes.forgotten_silences:
            self.silences.drop(silence_id)

    def _put_runs(self, changes: Changes) -> None:
        for run in changes.runs.values():
            old = self.runs.get(run.number)
            self.runs[run.number] = run
            self.index.put(run)
            for group in run.groups if old is None else set(run.groups).difference(old.groups):
                self.runs_of_group.setdefault(group, set()).add(run.number)
            if run.due_at:
                heapq.heappush(self.timers, (run.due_at, -run.number))
        for number in changes.forgotten_runs:
            for group in self.runs.pop(number).groups:
                self.runs_of_group[group].discard(number)
                if not self.runs_of_group[group]:
                    del self.runs_of_group[group]
        if changes.forgotten_runs:  # rarely
            self.index = RunIndex()
            for run in self.runs.values():
                self.index.put(run)
        for freeze in changes.freezes.values():
            self.freezes[freeze.id] = freeze
            heapq.heappush(self.timers, (freeze.until, 0))
        for freeze_id in changes.lifted:
            del self.freezes[freeze_id]
        self.signatures.update(changes.signatures)

    def _drop_group(self, key: int) -> None:
        group = self.groups.pop(key)
        if self.group_index.get((group.route, group.labels)) == key:
            del self.group_index[group.route, group.labels]
        self.members.pop(key, None)
        for told in self.told.pop(key, {}).values():
            for row in (told.head, told.behind):
                if row:
                    self.rows.pop(row.id, None)
            self.shows.pop(told.showing, None)
        self.hiding.discard(key)
