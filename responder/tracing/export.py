"""Ended spans on their way to an OTLP endpoint: a bounded queue, a thread of its own, and what was lost.

`tracing.tracing` imports it where tracing is on, and nobody else does. It never makes the event loop wait:
what does not fit is counted and dropped, and so is what the endpoint does not take.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from responder import __version__
from responder.core.model import MILLISECOND, SECOND, Nanoseconds
from responder.core.tracecontext import TraceContext
from responder.settings.values import Tracing as Settings
from responder.telemetry import logger
from responder.tracing.propagation import as_span_context
from responder.tracing.span import Span

_KINDS: Final = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_SCOPE: Final = InstrumentationScope("responder", __version__)

log = logger("tracing")


class Counts(Protocol):
    """Who is told what became of spans. Called from any thread."""

    def exported(self, spans: int) -> None:
        """The endpoint has them."""
        ...

    def dropped(self, reason: str, spans: int) -> None:
        """They are lost: `queue_full`, `not_exported`, `refused` or `stopped`."""
        ...


class Export:
    """The way out. Every method is called on the event loop, but for `stop`, which waits."""

    def __init__(self, settings: Settings, headers: Mapping[str, str], counts: Counts) -> None:
        """`headers` go with every request and are secret."""
        # What these libraries log may hold the endpoint's own words; what counts is counted and logged here.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        self._counts = counts
        self._queue = settings.queue
        self._resource = _Resource(_attributes(settings))
        self._exporter = _Exporter(settings, headers, counts)
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=settings.queue,
            schedule_delay_millis=settings.every / MILLISECOND,
            max_export_batch_size=settings.batch,
            export_timeout_millis=settings.timeout / MILLISECOND,
        )
        self._put = 0

    def put(self, span: Span) -> None:
        """Send it with the next batch, or drop and count it."""
        if self._put - self._exporter.taken >= self._queue:
            self._counts.dropped("queue_full", 1)
            return
        self._put += 1
        mine = span.context
        above = TraceContext(mine.trace, span.parent, mine.flags, mine.state) if span.parent else None
        self._processor.on_end(
            ReadableSpan(
                span.name,
                context=as_span_context(mine),
                parent=as_span_context(above, remote=span.remote) if above else None,
                resource=self._resource,
                attributes=span.attributes,
                links=[Link(as_span_context(link)) for link in span.links],
                kind=_KINDS[span.kind],
                status=Status(StatusCode.ERROR, span.failed) if span.failed else Status(),
                start_time=span.began,
                end_time=max(span.ended, span.began),
                instrumentation_scope=_SCOPE,
            )
        )

    def stop(self, within: Nanoseconds) -> None:
        """Send what is queued, for so long at the most; what is left then is lost, and counted."""
        # The library's own shutdown waits for as long as its thread takes; daemons hold up no exit.
        flush = threading.Thread(target=self._processor.shutdown, name="tracing-flush", daemon=True)
        flush.start()
        flush.join(within / SECOND)
        left = self._put - self._exporter.give_up()
        if left:
            self._counts.dropped("stopped", left)
            log.warning("spans_lost_at_stop", spans=left)


class _Exporter(SpanExporter):
    """OTLP over HTTP, counted. `taken`: spans that have left the queue."""

    def __init__(self, settings: Settings, headers: Mapping[str, str], counts: Counts) -> None:
        self._session = _Session()
        self._otlp = OTLPSpanExporter(
            endpoint=settings.endpoint,
            certificate_file=str(settings.ca_file) if settings.ca_file else None,
            headers=headers,
            timeout=settings.timeout / SECOND,
            session=self._session,
        )
        self._counts = counts
        self._failing = False
        self._turn = threading.Lock()
        self._given_up = False
        self._done = 0
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch. The library tries again for as long as `timeout`, where the endpoint asks for it."""
        self.taken += len(spans)
        self._session.refused = 0
        result = self._otlp.export(spans)
        with self._turn:
            if self._given_up:  # these were counted as lost
                return result
            self._done += len(spans)
        if result is SpanExportResult.SUCCESS:
            refused = min(self._session.refused, len(spans))
            self._counts.exported(len(spans) - refused)
            if refused:
                self._counts.dropped("refused", refused)
        else:
            self._counts.dropped("not_exported", len(spans))
        self._tell(result is SpanExportResult.SUCCESS)
        return result

    def _tell(self, succeeded: bool) -> None:
        if succeeded and self._failing:
            log.info("spans_exported_again")
        elif not succeeded and not self._failing:
            log.warning("spans_not_exported", answer=self._session.said)
        self._failing = not succeeded

    def give_up(self) -> int:
        """Nothing that is not known to have ended counts from now on; how many spans did."""
        with self._turn:
            self._given_up = True
            done = self._done
        self._otlp.shutdown()  # type: ignore[no-untyped-call]
        return done

    def shutdown(self) -> None:
        """Nothing: `give_up` does, when the time for it is over."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


class _Session(requests.Session):
    """Requests by which nothing of the environment or of another place gets in; it notes the answer.

    `said`: how the last one ended, `refused`: how many spans it said that the endpoint did not keep.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # neither proxies nor ~/.netrc
        self.max_redirects = 0  # a redirect must not take the headers elsewhere
        self.said = ""
        self.refused = 0

    def request(self, *args: Any, **options: Any) -> requests.Response:
        try:
            response = super().request(*args, **options)
        except requests.RequestException as error:
            self.said = type(error).__name__
            raise
        self.said = f"HTTP {response.status_code}"
        if response.status_code == 200 and response.content:
            try:
                answer = ExportTraceServiceResponse.FromString(response.content)
            except DecodeError:
                return response
            self.refused = max(answer.partial_success.rejected_spans, 0)
        return response


class _Resource(Resource):
    """The only one of the process: the library writes all of it as JSON for each span to find its hash."""

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def _attributes(settings: Settings) -> dict[str, str]:
    """What is true of every span. `environment` has two names: Jaeger's users know the older one."""
    own = {"service.name": settings.service, "service.version": __version__}
    if settings.environment:
        own |= dict.fromkeys(("deployment.environment.name", "deployment.environment"), settings.environment)
    return {**settings.attributes, **own}
