"""Matchers as people type them after a command.

`cli.silence` and `cli.incidents` read their arguments through it. It knows no alert.
"""

from collections.abc import Iterable

from responder.core.matching import Matcher, MatcherError, parse_matchers
from responder.errors import UsageError


def matchers_of(texts: Iterable[str]) -> list[Matcher]:
    """Every matcher; a first word without an operator is an alertname. Raises UsageError."""
    found: list[Matcher] = []
    for index, text in enumerate(texts):
        if index == 0 and text and not any(char in text for char in "=~{"):
            found.append(Matcher("alertname", "=", text))
            continue
        try:
            parsed = parse_matchers(text).matchers
        except MatcherError as error:
            raise UsageError(str(error)) from None
        if not parsed:
            raise UsageError(f"{text!r} is no matcher such as LABEL=VALUE")
        found += parsed
    return found
