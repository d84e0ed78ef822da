"""A command's body: a small JSON object, read strictly, with everything that is wrong at once.

The other modules of `web.api` take its keys one by one and then `close` it. It knows no command;
what a caller sent is shown back to them cut and quoted, and never evaluated.
"""

import re
from typing import Any, Final

import msgspec
from aiohttp import web

from responder.core.matcherparse import Triple
from responder.core.matching import MatcherError, parse_matchers
from responder.core.model import Nanoseconds, format_duration, format_time, parse_duration, parse_time
from responder.errors import TooLarge
from responder.web.answer import Answered, as_json, refusal

LARGEST: Final = 64 << 10
"""Bytes of a body."""

LONGEST_TEXT: Final = 1_000
"""Characters of a reason or a note: it is shown in Slack and kept for good."""

_MOST_ENTRIES: Final = 100
_HASH: Final = re.compile("[0-9a-f]{64}")
_KINDS: Final = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


async def read_body(request: web.Request) -> "Body":
    """The body of a request that `web.access` let in; none is as good as an empty object.

    Raises TooLarge, and Answered (400) if it is no JSON object.
    """
    read = bytearray()
    async for chunk in request.content.iter_any():
        read += chunk
        if len(read) > LARGEST:
            raise TooLarge(f"a command's body is at most {LARGEST} bytes")
    try:
        document = msgspec.json.decode(bytes(read)) if read.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Answered(refusal(400, f"the body is not JSON: {error}")) from None
    if not isinstance(document, dict):
        raise Answered(refusal(400, f"the body must be a JSON object, not {_kind(document)}"))
    return Body(document)


class Body:
    """The keys of an object. What is wrong with one is noted; `close` says it all."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Take keys from `document`."""
        self._left = document
        self._problems: list[str] = []

    def problem(self, key: str, why: str) -> None:
        """Note what is wrong with a key."""
        self._problems.append(f"{key}: {why}")

    def close(self) -> None:
        """No more is taken. Raises Answered (400) with every problem and every key that means nothing."""
        self._problems += [f"{key[:40]!a} means nothing here" for key in self._left]
        if self._problems:
            message = "; ".join(self._problems)
            raise Answered(as_json(400, {"code": 400, "message": message, "problems": self._problems}))

    def text(self, key: str, *, needed: str = "", longest: int = LONGEST_TEXT) -> str:
        """A text; `needed` says what is missing without it."""
        value = self._left.pop(key, None)
        if value is None:
            value = ""
        if not isinstance(value, str):
            self.problem(key, f"must be a text, not {_kind(value)}")
            return ""
        if len(value) > longest:
            self.problem(key, f"has {len(value)} characters; at most {longest} are taken")
        elif needed and not value.strip():
            self.problem(key, f"is missing: {needed}")
        return value.strip()

    def digest(self, key: str, what: str, *, needed: str = "") -> str:
        """A SHA-256 in hexadecimal digits: `what` it is of."""
        value = self.text(key, needed=needed, longest=64)
        if value and not _HASH.fullmatch(value):
            self.problem(key, f"must be {what}: 64 hexadecimal digits")
        return value

    def flag(self, key: str, *, needed: str = "") -> bool:
        """True or false."""
        value = self._left.pop(key, None)
        if value is None and not needed:
            return False
        if not isinstance(value, bool):
            why = f"must be true or false, not {_kind(value)}"
            self.problem(key, why if value is not None else f"is missing: {needed}")
            return False
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none of them empty."""
        value = self._left.pop(key, None)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            self.problem(key, "must be a list of texts")
            return ()
        if len(value) > _MOST_ENTRIES:
            self.problem(key, f"has {len(value)} entries; at most {_MOST_ENTRIES} are taken")
            return ()
        return tuple(value)

    def values(self, key: str) -> dict[str, str]:
        """An object whose values are texts."""
        value = self._left.pop(key, None)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.problem(key, f"must be an object of texts, not {_kind(value)}")
            return {}
        if len(value) > _MOST_ENTRIES:
            self.problem(key, f"has {len(value)} entries; at most {_MOST_ENTRIES} are taken")
            return {}
        wrong = [name for name, one in value.items() if not isinstance(one, str)]
        for name in wrong:
            self.problem(f"{key}.{ascii(name[:40])[1:-1]}", f"must be a text, not {_kind(value[name])}")
        return {} if wrong else value

    def matchers(self, key: str) -> tuple[Triple, ...]:
        """A list of texts, each `LABEL=VALUE` or with another of Alertmanager's operators."""
        found: list[Triple] = []
        for text in self.texts(key):
            try:
                found += [(one.name, one.op, one.value) for one in parse_matchers(text).matchers]
            except MatcherError as error:
                self.problem(key, str(error))
        return tuple(found)

    def end(self, now: Nanoseconds, *, needed: str = "", longest: Nanoseconds = 0) -> Nanoseconds:
        """When something ends: `until`, a time, or `for`, a duration from now; 0 if neither is given.

        `longest` 0: however long.
        """
        until, lasts = self.text("until", longest=64), self.text("for", longest=64)
        at = 0
        if until and lasts:
            self.problem("until", "give `until` or `for`, not both")
        elif until:
            try:
                at = parse_time(until)
            except ValueError as error:
                self.problem("until", str(error))
            else:
                if at <= now:
                    self.problem("until", f"{until} is not after now, {format_time(now)}")
        elif lasts:
            try:
                duration = parse_duration(lasts)
            except ValueError as error:
                self.problem("for", str(error))
            else:
                at = now + duration
                if not duration:
                    self.problem("for", "must be longer than nothing")
        elif needed:
            self.problem("for", f"is missing: {needed}")
        if longest and at > now + longest:
            self.problem("until" if until else "for", f"at most {format_duration(longest)} from now")
        return at


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")
