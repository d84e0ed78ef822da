"""What the rows of many alerts have in common, kept once: label pairs, annotations, generator URLs.

`store.records` writes alerts by it, and reads them back, as `replay.recording` does from snapshots. An
entry is written with the first alert that uses it and never changes or goes: rows name it by its number.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from responder.core.model import Alert, Labels, Source, share
from responder.errors import StorageError

Pair: TypeAlias = tuple[str, str]
Entry: TypeAlias = Pair | str
"""A label's or an annotation's name and value; or a generator URL."""

_VALUES_MOST: Final = 2_048
_MOST: Final = 65_536
_LONGEST: Final = 1_024
"""Entries of one name, entries in all, and characters of a value: what goes beyond is written out in each
row, so that texts which no two alerts share (a pod's name, a measured value) do not fill the table."""


_ANNOTATED_MOST: Final = 4_096
"""Sets of annotations that are remembered while alerts are read."""


class _Row(msgspec.Struct, array_like=True, gc=False):
    """An alert as it is written: as `core.model.Alert`, with numbers in place of entries."""

    id: int
    labels: list[int | Pair]
    annotations: tuple[int | Pair, ...]
    starts_at: int
    ends_at: int
    updated_at: int
    generator_url: int | str
    episode: int
    source: Source
    ends_by_timeout: bool
    stale: bool
    groups: tuple[int, ...]


_decode_rows = msgspec.json.Decoder(list[_Row]).decode
_decode_entry = msgspec.json.Decoder(Entry).decode
_encode = msgspec.json.Encoder().encode


class _Entries(dict[int | Pair | str, Entry]):
    """Entries by their numbers; what is written out in a row stands for itself."""

    def __missing__(self, written: int | Entry) -> Entry:
        if isinstance(written, int):
            raise KeyError(written)
        return written


class Vocabulary:
    """The entries of one database. One commit at a time adds to it; after one that failed it is read anew."""

    __slots__ = ("_annotated", "_by_number", "_counts", "_fresh", "_full", "_numbers")

    def __init__(self) -> None:
        """Empty."""
        self._annotated: dict[tuple[int | Pair, ...], Labels] = {}
        self._by_number = _Entries()
        self._numbers: dict[Entry, int] = {}
        self._counts: dict[str, int] = {}
        self._full: set[str] = set()
        self._fresh: list[tuple[int, bytes]] = []

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> "Vocabulary":
        """As the database has it."""
        known = cls()
        for number, body in connection.execute("SELECT id, body FROM vocabulary"):
            entry = _decode_entry(body)
            if not isinstance(entry, str):
                (entry,) = share((entry,))
            known._note(number, entry)
        return known

    def fresh(self) -> list[tuple[int, bytes]]:
        """Rows of the entries that were added since this was asked last."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def written(self, alert: Alert) -> bytes:
        """An alert's row. Entries that it adds are written in the same transaction: see `fresh`."""
        number, full, url = self._numbers.get, self._full, alert.generator_url
        return _encode(
            (
                alert.id,
                [number(pair) or (pair if pair[0] in full else self._add(pair)) for pair in alert.labels],
                [
                    number(pair) or (pair if pair[0] in full else self._add(pair))
                    for pair in alert.annotations
                ],
                alert.starts_at,
                alert.ends_at,
                alert.updated_at,
                number(url) or self._add(url),
                alert.episode,
                alert.source,
                alert.ends_by_timeout,
                alert.stale,
                alert.groups,
            )
        )

    def alerts(self, bodies: Iterable[bytes]) -> list[Alert]:
        """The alerts of rows. Raises StorageError when one names an entry that is not there."""
        entry, annotated, alerts = self._by_number.__getitem__, self._annotated, list[Alert]()
        for row in _decode_rows(b"[%b]" % b",".join(bodies)):
            try:
                alerts.append(
                    Alert(
                        row.id,
                        tuple(map(entry, row.labels)),  # type: ignore[arg-type]
                        annotated.get(row.annotations) or self._annotations(row.annotations),
                        row.starts_at,
                        row.ends_at,
                        row.updated_at,
                        entry(row.generator_url),  # type: ignore[arg-type]
                        row.episode,
                        row.source,
                        row.ends_by_timeout,
                        row.stale,
                        row.groups,
                    )
                )
            except KeyError as error:
                raise StorageError(
                    f"alert {row.id} names entry {error} of the vocabulary, which is not there"
                ) from None
        return alerts

    def _annotations(self, row: tuple[int | Pair, ...]) -> Labels:
        """Those of many alerts are the same."""
        if len(self._annotated) >= _ANNOTATED_MOST:
            self._annotated.clear()
        annotations = self._annotated[row] = tuple(map(self._by_number.__getitem__, row))  # type: ignore[arg-type]
        return annotations

    def _note(self, number: int, entry: Entry) -> None:
        self._by_number[number] = entry
        self._numbers[entry] = number
        name = "" if isinstance(entry, str) else entry[0]
        self._counts[name] = self._counts.get(name, 0) + 1

    def _add(self, entry: Entry) -> int | Entry:
        """Its number from now on; or itself, where it is not to be kept."""
        name, value = ("", entry) if isinstance(entry, str) else entry
        if self._counts.get(name, 0) >= _VALUES_MOST:
            self._full.add(name)
            return entry
        if len(self._numbers) >= _MOST or not 0 < len(value) <= _LONGEST:
            return entry
        number = len(self._numbers) + 1
        self._note(number, entry)
        self._fresh.append((number, _encode(entry)))
        return number
