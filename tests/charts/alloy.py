"""A reader of Alloy's configuration language, as far as this project uses it.

The test of the logs calls it, since Alloy itself is not to be had here. It says where a text is no such
configuration; what the components make of it, it does not know.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""\s+ | //[^\n]*
    | (?P<string>"(?:\\.|[^"\\\n])*") | (?P<name>[a-zA-Z_][\w.]*) | (?P<mark>[{}\[\]=,])""",
    re.VERBOSE,
)


class Reference(str):
    """The name of what another component exports."""

    __slots__ = ()


@dataclass
class Block:
    """A block: `name "label" { ... }`, with its attributes and the blocks in it."""

    name: str
    label: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)


def read(text: str) -> list[Block]:
    """The blocks of a file; ValueError with the line where it is not one."""
    tokens = _Tokens(text)
    body = _body(tokens, "")
    if body.attributes:
        raise ValueError(f"an attribute outside of any block: {next(iter(body.attributes))}")
    return body.blocks


class _Tokens:
    def __init__(self, text: str) -> None:
        self._found: list[tuple[str, str, int]] = []
        at = 0
        while at < len(text):
            line = text.count("\n", 0, at) + 1
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(f"line {line}: {text[at : at + 20]!r}")
            if match.lastgroup:
                self._found.append((match.lastgroup, match.group(), line))
            at = match.end()
        self._found.append(("end", "", text.count("\n") + 1))

    def see(self) -> str:
        """The next one, which stays."""
        kind, text, _ = self._found[0]
        return text if kind == "mark" else kind

    def take(self, kind: str) -> str:
        """The next one, which has to be of a kind, or a mark."""
        if self.see() != kind:
            raise ValueError(f"line {self._found[0][2]}: {self._found[0][1]!r} where {kind} belongs")
        return self._found.pop(0)[1]


def _body(tokens: _Tokens, name: str, label: str = "") -> Block:
    block = Block(name, label)
    while tokens.see() == "name":
        key = tokens.take("name")
        if tokens.see() == "=":
            tokens.take("=")
            if key in block.attributes:
                raise ValueError(f"{key} twice in {name}")
            block.attributes[key] = _value(tokens)
            continue
        inner = json.loads(tokens.take("string")) if tokens.see() == "string" else ""
        tokens.take("{")
        block.blocks.append(_body(tokens, key, inner))
        tokens.take("}")
    if not name:
        tokens.take("end")
    return block


def _value(tokens: _Tokens) -> Any:
    if tokens.see() == "string":
        return json.loads(tokens.take("string"))
    if tokens.see() == "name":
        name = tokens.take("name")
        return {"true": True, "false": False}.get(name, Reference(name))
    if tokens.see() == "[":
        return [value for _, value in _items(tokens, "[", "]", named=False)]
    return dict(_items(tokens, "{", "}", named=True))


def _items(tokens: _Tokens, start: str, end: str, *, named: bool) -> list[tuple[str, Any]]:
    items = []
    tokens.take(start)
    while tokens.see() != end:
        key = ""
        if named:
            key = tokens.take("name")
            tokens.take("=")
        items.append((key, _value(tokens)))
        if tokens.see() != end:
            tokens.take(",")
    tokens.take(end)
    return items
