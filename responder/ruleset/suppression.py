"""`suppression.yaml`: maintenance windows that come back on a schedule.

`load` reads it beside the routing, whose time intervals it names. Whatever hides alerts has an owner, a
reason and an end: one that lacks them is an error here. What a window does is the core's.
"""

from collections.abc import Mapping
from typing import Final

from responder.core.model import DAY, Nanoseconds, parse_time
from responder.core.suppression import Maintenance, Suppression
from responder.core.timeintervals import TimeInterval
from responder.document.fields import Fields, name
from responder.document.tree import MappingNode, Node, Place, Problems, ScalarNode
from responder.ruleset.matchers import read_list
from responder.ruleset.routes import no_such

_DATE: Final = "2026-12-31"

Intervals = Mapping[str, tuple[TimeInterval, ...]]


def read_suppression(root: Node | None, intervals: Intervals, problems: Problems) -> Suppression:
    """Everything in the file; an empty one says nothing. `intervals`: those of the routing."""
    if root is None or (isinstance(root, ScalarNode) and root.null):
        return Suppression()
    if not isinstance(root, MappingNode):
        problems.error(root.place, "must be a mapping with maintenance, a list")
        return Suppression()
    fields = Fields(root, "suppression.yaml", problems)
    windows: list[Maintenance] = []
    places: dict[str, Place] = {}
    for entry in fields.each("maintenance", "a maintenance window"):
        window = _maintenance(entry, intervals)
        if window.name in places:
            entry.error("name", f"{window.name!r} is given twice: first at {places[window.name]}")
        elif window.name:
            places[window.name] = entry.place("name")
        windows.append(window)
    fields.close()
    return Suppression(windows)


def _maintenance(fields: Fields, intervals: Intervals) -> Maintenance:
    needed = ("name", "matchers", "time_intervals", "owner", "reason", "until")
    missing = [key for key in needed if not fields.require(key)]
    named = fields.list_of("time_intervals", name) or ()
    for interval, place in named:
        if interval not in intervals:
            fields.problems.error(place, f"time_intervals: {no_such('time interval', interval, intervals)}")
    if not named and "time_intervals" not in missing:
        fields.error("time_intervals", "cannot be empty")
    matchers = read_list(fields, "matchers")
    # As of a silence: one that is content with an alert that has no labels would hide everything.
    if not fields.problems.failed and all(m.op in ("=", "=~") and m.matches("") for m in matchers):
        fields.error("matchers", "at least one must not match the empty text, or it hides everything")
    window = Maintenance(
        name=fields.read("name", _named, ""),
        matchers=matchers,
        time_intervals=tuple(interval for interval, _ in named),
        entries=tuple(entry for interval, _ in named for entry in intervals.get(interval, ())),
        owner=fields.read("owner", _said, ""),
        reason=fields.read("reason", _said, ""),
        until=fields.read("until", _until, 0),
        place=fields.where.short,
    )
    fields.close()
    return window


def _said(node: ScalarNode) -> str:
    if not node.text.strip():
        raise ValueError("cannot be empty")
    return node.text.strip()


def _named(node: ScalarNode) -> str:
    """A name that can stand in a line of text."""
    if not node.text.isprintable() or not node.text.strip():
        raise ValueError("must be a name such as nightly-backup")
    return node.text.strip()


def _until(node: ScalarNode) -> Nanoseconds:
    """A time, or a date: then it is over when that day is, in UTC."""
    wrong = f"{node.text[:64]!r} is neither a date such as {_DATE} nor a time such as {_DATE}T18:00:00Z"
    try:
        if len(node.text) == len(_DATE):
            return parse_time(f"{node.text}T00:00:00Z") + DAY
        return parse_time(node.text)
    except (ValueError, IndexError):
        raise ValueError(wrong) from None
