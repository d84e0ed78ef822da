"""The journal as commands read it: from the storage, or page by page from a service.

`cli.audit` and `cli.journalcheck` read through it. It decodes nothing but the rows' frame.
"""

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

from responder.cli.client import Client, storage_of, stored
from responder.store import journal
from responder.store.journal import Entry

T = TypeVar("T")

PRUNED: Final = b"null"
"""The body of an export's first line where rows were pruned: number and hash of the last are left."""

_MANY: Final = 50_000
"""Rows from which on a person at a terminal wants to see that something happens."""

_PAGE: Final = 10_000


class Source(Protocol):
    """A journal that can be read."""

    def head(self) -> int:
        """The number of the newest row; 0: there is none."""
        ...

    def rows(self, first: int, last: int) -> Iterator[Entry]:
        """Rows with first <= n <= last, in order."""
        ...


@contextmanager
def opened(place: Client | Path) -> Iterator[Source]:
    """The journal of a service, or of the storage that a configuration names."""
    if isinstance(place, Client):
        yield _FromService(place)
        return
    with stored(storage_of(place)) as connection:
        yield _FromStorage(connection)


class _FromStorage:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def head(self) -> int:
        return journal.newest(self._connection).n

    def rows(self, first: int, last: int) -> Iterator[Entry]:
        return journal.entries(self._connection, first, last)


class _FromService:
    def __init__(self, client: Client) -> None:
        self._client = client

    def head(self) -> int:
        newest = self._page([("limit", "1")])
        return newest[-1].n if newest else 0

    def rows(self, first: int, last: int) -> Iterator[Entry]:
        for start in range(first, last + 1, _PAGE):
            size = min(_PAGE, last - start + 1)
            yield from self._page([("since", str(start)), ("limit", str(size))])

    def _page(self, query: list[tuple[str, str]]) -> list[Entry]:
        rows = self._client.get("/api/v1/audit", query)
        return [Entry(row["n"], row["at"], journal.canonical(row["body"]), row["hash"]) for row in rows]


def watched(rows: Iterable[T], total: int, what: str) -> Iterator[T]:
    """`rows`, with a progress bar where that takes a while and somebody is watching."""
    if total < _MANY or not sys.stderr.isatty():
        yield from rows
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(rows, what, total, console=Console(stderr=True), transient=True)
