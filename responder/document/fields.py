"""A typed reader over YAML nodes: each key is asked for by name and decoded by what it should be.

The readers of routing files and `settings` ask a Fields for their keys, then close it, which
reports every key that nobody asked for. It raises nothing: problems are collected with their places.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from responder.core.model import Nanoseconds, parse_duration
from responder.document.tree import MappingNode, Node, Place, Problems, ScalarNode, SequenceNode

T = TypeVar("T")
D = TypeVar("D")

# https://yaml.org/type/bool.html, as yaml.v2 (Alertmanager's parser) reads it.
_TRUE: Final = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE: Final = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})

_FEW: Final = 8
"""So many names at most are listed to somebody who wrote one that does not exist."""

_SIZES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

_GO_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}


# -- decoders: a scalar's value, or ValueError with what would be right -------------------------


def text(node: ScalarNode) -> str:
    """Any scalar, as written."""
    return node.text


def name(node: ScalarNode) -> str:
    """Any scalar but an empty one."""
    if not node.text:
        raise ValueError("cannot be empty")
    return node.text


def flag(node: ScalarNode) -> bool:
    """`true` or `false`, unquoted, in any of YAML 1.1's spellings."""
    if node.plain and node.text in _TRUE:
        return True
    if node.plain and node.text in _FALSE:
        return False
    raise ValueError(f"{_shown(node)} is not true or false (without quotes)")


def whole(node: ScalarNode) -> int:
    """A whole number from 0, in decimal digits, unquoted."""
    digits = node.text
    if not (node.plain and digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise ValueError(f"{_shown(node)} is not a whole number such as 100")
    if len(digits) > 1 and digits[0] == "0":
        raise ValueError(f"{_shown(node)} begins with 0, which YAML reads as octal: write {int(digits)}")
    return int(digits)


def duration(node: ScalarNode) -> Nanoseconds:
    """A Prometheus duration (`1h30m`)."""
    return parse_duration(node.text)


def duration_above_zero(node: ScalarNode) -> Nanoseconds:
    """A Prometheus duration that is not 0."""
    value = parse_duration(node.text)
    if value == 0:
        raise ValueError("cannot be zero")
    return value


def go_duration(node: ScalarNode) -> Nanoseconds:
    """Go's own durations (`1m30s`, `1.5s`, `0`), which Alertmanager has for an integration's timeout."""
    rest, total = node.text, 0.0
    if rest == "0":
        return 0
    while rest:
        number_end = len(rest) - len(rest.lstrip("0123456789."))
        unit_end = number_end
        while unit_end < len(rest) and rest[unit_end].isalpha():
            unit_end += 1
        number, unit = rest[:number_end], rest[number_end:unit_end]
        if unit not in _GO_UNITS or number.count(".") > 1 or not number.strip("."):
            break
        total += float(number) * _GO_UNITS[unit]
        rest = rest[unit_end:]
    if rest or not node.text or total > 9e18:
        raise ValueError(f"{_shown(node)} is not a duration such as 10s or 1m30s")
    return round(total)


def size(node: ScalarNode) -> int:
    """Bytes: `32MiB`, `4KiB`, `512B`."""
    digits = node.text.rstrip("BKMGTi")
    unit = node.text[len(digits) :]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12) or unit not in _SIZES:
        raise ValueError(f"{_shown(node)} is not a size such as 4KiB, 32MiB or 10GiB")
    return int(digits) * _SIZES[unit]


def percent(node: ScalarNode) -> float:
    """`50%` as 0.5."""
    digits = node.text.removesuffix("%")
    if digits == node.text or not (digits.isascii() and digits.isdigit()) or int(digits) > 100:
        raise ValueError(f"{_shown(node)} is not a percentage from 0% to 100%")
    return int(digits) / 100


def choice(*options: str) -> Callable[[ScalarNode], str]:
    """One of a few words."""

    def decode(node: ScalarNode) -> str:
        if node.text not in options:
            raise ValueError(f"{_shown(node)} is not one of {', '.join(options)}")
        return node.text

    return decode


def split_url(value: str) -> SplitResult:
    """The parts of an http or https URL with a host; the ValueError never repeats it: it may be secret."""
    wrong = "not a URL such as https://example.com/path"
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises if it is no number
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError(wrong)
    return parts


def url(node: ScalarNode) -> str:
    """An http or https URL."""
    split_url(node.text)
    return node.text


def _shown(node: ScalarNode) -> str:
    return repr(node.text[:64])


# -- the reader ---------------------------------------------------------------------------------


