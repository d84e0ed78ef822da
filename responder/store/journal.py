"""The journal: one hash-chained row per decision, and what proves that none is missing.

Only `engine` appends; the CLI and the API read and verify. The chain proves order and integrity
against anyone who cannot also rewrite the anchor (the newest hash, kept somewhere else).
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from responder.core.model import Nanoseconds, format_time
from responder.errors import FileError
from responder.store.database import Writer

ORIGIN: Final = "0" * 64
"""What the first row follows."""

_CANONICAL = msgspec.json.Encoder(order="sorted")
_COLUMNS = ("n", "at", "seq", "body", "hash")


class Head(msgspec.Struct, frozen=True):
    """The newest row: its number and hash. `HASH@N` is how an anchor is written."""

    n: int = 0
    hash: str = ORIGIN

    def __str__(self) -> str:
        return f"{self.hash}@{self.n}"


def parse_anchor(text: str) -> Head:
    """Read `HASH@N`. Raises ValueError with what would be right."""
    digest, at, number = text.strip().partition("@")
    if not at or not number.isdigit() or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError(f"{text[:96]!r} is not an anchor such as {ORIGIN[:8]}...@12 (64 hex digits, @, n)")
    return Head(int(number), digest)


def canonical(value: object) -> bytes:
    """Canonical JSON: UTF-8, keys sorted, no white space, no escapes but the required ones."""
    return _CANONICAL.encode(value)


def link(prev: str, n: int, at: Nanoseconds, body: bytes) -> str:
    """SHA-256 over the canonical JSON of [prev, n, at, body]; `at` as RFC 3339."""
    return hashlib.sha256(
        b'["%b",%d,"%b",%b]' % (prev.encode(), n, format_time(at).encode(), body)
    ).hexdigest()


class Chain:
    """The append side: knows the head and makes the next rows."""

    def __init__(self, head: Head) -> None:
        """Continue after `head`."""
        self.head = head

    def next_row(self, at: Nanoseconds, seq: int, body: object) -> tuple[int, int, int, bytes, str]:
        """The row for a decision. The head moves with it."""
        encoded = canonical(body)
        n = self.head.n + 1
        digest = link(self.head.hash, n, at, encoded)
        self.head = Head(n, digest)
        return n, at, seq, encoded, digest


def append(writer: Writer, rows: list[tuple[int, int, int, bytes, str]]) -> None:
    """Write rows inside the decision's transaction."""
    writer.insert("journal", _COLUMNS, rows)


