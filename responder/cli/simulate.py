"""`responder simulate`: whom rules would tell of what and when, on a virtual clock.

Called by the CLI's table. The same core decides as in the service, with every delivery successful
and instant; nothing is sent and nothing is kept.
"""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

import click

from responder.cli.client import printable
from responder.cli.values import DURATION, TIME, called
from responder.clock import SystemClock
from responder.core.draft import Decision
from responder.core.messages import Declined
from responder.core.model import (
    SECOND,
    Nanoseconds,
    format_duration,
    format_labels,
)
from responder.core.rules import Compatibility
from responder.errors import ProblemsError, UsageError
from responder.replay import ENDLESS, Course, Entry, Line, Lines, reachable, read_script
from responder.replay.runlines import RunLine, RunLines, unseen, with_clusters
from responder.ruleset import load_ruleset
from responder.settings import Settings

_EVERY: Final = 256
"""Decisions between two looks of the progress bar."""


@click.command("simulate")
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    default=Path("rules"),
    show_default=True,
    metavar="DIR_OR_FILE",
    help="A rules directory, or one file; an alertmanager.yml will do.",
)
@click.option(
    "--input",
    "script",
    type=click.File("r", encoding="utf-8"),
    required=True,
    metavar="FILE",
    help='JSON lines such as {"at": "90s", "alerts": [{"labels": {...}}]}; - for standard input.',
)
@click.option(
    "--until", type=DURATION, required=True, metavar="DURATION", help="How long to go on, such as 4h."
)
@click.option(
    "--start",
    type=TIME,
    default="2026-01-05T00:00:00Z",
    show_default=True,
    metavar="TIME",
    help="When it begins: what time intervals see.",
)
@click.option(
    "--resolve-timeout",
    type=DURATION,
    metavar="DURATION",
    help="How long an alert without endsAt lives. Default: until an entry gives it an end.",
)
@click.option(
    "--compatibility",
    type=click.Choice(["responder", "alertmanager"]),
    default="responder",
    show_default=True,
    help="alertmanager: its known faults too.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--stats", is_flag=True, help="Say at the end how much was decided, and how fast.")
def simulate(
    rules: Path,
    script: IO[str],
    until: Nanoseconds,
    start: Nanoseconds,
    resolve_timeout: Nanoseconds | None,
    compatibility: Compatibility,
    output: str,
    stats: bool,
) -> None:
    """Say whom rules would tell of what and when, without a service.

    Alerts arrive as the input says, in entries with a time that counts from the start: `at`,
    and in each alert labels, and if they are to be given annotations, startsAt and endsAt.
    An entry may have a silence instead, as Alertmanager's API has it, with an id if another
    is to change it. Every notification is delivered, at once. A runbook that an alert has is judged;
    nothing is looked at and nothing done, so guards that need facts cannot tell. With --output json
    one JSON object a line: a notification, a suppressed one with its reason, or a run with its verdicts.
    """
    try:
        entries = read_script(script.name, script, start)
    except UnicodeDecodeError as error:
        raise UsageError(f"{script.name}: not UTF-8: {error.reason}") from None
    settings = dataclasses.replace(Settings(), compatibility=compatibility)
    try:
        ruleset = load_ruleset(rules, settings, read_files=False).ruleset
    except ProblemsError as error:
        raise UsageError(str(error)) from None
    timeout = ENDLESS if resolve_timeout is None else resolve_timeout
    ruleset = with_clusters(reachable(ruleset, timeout), (entry.body for entry in entries))
    lines, runs = Lines(ruleset, start), RunLines(start)
    show = _show_json if output == "json" else _show_text
    with _progress(start, until) as passed:

        def taken(decision: Decision, at: Nanoseconds) -> None:
            for line in lines.of(decision, at):
                show(line)
            for run in runs.of(decision, at):
                show(run)
            passed(at)

        clock = SystemClock()
        began = clock.monotonic()
        course = Course(ruleset, start, taken, unseen)
        _run(course, entries, start + until)
        used = clock.monotonic() - began
    late = sum(entry.at > start + until for entry in entries)
    if late:
        click.echo(f"{late} of {len(entries)} entries come after --until and were left out", err=True)
    if stats:
        click.echo(
            f"{format_duration(until)} in {used / SECOND:.2f} s, {until / max(used, 1):,.0f} times faster "
            f"than real time; {course.decisions:,} decisions",
            err=True,
        )


def _run(course: Course, entries: list[Entry], end: Nanoseconds) -> None:
    for entry in entries:
        if entry.at > end:
            break
        course.advance(entry.at)
        reply = course.give(entry.body, "simulation")
        if isinstance(reply, Declined):
            raise UsageError(f"{entry.place}: {reply.reason}")
    course.advance(end)


# -- printing -----------------------------------------------------------------------------------


def _show_json(line: Line | RunLine) -> None:
    click.echo(json.dumps(line.document(), ensure_ascii=False))


def _show_text(line: Line | RunLine) -> None:
    if isinstance(line, RunLine):
        where = f" on {line.target}" if line.target else ""
        click.echo(f"{format_duration(line.at):>9}  run of {line.runbook}{printable(where)}: {line.state}")
        for one in line.verdicts:
            if one.verdict != "allow":
                click.echo(f"{'':9}  {one.verdict:5} {one.guard}: {printable(one.reason)}")
        return
    kind = line.integration.partition(":")[0]
    verb = "is told" if line.type == "notification" else "is not told"
    why = f"{line.reason} {line.by}".rstrip()
    click.echo(
        f"{format_duration(line.at):>9}  {printable(line.receiver)} ({kind}) {verb}: "
        f"{printable(why)}  {printable(line.group_key)}"
    )
    if line.route_labels:
        click.echo(f"{'':9}  route labels {printable(format_labels(line.route_labels))}")
    for mark, sets in (("+", line.firing), ("-", line.resolved)):
        for labels in sets:
            click.echo(f"{'':9}  {mark} {printable(called(labels))}")


@contextlib.contextmanager
def _progress(start: Nanoseconds, until: Nanoseconds) -> Iterator[Callable[[Nanoseconds], None]]:
    """Shows on a terminal how far the virtual clock is, unless the lines themselves show it."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda at: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("simulating"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=until or 1)
        decided = 0

        def passed(at: Nanoseconds) -> None:
            nonlocal decided
            decided += 1
            if decided % _EVERY == 0:
                bar.update(task, completed=at - start)

        yield passed
