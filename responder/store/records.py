"""The state as rows: written with each decision, read back at start.

`engine` merges the changes of one commit into a Batch and writes it in one transaction;
`load` builds the same State from the rows. It decides nothing, and a State that was loaded equals
the one that was in memory.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

import msgspec

from responder.core.freeze import Freeze
from responder.core.ledger import Told
from responder.core.messages import Execute
from responder.core.model import Alert, Labels, Nanoseconds, share
from responder.core.rules import Ruleset
from responder.core.run import Run
from responder.core.silence import Silence
from responder.core.state import (
    Changes,
    ClosedRow,
    DeadRow,
    Group,
    LedgerRow,
    LogEntry,
    Signature,
    State,
)
from responder.store import executions
from responder.store.database import Writer
from responder.store.vocabulary import Vocabulary

_GROUP = msgspec.json.Decoder(Group)
_TOLD = msgspec.json.Decoder(Told)
_LOG_ENTRY = msgspec.json.Decoder(LogEntry)
_SILENCE = msgspec.json.Decoder(Silence)
_RUN = msgspec.json.Decoder(Run)
_FREEZE = msgspec.json.Decoder(Freeze)
_SIGNATURE = msgspec.json.Decoder(Signature)
_encode = msgspec.json.Encoder().encode

_DELIVERY_COLUMNS = (
    "id",
    "group_id",
    "group_key",
    "receiver",
    "integration",
    "at",
    "reason",
    "content",
    "state",
    "closed_at",
    "close_reason",
    "detail",
    "closed_by",
    "listed",
    "claimed_at",
)


_AT_ONCE: Final = 100
"""Alerts that are read and taken in together, while the processor has them at hand."""


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which alerts a ledger row names, and the labels of its route."""

    firing: list[int]
    resolved: list[int]
    stale: list[int]
    labels: Labels = ()


def _content(row: LedgerRow) -> bytes:
    return _encode(Content(row.firing, row.resolved, row.stale, row.labels))


