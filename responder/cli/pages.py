"""`responder runbook list | lint | show`: the pages of a rules directory, without a running service.

Called by the group in `cli.runbook`. It reads files and shows them; nothing is run, and what a page
says never steers the terminal.
"""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click
from msgspec.structs import asdict

from responder.cli.client import output_option, print_json, printable
from responder.cli.table import print_table
from responder.core.guardrules import GuardRules
from responder.core.model import format_duration
from responder.core.runbook import ActionStep, NotifyStep, Query, Runbook, Step, Verify, WaitStep
from responder.document.tree import Problems
from responder.errors import FileError, NotFound, ProblemsError, UsageError
from responder.ruleset import load_ruleset
from responder.ruleset.runbooks import Known, Pages, compile_pages, read_texts, risk_of
from responder.ruleset.sources import RUNBOOKS
from responder.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

_WIDE: Final = 120
"""Columns of what is no terminal."""

_rules = click.option(
    "--rules",
    type=click.Path(path_type=Path),
    default=Path("rules"),
    show_default=True,
    metavar="DIR",
    help="A rules directory; the pages are those in runbooks/ below it.",
)


@click.command("list", help="The runbooks that are right, by name. Broken ones are named by `lint`.")
@_rules
@output_option
def list_(rules: Path, output: Literal["text", "json"]) -> None:
    """Print one line, or one entry of an array, for each."""
    pages, _ = _read(rules)
    found = list(pages.runbooks.values())
    if output == "json":
        print_json([_summary(runbook) for runbook in found])
    else:
        if found:
            rows = [(one.name, one.mode, risk_of(one), one.title) for one in found]
            print_table(("NAME", "MODE", "RISK", "TITLE"), rows)
        else:
            click.echo("no runbooks", err=True)
    if broken := {problem.file for problem in pages.broken}:
        click.echo(f"left out: {', '.join(sorted(broken))} (responder runbook lint says why)", err=True)


@click.command(
    "lint",
    help="Every problem of the pages, as file:line:column: error|warning: message; exits 1 if any is an "
    "error. `responder check` says the same, of the routing and the settings too.",
)
@_rules
@output_option
def lint(rules: Path, output: Literal["text", "json"]) -> None:
    """Say what is wrong."""
    pages, routing = _read(rules)
    problems = sorted([*pages.warnings, *pages.broken])
    if output == "json":
        print_json({"ok": routing and not pages.broken, "problems": [asdict(one) for one in problems]})
    else:
        for problem in problems:
            click.echo(printable(str(problem)))
        click.echo(f"{len(pages.runbooks)} right, {len({one.file for one in pages.broken})} broken", err=True)
    if pages.broken or not routing:
        raise click.exceptions.Exit(1)


@click.command("show", help="One page, as people read it, with what it would do and under which limits.")
@click.argument("name")
@_rules
@output_option
def show(name: str, rules: Path, output: Literal["text", "json"]) -> None:
    """Print a page."""
    pages, _ = _read(rules)
    runbook = pages.runbooks.get(name)
    if runbook is None:
        broken = [str(problem) for problem in pages.broken if Path(problem.file).stem == name]
        known = ", ".join(pages.runbooks) or "none"
        raise NotFound("\n".join(broken) or f"there is no runbook {printable(name[:64])}; there are: {known}")
    if output == "json":
        print_json(_everything(runbook))
    else:
        _print(runbook)


def _read(rules: Path) -> tuple[Pages, bool]:
    """The pages, and whether the routing could be read, whose receivers they name."""
    if rules.is_file():
        raise UsageError(f"{rules} is a file: runbooks are in a rules directory, as runbooks/NAME.md")
    if not rules.is_dir():
        raise FileError(f"{rules} cannot be read: no such directory")
    receivers = None
    try:
        receivers = load_ruleset(rules, Settings(), read_files=False).ruleset.receivers
    except (ProblemsError, FileError):
        click.echo("receivers are not checked: the routing is wrong (responder check says why)", err=True)
    unread = Problems()
    texts = read_texts(rules / RUNBOOKS, unread)
    pages = compile_pages(texts, Known(receivers, GuardRules()), unread)
    return pages, receivers is not None


# -- as programs read it ------------------------------------------------------------------------


def _summary(runbook: Runbook) -> dict[str, Any]:
    """What a list says of each. `risk` is the one that counts; `match` as in the page."""
    match = [[str(matcher) for matcher in matchers] for matchers in runbook.matchers]
    return {
        "name": runbook.name,
        "title": runbook.title,
        "mode": runbook.mode,
        "risk": risk_of(runbook),
        "match": match[0] if len(match) == 1 else match,
        "target": asdict(runbook.target) if runbook.target else None,
        "parameters": {
            one.name: {
                "type": str(one.type),
                **({"from": f"labels.{one.label}"} if one.label else {}),
                **({"default": one.default} if one.default is not None else {}),
            }
            for one in runbook.parameters
        },
        "hash": runbook.hash,
    }


