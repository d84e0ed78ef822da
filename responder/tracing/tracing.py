"""Tracing where it is on: begins spans at entrances, follows and gathers contexts, lets ended spans go.

`service` makes one Tracing and hands it to whoever records; where tracing is off they get None. It decides
nothing, holds nothing up, and imports OpenTelemetry only when it is made.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from responder.core.model import Nanoseconds
from responder.core.tracecontext import TraceContext
from responder.errors import UsageError
from responder.tracing.span import Span

if TYPE_CHECKING:  # whoever only makes calls needs none of these
    from responder.clock import Clock
    from responder.settings.values import Tracing as Settings
    from responder.telemetry import Metrics

_log = structlog.get_logger(__name__)

_LINKS: Final = 128
"""Links of one span, as OpenTelemetry limits them."""


class Tracing:
    """One per process."""

    def __init__(
        self, settings: "Settings", headers: Mapping[str, str], clock: "Clock", metrics: "Metrics"
    ) -> None:
        """Connect to nothing yet. Raises UsageError where the packages are not installed."""
        try:
            from responder.tracing.export import Export
            from responder.tracing.propagation import Propagation
        except ImportError as error:
            raise UsageError(
                f"tracing: {error.name or 'a package'} is not installed: pip install 'responder[tracing]'"
            ) from None
        self._settings = settings
        self._clock = clock
        self._propagation = Propagation(settings.propagators, settings.ratio)
        self._export = Export(settings, headers, metrics.spans)

    # -- beginnings -----------------------------------------------------------------------

    def accept(self, name: str, headers: Mapping[str, str], began: Nanoseconds = 0) -> Span | None:
        """A request came in with `headers` at `began` (0: now); None: it is not sampled."""
        beginning = self._propagation.begin(headers)
        if beginning is None:
            return None
        context, parent = beginning.context, beginning.parent
        began = began or self._clock.now()
        return Span(self, name, context, parent, began, kind="server", remote=bool(parent))

    def follow(self, name: str, above: TraceContext, began: Nanoseconds = 0) -> Span:
        """A span below one that this or an earlier process recorded, from `began` (0: from now) on."""
        return self.gather(name, (above,), began)

    def gather(self, name: str, causes: Sequence[TraceContext], began: Nanoseconds = 0) -> Span:
        """A span that `causes` brought about: in the trace of the only one, or in one linked to each.

        Of more than 128 the first are linked.
        """
        span, began = self.new_span(), began or self._clock.now()
        if len(causes) == 1:
            (above,) = causes
            context = TraceContext(above.trace, span, above.flags, above.state)
            return Span(self, name, context, above.span, began)
        context = TraceContext(self._propagation.new_trace(), span)
        return Span(self, name, context, "", began, links=tuple(causes[:_LINKS]))

    # -- what spans need ------------------------------------------------------------------

    def now(self) -> Nanoseconds:
        """Wall clock."""
        return self._clock.now()

    def new_span(self) -> str:
        """An id that no other span has."""
        return self._propagation.new_span()

    def record(self, span: Span) -> None:
        """It has ended, and goes out with others."""
        try:
            self._export.put(span)
        except Exception:  # a bug: whoever ends a span has other things to do
            _log.exception("span_not_recorded", name=span.name)

    def headers(self, context: TraceContext) -> dict[str, str]:
        """What tells a service that it is called from within this span."""
        return self._propagation.headers(context)

    # -- the end --------------------------------------------------------------------------

    async def stop(self) -> None:
        """Send what is left, within `tracing.stop_within`."""
        await asyncio.to_thread(self._export.stop, self._settings.stop_within)
