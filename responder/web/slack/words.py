"""What somebody typed after a slash command, as words: quoting as in a shell, and `name=value`.

`commands` reads its arguments with it. It expands nothing and evaluates nothing.
"""

import shlex
from collections.abc import Iterable
from typing import Final

from responder.core.matcherparse import MatcherError, Triple, parse_classic_one
from responder.core.matching import Matcher
from responder.errors import UsageError

_MOST: Final = 64
_STRAIGHT: Final = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\xa0": " "})
"""What phones and macOS make of quotes as somebody types them."""


def words(text: str) -> list[str]:
    """The words. Raises UsageError where a quote is not closed, or there are too many."""
    # Slack writes these three so in texts that it sends.
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    try:
        found = shlex.split(text.translate(_STRAIGHT))
    except ValueError as error:
        raise UsageError(f"{error}: close the quote, or write the value without spaces") from None
    if len(found) > _MOST:
        raise UsageError(f"{len(found)} words; at most {_MOST} are read")
    return found


def pairs(given: Iterable[str]) -> dict[str, str]:
    """`name=value` words as a mapping. Raises UsageError."""
    found: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{word[:64]!r} is no NAME=VALUE")
        if name in found:
            raise UsageError(f"{name[:64]} is given twice")
        found[name] = value
    return found


def matchers(given: Iterable[str]) -> tuple[Triple, ...]:
    """Words that say which alerts: a name, or matchers such as `cluster=prod` and `pod=~"web-.*"`."""
    found: list[Triple] = []
    for word in given:
        if not any(mark in word for mark in "=~!"):
            found.append(("alertname", "=", word))
            continue
        try:
            triple = parse_classic_one(word)
            Matcher(*triple)  # a bad regular expression is refused here, before it is accepted
            found.append(triple)
        except MatcherError as error:
            raise UsageError(str(error)) from None
    return tuple(found)
