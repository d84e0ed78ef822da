"""Named time intervals: `time_intervals`, and `mute_time_intervals` as older files call them.

`load` reads them before the routes that use them. The grammar of an interval is the core's.
"""

from responder.core.intervalparse import FieldPath, IntervalError, parse_interval
from responder.core.timeintervals import TimeInterval
from responder.document.fields import Fields, name
from responder.document.tree import MappingNode, Node, Place, Problems, SequenceNode, to_plain


def read_intervals(root: Fields, *, wraps: bool) -> dict[str, tuple[TimeInterval, ...]]:
    """Every named interval; both keys share one set of names, as in Alertmanager.

    `wraps`: nights and weekends may be said in one entry, which Alertmanager refuses.
    """
    found: dict[str, tuple[TimeInterval, ...]] = {}
    places: dict[str, Place] = {}
    if "mute_time_intervals" in root:
        root.problems.warning(
            root.key_place("mute_time_intervals"), "mute_time_intervals is deprecated; write time_intervals"
        )
    for key in ("mute_time_intervals", "time_intervals"):
        for fields in root.each(key, "a time interval"):
            called = fields.read("name", name, "") if fields.require("name") else ""
            entries = fields.items("time_intervals") or ()
            fields.close()
            intervals = tuple(
                interval
                for entry in entries
                if (interval := _interval(entry, wraps, root.problems)) is not None
            )
            if called in places:
                fields.error("name", f"{called!r} is given twice: first at {places[called]}")
            elif called:
                places[called] = fields.place("name")
                found[called] = intervals
    return found


def _interval(node: Node, wraps: bool, problems: Problems) -> TimeInterval | None:
    if not isinstance(node, MappingNode):
        problems.error(node.place, "an entry of time_intervals must be a mapping")
        return None
    raw = to_plain(node)
    assert isinstance(raw, dict)
    try:
        return parse_interval(raw, wraps=wraps)
    except IntervalError as error:
        for path, message in error.problems:
            problems.error(_find(node, path), f"{path[0]}: {message}")
        return None


def _find(node: Node, path: FieldPath) -> Place:
    """Where the part of an interval stands that a problem speaks of."""
    place = node.place
    for step in path:
        if isinstance(node, MappingNode) and step in node.entries:
            node = node.entries[str(step)].value
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            break
        place = node.place
    return place
