"""What a GET of Alertmanager's API asks for: flags, filters, a receiver.

`web.alertmanager` reads every query through it. What cannot be read is answered as Alertmanager
does, with 400 and a text, or with 422 where a value has the wrong type.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from responder.core.matching import Matcher, MatcherError, all_match, parse_matcher
from responder.core.model import Labels
from responder.core.silence import Silence
from responder.web.answer import Answered, as_json

_TRUE: Final = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})
_FALSE: Final = frozenset({"false", "0", "no", "n", "off", "unchecked", "f", "disabled"})


def mistyped(message: str, code: int = 601) -> Answered:
    """422, in the words of Alertmanager's validation; 601: wrong type, 602: missing, 612: too few."""
    return Answered(as_json(422, {"code": code, "message": message}))


def flag(request: web.Request, name: str) -> bool:
    """A flag that is on unless the query says otherwise; of several the last counts."""
    text = request.query.getall(name, [""])[-1]
    if not text or text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise mistyped(f"{name} in query must be of type boolean: {text[:64]!r}")


def filters(request: web.Request) -> tuple[Matcher, ...]:
    """Every `filter`, each one matcher."""
    found = []
    for text in request.query.getall("filter", []):
        try:
            found.append(parse_matcher(text))
        except MatcherError as error:
            raise Answered(as_json(400, f"bad matcher format: {error}")) from None
    return tuple(found)


def receiver(request: web.Request) -> Matcher | None:
    """The `receiver`: a regular expression for a whole name."""
    text = request.query.get("receiver", "")
    try:
        return Matcher("receiver", "=~", text) if text else None
    except MatcherError as error:
        raise Answered(as_json(400, f"failed to parse receiver param: {error}")) from None


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts are asked for."""

    active: bool
    silenced: bool
    inhibited: bool
    muted: bool
    filters: tuple[Matcher, ...]
    receiver: Matcher | None

    @classmethod
    def of(cls, request: web.Request) -> "AlertQuery":
        """Read a query. `unprocessed` is read and means nothing, as in Alertmanager."""
        flag(request, "unprocessed")
        return cls(
            flag(request, "active"),
            flag(request, "silenced"),
            flag(request, "inhibited"),
            flag(request, "muted"),
            filters(request),
            receiver(request),
        )

    def wants_labels(self, labels: Labels) -> bool:
        """Whether an alert with these labels is asked for."""
        return not self.filters or all_match(self.filters, dict(labels))

    def wants_receiver(self, names: Iterable[str]) -> bool:
        """Whether one of these receivers is asked for."""
        return self.receiver is None or any(map(self.receiver.matches, names))

    def wants_status(self, silenced: bool, inhibited: bool) -> bool:
        """Whether an alert in this state is asked for."""
        if not (silenced or inhibited):
            return self.active
        return (self.silenced or not silenced) and (self.inhibited or not inhibited)


def has_matchers(silence: Silence, wanted: Iterable[Matcher]) -> bool:
    """Whether each of `wanted` stands among a silence's matchers, word for word."""
    given = set(silence.matchers)
    return all((matcher.name, matcher.op, matcher.value) in given for matcher in wanted)
