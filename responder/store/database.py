"""One SQLite database: its lock, its migrations, its single writer thread.

`inputs`, `records`, `journal` and `outbox` hand it jobs; whoever waits gets the job's result once
it is durable. Jobs queued while a commit is under way share the next one (group commit, with no
fixed window), so an fsync serves many. Never await the network inside a job.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

from responder.errors import StorageError, StorageLocked
from responder.store.migrations import MIGRATIONS
from responder.telemetry import logger

T = TypeVar("T")

log = logger("store")

ONE_INSERT: Final = 64
_SIZES: Final = (96, 128, 192, 256, 384, 512, 768, 1024)
"""Rows per statement: any number up to the first, then these. Few distinct texts, so that SQLite's
statement cache holds them; and few statements, because each gives up the interpreter's lock and a
busy event loop gives it back slowly."""

_CHECKPOINT_EVERY: Final = 0.5
_WAL_SMALL: Final = 16 << 20
_WAL_LARGE: Final = 512 << 20
"""Bytes of write-ahead log: below the first nothing is moved, above the second commits wait until
all of it is, since readers might otherwise let it grow for ever."""


_INCREMENTAL: Final = 2

_BEGINS_WITHIN: Final = 0.0005
"""For so many seconds it is waited that the writer begins; it may be busy."""

_FEW_ROWS: Final = 16
"""A commit that writes fewer rows takes hardly longer for it than its flush does."""


class Writer:
    """What a job may do inside its transaction. Texts use `?` and standard SQL alone."""

    __slots__ = ("_connection", "after_commit", "before_commit")

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Wrap the writer thread's connection. The actions run on its thread and must be short."""
        self._connection = connection
        self.before_commit: list[Callable[[], None]] = []
        self.after_commit: list[Callable[[], None]] = []

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it changed."""
        return self._connection.execute(sql, parameters).rowcount

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query, as this transaction sees them."""
        return self._connection.execute(sql, parameters).fetchall()

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Add new rows."""
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        for start in range(0, len(rows), ONE_INSERT):
            self._run(head, rows[start : start + ONE_INSERT], "")

    def upsert(
        self,
        table: str,
        key: tuple[str, ...],
        columns: tuple[str, ...],
        rows: Sequence[tuple[Any, ...]],
        values: str = "",
    ) -> None:
        """Add rows, or replace the values of those whose key exists; `columns` begins with `key`.

        `values`: what to set instead of the new values, in SQL (`excluded` is the new row).
        """
        values = values or ", ".join(f"{c} = excluded.{c}" for c in columns[len(key) :])
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        tail = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {values}"
        start, most = 0, _SIZES[-1]
        while start < len(rows):
            piece = list(rows[start : start + most])
            start += most
            if len(piece) > ONE_INSERT:  # the last row again: the same values under the same key
                size = next(size for size in _SIZES if size >= len(piece))
                piece += [piece[-1]] * (size - len(piece))
            self._run(head, piece, tail)

    def update(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Set columns of rows that exist; `columns` begins with the key."""
        values = ", ".join(f"{c} = new.{c}" for c in columns[1:])
        tail = f") UPDATE {table} SET {values} FROM new WHERE {table}.{columns[0]} = new.{columns[0]}"
        for start in range(0, len(rows), ONE_INSERT):
            self._run(f"WITH new ({', '.join(columns)}) AS (VALUES ", rows[start : start + ONE_INSERT], tail)

    def delete(self, table: str, key: str, values: Sequence[int | str]) -> None:
        """Remove rows by a key of one column."""
        for start in range(0, len(values), ONE_INSERT):
            piece = [(value,) for value in values[start : start + ONE_INSERT]]
            self._run(f"DELETE FROM {table} WHERE {key} IN (VALUES ", piece, ")")

    def _run(self, head: str, rows: Sequence[tuple[Any, ...]], tail: str) -> None:
        parameters = [value for row in rows for value in row]
        self._connection.execute(_text(head, len(rows[0]), len(rows), tail), parameters)


@lru_cache(maxsize=1024)
def _text(head: str, columns: int, rows: int, tail: str) -> str:
    """A statement's text: the same object each time, which the cache of statements finds quickly."""
    one = "(" + ", ".join("?" * columns) + ")"
    return head + ", ".join([one] * rows) + tail


Job = Callable[[Writer], Any]


