"""From a request's bytes to alerts: both entrances' wire forms, read once, straight from bytes.

`web.intake` calls it before it accepts, `engine` and `replay` when they read the inputs log
again; both get the same answer. One unusable alert never costs the others: it is rejected alone.
"""

from typing import Final, TypeAlias, TypeVar

import msgspec

from responder.core.messages import AlertsReceived, ReceivedAlert, RejectedAlert
from responder.core.model import Labels, Source, labels_from, parse_time, shape_of
from responder.core.tracecontext import Traced

T = TypeVar("T")

REJECTED_TEXT: Final = 2_048
"""How much of a rejected alert's text is kept, in characters."""


class EnvelopeError(ValueError):
    """The body as a whole cannot be read; the message says where and what would be right."""


_NO_ANNOTATIONS: Final = msgspec.Raw(b"null")


class _WireAlert(msgspec.Struct, gc=False):
    """An alert on the wire; webhook and API differ in `status` and `fingerprint` alone.

    Annotations stay text at first: they are the rule's, and come again with each of its alerts.
    """

    labels: dict[str, str]
    annotations: msgspec.Raw = _NO_ANNOTATIONS
    startsAt: str | None = None
    endsAt: str | None = None
    generatorURL: str | None = None
    status: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    """What of a webhook's envelope is needed; unknown keys are ignored."""

    alerts: list[_WireAlert]
    version: str | None = None


class _LooseEnvelope(msgspec.Struct, gc=False):
    alerts: list[msgspec.Raw]
    version: str | None = None


class Limits(msgspec.Struct, frozen=True):
    """What one alert may be: how many labels, and sizes in characters."""

    labels: int = 64
    label_value: int = 4_096
    annotations: int = 65_536


_API = msgspec.json.Decoder(list[_WireAlert])
_API_LOOSE = msgspec.json.Decoder(list[msgspec.Raw])
_WEBHOOK = msgspec.json.Decoder(_Envelope)
_WEBHOOK_LOOSE = msgspec.json.Decoder(_LooseEnvelope)
_ONE = msgspec.json.Decoder(_WireAlert)

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Parsed: TypeAlias = tuple[tuple[ReceivedAlert, ...], tuple[RejectedAlert, ...]]


def parse_api(body: bytes, limits: Limits) -> Parsed:
    """Alerts of `POST /api/v2/alerts`: a JSON list. Raises EnvelopeError."""
    try:
        return _usable(_API.decode(body), None, limits, webhook=False)
    except _UNREADABLE:
        raws = _loosely(_API_LOOSE, body, "a JSON list of alerts")
    return _one_by_one(raws, limits, webhook=False)


def parse_webhook(body: bytes, limits: Limits) -> Parsed:
    """Alerts of an Alertmanager webhook, payload version 4. Raises EnvelopeError."""
    try:
        envelope = _WEBHOOK.decode(body)
        _check_version(envelope.version)
        return _usable(envelope.alerts, None, limits, webhook=True)
    except _UNREADABLE:
        what = 'an Alertmanager webhook, {"version": "4", "alerts": [...]}'
        loose = _loosely(_WEBHOOK_LOOSE, body, what)
    _check_version(loose.version)
    return _one_by_one(loose.alerts, limits, webhook=True)


def parse_lines(body: bytes, source: Source, limits: Limits) -> Parsed:
    """Alerts of several requests that were accepted together, one request a line."""
    parse = parse_webhook if source == "webhook" else parse_api
    alerts: list[ReceivedAlert] = []
    rejected: list[RejectedAlert] = []  # none when they came; the limits may be tighter today
    for line in body.split(b"\n"):
        usable, not_usable = parse(line, limits)
        alerts.extend(usable)
        rejected.extend(not_usable)
    return tuple(alerts), tuple(rejected)


def merge(requests: list[AlertsReceived]) -> AlertsReceived:
    """Several small requests from one sender as one Input: they are decided and journaled together.

    A line feed in JSON is white space, never part of a string, so each body fits on a line.
    """
    if len(requests) == 1:
        return requests[0]
    raw = b"\n".join([request.raw.replace(b"\n", b" ") for request in requests])
    alerts = tuple([alert for request in requests for alert in request.alerts])
    return AlertsReceived(requests[0].source, raw, alerts, lines=True, traces=_traces(requests))


def _traces(requests: list[AlertsReceived]) -> tuple[Traced, ...]:
    """Those of all, counted from the first alert of the first."""
    found: list[Traced] = []
    before = 0
    for request in requests:
        found.extend(Traced(one.context, before + one.first, one.count) for one in request.traces)
        before += len(request.alerts)
    return tuple(found)


