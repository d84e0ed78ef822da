"""The two entrances for alerts, on one accept path: answered once what they carry is durable.

`connection` and `entrances` call it. 200 only after the inputs log's commit; 400, 413 only for what can never
succeed; 503 whenever trying again may help, because Alertmanager drops an alert on any 4xx.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Literal, NoReturn, TypeAlias

from msgspec.structs import replace

from responder.clock import Clock
from responder.core.messages import AlertsReceived, BadRequest, Body, LimitReached, ReceivedAlert
from responder.core.model import HOUR, Source, label
from responder.core.receiving import EnvelopeError, Parsed, parse_api, parse_webhook, select, split
from responder.core.tracecontext import Traced
from responder.engine import Engine, alert_limits
from responder.errors import Overloaded, ResponderError, StorageError, TooLarge
from responder.settings.values import Limits
from responder.store.database import Database
from responder.store.inputs import SPLIT
from responder.store.rejected import keep_rejected
from responder.telemetry import Metrics, logger
from responder.tracing import Span, Tracing, current, outside, within
from responder.web.access import Identity
from responder.web.answer import ACCEPTED, Answer, as_json, refusal

log = logger("intake")

Entrance: TypeAlias = Literal["webhook", "api"]

_PARSE: Final = {"webhook": parse_webhook, "api": parse_api}
_PATHS: Final = {"webhook": "/webhooks/alertmanager", "api": "/api/v2/alerts"}


class Intake:
    """Both alert entrances."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        limits: Limits,
        clock: Clock,
        metrics: Metrics,
        tracing: Tracing | None = None,
    ) -> None:
        """Put what arrives into `engine`; what is refused for good into `database`."""
        self._engine = engine
        self._database = database
        self._limits = limits
        self._alert = alert_limits(limits)
        self._clock = clock
        self._metrics = metrics
        self._tracing = tracing
        self._alerted: dict[tuple[str, str], int] = {}

    def take_at_once(
        self,
        identity: Identity,
        source: Entrance,
        body: bytes,
        headers: Mapping[str, str],
        then: Callable[[StorageError | None], None],
    ) -> bool:
        """Take in what has nothing special about it; False: nothing was done, `take` has to see it.

        `then` is called once the alerts are durable, or with the error that kept them from it. `headers`
        are the request's: a trace context may be among them.
        """
        began = self._tracing.now() if self._tracing is not None else 0
        try:
            parsed = _PARSE[source](body, self._alert)
        except EnvelopeError:
            return False
        alerts, rejected = parsed
        count = len(alerts)
        if rejected or not 0 < count <= min(SPLIT, self._limits.alerts_per_request):
            return False
        if self._admit(alerts) is not None:
            return False

        def accepted(error: StorageError | None) -> None:
            if error is None:
                self._metrics.received.add((source,), count)
            then(error)

        received = AlertsReceived(source, body, *parsed)
        if self._tracing is not None:
            span = self._tracing.accept(f"POST {_PATHS[source]}", headers, began)
            if span is not None:
                return self._take_traced(span, identity, received, accepted)
        return self._engine.accept_then(identity.name, [received], accepted)

    def _take_traced(
        self,
        span: Span,
        identity: Identity,
        received: AlertsReceived,
        then: Callable[[StorageError | None], None],
    ) -> bool:
        count = len(received.alerts)
        append = span.child("append")

        def accepted(error: StorageError | None) -> None:
            then(error)
            append.end("storage" if error else "")
            _answered(span, 503 if error else 200, received.source, count)

        traced = replace(received, traces=(Traced(span.context, 0, count),))
        return self._engine.accept_then(identity.name, [traced], accepted)

    async def take(
        self, identity: Identity, source: Entrance, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Take in a request's alerts and answer for them. Raises Overloaded and TooLarge.

        `headers` are the request's: a trace context may be among them.
        """
        span = self._tracing.accept(f"POST {_PATHS[source]}", headers) if self._tracing is not None else None
        if span is None:
            return await self._take(identity, source, body)
        status = 500
        try:
            with within(span):
                answer = await self._take(identity, source, body)
            status = answer.status
            return answer
        except ResponderError as error:
            status = error.status
            raise
        finally:
            _answered(span, status, source)

    async def _take(self, identity: Identity, source: Entrance, body: bytes) -> Answer:
        try:
            parsed = _PARSE[source](body, self._alert)
        except EnvelopeError as error:
            await self.refuse(identity, 400, str(error), body)
            return refusal(400, str(error))
        count = len(parsed[0]) + len(parsed[1])
        if count > self._limits.alerts_per_request:
            text = f"{count} alerts in one request; at most {self._limits.alerts_per_request} are taken"
            await self.refuse(identity, 413, text, b"")
            raise TooLarge(text)
        admitted = self._admit(parsed[0])
        if admitted is not None:
            await self._take_known(identity, source, body, parsed, admitted)
        if count:
            await self._append(identity, self._inputs(source, body, parsed))
            self._metrics.received.add((source,), len(parsed[0]))
        rejected = parsed[1]
        if not rejected:
            return ACCEPTED
        self._metrics.alerts_rejected.labels(source).inc(len(rejected))
        reasons = [f"alert {one.index}: {one.reason}" for one in rejected[:20]]
        if source == "api":  # Alertmanager stores the valid ones and answers 400
            return as_json(400, "; ".join(reasons))
        return as_json(200, {"accepted": len(parsed[0]), "quarantined": len(rejected), "reasons": reasons})

    async def _append(self, identity: Identity, bodies: list[Body]) -> None:
        """Make them durable, in a span of its own where the request is traced."""
        span = current()
        if span is None:
            await self._engine.accept(identity.name, bodies)
            return
        append, failed = span.child("append"), "storage"
        try:
            await outside(self._engine.accept(identity.name, bodies))
            failed = ""
        finally:
            append.end(failed)

    def _inputs(self, source: Entrance, body: bytes, parsed: Parsed) -> list[Body]:
        alerts, rejected = parsed
        if len(alerts) + len(rejected) <= SPLIT:
            return [_traced(AlertsReceived(source, body, alerts, rejected))]
        parse = _PARSE[source]
        pieces = split(body, SPLIT, webhook=source == "webhook")
        return [_traced(AlertsReceived(source, piece, *parse(piece, self._alert))) for piece in pieces]

    # -- limits on counts -----------------------------------------------------------------

    def _admit(self, alerts: tuple[ReceivedAlert, ...]) -> set[int] | None:
        """Indexes that may come in, or None for all: known alerts always may, new ones up to the limits."""
        state, limits = self._engine.state, self._limits
        known = len(state.by_id) + self._engine.undecided_alerts
        if known + len(alerts) <= min(limits.active_alerts, limits.alerts_per_name):
            return None
        names: Counter[str] = Counter()
        admitted = set()
        for index, alert in enumerate(alerts):
            if alert.labels in state.alerts:
                admitted.add(index)
                continue
            name = label(alert.labels, "alertname")
            if (
                known + names.total() < limits.active_alerts
                and state.names.get(name, 0) + names[name] < limits.alerts_per_name
            ):
                names[name] += 1
                admitted.add(index)
        return None if len(admitted) == len(alerts) else admitted

    async def _take_known(
        self, identity: Identity, source: Entrance, body: bytes, parsed: Parsed, admitted: set[int]
    ) -> NoReturn:
        bad = {one.index for one in parsed[1]}
        places = [index for index in range(len(parsed[0]) + len(bad)) if index not in bad]
        kept = select(body, {places[index] for index in admitted}, webhook=source == "webhook")
        bodies: list[Body] = []
        if admitted:
            bodies = self._inputs(source, kept, _PARSE[source](kept, self._alert))
        if self._first_in_an_hour("limit", identity.name):
            reached = f"limits.active_alerts ({self._limits.active_alerts}) or limits.alerts_per_name"
            log.error("alert_limit", sender=identity.name, refused=len(parsed[0]) - len(admitted))
            bodies.append(LimitReached(f"{reached} ({self._limits.alerts_per_name})", identity.name))
        if bodies:
            await self._append(identity, bodies)
            self._metrics.received.add((source,), len(admitted))
        raise Overloaded(
            f"{len(parsed[0]) - len(admitted)} new alerts are over the limits; known ones are stored"
        )

    # -- what cannot be taken -------------------------------------------------------------

    async def refuse(self, identity: Identity, status: int, reason: str, body: bytes) -> None:
        """Note a request that can never succeed; an alert says so once per sender and hour."""
        log.warning("request_refused", sender=identity.name, status=status, reason=reason)
        try:
            if identity.authenticated and body:
                await keep_rejected(self._database, self._clock.now(), identity.name, status, reason, body)
            if self._first_in_an_hour(str(status), identity.name):
                await self._engine.accept("responder", [BadRequest(identity.name, status, reason[:500])])
        except (StorageError, Overloaded):
            self._alerted.pop((str(status), identity.name), None)

    def _first_in_an_hour(self, what: str, sender: str) -> bool:
        now = self._clock.monotonic()
        last = self._alerted.get((what, sender))
        if last is not None and now - last < HOUR:
            return False
        self._alerted[what, sender] = now
        return True


def _traced(received: AlertsReceived) -> AlertsReceived:
    """The same, marked with the span that the present task is in."""
    span = current()
    if span is None:
        return received
    return replace(received, traces=(Traced(span.context, 0, len(received.alerts)),))


def _answered(span: Span, status: int, source: Source, alerts: int | None = None) -> None:
    """The request of a span is over. What the caller did wrong is no failure of ours."""
    span.attributes |= {
        "http.request.method": "POST",
        "url.path": _PATHS[source],
        "http.response.status_code": status,
    }
    if alerts is not None:
        span.attributes["responder.alerts"] = alerts
    span.end(str(status) if status >= 500 else "")
