"""What is wrong with a call of a program, by the program's own word: one checker for each.

`tests.guides.reading` asks it of every call that a page makes. A program without a checker has to be on the
list of docs/RUNBOOKS.md; nothing here does what a call says.
"""

import contextlib
import functools
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import click

from responder.cli.main import main
from tests.charts.helm import Refused, helm
from tests.guides import kubectl
from tests.guides.helptexts import descend, options_of, said
from tests.guides.options import Parsed, options
from tests.guides.pages import ROOT
from tests.peers.binaries import peer


@dataclass(frozen=True)
class Setting:
    """Where a call stands. `directory`: where the files are that the page has its reader write.

    Not `whole`: it may be the name of a command alone, in a line. `made`: "Kind/name" of what the page makes.
    """

    directory: Path
    whole: bool = True
    made: frozenset[str] = frozenset()


Checker: TypeAlias = Callable[[Sequence[str], Setting], Iterator[str]]
"""Given the words behind the program's name."""


# -- kubectl, helm ----------------------------------------------------------------------------------


def _kubectl(argv: Sequence[str], setting: Setting) -> Iterator[str]:
    yield from kubectl.faults(argv, setting.directory, setting.made, whole=setting.whole)


_RENDERS: Final = frozenset({"template", "install", "upgrade", "lint"})


def _helm(argv: Sequence[str], setting: Setting) -> Iterator[str]:
    command, unknown = descend("helm", argv)
    if unknown:
        yield unknown
        return
    parsed = options_of("helm", *command).parse(argv[len(command) :])
    yield from parsed.faults
    if command[0] in _RENDERS and not parsed.faults and (parsed.words or setting.whole):
        yield from _rendered(parsed, setting.directory)


def _rendered(parsed: Parsed, directory: Path) -> Iterator[str]:
    """The chart, rendered with these very values; its schema refuses those that it does not have."""
    chart = parsed.words[-1] if parsed.words else ""
    if not chart.startswith("charts/"):
        if "/" not in chart:
            yield f"{chart!r} is no chart: ours are charts/NAME, those of others REPOSITORY/NAME"
        return
    if not (ROOT / chart / "Chart.yaml").is_file():
        yield f"there is no chart {chart}"
        return
    files = [given for name in ("-f", "--values") for given in parsed.values.get(name, ())]
    if missing := [name for name in files if not (directory / name).is_file()]:
        yield f"nobody has written {', '.join(missing)}"
        return
    flags = [word for name in _SETS for given in parsed.values.get(name, ()) for word in (name, given)]
    if flags and chart == "charts/platform":
        # What is not spoken of is rendered by the calls that set nothing.
        flags += [
            word for part in _LARGE if part not in str(flags) for word in ("--set", f"{part}.enabled=false")
        ]
    values = [(directory / name).read_text() for name in files]
    if "--reuse-values" in parsed.values and any("canary" in flag for flag in flags):
        values.insert(0, _CANARY)
    try:
        _render(chart, tuple(values), tuple(flags), parsed.value("-n", "--namespace") or "default")
    except Refused as error:
        yield str(error).strip()


_SETS: Final = ("--set", "--set-string", "--set-json")
_LARGE: Final = ("monitoring", "backups")
# What is there from the upgrade before, where one goes on from it.
_CANARY: Final = "app: {versions: {canary: {tag: 1.1.0, replicas: 1, weight: 10}, stable: {weight: 90}}}\n"


@functools.cache
def _render(chart: str, values: Sequence[str], flags: Sequence[str], namespace: str) -> None:
    """Raises Refused."""
    with tempfile.TemporaryDirectory() as scratch:
        files: list[str | Path] = []
        for place, text in enumerate(values):
            path = Path(scratch) / f"{place}.yaml"
            path.write_text(text, encoding="utf-8")
            files += ["--values", path]
        helm("template", "release", ROOT / chart, "--namespace", namespace, *files, *flags)


# -- Responder --------------------------------------------------------------------------------------