def _loosely(decoder: msgspec.json.Decoder[T], body: bytes, what: str) -> T:
    """The envelope alone, its alerts still text."""
    try:
        return decoder.decode(body)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise EnvelopeError(f"the body must be {what}: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise EnvelopeError(f"the body is not JSON: {error}") from None


def _check_version(version: str | None) -> None:
    if version not in (None, "4"):
        raise EnvelopeError(f'version is {version[:32]!r}; this entrance reads version "4"')


def _one_by_one(raws: list[msgspec.Raw], limits: Limits, *, webhook: bool) -> Parsed:
    """The slow way, taken only when some alert has a wrong type."""
    alerts: list[_WireAlert | None] = []
    errors: dict[int, tuple[str, str]] = {}
    for index, raw in enumerate(raws):
        try:
            alerts.append(_ONE.decode(raw))
        except _UNREADABLE as error:
            alerts.append(None)
            text = bytes(raw)[:REJECTED_TEXT].decode(errors="replace")
            errors[index] = (str(error), text)
    return _usable(alerts, errors, limits, webhook=webhook)


def _usable(
    wire: list[_WireAlert] | list[_WireAlert | None],
    errors: dict[int, tuple[str, str]] | None,
    limits: Limits,
    *,
    webhook: bool,
) -> Parsed:
    alerts: list[ReceivedAlert] = []
    rejected: list[RejectedAlert] = []
    for index, one in enumerate(wire):
        try:
            if one is None:
                raise ValueError((errors or {})[index][0])
            alerts.append(_read(one, limits, webhook))
        except ValueError as error:
            text = errors[index][1] if errors and index in errors else _text(one)
            rejected.append(RejectedAlert(index, str(error), text))
    return tuple(alerts), tuple(rejected)


def _text(one: _WireAlert | None) -> str:
    return msgspec.json.encode(one).decode()[:REJECTED_TEXT]


_LONGEST_NAME: Final = 1_024


def _read(one: _WireAlert, limits: Limits, webhook: bool) -> ReceivedAlert:
    shape = shape_of(one.labels)
    labels = shape.labels(one.labels)
    if not labels:
        raise ValueError("labels: at least one label with a value is needed")
    # Lengths in all first: one look for nearly every alert there is, on the path of every alert.
    if (
        len(labels) > limits.labels
        or sum(map(len, one.labels.values())) > limits.label_value
        or shape.names_length > _LONGEST_NAME
        or shape.nameless
    ):
        _check_labels(labels, limits)
    raw = bytes(one.annotations)
    known = _ANNOTATIONS.get(raw)
    if known is None:
        known = _annotations(raw)
    annotations, characters = known
    if characters > limits.annotations:
        raise ValueError(f"annotations: over {limits.annotations} characters in all")
    starts_at = _time("startsAt", one.startsAt) if one.startsAt else 0
    ends_at = _time("endsAt", one.endsAt) if one.endsAt else 0
    resolved = False
    if webhook:
        if one.status == "resolved":
            resolved = True
        elif one.status != "firing":
            raise ValueError(f"status: {str(one.status)[:32]!r} is neither 'firing' nor 'resolved'")
    elif ends_at and ends_at < starts_at:
        raise ValueError("endsAt: lies before startsAt")
    return ReceivedAlert(labels, annotations, starts_at, ends_at, one.generatorURL or "", resolved)


def _check_labels(labels: Labels, limits: Limits) -> None:
    if len(labels) > limits.labels:
        raise ValueError(f"labels: {len(labels)} of them, at most {limits.labels} are taken")
    for name, value in labels:
        if not name:
            raise ValueError("labels: a label needs a name")
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"labels: a name of {len(name)} characters, at most {_LONGEST_NAME} are taken")
        if len(value) > limits.label_value:
            raise ValueError(
                f"labels.{name[:64]}: {len(value)} characters, at most {limits.label_value} are taken"
            )


_ANNOTATIONS: Final[dict[bytes, tuple[Labels, int]]] = {}
_ANNOTATIONS_MOST: Final = 4_096
_ANNOTATIONS_LONGEST: Final = 4_096
_MAPPING = msgspec.json.Decoder(dict[str, str] | None)


def _annotations(raw: bytes) -> tuple[Labels, int]:
    """The annotations of a text, and how many characters they have. Raises ValueError."""
    try:
        mapping = _MAPPING.decode(raw) or {}
    except _UNREADABLE as error:
        raise ValueError(f"annotations: {error}") from None
    read = labels_from(mapping), sum(map(len, mapping.values()))
    if len(raw) <= _ANNOTATIONS_LONGEST:
        if len(_ANNOTATIONS) >= _ANNOTATIONS_MOST:
            _ANNOTATIONS.clear()
        _ANNOTATIONS[raw] = read
    return read


def _time(field: str, text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def split(body: bytes, size: int, *, webhook: bool) -> list[bytes]:
    """The same request as several, each of at most `size` alerts, none decoded."""
    raws = _WEBHOOK_LOOSE.decode(body).alerts if webhook else _API_LOOSE.decode(body)
    return [join(raws[start : start + size], webhook=webhook) for start in range(0, len(raws), size)]


def select(body: bytes, indexes: set[int], *, webhook: bool) -> bytes:
    """The same request with only the alerts at `indexes`."""
    raws = _WEBHOOK_LOOSE.decode(body).alerts if webhook else _API_LOOSE.decode(body)
    return join([raw for index, raw in enumerate(raws) if index in indexes], webhook=webhook)


def join(raws: list[msgspec.Raw], *, webhook: bool) -> bytes:
    """A body of the entrance's form around `raws`."""
    alerts = b"[" + b",".join(bytes(raw) for raw in raws) + b"]"
    return b'{"version":"4","alerts":' + alerts + b"}" if webhook else alerts
