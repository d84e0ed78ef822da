"""The ledger as delivery and people see it: claims, attempts, sums, lists.

`delivery` claims rows and records attempts through OutboxStore, `service` and the CLI read.
Opening and closing rows is the engine's alone (`store.records`).
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from responder.clock import Clock
from responder.core.model import Nanoseconds, format_time
from responder.core.orders import Attempted, Earlier
from responder.store.database import Database, Writer, placeholders

CLOSED_STATES: Final = ("delivered", "suppressed", "superseded", "dead")


class OutboxStore:
    """Delivery's own transactions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Work on the writer's queue."""
        self._database = database
        self._clock = clock

    async def claim(self, rows: Sequence[int]) -> set[int]:
        """Make it durable that these rows may be sent from now on; those that still can be."""
        now = self._clock.now()

        def job(writer: Writer) -> set[int]:
            known = placeholders(rows)
            writer.execute(f"UPDATE deliveries SET claimed_at = ? WHERE id IN ({known})", (now, *rows))
            query = f"SELECT id FROM deliveries WHERE state = 'pending' AND id IN ({known})"
            return {row for (row,) in writer.query(query, rows)}

        return await self._database.submit(job)

    async def attempts(self, attempted: Sequence[Attempted]) -> None:
        """Record attempts that did not end their rows, in one transaction."""

        def job(writer: Writer) -> None:
            for one in attempted:
                writer.execute(
                    "UPDATE deliveries SET attempts = ?, next_at = ?, last_reason = ?, last_detail = ?,"
                    " receipt = ? WHERE id = ?",
                    (one.attempts, one.next_at, one.reason or "", one.detail, one.receipt, one.row),
                )

        await self._database.submit(job)


def claimed(connection: sqlite3.Connection) -> dict[int, Earlier]:
    """Pending rows that were claimed, and what came of it (one attempt at least, maybe)."""
    query = (
        "SELECT id, attempts, receipt, next_at, last_reason FROM deliveries"
        " WHERE state = 'pending' AND claimed_at > 0"
    )
    return {
        row: Earlier(max(attempts, 1), receipt, next_at if reason == "rate_limited" else 0)
        for row, attempts, receipt, next_at, reason in connection.execute(query)
    }


@dataclass(frozen=True, slots=True)
class Sums:
    """Law and count: what was owed ever, and how it was closed."""

    owed: int
    closed: dict[str, int]
    pending: int
    reasons: dict[str, int]
    problems: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """Whether owed = delivered + suppressed + superseded + dead + pending, counted twice."""
        return not self.problems


def sums(connection: sqlite3.Connection) -> Sums:
    """Count the ledger in two ways: the sums kept since the beginning, and the rows that are kept."""
    kept = dict(connection.execute("SELECT name, value FROM sums"))
    owed = kept.get("owed", 0)
    closed = {state: kept.get(f"closed.{state}", 0) for state in CLOSED_STATES}
    rows = dict(connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state"))
    pending = rows.get("pending", 0)
    problems = []
    total = sum(closed.values()) + pending
    if owed != total:
        problems.append(f"owed {owed}, but {total} closed or pending")
    for state in CLOSED_STATES:
        counted = rows.get(state, 0) + kept.get(f"pruned.{state}", 0)
        if counted != closed[state]:
            problems.append(f"{state}: {closed[state]} closed, but {counted} rows kept or pruned")
    query = (
        "SELECT state || '(' || close_reason || ')', count(*) FROM deliveries"
        " WHERE state IN ('suppressed', 'dead') GROUP BY 1 ORDER BY 1"
    )
    return Sums(owed, closed, pending, dict(connection.execute(query)), tuple(problems))


def difference(connection: sqlite3.Connection) -> int:
    """Owed less everything that became of it, from the sums: 0 unless the books are wrong."""
    kept: dict[str, int] = dict(connection.execute("SELECT name, value FROM sums"))
    closed = sum(kept.get(f"closed.{state}", 0) for state in CLOSED_STATES)
    (pending,) = connection.execute("SELECT count(*) FROM deliveries WHERE state = 'pending'").fetchone()
    return kept.get("owed", 0) - closed - int(pending)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A ledger row as people see it. Times in nanoseconds; `count`: how many alike, for dead rows."""

    id: int
    group_key: str
    receiver: str
    integration: str
    at: Nanoseconds
    reason: str
    state: str
    close_reason: str
    detail: str
    attempts: int
    next_at: Nanoseconds
    last_reason: str
    last_detail: str
    count: int = 1


_VIEW = (
    "id, group_key, receiver, integration, at, reason, state, close_reason, detail, attempts, next_at,"
    " last_reason, last_detail"
)


def list_rows(
    connection: sqlite3.Connection, *, dead: bool, limit: int = 1000, before: int | None = None
) -> list[DeliveryRow]:
    """Dead rows that nobody has dealt with, one line per (group, integration); or all. The newest first.

    `before`: only those that are older than this row.
    """
    count, where = ("listed", "listed > 0 AND") if dead else ("1", "")
    query = f"SELECT {_VIEW}, {count} FROM deliveries WHERE {where} id < ? ORDER BY id DESC LIMIT ?"
    return [
        DeliveryRow(*row) for row in connection.execute(query, (1 << 62 if before is None else before, limit))
    ]


def as_shown(row: DeliveryRow) -> dict[str, object]:
    """A row as JSON for people and programs: times as RFC 3339, empty fields left out."""
    shown: dict[str, object] = {name: getattr(row, name) for name in row.__slots__}
    shown["at"] = format_time(row.at)
    shown["next_at"] = format_time(row.next_at) if row.next_at else ""
    return {name: value for name, value in shown.items() if value != ""}