def _everything(runbook: Runbook) -> dict[str, Any]:
    return {
        **_summary(runbook),
        "guards": dict(_guards(runbook)),
        "hold": (
            {"receivers": list(runbook.hold.receivers), "for": format_duration(runbook.hold.duration)}
            if runbook.hold
            else None
        ),
        "steps": [text for text, _ in _steps(runbook)],
        "prose": runbook.prose,
    }


def _guards(runbook: Runbook) -> Iterator[tuple[str, str]]:
    """What the page asks for beyond the floors, as it is written."""
    for key, value in asdict(runbook.guards).items():
        if value is None:
            continue
        if key in _DURATIONS:
            yield key, format_duration(value)
        else:
            yield key, f"{value:.0%}" if key == "min_healthy" else str(value)


_DURATIONS: Final = frozenset({"min_age", "cooldown", "expires"})


def _steps(runbook: Runbook) -> Iterator[tuple[str, str]]:
    """What it would do, in order: a line, and where it stands."""
    yield from ((f"only if {_words(query)}", query.place) for query in runbook.preconditions)
    yield from (_step(step) for step in runbook.steps)
    yield from ((_probes(verify), verify.query.place) for verify in runbook.verify)
    yield from ((f"if not: {text}", place) for text, place in map(_step, runbook.on_failure))


def _step(step: Step) -> tuple[str, str]:
    match step:
        case ActionStep():
            said = "".join(f" {name}={value}" for name, value in step.arguments.items())
            return f"{step.action}{said} (at most {format_duration(step.timeout)})", step.place
        case WaitStep():
            return f"wait for {format_duration(step.duration)}", step.place
        case NotifyStep():
            return f"tell {step.receiver}", step.place


def _probes(verify: Verify) -> str:
    parts = [f"verify {_words(verify.query)}"]
    parts += [f"{verify.good} good ones in a row"] if verify.good else []
    for word, length in (("every", verify.every), ("within", verify.within), ("after", verify.settle)):
        parts += [f"{word} {format_duration(length)}"] if length else []
    return ", ".join(parts)


def _words(query: Query) -> str:
    return " ".join(query.text.split())


# -- as people read it --------------------------------------------------------------------------


def _print(runbook: Runbook) -> None:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _WIDE, highlight=False, markup=False, emoji=False)
    with contextlib.nullcontext() if terminal else console.capture() as captured:
        _print_on(console, runbook)
    for line in captured.get().splitlines() if captured else ():
        click.echo(line.rstrip())


def _print_on(console: "Console", runbook: Runbook) -> None:
    from markdown_it import MarkdownIt
    from rich.markdown import Markdown
    from rich.text import Text

    for name, value in _facts(runbook):
        console.print(Text.assemble((f"{name:<11}", "dim"), printable(value)), soft_wrap=True)
    console.print()
    # Links are shown, not hidden behind their text; HTML is text like any other.
    page = Markdown("", hyperlinks=False)
    page.parsed = MarkdownIt("commonmark", {"html": False}).enable("table").parse(_visible(runbook.prose))
    console.print(page)


def _facts(runbook: Runbook) -> Iterable[tuple[str, str]]:
    yield "runbook", f"{runbook.name} ({runbook.hash[:12]})"
    yield "title", runbook.title
    yield "mode", f"{runbook.mode}, risk {risk_of(runbook)}"
    for matchers in runbook.matchers:
        yield "match", ", ".join(map(str, matchers))
    if not runbook.matchers:
        yield "match", "nothing: only people start it"
    for name, said in _summary(runbook)["parameters"].items():
        yield "parameter", ", ".join([f"{name}: {said.pop('type')}", *(f"{k} {v}" for k, v in said.items())])
    if target := runbook.target:
        yield "target", f"{target.kind} {target.namespace}/{target.name}"
    if guards := ", ".join(f"{name} {value}" for name, value in _guards(runbook)):
        yield "guards", guards
    if hold := runbook.hold:
        yield "hold", f"{', '.join(hold.receivers)} for {format_duration(hold.duration)}"
    for text, place in _steps(runbook):
        yield "step", f"{text}   [{place}]"


def _visible(text: str) -> str:
    """Several lines, without what could steer a terminal."""
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.split("\n"))
