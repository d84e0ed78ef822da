"""A silence: whom it is about, from when until when, whose it is, and why.

`core.silencing` makes and ends them, `core.silenceindex` finds those that hide an alert, `store`
keeps them and `web` shows them. Nothing here changes a state or knows what time it is.
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import msgspec

from responder.core.matcherparse import Triple
from responder.core.matching import Matcher, MatcherError
from responder.core.messages import CreateSilence
from responder.core.model import SECOND, Labels, Nanoseconds, labels_from, parse_time

Phase: TypeAlias = Literal["pending", "active", "expired"]


class Silence(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """While it is active, alerts that all its matchers match are not told.

    `created_by` is what the caller claimed, `author` who it was by its token. `updated_at`: when
    it was made or last changed. `ended`: its end was noted, in the journal and by the groups that it
    hid something in.
    """

    id: str
    matchers: tuple[Triple, ...]
    starts_at: Nanoseconds
    ends_at: Nanoseconds
    created_by: str
    author: str
    comment: str
    updated_at: Nanoseconds
    annotations: Labels = ()
    ended: bool = False

    def phase(self, now: Nanoseconds) -> Phase:
        """Active from its start on, until before its end (Alertmanager is of two minds there)."""
        if self.ends_at <= now:
            return "expired"
        return "active" if self.starts_at <= now else "pending"

    def compiled(self) -> tuple[Matcher, ...]:
        """Its matchers, in its author's order."""
        return tuple(Matcher(name, op, value) for name, op, value in self.matchers)


def shown(matchers: Iterable[Triple]) -> str:
    """Matchers for people: `{alertname="X", job=~"a|b"}`."""
    return "{" + ", ".join(str(Matcher(name, op, value)) for name, op, value in matchers) + "}"


def fault(asked: CreateSilence) -> str:
    """What is wrong with a silence at any time, in Alertmanager's words; "" if nothing is.

    At least one matcher must not match the empty string, or it would hide everything; a negative
    one counts as such, whatever it matches.
    """
    if asked.starts_at >= asked.ends_at:
        return "Failed to create silence: start time must be before end time"
    if not asked.matchers:
        return "silence invalid: at least one matcher required"
    narrow = False
    for index, (name, op, value) in enumerate(asked.matchers):
        try:
            matcher = Matcher(name, op, value)
        except MatcherError as error:
            return f"silence invalid: invalid label matcher {index}: {error}"
        narrow = narrow or op in ("!=", "!~") or not matcher.matches("")
    if not narrow:
        return "silence invalid: at least one matcher must not match the empty string"
    return "" if asked.starts_at else "silence invalid: invalid zero start timestamp"


def keeps_id(known: Silence, asked: CreateSilence, now: Nanoseconds) -> bool:
    """Whether an edit leaves the silence the same one; else it ends and another takes its place.

    The matchers are the same, in the same order, and no time that has passed is changed.
    """
    if known.matchers != asked.matchers:
        return False
    match known.phase(now):
        case "active":
            return known.starts_at // SECOND == asked.starts_at // SECOND and asked.ends_at >= now
        case "pending":
            return asked.starts_at >= now
        case "expired":
            return False


# -- Alertmanager's wire form -----------------------------------------------------------------


class WireMatcher(msgspec.Struct):
    """A matcher as Alertmanager's API writes it."""

    name: str
    value: str
    isRegex: bool
    isEqual: bool | None = None

    def triple(self) -> Triple:
        """The same as name, operator and value; without `isEqual` it is a positive one."""
        equal = self.isEqual is not False
        if self.isRegex:
            return self.name, "=~" if equal else "!~", self.value
        return self.name, "=" if equal else "!=", self.value


def wire_matcher(matcher: Triple) -> WireMatcher:
    """A matcher for Alertmanager's API."""
    name, op, value = matcher
    return WireMatcher(name, value, op in ("=~", "!~"), op in ("=", "=~"))


class _WireSilence(msgspec.Struct):
    matchers: list[WireMatcher]
    startsAt: str
    endsAt: str
    createdBy: str
    comment: str
    id: str | None = None
    annotations: dict[str, str] | None = None


_SILENCE: Final = msgspec.json.Decoder(_WireSilence)


class BadSilence(ValueError):
    """A body that is no silence. `schema`: it is JSON, and its keys or their values are off."""

    def __init__(self, message: str, *, schema: bool) -> None:
        """Say what is wrong, in words for its sender."""
        super().__init__(message)
        self.schema = schema


def read_silence(body: bytes, new_id: str) -> CreateSilence:
    """What `POST /api/v2/silences` asks for; `new_id` is for a silence that gets one.

    Whether it can be had is not looked at here. Raises BadSilence.
    """
    try:
        wire = _SILENCE.decode(body)
    except msgspec.ValidationError as error:
        raise BadSilence(f"{error}", schema=True) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadSilence(f"the body is not JSON: {error}", schema=False) from None
    times = []
    for name, text in (("startsAt", wire.startsAt), ("endsAt", wire.endsAt)):
        try:
            times.append(parse_time(text))
        except ValueError as error:
            raise BadSilence(f"{name}: {error}", schema=False) from None
    return CreateSilence(
        id=new_id,
        matchers=tuple(matcher.triple() for matcher in wire.matchers),
        starts_at=times[0],
        ends_at=times[1],
        created_by=wire.createdBy,
        comment=wire.comment,
        annotations=labels_from(wire.annotations or {}),
        replaces=wire.id or "",
    )
