"""A page's anatomy: front matter, prose, and the fenced blocks that mean something.

`pages` takes a page apart here. Blocks of other kinds (bash, promql) are prose; what looks like a
block of ours and is none in every reading is an error, so that what runs is what people see.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import msgspec

from responder.document.tree import Node, Place, Problems, parse

if TYPE_CHECKING:  # the parser is imported with the first page: rules may have none
    from markdown_it.token import Token

KINDS: Final = ("precondition", "step", "wait", "notify", "verify", "on_failure")
"""The first word of a fenced block that is more than prose, in the order in which they must come."""

MOST: Final = 50
"""Blocks that are more than prose."""

_MARK: Final = "---"


class Block(msgspec.Struct, frozen=True):
    """One fenced block: its kind, where it begins, and the YAML in it."""

    kind: str
    place: Place
    node: Node


class Anatomy(msgspec.Struct, frozen=True):
    """What a page consists of. `front` None: it could not be read, which is recorded."""

    front: Node | None
    blocks: tuple[Block, ...]
    prose: str


def take_apart(text: str, file: str, problems: Problems) -> Anatomy | None:
    """The parts of a page; None if it has no front matter, which is recorded."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip() == _MARK]
    if not ends or ends[0] != 0:
        problems.error(Place(file, 1, 1), "a runbook begins with its front matter: ---, YAML, and --- again")
        return None
    if len(ends) < 2:
        problems.error(Place(file, 1, 1), "the front matter has no end: a line with --- alone")
        return None
    body = ends[1] + 1
    front = _yaml(lines, 1, ends[1], Place(file, 1, 1), "the front matter is", problems)
    blocks = tuple(_blocks(lines, body, file, problems))
    return Anatomy(front, blocks, "\n".join(lines[body:]).strip("\n"))


def _blocks(lines: Sequence[str], body: int, file: str, problems: Problems) -> Iterator[Block]:
    prose = "\n".join(lines[body:])
    # With HTML a comment hides a block from readers, without it the block is there: both must agree.
    seen, count = set(_fences(prose, html=True)), 0
    for start, end, level, marks, info in _fences(prose, html=False):
        place = Place(file, body + start + 1, lines[body + start].find(marks) + 1)
        word, _, rest = info.strip().partition(" ")
        if word not in KINDS:
            if near := get_close_matches(word.lower(), KINDS, n=1, cutoff=0.8):
                problems.error(place, f'"{word[:64]}" is no kind of block; did you mean "{near[0]}"?')
            continue
        last = lines[body + end - 1]
        count += 1
        if count > MOST:
            problems.error(place, f"more than {MOST} blocks that are not prose")
            return
        if rest.strip():
            problems.error(place, f"{word}: nothing may follow it on its line")
        elif level:
            problems.error(place, f"{word}: a block must not stand inside a list or a quotation")
        elif (start, end, level, marks, info) not in seen:
            problems.error(
                place, f"{word}: a block must not stand inside HTML (a comment hides nothing here)"
            )
        elif end - start < 2 or last.strip(marks[0] + " ") or len(last.strip()) < len(marks):
            problems.error(place, f"{word}: the block has no end: a line with {marks} alone")
        elif node := _yaml(lines, body + start + 1, body + end - 1, place, f"{word}: the block is", problems):
            yield Block(word, place, node)


def _fences(prose: str, html: bool) -> Iterator[tuple[int, int, int, str, str]]:
    """(first line, line behind it, how deep in other blocks, marks, what follows them) of each."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": html})
    parser.core.ruler.enableOnly(["normalize", "block"])  # what stands within lines is of no interest
    for token in parser.parse(prose):
        if token.type == "fence":
            start, end = _lines(token)
            yield start, end, token.level, token.markup, token.info


def _lines(token: "Token") -> tuple[int, int]:
    assert token.map is not None  # every block has one
    return token.map[0], token.map[1]


def _yaml(
    lines: Sequence[str], start: int, end: int, place: Place, it_is: str, problems: Problems
) -> Node | None:
    """The YAML in some lines of the page, placed as in the page; `place`: of what it belongs to."""
    hidden = [found for number in range(start, end) if (found := _hidden(lines[number], number, place))]
    for where, what in hidden:
        problems.error(where, what)
    if hidden:
        return None
    if not any(line.strip() and not line.lstrip().startswith("#") for line in lines[start:end]):
        problems.error(place, f"{it_is} empty")
        return None
    return parse("\n" * start + "\n".join(lines[start:end]) + "\n", place.file, problems)


def _hidden(line: str, number: int, page: Place) -> tuple[Place, str] | None:
    """The first character that nobody sees, and that might end a line or turn it round."""
    for column, char in enumerate(line, start=1):
        if not char.isprintable() and char != "\t":
            what = f"a character that cannot be seen (U+{ord(char):04X}): leave it out"
            return Place(page.file, number + 1, column), what
    return None
