"""The values that everything else is about: labels, alerts, times.

Every module of the house imports these; nothing here knows routes, storage or the network.
Times are whole nanoseconds since the Unix epoch and durations whole nanoseconds, because
Alertmanager speaks RFC 3339 with up to nine fractional digits and nothing may be rounded away.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from operator import call
from typing import Final, Literal, TypeAlias, cast

import msgspec
from fnv_c import fnv1a_64  # type: ignore[import-untyped]  # it has no stubs

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""A label set: (name, value) pairs sorted by name, none empty.

It is an alert's identity: Alertmanager drops labels whose value is empty before it compares.
"""

Nanoseconds: TypeAlias = int

MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

Source: TypeAlias = Literal["webhook", "api", "responder"]
"""Which entrance an alert came by: it decides how its end is known."""


_Pool: TypeAlias = dict[str, tuple[str, str]]
_POOLS: Final[dict[str, _Pool]] = {}
_NAMES_MOST: Final = 4_096
_VALUES_MOST: Final = 2_048
_VALUE_LONGEST: Final = 1_024
_VARIED: Final[set[str]] = set()
"""Names with more than `_VALUES_MOST` values (a pod, an instance) have few alerts a value: not worth sharing,
nor the memory that looking for them takes up."""


class Shape:
    """What all label sets have in common whose names come in the same order: how they are read.

    `names_length`: the characters of all names. `nameless`: one of the names is empty. `kept`: it is so small
    that it, and pairs of these names, may be remembered: limits are looked at later than this.
    """

    __slots__ = ("_find", "_names", "_sorted", "kept", "nameless", "names_length")

    def __init__(self, names: tuple[str, ...]) -> None:
        """Of label sets with these names, in this order."""
        self._names = tuple(sorted(names))
        self._sorted = self._names == names
        self.names_length = len("".join(names))
        self.nameless = "" in names
        self.kept = len(names) <= _SHAPE_NAMES and self.names_length <= _SHAPE_LENGTH
        finder = _finder if self.kept else _maker
        self._find = tuple([finder(name) for name in self._names])

    def labels(self, mapping: Mapping[str, str]) -> Labels:
        """The label set of a mapping with these names: sorted by name, without empty values.

        Its pairs are objects that thousands of other alerts have too, which saves memory and time.
        """
        values = mapping.values() if self._sorted else [mapping[name] for name in self._names]
        # In one call: this is a third of what reading an alert costs.
        pairs = list(map(call, self._find, values))
        if all(pairs):
            return cast(Labels, tuple(pairs))
        found = zip(pairs, self._names, values, strict=True)
        return tuple([pair or _shared(name, value) for pair, name, value in found if value])


_SHAPES: Final[dict[tuple[str, ...], Shape]] = {}
_SHAPES_MOST: Final = 1_024
_SHAPE_NAMES: Final = 128
_SHAPE_LENGTH: Final = 4_096
"""Names, and their characters, of a shape that is remembered."""


def shape_of(mapping: Iterable[str]) -> Shape:
    """How label sets with these names are read: senders give the same ones in the same order."""
    names = tuple(mapping)
    shape = _SHAPES.get(names)
    if shape is None:
        if len(_SHAPES) >= _SHAPES_MOST or len(_POOLS) >= _NAMES_MOST:
            for pool in (_SHAPES, _POOLS, _VARIED):
                pool.clear()
        shape = Shape(names)
        if shape.kept:
            _SHAPES[names] = shape
    return shape


def labels_from(mapping: Mapping[str, str]) -> Labels:
    """The label set of a mapping of name to value: sorted by name, without empty values."""
    return shape_of(mapping).labels(mapping)


def share(pairs: Labels) -> Labels:
    """The same pairs, made of objects that thousands of other alerts have too."""
    return labels_from(dict(pairs))


def _finder(name: str) -> Callable[[str], tuple[str, str] | None]:
    """What finds the pair of this name and a value; None: it was not seen before, or the value is empty."""
    return _maker(name) if name in _VARIED else _POOLS.setdefault(name, {}).get


def _maker(name: str) -> Callable[[str], tuple[str, str] | None]:
    """What makes such a pair each time."""
    return lambda value: (name, value) if value else None


def _shared(name: str, value: str) -> tuple[str, str]:
    """A pair that is in no pool, and is from now on."""
    pair = (name, value)
    if name not in _VARIED and len(value) <= _VALUE_LONGEST:
        pool = _POOLS.setdefault(name, {})
        pool[value] = pair
        if len(pool) > _VALUES_MOST:
            _VARIED.add(name)
            _POOLS.pop(name, None)  # a thread that reads the store may have been first
            _SHAPES.clear()
    return pair


