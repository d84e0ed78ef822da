"""What the real programs say of themselves, asked once each.

`tests.guides.options` reads it. A program that is not installed skips the test, as everywhere.
"""

import functools
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Final

from tests.guides.options import Options, options
from tests.peers.binaries import peer

_SECTION: Final = re.compile(r"^(?:\w.*Commands?.*|Commands):$")
_COMMAND: Final = re.compile(r"^ +([a-z][a-z-]*) {2,}\S")


@functools.cache
def said(program: str, *words: str) -> str:
    """What `program` writes to both outputs."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [peer(program), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env={"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": os.devnull, "LC_ALL": "C"},
        )
    return done.stdout + done.stderr


@functools.cache
def options_of(program: str, *words: str, maybe: frozenset[str] = frozenset()) -> Options:
    """The options of a program, or of one of its sub-commands."""
    return options(said(program, *words, "--help"), maybe)


@functools.cache
def commands_of(program: str, *words: str) -> frozenset[str]:
    """The sub-commands that its help lists; none for one that has none."""
    found, inside = set(), False
    for line in said(program, *words, "--help").splitlines():
        if _SECTION.match(line):
            inside = True
        elif inside and (command := _COMMAND.match(line)):
            found.add(command[1])
        elif not line.strip() or not line.startswith(" "):
            inside = False
    return frozenset(found)


_ALIASES: Final = {"nodes": "node", "pods": "pod"}


def descend(program: str, words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The sub-command that `words` begin with, and what is wrong where there is none."""
    found: tuple[str, ...] = ()
    while inner := commands_of(program, *found):
        word = words[len(found)] if len(found) < len(words) else ""
        if word not in inner and _ALIASES.get(word) not in inner:
            if found and (not word or word.startswith("-")):
                break
            return found, f"there is no sub-command {' '.join((*found, word))!r}"
        found = (*found, word)
    return found, ""
