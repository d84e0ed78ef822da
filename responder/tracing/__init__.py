"""Spans along the corridor and over outgoing calls, for an OpenTelemetry endpoint.

`service` makes a Tracing where `tracing:` is configured; whoever records imports the names from here. Only
`export` and `propagation` know OpenTelemetry, and nothing imports them where tracing is off.
"""

from responder.tracing.span import Call, Span, calling, current, outside, within
from responder.tracing.tracing import Tracing

__all__ = ["Call", "Span", "Tracing", "calling", "current", "outside", "within"]
