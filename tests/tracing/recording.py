"""A recorder of spans for tests that ask no endpoint; what ought to be recorded is theirs to say."""

from responder.core.model import Nanoseconds
from responder.core.tracecontext import TraceContext
from responder.tracing import Span


class Recording:
    """Counts time and ids from 1."""

    def __init__(self) -> None:
        self.time = 0
        self.ids = 0
        self.spans: list[Span] = []

    def now(self) -> Nanoseconds:
        self.time += 1
        return self.time

    def new_span(self) -> str:
        self.ids += 1
        return f"{self.ids:016x}"

    def record(self, span: Span) -> None:
        self.spans.append(span)

    def headers(self, context: TraceContext) -> dict[str, str]:
        return {"traceparent": context.span}