class _Asked(NamedTuple):
    """A job, who waits for it, and what `submit` was told of it."""

    job: Job
    future: asyncio.Future[Any]
    urgent: bool
    rows: int
    single: bool


class Database:
    """The database of one deployment. Make it with `open`; one process at a time holds it."""

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is touched before `open`."""
        self.path = path
        self._gathered: list[_Asked] = []
        self._held: list[_Asked] = []
        self._begun = threading.Lock()
        self._queue: SimpleQueue[list[_Asked] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock_fd = -1
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        self._checkpoints: threading.Thread | None = None
        self._closing = threading.Event()
        self.commits = 0

    def open(self, cpus: Collection[int] = ()) -> None:
        """Take the lock, bring the schema up to date, start the writer thread.

        `cpus`: where the writer's thread runs; anywhere, if there are none.

        Raises StorageLocked when another process holds the database, StorageError when it cannot be
        opened or was written by a newer version.
        """
        self._loop = asyncio.get_running_loop()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            # Before SQLite makes it, which would let everybody read it; the log beside it follows.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = self._connect()
            migrate(connection, self.path)
        except sqlite3.Error as error:
            self._release_lock()
            raise StorageError(f"{self.path}: {error}") from error
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}") from error
        self._thread = threading.Thread(
            target=self._write_forever, args=(connection, cpus), name="store-writer", daemon=True
        )
        self._thread.start()
        self._checkpoints = threading.Thread(
            target=self._checkpoint_forever, args=(cpus,), name="store-checkpoints", daemon=True
        )
        self._checkpoints.start()

    def _take_lock(self) -> None:
        # An OS lock goes with its process, so that a crash never leaves one behind.
        self._lock_fd = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_fd)
            self._lock_fd = -1
            raise StorageLocked(
                f"{self.path} is in use by another responder; stop it, or give this one its own `storage:`"
            ) from None

    def _release_lock(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, cached_statements=1024
        )
        if connection.execute("PRAGMA auto_vacuum").fetchone() != (_INCREMENTAL,):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # writes, and waits for the disk
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # see _checkpoint_forever
        return connection

    def submit(
        self,
        job: Callable[[Writer], T],
        *,
        urgent: bool = False,
        rows: int = 0,
        single: bool = False,
        held: bool = False,
    ) -> "asyncio.Future[T]":
        """Queue a job; the future resolves after the commit that made it durable.

        `rows` says about how much it writes. Jobs that are queued together share a commit, but for
        this: where the others write much, `urgent` ones (somebody waits for an answer) go before
        them, in a commit of their own. `single`: the job is one statement, which is a transaction by
        itself, without anything of `before_commit`, if no other job shares it. `held`: the job begins at
        `release`, and what is submitted meanwhile goes before it.

        Raises (through the future) StorageError when the database refused, or what the job raised.
        """
        assert self._loop is not None
        future: asyncio.Future[T] = self._loop.create_future()
        asked = _Asked(job, future, urgent, rows, single)
        if held:
            self._held.append(asked)
            return future
        if not self._gathered:
            # What this turn of the event loop still submits comes along: one commit for all.
            self._loop.call_soon(self.hand_over)
        self._gathered.append(asked)
        return future

    def release(self) -> None:
        """Queue the jobs that are held, before what has not been handed over yet."""
        held, self._held = self._held, []
        self._gathered[:0] = held
        self.hand_over()

    def hand_over(self) -> None:
        """Let the writer begin with what was submitted, instead of at the end of this turn of the loop."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._begun.acquire(blocking=False)
            self._queue.put(gathered)

    def let_begin(self) -> None:
        """Go on once an idle writer has begun with what was handed over.

        It needs the interpreter's lock for that, which a thread that goes on gives up late.
        """
        self._begun.acquire(timeout=_BEGINS_WITHIN)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a reader on a connection of its own, beside the writer, on a consistent snapshot."""
        assert self._loop is not None
        return await self._loop.run_in_executor(self._reader, self._read, query)

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        with reading(self.path) as connection:
            return query(connection)

    async def close(self) -> None:
        """Finish what is queued, stop the thread, release the lock."""
        self._closing.set()
        if self._checkpoints is not None:
            await asyncio.to_thread(self._checkpoints.join)
            self._checkpoints = None
        self.hand_over()
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        self._reader.shutdown(wait=True)
        self._release_lock()

    # -- the checkpoint thread --------------------------------------------------------------

    def _checkpoint_forever(self, cpus: Collection[int]) -> None:
        """Move the write-ahead log into the database, beside the writer: never in a commit's way."""
        if cpus:  # it works in bursts: wherever there is room
            _run_on({*cpus, *os.sched_getaffinity(0)})
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=5)
        wal = Path(f"{self.path}-wal")
        while not self._closing.wait(_CHECKPOINT_EVERY):
            with contextlib.suppress(OSError, sqlite3.Error):  # a full disk: the writer will say so
                size = wal.stat().st_size
                if size > _WAL_SMALL:
                    mode = "PASSIVE" if size < _WAL_LARGE else "RESTART"
                    connection.execute(f"PRAGMA wal_checkpoint({mode})")
        connection.close()

    # -- the writer thread ----------------------------------------------------------------

    def _write_forever(self, connection: sqlite3.Connection, cpus: Collection[int]) -> None:
        _run_on(cpus)
        closing = False
        while not closing:
            batch = [self._queue.get()]
            if self._begun.locked():
                self._begun.release()
            while not self._queue.empty():
                batch.append(self._queue.get())
            jobs = [entry for entries in batch if entries is not None for entry in entries]
            closing = None in batch
            urgent = [entry for entry in jobs if entry.urgent]
            if urgent and sum(entry.rows for entry in jobs) > _FEW_ROWS:
                self._run(connection, urgent)
                jobs = [entry for entry in jobs if not entry.urgent]
            if jobs:
                self._run(connection, jobs)
        connection.close()

    def _run(self, connection: sqlite3.Connection, jobs: "list[_Asked]") -> None:
        after: list[Callable[[], None]] = []
        try:
            results, after = _transact(connection, jobs)
        except Exception as error:  # whatever a job raises belongs to whoever waits for it
            if len(jobs) > 1 and not _locked(error):  # one of them spoils the rest: each alone, in order
                for entry in jobs:
                    self._run(connection, [entry])
                return
            results = [_as_storage_error(self.path, error)] * len(jobs)
        self.commits += 1
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, [entry.future for entry in jobs], results)
        for action in after:  # nobody has to wait for these
            try:
                action()
            except OSError as error:  # it is committed: what comes after cannot undo it
                log.error("after_commit", error=str(error))


