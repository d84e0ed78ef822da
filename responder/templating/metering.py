"""What a template may do to values: filters and tests, each charged to the budget of one rendering.

`environment` puts them into the sandbox. What is not listed here does not exist, and no message of a
Refused holds a text that came with an alert.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any, Final, cast

from jinja2 import pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context, Undefined, markup_join, str_join
from jinja2.tests import TESTS

BUDGET: Final = 1_000_000
"""What one rendering may cost: about a tenth of a microsecond to half a microsecond each."""


_MOST_DIGITS: Final = 15


class Refused(Exception):
    """A template does what none may; the message is for its author and holds no alert's text."""


class Charged(Context):
    """A context that counts what its rendering costs."""

    left = BUDGET

    def spend(self, cost: int) -> None:
        """Refuse what costs more than is left."""
        self.left -= cost
        if self.left < 0:
            raise Refused("does too much: it loops over too many things, or repeats too much text")


def spend(context: Context, cost: int) -> None:
    """Charge the rendering that a context belongs to."""
    cast(Charged, context).spend(cost)


def size(value: object) -> int:
    """What it costs to look at all of a value."""
    return 1 + len(value) if isinstance(value, Sized) and not isinstance(value, Undefined) else 1


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, Undefined))


def shown(value: object) -> object:
    """What `{{ value }}` shows: texts and numbers; a whole list or mapping would be a mistake."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not _scalar(value):
        raise Refused("shows a list or a mapping; loop over it, or join it")
    return value


def _join(context: Context, value: Iterable[object], d: str = "", attribute: str = "") -> str:
    if attribute:
        getitem, parts = context.environment.getitem, attribute.split(".")
        value = [_reach(getitem, item, parts) for item in value]
    pieces: list[object] = []
    for item in value:
        if pieces:
            pieces.append(d)
        pieces.append(shown(item))
        spend(context, size(d) + size(pieces[-1]))
    return (markup_join if context.eval_ctx.autoescape else str_join)(pieces)


def _reach(getitem: Callable[[Any, Any], Any], item: object, parts: list[str]) -> object:
    for part in parts:
        item = getitem(item, part)
    return item


def _replace(context: Context, value: object, old: str, new: str) -> str:
    text, old, new = str(value), str(old), str(new)
    spend(context, text.count(old) * len(new))
    return text.replace(old, new)


def _round(context: Context, value: float, precision: int = 0) -> float:
    if abs(precision) > _MOST_DIGITS:  # Python would make a number of so many digits
        raise Refused("round: too large a precision")
    return round(value, precision) if precision else round(value)


def _tojson(context: Context, value: object) -> str:
    def plain(value: object) -> object:
        spend(context, size(value))
        if isinstance(value, Mapping):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        if isinstance(value, Undefined) or not _scalar(value):
            raise Refused("tojson: only texts, numbers, lists and mappings")
        return value

    return json.dumps(plain(value), ensure_ascii=False)


def _sized(context: Context, value: object) -> object:
    """Something whose whole length is about to be looked at."""
    spend(context, size(value))
    return value


def _flat(context: Context, value: Any) -> Any:
    """A list, tuple or mapping that is written in the template: it holds no other one.

    Nested ones could be made that are small to keep and endless to walk.
    """
    spend(context, size(value))
    for item in value.values() if isinstance(value, dict) else value:
        if type(item) in (list, tuple, dict):
            raise Refused("a list inside a list; only texts, numbers and alerts can stand in one")
    return value


def _counted(context: Context, value: Iterable[Any], cost: int = 1) -> Iterator[Any]:
    """What a loop goes through; each round costs what its body costs."""
    for item in value:
        spend(context, cost)
        yield item


_TEXT: Final = [
    "capitalize",
    "e",
    "escape",
    "lower",
    "safe",
    "string",
    "title",
    "trim",
    "truncate",
    "upper",
    "urlencode",
]
_OTHER: Final = [
    "abs",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "groupby",
    "int",
    "items",
    "last",
    "length",
    "list",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "sort",
    "unique",
]
_OWN: Final[Mapping[str, Callable[..., object]]] = {
    "join": _join,
    "replace": _replace,
    "round": _round,
    "tojson": _tojson,
}
_INNER: Final[Mapping[str, Callable[..., object]]] = {"_sized": _sized, "_flat": _flat, "_counted": _counted}
_TESTS: Final = [
    "boolean",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "even",
    "false",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lt",
    "lower",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "string",
    "true",
    "undefined",
    "upper",
    "==",
    "!=",
    ">",
    ">=",
    "<",
    "<=",
]

FILTER_NAMES: Final = sorted({*_TEXT, *_OTHER, *_OWN})


def _charge(name: str, call: Callable[..., object], text: bool) -> Callable[..., object]:
    """The filter or test, paying for what goes in and what comes out."""
    passed = getattr(call, "jinja_pass_arg", None)
    own = name in _OWN

    @pass_context
    def charged(context: Context, value: object, *args: object, **kwargs: object) -> object:
        spend(context, sum(map(size, (value, *args))))
        if (text or name == "replace") and not _scalar(value):
            raise Refused(f"{name}: takes a text, not a list or a mapping")
        if passed is not None:
            given = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}
            args = (given[passed.name], value, *args)
        elif own:
            args = (context, value, *args)
        else:
            args = (value, *args)
        result = call(*args, **kwargs)
        if isinstance(result, Iterator):
            return _counted(context, result)
        spend(context, size(result))
        return result

    return charged


def filters() -> dict[str, Any]:
    """Every filter by name; `syntax` puts in those that begin with an underscore."""
    known: dict[str, Any] = {name: FILTERS[name] for name in (*_TEXT, *_OTHER)}
    known.update(_OWN)
    found = {name: _charge(name, call, name in _TEXT) for name, call in known.items()}
    return found | {name: pass_context(call) for name, call in _INNER.items()}


def tests() -> dict[str, Any]:
    """Every test by name."""
    known: dict[str, Any] = {name: TESTS[name] for name in _TESTS}
    return {name: _charge(name, call, text=False) for name, call in known.items()}
