"""Steps that were ordered: each is carried out at most once, over crashes and restarts too.

`store.records` orders and withdraws in the decision's own transaction, `actions` claims and ends in
transactions of their own, `engine` asks at start what may have been begun. A step that was claimed is
never claimed again, whatever came of it; nothing here ever forgets one that is not ended.
"""

import sqlite3
from typing import Literal, TypeAlias

import msgspec

from responder.core.freeze import Freeze
from responder.core.messages import Execute
from responder.core.model import Nanoseconds
from responder.store.database import Database, Writer

Refusal: TypeAlias = Literal["withdrawn", "too_late", "frozen", "taken"]
"""Why a step may not be begun. `taken`: somebody has begun it, or may have."""

_FREEZE = msgspec.json.Decoder(Freeze)

_COLUMNS = (
    "key",
    "run",
    "lap",
    "action",
    "runbook",
    "cluster",
    "namespace",
    "kind",
    "name",
    "not_after",
    "state",
    "claimed_at",
)


def order(writer: Writer, step: Execute) -> None:
    """Record that a step is to be carried out. A key that was ordered before stays as it is."""
    target = step.step.target
    where = (target.cluster, target.namespace, target.kind, target.name) if target else ("", "", "", "")
    values = (step.key, step.run, step.lap, step.step.action, step.runbook, *where, step.not_after)
    marks = ", ".join("?" * len(_COLUMNS))
    writer.execute(
        f"INSERT INTO executions ({', '.join(_COLUMNS)}) VALUES ({marks}) ON CONFLICT (key) DO NOTHING",
        (*values, "pending", 0),
    )


def withdraw(writer: Writer, run: int) -> None:
    """Nothing of this run that is not begun is to be begun."""
    writer.execute("UPDATE executions SET state = 'ended' WHERE run = ? AND state = 'pending'", (run,))


class Claimed(msgspec.Struct, frozen=True):
    """A step that was begun, or may have been, and of whose end there is no record."""

    run: int
    lap: int
    claimed_at: Nanoseconds


def claimed(connection: sqlite3.Connection) -> dict[str, Claimed]:
    """What an earlier process may have begun, by key.

    A run that has moved on meanwhile (its step's end was reported, and the process died before it
    noted so here) has another key by then, or none.
    """
    query = "SELECT key, run, lap, claimed_at FROM executions WHERE state = 'claimed'"
    return {key: Claimed(*row) for key, *row in connection.execute(query)}


class ExecutionStore:
    """The transactions of those who carry steps out."""

    def __init__(self, database: Database) -> None:
        """Work on the writer's queue."""
        self._database = database

    async def claim(self, step: Execute, now: Nanoseconds) -> Refusal | None:
        """Make it durable that this step is begun; or why it may not be. Raises StorageError."""
        return await self._database.submit(lambda writer: claim(writer, step, now), urgent=True)

    async def end(self, key: str) -> None:
        """The end of a claimed step is on record elsewhere. Raises StorageError."""
        await self._database.submit(lambda writer: end(writer, key))


def end(writer: Writer, key: str) -> None:
    """A step that was claimed is over, within a transaction."""
    writer.execute("UPDATE executions SET state = 'ended' WHERE key = ?", (key,))


def claim(writer: Writer, step: Execute, now: Nanoseconds) -> Refusal | None:
    """Claim a step within a transaction: it must be ordered as it is, in time, and not frozen."""
    rows = writer.query("SELECT lap, state, claimed_at, not_after FROM executions WHERE key = ?", (step.key,))
    if not rows:
        return "withdrawn"
    lap, state, claimed_at, not_after = rows[0]
    if claimed_at or state == "claimed":
        return "taken"
    if state == "ended" or lap != step.lap:
        return "withdrawn"
    refusal: Refusal | None = None
    if now > min(not_after, step.not_after):
        refusal = "too_late"
    elif _frozen(writer, step, now):
        refusal = "frozen"
    writer.execute(
        "UPDATE executions SET state = ?, claimed_at = ? WHERE key = ?",
        ("ended", 0, step.key) if refusal else ("claimed", max(now, 1), step.key),
    )
    return refusal


def _frozen(writer: Writer, step: Execute, now: Nanoseconds) -> bool:
    for (body,) in writer.query("SELECT body FROM freezes"):
        try:
            freeze = _FREEZE.decode(body)
        except msgspec.DecodeError:
            return True  # somebody forbade something, and it cannot be told what
        spared = step.rolling and not freeze.hard
        covers = freeze.covers(step.runbook, frozenset({step.step.action}), step.step.target)
        if freeze.until > now and covers and not spared:
            return True
    return False
