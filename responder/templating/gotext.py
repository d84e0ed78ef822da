"""Go templates put into Jinja2, as far as that can be done word for word.

`ruleset` asks when it reads labels of routes, `ruleset.migration` to say how a text could be kept, and
`routelabels` when it expands labels. A Go template is looked at as text and never run; what cannot be put
in Jinja2 word for word is not put at all.
"""

import re
from functools import lru_cache
from typing import Final

from responder.core.catalogue import Template
from responder.templating.rendering import check

_ACTION: Final = re.compile(r"\{\{(-?)(.*?)(-?)\}\}", re.DOTALL)
_OF_ALL: Final = {
    ".Status": "status",
    ".Receiver": "receiver",
    ".ExternalURL": "external_url",
    ".Alerts": "alerts",
    ".Alerts.Firing": "firing",
    ".Alerts.Resolved": "resolved",
}
_OF_ONE: Final = {
    ".Status": "alert.status",
    ".StartsAt": "alert.starts_at",
    ".EndsAt": "alert.ends_at",
    ".GeneratorURL": "alert.generator_url",
    ".Fingerprint": "alert.fingerprint",
}
_MAPS_OF_ALL: Final = {
    ".CommonLabels": "common_labels",
    ".GroupLabels": "group_labels",
    ".CommonAnnotations": "common_annotations",
    ".RouteLabels": "route_labels",
}
_MAPS_OF_ONE: Final = {".Labels": "alert.labels", ".Annotations": "alert.annotations"}
_COUNTS: Final = {"alerts": "counts.all", "firing": "counts.firing", "resolved": "counts.resolved"}
_FILTERS: Final = {
    "toUpper": "upper",
    "toLower": "lower",
    "title": "title",
    "trimSpace": "trim",
}
_MEMBER: Final = re.compile(r"(\.\w+)\.([a-zA-Z_]\w*)")
_INDEXED: Final = re.compile(r'index\s+(\$?)(\.\w+)\s+("[^"\\\n]*")')
_OF_ROUTE: Final = re.compile(r'routeLabels\s+("[^"\\\n]*")')
_REFERENCE: Final = re.compile(r'(?:routeLabels|\.RouteLabels)\s+"([^"]*)"|\.RouteLabels\.(\w+)')
_METHODS: Final = frozenset({"get", "items", "keys", "values"})
"""What Jinja2 would take for something else than a label, as what begins with an underscore."""
_GO_METHODS: Final = frozenset({"Names", "Remove", "SortedPairs", "String", "Values"})
"""What Go takes for something else than a label."""
_COMPARED: Final = re.compile(r'(eq|ne)\s+(\S+)\s+("[^"\\]*")')


class _NotKnown(Exception):
    """Something in a template that has no counterpart here."""


def labels_in(text: str) -> set[str]:
    """The labels of its route that a template names."""
    actions = [action[2] for action in _ACTION.finditer(text)]
    return {match[1] or match[2] for action in actions for match in _REFERENCE.finditer(action)}


def is_template(text: str) -> bool:
    """Whether there is anything in a text that Go would not write as it stands."""
    return "{{" in text


@lru_cache(maxsize=512)
def in_jinja(text: str, *, html: bool = False) -> str | None:
    """The same text as a Jinja2 template of ours, or None where that is not certain."""
    if "{%" in text or "{#" in text:
        return None
    blocks: list[str] = []
    out, at = [], 0
    try:
        for match in _ACTION.finditer(text):
            out.append(text[at : match.start()])
            out.append(_action(match[2].strip(), match[1], match[3], blocks, text))
            at = match.end()
    except _NotKnown:
        return None
    found = "".join(out) + text[at:]
    if blocks or not out or "{{" in text[at:]:
        return None
    return None if check(Template(found), html=html) else found


def _action(said: str, left: str, right: str, blocks: list[str], text: str) -> str:
    """One action of a text. `blocks` holds what is open, the innermost last."""
    word, _, rest = said.partition(" ")
    if word == "range" and "range" not in blocks:
        listed = _value(rest.strip(), blocks)
        if listed not in _COUNTS:
            raise _NotKnown
        statement = f"for alert in {listed}"
        blocks.append("range")
    elif word == "if":
        statement = f"if {_condition(rest.strip(), blocks)}"
        blocks.append("if")
    elif word == "else" and blocks and blocks[-1] == "if":
        inner = rest.strip()
        if inner.startswith("if "):
            statement = f"elif {_condition(inner[3:].strip(), blocks)}"
        elif inner:
            raise _NotKnown
        else:
            statement = "else"
    elif said == "end" and blocks:
        statement = "endfor" if blocks.pop() == "range" else "endif"
    else:
        return f"{{{{{left} {_value(said, blocks)} {right}}}}}"
    keep = "+" if "\n" in text else ""  # else Jinja2 drops the line's end, and what is before, around a block
    return f"{{%{left or keep} {statement} {right or keep}%}}"


def _condition(said: str, blocks: list[str]) -> str:
    if match := _COMPARED.fullmatch(said):
        return f"{_value(match[2], blocks)} {'==' if match[1] == 'eq' else '!='} {match[3]}"
    return _value(said, blocks)


def _value(said: str, blocks: list[str]) -> str:
    """A field, perhaps through filters that are here too."""
    first, *filters = (part.strip() for part in said.split("|"))
    called, _, rest = first.partition(" ")
    if called == "len" or called in _FILTERS:
        first, filters = rest.strip(), [called, *filters]
    found = _field(first, blocks)
    if filters[:1] == ["len"] and found in _COUNTS:  # the lists themselves are cut off at a thousand
        found, filters = _COUNTS[found], filters[1:]
    for each in filters:
        if each not in _FILTERS:  # nor is `len` of a text: Go counts bytes
            raise _NotKnown
        found += f"|{_FILTERS[each]}"
    return found


def _field(said: str, blocks: list[str]) -> str:
    if match := _OF_ROUTE.fullmatch(said):
        return f"route_labels[{match[1]}]"
    if match := _INDEXED.fullmatch(said):
        maps = _MAPS_OF_ONE if "range" in blocks and not match[1] else _MAPS_OF_ALL
        if match[2] not in maps:
            raise _NotKnown
        return f"{maps[match[2]]}[{match[3]}]"
    inside = "range" in blocks and not said.startswith("$.")
    said = said.removeprefix("$")
    whole, maps = (_OF_ONE, _MAPS_OF_ONE) if inside else (_OF_ALL, _MAPS_OF_ALL)
    if said in whole:
        return whole[said]
    match = _MEMBER.fullmatch(said)
    if match is None or match[1] not in maps or match[2] in _GO_METHODS:
        raise _NotKnown
    entry = match[2] in _METHODS or match[2].startswith("_")
    return f'{maps[match[1]]}["{match[2]}"]' if entry else f"{maps[match[1]]}.{match[2]}"
