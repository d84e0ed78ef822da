"""The database: group commit, its statements over many rows, its lock, its schema, its errors."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from responder.errors import StorageError, StorageLocked
from responder.store import database as module
from responder.store.database import Database, Writer, reading, size_of
from responder.store.migrations import MIGRATIONS


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open database with a table of pairs."""
    database = Database(tmp_path / "responder.db")
    database.open()
    await database.submit(lambda w: w.execute("CREATE TABLE pairs (id INTEGER PRIMARY KEY, value TEXT)"))
    yield database
    await database.close()


def add(number: int, value: str = "") -> Any:
    """A job that adds a pair and answers with its number."""

    def job(writer: Writer) -> int:
        writer.insert("pairs", ("id", "value"), [(number, value)])
        return number

    return job


async def pairs(database: Database) -> list[tuple[int, str]]:
    """Everything in the table, as another connection sees it."""
    return await database.read(lambda c: c.execute("SELECT id, value FROM pairs ORDER BY id").fetchall())


# -- group commit -----------------------------------------------------------------------------


async def test_jobs_of_one_turn_share_a_commit(database: Database) -> None:
    before = database.commits
    assert await asyncio.gather(*[database.submit(add(n)) for n in range(20)]) == list(range(20))
    assert database.commits == before + 1
    assert [n for n, _ in await pairs(database)] == list(range(20))


