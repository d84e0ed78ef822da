"""The route tree: which receivers an alert belongs to, and in which groups.

`ruleset` builds a Router from what a file says; `core.decide` asks it for every alert, and
`explain` walks the same tree step by step. It never looks at time: a muted route still routes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, NamedTuple, TypeAlias

import msgspec

from responder.core.matching import Matcher, all_match, refusal, sort_matchers
from responder.core.model import HOUR, MINUTE, SECOND, Labels, Nanoseconds, format_labels

ALL: Final = "..."
"""In `group_by`: every label, so that each alert is a group of its own."""


class RouteSpec(msgspec.Struct, frozen=True):
    """One node as the file says it; None means "as the parent".

    `group_by`: None inherits, () is one group for the whole route, ("...",) groups by all labels.
    Time intervals are not inherited, as in Alertmanager, unless the parent has `inherit_mutes`: then
    None inherits and () does not. `labels`: what notifications of the route are to bear, each a text that
    may be a template; those of the parent count too, unless there is one of the same name. `place` is
    `file:line`, for people.
    """

    receiver: str | None = None
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] | None = None
    group_wait: Nanoseconds | None = None
    group_interval: Nanoseconds | None = None
    repeat_interval: Nanoseconds | None = None
    continue_: bool = False
    mute_time_intervals: tuple[str, ...] | None = None
    active_time_intervals: tuple[str, ...] | None = None
    inherit_mutes: bool | None = None
    labels: Labels = ()
    routes: tuple["RouteSpec", ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One node with everything inherited; equal and hashed by `id`.

    `index` is its position in the tree, node before children. `key` is Alertmanager's route key:
    the sorted matchers of each level, joined by `/`. Siblings with equal matchers share a key,
    which is why groups are known by `id`: the key and the path of child positions.
    `inherit_mutes`: its children inherit the time intervals. `mutes_of` and `actives_of` are the places
    of the routes that its own are inherited from; "": from none. `labels`: its own over its parent's, by
    name, as they are written; they change neither whom an alert goes to nor its group.
    """

    index: int
    id: str
    key: str
    receiver: str
    group_by: tuple[str, ...]
    group_by_all: bool
    group_wait: Nanoseconds
    group_interval: Nanoseconds
    repeat_interval: Nanoseconds
    matchers: tuple[Matcher, ...]
    continue_: bool
    mute_time_intervals: tuple[str, ...]
    active_time_intervals: tuple[str, ...]
    children: tuple["Route", ...] = field(repr=False)
    place: str = ""
    inherit_mutes: bool = False
    mutes_of: str = ""
    actives_of: str = ""
    labels: Labels = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Route) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def group_labels(self, labels: Labels) -> Labels:
        """Those of an alert's labels that it is grouped by; one that it lacks is left out."""
        if self.group_by_all:
            return labels
        by = self.group_by
        return tuple([pair for pair in labels if pair[0] in by]) if by else ()

    def group_key(self, group_labels: Labels) -> str:
        """Alertmanager's group key, such as `{}/{env="testing"}:{alertname="X", service="api"}`.

        Part of what is sent and of external dedup keys. It does not identify a group: `id` and the
        group labels do.
        """
        return f"{self.key}:{format_labels(group_labels)}"


class Step(msgspec.Struct, frozen=True):
    """One look of the walk down the tree: a route, how deep, whether it matched, and why.

    `receives`: the alert ends here, since it matched and none of its children did.
    """

    route: Route
    depth: int
    matched: bool
    reason: str
    receives: bool = False


GroupKey: TypeAlias = tuple[str, Labels]
"""What tells a group from others: the id of its route, and its labels."""

_MEMO_SIZE: Final = 16_384


