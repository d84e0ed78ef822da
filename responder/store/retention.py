"""What is forgotten, and what stays in its place: checkpoints, snapshots, sums.

`service` calls `prune` once in a while. A pruned journal leaves the last pruned row's hash, so that
the rest still verifies; a pruned inputs log leaves a snapshot of the state at the cut, so that the
rest can still be replayed; pruned ledger rows stay in the sums.
"""

import sqlite3
import zlib
from collections.abc import Callable
from typing import Final

import msgspec

from responder.core.model import HOUR, Nanoseconds
from responder.settings.values import Retention
from responder.store.database import Database, Writer, size_of
from responder.store.records import add_to_sums, read_meta

_ROWS_AT_ONCE: Final = 5_000
"""Rows deleted in one transaction: accepting must not wait for housekeeping."""

SNAPSHOT_INTERVAL: Final = 6 * HOUR


class Snapshot(msgspec.Struct, frozen=True):
    """The state's rows after `consumed` was decided: bodies as they are stored.

    `dead`: row, group, integration and count of each line on people's list.
    """

    meta: dict[str, str]
    alerts: list[tuple[int, msgspec.Raw]]
    groups: list[tuple[int, msgspec.Raw]]
    told: list[tuple[int, str, msgspec.Raw]]
    dead: list[tuple[int, int, str, int]] = []
    silences: list[msgspec.Raw] = []


async def prune(database: Database, keep: Retention, now: Nanoseconds) -> dict[str, int]:
    """Forget what is too old, or too much; how many rows went, by table."""
    gone: dict[str, int] = {}
    if await _snapshot_is_due(database, now):
        await take_snapshot(database, now)
    over = size_of(database.path) > keep.max_size
    inputs_before = now - (keep.inputs // 8 if over else keep.inputs)
    gone["inputs"] = await _prune_inputs(database, inputs_before)
    gone["deliveries"] = await _repeat(database, lambda w: _prune_deliveries(w, now - keep.deliveries))
    gone["journal"] = await _repeat(database, lambda w: _prune_journal(w, now - keep.journal))
    gone["rejected"] = await database.submit(
        lambda w: w.execute("DELETE FROM rejected WHERE at < ?", (now - keep.rejected,))
    )
    in_force = "SELECT value FROM meta WHERE name = 'rules'"
    gone["rulesets"] = await database.submit(
        lambda w: w.execute(
            f"DELETE FROM rulesets WHERE hash NOT IN ({in_force}) AND at < ?", (now - keep.journal,)
        )
    )
    if over:
        await database.submit(lambda w: w.execute("PRAGMA incremental_vacuum(20000)"))
    return gone


async def _repeat(database: Database, job: Callable[[Writer], int]) -> int:
    total = 0
    while True:
        count = await database.submit(job)
        total += count
        if count < _ROWS_AT_ONCE:
            return total


async def _snapshot_is_due(database: Database, now: Nanoseconds) -> bool:
    def due(connection: sqlite3.Connection) -> bool:
        newest = connection.execute("SELECT seq, at FROM snapshots ORDER BY seq DESC LIMIT 1").fetchone()
        if newest is None:
            return True
        # One that was renewed while nothing is decided would never be old enough to prune behind.
        decided = int(read_meta(connection).get("consumed", "0")) > newest[0]
        return decided and bool(now - newest[1] >= SNAPSHOT_INTERVAL)

    return await database.read(due)


async def take_snapshot(database: Database, now: Nanoseconds) -> int:
    """Write the state as it is after the last consumed input; its seq.

    Read beside the writer on a consistent view, so that deciding does not wait.
    """

    def read(connection: sqlite3.Connection) -> tuple[int, bytes]:
        meta = read_meta(connection)
        snapshot = Snapshot(
            meta,
            [(key, msgspec.Raw(body)) for key, body in connection.execute("SELECT id, body FROM alerts")],
            [(key, msgspec.Raw(body)) for key, body in connection.execute("SELECT id, body FROM groups")],
            [
                (group, integration, msgspec.Raw(body))
                for group, integration, body in connection.execute(
                    "SELECT group_id, integration, body FROM told"
                )
            ],
            connection.execute(
                "SELECT id, group_id, integration, listed FROM deliveries WHERE listed > 0 ORDER BY id"
            ).fetchall(),
            [msgspec.Raw(body) for (body,) in connection.execute("SELECT body FROM silences ORDER BY id")],
        )
        return int(meta.get("consumed", "0")), zlib.compress(msgspec.json.encode(snapshot), 1)

    seq, body = await database.read(read)
    await database.submit(
        lambda writer: writer.upsert("snapshots", ("seq",), ("seq", "at", "body"), [(seq, now, body)])
    )
    return seq


async def _prune_inputs(database: Database, before: Nanoseconds) -> int:
    """Delete inputs that a snapshot older than `before` covers; the newest such snapshot stays."""

    def job(writer: Writer) -> int:
        ((cut,),) = writer.query("SELECT coalesce(max(seq), 0) FROM snapshots WHERE at <= ?", (before,))
        writer.execute("DELETE FROM snapshots WHERE seq < ?", (cut,))
        return writer.execute(
            "DELETE FROM inputs WHERE seq IN (SELECT seq FROM inputs WHERE seq <= ? ORDER BY seq LIMIT ?)",
            (cut, _ROWS_AT_ONCE),
        )

    return await _repeat(database, job)


def _prune_deliveries(writer: Writer, before: Nanoseconds) -> int:
    rows = writer.query(
        "SELECT id, state FROM deliveries WHERE state <> 'pending' AND listed = 0 AND closed_at < ? LIMIT ?",
        (before, _ROWS_AT_ONCE),
    )
    counts: dict[str, int] = {}
    for _, state in rows:
        counts[state] = counts.get(state, 0) + 1
    add_to_sums(writer, {f"pruned.{state}": count for state, count in counts.items()})
    writer.delete("deliveries", "id", [row for row, _ in rows])
    return len(rows)


def _prune_journal(writer: Writer, before: Nanoseconds) -> int:
    rows = writer.query(
        "SELECT n, at, hash FROM journal WHERE at < ? AND n < (SELECT max(n) FROM journal)"
        " ORDER BY n LIMIT ?",
        (before, _ROWS_AT_ONCE),
    )
    if rows:
        last = rows[-1]
        writer.execute("DELETE FROM checkpoints")
        writer.insert("checkpoints", ("n", "at", "hash"), [last])
        writer.execute("DELETE FROM journal WHERE n <= ?", (last[0],))
    return len(rows)
