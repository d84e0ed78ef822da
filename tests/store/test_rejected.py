"""Requests that could not be taken: what of them is kept, and how many."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from responder.store.database import Database
from responder.store.rejected import KEPT_BYTES, KEPT_ROWS, keep_rejected
from tests.clock import MONDAY


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open database."""
    database = Database(tmp_path / "responder.db")
    database.open()
    yield database
    await database.close()


async def test_what_is_kept_of_a_request(database: Database) -> None:
    body = bytes(range(256)) * 300
    assert len(body) > KEPT_BYTES
    await keep_rejected(database, MONDAY, "prometheus", 400, "not JSON", body)
    await keep_rejected(database, MONDAY + 1, "other", 413, "too large", b"")
    rows = await database.read(lambda c: c.execute("SELECT * FROM rejected ORDER BY id").fetchall())
    assert rows == [
        (1, MONDAY, "prometheus", 400, "not JSON", body[:KEPT_BYTES]),
        (2, MONDAY + 1, "other", 413, "too large", b""),
    ]


async def test_only_the_newest_are_kept(database: Database) -> None:
    old = [(n, MONDAY, "a", 400, "", b"") for n in range(1, KEPT_ROWS + 1)]
    columns = ("id", "at", "sender", "status", "reason", "body")
    await database.submit(lambda w: w.insert("rejected", columns, old))
    for _ in range(3):
        await keep_rejected(database, MONDAY + 1, "b", 400, "", b"")
    found = await database.read(lambda c: c.execute("SELECT id, sender FROM rejected ORDER BY id").fetchall())
    assert found == [(n, "a") for n in range(4, KEPT_ROWS + 1)] + [(KEPT_ROWS + n, "b") for n in (1, 2, 3)]