class Entry(msgspec.Struct, frozen=True):
    """One row as people and programs read it."""

    n: int
    at: str
    body: bytes
    hash: str

    def decoded(self) -> dict[str, Any]:
        """The body as a document. Raises FileError where somebody wrote over it."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise FileError(f"row {self.n} is damaged; see `responder audit verify`") from None

    def line(self) -> bytes:
        """One line of an export: {"n", "at", "body", "hash"}."""
        return b'{"n":%d,"at":"%b","body":%b,"hash":"%b"}' % (
            self.n,
            self.at.encode(),
            self.body,
            self.hash.encode(),
        )


def entries(connection: sqlite3.Connection, since: int = 0, upto: int = 1 << 62) -> Iterator[Entry]:
    """Rows with `since` <= n <= `upto`, in order."""
    query = "SELECT n, at, body, hash FROM journal WHERE n >= ? AND n <= ? ORDER BY n"
    for n, at, body, digest in connection.execute(query, (since, upto)):
        # A body that somebody wrote over by hand may have become text.
        raw = body if isinstance(body, bytes) else str(body).encode()
        yield Entry(n, format_time(at), raw, digest)


def naming(
    connection: sqlite3.Connection, name: str, *, since: Nanoseconds, until: Nanoseconds, limit: int
) -> list[Entry]:
    """The first rows from `since` to `until` (0: to the end) in which `name` is a value, in order."""
    first, after = _first_at(connection, since), newest(connection).n + 1
    if until:
        after = _first_at(connection, until + 1)
    query = (
        "SELECT n, at, body, hash FROM journal WHERE n >= ? AND n < ? AND instr(body, ?) ORDER BY n LIMIT ?"
    )
    found = connection.execute(query, (first, after, canonical(name), limit))
    return [Entry(n, format_time(at), body, digest) for n, at, body, digest in found]


def _first_at(connection: sqlite3.Connection, at: Nanoseconds) -> int:
    """The first row that is not before `at`, by halving: times never go back from row to row."""
    low, high = checkpoint(connection).n + 1, newest(connection).n + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute("SELECT at FROM journal WHERE n = ?", (middle,)).fetchone()
        low, high = (middle + 1, high) if found is not None and found[0] < at else (low, middle)
    return low


def checkpoint(connection: sqlite3.Connection) -> Head:
    """Where the kept part of the journal begins: the last row that was pruned."""
    row = connection.execute("SELECT n, hash FROM checkpoints ORDER BY n DESC LIMIT 1").fetchone()
    return Head(*row) if row else Head()


def newest(connection: sqlite3.Connection) -> Head:
    """The newest row, or where a wholly pruned journal ended."""
    row = connection.execute("SELECT n, hash FROM journal ORDER BY n DESC LIMIT 1").fetchone()
    return Head(*row) if row else checkpoint(connection)


class Verified(msgspec.Struct, frozen=True):
    """What `verify` found: the head, and the first thing that is wrong (empty: nothing)."""

    head: Head
    rows: int
    broken: str = ""


def verify(start: Head, rows: Iterable[Entry], anchor: Head | None = None) -> Verified:
    """Walk the chain; names the first broken row, a missing n, or a head older than the anchor."""
    if anchor is not None and anchor.n == start.n and anchor != start:
        return Verified(start, 0, f"row {start.n} differs from the anchor: history was rewritten")
    prev, count, anchored = start, 0, anchor is None or anchor.n <= start.n
    for row in rows:
        if row.n != prev.n + 1:
            return Verified(prev, count, f"row {prev.n + 1} is missing: after {prev.n} comes {row.n}")
        text = b'["%b",%d,"%b",%b]' % (prev.hash.encode(), row.n, row.at.encode(), row.body)
        if hashlib.sha256(text).hexdigest() != row.hash:
            return Verified(prev, count, f"row {row.n} is broken: its hash does not follow from its content")
        prev, count = Head(row.n, row.hash), count + 1
        if anchor is not None and anchor.n == row.n:
            if anchor.hash != row.hash:
                return Verified(prev, count, f"row {row.n} differs from the anchor: history was rewritten")
            anchored = True
    if not anchored and anchor is not None:
        return Verified(prev, count, f"the head is row {prev.n}, older than the anchor's row {anchor.n}")
    return Verified(prev, count)


def read_export(lines: Iterable[bytes]) -> Iterator[Entry]:
    """Entries of an exported file. Raises FileError with the line that is not one."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            raw = msgspec.json.decode(line, type=_Exported)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FileError(f"line {number}: not a journal entry: {error}") from None
        yield Entry(raw.n, raw.at, canonical(msgspec.json.decode(raw.body)), raw.hash)


class _Exported(msgspec.Struct):
    n: int
    at: str
    body: msgspec.Raw
    hash: str


# -- the anchor beside the database -----------------------------------------------------------


class HeadFile:
    """`<db>.head`: the newest row, rewritten after each commit.

    A database whose journal is older than it was restored from a backup, or cut. Written without
    an fsync: after a power failure it may be older than the database, which is harmless.
    """

    def __init__(self, database: Path) -> None:
        """Name the file; `read` and `write` touch it."""
        self.path = Path(f"{database}.head")
        self._fd = -1

    def read(self) -> Head | None:
        """The anchor, or None where there is none yet or it cannot be read as one."""
        try:
            return parse_anchor(self.path.read_text())
        except (OSError, ValueError):
            return None

    def write(self, head: Head) -> None:
        """Rewrite it in place: one write of less than a disk block."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        text = f"{head}\n".encode()
        os.pwrite(self._fd, text.ljust(96), 0)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