class Batch(msgspec.Struct):
    """The changes of several decisions, the later over the earlier, as one write.

    `steps`: those that were ordered, and runs whose steps were taken back. `vocabulary`: entries that
    these alerts are the first to use. `claimed`: rows that may be sent as soon as this is durable,
    since `claimed_at`; those that are opened here are written as claimed. `encode` makes the `..._rows`.
    """

    alerts: dict[int, Alert | None] = msgspec.field(default_factory=dict)
    groups: dict[int, Group | None] = msgspec.field(default_factory=dict)
    told: dict[tuple[int, str], Told] = msgspec.field(default_factory=dict)
    log: dict[str, LogEntry | None] = msgspec.field(default_factory=dict)
    opened: dict[int, LedgerRow] = msgspec.field(default_factory=dict)
    revised: dict[int, LedgerRow] = msgspec.field(default_factory=dict)
    closed: dict[int, tuple[ClosedRow, Nanoseconds]] = msgspec.field(default_factory=dict)
    dead: dict[int, int] = msgspec.field(default_factory=dict)
    unlisted: set[int] = msgspec.field(default_factory=set)
    silences: dict[str, Silence | None] = msgspec.field(default_factory=dict)
    runs: dict[int, Run | None] = msgspec.field(default_factory=dict)
    steps: list[Execute | int] = msgspec.field(default_factory=list)
    freezes: dict[str, Freeze | None] = msgspec.field(default_factory=dict)
    signatures: dict[str, Signature] = msgspec.field(default_factory=dict)
    sums: dict[str, int] = msgspec.field(default_factory=dict)
    meta: dict[str, str] = msgspec.field(default_factory=dict)
    vocabulary: list[tuple[int, bytes]] = msgspec.field(default_factory=list)
    alert_rows: list[tuple[int, bytes]] = msgspec.field(default_factory=list)
    group_rows: list[tuple[int, bytes]] = msgspec.field(default_factory=list)
    told_rows: list[tuple[int, str, bytes]] = msgspec.field(default_factory=list)
    delivery_rows: list[tuple[object, ...]] = msgspec.field(default_factory=list)
    claimed: set[int] = msgspec.field(default_factory=set)
    claimed_at: Nanoseconds = 0

    def add(self, changes: Changes, at: Nanoseconds) -> None:
        """Merge one decision's changes."""
        self.alerts.update(changes.alerts)
        for alert in changes.dropped:
            self.alerts[alert] = None
        self.groups.update(changes.groups)
        self.told.update(changes.told)
        self.log.update(changes.log)
        for group in changes.closed_groups:
            self.groups[group] = None
        for row in changes.opened:
            self.opened[row.id] = row
            self._sum("owed")
        for row in changes.revised:
            (self.opened if row.id in self.opened else self.revised)[row.id] = row
        for closed in changes.closed:
            self.closed[closed.id] = (closed, at)
            self._sum(f"closed.{closed.state}")
        self.dead.update({row: dead.count for row, dead in changes.dead.items()})
        self.unlisted.update(changes.unlisted)
        self.silences.update(changes.silences)
        for silence in changes.forgotten_silences:
            self.silences[silence] = None
        if changes.runs or changes.forgotten_runs or changes.freezes or changes.lifted:
            self._add_runs(changes)
        self.signatures.update(changes.signatures)
        if changes.rules:
            self.meta["rules"] = changes.rules
        if changes.collect_at:
            self.meta["collect_at"] = str(changes.collect_at)
        if changes.next_row:
            self.meta["next_ids"] = (
                f"{changes.next_alert} {changes.next_group} {changes.next_row} {changes.next_run}"
            )

    def _add_runs(self, changes: Changes) -> None:
        self.runs.update(changes.runs)
        self.runs.update(dict.fromkeys(changes.forgotten_runs))
        # In their order: a step may be ordered and taken back in one commit, or the other way round.
        self.steps.extend(changes.withdrawn)
        self.steps.extend(changes.ordered)
        self.freezes.update(changes.freezes)
        self.freezes.update(dict.fromkeys(changes.lifted))

    def _sum(self, name: str) -> None:
        self.sums[name] = self.sums.get(name, 0) + 1

    def encode(self, vocabulary: Vocabulary) -> None:
        """Make the rows of all that there may be much of, once nothing is added any more.

        Where they are many it belongs to the thread that decides: two that take turns with the interpreter's
        lock, a tenth of a millisecond each, hold each other up, and senders wait for the writer.
        """
        written = vocabulary.written
        self.alert_rows = [(key, written(alert)) for key, alert in self.alerts.items() if alert is not None]
        self.vocabulary += vocabulary.fresh()  # again, after a failure: they are not in the table yet
        self.group_rows = [(key, _encode(group)) for key, group in self.groups.items() if group is not None]
        self.told_rows = [
            (*key, _encode(told))
            for key, told in self.told.items()
            if self.groups.get(key[0], told) is not None
        ]
        self.delivery_rows = [self._delivery(row) for row in self.opened.values()]

    def write(self, writer: Writer) -> None:
        """Write it all, inside the transaction of the decisions. May be called again after a failure."""
        writer.insert("vocabulary", ("id", "body"), self.vocabulary)
        writer.upsert("alerts", ("id",), ("id", "body"), self.alert_rows)
        writer.delete("alerts", "id", [key for key, alert in self.alerts.items() if alert is None])
        writer.upsert("groups", ("id",), ("id", "body"), self.group_rows)
        writer.upsert(
            "told", ("group_id", "integration"), ("group_id", "integration", "body"), self.told_rows
        )
        gone = [key for key, group in self.groups.items() if group is None]
        writer.delete("groups", "id", gone)
        writer.delete("told", "group_id", gone)
        self._write_deliveries(writer)
        if self.log or self.silences:
            self._write_log_and_silences(writer)
        if self.runs or self.steps or self.freezes or self.signatures:
            self._write_runs(writer)
        writer.upsert("meta", ("name",), ("name", "value"), list(self.meta.items()))
        add_to_sums(writer, self.sums)

    def _write_log_and_silences(self, writer: Writer) -> None:
        log = [(key, _encode(entry)) for key, entry in self.log.items() if entry is not None]
        writer.upsert("notification_log", ("key",), ("key", "body"), log)
        writer.delete("notification_log", "key", [key for key, entry in self.log.items() if entry is None])
        silences = [(key, _encode(silence)) for key, silence in self.silences.items() if silence]
        writer.upsert("silences", ("id",), ("id", "body"), silences)
        writer.delete("silences", "id", [key for key, silence in self.silences.items() if silence is None])

    def _write_runs(self, writer: Writer) -> None:
        runs = [(key, _encode(run), run.ended_at) for key, run in self.runs.items() if run is not None]
        writer.upsert("runs", ("id",), ("id", "body", "ended_at"), runs)
        writer.delete("runs", "id", [key for key, run in self.runs.items() if run is None])
        for step in self.steps:
            if isinstance(step, int):
                executions.withdraw(writer, step)
            else:
                executions.order(writer, step)
        freezes = [(key, _encode(freeze)) for key, freeze in self.freezes.items() if freeze is not None]
        writer.upsert("freezes", ("id",), ("id", "body"), freezes)
        writer.delete("freezes", "id", [key for key, freeze in self.freezes.items() if freeze is None])
        signatures = [(key, _encode(signature)) for key, signature in self.signatures.items()]
        writer.upsert("signatures", ("runbook",), ("runbook", "body"), signatures)

    def _listed(self, row: int) -> int:
        return 0 if row in self.unlisted else self.dead.get(row, 0)

    def _delivery(self, row: LedgerRow) -> tuple[object, ...]:
        closed, at = self.closed.get(row.id, (None, 0))
        end: tuple[object, ...] = ("pending", 0, "", "", "")
        if closed:
            end = (closed.state, at, closed.reason, closed.detail, closed.by)
        return (
            row.id,
            row.group,
            row.group_key,
            row.receiver,
            row.integration,
            row.at,
            row.reason,
            _content(row),
            *end,
            self._listed(row.id),
            self.claimed_at if row.id in self.claimed else 0,
        )

    def _write_deliveries(self, writer: Writer) -> None:
        writer.insert("deliveries", _DELIVERY_COLUMNS, self.delivery_rows)
        revised = [(row.id, row.reason, _content(row)) for row in self.revised.values()]
        writer.update("deliveries", ("id", "reason", "content"), revised)
        ends = [
            (c.id, c.state, at, c.reason, c.detail, c.by, self._listed(c.id))
            for c, at in self.closed.values()
            if c.id not in self.opened
        ]
        columns = ("id", "state", "closed_at", "close_reason", "detail", "closed_by", "listed")
        writer.update("deliveries", columns, ends)
        # What a decision alone ends (a reload) keeps the count that delivery wrote.
        sent = [(c.id, c.attempts) for c, _ in self.closed.values() if c.attempts]
        writer.update("deliveries", ("id", "attempts"), sent)
        unlisted = [(row, 0) for row in self.unlisted.difference(self.opened)]
        writer.update("deliveries", ("id", "listed"), unlisted)
        claimed = [(row, self.claimed_at) for row in sorted(self.claimed.difference(self.opened))]
        writer.update("deliveries", ("id", "claimed_at"), claimed)


