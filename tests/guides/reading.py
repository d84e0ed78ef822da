"""Reads a page as the programs would that it calls: each call, down to those within a pod, and what is wrong.

The tests beside this one ask it of every page, and of pages with mistakes. It never runs what it reads, and
passes by nothing but the programs that docs/RUNBOOKS.md lists as unchecked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.guides.kubectl import behind_the_dashes
from tests.guides.pages import ROOT, Block, commands
from tests.guides.programs import CHECKERS, Setting, faults
from tests.guides.shell import Call, Shell

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


@dataclass(frozen=True)
class Reading:
    """What a page calls, and what is wrong with it, each with its line."""

    calls: tuple[Call, ...]
    faults: tuple[str, ...]


def read(text: str, shell: Shell) -> Reading:
    """The commands of a page. The shell is one that knows `programs()`."""
    blocks = commands(text, programs())
    told = shell.run(blocks)
    wrong = [*told.complaints]
    calls = list(told.calls)
    for call in calls:
        inner = behind_the_dashes(call.argv) if call.argv[0] == "kubectl" else ()
        if inner[:1] in (("sh",), ("bash",)) and inner[1:2] == ("-c",):
            within = shell.run([Block(call.block.line, call.block.language, inner[2] + "\n")])
            wrong += within.complaints
            calls += [Call(call.block, one.argv) for one in within.calls]
        elif inner:
            calls.append(Call(call.block, inner))
        wrong += [f"{call.block.line}: {call}: {fault}" for fault in _wrong(call, shell)]
    wrong += [
        f"{block.line}: nothing reaches a call of {program}"
        for block in blocks
        for program in sorted(programs())
        if _mentions(block, program) > sum(call.block is block and call.argv[0] == program for call in calls)
    ]
    return Reading(tuple(calls), tuple(wrong))


def _wrong(call: Call, shell: Shell) -> Iterator[str]:
    program = call.argv[0].rpartition("/")[2]
    if program not in unchecked():
        yield from faults(call.argv, Setting(shell.directory, whole=call.block.language != "span"))
    for word in call.argv[1:]:
        path = _PATH.search(word)
        if path and not list(ROOT.glob(path[1].rstrip("/"))):
            yield f"there is no {path[1]}"


def _mentions(block: Block, program: str) -> int:
    """How often a block calls a program, as far as that can be seen: where a command may begin."""
    code = re.sub(r"(^|\s)#.*", r"\1", block.text, flags=re.MULTILINE).replace("\\\n", " ")
    begins = r"(?:^|[|;&(]|\bdo\b|\bthen\b|\belse\b|\s--)\s*(?:\w+=\S*\s+)*"
    return len(re.findall(rf"{begins}{re.escape(program)}(?=\s|$)", code, re.MULTILINE))
