"""Matchers: `foo="bar"`, `foo!="bar"`, `foo=~"b.*"`, `foo!~"b.*"`, with Alertmanager's meaning.

Routing, inhibition, silences and the API read, apply and print them here. Nothing here may use
Python's `re` on a pattern that a user wrote: it knows another dialect and can take forever.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final, Literal, TypeAlias

import msgspec
import re2  # type: ignore[import-untyped]

from responder.core import matcherparse
from responder.core.matcherparse import RESERVED, MatcherError, Op, Triple
from responder.core.model import go_quote

__all__ = [
    "Matcher",
    "MatcherError",
    "Mode",
    "Op",
    "Parsed",
    "all_match",
    "equality_matcher",
    "parse_matcher",
    "parse_matchers",
    "refusal",
    "regex_matcher_anchored",
    "sort_matchers",
]

Mode: TypeAlias = Literal["fallback", "utf8", "classic"]
"""Alertmanager's default, its `utf8-strict-mode` and its `classic-mode`."""

_OPS: Final[tuple[Op, ...]] = ("=", "!=", "=~", "!~")

# -- regular expressions ----------------------------------------------------------------------

_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 8 << 20  # per pattern; a DFA that would outgrow it is matched as an NFA

_LONGEST_REMEMBERED: Final = 512


def _search(regex: "re2._Regexp", value: str) -> bool:
    return regex.search(value.encode(errors="replace")) is not None


# Seen from Python, RE2 costs microseconds per look; label values repeat.
_remembered: Final = lru_cache(maxsize=32_768)(_search)


def _found(regex: "re2._Regexp", value: str) -> bool:
    return _remembered(regex, value) if len(value) <= _LONGEST_REMEMBERED else _search(regex, value)


def _compile(pattern: str) -> "re2._Regexp":
    """The pattern as Alertmanager compiles it: as a whole between ^(?: and )$."""
    try:
        regex = re2.compile(f"^(?:{pattern})$", _OPTIONS)
    except re2.error as error:
        detail = error.args[0]
        text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        raise MatcherError(
            f"the regular expression {pattern!r} is not RE2: {text} "
            "(there is no lookaround and no backreference in RE2)"
        ) from None
    if "\\C" in _ESCAPES.findall(pattern):
        problem = r"\C (one byte) can split a character; write . or (?s:.)"
    elif not all(name.isascii() for name in regex.groupindex):
        problem = "a group's name is made of ASCII letters, digits and _"
    else:
        return regex
    raise MatcherError(f"the regular expression {pattern!r} is not RE2 as Go reads it: {problem}")


# What RE2 accepts and Go refuses is looked for in the pattern's own text.
_ESCAPES: Final = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.", re.DOTALL)
_SPECIAL: Final = frozenset("\\.+*?()[]{}^$|")


def _literals(pattern: str) -> frozenset[str] | None:
    """The values that match, if the pattern is an alternation of plain texts such as `a|b|c`."""
    if pattern.startswith("^(?:") and pattern.endswith(")$"):  # as deprecated match_re prints
        pattern = pattern[4:-2]
    values: set[str] = set()
    for branch in pattern.split("|"):
        pieces = branch.split("\\.")
        if any(char in _SPECIAL for piece in pieces for char in piece):
            return None
        values.add(".".join(pieces))
    return frozenset(values)


# -- matchers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; equal and hashed by name, operator and value.

    Alertmanager: a missing label equals the empty string, so pass "" for it. A regular expression
    must match the whole value, `.` does not match a newline unless `(?s)` is set, and the dialect
    is RE2. Prints as Alertmanager prints it, which is what group keys are made of.
    Raises MatcherError if the name is empty, the text is not valid UTF-8 or the pattern not RE2.
    """

    name: str
    op: Op
    value: str
    matches: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether the condition holds for a label's value."""
    accepts: frozenset[str] | None = field(init=False, repr=False, compare=False)
    """The only values for which it holds, where they can be listed (`=`, `=~"a|b"`), else None."""

    def __post_init__(self) -> None:
        if self.op not in _OPS:
            raise MatcherError(f"{self.op!r} is not one of the operators =, !=, =~, !~")
        if not self.name:
            raise MatcherError(f'a matcher needs a label name before {self.op}, such as foo{self.op}"bar"')
        _check_utf8(self.name)
        _check_utf8(self.value)
        accepts, matches = _condition(self.op, self.value)
        object.__setattr__(self, "accepts", accepts)
        object.__setattr__(self, "matches", matches)

    def __str__(self) -> str:
        if not RESERVED.isdisjoint(self.name):
            return f"{go_quote(self.name)}{self.op}{go_quote(self.value)}"
        value = self.value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        return f'{self.name}{self.op}"{value}"'


def _condition(op: Op, value: str) -> tuple[frozenset[str] | None, Callable[[str], bool]]:
    if op == "=":
        return frozenset((value,)), value.__eq__
    if op == "!=":
        return None, value.__ne__
    regex = _compile(value)
    literals = _literals(value)
    found = partial(_found, regex) if literals is None else literals.__contains__
    if op == "=~":
        return literals, found
    return None, lambda text: not found(text)