def _run_on(cpus: Collection[int]) -> None:
    if cpus:
        with contextlib.suppress(OSError):  # they were taken away since: any will do
            os.sched_setaffinity(0, cpus)


def _transact(
    connection: sqlite3.Connection, jobs: list[_Asked]
) -> tuple[list[Any], list[Callable[[], None]]]:
    """What each job gave, and what is to be done now that they are durable."""
    writer = Writer(connection)
    if len(jobs) == 1 and jobs[0].single:
        return [jobs[0].job(writer)], writer.after_commit
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [entry.job(writer) for entry in jobs]
        for action in writer.before_commit:
            action()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results, writer.after_commit


def _locked(error: Exception) -> bool:
    """Whether somebody else holds the database: waiting again for each job would help nobody."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.OperationalError) and code == sqlite3.SQLITE_BUSY


def _as_storage_error(path: Path, error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        wrapped = StorageError(f"{path}: {error}")
        wrapped.__cause__ = error
        return wrapped
    return error


def _resolve(futures: list["asyncio.Future[Any]"], results: list[Any]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection on one consistent snapshot, beside or without a running service.

    Raises StorageError when there is no database at `path`.
    """
    if not path.exists():
        raise StorageError(f"{path}: no database there; has this service run yet?")
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        with contextlib.closing(connection):
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise StorageError(f"{path}: {error}") from error


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema to the newest version, one transaction per step.

    The version is SQLite's own `user_version`. A database from a newer release is refused: an
    older program must not write what it does not know.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StorageError(
            f"{path}: written by a newer version (schema {version}, this one knows {len(MIGRATIONS)})"
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def size_of(path: Path) -> int:
    """Bytes on disk: the database and its write-ahead log."""
    total = 0
    for name in (path, Path(f"{path}-wal")):
        with contextlib.suppress(FileNotFoundError):
            total += name.stat().st_size
    return total


def placeholders(values: Iterable[Any]) -> str:
    """`?, ?, ?` for an IN list."""
    return ", ".join("?" for _ in values)