async def test_jobs_queued_while_a_commit_is_under_way_share_the_next(database: Database) -> None:
    under_way, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(writer: Writer) -> str:
        loop.call_soon_threadsafe(under_way.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
        return "slow"

    before = database.commits
    first = database.submit(slow)
    await under_way.wait()
    rest = []
    for number in range(3):  # each in a turn of its own
        rest.append(database.submit(add(number)))
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(future.done() for future in [first, *rest])
    go_on.set()
    assert await asyncio.gather(first, *rest) == ["slow", 0, 1, 2]
    assert database.commits == before + 2


async def test_a_failing_job_spoils_nobody_else_s(database: Database) -> None:
    def bad(writer: Writer) -> None:
        writer.insert("pairs", ("id", "value"), [(77, "of the failing job")])
        raise ValueError("bad job")

    jobs = [database.submit(job) for job in (add(1), bad, add(2), add(1), add(3))]
    one, failed, two, again, three = await asyncio.gather(*jobs, return_exceptions=True)
    assert (one, two, three) == (1, 2, 3)
    assert isinstance(failed, ValueError)
    assert str(failed) == "bad job"
    assert isinstance(again, StorageError)
    assert str(again) == f"{database.path}: UNIQUE constraint failed: pairs.id"
    assert await pairs(database) == [(1, ""), (2, ""), (3, "")]


async def test_jobs_run_in_the_order_in_which_they_were_submitted(database: Database) -> None:
    def last(writer: Writer) -> list[int]:
        return [n for (n,) in writer.query("SELECT id FROM pairs ORDER BY rowid")]

    *_, seen = await asyncio.gather(*[database.submit(add(n)) for n in (5, 3, 9)], database.submit(last))
    assert seen == [3, 5, 9]
    order: list[int] = []

    def note(number: int) -> Any:
        return lambda writer: order.append(number)

    await asyncio.gather(*[database.submit(note(n)) for n in (3, 1, 2)])
    assert order == [3, 1, 2]


async def test_a_single_statement_is_a_transaction_by_itself(database: Database) -> None:
    before, seen = database.commits, []

    def single(number: int) -> Any:
        def job(writer: Writer) -> int:
            seen.append(writer._connection.in_transaction)
            writer.insert("pairs", ("id", "value"), [(number, "one"), (number + 1, "two")])
            return number

        return job

    assert await database.submit(single(1), single=True) == 1
    assert (await pairs(database), seen) == ([(1, "one"), (2, "two")], [False])
    with pytest.raises(StorageError, match="UNIQUE"):
        await database.submit(single(0), single=True)  # of which the second row is there
    assert await pairs(database) == [(1, "one"), (2, "two")]
    await asyncio.gather(database.submit(single(5), single=True), database.submit(add(7)))
    assert (seen, database.commits) == ([False, False, True], before + 3)


async def test_a_writer_that_is_to_begin_at_once_is_waited_for_unless_it_is_busy(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(writer: Writer) -> None:
        begun.set()
        go_on.wait(10)

    busy = database.submit(slow)
    database.hand_over()
    database.let_begin()
    assert begun.wait(10)
    behind = database.submit(add(1))
    database.hand_over()
    database.let_begin()  # gives up soon
    assert not behind.done()
    go_on.set()
    await busy
    assert await behind == 1
    for number in range(2, 5):
        last = database.submit(add(number))
        database.hand_over()
        database.let_begin()
        assert await last == number
    database.hand_over()
    database.let_begin()  # nothing waits


class Drowsy:
    """A queue that is slow to give what is in it."""

    def __init__(self, queue: Any) -> None:
        self.queue, self.gave = queue, threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queue, name)

    def get(self) -> Any:
        item = self.queue.get()
        time.sleep(0.2)
        self.gave.set()
        return item


async def test_who_lets_the_writer_begin_goes_on_once_it_has(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BEGINS_WITHIN", 10)
    drowsy = Drowsy(database._queue)
    monkeypatch.setattr(database, "_queue", drowsy)
    await database.submit(add(1))  # for which the writer waits already
    last = database.submit(add(2))
    database.hand_over()
    assert not drowsy.gave.is_set()
    database.let_begin()
    assert drowsy.gave.is_set()
    assert await last == 2


async def test_a_job_that_is_held_begins_at_its_release_before_what_was_not_handed_over(
    database: Database,
) -> None:
    order: list[int] = []
    held = database.submit(lambda writer: order.append(1), held=True)
    await database.submit(lambda writer: order.append(2))
    assert (order, held.done()) == ([2], False)
    last = database.submit(lambda writer: order.append(3))
    before = database.commits
    database.release()
    await asyncio.gather(held, last)
    assert (order, database.commits) == ([2, 1, 3], before + 1)
    database.release()  # nothing is held


async def test_what_comes_after_a_commit_comes_after_it_and_cannot_undo_it(database: Database) -> None:
    seen: list[list[tuple[int, str]]] = []

    def look() -> None:
        with reading(database.path) as connection:
            seen.append(connection.execute("SELECT id, value FROM pairs").fetchall())
        raise OSError("the disk is full")

    def job(writer: Writer) -> int:
        writer.insert("pairs", ("id", "value"), [(1, "a")])
        writer.after_commit.append(look)
        return 1

    assert await database.submit(job) == 1
    await database.submit(lambda writer: None)  # nobody waits for it, and yet it comes before what is next
    assert seen == [[(1, "a")]]
    assert await pairs(database) == [(1, "a")]


async def test_what_comes_after_a_commit_does_not_come_after_a_failure(database: Database) -> None:
    seen: list[str] = []

    def job(writer: Writer) -> None:
        writer.after_commit.append(lambda: seen.append("committed"))
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        await database.submit(job)
    assert seen == []


# -- statements over many rows ----------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 96, 97, 200, 1024, 1025, 1100])
async def test_upsert_pads_and_writes_each_row_once(database: Database, count: int) -> None:
    key, columns = ("id",), ("id", "value")
    await database.submit(lambda w: w.upsert("pairs", key, columns, [(n, f"old {n}") for n in range(count)]))
    assert await pairs(database) == [(n, f"old {n}") for n in range(count)]
    rows = [(n, f"new {n}") for n in range(0, count, 2)] + [(n, f"more {n}") for n in range(5000, 5070)]
    await database.submit(lambda w: w.upsert("pairs", key, columns, rows))
    expected = {n: f"old {n}" for n in range(count)} | dict(rows)
    assert await pairs(database) == sorted(expected.items())


async def test_insert_and_delete_of_many_rows(database: Database) -> None:
    columns = ("id", "value")
    await database.submit(lambda w: w.insert("pairs", columns, [(n, "x") for n in range(150)]))
    await database.submit(lambda w: w.delete("pairs", "id", [n for n in range(150) if n % 3]))
    assert await pairs(database) == [(n, "x") for n in range(0, 150, 3)]


async def test_update_of_many_rows_leaves_the_others(database: Database) -> None:
    columns = ("id", "value")
    await database.submit(lambda w: w.insert("pairs", columns, [(n, "old") for n in range(200)]))
    rows = [(n, f"new {n}") for n in range(0, 300, 2)]  # some of them do not exist
    await database.submit(lambda w: w.update("pairs", columns, rows))
    assert await pairs(database) == [(n, "old" if n % 2 else f"new {n}") for n in range(200)]


# -- errors -----------------------------------------------------------------------------------


async def test_a_trigger_that_raises_is_a_storage_error(database: Database) -> None:
    await database.submit(
        lambda w: w.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON pairs BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    )
    with pytest.raises(StorageError) as caught:
        await database.submit(add(1))
    assert str(caught.value) == f"{database.path}: no room"
    assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)
    await database.submit(lambda w: w.execute("DROP TRIGGER refuse"))
    assert await database.submit(add(1)) == 1


async def test_a_broken_query_of_a_reader_is_a_storage_error(database: Database) -> None:
    with pytest.raises(StorageError) as caught:
        await database.read(lambda c: c.execute("SELECT * FROM nowhere"))
    assert str(caught.value) == f"{database.path}: no such table: nowhere"


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError, match="attempt to write a readonly database"):
        await database.read(lambda c: c.execute("INSERT INTO pairs VALUES (1, '')"))
    assert await pairs(database) == []


