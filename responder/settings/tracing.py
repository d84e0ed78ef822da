"""The section `tracing`: whether and where spans go, and the secrets that go with them.

`settings.load` reads the section, `service` the secrets that it names, once, at start. Nothing is connected
here, and no secret's text is kept in the settings or named in an error.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from responder.document.fields import (
    Fields,
    choice,
    decode_scalar,
    duration_above_zero,
    name,
    split_url,
    whole,
)
from responder.document.tree import MappingNode, Node, ScalarNode
from responder.errors import UsageError
from responder.settings.values import PROPAGATORS, Propagator, SecretHeader, Tracing

_FIELD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
_OURS: Final = frozenset({"connection", "content-encoding", "content-length", "content-type", "host"})
"""Header fields that the exporter writes itself."""

_MOST: Final = 100_000
"""Spans that may wait: some hundred bytes each."""


def read_tracing(fields: Fields) -> Tracing | None:
    """The section; None: nothing is traced."""
    section = fields.fields("tracing", "tracing")
    if section is None:
        return None
    default = Tracing("")
    tracing = Tracing(
        section.read("endpoint", _endpoint, "") if section.require("endpoint") else "",
        _headers(section),
        section.read("ca_file", lambda node: Path(name(node)), None),
        section.read("ratio", _ratio, default.ratio),
        _propagators(section) or default.propagators,
        section.read("service", name, default.service),
        section.read("environment", name, default.environment),
        _attributes(section),
        section.read("queue", _spans, default.queue),
        section.read("batch", _spans, default.batch),
        section.read("every", duration_above_zero, default.every),
        section.read("timeout", duration_above_zero, default.timeout),
        section.read("stop_within", duration_above_zero, default.stop_within),
    )
    if tracing.batch > tracing.queue:
        key = "batch" if "batch" in section else "queue"
        section.error(key, f"batch ({tracing.batch}) cannot be more than queue ({tracing.queue})")
    section.close()
    return tracing


def read_secrets(tracing: Tracing, env: Mapping[str, str]) -> dict[str, str]:
    """The values of the header fields. Raises UsageError, which says which one and no word of it."""
    found: dict[str, str] = {}
    for header in tracing.headers:
        where = f"{header.place}: tracing.headers: {header.name}"
        if header.file is None:
            value = env.get(header.env, "")
            source = f"the variable {header.env}"
        else:
            source = str(header.file)
            try:
                value = header.file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise UsageError(f"{where}: {source} cannot be read: {why}") from None
        if not _VALUE.fullmatch(value):
            raise UsageError(f"{where}: {source} must hold one line of ASCII characters")
        found[header.name] = value
    return found


def _headers(section: Fields) -> tuple[SecretHeader, ...]:
    headers = section.fields("headers", "headers")
    found: list[SecretHeader] = []
    for written in headers.written() if headers else ():
        assert headers
        field = written.lower()
        value = headers.fields(written, f"headers.{written[:64]}")
        if value is None:
            continue
        if not _FIELD.fullmatch(field) or field in _OURS:
            headers.error(written, "is no header field that can be set")
        elif field in {known.name for known in found}:
            headers.error(written, "is given twice")
        file, env = value.read("file", lambda node: Path(name(node)), None), value.read("env", _variable, "")
        value.at_most_one("file", "env")
        value.close()
        if file is None and not env and isinstance(value.node, MappingNode) and not value.written():
            headers.error(written, "needs file or env: where its value is")
        found.append(SecretHeader(field, value.where, file, env))
    return tuple(found)


def _propagators(section: Fields) -> tuple[Propagator, ...]:
    listed = section.list_of("propagators", choice(*PROPAGATORS)) or ()
    seen: list[str] = []
    for text, place in listed:
        if text in seen:
            section.problems.error(place, f"propagators: {text} is given twice")
        seen.append(text)
    if "propagators" in section and not section.items("propagators"):
        section.error("propagators", "name one at least, or leave it out")
    return tuple(one for text in seen for one in PROPAGATORS if one == text)


def _attributes(section: Fields) -> dict[str, str]:
    found: dict[str, str] = {}
    node: Node | None = section.take("attributes")
    if node is None:
        return found
    if not isinstance(node, MappingNode):
        section.error("attributes", "must be a mapping such as {team: platform}")
        return found
    for key, entry in node.entries.items():
        value = decode_scalar(entry.value, f"attributes: {key[:64]}", name, section.problems)
        if key in _KEYS:
            section.problems.error(entry.key, f"attributes: {key} is set by {_KEYS[key]}")
        elif value is not None:
            found[key] = value[0]
    return found


_KEYS: Final[Mapping[str, str]] = {
    "service.name": "tracing.service",
    "service.version": "Responder itself",
    "deployment.environment": "tracing.environment",
    "deployment.environment.name": "tracing.environment",
}


# -- scalars ------------------------------------------------------------------------------------


def _endpoint(node: ScalarNode) -> str:
    parts = split_url(node.text)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(
            "must be the address of an OTLP/HTTP receiver and no more, such as "
            "http://jaeger-collector:4318/v1/traces; secrets belong into headers"
        )
    if parts.path in ("", "/"):
        raise ValueError(f"needs the path too: {parts.scheme}://{parts.netloc}/v1/traces")
    return node.text


def _ratio(node: ScalarNode) -> float:
    text = node.text
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or not 0 <= float(text) <= 1:
        raise ValueError(f"{text[:64]!r} is not a share from 0 to 1, such as 0.1")
    return float(text)


def _spans(node: ScalarNode) -> int:
    value = whole(node)
    if not 1 <= value <= _MOST:
        raise ValueError(f"{node.text[:64]!r} is not a number from 1 to {_MOST}, such as 512")
    return value


def _variable(node: ScalarNode) -> str:
    if not _VARIABLE.fullmatch(node.text):
        raise ValueError(f"{node.text[:64]!r} is no name of a variable such as OTLP_TOKEN")
    return node.text
