"""The schema as the list of steps that led to it."""

import sqlite3
from pathlib import Path

import pytest

from responder.core.messages import Input, Unreadable
from responder.core.model import HOUR, SECOND
from responder.core.orders import Earlier
from responder.core.receiving import Limits
from responder.errors import StorageError
from responder.store import journal, outbox
from responder.store.database import migrate
from responder.store.inputs import read_inputs
from responder.store.migrations import MIGRATIONS
from tests.clock import MONDAY

HERE = Path("responder.db")


@pytest.fixture
def connection() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def objects(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))


def test_a_new_database_goes_through_every_step(connection: sqlite3.Connection) -> None:
    migrate(connection, HERE)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    kinds = dict(
        connection.execute("SELECT type, count(*) FROM sqlite_schema WHERE sql IS NOT NULL GROUP BY type")
    )
    assert kinds == {"table": 21, "index": 3}


def test_going_through_them_again_changes_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection, HERE)
    before = objects(connection)
    migrate(connection, HERE)
    assert objects(connection) == before


RELEASES = sorted((Path(__file__).parent / "releases").glob("*.sql"))


@pytest.mark.parametrize("release", RELEASES, ids=[release.stem for release in RELEASES])
def test_a_database_of_an_earlier_release_becomes_what_a_new_one_is(
    connection: sqlite3.Connection, release: Path
) -> None:
    new = sqlite3.connect(":memory:", isolation_level=None)
    migrate(new, HERE)
    connection.executescript(release.read_text())
    assert connection.execute("PRAGMA user_version").fetchone() < (len(MIGRATIONS),)
    migrate(connection, HERE)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert objects(connection) == objects(new)
    found = journal.verify(journal.checkpoint(connection), journal.entries(connection))
    assert (found.broken, found.head.n) == ("", 8)
    assert outbox.sums(connection).problems == ()
    assert outbox.claimed(connection) == {2: Earlier(1, "", MONDAY + HOUR + 90 * SECOND)}
    assert unreadable(connection) == []


def unreadable(connection: sqlite3.Connection) -> list[Input]:
    """Inputs of kinds that this version cannot read would be undecidable."""
    read = read_inputs(connection, 0, Limits())
    return [given for given in read if isinstance(given.body, Unreadable)]


def test_a_step_that_fails_leaves_the_step_before(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (*MIGRATIONS, ("CREATE TABLE later (x)", "CREATE TABLE later (x)"))
    monkeypatch.setattr("responder.store.database.MIGRATIONS", steps)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection, HERE)
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert "later" not in objects(connection)


def test_a_database_of_a_newer_version_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    known, written = len(MIGRATIONS), len(MIGRATIONS) + 1
    with pytest.raises(
        StorageError, match=rf"written by a newer version \(schema {written}, this one knows {known}\)"
    ):
        migrate(connection, HERE)
    assert objects(connection) == {}


def test_the_lists_of_open_and_dead_rows_are_found_by_an_index(connection: sqlite3.Connection) -> None:
    migrate(connection, HERE)
    for where in ("state = 'pending'", "listed > 0", "state <> 'pending' AND closed_at < 5"):
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT id FROM deliveries WHERE {where}").fetchall()
        assert "USING" in plan[0][3], where
