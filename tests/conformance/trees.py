"""Random route trees and label sets, over few names and values so that they meet.

Suites throw them with a seed. Everything here is accepted by Alertmanager: what is refused is another
suite's matter.
"""

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any, Final, TypeAlias

Tree: TypeAlias = dict[str, Any]
"""A route as YAML has it."""

NAMES: Final = ("env", "team", "severity", "pod_name", "_x", "instance")
VALUES: Final = (
    "",
    "a",
    "b",
    "ab",
    "prod",
    "prod-eu",
    "PROD",
    "crit,ical",
    'say "hi"',
    "back\\slash",
    "{curly}",
    "two words",
    " edge ",
    "line\nfeed",
    "naïve",
    "日本",
    "1.5",
    "yes",
    "a|b",
    "x=y",
    "50%",
    "#hash",
    "it's",
)
_REGEXES: Final = (
    "",
    ".*",
    ".+",
    "a|b",
    "(a|b)+",
    "prod.*",
    "(?i)prod",
    "prod(-eu)?",
    "[a-c]+",
    "^a$",
    "a$|^b",
    "[^a]*",
    "\\d+\\.\\d",
    "\\w+",
    "line.feed",
    "(?s)line.feed",
    "\\p{Han}+",
    "na.ve",
    "[[:upper:]]+",
    "a{1,2}b?",
    "\\Qa|b\\E",
    "x=y|50%",
    'say "hi"',
    "back\\\\slash",
    "(?:crit),(ical)",
    "(?P<n>a)b",
    " *edge *",
    "|a",
    "\\x61",
)
_OPERATORS: Final = ("=", "!=", "=~", "!~")


def tree(dice: Random, prefix: str) -> Tree:
    """A route without matchers that lets its siblings try too, with a random tree below it."""
    names = (f"{prefix}r{number}" for number in range(1_000_000))
    root: Tree = {"receiver": next(names), "continue": True}
    root["routes"] = [_route(dice, names, 1) for _ in range(dice.randint(1, 4))]
    return root


def receivers(route: Tree) -> list[str]:
    """Every receiver that a tree names, once each."""
    own = [route["receiver"]] if "receiver" in route else []
    return [*dict.fromkeys([*own, *(name for child in route.get("routes", ()) for name in receivers(child))])]


def label_set(dice: Random) -> dict[str, str]:
    """Some labels; about every third name is missing, some are empty."""
    labels = {name: dice.choice(VALUES) for name in NAMES if dice.random() < 0.65}
    return labels or {"env": "a"}


def _route(dice: Random, names: Iterator[str], depth: int) -> Tree:
    route: Tree = {}
    if dice.random() < 0.9:
        route["receiver"] = next(names)
    how = dice.random()
    if how < 0.75:
        route["matchers"] = [_matchers(dice) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
    if how > 0.65:
        route["match"] = {name: dice.choice(VALUES) for name in dice.sample(NAMES, dice.choice((0, 1, 1, 2)))}
    if how > 0.8:
        route["match_re"] = {
            name: dice.choice(_REGEXES) for name in dice.sample(NAMES, dice.choice((1, 1, 2)))
        }
    if dice.random() < 0.4:
        route["continue"] = dice.random() < 0.8
    if depth < 4 and dice.random() < 0.45:
        route["routes"] = [_route(dice, names, depth + 1) for _ in range(dice.randint(1, 4))]
    return route


def _matchers(dice: Random) -> str:
    """One string of a list of matchers, in one of the ways in which people write them."""
    text = ",".join(_matcher(dice) for _ in range(dice.choice((1, 1, 1, 2))))
    text += dice.choice(("", "", "", ","))
    return f"{{{text}}}" if dice.random() < 0.2 else text


def _matcher(dice: Random) -> str:
    operator = dice.choice(_OPERATORS)
    value = dice.choice(_REGEXES if "~" in operator else VALUES)
    gap = dice.choice(("", "", " "))
    plain = all(char.isalnum() or char in "-.*+|" for char in value)
    if not plain or dice.random() < 0.6:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        value = f'"{escaped}"'
    return f"{dice.choice(NAMES)}{gap}{operator}{gap}{value}"


def smaller(route: Tree) -> Iterator[Tree]:
    """The same tree with one thing less, each in turn."""
    for key in route:
        if key != "receiver" and key != "routes":
            yield {name: value for name, value in route.items() if name != key}
        if key in ("matchers", "routes") and len(route[key]) > 1:
            for position in range(len(route[key])):
                less = deepcopy(route)
                del less[key][position]
                yield less
        if key in ("match", "match_re") and len(route[key]) > 1:
            for name in route[key]:
                less = deepcopy(route)
                del less[key][name]
                yield less
    if "routes" in route:
        yield {name: value for name, value in route.items() if name != "routes"}
        for position, child in enumerate(route["routes"]):
            for less_child in smaller(child):
                less = deepcopy(route)
                less["routes"][position] = less_child
                yield less