def _responder(argv: Sequence[str], setting: Setting) -> Iterator[str]:
    """By its own parser, down to the last option of the last sub-command."""
    command: click.Command = main
    words = list(argv)
    info = "responder"
    parent: click.Context | None = None
    while True:
        try:
            context = command.make_context(info, words, parent=parent)
        except click.exceptions.Exit:
            return
        except click.exceptions.NoArgsIsHelpError:
            yield f"{info} needs a sub-command"
            return
        except click.MissingParameter as error:
            if setting.whole:
                yield error.format_message()
            return
        except click.ClickException as error:
            yield error.format_message()
            return
        rest = [*context._protected_args, *context.args]
        if not isinstance(command, click.Group) or not rest:
            return
        found = command.get_command(context, rest[0])
        if found is None:
            yield f"{info}: there is no sub-command {rest[0]!r}"
            return
        command, info, words, parent = found, rest[0], rest[1:], context


# -- others -----------------------------------------------------------------------------------------


def _by_help(program: str, *, ends: bool = False) -> Checker:
    """A program whose `--help` lists its options. `ends`: the first word ends them."""

    def check(argv: Sequence[str], setting: Setting) -> Iterator[str]:
        yield from options_of(program).parse(argv, interspersed=not ends).faults

    return check


def _kingpin(program: str) -> Checker:
    """promtool, amtool: commands of one word or several, whose options may stand anywhere."""

    def check(argv: Sequence[str], setting: Setting) -> Iterator[str]:
        listed = said(program, "--help-long").partition("\nCommands:\n")[2]
        commands = [found.split() for found in _COMMAND.findall(listed)]
        found = [words for words in commands if _within(words, argv)]
        if not found:
            yield f"there is no such command: {' '.join(argv)}"
            return
        words = max(found, key=len)
        rest = list(argv)
        for word in words:
            rest.remove(word)
        yield from options_of(program, *words).parse(rest).faults

    return check


_COMMAND: Final = re.compile(r"^([a-z][a-z -]*?)\*?(?= [\[<]| --|$)", re.MULTILINE)


def _within(words: Sequence[str], argv: Sequence[str]) -> bool:
    return any(list(argv[at : at + len(words)]) == list(words) for at in range(len(argv)))


def _by_trying(program: str) -> Checker:
    """A program that reads its options in their order, and at `--help` does nothing else any more."""

    def check(argv: Sequence[str], setting: Setting) -> Iterator[str]:
        done = subprocess.run(
            [peer(program), *argv, "--help"], capture_output=True, text=True, check=False, timeout=10
        )
        if done.returncode:
            yield (done.stderr or done.stdout).strip()

    return check


def _openssl(argv: Sequence[str], setting: Setting) -> Iterator[str]:
    """Its options have one dash, and any word with one may be a digest: so its help is what counts."""
    text = said("openssl", argv[0], "-help")
    if "Invalid command" in text:
        yield f"there is no sub-command {argv[0]!r}"
    else:
        yield from options(text).parse(argv[1:]).faults


def _make(argv: Sequence[str], setting: Setting) -> Iterator[str]:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for word in argv:
        if "=" not in word and word not in targets:
            yield f"there is no target {word}"


POSTGRESQL: Final = (
    *("createdb", "dropdb", "pg_basebackup", "pg_dump", "pg_dumpall", "pg_isready", "pg_restore"),
    *("pg_verifybackup", "psql", "reindexdb", "vacuumdb"),
)

CHECKERS: Final[Mapping[str, Checker]] = {
    "kubectl": _kubectl,
    "helm": _helm,
    "responder": _responder,
    "promtool": _kingpin("promtool"),
    "amtool": _kingpin("amtool"),
    "redis-cli": _by_help("redis-cli", ends=True),
    **{program: _by_help(program) for program in POSTGRESQL},
    "curl": _by_trying("curl"),
    "du": _by_trying("du"),
    "df": _by_trying("df"),
    "gzip": _by_trying("gzip"),
    "openssl": _openssl,
    "sha256sum": _by_trying("sha256sum"),
    "make": _make,
}


def faults(argv: Sequence[str], setting: Setting) -> list[str]:
    """What is wrong with a call."""
    program = argv[0].rpartition("/")[2]
    checker = CHECKERS.get(program)
    if checker is None:
        return [f"nobody here checks {program}"]
    with contextlib.chdir(setting.directory):
        said = list(checker(argv[1:], setting))
    return said if setting.whole else [fault for fault in said if not fault.endswith("needs a value")]
