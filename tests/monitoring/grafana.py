"""Is a dashboard one that Grafana's own schema describes?

Grafana publishes the schema as types; `faults` holds a document against them for the tests:
nothing in it that they do not know, and every value of its type. It must never be as lenient as Grafana
itself, which drops what it does not know without a word.
"""

import json
from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from grafana_foundation_sdk.cog import runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard, prometheus, stat, timeseries

runtime.register_panelcfg_variant(stat.variant_config())
runtime.register_panelcfg_variant(timeseries.variant_config())
runtime.register_dataquery_variant(prometheus.variant_config())
KINDS = {"stat", "timeseries"}


def faults(document: dict[str, Any]) -> list[str]:
    """What is wrong with it, each with its place."""
    strange = [f"panels: kind {panel['type']}" for panel in document["panels"] if panel["type"] not in KINDS]
    read = dashboard.Dashboard.from_json(document)
    written = json.loads(JSONEncoder().encode(read))
    return [*strange, *_lost(document, written, "dashboard"), *_mistyped(read, type(read), "dashboard")]


def _lost(given: Any, kept: Any, place: str) -> Iterator[str]:
    """What the schema did not keep."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from _lost(value, kept[key], f"{place}.{key}")
            else:
                yield f"{place}.{key}: unknown"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(one, other, f"{place}[{number}]")
    elif given != kept:
        yield f"{place}: {given!r} becomes {kept!r}"


def _mistyped(value: Any, wanted: Any, place: str) -> Iterator[str]:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return
        verdicts = [list(_mistyped(value, one, place)) for one in arguments if one is not NoneType]
        yield from min(verdicts, key=len)
    elif origin is Literal:
        if value not in arguments:
            yield f"{place}: {value!r} is none of {arguments}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        for number, item in enumerate(value):
            yield from _mistyped(item, arguments[0], f"{place}[{number}]")
    elif hasattr(value, "to_json"):
        for name, hint in get_type_hints(type(value)).items():
            yield from _mistyped(getattr(value, name), hint, f"{place}.{name}")
    elif wanted in (Any, object):
        return
    elif isinstance(wanted, type) and issubclass(wanted, Enum):
        if value not in [member.value for member in wanted]:
            yield f"{place}: {value!r} is no {wanted.__name__}"
    elif not _is(value, origin or wanted):
        yield f"{place}: {value!r} is no {wanted}"


def _is(value: Any, wanted: Any) -> bool:
    if wanted in (int, float):
        return isinstance(value, (int, wanted)) and not isinstance(value, bool)
    return isinstance(value, wanted)
