"""Selectors: a query's `labelSelector` and `fieldSelector`, and the `selector` within an object.

`reads` asks for lists and watches, the controllers for the pods that are theirs. A selector that
cannot be read raises Failure, and selects nothing meanwhile.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from responder.sandbox.kubernetes.failure import bad_request
from responder.sandbox.kubernetes.kinds import Kind, Object

_PART: Final = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_KEY: Final = rf"({_PART}/)?{_PART}"
_VALUE: Final = rf"({_PART})?"
_EQUAL: Final = re.compile(rf"\s*(?P<key>{_KEY})\s*(?P<how>==|=|!=)\s*(?P<value>{_VALUE})\s*")
_SET: Final = re.compile(rf"\s*(?P<key>{_KEY})\s+(?P<how>in|notin)\s*\((?P<values>[^()]*)\)\s*")
_EXISTS: Final = re.compile(rf"\s*(?P<absent>!?)\s*(?P<key>{_KEY})\s*")
_COMMA: Final = re.compile(r",(?![^()]*\))")

Selects = Callable[[Object], bool]


def labels_of(document: Object) -> dict[str, str]:
    """The labels of an object."""
    return document["metadata"].get("labels") or {}


def query_selector(kind: Kind, labels: str, fields: str) -> Selects:
    """What a list or a watch asks for. Raises Failure 400."""
    tests = [_label_test(part) for part in _COMMA.split(labels)] if labels.strip() else []
    tests += [_field_test(kind, part) for part in fields.split(",")] if fields.strip() else []
    return lambda document: all(test(document) for test in tests)


def _label_test(part: str) -> Selects:
    if found := _EQUAL.fullmatch(part):
        key, operator, value = found["key"], found["how"], found["value"]
        return lambda document: (labels_of(document).get(key) == value) == (operator != "!=")
    if found := _SET.fullmatch(part):
        key, wanted = found["key"], {value.strip() for value in found["values"].split(",")}
        within = found["how"] == "in"
        return lambda document: (labels_of(document).get(key) in wanted) == within
    if found := _EXISTS.fullmatch(part):
        key, there = found["key"], not found["absent"]
        return lambda document: (key in labels_of(document)) == there
    raise bad_request(f'unable to parse requirement: found "{part}"')


def _field_test(kind: Kind, part: str) -> Selects:
    found = re.fullmatch(r"\s*([A-Za-z.]+)\s*(==|=|!=)\s*([^=!]*?)\s*", part)
    if not found:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    path, operator, value = found[1], found[2], found[3]
    known = {"metadata.name", *kind.fields} | ({"metadata.namespace"} if kind.namespaced else set())
    if path not in known:
        raise bad_request(f"field label not supported: {path}")

    def test(document: Object) -> bool:
        there: Any = document
        for step in path.split("."):
            there = (there or {}).get(step)
        said = {None: "", True: "true", False: "false"}.get(there, there)
        return bool(said == value) == (operator != "!=")

    return test


def object_selector(selector: dict[str, Any] | None) -> Selects:
    """`matchLabels` and `matchExpressions`. None selects nothing, an empty one everything."""
    if selector is None:
        return lambda document: False
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []

    def selects(document: Object) -> bool:
        labels = labels_of(document)
        return all(labels.get(key) == value for key, value in wanted.items()) and all(
            _holds(expression, labels) for expression in expressions
        )

    return selects


def _holds(expression: dict[str, Any], labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def spelled(selector: dict[str, Any]) -> str:
    """As a Scale's `status.selector` has it: `app=checkout,tier in (a,b)`."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or []:
        key, values = expression["key"], ",".join(sorted(expression.get("values") or []))
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(words.get(expression["operator"], f"!{key}"))
    return ",".join(parts)
