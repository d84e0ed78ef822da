"""Reads a page as the programs would that it calls: each call, down to those within a pod, and what is wrong.

The tests beside this one ask it of every page, and of pages with mistakes. It never runs what it reads, and
passes by nothing but the programs that docs/RUNBOOKS.md lists as unchecked.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tests.guides.kubectl import behind_the_dashes
from tests.guides.pages import ROOT, Block, commands
from tests.guides.programs import CHECKERS, Setting, faults
from tests.guides.shell import Call, Shell, Told

GUIDE: Final = ROOT / "docs" / "RUNBOOKS.md"
# A word that is a path of this repository, at its beginning or behind a `=`.
_PATH: Final = re.compile(r"(?:^|=)((?:charts|config|docs|responder|rules|tests)/[\w./*-]*)")


def unchecked() -> frozenset[str]:
    """The programs that nothing here checks, as the guide lists them."""
    section = GUIDE.read_text().partition("\n## What no test checks\n")[2]
    return frozenset(re.findall(r"^- `([a-z]+)`", section, re.MULTILINE))


def programs() -> frozenset[str]:
    """Every program whose calls are written down."""
    return frozenset({*CHECKERS, *unchecked()})


def read(text: str, shell: Shell) -> list[str]:
    """What is wrong with the commands of a page, each with its line. The shell knows `programs()`."""
    return judged(text, called(text, shell), shell)


def judged(text: str, told: Told, shell: Shell) -> list[str]:
    """The same of calls that are known."""
    wrong, made = [*told.complaints], frozenset(_made(told.calls))
    for call in told.calls:
        wrong += [f"{call.block.line}: {call}: {fault}" for fault in _wrong(call, shell, made)]
    for block in commands(text, programs()):
        for program in sorted(programs()):
            calls = sum(call.block == block and call.argv[0] == program for call in told.calls)
            if _mentions(block, program) > calls:
                wrong.append(f"{block.line}: nothing reaches a call of {program}")
    return wrong


def called(text: str, shell: Shell) -> Told:
    """Every call that a page makes, those within pods behind those that make them."""
    told = shell.run(commands(text, programs()))
    calls, complaints = list(told.calls), list(told.complaints)
    for call in calls:
        inner = behind_the_dashes(call.argv) if call.argv[0] == "kubectl" else ()
        if inner[:1] in (("sh",), ("bash",)) and inner[1:2] == ("-c",):
            within = shell.run([Block(call.block.line, call.block.language, inner[2] + "\n")])
            complaints += within.complaints
            calls += [Call(call.block, one.argv) for one in within.calls]
        elif inner:
            calls.append(Call(call.block, inner))
    return Told(tuple(calls), tuple(complaints))


def _made(calls: Sequence[Call]) -> Iterator[str]:
    """The Jobs that a page has its reader make."""
    for call in calls:
        words = [word for word in call.argv if not word.startswith("-")]
        if call.argv[0] == "kubectl" and "create" in words and "job" in words:
            yield f"Job/{words[words.index('job') + 1]}"


def _wrong(call: Call, shell: Shell, made: frozenset[str]) -> Iterator[str]:
    program = call.argv[0].rpartition("/")[2]
    if program not in unchecked():
        whole = call.block.language != "span"
        yield from faults(call.argv, Setting(shell.directory, whole, made))
    for word in call.argv[1:]:
        path = _PATH.search(word)
        if path and not list(ROOT.glob(path[1].rstrip("/"))):
            yield f"there is no {path[1]}"


def _mentions(block: Block, program: str) -> int:
    """How often a block calls a program, as far as that can be seen: where a command may begin."""
    code = re.sub(r"(^|\s)#.*", r"\1", block.text, flags=re.MULTILINE).replace("\\\n", " ")
    begins = r"(?:^|[|;&(]|\bdo\b|\bthen\b|\belse\b|\s--)\s*(?:\w+=\S*\s+)*"
    return len(re.findall(rf"{begins}{re.escape(program)}(?=\s|$)", code, re.MULTILINE))
