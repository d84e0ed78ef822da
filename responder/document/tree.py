"""YAML with places: a text becomes nodes that know their file, line and column.

`ruleset` and `settings` read their files through it, and say what is wrong where it stands.
Scalars stay the text that was written (PyYAML would make 1020 of `17:00`), nothing is ever
executed or guessed, and no value is repeated in a problem: it might be a secret.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Final, NamedTuple, NoReturn, TypeAlias

import msgspec
import yaml

from responder.core.model import go_quote
from responder.errors import Problem, ProblemsError

MAX_NODES: Final = 500_000
"""Nodes of one document after its aliases are expanded: ten times the largest file we know."""

MAX_DEPTH: Final = 200
"""Nested mappings and lists, so that no reader runs out of stack."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_CORE_TAG: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = frozenset({"null", "bool", "int", "float", "timestamp", "merge"})
_KNOWN_TAGS: Final = _PLAIN_TAGS | {"str", "map", "seq"}


class Place(NamedTuple):
    """Where something stands; lines and columns count from 1, 0 means an environment variable."""

    file: str
    line: int
    column: int

    @property
    def short(self) -> str:
        """`file:line` without directories: the same from wherever the file was read."""
        return f"{PurePath(self.file).name}:{self.line}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class ScalarNode(msgspec.Struct, frozen=True, eq=False):
    """A text as written. `plain`: it had no quotes, so it may mean null, a number or a truth value.

    `span` is where it stands in the text with its anchor and tag, from and to, in characters.
    `block`: it was written with `|`, so that its line n stands n lines below its place.
    """

    place: Place
    text: str
    plain: bool
    span: tuple[int, int]
    block: bool = False

    @property
    def null(self) -> bool:
        """Whether it says nothing: empty, `~` or `null`."""
        return self.plain and self.text in _NULLS


class SequenceNode(msgspec.Struct, frozen=True, eq=False):
    """A list."""

    place: Place
    items: "tuple[Node, ...]"


class Entry(NamedTuple):
    """What a mapping has under one key, and where the key stands."""

    key: Place
    value: "Node"


class MappingNode(msgspec.Struct, frozen=True, eq=False):
    """A mapping, its merge keys (`<<`) resolved: what it says itself wins over what it merges."""

    place: Place
    entries: dict[str, Entry]


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


class Problems(msgspec.Struct):
    """Collects what is wrong, each thing once, instead of stopping at the first."""

    found: dict[Problem, None] = msgspec.field(default_factory=dict)

    def error(self, place: Place, message: str) -> None:
        """Something that must be put right."""
        self.found[Problem(*place, message)] = None

    def warning(self, place: Place, message: str) -> None:
        """Something that works, and that its author should know."""
        self.found[Problem(*place, message, "warning")] = None

    @property
    def failed(self) -> bool:
        """Whether any of them is an error."""
        return any(problem.severity == "error" for problem in self.found)

    def listed(self) -> list[Problem]:
        """All of them, by place."""
        return sorted(self.found)

    def raise_errors(self) -> None:
        """Raise ProblemsError with all of them, warnings too, if any is an error."""
        if self.failed:
            raise ProblemsError(self.listed())


class _Stop(Exception):
    """Nothing more can be read; the problem is already recorded."""


