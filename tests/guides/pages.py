"""The pages whose commands are checked, and the commands as they stand there: blocks, and code in a line.

`tests.guides.reading` reads them. A page that is called *GUIDE.md is found by its name; nothing here knows
what a command means.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
RUNBOOKS: Final = ROOT / "rules" / "runbooks"
PAGES: Final = [
    ROOT / "README.md",
    ROOT / "docs" / "RUNBOOKS.md",
    *sorted((ROOT / "docs").glob("*GUIDE.md")),
    *sorted(RUNBOOKS.glob("*.md")),
]

_FENCE: Final = re.compile(r"( *)(`{3,}|~{3,}) *(\w*).*")
_SHELL: Final = frozenset({"bash", "sh", "shell", "console"})
_SPAN: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """Lines of code. `line`: where the first stands, from 1; `language`: the word behind the fence."""

    line: int
    language: str
    text: str

    @property
    def shell(self) -> bool:
        """Whether it is for a shell."""
        return self.language in _SHELL


def name(page: Path) -> str:
    """A page's path within the repository."""
    return str(page.relative_to(ROOT))


def blocks(text: str) -> Iterator[Block]:
    """What stands between fences, in its order, without the indentation of its fence."""
    opened: re.Match[str] | None = None
    first, inside = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.fullmatch(line)
        if opened is None:
            if fence:
                opened, first, inside = fence, number + 1, []
        elif fence and fence[2].startswith(opened[2]) and not fence[3]:
            yield Block(first, opened[3], "".join(f"{one}\n" for one in inside))
            opened = None
        else:
            inside.append(line.removeprefix(opened[1]))


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines outside of blocks, with their numbers, from 1."""
    lines = text.splitlines()
    hidden = set[int]()
    for block in blocks(text):
        end = block.line + block.text.count("\n")
        hidden.update(range(block.line - 1, end + 1))
    return ((number, line) for number, line in enumerate(lines, 1) if number not in hidden)


def spans(text: str) -> Iterator[tuple[int, str]]:
    """Code in the lines of a page, with the line's number; what is broken over two lines is one."""
    lines = list(prose(text))
    joined = "\n".join(line for _, line in lines)
    for found in _SPAN.finditer(joined):
        yield lines[joined.count("\n", 0, found.start())][0], " ".join(found[1].split())


def commands(text: str, programs: frozenset[str]) -> list[Block]:
    """Every block for a shell, and every code in a line that is a program and more, in their order."""
    found = [block for block in blocks(text) if block.shell]
    found += [
        Block(line, "span", span + "\n")
        for line, span in spans(text)
        if " " in span and span.split()[0] in programs
    ]
    return sorted(found, key=lambda block: block.line)
