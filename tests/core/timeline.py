"""Timelines for the core: who is told what and when, on virtual time, in full.

Tests post alerts and let time pass; the driver decides as the engine does (what is due at or before
an input comes before it; before `Started` and `Resumed`: what was due when we last heard), hands
what is to be told to a delivery that
the test holds or refuses, and writes every decision to a database in memory. After each step it
checks what must always hold; at the end it decides everything again from the inputs alone.

Every ledger row ends as one line, `30s team first_notification +A -B ?C`: when, who, why, what fires, is
resolved, is stale. A row that was not delivered says how it ended: `= suppressed inhibition`. Lines
that a test does not expect fail it.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar, get_args

from responder.core.decide import decide, decide_timer
from responder.core.draft import Decision
from responder.core.messages import (
    AlertsReceived,
    Body,
    Closed,
    Deliver,
    DeliveryEnded,
    Event,
    Input,
    Owed,
    ReceivedAlert,
    RejectedAlert,
    Resumed,
    Revised,
    RulesLoaded,
    Show,
    Started,
    Succeed,
    kind_of,
)
from responder.core.model import (
    Labels,
    Nanoseconds,
    Source,
    format_duration,
    format_time,
    parse_duration,
)
from responder.core.notification import FailureReason, Notification, ToldReason
from responder.core.rules import Ruleset
from responder.core.state import State
from responder.replay import apply
from responder.store import outbox, records
from responder.store.database import Writer, migrate
from responder.store.journal import canonical
from responder.store.vocabulary import Vocabulary
from tests.clock import MONDAY
from tests.core.acting import World
from tests.core.invariants import consistent, difference
from tests.core.words import labels_of, name_of, seconds

E = TypeVar("E")

NOT_TOLD: Final = frozenset(
    {
        "silence",
        "inhibition",
        "mute_time_interval",
        "active_time_interval",
        "maintenance",
        "flapping",
        "storm",
        "dependency",
        "acknowledged",
        "held",
        "duplicate",
        "resolved_before_told",
        "no_change",
        "send_resolved_false",
        "superseded",
    }
)
TOLD: Final = frozenset(get_args(ToldReason))
FAILED: Final = frozenset(get_args(FailureReason))

# -- the driver -------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """A ledger row as its events tell it."""

    group: int
    receiver: str
    integration: str
    reason: str
    content: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    at: Nanoseconds = 0
    untold: bool = False


@dataclass(slots=True)
class Store:
    """A database in memory that takes decisions `every` so many at a time."""

    every: int
    connection: sqlite3.Connection = field(init=False)
    batch: records.Batch = field(default_factory=records.Batch)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    waiting: int = 0

    def __post_init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.connection, Path(":memory:"))

    def add(self, decision: Decision, at: Nanoseconds) -> None:
        """Take one decision."""
        self.batch.add(decision.changes, at)
        self.waiting += 1
        if self.waiting >= self.every:
            self.write()

    def write(self) -> None:
        """Commit what waits."""
        self.connection.execute("BEGIN")
        self.batch.encode(self.vocabulary)
        self.batch.write(Writer(self.connection))
        self.connection.execute("COMMIT")
        self.batch, self.waiting = records.Batch(), 0

    def load(self, ruleset: Ruleset) -> State:
        """What a process that starts now would begin with."""
        return records.load(self.connection, ruleset, Vocabulary.read(self.connection))


class Timeline:
    """One story. Use it as a context manager: leaving it checks that nothing was left unsaid."""

    def __init__(self, ruleset: Ruleset, *, check: bool = True, world: World | None = None) -> None:
        """Begin on a Monday at midnight with an empty state. `check` False: only at the end."""
        self.ruleset = ruleset
        self.rulesets = {ruleset.hash: ruleset}
        self.state = State(ruleset)
        self.now: Nanoseconds = MONDAY
        self.heard: Nanoseconds = 0
        self.up = True
        self.lines: list[str] = []
        self.events: list[Event] = []
        self.inputs: list[Input] = []
        self.journal: list[bytes] = []
        self.replies: dict[int, object] = {}
        self.orders: dict[int, Deliver] = {}
        self.succeeded: set[int] = set()
        self._first = ruleset
        self._check = check
        self._answers: dict[str, str] = {}
        self._endings: deque[tuple[str, Body]] = deque()
        self._names: dict[int, str] = {}
        self._labels: dict[int, Labels] = {}
        self._rows: dict[int, Row] = {}
        self.seen = 0
        self._delivered_last: dict[tuple[int, str], int] = {}
        self.handed: list[Notification] = []
        self.told: list[tuple[str, *tuple[tuple[Labels, ...], ...]]] = []
        self.world = world or World()
        self.shown: list[Notification] = []
        self._stores = (Store(1), Store(7))
        self.give(Started(ruleset.hash, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.expect()
            self.finish()
        for store in self._stores:
            store.connection.close()

    # -- what a test says -----------------------------------------------------------------

    def at(self, when: str) -> Self:
        """Let time pass until `when`, counted from the start."""
        until = MONDAY + seconds(when)
        assert until >= self.now
        self._advance(until)
        return self

    def wait(self, duration: str) -> Self:
        """Let time pass."""
        self._advance(self.now + parse_duration(duration))
        return self

    def post(self, *alerts: ReceivedAlert, actor: str = "alertmanager", source: Source = "webhook") -> Self:
        """A webhook of an Alertmanager."""
        self.give(AlertsReceived(source, b"", alerts), actor)
        return self

    def api(self, *alerts: ReceivedAlert) -> Self:
        """What a Prometheus posts to `/api/v2/alerts`."""
        return self.post(*alerts, actor="prometheus", source="api")

    def bad(self, *reasons: str, alerts: Sequence[ReceivedAlert] = (), actor: str = "alertmanager") -> Self:
        """A webhook of which some alerts cannot be used."""
        rejected = tuple(RejectedAlert(index, reason, "{}") for index, reason in enumerate(reasons))
        self.give(AlertsReceived("webhook", b"", tuple(alerts), rejected), actor)
        return self

    def give(self, body: Body, actor: str = "somebody") -> object:
        """Any input; its reply."""
        if not isinstance(body, Started | Resumed):
            assert self.up
            self._advance(self.now)
        seq = len(self.inputs) + 1
        self.inputs.append(Input(seq, self.now, actor, body))
        self._decide_input(self.inputs[-1])
        self._advance(self.now)
        return self.replies.get(seq)

    def answer(self, name: str, outcome: str) -> Self:
        """How the receiver `name` takes what it is told from now on, and what it already waits for.

        `delivered`; `held` (waits, not being sent); `sending` (under way); `partly` (told, and a
        part is left until a newer row comes); or why it is refused.
        """
        self._answers[name] = outcome
        for row in sorted(self.orders):
            self._try(row)
        self._advance(self.now)
        return self

    def fail(self, name: str, *, maybe: bool = False) -> Self:
        """What is under way to `name` fails and would be tried again, unless a newer row waits."""
        for row in sorted(self.orders):
            if self._name(self._rows[row]) == name and row in self.succeeded:
                del self.orders[row]
                self._end(
                    DeliveryEnded(row, "superseded", "timeout" if maybe else "server_error", "", 1, maybe)
                )
        self._advance(self.now)
        return self

    def load(self, ruleset: Ruleset) -> object:
        """Another ruleset comes into force."""
        self.rulesets[ruleset.hash] = ruleset
        return self.give(RulesLoaded(ruleset.hash), "admin")

    def stop(self) -> Self:
        """The process dies: no timer fires, nothing is sent."""
        self.up = False
        self._endings.clear()
        return self

    def start(self, ruleset: Ruleset | None = None, *, restored: bool = False) -> Self:
        """The process comes back and reads its state from the database."""
        ruleset = ruleset or self.ruleset
        self.rulesets[ruleset.hash] = ruleset
        attempted = tuple(
            row for row in sorted(self.orders) if self._answers.get(self._name(self._rows[row])) != "held"
        )
        self.orders.clear()
        self.succeeded.clear()
        self.up = True
        self.state = self._stores[0].load(self.ruleset)
        begun = self.world.restart()
        self.give(Started(ruleset.hash, self.heard, attempted, restored, begun=begun), "responder")
        return self

    def deafen(self) -> Self:
        """From now on nothing can be accepted: timers wait."""
        self.up, self.heard = False, self.now
        return self

    def resume(self) -> Self:
        """Accepting goes on."""
        self.up = True
        self.give(Resumed(self.heard, "lag"), "responder")
        return self

    def expect(self, *lines: str) -> Self:
        """The lines since the last time, all of them, in order."""
        found = self.lines[self.seen :]
        assert found == list(lines), "\n".join(["expected", *lines, "found", *found])
        self.seen = len(self.lines)
        return self

    def skip(self) -> Self:
        """Whatever was told so far is not what this test is about."""
        self.seen = len(self.lines)
        return self

    def group_of(self, name: str) -> list[str]:
        """The receivers of the groups that an alert is in."""
        alert = self.state.alerts[labels_of(name)]
        router = self.ruleset.router
        return [router.by_id[self.state.groups[group].route].receiver for group in alert.groups]

    def events_of(self, kind: type[E]) -> list[E]:
        """Everything of one kind that was journaled."""
        return [event for event in self.events if isinstance(event, kind)]

    def sums(self) -> outbox.Sums:
        """The ledger's sums."""
        return outbox.sums(self._stores[0].connection)

    # -- deciding -------------------------------------------------------------------------

    def _advance(self, until: Nanoseconds) -> None:
        while self.up:
            due = self.state.next_due()
            if due and due[0] <= self.now:
                decision = decide_timer(self.state, self.ruleset, due[1], due[0])
                self._take(decision, due[0], None)
            elif self._endings:
                actor, ending = self._endings.popleft()
                self.inputs.append(Input(len(self.inputs) + 1, self.now, actor, ending))
                self._decide_input(self.inputs[-1])
            elif due and due[0] <= until:
                self.now = due[0]
            else:
                break
        self.now = until

    def _decide_input(self, given: Input) -> None:
        self.heard = given.at
        if isinstance(given.body, RulesLoaded):
            self.ruleset = self.rulesets[given.body.hash]
        elif isinstance(given.body, Started):
            self.ruleset = self.rulesets[given.body.rules]
        decision = decide(self.state, self.ruleset, given)
        self.replies[given.seq] = decision.reply
        self._take(decision, given.at, given)

    def _take(self, decision: Decision, at: Nanoseconds, given: Input | None) -> None:
        self.heard = max(self.heard, at)
        apply(self.state, decision, self.ruleset)
        for key, alert in decision.changes.alerts.items():
            self._names[key] = name_of(alert.labels)
            self._labels[key] = alert.labels
        entry = journal_entry(decision, at, given)
        if entry:
            self.journal.append(entry)
        self.events.extend(decision.events)
        for store in self._stores:
            store.add(decision, at)
        for event in decision.events:
            self._record(event, at)
        for effect in decision.effects:
            if isinstance(effect, Deliver):
                self._hand(effect)
        for effect in decision.effects:
            if isinstance(effect, Succeed):
                self._succeed(effect.row)
        for effect in decision.effects:
            if isinstance(effect, Show):
                self.shown.append(effect.notification)
                self._end(DeliveryEnded(effect.row, "delivered", attempts=1, receipt=f"s{effect.row}"))
            elif not isinstance(effect, Deliver | Succeed):
                answer = self.world.take(effect, self.now)
                if answer is not None:
                    self._endings.append(("actions", answer))
        if self._check:
            self.check()

    def release(self) -> Self:
        """Everything that the world was asked and held back is answered now."""
        for answer in self.world.release(self.now):
            self._endings.append(("actions", answer))
        self._advance(self.now)
        return self

    def _end(self, ending: DeliveryEnded) -> None:
        self._endings.append(("delivery", ending))

    # -- delivery -------------------------------------------------------------------------

    def _hand(self, order: Deliver) -> None:
        told = order.notification
        row = self._rows[told.row]
        assert row.content == tuple(
            tuple(alert.id for alert in part) for part in (told.firing, told.resolved, told.stale)
        )
        assert (told.receiver, told.integration, told.reason) == (row.receiver, row.integration, row.reason)
        assert order.integration.id == told.integration
        self._check_past(told)
        self.handed.append(told)
        self.orders[told.row] = order
        self._try(told.row)

    def _check_past(self, told: Notification) -> None:
        """What the notification says of what was told before it is so."""
        group = self.state.groups[told.group]
        assert told.opened_at == group.created_at
        where = (told.group, told.integration)
        last = self._delivered_last.get(where, 0)
        assert told.receipt == (f"r{last}" if last else "")
        assert not (told.first and last)
        lost = [
            row.at
            for key, row in self._rows.items()
            if last < key < told.row and (row.group, row.integration) == where and row.untold
        ]
        assert told.skipped <= len(lost)
        if told.skipped == len(lost):
            assert told.since == (lost[0] if lost else told.at)

    def _try(self, row: int) -> None:
        outcome = self._answers.get(self._name(self._rows[row]), "delivered")
        if outcome in ("held", "sending", "partly"):
            return
        del self.orders[row]
        if outcome == "delivered":
            self._end(DeliveryEnded(row, "delivered", attempts=1, receipt=f"r{row}"))
        else:
            assert outcome in FAILED
            self._end(DeliveryEnded(row, "dead", outcome, "no", 1))  # type: ignore[arg-type]

    def _succeed(self, row: int) -> None:
        self.succeeded.add(row)
        answer = self._answers.get(self._name(self._rows[row])) if row in self.orders else ""
        if answer == "held":
            del self.orders[row]
            self._end(DeliveryEnded(row, "superseded"))
        elif answer == "partly":
            del self.orders[row]
            self._end(DeliveryEnded(row, "delivered", attempts=1, receipt=f"r{row}"))

    # -- lines ----------------------------------------------------------------------------

    def _name(self, row: Row) -> str:
        many = len(self.ruleset.receivers[row.receiver].integrations) > 1
        return f"{row.receiver}/{row.integration}" if many else row.receiver

    def _record(self, event: Event, at: Nanoseconds) -> None:
        if isinstance(event, Owed):
            content = (tuple(event.firing), tuple(event.resolved), tuple(event.stale))
            self._rows[event.row] = Row(
                event.group, event.receiver, event.integration, event.reason, content, at
            )
        elif isinstance(event, Revised):
            row = self._rows[event.row]
            row.reason = event.reason
            row.content = (tuple(event.firing), tuple(event.resolved), tuple(event.stale))
        elif isinstance(event, Closed):
            self._close(event, at)

    def _close(self, event: Closed, at: Nanoseconds) -> None:
        row = self._rows[event.row]
        shown = [
            mark + self._names[alert] for mark, part in zip("+-?", row.content, strict=True) for alert in part
        ]
        line = " ".join([format_duration(at - MONDAY), self._name(row), row.reason, *shown])
        if event.state != "delivered":
            line += f" = {event.state}" if event.reason == event.state else f" = {event.state} {event.reason}"
        self.lines.append(line)
        assert row.reason in TOLD
        if event.state == "delivered":
            assert event.reason == row.reason
            key = (row.group, row.integration)
            assert self._delivered_last.get(key, 0) < event.row, "delivered out of order"
            self._delivered_last[key] = event.row
            parts = [tuple(self._labels[alert] for alert in part) for part in row.content]
            self.told.append((row.integration, *parts))
        else:
            row.untold = event.state != "suppressed"
            assert event.reason in (FAILED if event.state == "dead" else NOT_TOLD)

    # -- what must always hold ------------------------------------------------------------

    def check(self) -> None:
        """The invariants of the state, the ledger and the store."""
        state, connection = self.state, self._stores[0].connection
        consistent(state)
        stored = self._stores[0].load(self.ruleset)
        assert difference(state, stored) == []
        probe = [alert.labels for alert in state.by_id.values()]
        assert [state.inhibitor.inhibited_by(one, self.now) for one in probe] == [
            stored.inhibitor.inhibited_by(one, self.now) for one in probe
        ]
        sums = outbox.sums(connection)
        assert sums.problems == ()
        assert sums.pending == len(state.rows)
        pending = {row for (row,) in connection.execute("SELECT id FROM deliveries WHERE state = 'pending'")}
        assert pending == set(state.rows)

    def finish(self) -> None:
        """Everything holds, another rhythm of commits leaves the same, a replay gives the same journal."""
        self.check()
        merged = self._stores[1]
        merged.write()
        assert difference(self.state, merged.load(self.ruleset)) == []
        # A commit never both opens a row and ends it with an attempt: that column may differ here.
        columns = "id, reason, content, state, closed_at, close_reason, detail, closed_by, listed"
        for every in (f"SELECT {columns} FROM deliveries ORDER BY id", "SELECT * FROM sums ORDER BY name"):
            mine, theirs = (store.connection.execute(every).fetchall() for store in self._stores)
            assert mine == theirs
        assert self.replay() == self.journal

    def replay(self) -> list[bytes]:
        """The journal of the same inputs, decided again, now and then from the rows that were left."""
        ruleset, state = self._first, State(self._first)
        store, journal = Store(20), list[bytes]()

        def take(decision: Decision, at: Nanoseconds, given: Input | None) -> None:
            nonlocal state
            apply(state, decision, ruleset)
            entry = journal_entry(decision, at, given)
            if entry:
                journal.append(entry)
            store.add(decision, at)
            if given is not None or not store.waiting:
                store.write()
                state = store.load(ruleset)

        def run(until: Nanoseconds) -> None:
            while (due := state.next_due()) and due[0] <= until:
                take(decide_timer(state, ruleset, due[1], due[0]), due[0], None)

        for given in self.inputs:
            run(given.body.heard_at if isinstance(given.body, Started | Resumed) else given.at)
            if isinstance(given.body, RulesLoaded):
                ruleset = self.rulesets[given.body.hash]
            elif isinstance(given.body, Started):
                ruleset = self.rulesets[given.body.rules]
            take(decide(state, ruleset, given), given.at, given)
        if self.up:
            run(self.now)
        store.connection.close()
        return journal


def journal_entry(decision: Decision, at: Nanoseconds, given: Input | None) -> bytes:
    """The canonical body of the decision's journal row, as the engine writes it; empty: none."""
    if given is None and not decision.notable:
        return b""
    body: dict[str, object] = {"events": decision.events}
    if given is None:
        body["tick"] = format_time(at)
    else:
        body |= {"input": given.seq, "kind": kind_of(given.body), "actor": given.actor}
        if not isinstance(given.body, AlertsReceived):
            body["asked"] = given.body
    return canonical(body)