def _check_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MatcherError(f"{text!r} is not valid UTF-8") from None


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher holds; no matchers at all match everything."""
    for matcher in matchers:  # noqa: SIM110 - all() with a generator takes twice as long here
        if not matcher.matches(labels.get(matcher.name, "")):
            return False
    return True


def refusal(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> str | None:
    """Why not every matcher holds, for people: the first that does not; None if all do."""
    for matcher in matchers:
        value = labels.get(matcher.name, "")
        if not matcher.matches(value):
            found = f"{matcher.name} is {go_quote(value)}" if value else f"there is no {matcher.name}"
            return f"{matcher} does not hold: {found}"
    return None


def sort_matchers(matchers: Iterable[Matcher]) -> tuple[Matcher, ...]:
    """By name, then value, then operator, as Alertmanager sorts what a configuration says.

    The order in a file therefore never matters for a group's identity.
    """
    return tuple(sorted(matchers, key=lambda matcher: (matcher.name, matcher.value, _OPS.index(matcher.op))))


# -- reading ----------------------------------------------------------------------------------


class Parsed(msgspec.Struct, frozen=True):
    """What a text says, in its order, and what its author should know about it."""

    matchers: tuple[Matcher, ...]
    warnings: tuple[str, ...] = ()


def parse_matchers(text: str, mode: Mode = "fallback") -> Parsed:
    """The matchers of a text such as `foo="bar",baz!~"a|b"`, in braces or not; possibly none.

    Alertmanager's default (`fallback`): the UTF-8 grammar; if only the classic one can read the
    text, that one, with a warning; if they read different things, the classic reading, with a
    warning. Raises MatcherError.
    """
    _check_utf8(text)
    if mode == "utf8":
        return Parsed(_matchers(matcherparse.parse_utf8(text)))
    if mode == "classic":
        return Parsed(_matchers(matcherparse.parse_classic(text)))
    return _with_fallback(text, matcherparse.parse_utf8, matcherparse.parse_classic)


def parse_matcher(text: str) -> Matcher:
    """Exactly one matcher, as in the API's `filter`; braces around it are refused.

    Alertmanager's fallback applies: `foo=a,b`, which the UTF-8 grammar refuses, is the classic
    `foo="a,b"`. Raises MatcherError.
    """
    _check_utf8(text)
    if text.startswith("{") or text.endswith("}"):
        raise MatcherError(f'{text!r}: write one matcher without braces, such as foo="bar"')
    return _with_fallback(text, _one_utf8, _one_classic).matchers[0]


def _one_utf8(text: str) -> list[Triple]:
    triples = matcherparse.parse_utf8(text)
    if len(triples) != 1:
        raise MatcherError(f"{text!r}: expected one matcher, found {len(triples)}")
    return triples


def _one_classic(text: str) -> list[Triple]:
    return [matcherparse.parse_classic_one(text)]


def _matchers(triples: Iterable[Triple]) -> tuple[Matcher, ...]:
    return tuple(Matcher(name, op, value) for name, op, value in triples)


_Grammar: TypeAlias = Callable[[str], list[Triple]]


def _with_fallback(text: str, utf8: _Grammar, classic: _Grammar) -> Parsed:
    try:
        modern = _matchers(utf8(text))
    except MatcherError as error:
        try:
            triples = classic(text)
        except MatcherError:
            raise error from None
        old = _matchers(triples)
        hint = f"{text!r} is understood by the classic grammar only; write {_join(old)}"
        return Parsed(old, (f"{hint} ({error})",))
    try:
        old = _matchers(classic(text))
    except MatcherError:
        return Parsed(modern)
    if old == modern:
        return Parsed(modern)
    hint = (
        f"{text!r} means {_join(old)} in the classic grammar, which counts, and {_join(modern)} in UTF-8 mode"
    )
    return Parsed(old, (f"{hint}: write one that means the same in both",))


def _join(matchers: tuple[Matcher, ...]) -> str:
    return ",".join(map(str, matchers)) or "{}"


# -- deprecated keys --------------------------------------------------------------------------


def equality_matcher(name: str, value: str) -> Matcher:
    """One entry of the deprecated `match`; its label names stay classic. Raises MatcherError."""
    return Matcher(_classic_name(name), "=", value)


def regex_matcher_anchored(name: str, value: str) -> Matcher:
    """One entry of the deprecated `match_re`, which prints with its anchors: `^(?:a|b)$`.

    Moving such an entry to `matchers` therefore changes the group key. Raises MatcherError.
    """
    Matcher(name, "=~", value)  # so that a problem is told in the words of the file
    return Matcher(_classic_name(name), "=~", f"^(?:{value})$")


def _classic_name(name: str) -> str:
    if name.isascii() and name.isidentifier():
        return name
    raise MatcherError(
        f"{name!r} is not a label name here (letters, digits and _ only); use matchers instead"
    )