class Router:
    """The compiled tree. Decisions depend on nothing but the labels; the memo only saves time.

    Alertmanager: children are tried left to right, depth first; the first that matches without
    `continue` ends the search among its siblings; `continue` counts at its own level only. A node
    receives if it matches and no child does.

    Raises ValueError if the root names no receiver.
    """

    def __init__(self, root: RouteSpec) -> None:
        self.root = _resolve(root, None, (), count())
        self.routes = tuple(_flatten(self.root))
        self.by_id = {route.id: route for route in self.routes}
        self.mentioned = frozenset(matcher.name for route in self.routes for matcher in route.matchers)
        self._decisive = self.mentioned.union(*(route.group_by for route in self.routes))
        self._branches = [_Branch(route.children) for route in self.routes]
        self._memo: dict[Labels, tuple[Route, ...]] = {}
        self._groups: dict[Labels, tuple[tuple[Route, GroupKey], ...]] = {}

    def groups(self, labels: Labels) -> tuple[tuple[Route, GroupKey], ...]:
        """The routes that receive an alert with these labels, and the group that it is in at each."""
        decisive = self._decisive
        key = tuple([pair for pair in labels if pair[0] in decisive])
        known = self._groups.get(key)
        if known is None:
            routes = self.match(labels)
            known = tuple([(route, (route.id, route.group_labels(labels))) for route in routes])
            if any(route.group_by_all for route in routes):
                return known  # of this alert alone
            if len(self._groups) >= _MEMO_SIZE:
                self._groups.clear()
            self._groups[key] = known
        return known

    def match(self, labels: Labels) -> tuple[Route, ...]:
        """The routes that receive an alert with these labels, in match order."""
        mentioned = self.mentioned
        key = tuple([pair for pair in labels if pair[0] in mentioned])
        known = self._memo.get(key)
        if known is None:
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            values = dict(key)
            found: list[Route] = []
            if all_match(self.root.matchers, values):
                self._descend(self.root, values, found)
            known = self._memo[key] = tuple(found)
        return known

    def _descend(self, route: Route, values: Mapping[str, str], found: list[Route]) -> None:
        """Append what receives at or below `route`, which matches."""
        before = len(found)
        for child in self._branches[route.index].candidates(values):
            if all_match(child.matchers, values):
                self._descend(child, values, found)
                if not child.continue_:
                    break
        if len(found) == before:
            found.append(route)

    def walk(self, labels: Labels) -> tuple[Route, ...]:
        """What `match` answers, found by the plain walk that `explain` shows."""
        return tuple(step.route for step in self.explain(labels) if step.receives)

    def explain(self, labels: Labels) -> list[Step]:
        """Every look that the search takes, node before children, and the siblings it skips."""
        steps: list[Step] = []
        _look(self.root, 0, dict(labels), steps)
        return steps


# -- building ---------------------------------------------------------------------------------


def _resolve(spec: RouteSpec, parent: Route | None, path: tuple[int, ...], indices: Iterator[int]) -> Route:
    """The node and, below it, its children, each with what it inherits."""
    matchers = sort_matchers(spec.matchers)
    own = "{" + ",".join(map(str, matchers)) + "}"
    key = f"{parent.key}/{own}" if parent else own
    receiver = spec.receiver or (parent.receiver if parent else None)
    if receiver is None:
        raise ValueError("the root route needs a receiver")
    if spec.group_by is not None:
        group_by_all = spec.group_by == (ALL,)
        group_by = () if group_by_all else spec.group_by
    else:
        group_by, group_by_all = (parent.group_by, parent.group_by_all) if parent else ((), False)
    waits = (parent.group_wait, parent.group_interval, parent.repeat_interval) if parent else _DEFAULTS
    said = (spec.group_wait, spec.group_interval, spec.repeat_interval)
    wait, interval, repeat = (was if now is None else now for was, now in zip(waits, said, strict=True))

    said_mutes = spec.inherit_mutes
    inherit_mutes = said_mutes if said_mutes is not None else parent is not None and parent.inherit_mutes
    above = parent if parent and parent.inherit_mutes else None
    mutes, mutes_of = spec.mute_time_intervals, ""
    if mutes is None and above:
        mutes, mutes_of = above.mute_time_intervals, above.mutes_of or above.place
    actives, actives_of = spec.active_time_intervals, ""
    if actives is None and above:
        actives, actives_of = above.active_time_intervals, above.actives_of or above.place

    route = Route(
        index=next(indices),
        id="/".join((key, *map(str, path))),
        key=key,
        receiver=receiver,
        group_by=group_by,
        group_by_all=group_by_all,
        group_wait=wait,
        group_interval=interval,
        repeat_interval=repeat,
        matchers=matchers,
        continue_=spec.continue_,
        mute_time_intervals=mutes or (),
        active_time_intervals=actives or (),
        children=(),
        place=spec.place,
        inherit_mutes=inherit_mutes,
        mutes_of=mutes_of if mutes else "",
        actives_of=actives_of if actives else "",
        labels=tuple(sorted((dict(parent.labels if parent else ()) | dict(spec.labels)).items())),
    )
    children = (_resolve(child, route, (*path, at), indices) for at, child in enumerate(spec.routes))
    return replace(route, children=tuple(children))


