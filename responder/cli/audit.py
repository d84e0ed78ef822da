"""`responder audit`: what was decided and why, whether the record is whole, and a copy of it.

Called by the CLI's table. It reads the journal from the storage, a service or an exported file;
it never writes to any of them.
"""

import sqlite3
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol, TypeVar

import click
import msgspec

from responder.cli.client import (
    DEFAULT_CONFIG,
    Client,
    config_option,
    output_option,
    place_to_look,
    print_json,
    printable,
    seconds,
    storage_of,
    stored,
    url_options,
)
from responder.cli.journaltext import KINDS, Names, describe
from responder.errors import FileError, UsageError
from responder.store import journal
from responder.store.journal import Entry, Head, HeadFile

T = TypeVar("T")

_MANY: Final = 50_000
"""Rows from which on a person at a terminal wants to see that something happens."""

_BEFORE: Final = 5_000
"""Rows before the wanted ones that are looked through for the names of their alerts."""

_PAGE: Final = 10_000


@click.group(
    "audit",
    help="The journal: what was decided and why, hash-chained. "
    f"Where neither --config nor --url is given, the storage of {DEFAULT_CONFIG} is read.",
)
def audit() -> None:
    """What the sub-commands share: nothing."""


# -- list ---------------------------------------------------------------------------------------


