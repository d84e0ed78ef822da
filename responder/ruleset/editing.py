"""Changing a YAML text where it stands, so that its author's order and comments stay.

`ruleset.migration` collects edits in characters of the original and applies them in one go. Whether
the result still means what it should is for the caller to find out.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from responder.document.tree import MappingNode, Node, Place, ScalarNode, SequenceNode

_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line in YAML 1.1."""

_INDENT: Final = re.compile(" *")
_BEFORE_KEY: Final = re.compile(r"[ \t]*(?:-[ \t]+)*")
_AFTER_VALUE: Final = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|$)")


class Edit(NamedTuple):
    """Characters from `start` to before `end` become `text`; with the same two, it is put in."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Edited:
    """The new text, and where in it a line of the old one is."""

    text: str
    edits: tuple[Edit, ...]

    def line(self, at: int, old: str) -> int:
        """The line, from 1, on which what stood at a character of the old text stands now."""
        before = "".join(_applied(old[:at], (edit for edit in self.edits if edit.start <= at)))
        return len(_BREAK.findall(before)) + 1


def apply(text: str, edits: Iterable[Edit]) -> Edited:
    """Do every edit. They do not overlap; of several in one place the first comes first."""
    ordered = tuple(sorted(edits, key=lambda edit: (edit.start, edit.end)))
    return Edited("".join(_applied(text, ordered)), ordered)


def _applied(text: str, edits: Iterable[Edit]) -> Iterator[str]:
    at = 0
    for edit in edits:
        yield text[at : edit.start]
        yield edit.text
        at = edit.end
    yield text[at:]


class Source:
    """A text and its tree: where lines begin, and which of them are inside a value."""

    def __init__(self, text: str, root: Node) -> None:
        """`root` is what `document.tree.parse` made of `text`."""
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self._starts = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._spans = {node.span for node in scalars(root)}

    def offset(self, place: Place) -> int:
        """The character that a place means."""
        return self._starts[place.line - 1] + place.column - 1

    def comment(self, place: Place, text: str) -> Edit:
        """A comment on a line of its own above what stands at a place, indented as that line is."""
        start = self._line_outside(self.offset(place))
        indent = _INDENT.match(self.text, start)
        return Edit(start, start, f"{indent[0] if indent else ''}# responder: {one_line(text)}{self.newline}")

    def without(self, key: Place, value: ScalarNode, comment: str) -> Edit | None:
        """A comment instead of a key and its value; None where they share their lines with others."""
        start, (first, last) = self.offset(key), value.span
        between = self.text[start:first]
        if first <= start or between.rstrip()[-1:] != ":" or self.text[first : first + 1] in ("&", "!"):
            return None  # an alias, or what others may refer to
        written = self.text[first:last]
        last -= len(written) - len(written.rstrip("\r\n"))
        before = self.text[self._starts[bisect_right(self._starts, start) - 1] : start]
        if not _BEFORE_KEY.fullmatch(before) or not _AFTER_VALUE.match(self.text, last):
            return None
        return Edit(start, last, f"# responder: {one_line(comment)}")

    def _line_outside(self, at: int) -> int:
        """Where the line of a character begins, or the nearest above that does not begin in a value."""
        line = bisect_right(self._starts, at) - 1
        while line and any(first < self._starts[line] < last for first, last in self._spans):
            line -= 1
        return self._starts[line]


def one_line(text: str) -> str:
    """A text that a comment can hold: nothing in it ends the line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def scalars(node: Node) -> Iterator[ScalarNode]:
    """Every value of a tree that is a text; one that aliases repeat comes as often."""
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, SequenceNode):
        for item in node.items:
            yield from scalars(item)
    elif isinstance(node, MappingNode):
        for entry in node.entries.values():
            yield from scalars(entry.value)
