"""Runs a page's commands in a real bash, in which the programs only write down how they were called.

`tests.guides.reading` does so: quoting, variables, pipes and loops are bash's own business, and what is
checked is what a program would get. It never lets anything be done: any other program is not found, and what
would write or run something outside of its own directory is not run.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.guides.pages import ROOT, Block

# What reads, cuts and sorts what others print: run as it is, so a wrong option is said by itself.
REAL: Final = frozenset(
    {
        *("awk", "base64", "cat", "cut", "date", "echo", "grep", "head", "jq", "ls", "printf", "sort"),
        *("tail", "test", "tr", "uniq", "wc", "xargs"),
    }
)
# What a page may read: a token once Responder has run, and the reader's own values of the charts, where the
# page does not have its reader write them.
_MADE: Final = {
    "var/sandbox/token": "made\n",
    "platform.yaml": "",
    "responder.yaml": "",
    "production.yaml": "",
}

# A redirection to anything but a file of its own, and a program by its path.
_OUTSIDE: Final = (
    (re.compile(r">\|?\s*(?!&|/dev/null\b)([^\s;|&)]*[/$][^\s;|&)]*)"), "writes to"),
    (re.compile(r"(?:^|[|;&(`])\s*(/[\w./-]+)", re.MULTILINE), "runs"),
)

_RECORDER: Final = """\
#!/bin/sh
printf '%s\\0' "$GUIDE_BLOCK" "${0##*/}" "$@" "$GUIDE_END" >> "$GUIDE_LOG"
echo recorded
"""
_END: Final = "--the-end-of-this-command--"


@dataclass(frozen=True)
class Call:
    """How a program was called, and the block that did so."""

    block: Block
    argv: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.argv)


@dataclass(frozen=True)
class Told:
    """What came of a page's commands: each call, and the complaints of bash and of what ran in it."""

    calls: tuple[Call, ...]
    complaints: tuple[str, ...]


class Shell:
    """A directory with a recorder for each of `programs`, and what the commands of pages find there."""

    def __init__(self, directory: Path, programs: Collection[str]) -> None:
        """Prepare it."""
        self.directory = directory
        self._bin = directory / "bin"
        self._bin.mkdir()
        recorder = directory / "recorder"
        recorder.write_text(_RECORDER)
        recorder.chmod(0o755)
        for program in sorted(programs):
            (self._bin / program).symlink_to(recorder)
        for program in sorted(REAL | {"sh", "bash"}):
            if path := shutil.which(program):
                (self._bin / program).symlink_to(path)
        (directory / ".venv" / "bin").mkdir(parents=True)
        (directory / ".venv" / "bin" / "responder").symlink_to(recorder)
        for name, text in _MADE.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
        for name in ("charts", "config", "docs", "rules"):
            (directory / name).symlink_to(ROOT / name)

    def run(self, blocks: Sequence[Block]) -> Told:
        """One page: its blocks, one after the other, in one shell."""
        log, script = self.directory / "log", self.directory / "page.sh"
        log.write_bytes(b"")
        if outside := [text for block in blocks for text in _outside(block)]:
            return Told((), tuple(outside))
        lines = []
        for number, block in enumerate(blocks):
            (self.directory / f"block-{number}").write_text(block.text)
            lines.append(
                f"export GUIDE_BLOCK={number}; . ./block-{number} < /dev/null 2> complaints-{number}\n"
            )
        script.write_text("".join([*lines, "exit 0\n"]))
        subprocess.run(
            [shutil.which("bash") or "bash", "--noprofile", "--norc", script],
            cwd=self.directory,
            env={
                "PATH": str(self._bin),
                "HOME": str(self.directory),
                "GUIDE_LOG": str(log),
                "GUIDE_END": _END,
                "LC_ALL": "C",
            },
            stdout=subprocess.DEVNULL,
            timeout=20,
            check=True,
        )
        complaints = [
            _placed(text, block)
            for number, block in enumerate(blocks)
            for text in (self.directory / f"complaints-{number}").read_text(errors="replace").splitlines()
            if text.strip()
        ]
        return Told(tuple(_calls(log.read_bytes(), blocks)), tuple(complaints))


def _outside(block: Block) -> Iterator[str]:
    for pattern, does in _OUTSIDE:
        for found in pattern.findall(block.text):
            yield f"{block.line}: it {does} {found}: nothing of this page is run"


def _placed(text: str, block: Block) -> str:
    """`./block-3: line 2: what` with the line of the page."""
    found = re.fullmatch(r"\./block-\d+: line (\d+): (.*)", text)
    return f"{block.line + int(found[1]) - 1}: {found[2]}" if found else f"{block.line}: {text}"


def _calls(log: bytes, blocks: Sequence[Block]) -> list[Call]:
    found: list[Call] = []
    words: list[str] = []
    for word in os.fsdecode(log).split("\0")[:-1]:
        if word == _END:
            found.append(Call(blocks[int(words[0])], tuple(words[1:])))
            words = []
        else:
            words.append(word)
    return found
