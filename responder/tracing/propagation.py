"""Trace contexts on the wire, and which requests are traced: OpenTelemetry's propagators and sampler.

`tracing.tracing` imports it where tracing is on, and nobody else does. A header that cannot be read counts
as absent: it never spoils the request that it came with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from responder.core.tracecontext import TraceContext
from responder.settings.values import Propagator
from responder.telemetry import logger

log = logger("tracing")

_LONGEST_STATE: Final = 512
"""Characters of a tracestate that have to be passed on; a longer one is left out, as W3C allows."""

_NOWHERE: Final = Context()

_PROPAGATORS: Final[Mapping[Propagator, type[TextMapPropagator]]] = {
    "tracecontext": TraceContextTextMapPropagator,
    "b3": B3SingleFormat,
    "b3multi": B3MultiFormat,
    "jaeger": JaegerPropagator,
}

_READS: Final[Mapping[Propagator, tuple[str, ...]]] = {
    "tracecontext": ("traceparent",),
    "b3": ("b3", "x-b3-traceid"),
    "b3multi": ("b3", "x-b3-traceid"),
    "jaeger": ("uber-trace-id",),
}
"""The header fields that a context may come in. Each of the two B3 readers reads both forms."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A request that is traced: the context of its span, and the span of the caller's ("": none)."""

    context: TraceContext
    parent: str


class Propagation:
    """Reads contexts from requests that come in, and writes them into those that go out."""

    def __init__(self, propagators: tuple[Propagator, ...], ratio: float) -> None:
        """`propagators` in the order in which they are tried; `ratio` of requests without a context."""
        self._propagators = tuple(_PROPAGATORS[name]() for name in propagators)
        self._fields = tuple(dict.fromkeys(field for name in propagators for field in _READS[name]))
        # A sampler's answer costs more than all else that is done for a request that is not sampled.
        self._bound = TraceIdRatioBased(ratio).bound
        self._ids = RandomIdGenerator()

    def begin(self, headers: Mapping[str, str]) -> Beginning | None:
        """What a request that came with `headers` begins; None: it is not sampled.

        The caller's own decision holds where there is one.
        """
        caller = None
        for field in self._fields:
            if field in headers:
                caller = self._read(headers)
                break
        if caller is None:
            trace = self._ids.generate_trace_id()
            if trace & TraceIdRatioBased.TRACE_ID_LIMIT >= self._bound:
                return None
            return Beginning(TraceContext(format_trace_id(trace), self.new_span()), "")
        if not caller.trace_flags.sampled:
            return None
        state = caller.trace_state.to_header() if caller.trace_state else ""
        context = TraceContext(
            format_trace_id(caller.trace_id),
            self.new_span(),
            int(caller.trace_flags),
            state if len(state) <= _LONGEST_STATE else "",
        )
        return Beginning(context, format_span_id(caller.span_id))

    def new_trace(self) -> str:
        """The id of a trace that nothing came with."""
        return format_trace_id(self._ids.generate_trace_id())

    def new_span(self) -> str:
        """A span's id."""
        return format_span_id(self._ids.generate_span_id())

    def headers(self, context: TraceContext) -> dict[str, str]:
        """The header fields that pass `context` on, in every form that is configured."""
        inside = set_span_in_context(NonRecordingSpan(as_span_context(context)), Context())
        written: dict[str, str] = {}
        for propagator in self._propagators:
            propagator.inject(written, inside)
        return written

    def _read(self, headers: Mapping[str, str]) -> SpanContext | None:
        try:
            for propagator in self._propagators:
                found = get_current_span(propagator.extract(headers, _NOWHERE, _FIELDS)).get_span_context()
                if found.is_valid:
                    return found
        except Exception:  # a bug in a propagator: no alert is refused for it
            log.exception("context_unreadable")
        return None


class _Fields:
    """How a propagator looks into a request's headers. Baggage is not read: nothing here asks for it."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        value = carrier.get(key)
        return None if value is None else [value]

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return []


_FIELDS: Final[Any] = _Fields()


def as_span_context(context: TraceContext, *, remote: bool = False) -> SpanContext:
    """The same as the library's own value."""
    return SpanContext(
        int(context.trace, 16),
        int(context.span, 16),
        remote,
        TraceFlags(context.flags),
        TraceState.from_header([context.state]) if context.state else None,
    )
