"""`responder test`: do the rules do what their tests say?

People and CI call it before rules are put in force. The same core decides as in the service, on a
virtual clock; nothing is sent and nothing is kept.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import click

from responder.cli.client import output_option, print_json, printable
from responder.cli.values import called
from responder.core.messages import AlertsReceived
from responder.core.model import SECOND, Labels, format_duration
from responder.core.rules import Compatibility, Ruleset
from responder.document.tree import Problems
from responder.errors import FileError, ProblemsError, UsageError
from responder.replay import ENDLESS, Line, reachable
from responder.replay.ruletest import Expected, TestFile, check_names, read_tests
from responder.replay.trial import Result, Wanted, run
from responder.ruleset import load_ruleset
from responder.ruleset.load import ROUTING
from responder.settings import Settings

_RULES: Final = Path("rules")
_ENDINGS: Final = frozenset({".yaml", ".yml"})


@click.command("test")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    metavar="DIR_OR_FILE",
    help="The rules to test. Default: what a file of tests says (rules:), else the directory that its "
    "tests/ lies in, else rules",
)
@click.option("--only", default="", metavar="TEXT", help="Only tests whose name contains this.")
@click.option("--timeline", is_flag=True, help="Show all that comes of each test, passed or not.")
@click.option(
    "--compatibility",
    type=click.Choice(["responder", "alertmanager"]),
    default="responder",
    show_default=True,
    help="alertmanager: its known faults too.",
)
@output_option
def test(
    files: tuple[Path, ...],
    rules: Path | None,
    only: str,
    timeline: bool,
    compatibility: Compatibility,
    output: Literal["text", "json"],
) -> None:
    """Hold rules against their tests: who is told what and when, what is hidden and why.

    FILE is a file of tests, a directory with some, or rules with tests/ in them; without it, those in
    tests/ of the rules. Whatever a test does not expect fails it, unless it says `exact: false`. Every
    notification counts as delivered at once. docs/rule-tests.md has the format.

    Exit status: 0 all passed, 1 one failed or a file is wrong, 2 there is nothing to read.
    """
    problems = Problems()
    read = [read_tests(path, problems) for path in _found(files, rules)]
    settings = dataclasses.replace(Settings(), compatibility=compatibility)
    rulesets: dict[Path, Ruleset] = {}
    places = [rules or file.rules or _beside(file.path) for file in read]
    for file, place in zip(read, places, strict=True):
        if place not in rulesets and (ruleset := _load(place, settings, problems)):
            rulesets[place] = ruleset
        if place in rulesets:
            check_names(file, rulesets[place], problems)
    if problems.failed:
        raise ProblemsError([each for each in problems.listed() if each.severity == "error"])
    results = [
        (file, run(each, rulesets[place]))
        for file, place in zip(read, places, strict=True)
        for each in file.tests
        if only in each.name
    ]
    if not results:
        raise UsageError(f"no test has {only!r} in its name")
    failed = sum(not result.passed for _, result in results)
    if output == "json":
        print_json(
            {
                "passed": len(results) - failed,
                "failed": failed,
                "tests": [_document(file, result, timeline=timeline) for file, result in results],
            }
        )
    else:
        for line in _text(results, timeline=timeline):
            click.echo(line)
    if failed:
        raise click.exceptions.Exit(1)


# -- what there is ------------------------------------------------------------------------------


def _found(given: tuple[Path, ...], rules: Path | None) -> list[Path]:
    """The files to read, each once. Raises FileError if there is none."""
    if not given:
        base = rules or _RULES
        given = ((base if base.is_dir() else base.parent) / "tests",)
        if not given[0].is_dir():
            raise FileError(f"{given[0]} is not here: name a file of tests, or a directory with some")
    found: dict[Path, None] = {}
    for path in given:
        if not path.is_dir():
            found[path] = None
            continue
        if path.name != "tests" and (path / ROUTING).is_file():
            path /= "tests"
            if not path.is_dir():
                raise FileError(f"{path} is not here: these rules have no tests beside them")
        inside = sorted(each for each in path.iterdir() if each.suffix in _ENDINGS and each.name[0] != ".")
        if not inside:
            raise FileError(f"{path} has no file of tests (*.yaml)")
        found.update(dict.fromkeys(inside))
    return list(found)


def _beside(path: Path) -> Path:
    """The rules that a file's tests are about, where nobody says so."""
    directory = path.absolute().parent
    if directory.name == "tests" and (directory.parent / ROUTING).is_file():
        return path.parent.parent if path.parent.name == "tests" else directory.parent
    return _RULES


