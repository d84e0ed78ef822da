"""Go templates as Alertmanager's users write them: which are its own defaults, what others are in Jinja2.

`ruleset.migration` asks. A template is looked at as text and never run; what cannot be put in Jinja2
word for word is not put at all.
"""

import glob
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from responder.core.catalogue import Template

_DEFAULT: Final = re.compile(r'\{\{-?\s*template\s+"(\w+\.default\.(\w+))"\s+(\.[\w.]*)\s*-?\}\}')
_DEFINED: Final = re.compile(r'\{\{-?\s*define\s+"([^"]+)"')
_INSTANCES: Final = {"firing": ".Alerts.Firing", "resolved": ".Alerts.Resolved"}
_WORD_FOR_WORD: Final = {
    ("slack", "color"): '{{ifeq.Status"firing"}}danger{{else}}good{{end}}',
    ("pagerduty", "num_firing"): "{{.Alerts.Firing|len}}",
    ("pagerduty", "num_resolved"): "{{.Alerts.Resolved|len}}",
}
"""Defaults that name no template, by kind and key, without white space."""


def default_of(kind: str, key: str, text: str) -> str | None:
    """The template that Alertmanager's default for this key of this kind names, if `text` is that default.

    "" where the default names none; None where the text is anything else.
    """
    written = text.strip()
    if "".join(written.split()) == _WORD_FOR_WORD.get((kind, key), "-"):
        return ""
    match = _DEFAULT.fullmatch(written)
    if match is None or not match[1].startswith(f"{kind}."):
        return None
    if match[2] == "instances":
        return match[1] if match[3] == _INSTANCES.get(key) else None
    same = match[2].lower() == key.replace("_", "").lower() and match[3] == "."
    return match[1] if same else None


def defined_in(patterns: Iterable[str], directory: Path) -> tuple[dict[str, str], list[str]]:
    """Templates that files define, each with its file's name, and the patterns under which no file is.

    `patterns` are those of `templates` in a configuration that lies in `directory`.
    """
    defined: dict[str, str] = {}
    nothing: list[str] = []
    for pattern in patterns:
        files = sorted(glob.glob(pattern, root_dir=directory))
        texts = [(name, text) for name in files if (text := _text(directory / name)) is not None]
        if not texts:
            nothing.append(pattern)
        for name, text in texts:
            defined |= dict.fromkeys(_DEFINED.findall(text), name)
    return defined, nothing


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None


# -- in Jinja2 ----------------------------------------------------------------------------------

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
}
_MAPS_OF_ONE: Final = {".Labels": "alert.labels", ".Annotations": "alert.annotations"}
_COUNTS: Final = {"alerts": "counts.all", "firing": "counts.firing", "resolved": "counts.resolved"}
_FILTERS: Final = {"toUpper": "upper", "toLower": "lower", "title": "title", "len": "length"}
_MEMBER: Final = re.compile(r"(\.\w+)\.([a-zA-Z_]\w*)")
_COMPARED: Final = re.compile(r'(eq|ne)\s+(\S+)\s+("[^"\\]*")')


class _NotKnown(Exception):
    """Something in a template that has no counterpart here."""


def in_jinja(text: str, *, html: bool = False) -> str | None:
    """The same text as a Jinja2 template of ours, or None where that is not certain."""
    if "{%" in text or "{#" in text:
        return None
    blocks: list[str] = []
    out, at = [], 0
    try:
        for match in _ACTION.finditer(text):
            out.append(text[at : match.start()])
            out.append(_action(match[2].strip(), match[1], match[3], blocks))
            at = match.end()
    except _NotKnown:
        return None
    found = "".join(out) + text[at:]
    if blocks or not out or "{{" in text[at:]:
        return None
    from responder.templating import check

    return None if check(Template(found), html=html) else found


def _action(said: str, left: str, right: str, blocks: list[str]) -> str:
    """One action. `blocks` holds what is open, the innermost last."""
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
    return f"{{%{left} {statement} {right}%}}"


def _condition(said: str, blocks: list[str]) -> str:
    if match := _COMPARED.fullmatch(said):
        return f"{_value(match[2], blocks)} {'==' if match[1] == 'eq' else '!='} {match[3]}"
    return _value(said, blocks)


def _value(said: str, blocks: list[str]) -> str:
    """A field, perhaps through filters that are here too."""
    first, *filters = (part.strip() for part in said.split("|"))
    if first.startswith("len "):
        first, filters = first[4:].strip(), ["len", *filters]
    found = _field(first, blocks)
    if filters[:1] == ["len"] and found in _COUNTS:  # the lists themselves are cut off at a thousand
        found, filters = _COUNTS[found], filters[1:]
    for each in filters:
        if each not in _FILTERS:
            raise _NotKnown
        found += f"|{_FILTERS[each]}"
    return found


def _field(said: str, blocks: list[str]) -> str:
    inside = "range" in blocks and not said.startswith("$.")
    said = said.removeprefix("$")
    whole, maps = (_OF_ONE, _MAPS_OF_ONE) if inside else (_OF_ALL, _MAPS_OF_ALL)
    if said in whole:
        return whole[said]
    match = _MEMBER.fullmatch(said)
    if match is None or match[1] not in maps:
        raise _NotKnown
    return f"{maps[match[1]]}.{match[2]}"