def parse(text: str, file: str, problems: Problems) -> Node | None:
    """The one document of a YAML text, or None when it cannot be read (the problem is recorded).

    An empty text is a null scalar. `file` is the name that problems give as their place.
    """
    # libyaml where PyYAML was built with it (every published wheel): ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Composer(yaml.parse(text, Loader=loader), file, problems).document()
    except yaml.reader.ReaderError as error:
        # libyaml counts bytes.
        before = text.encode()[: error.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        problems.error(Place(file, line, column), f"not YAML: {error.reason}")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        problems.error(place, _explain(error, text, place))
    except _Stop:
        pass
    return None


def parse_bytes(data: bytes, file: str, problems: Problems) -> Node | None:
    """As `parse`, of a file's content: UTF-8, with or without a byte order mark."""
    text = decode(data, file, problems)
    return None if text is None else parse(text, file, problems)


def decode(data: bytes, file: str, problems: Problems) -> str | None:
    """The text of a file's content, or None when it is not UTF-8 (the problem is recorded)."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        problems.error(Place(file, before.count(b"\n") + 1, column), "not UTF-8 text")
        return None


def to_plain(node: Node, replaced: Mapping[ScalarNode, str] | None = None) -> object:
    """The node as dicts, lists, texts and None; `replaced` gives other texts for some scalars."""
    if isinstance(node, MappingNode):
        return {key: to_plain(entry.value, replaced) for key, entry in node.entries.items()}
    if isinstance(node, SequenceNode):
        return [to_plain(item, replaced) for item in node.items]
    if node.null:
        return None
    return (replaced or {}).get(node, node.text)


def to_flow(node: Node, replaced: Mapping[ScalarNode, str] | None = None) -> str:
    """The node as one line of YAML that reads back the same; `replaced` as in `to_plain`."""
    if isinstance(node, MappingNode):
        pairs = (f"{go_quote(key)}: {to_flow(entry.value, replaced)}" for key, entry in node.entries.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(node, SequenceNode):
        return "[" + ", ".join(to_flow(item, replaced) for item in node.items) + "]"
    if node.null:
        return "null"
    text = (replaced or {}).get(node, node.text)
    # It matters to be plain only for numbers and truth values. Go's escapes are YAML's too.
    return text if node.plain and text.isascii() and text.isalnum() else go_quote(text)


def _explain(error: yaml.MarkedYAMLError, text: str, place: Place) -> str:
    """The parser's own words, and what is usually behind them."""
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if line[place.column - 1 : place.column] == "\t":
        return "not YAML: a tab; indent with spaces"
    problem = error.problem or "it cannot be parsed"
    if problem == "mapping values are not allowed in this context":
        problem += " (quote a value that contains ': ')"
    return f"not YAML: {error.context}, {problem}" if error.context else f"not YAML: {problem}"


class _Composer:
    """Builds nodes from the parser's events, expanding aliases under a bound."""

    def __init__(self, events: Iterator[yaml.Event], file: str, problems: Problems) -> None:
        self._events = events
        self._file = file
        self._problems = problems
        # None: the anchor's own node is still being read.
        self._anchors: dict[str, tuple[Node, int] | None] = {}

    def document(self) -> Node:
        """The first document; a second one that says anything is an error."""
        root: Node = ScalarNode(Place(self._file, 1, 1), "", True, (0, 0))
        documents = 0
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            documents += 1
            node, _ = self._node(next(self._events), 0)
            if documents == 1:
                root = node
            elif not (isinstance(node, ScalarNode) and node.null):
                self._problems.error(node.place, "a second document: only the first would be read")
        return root

    def _node(self, event: yaml.Event, depth: int) -> tuple[Node, int]:
        """One node and how many it stands for after expansion."""
        place = self._place(event)
        if depth > MAX_DEPTH:
            self._stop(place, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        assert isinstance(event, yaml.NodeEvent)
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = None
        plain = self._plain(event, place)
        built: tuple[Node, int]
        if isinstance(event, yaml.SequenceStartEvent):
            built = self._sequence(place, depth)
        elif isinstance(event, yaml.MappingStartEvent):
            built = self._mapping(place, depth)
        else:
            assert isinstance(event, yaml.ScalarEvent)
            assert event.start_mark
            assert event.end_mark
            span = (event.start_mark.index, event.end_mark.index)
            built = ScalarNode(place, event.value, plain, span, event.style == "|"), 1
        if anchor:
            self._anchors[anchor] = built
        return built

    def _alias(self, event: yaml.AliasEvent, place: Place) -> tuple[Node, int]:
        if event.anchor not in self._anchors:
            # The name is not repeated: it may be a password that begins with a star.
            self._stop(place, "an alias that no anchor names (a value that begins with * needs quotes)")
        target = self._anchors[event.anchor]
        if target is None:
            self._stop(place, "an alias inside its own anchor")
        return target

    def _sequence(self, place: Place, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        weight = 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            item, more = self._node(event, depth + 1)
            items.append(item)
            weight = self._weigh(weight + more, self._place(event))
        return SequenceNode(place, tuple(items)), weight

    def _mapping(self, place: Place, depth: int) -> tuple[Node, int]:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        weight = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, _ = self._node(event, depth + 1)
            value, more = self._node(next(self._events), depth + 1)
            weight = self._weigh(weight + more, key.place)
            if not isinstance(key, ScalarNode):
                self._problems.error(key.place, "a key must be a text, not a list or a mapping")
            elif key.plain and key.text == "<<":
                merged.append(value)
            elif key.text in entries:
                first = entries[key.text].key
                self._problems.error(key.place, f'duplicate key "{key.text[:64]}": first at {first}')
            else:
                entries[key.text] = Entry(key.place, value)
        for node in merged:
            self._merge(entries, node)
        return MappingNode(place, entries), weight

    def _merge(self, entries: dict[str, Entry], node: Node) -> None:
        """https://yaml.org/type/merge.html: what is there stays; of several, the first wins."""
        sources = node.items if isinstance(node, SequenceNode) else (node,)
        for source in sources:
            if not isinstance(source, MappingNode):
                self._problems.error(source.place, "<< merges a mapping or a list of mappings")
                continue
            for key, entry in source.entries.items():
                entries.setdefault(key, entry)

    def _plain(self, event: yaml.NodeEvent, place: Place) -> bool:
        """Whether a scalar may be more than a text; refuses tags of any other language."""
        tag = getattr(event, "tag", None)
        if tag is None:
            return isinstance(event, yaml.ScalarEvent) and bool(event.implicit[0])
        name = tag.removeprefix(_CORE_TAG)
        if tag != "!" and (name == tag or name not in _KNOWN_TAGS):
            # Not repeated either: a password may begin with an exclamation mark.
            self._problems.error(place, "an unknown tag (a value that begins with ! needs quotes)")
        return name in _PLAIN_TAGS

    def _weigh(self, weight: int, place: Place) -> int:
        if weight > MAX_NODES:
            self._stop(place, f"more than {MAX_NODES:,} values once aliases are expanded")
        return weight

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        assert mark  # every event of a parser has one
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _stop(self, place: Place, message: str) -> NoReturn:
        self._problems.error(place, message)
        raise _Stop