def add_to_sums(writer: Writer, more: Mapping[str, int]) -> None:
    """Add to the ledger's sums."""
    value = "value = sums.value + excluded.value"
    writer.upsert("sums", ("name",), ("name", "value"), list(more.items()), value)


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """The single values: `consumed`, `clock`, `rules`, `collect_at`, `next_ids`."""
    return dict(connection.execute("SELECT name, value FROM meta"))


def load(connection: sqlite3.Connection, ruleset: Ruleset, vocabulary: Vocabulary) -> State:
    """The State that the rows describe. Raises StorageError when they contradict each other."""
    state = State(ruleset)
    changes = Changes()
    for (body,) in connection.execute("SELECT body FROM groups ORDER BY id"):
        group = _GROUP.decode(body)
        changes.groups[group.id] = msgspec.structs.replace(group, labels=share(group.labels))
    for group_id, integration, body in connection.execute("SELECT group_id, integration, body FROM told"):
        changes.told[group_id, integration] = _TOLD.decode(body)
    for key, body in connection.execute("SELECT key, body FROM notification_log"):
        changes.log[key] = _LOG_ENTRY.decode(body)
    query = "SELECT id, group_id, integration, listed FROM deliveries WHERE listed > 0"
    for row, group_id, integration, count in connection.execute(query):
        changes.dead[row] = DeadRow(group_id, integration, count)
    for (body,) in connection.execute("SELECT body FROM silences ORDER BY id"):
        silence = _SILENCE.decode(body)
        changes.silences[silence.id] = silence
    _load_runs(connection, changes)
    meta = read_meta(connection)
    changes.rules = meta.get("rules", ruleset.hash)
    changes.collect_at = int(meta.get("collect_at", "0"))
    ids = [int(text) for text in meta.get("next_ids", "1 1 1").split()]
    changes.next_alert, changes.next_group, changes.next_row = ids[:3]
    changes.next_run = ids[3] if len(ids) > 3 else 1
    state.apply(changes)
    rows = connection.execute("SELECT body FROM alerts ORDER BY id")
    while many := rows.fetchmany(_AT_ONCE):
        state.fill(vocabulary.alerts([body for (body,) in many]))
    return state


def _load_runs(connection: sqlite3.Connection, changes: Changes) -> None:
    for (body,) in connection.execute("SELECT body FROM runs ORDER BY id"):
        run = _RUN.decode(body)
        changes.runs[run.number] = run
    for (body,) in connection.execute("SELECT body FROM freezes ORDER BY id"):
        freeze = _FREEZE.decode(body)
        changes.freezes[freeze.id] = freeze
    for (body,) in connection.execute("SELECT body FROM signatures"):
        signature = _SIGNATURE.decode(body)
        changes.signatures[signature.runbook] = signature