def test_reading_where_there_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    expected = f"{path}: no database there; has this service run yet?"
    with pytest.raises(StorageError) as caught, reading(path):
        pass
    assert str(caught.value) == expected
    assert not path.exists()


async def test_a_path_that_is_a_directory_is_a_storage_error(tmp_path: Path) -> None:
    database = Database(tmp_path)
    with pytest.raises(StorageError) as caught:
        database.open()
    assert str(caught.value) == f"{tmp_path}: Is a directory"
    await database.close()


async def test_a_file_that_is_no_database_is_refused_and_lets_the_lock_go(tmp_path: Path) -> None:
    path = tmp_path / "responder.db"
    path.write_bytes(b"this is no database at all" * 100)
    database = Database(path)
    with pytest.raises(StorageError) as caught:
        database.open()
    assert str(caught.value) == f"{path}: file is not a database"
    await database.close()
    path.unlink()
    other = Database(path)
    other.open()
    await other.close()


# -- one process at a time --------------------------------------------------------------------


async def test_a_second_one_is_locked_out_until_the_first_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "responder.db"
    first, second, third = Database(path), Database(path), Database(path)
    first.open()
    with pytest.raises(StorageLocked) as caught:
        second.open()
    assert str(caught.value) == (
        f"{path} is in use by another responder; stop it, or give this one its own `storage:`"
    )
    await second.close()  # it has nothing to let go
    with pytest.raises(StorageLocked):
        third.open()
    await first.close()
    third.open()
    await third.close()


async def test_close_finishes_what_is_queued(tmp_path: Path) -> None:
    database = Database(tmp_path / "responder.db")
    database.open()
    jobs = [
        database.submit(lambda w, n=n: w.insert("meta", ("name", "value"), [(f"n{n}", "x")]))  # type: ignore[misc]
        for n in range(3)
    ]
    await database.close()
    await asyncio.sleep(0)
    assert [job.done() for job in jobs] == [True, True, True]
    with reading(database.path) as connection:
        assert connection.execute("SELECT count(*) FROM meta").fetchone() == (3,)


async def test_readers_see_one_consistent_view_beside_the_writer(database: Database) -> None:
    await database.submit(add(1))
    with reading(database.path) as connection:
        count = "SELECT count(*) FROM pairs"
        assert connection.execute(count).fetchone() == (1,)
        await database.submit(add(2))
        assert connection.execute(count).fetchone() == (1,)
    assert len(await pairs(database)) == 2


# -- schema and durability --------------------------------------------------------------------


async def test_the_pragmas_that_durability_rests_on(database: Database) -> None:
    def pragmas(writer: Writer) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "auto_vacuum", "foreign_keys", "wal_autocheckpoint")
        return {name: writer.query(f"PRAGMA {name}")[0][0] for name in names}

    assert await database.submit(pragmas) == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL: an fsync at each commit
        "auto_vacuum": 2,  # INCREMENTAL
        "foreign_keys": 1,
        "wal_autocheckpoint": 0,  # a thread of its own does it
    }


async def test_a_new_database_has_the_newest_schema_and_is_opened_again_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "below" / "responder.db"
    for _ in range(2):
        database = Database(path)
        database.open()
        await database.submit(
            lambda w: w.upsert("meta", ("name",), ("name", "value"), [("kept", "yes")], "value = 'still'")
        )
        await database.close()
    with reading(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("SELECT name, value FROM meta").fetchall() == [("kept", "still")]


async def test_a_newer_schema_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "responder.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database = Database(path)
    with pytest.raises(StorageError) as caught:
        database.open()
    newer, known = len(MIGRATIONS) + 1, len(MIGRATIONS)
    assert str(caught.value) == (
        f"{path}: written by a newer version (schema {newer}, this one knows {known})"
    )
    await database.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


async def test_size_counts_the_log_too(database: Database) -> None:
    files = [database.path, Path(f"{database.path}-wal")]
    assert size_of(database.path) == sum(file.stat().st_size for file in files)
    assert files[1].stat().st_size > 0
    assert size_of(database.path.parent / "none.db") == 0


async def test_while_somebody_else_holds_the_database_all_that_wait_hear_of_it_at_once(
    database: Database,
) -> None:
    await database.submit(lambda w: w.execute("PRAGMA busy_timeout = 0"))
    before = database.commits
    with contextlib.closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        errors = await asyncio.gather(*[database.submit(add(n)) for n in (1, 2)], return_exceptions=True)
        expected = f"{database.path}: database is locked"
        assert [(type(error), str(error)) for error in errors] == [(StorageError, expected)] * 2
        assert database.commits == before + 1  # tried once, not once for each
        other.execute("ROLLBACK")
    assert await asyncio.gather(*[database.submit(add(n)) for n in (1, 2)]) == [1, 2]