def _load(path: Path, settings: Settings, problems: Problems) -> Ruleset | None:
    try:
        ruleset = load_ruleset(path, settings, read_files=False).ruleset
    except ProblemsError as error:
        problems.found.update(dict.fromkeys(error.problems))
        return None
    return reachable(ruleset, ENDLESS)


# -- for programs -------------------------------------------------------------------------------


def _document(file: TestFile, result: Result, *, timeline: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": result.test.name,
        "file": str(file.path),
        "line": result.test.place.line,
        "passed": result.passed,
        "missing": [_wanted_document(wanted) for wanted in result.missing],
        "unexpected": [line.document() for line in result.unexpected],
        "refused": list(result.refused),
    }
    return found | {"timeline": [line.document() for line in result.lines]} if timeline else found


def _wanted_document(wanted: Wanted) -> dict[str, Any]:
    expected = wanted.expected
    return {
        "earliest": expected.earliest / SECOND,
        "latest": expected.latest / SECOND,
        "type": "notification" if wanted.told else "suppressed",
        "receiver": wanted.receiver,
        "integration": wanted.integration,
        "reason": expected.reason,
        "firing": [dict(labels) for labels in expected.firing],
        "resolved": [dict(labels) for labels in expected.resolved],
        "line": expected.place.line,
    }


# -- for people ---------------------------------------------------------------------------------


def _text(results: Sequence[tuple[TestFile, Result]], *, timeline: bool) -> Iterator[str]:
    shown: Path | None = None
    for file, result in results:
        if file.path != shown:
            shown = file.path
            yield str(shown)
        mark = "ok    " if result.passed else "FAILED"
        place = "" if result.passed else f"  ({result.test.place})"
        yield f"  {mark}  {printable(result.test.name)}{place}"
        report = _Report(result)
        if not result.passed:
            yield from report.why()
        if timeline:
            yield from report.timeline()
    failed = sum(not result.passed for _, result in results)
    count = f"{len(results)} test{'' if len(results) == 1 else 's'}"
    yield f"{count}: {len(results) - failed} passed, {failed} failed"


class _Report:
    """What came of one test, line by line. Labels that all its alerts share are left out."""

    def __init__(self, result: Result) -> None:
        self._result = result
        alerts = [
            set(alert.labels)
            for entry in result.test.entries
            if isinstance(entry.body, AlertsReceived)
            for alert in entry.body.alerts
        ]
        self._common = set.intersection(*alerts) if alerts else set()

    def timeline(self) -> Iterator[str]:
        """All that came of it."""
        for line in self._result.lines:
            yield f"              {self._line(line)}"

    def why(self) -> Iterator[str]:
        """What is missing, what came instead, and what else came."""
        for refusal in self._result.refused:
            yield f"      refused   {printable(refusal)}"
        close = {id(wanted): (line, differs) for wanted, line, differs in self._result.pairs}
        instead = {id(line) for line, _ in close.values()}
        for wanted in self._result.missing:
            yield f"    - expected  {self._wanted(wanted)}  ({wanted.expected.place.short})"
            if id(wanted) in close:
                line, differs = close[id(wanted)]
                yield f"    + got       {self._line(line)}  (not the same: {', '.join(differs)})"
        for line in self._result.unexpected:
            if id(line) not in instead:
                yield f"    + got       {self._line(line)}  (not expected)"

    def _wanted(self, wanted: Wanted) -> str:
        expected = wanted.expected
        first, last = format_duration(expected.earliest), format_duration(expected.latest)
        when = first if first == last else f"{first}..{last}"
        why = f"{expected.reason} {expected.by}".rstrip()
        return self._sentence(when, wanted, why, expected, told=wanted.told)

    def _line(self, line: Line) -> str:
        why = f"{line.reason} {line.by}".rstrip()
        return self._sentence(format_duration(line.at), line, why, line, told=line.type == "notification")

    def _sentence(self, when: str, whom: Line | Wanted, why: str, of: Line | Expected, *, told: bool) -> str:
        kind = whom.integration.partition(":")[0]
        verb = "is told" if told else "is not told"
        alerts = [f"+ {self._short(labels)}" for labels in of.firing]
        alerts += [f"- {self._short(labels)}" for labels in of.resolved]
        return printable(f"{when:>7}  {whom.receiver} ({kind}) {verb}: {why}  {', '.join(alerts)}".rstrip())

    def _short(self, labels: Labels) -> str:
        return called(tuple(pair for pair in labels if pair[0] == "alertname" or pair not in self._common))
