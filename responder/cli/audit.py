"""`responder audit`: what was decided and why, whether the record is whole, and a copy of it.

Called by the CLI's table. It reads the journal from the storage, a service or an exported file;
it never writes to any of them.
"""

import re
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import click
import msgspec

from responder.cli.client import (
    DEFAULT_CONFIG,
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
from responder.cli.journalcheck import verify_file, verify_storage
from responder.cli.journalsource import PRUNED, Source, opened, watched
from responder.cli.journaltext import KINDS, Names, describe
from responder.errors import UsageError
from responder.store import journal
from responder.store.journal import Entry

_INCIDENT: Final = re.compile("([0-9]{1,18})-[0-9a-f]+")

_BEFORE: Final = 5_000
"""Rows before the wanted ones that are looked through for the names of their alerts."""


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
    "row N on. The other options narrow it; of one that is given several times, any will do.",
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
@click.option("--run", "runs", multiple=True, metavar="RUN", help="Only what concerns this run.")
@click.option("--runbook", "runbooks", multiple=True, metavar="NAME", help="Only what concerns this runbook.")
@click.option(
    "--incident", "incidents", multiple=True, metavar="INCIDENT", help="Only what concerns this incident."
)
@config_option
@url_options
@output_option
def list_(
    since: int | None,
    limit: int,
    alerts: tuple[str, ...],
    kinds: tuple[str, ...],
    runs: tuple[str, ...],
    runbooks: tuple[str, ...],
    incidents: tuple[str, ...],
    config: Path | None,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Print rows of the journal, of the storage or of a service."""
    unknown = sorted(set(kinds) - KINDS)
    if unknown:
        raise UsageError(f"--kind {unknown[0]!r} is none of: {', '.join(sorted(KINDS))}")
    wanted = _Wanted(
        since,
        limit,
        alerts=frozenset(alerts),
        kinds=frozenset(kinds),
        runs=frozenset(runs),
        runbooks=frozenset(runbooks),
        groups=frozenset(map(_group, incidents)),
    )
    with opened(place_to_look(config, url, token, otherwise=DEFAULT_CONFIG)) as source:
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
    runs: frozenset[str]
    runbooks: frozenset[str]
    groups: frozenset[int]

    @property
    def by_name(self) -> bool:
        """Whether earlier rows have to be read to know what a row is about."""
        return bool(self.alerts or self.runbooks or self.groups)

    @property
    def narrow(self) -> bool:
        """Whether not every row is wanted."""
        return bool(self.by_name or self.kinds or self.runs)


@dataclass(slots=True)
class _Found:
    """What was selected; `looked`: there are rows at all, `more`: and others after these."""

    entries: "deque[Entry]"
    bodies: "deque[dict[str, Any]]"
    names: Names
    looked: bool = False
    more: bool = False


def _select(source: Source, wanted: _Wanted) -> _Found:
    """The wanted rows; those before them are read too, for the names of alerts stand in few rows."""
    most = wanted.limit if wanted.since is None else None
    head = source.head()
    found = _Found(deque(maxlen=most), deque(maxlen=most), Names(), looked=head > 0)
    start = wanted.since or (1 if wanted.narrow else max(head - wanted.limit + 1, 1))
    first = 1 if wanted.by_name else max(start - _BEFORE, 1)
    for entry in watched(source.rows(first, head), head - first + 1, "reading"):
        body = entry.decoded()
        found.names.learn(body)
        if entry.n < start:
            continue
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
    return (
        (not wanted.alerts or bool(wanted.alerts & names.concerned(body)))
        and (not wanted.runs or bool(wanted.runs & names.runs(body)))
        and (not wanted.runbooks or bool(wanted.runbooks & names.runbooks(body)))
        and (not wanted.groups or bool(wanted.groups & names.groups(body)))
    )


def _group(incident: str) -> int:
    """The group that an incident is a life of."""
    match = _INCIDENT.fullmatch(incident)
    if match is None:
        raise UsageError(f"--incident {incident!r} is no incident's ID, such as 12-695b0a00")
    return int(match[1])


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
    if file is None:
        checked = verify_storage(storage_of(config or DEFAULT_CONFIG), given)
    else:
        checked = verify_file(file, given)
    if output == "json":
        print_json(checked.document())
    else:
        click.echo("\n".join(checked.lines()))
    context.exit(1 if checked.broken else 0)


# -- export -------------------------------------------------------------------------------------


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
        start, head = journal.checkpoint(connection), journal.newest(connection)
        kept = journal.entries(connection)
        pruned = [Entry(start.n, "", PRUNED, start.hash)] if start.n else []
        rows: Iterable[Entry] = chain(pruned, kept)
        lines = (entry.line() + b"\n" for entry in watched(rows, head.n - start.n, "exporting"))
        if out is None:
            stream = sys.stdout.buffer
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
