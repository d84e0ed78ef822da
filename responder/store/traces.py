"""Where in a trace things belong that are not over yet, so that a trace goes on after a crash.

`store.inputs` keeps the contexts of inputs, `engine` the rest, each in the transaction of what it is about.
Nothing is written and nothing read row by row while tracing is off; nothing is decided by what is here.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from responder.core.tracecontext import TraceContext, Traced
from responder.store.database import Writer

About: TypeAlias = Literal["input", "told", "row", "run"]
"""What an entry is about: an input (its seq), an alert that is to be told in a group (the group and the
alert), a ledger row, a run."""

_COLUMNS: Final = ("about", "id", "part", "body")
_INPUT: Final = msgspec.json.Decoder(tuple[Traced, ...])
_CONTEXTS: Final = msgspec.json.Decoder(tuple[TraceContext, ...])


class Key(NamedTuple):
    """One entry."""

    about: About
    id: int
    part: int = 0


class RowTrace(msgspec.Struct, frozen=True, array_like=True):
    """Of a ledger row: the span that it was opened in; of its group the traced alerts, and their requests."""

    context: TraceContext
    group: int
    alerts: tuple[int, ...]
    causes: tuple[TraceContext, ...]


_ROW: Final = msgspec.json.Decoder(RowTrace)

Body: TypeAlias = tuple[Traced, ...] | tuple[TraceContext, ...] | RowTrace


class Traces(NamedTuple):
    """All that is kept, but for inputs, which are read with the log."""

    told: dict[tuple[int, int], tuple[TraceContext, ...]]
    rows: dict[int, RowTrace]
    runs: dict[int, TraceContext]


def write(writer: Writer, changes: Mapping[Key, Body | None]) -> None:
    """Put or, where there is None, remove. May be called again after a failure."""
    put = [(*key, msgspec.json.encode(body)) for key, body in changes.items() if body is not None]
    writer.upsert("traces", _COLUMNS[:3], _COLUMNS, put)
    for key, body in changes.items():
        if body is None:
            writer.execute("DELETE FROM traces WHERE about = ? AND id = ? AND part = ?", key)


def add_inputs(writer: Writer, traces: Iterable[tuple[int, tuple[Traced, ...]]]) -> None:
    """Keep the contexts of inputs, by seq, with the inputs themselves."""
    writer.insert("traces", _COLUMNS, [("input", seq, 0, msgspec.json.encode(body)) for seq, body in traces])


def forget_all(writer: Writer) -> None:
    """Tracing is off: what an earlier process left is of no use."""
    writer.execute("DELETE FROM traces")


def of_inputs(connection: sqlite3.Connection, after: int) -> dict[int, tuple[Traced, ...]]:
    """The contexts of inputs with a seq above `after`."""
    query = "SELECT id, body FROM traces WHERE about = 'input' AND id > ?"
    return {seq: _INPUT.decode(body) for seq, body in connection.execute(query, (after,))}


def read(connection: sqlite3.Connection) -> Traces:
    """Everything else."""
    found = Traces({}, {}, {})
    query = "SELECT about, id, part, body FROM traces WHERE about <> 'input'"
    for about, one, part, body in connection.execute(query):
        if about == "told":
            found.told[one, part] = _CONTEXTS.decode(body)
        elif about == "row":
            found.rows[one] = _ROW.decode(body)
        else:
            found.runs[one] = _CONTEXTS.decode(body)[0]
    return found
