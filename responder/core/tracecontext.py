"""Where in a trace something belongs: the values that travel with an input, an order, a run.

`tracing` makes them at an entrance, `store` keeps them, `engine` hands them on. They have no behaviour, no
decision depends on them, and nothing in the core looks at one.
"""

import msgspec


class TraceContext(msgspec.Struct, frozen=True, array_like=True):
    """A span that others are below of. Only sampled ones are made; without one there is nothing to record.

    `trace` (32) and `span` (16) are lower-case hex digits, `flags` those of W3C's traceparent, `state` its
    tracestate as it came.
    """

    trace: str
    span: str
    flags: int = 1
    state: str = ""

    @property
    def names(self) -> dict[str, str]:
        """What a log line says of it."""
        return {"trace_id": self.trace, "span_id": self.span}


class Traced(msgspec.Struct, frozen=True, array_like=True):
    """Of an input's alerts, `count` from the index `first` on came in a request with this context."""

    context: TraceContext
    first: int
    count: int
