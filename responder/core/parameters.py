"""Typed parameters: the closed list of types, and how their values enter texts, queries and URLs.

`ruleset.runbooks` parses types, `core.runbook` checks values against them, `actions` puts values where
they belong. A value that does not match its type in full goes nowhere; nothing here is a template
language, and nothing is evaluated.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

import msgspec
import re2  # type: ignore[import-untyped]

from responder.core.model import go_quote, parse_duration

Kind: TypeAlias = Literal["dns_label", "dns_subdomain", "int", "duration", "enum", "uid", "text"]

_PATTERNS: Final[Mapping[str, tuple[str, int, str]]] = {
    "dns_label": ("[a-z0-9]([-a-z0-9]*[a-z0-9])?", 63, "lower-case letters, digits and -, as a namespace"),
    "dns_subdomain": (
        "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        253,
        "lower-case letters, digits, - and ., as a Deployment's name",
    ),
    "uid": ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", 36, "a UID such as 6f1c...-...-..."),
    # Nothing that cannot be seen or that reorders what is: no control, format or line characters.
    "text": (r"[^\pC\p{Zl}\p{Zp}]+", 1024, "printable text"),
}
_COMPILED: Final = {name: re2.compile(pattern) for name, (pattern, _, _) in _PATTERNS.items()}
_DIGITS: Final = re2.compile("0|-?[1-9][0-9]{0,17}")
_REFERENCE: Final = re.compile(r"\$\{([^}]*)\}")
_NEVER: Final = frozenset({"", ".", ".."})


class ParameterType(msgspec.Struct, frozen=True):
    """A type of the closed list. `least` and `most` are for `int`, `values` for `enum`."""

    kind: Kind
    least: int = 0
    most: int = 0
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind == "int":
            return f"int({self.least},{self.most})"
        return f"enum({','.join(self.values)})" if self.kind == "enum" else self.kind

    def fault(self, text: str) -> str:
        """Why `text` is no value of this type, "" if it is one. The value is shown cut and quoted."""
        shown = ascii(text if len(text) <= 64 else text[:61] + "...")
        if text in _NEVER or not _encodable(text):
            return f"{shown} is never a value"
        match self.kind:
            case "int":
                good = _DIGITS.fullmatch(text) and self.least <= int(text) <= self.most
                return "" if good else f"{shown} is no number from {self.least} to {self.most}"
            case "enum":
                return "" if text in self.values else f"{shown} is none of {', '.join(self.values)}"
            case "duration":
                try:
                    parse_duration(text)
                except ValueError:
                    return f"{shown} is no duration such as 5m"
                return ""
            case kind:
                _, longest, meaning = _PATTERNS[kind]
                if len(text) <= longest and _COMPILED[kind].fullmatch(text):
                    return ""
                return f"{shown} is no {kind} ({meaning}, at most {longest} characters)"


def parse_type(text: str) -> ParameterType:
    """The type that `text` names, such as `int(1,10)` or `enum(a,b)`. Raises ValueError."""
    name, bracket, rest = text.strip().partition("(")
    inside = rest[:-1] if rest.endswith(")") else None
    parts = [part.strip() for part in inside.split(",")] if inside is not None else []
    match name:
        case "dns_label" | "dns_subdomain" | "duration" | "uid" | "text" if not bracket:
            return ParameterType(name)
        case "int" if len(parts) == 2 and all(_DIGITS.fullmatch(part) for part in parts):
            least, most = int(parts[0]), int(parts[1])
            if least <= most:
                return ParameterType("int", least, most)
        case "enum" if parts and len(set(parts)) == len(parts) and _NEVER.isdisjoint(parts):
            return ParameterType("enum", values=tuple(parts))
        case _:
            pass
    raise ValueError(
        f"{text!r} is no type: dns_label, dns_subdomain, int(min,max), duration, enum(a,b), uid or text"
    )


def references(text: str) -> list[str]:
    """The names in `${...}`, in order."""
    return _REFERENCE.findall(text)


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with each `${name}` replaced by its value. Raises KeyError for one that is not bound."""
    return _REFERENCE.sub(lambda found: values[found.group(1)], text)


# -- queries ------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*`)
      | (?P<quote>["'`])
      | (?P<reference>\$\{)
      | (?P<matcher>=~|!~|!=|=(?!=))
      | (?P<open>[(\[{])
      | (?P<close>[)\]}])
      | (?P<other>==|.)""",
    re.VERBOSE | re.DOTALL,
)
_WHOLE: Final = re.compile(r'"\$\{([^}"]*)\}"')
_PAIRS: Final = {"(": ")", "[": "]", "{": "}"}


class _Token(msgspec.Struct, frozen=True):
    """A piece of PromQL. `after`: the matcher operator just before a string, "" where there is none."""

    kind: str
    text: str
    after: str = ""


def _tokens(query: str) -> Iterator[_Token]:
    """Every piece, in order; together they are the text."""
    after = ""
    for found in _TOKEN.finditer(query):
        kind = found.lastgroup or "other"
        yield _Token(kind, found.group(), after if kind == "string" else "")
        if kind != "space":
            after = found.group() if kind == "matcher" else ""


def query_fault(query: str) -> str:
    """Why PromQL with `"${name}"` is not one whose references can be filled safely; "" if it is.

    A reference must be the whole value of a label's matcher, in double quotes. Of the language itself
    only quotes and brackets are looked at.
    """
    opened: list[str] = []
    for token in _tokens(query):
        match token.kind:
            case "quote":
                return f"a string that begins with {token.text} has no end"
            case "open":
                opened.append(_PAIRS[token.text])
            case "close" if not opened or opened.pop() != token.text:
                return f"a {token.text} closes nothing"
            case "reference":
                return 'a ${...} stands outside of quotes; write label="${name}"'
            case "space" | "string" if "${" in token.text:
                if not (_WHOLE.fullmatch(token.text) and token.after):
                    return (
                        "a ${...} must be the whole value of a label's matcher, in double quotes, "
                        'as in {namespace="${namespace}"}'
                    )
    return f"a {opened[-1]} is missing" if opened else ""


def fill_query(query: str, values: Mapping[str, str]) -> str:
    """PromQL with each `"${name}"` replaced by the value as a quoted string; RE2-quoted after `=~` or `!~`.

    Raises ValueError where `query_fault` finds one, and KeyError for a name that is not bound.
    """
    if fault := query_fault(query):
        raise ValueError(fault)
    return "".join(_filled(token, values) for token in _tokens(query))


def _filled(token: _Token, values: Mapping[str, str]) -> str:
    found = _WHOLE.fullmatch(token.text) if token.kind == "string" else None
    if found is None:
        return token.text
    value = values[found.group(1)]
    return go_quote(re2.escape(value) if token.after in ("=~", "!~") else value)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
