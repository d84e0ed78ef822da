"""Is the journal whole? What `responder audit verify` finds in a storage or in an exported file.

`cli.audit` prints it. Beside the chain it looks at the anchor that the service keeps next to its
database; it repairs nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from responder.cli.client import stored
from responder.cli.journalsource import PRUNED, watched
from responder.errors import FileError
from responder.store import journal
from responder.store.journal import Entry, Head, HeadFile


@dataclass(frozen=True, slots=True)
class Checked:
    """How it went: `rows` were checked after `start`, up to `head`; `broken` says what is wrong."""

    start: Head
    head: Head
    rows: int
    broken: str
    note: str = ""

    def document(self) -> dict[str, object]:
        """It as JSON."""
        return {
            "ok": not self.broken,
            "rows": self.rows,
            "first": self.start.n + 1 if self.rows else 0,
            "head": str(self.head),
            "broken": self.broken,
            "note": self.note,
        }

    def lines(self) -> list[str]:
        """The same for people."""
        if self.broken:
            lines = [f"broken: {self.broken}", f"whole up to {self.head}"]
        elif self.rows:
            lines = [f"whole: rows {self.start.n + 1} to {self.head.n}", str(self.head)]
        else:
            lines = ["whole: there is no row yet" if not self.head.n else "whole: every row was pruned"]
        return [*lines, self.note] if self.note else lines


def verify_storage(database: Path, anchor: Head | None) -> Checked:
    """Verify a database's journal. Raises FileError if it cannot be read."""
    # Read before the rows: a service that runs goes on writing.
    beside = HeadFile(database).read()
    with stored(database) as connection:
        start, last = journal.checkpoint(connection), journal.newest(connection)
        rows = watched(journal.entries(connection), last.n - start.n, "verifying")
        checked = _check(start, rows, anchor)
    if checked.broken or beside is None or beside.n <= checked.head.n:
        return checked
    older = f"the head is row {checked.head.n}, older than row {beside.n} in {database}.head"
    return Checked(start, checked.head, checked.rows, f"{older}: a backup was restored, or rows were cut off")


def verify_file(file: BinaryIO, anchor: Head | None) -> Checked:
    """Verify an export. Raises FileError if it is none."""
    rows = journal.read_export(file)
    first = next(rows, None)
    if first is None:
        raise FileError(f"{file.name}: no journal entry in it")
    if first.body == PRUNED:
        start = Head(first.n, first.hash)
    elif anchor is not None and anchor.n == first.n - 1:
        start, rows = anchor, chain([first], rows)
    else:
        start, rows = Head(), chain([first], rows)
    return _check(start, rows, anchor)


def _check(start: Head, rows: Iterable[Entry], anchor: Head | None) -> Checked:
    if anchor is not None and anchor.n == start.n and anchor != start:
        wrong = f"row {start.n}, the last before the first that is kept, differs from the anchor"
        return Checked(start, start, 0, f"{wrong}: history was rewritten")
    seen = _Seen(rows)
    found = journal.verify(start, seen, anchor)
    note = ""
    if anchor is not None and anchor.n < start.n:
        note = f"the anchor's row {anchor.n} is no longer kept: rows up to {start.n} were pruned"
    return Checked(start, found.head, found.rows, found.broken or seen.damage, note)


class _Seen:
    """Passes entries on; a line that is not one ends them, and is remembered as damage."""

    def __init__(self, rows: Iterable[Entry]) -> None:
        self._rows = rows
        self.damage = ""

    def __iter__(self) -> Iterator[Entry]:
        try:
            yield from self._rows
        except FileError as error:
            self.damage = str(error)