_DEFAULTS: Final = (30 * SECOND, 5 * MINUTE, 4 * HOUR)
"""Alertmanager's group_wait, group_interval and repeat_interval."""


def _flatten(route: Route) -> Iterator[Route]:
    yield route
    for child in route.children:
        yield from _flatten(child)


# -- the index --------------------------------------------------------------------------------


class _Posting(NamedTuple):
    """Children that ask for certain values of one label: value to child positions."""

    label: str
    positions: dict[str, tuple[int, ...]]


class _Branch:
    """The children of one node, found by the values that they insist on.

    A child with an equality matcher (or a list of plain values) is looked up by it; where it has
    several, by the label that tells its siblings apart best. The others are always candidates.
    """

    __slots__ = ("_always", "_children", "_postings")

    def __init__(self, children: tuple[Route, ...]) -> None:
        self._children = children
        distinct: dict[str, set[str]] = {}
        for child in children:
            for matcher in child.matchers:
                distinct.setdefault(matcher.name, set()).update(matcher.accepts or ())
        always: list[int] = []
        postings: dict[str, dict[str, list[int]]] = {}
        for position, child in enumerate(children):
            choices = [matcher for matcher in child.matchers if matcher.accepts is not None]
            if not choices:
                always.append(position)
                continue
            best = max(choices, key=lambda matcher: len(distinct[matcher.name]))
            for value in best.accepts or ():
                postings.setdefault(best.name, {}).setdefault(value, []).append(position)
        self._always = tuple(always)
        self._postings = [
            _Posting(name, {value: tuple(at) for value, at in values.items()})
            for name, values in postings.items()
        ]

    def candidates(self, values: Mapping[str, str]) -> Iterator[Route]:
        """The children that may match, left to right."""
        if not self._postings:
            return iter(self._children)
        positions = list(self._always)
        for label, known in self._postings:
            positions += known.get(values.get(label, ""), ())
        positions.sort()
        return map(self._children.__getitem__, positions)


# -- the plain walk ---------------------------------------------------------------------------


def _look(route: Route, depth: int, values: Mapping[str, str], steps: list[Step]) -> bool:
    """Add the steps at and below `route`; whether it matches."""
    if why := refusal(route.matchers, values):
        steps.append(Step(route, depth, False, why))
        return False
    at = len(steps)
    steps.append(Step(route, depth, True, ""))
    taken: Route | None = None
    inside = False
    for child in route.children:
        if taken is not None:
            steps.append(
                Step(child, depth + 1, False, f"not tried: {taken.key} matched and does not continue")
            )
        elif _look(child, depth + 1, values, steps):
            inside = True
            taken = None if child.continue_ else child
    reason = "every matcher holds" if route.matchers else "it has no matchers, so it takes everything"
    if not inside and route.children:
        reason += "; none of its routes matches, so it receives"
    steps[at] = Step(route, depth, True, reason, receives=not inside)
    return True