class Fields:
    """One mapping, read key by key. A key whose value is null counts as absent, as in Go."""

    def __init__(self, node: Node | None, what: str, problems: Problems) -> None:
        """`what` is what the mapping is called in problems ("a route"); None reads as an empty one."""
        self.what = what
        self.problems = problems
        self.node = node
        self._asked: set[str] = set()
        self._entries = node.entries if isinstance(node, MappingNode) else {}
        if node is not None and not isinstance(node, MappingNode):
            problems.error(node.place, f"{what} must be a mapping, not {_kind(node)}")

    def __contains__(self, key: str) -> bool:
        """Whether the key has a value other than null. Does not count as asking."""
        return key in self._entries and not _null(self._entries[key].value)

    @property
    def where(self) -> Place:
        """Where the mapping begins."""
        return self.node.place if self.node is not None else Place("", 0, 0)

    def key_place(self, key: str) -> Place:
        """Where the key stands."""
        return self._entries[key].key

    def place(self, key: str) -> Place:
        """Where the key's value stands."""
        return self._entries[key].value.place

    def written(self) -> tuple[str, ...]:
        """Every key that is written, in order, null or not."""
        return tuple(self._entries)

    def error(self, key: str, message: str) -> None:
        """Record what is wrong with a key's value."""
        self.problems.error(self.place(key), f"{key}: {message}")

    def take(self, key: str) -> Node | None:
        """The value's node, undecoded; None when absent or null."""
        self._asked.add(key)
        return self._entries[key].value if key in self else None

    def read(self, key: str, decode: Callable[[ScalarNode], T], default: D) -> T | D:
        """A scalar value, or `default` when it is absent or wrong."""
        node = self.take(key)
        if node is None:
            return default
        found = decode_scalar(node, key, decode, self.problems)
        return default if found is None else found[0]

    def scalar(self, key: str) -> ScalarNode | None:
        """The value's node if it is a text; anything else is recorded."""
        node = self.take(key)
        if node is None or isinstance(node, ScalarNode):
            return node
        self.error(key, f"must be a text, not {_kind(node)}")
        return None

    def items(self, key: str) -> tuple[Node, ...] | None:
        """The nodes of a list; None when absent, which is not the same as empty."""
        node = self.take(key)
        if node is None or isinstance(node, SequenceNode):
            return None if node is None else node.items
        self.error(key, f"must be a list, not {_kind(node)}")
        return None

    def list_of(self, key: str, decode: Callable[[ScalarNode], T]) -> tuple[tuple[T, Place], ...] | None:
        """A list of scalars with their places; wrong ones are recorded and left out."""
        nodes = self.items(key)
        if nodes is None:
            return None
        found = ((decode_scalar(node, key, decode, self.problems), node) for node in nodes)
        return tuple((value[0], node.place) for value, node in found if value is not None)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        return tuple(value for value, _ in self.list_of(key, text) or ())

    def pairs(self, key: str) -> tuple[tuple[str, ScalarNode], ...]:
        """A mapping of name to text, in order; a null stays, as a node that says so."""
        node = self.take(key)
        if node is None:
            return ()
        if not isinstance(node, MappingNode):
            self.error(key, f"must be a mapping, not {_kind(node)}")
            return ()
        found: list[tuple[str, ScalarNode]] = []
        for name, entry in node.entries.items():
            if isinstance(entry.value, ScalarNode):
                found.append((name, entry.value))
            else:
                self.problems.error(
                    entry.value.place, f"{key}: {name} must be a text, not {_kind(entry.value)}"
                )
        return tuple(found)

    def fields(self, key: str, what: str) -> "Fields | None":
        """A mapping below this one; None when absent."""
        node = self.take(key)
        return None if node is None else Fields(node, what, self.problems)

    def each(self, key: str, what: str) -> "tuple[Fields, ...]":
        """A list of mappings; empty when absent."""
        return tuple(Fields(node, what, self.problems) for node in self.items(key) or ())

    def require(self, key: str) -> bool:
        """Whether the key has a value; its absence is recorded."""
        if key in self:
            return True
        if isinstance(self.node, MappingNode):
            self.problems.error(self.node.place, f"{self.what} needs {key}")
        return False

    def at_most_one(self, *keys: str) -> None:
        """Record the second of keys that exclude each other."""
        given = [key for key in keys if key in self]
        for key in given[1:]:
            self.problems.error(
                self.key_place(key), f"{key}: {given[0]} is set already; at most one of {', '.join(keys)}"
            )

    def close(self) -> None:
        """Record every key that was never asked for."""
        for key, entry in self._entries.items():
            if key not in self._asked:
                self.problems.error(entry.key, unknown(key, self.what, self._asked))


def decode_scalar(
    node: Node, key: str, decode: Callable[[ScalarNode], T], problems: Problems
) -> tuple[T] | None:
    """What the decoder makes of a node, wrapped; None when it cannot, which is recorded under `key`."""
    if not isinstance(node, ScalarNode) or node.null:
        problems.error(node.place, f"{key}: must be a text, not {_kind(node)}")
        return None
    try:
        return (decode(node),)
    except ValueError as error:
        problems.error(node.place, f"{key}: {error}")
        return None


def unknown(key: str, what: str, known: Iterable[str]) -> str:
    """The message for a key that does not exist, with the nearest that does."""
    names = sorted(known)
    near = get_close_matches(key, names, n=1)
    shown = f'unknown key "{key[:64]}" in {what}'
    if near:
        return f'{shown}; did you mean "{near[0]}"?'
    return f"{shown}; it may have {', '.join(names)}" if len(names) <= _FEW else shown


def _null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.null


def _kind(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return "nothing" if node.null else "a text"
    return "a list" if isinstance(node, SequenceNode) else "a mapping"
