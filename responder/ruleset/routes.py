"""The route tree as a file writes it, and what is odd about it.

`load` reads the tree here and builds the core's Router from it. What Alertmanager refuses is an
error; what it accepts and people trip over is a warning.
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from responder.core.model import HOUR, MINUTE, SECOND, Nanoseconds, format_duration
from responder.core.routing import ALL, RouteSpec
from responder.core.rules import Receiver
from responder.document.fields import Fields, duration, duration_above_zero, flag, name
from responder.document.tree import Place, to_plain
from responder.ruleset.matchers import read_matchers
from responder.ruleset.routelabels import Written, read_labels
from responder.ruleset.secrets import Reading
from responder.settings.values import Timers


def read_route(
    fields: Fields, receivers: Collection[str], intervals: Collection[str], timers: Timers, reading: Reading
) -> RouteSpec:
    """The root route and everything below it; `timers` replace what any route says."""
    _check_root(fields)
    reader = _Reader(receivers, intervals, timers, reading)
    return reader.route(fields, None, (30 * SECOND, 5 * MINUTE, 4 * HOUR))


def unused_receivers(
    root: RouteSpec, places: Mapping[str, Place], receivers: Mapping[str, Receiver]
) -> list[tuple[str, Place]]:
    """Receivers that no route names, and that stand in for none that one names."""
    used: set[str] = set()
    left = [root]
    while left:
        spec = left.pop()
        called = spec.receiver or ""
        while called in receivers and called not in used:
            used.add(called)
            called = receivers[called].fallback
        left += spec.routes
    return [(called, place) for called, place in places.items() if called not in used]


_MATCHERS: Final = ("matchers", "match", "match_re")


def _check_root(fields: Fields) -> None:
    """Alertmanager: the root takes every alert, at any time, and has no later siblings."""
    fields.require("receiver")
    for key in (*_MATCHERS, "mute_time_intervals", "active_time_intervals"):
        if _says_something(fields, key):
            fields.problems.error(
                fields.key_place(key), f"{key}: not in the root route, which takes every alert"
            )
    if fields.read("continue", flag, False):
        fields.problems.error(
            fields.key_place("continue"), "continue: not in the root route, which has no siblings"
        )


def _says_something(fields: Fields, key: str) -> bool:
    """Whether a list or mapping is written that is not empty."""
    node = fields.take(key)
    return node is not None and to_plain(node) not in ([], {})


class _Reader:
    """Reads routes below one another; holds what is the same for all."""

    def __init__(
        self, receivers: Collection[str], intervals: Collection[str], timers: Timers, reading: Reading
    ) -> None:
        self._receivers = receivers
        self._intervals = intervals
        self._timers = timers
        self._reading = reading

    def route(
        self,
        fields: Fields,
        muting: Fields | None,
        inherited: tuple[Nanoseconds, Nanoseconds, Nanoseconds],
        inherits: bool = False,
        above: Mapping[str, Written] = MappingProxyType({}),
    ) -> RouteSpec:
        """One route. `muting`: the route above, if that has intervals; `inherited`: its timers.

        `inherits`: the intervals of the route above are inherited. `above`: its labels.
        """
        timers = self._timers
        written = (
            fields.read("group_wait", duration, None),
            fields.read("group_interval", duration_above_zero, None),
            fields.read("repeat_interval", duration_above_zero, None),
        )
        override = (timers.group_wait, timers.group_interval, timers.repeat_interval)
        said = tuple(w if o is None else o for w, o in zip(written, override, strict=True))
        waits = tuple(i if s is None else s for s, i in zip(said, inherited, strict=True))
        self._check_repeat(fields, waits[1], waits[2])
        matchers = read_matchers(fields, "matchers", "match", "match_re")
        receiver = self._receiver(fields)
        mute = self._named_intervals(fields, "mute_time_intervals")
        active = self._named_intervals(fields, "active_time_intervals")
        own_intervals = bool(mute or active)
        if muting is not None and not own_intervals and not inherits:
            fields.problems.warning(
                fields.where,
                f"the time intervals of the route above ({muting.where.short}) are not inherited: "
                "this one is active at any time (inherit_mutes: true there would change that)",
            )
        inherit_mutes = fields.read("inherit_mutes", flag, None)
        hand_down = inherits if inherit_mutes is None else inherit_mutes
        labels = read_labels(fields, above, self._reading)
        children = fields.each("routes", "a route")
        spec = RouteSpec(
            receiver=receiver,
            matchers=matchers,
            group_by=_group_by(fields),
            group_wait=said[0],
            group_interval=said[1],
            repeat_interval=said[2],
            continue_=fields.read("continue", flag, False),
            mute_time_intervals=mute,
            active_time_intervals=active,
            inherit_mutes=inherit_mutes,
            labels=tuple((name, written.text) for name, written in labels.items()),
            routes=tuple(
                self.route(
                    child,
                    fields if own_intervals else None,
                    (waits[0], waits[1], waits[2]),
                    hand_down,
                    {**above, **labels},
                )
                for child in children
            ),
            place=fields.where.short,
        )
        fields.close()
        _warn_unreachable(children, spec.routes)
        return spec

    def _receiver(self, fields: Fields) -> str | None:
        node = fields.scalar("receiver")
        if node is None or not node.text:
            return None
        if node.text not in self._receivers:
            fields.error("receiver", no_such("receiver", node.text, self._receivers))
        return node.text

    def _named_intervals(self, fields: Fields, key: str) -> tuple[str, ...] | None:
        names = fields.list_of(key, name)
        if names is None:
            return None
        for interval, place in names:
            if interval not in self._intervals:
                fields.problems.error(place, f"{key}: {no_such('time interval', interval, self._intervals)}")
        return tuple(interval for interval, _ in names)

    def _check_repeat(self, fields: Fields, interval: Nanoseconds, repeat: Nanoseconds) -> None:
        """Alertmanager looks at repeat_interval only every group_interval (S80)."""
        written = [key for key in ("repeat_interval", "group_interval") if key in fields]
        if written and repeat < interval and self._timers == Timers():
            fields.problems.warning(
                fields.place(written[0]),
                f"{written[0]}: repeats come every {format_duration(interval)}, the group_interval: "
                f"repeat_interval is shorter ({format_duration(repeat)})",
            )


def _group_by(fields: Fields) -> tuple[str, ...] | None:
    named = fields.list_of("group_by", name)
    if named is None:
        return None
    seen: set[str] = set()
    for label, place in named:
        if label in seen:
            fields.problems.error(place, f"group_by: {label!r} is given twice")
        elif label == ALL and len(named) > 1:
            fields.problems.error(place, "group_by: '...' means every label and must stand alone")
        seen.add(label)
    return tuple(label for label, _ in named)


def _warn_unreachable(children: tuple[Fields, ...], specs: tuple[RouteSpec, ...]) -> None:
    """S5: after a sibling without matchers and without `continue` nothing is tried."""
    for position, spec in enumerate(specs):
        if not spec.continue_ and not any(_says_something(children[position], key) for key in _MATCHERS):
            for later in children[position + 1 :]:
                later.problems.warning(
                    later.where,
                    f"never reached: the route at {spec.place} matches every alert and has no continue",
                )
            return


def no_such(what: str, called: str, known: Collection[str]) -> str:
    """The message for a name that does not exist, with the nearest that does."""
    near = get_close_matches(called, known, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f'there is no {what} "{called[:64]}"{hint}'