@audit.command(
    "list",
    help="Print decisions, oldest first: the newest --limit of them, or with --since the first ones from "
    "row N on. --alert and --kind narrow it; given several times, any of them will do.",
)
@click.option("--since", type=click.IntRange(min=1), metavar="N", help="From row N on.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, metavar="N", help="At most N rows."
)
@click.option(
    "--alert", "alerts", multiple=True, metavar="NAME", help="Only what concerns alerts of this name."
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only decisions on this kind of input, or with this kind of event, such as owed, closed, "
    "alerts_muted or tick (a timer).",
)
@config_option
@url_options
@output_option
def list_(
    since: int | None,
    limit: int,
    alerts: tuple[str, ...],
    kinds: tuple[str, ...],
    config: Path | None,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Print rows of the journal, of the storage or of a service."""
    unknown = sorted(set(kinds) - KINDS)
    if unknown:
        raise UsageError(f"--kind {unknown[0]!r} is none of: {', '.join(sorted(KINDS))}")
    wanted = _Wanted(since, limit, frozenset(alerts), frozenset(kinds))
    with _opened(place_to_look(config, url, token, otherwise=DEFAULT_CONFIG)) as source:
        found = _select(source, wanted)
    if output == "json":
        print_json([msgspec.json.decode(entry.line()) for entry in found.entries])
        return
    for entry, body in zip(found.entries, found.bodies, strict=True):
        head, *lines = describe(body, found.names)
        click.echo(f"{entry.n:>6}  {seconds(entry.at)}  {printable(head)}")
        for line in lines:
            click.echo(f"{'':8}{printable(line)}")
    if not found.entries:
        click.echo("no row matches" if found.looked else "nothing was decided yet")
    elif found.more:
        click.echo(f"there are more: --since {found.entries[-1].n + 1}", err=True)


@dataclass(frozen=True, slots=True)
class _Wanted:
    since: int | None
    limit: int
    alerts: frozenset[str]
    kinds: frozenset[str]


@dataclass(slots=True)
class _Found:
    """What was selected; `looked`: there are rows at all, `more`: and others after these."""

    entries: "deque[Entry]"
    bodies: "deque[dict[str, Any]]"
    names: Names
    looked: bool = False
    more: bool = False


class _Source(Protocol):
    """A journal that can be read."""

    def head(self) -> int:
        """The number of the newest row; 0: there is none."""
        ...

    def rows(self, first: int, last: int) -> Iterator[Entry]:
        """Rows with first <= n <= last, in order."""
        ...


def _select(source: _Source, wanted: _Wanted) -> _Found:
    """The wanted rows; those before them are read too, for the names of alerts stand in few rows."""
    most = wanted.limit if wanted.since is None else None
    found = _Found(deque(maxlen=most), deque(maxlen=most), Names())
    head = source.head()
    start = wanted.since or (1 if wanted.alerts or wanted.kinds else max(head - wanted.limit + 1, 1))
    first = 1 if wanted.alerts else max(start - _BEFORE, 1)
    for entry in _watched(source.rows(first, head), head - first + 1, "reading"):
        body: dict[str, Any] = msgspec.json.decode(entry.body)
        found.names.learn(body)
        if entry.n < start:
            continue
        found.looked = True
        if not _matches(body, wanted, found.names):
            continue
        if wanted.since is not None and len(found.entries) == wanted.limit:
            found.more = True
            break
        found.entries.append(entry)
        found.bodies.append(body)
    return found


def _matches(body: dict[str, Any], wanted: _Wanted, names: Names) -> bool:
    if wanted.kinds and not wanted.kinds & {
        body.get("kind", "tick"),
        *(event["type"] for event in body["events"]),
    }:
        return False
    return not wanted.alerts or bool(wanted.alerts & names.concerned(body))


@contextmanager
def _opened(place: Client | Path) -> Iterator[_Source]:
    if isinstance(place, Client):
        yield _FromService(place)
        return
    with stored(storage_of(place)) as connection:
        yield _FromStorage(connection)


class _FromStorage:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def head(self) -> int:
        return _head(self._connection).n

    def rows(self, first: int, last: int) -> Iterator[Entry]:
        return journal.entries(self._connection, first, last)


def _head(connection: sqlite3.Connection) -> Head:
    newest = connection.execute("SELECT n, hash FROM journal ORDER BY n DESC LIMIT 1").fetchone()
    return Head(*newest) if newest else journal.checkpoint(connection)


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


# -- verify -------------------------------------------------------------------------------------


@audit.command(
    "verify",
    help="Walk the chain of hashes, of the storage or of an exported FILE (- is standard input), and print "
    "the newest row as HASH@N. The chain alone proves order and integrity against anyone who cannot rewrite "
    "all of it: keep that HASH@N somewhere else, and give it as --anchor the next time. "
    "Exit status: 0 whole, 1 broken (the first broken or missing row is named), 2 unreadable.",
)
@click.argument("file", required=False, type=click.File("rb"))
@click.option("--anchor", metavar="HASH@N", help="A newest row that an earlier verify or export printed.")
@config_option
@output_option
@click.pass_context
def verify(
    context: click.Context,
    file: BinaryIO | None,
    anchor: str | None,
    config: Path | None,
    output: Literal["text", "json"],
) -> None:
    """Verify the storage's journal or a file."""
    if file is not None and config is not None:
        raise UsageError("give a FILE or --config, not both")
    try:
        given = journal.parse_anchor(anchor) if anchor is not None else None
    except ValueError as error:
        raise UsageError(f"--anchor: {error}") from None
    checked = _verify_storage(config or DEFAULT_CONFIG, given) if file is None else _verify_file(file, given)
    if output == "json":
        print_json(checked.document())
    else:
        checked.print()
    context.exit(1 if checked.broken else 0)


# -- export -------------------------------------------------------------------------------------

_PRUNED: Final = b"null"
"""The body of the first line where rows were pruned: only their last one's number and hash are left."""


@audit.command(
    "export",
    help='Write the journal as JSON lines {"n", "at", "body", "hash"}, as `responder audit verify FILE` '
    "takes it. Where old rows were pruned, the first line holds the last of them with a null body. "
    "The newest row is printed as HASH@N on standard error: keep it as an anchor.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Instead of standard output.",
)
@config_option
def export(out: Path | None, config: Path | None) -> None:
    """Copy the journal."""
    with stored(storage_of(config or DEFAULT_CONFIG)) as connection:
        start, head = journal.checkpoint(connection), _head(connection)
        kept = journal.entries(connection)
        rows = chain([Entry(start.n, "", _PRUNED, start.hash)] if start.n else [], kept)
        lines = (entry.line() + b"\n" for entry in _watched(rows, head.n - start.n, "exporting"))
        if out is None:
            stream = click.get_binary_stream("stdout")
            stream.writelines(lines)
            stream.flush()
        else:
            _write(out, lines)
    click.echo(
        f"{head.n - start.n} rows, the newest: {head}" if head.n else "nothing was decided yet", err=True
    )


def _write(out: Path, lines: Iterable[bytes]) -> None:
    """All of it or nothing: a file under its own name is whole."""
    partial = out.with_name(f"{out.name}.partial")
    try:
        with partial.open("wb") as stream:
            stream.writelines(lines)
        partial.replace(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def _watched(rows: Iterable[T], total: int, what: str) -> Iterator[T]:
    """`rows`, with a progress bar where that takes a while and somebody is watching."""
    if total < _MANY or not sys.stderr.isatty():
        yield from rows
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(rows, what, total, console=Console(stderr=True), transient=True)