class Alert(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One alert as last heard of.

    `ends_at` 0 means that no end is known: it fires until somebody says otherwise (webhook).
    `ends_by_timeout`: nobody gave an end, `resolve_timeout` did (Alertmanager calls it timeout).
    `episode` counts from 1 and grows each time a resolved alert fires again, so that
    resolve-and-fire-again between two looks is not invisible.
    `groups` are the ids of the groups that it is a member of.
    `stale`: a webhook alert that nobody renewed in time; neither firing nor resolved.
    """

    id: int
    labels: Labels
    annotations: Labels
    starts_at: int
    ends_at: int
    updated_at: int
    generator_url: str = ""
    episode: int = 1
    source: Source = "webhook"
    ends_by_timeout: bool = False
    stale: bool = False
    groups: tuple[int, ...] = ()

    def resolved_at(self, now: Nanoseconds) -> bool:
        """Whether it is over at `now`: an end that lies at or before it."""
        return 0 < self.ends_at <= now

    def firing_at(self, now: Nanoseconds) -> bool:
        """Whether it fires at `now`: neither over nor stale."""
        return not (self.stale or 0 < self.ends_at <= now)


def label(labels: Labels, name: str) -> str:
    """The value of a label; a missing one equals the empty string, as in Alertmanager."""
    for key, value in labels:
        if key == name:
            return value
    return ""


# -- fingerprint ------------------------------------------------------------------------------


def fingerprint(labels: Labels) -> str:
    """Alertmanager's fingerprint: FNV-1a 64 over the pairs, each `name 0xFF value 0xFF`, as hex.

    Costs microseconds: made when it leaves (API, webhook, journal), never to compare alerts.
    """
    raw = b"".join([b"%b\xff%b\xff" % (name.encode(), value.encode()) for name, value in labels])
    return f"{fnv1a_64(raw):016x}"


# -- text -------------------------------------------------------------------------------------

_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def go_quote(text: str) -> str:
    """Quote as Go's `strconv.Quote`: printable runes as they are, the rest escaped."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    out = ['"']
    for char in text:
        point = ord(char)
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char == " " or (char.isprintable() and not 0xD800 <= point < 0xE000):
            out.append(char)
        elif point < 0x80:
            out.append(f"\\x{point:02x}")
        elif point < 0x10000:
            out.append(f"\\u{point:04x}")
        else:
            out.append(f"\\U{point:08x}")
    out.append('"')
    return "".join(out)


def format_labels(labels: Labels) -> str:
    """`{alertname="X", job="y"}`: how Alertmanager prints a label set in a group key."""
    return "{" + ", ".join(f"{name}={go_quote(value)}" for name, value in labels) + "}"


def format_time(at: Nanoseconds) -> str:
    """RFC 3339 in UTC with as many fractional digits as needed; 0 is Go's zero time."""
    if at == 0:
        return "0001-01-01T00:00:00Z"
    seconds, nanos = divmod(at, SECOND)
    text = _second(seconds)
    return f"{text}.{nanos:09d}".rstrip("0") + "Z" if nanos else f"{text}Z"


@lru_cache(maxsize=4_096)
def _second(seconds: int) -> str:
    """A whole second; what happens in one is written by the hundreds."""
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    # strftime does not pad years below 1000
    return text if text[4] == "-" else text.rjust(19, "0")


ZERO_TIME: Final = "0001-01-01T00:00:00Z"
FAR_FUTURE: Final = 9_214_646_400 * SECOND


@lru_cache(maxsize=16_384)
def parse_time(text: str) -> Nanoseconds:
    """Nanoseconds of an RFC 3339 date-time; the zero time is 0, "absent".

    Times after 2262-01-01 come out as that day: the last that 64 bits of nanoseconds hold.
    Raises ValueError with what would be right. Times before 1970 other than Go's zero time are
    refused as well: no alert began then, and 0 means absent.
    """
    if text == ZERO_TIME:
        return 0
    body, offset = (text[:-1], "+00:00") if text[-1:] in ("Z", "z") else (text[:-6], text[-6:])
    head, dot, fraction = body.partition(".")
    if (
        len(head) != 19
        or head[10] not in "Tt"
        or (dot and not (fraction.isascii() and fraction.isdigit() and len(fraction) <= 9))
        or offset[0] not in "+-"
        or offset[3] != ":"
    ):
        raise ValueError(f"{text[:64]!r} is not an RFC 3339 time such as 2026-01-05T08:00:00Z")
    try:
        moment = datetime.fromisoformat(head + offset)
        seconds = int((moment - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:64]!r} is not an RFC 3339 time such as 2026-01-05T08:00:00Z") from None
    nanos = int(fraction.ljust(9, "0")) if dot else 0
    at = seconds * SECOND + nanos
    if moment.year == 1 and at <= _ZERO_DAY_END:
        return 0
    if at <= 0:
        raise ValueError(f"{text[:64]!r} lies before 1970")
    return min(at, FAR_FUTURE)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_DAY_END: Final = int((datetime(1, 1, 2, tzinfo=UTC) - _EPOCH).total_seconds()) * SECOND


# -- durations --------------------------------------------------------------------------------

_UNITS: Final = (
    ("y", 365 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
)


def parse_duration(text: str) -> Nanoseconds:
    """A Prometheus duration: whole numbers of `y w d h m s ms`, in that order, or `0`.

    Raises ValueError with what would be right.
    """
    if text == "0":
        return 0
    rest, total, seen = text, 0, -1
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        unit_end = digits
        while unit_end < len(rest) and rest[unit_end].isalpha():
            unit_end += 1
        unit = rest[digits:unit_end]
        index = next((i for i, (name, _) in enumerate(_UNITS) if name == unit), -1)
        if digits == 0 or digits > 18 or index <= seen or not rest[:digits].isascii():
            break
        total += int(rest[:digits]) * _UNITS[index][1]
        rest, seen = rest[unit_end:], index
    if rest or not text or total > 290 * 365 * DAY:
        raise ValueError(f"{text[:64]!r} is not a duration such as 30s, 5m, 1h30m or 4d")
    return total


def format_duration(duration: Nanoseconds) -> str:
    """A Prometheus duration as people write it: `5m`, `1h30m`, `0s`."""
    if duration == 0:
        return "0s"
    out = []
    for unit, size in _UNITS:
        if unit in ("y", "w") and duration % size:
            continue
        count, duration = divmod(duration, size)
        if count:
            out.append(f"{count}{unit}")
    return "".join(out) or "0s"
