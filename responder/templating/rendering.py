"""Renders a template, and says beforehand whether it can be rendered.

`ruleset` calls `check` when the rules are loaded, `notify` calls `render` for each notification.
No error holds a text that came with an alert.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final, NamedTuple

from jinja2 import Template as Compiled
from jinja2 import TemplateSyntaxError, UndefinedError, meta, nodes

from responder.core.catalogue import Template
from responder.core.truncation import truncate_runes
from responder.templating.context import NAMES
from responder.templating.environment import HTML, TEXT
from responder.templating.metering import FILTER_NAMES, Refused
from responder.templating.samples import samples

MOST: Final = 40_000
"""The longest text that a template may give, in characters."""


MOST_SOURCE: Final = 16_000
"""The longest template, in characters."""


class TemplateFailed(Exception):
    """A template could not be rendered; the message says where and why, without an alert's texts."""


class Fault(NamedTuple):
    """What is wrong with a template. `line` counts from 1 within its text; 0: the whole of it."""

    line: int
    message: str


def render(template: Template, context: Mapping[str, Any], *, html: bool = False, most: int = MOST) -> str:
    """The text, without white space at its ends.

    `html`: values are escaped unless the template marks them safe. Text beyond `most` characters is
    cut off, and marked so; HTML is not cut, since half of it could hide the rest of a page.
    Raises TemplateFailed.
    """
    if template.plain:
        return truncate_runes(template.source, most)
    try:
        text = _generate(_compiled(template.source, html), context, html, most)
    except _Failed as failed:
        line = f"line {failed.fault.line} of the template: " if failed.fault.line > 1 else ""
        raise TemplateFailed(f"{template.place}: {line}{failed.fault.message}") from None
    return truncate_runes(text.strip(), most)


def check(template: Template, html: bool = False) -> list[Fault]:
    """Everything that is wrong with a template, by line; nothing if it can be rendered.

    It is tried on samples: one alert and many, resolved, stale, with hostile labels and without
    annotations.
    """
    if template.plain:
        return []
    try:
        compiled = _compiled(template.source, html)
        if unknown := list(_unknown(template.source, html)):
            return unknown
    except _Failed as failed:
        return [failed.fault]
    found: dict[Fault, None] = {}
    for what, context in samples():
        try:
            _generate(compiled, context, html, MOST)
        except _Failed as failed:
            fault = failed.fault
            if not any(fault.line == known.line for known in found):
                found[Fault(fault.line, f"{fault.message} (tried on {what})")] = None
    return sorted(found)


class _Failed(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(line, message)


@lru_cache(maxsize=512)
def _compiled(source: str, html: bool) -> Compiled:
    if len(source) > MOST_SOURCE:
        raise _Failed(0, f"a template of more than {MOST_SOURCE:,} characters")
    try:
        return (HTML if html else TEXT).from_string(source)
    except TemplateSyntaxError as error:
        raise _Failed(error.lineno, _worded(error.message or "cannot be parsed")) from None
    except Exception:  # nested too deeply for jinja2 or for Python's own compiler
        raise _Failed(0, "cannot be compiled: it is nested too deeply, or has too large a number") from None


def _worded(message: str) -> str:
    """Jinja2's message, with the filter that was meant."""
    if message.startswith("No filter named "):
        name = message.removeprefix("No filter named ").strip("'.")
        if near := get_close_matches(name, FILTER_NAMES, n=1):
            return f'there is no filter "{name[:64]}"; did you mean "{near[0]}"?'
    return message


def _unknown(source: str, html: bool) -> Iterator[Fault]:
    """Names that no context has, also in branches that the samples do not reach."""
    environment = HTML if html else TEXT
    parsed = environment.parse(source)
    unknown = meta.find_undeclared_variables(parsed) - NAMES - set(environment.globals)
    lines = {node.name: node.lineno for node in reversed(list(parsed.find_all(nodes.Name)))}
    for name in sorted(unknown, key=lambda name: (lines[name], name)):
        near = get_close_matches(name, NAMES, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(sorted(NAMES))}"
        yield Fault(lines[name], f'unknown name "{name[:64]}"; {hint}')


def _generate(compiled: Compiled, context: Mapping[str, Any], html: bool, most: int) -> str:
    """What the template gives; a text that is longer than `most` is broken off."""
    pieces: list[str] = []
    length = 0
    try:
        for piece in compiled.generate(context):
            pieces.append(piece)
            length += len(piece)
            if length > most + MOST_SOURCE:
                break
    except Exception as error:
        raise _Failed(_line_of(error), _explain(error)) from None
    text = "".join(pieces)
    if html and len(text.strip()) > most:
        raise _Failed(0, f"gives more than {most:,} characters")
    return text


def _line_of(error: Exception) -> int:
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == "<template>":
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def _explain(error: Exception) -> str:
    """Our own words or jinja2's about a name; any other message might hold what an alert said."""
    if isinstance(error, (Refused, UndefinedError)):
        return str(error)
    return f"cannot be rendered ({type(error).__name__})"
