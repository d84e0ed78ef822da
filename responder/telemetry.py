"""What Responder says of itself while it runs: log lines and metrics.

`service` sets it up; `engine`, `delivery` and `web` count and log through it. The core never
logs: the engine logs the events that it committed. No label here is unbounded: receivers and
integrations come from the rules, destinations and senders stay out.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping
from json import dumps
from typing import Any, Final

import msgspec

if "rich" not in sys.modules:
    # structlog would import rich and pygments, a fifth of our start, to print tracebacks in colour.
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del sys.modules["rich"]
else:
    import structlog

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from responder import LIKE, __version__


def configure_logging(*, json: bool, level: str = "info", lasting: bool = True) -> None:
    """Send structlog, and the standard library's warnings, to standard error.

    `lasting`: for the life of the process, which makes each line cheaper.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_as_json)]
        if json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=shared + last,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=(
            structlog.BytesLoggerFactory(sys.stderr.buffer)
            if json
            else structlog.PrintLoggerFactory(sys.stderr)
        ),
        cache_logger_on_first_use=lasting,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def _as_json(line: Mapping[str, Any], default: Callable[[Any], Any]) -> bytes:
    """A log line as JSON; what msgspec refuses, such as an integer of over 64 bits, is told all the same."""
    try:
        written = msgspec.json.encode(line, enc_hook=default)
    except (OverflowError, TypeError, ValueError):
        return dumps(line, default=default).encode()
    # What a terminal would take for orders; JSON lets it stand in strings, and nowhere else.
    return _CONTROLS.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), written)


_CONTROLS: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]")


def logger(name: str) -> Any:
    """A logger for one part of the house."""
    return structlog.get_logger(part=name)


_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Tally:
    """Counts on a path where a Counter's lock costs too much; `publish` brings the Counters up to date."""

    __slots__ = ("_counter", "_counts")

    def __init__(self, counter: Counter) -> None:
        """Count for `counter`, which has labels."""
        self._counter = counter
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, labels: tuple[str, ...], more: int = 1) -> None:
        """Count `more` under these values of the labels."""
        self._counts[labels] = self._counts.get(labels, 0) + more

    def publish(self) -> None:
        """To be called before the metrics are read."""
        counts, self._counts = self._counts, {}
        for labels, more in counts.items():
            self._counter.labels(*labels).inc(more)


class Spans:
    """What became of spans, for the thread that sends them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Nothing yet."""
        self._exported = Counter(
            "responder_spans_exported", "Spans that the tracing endpoint took.", registry=registry
        )
        self._dropped = Counter(
            "responder_spans_dropped", "Spans that were lost, by why.", ["reason"], registry=registry
        )

    def exported(self, spans: int) -> None:
        """The endpoint has them."""
        self._exported.inc(spans)

    def dropped(self, reason: str, spans: int) -> None:
        """They are lost: `queue_full`, `not_exported`, `refused` or `stopped`."""
        self._dropped.labels(reason).inc(spans)


class Metrics:
    """Everything on `/metrics`, in a registry of its own."""

    def __init__(self) -> None:
        """Register every metric at zero."""
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "responder_http_requests", "Requests answered.", ["entrance", "code"], registry=registry
        )
        self.answered = Tally(self.requests)
        self.inputs_accepted = Counter("responder_inputs_accepted", "Inputs made durable.", registry=registry)
        self.inputs_decided = Counter("responder_inputs_decided", "Inputs decided.", registry=registry)
        self.undecidable = Counter(
            "responder_inputs_undecidable", "Inputs on which deciding failed twice.", registry=registry
        )
        self.alerts_received = Counter(
            "responder_alerts_received", "Alerts accepted.", ["entrance"], registry=registry
        )
        self.received = Tally(self.alerts_received)
        self.alerts_decided = Counter("responder_alerts_decided", "Alerts decided.", registry=registry)
        self.alerts_rejected = Counter(
            "responder_alerts_rejected", "Alerts that could not be used.", ["entrance"], registry=registry
        )
        self.slack_requests = Counter(
            "responder_slack_requests",
            "Requests that came as from Slack: accepted, or why they were refused.",
            ["outcome"],
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "responder_commit_seconds", "Time a decision's commit took.", buckets=_SECONDS, registry=registry
        )
        self.commit_failures = Counter(
            "responder_commit_failures", "Commits that failed and were decided again.", registry=registry
        )
        self.owed = Counter(
            "responder_notifications_owed",
            "Ledger rows opened.",
            ["receiver", "reason"],
            registry=registry,
        )
        self.closed = Counter(
            "responder_notifications_closed",
            "Ledger rows closed, by state and named reason.",
            ["state", "reason"],
            registry=registry,
        )
        self.ledger_difference = Gauge(
            "responder_ledger_difference",
            "Owed less delivered, suppressed, superseded, dead and pending; anything but 0 is a bug.",
            registry=registry,
        )
        self.alerts = Gauge("responder_alerts", "Alerts known, by state.", ["state"], registry=registry)
        self.silences = Gauge("responder_silences", "Silences kept, by state.", ["state"], registry=registry)
        self.runs = Counter(
            "responder_run_moves_total",
            "Moves of runs, by new state and reason.",
            ["state", "reason"],
            registry=registry,
        )
        self.groups = Gauge("responder_groups", "Groups that live.", registry=registry)
        self.lag = Gauge("responder_lag_seconds", "Age of the oldest undecided input.", registry=registry)
        self.backlog = Gauge("responder_backlog_bytes", "Bytes accepted and not decided.", registry=registry)
        self.pending = Gauge(
            "responder_deliveries_pending", "Ledger rows that are not closed.", registry=registry
        )
        self.attempts = Counter(
            "responder_delivery_attempts",
            "Attempts to deliver, by how they ended.",
            ["integration", "receiver", "outcome"],
            registry=registry,
        )
        self.delivery_seconds = Histogram(
            "responder_delivery_seconds",
            "Time that an attempt to deliver took.",
            ["integration"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.announced = Gauge(
            "responder_delivery_crowded",
            "How often a destination was told that more is waiting for it than it takes at once.",
            registry=registry,
        )
        self.breakers = Gauge(
            "responder_delivery_breakers_open", "Destinations whose breaker is open.", registry=registry
        )
        self.journal_head = Gauge("responder_journal_head", "Number of the newest row.", registry=registry)
        self.storage_bytes = Gauge("responder_storage_bytes", "Size of the database.", registry=registry)
        self.reload_ok = Gauge(
            "responder_config_last_reload_successful", "Whether the last reload worked.", registry=registry
        )
        self.runbooks = Gauge(
            "responder_runbooks", "Runbooks, loaded and broken ones.", ["state"], registry=registry
        )
        self.reloaded_at = Gauge(
            "responder_config_last_reload_success_timestamp_seconds",
            "When the rules in force were read.",
            registry=registry,
        )
        self.spans = Spans(registry)
        build = Gauge("responder_build_info", "Always 1.", ["version"], registry=registry)
        build.labels(__version__).set(1)
        # karma finds out here what it speaks to, and stops where it finds nothing.
        like = Gauge(
            "alertmanager_build_info", "Whose API /api/v2 is. Always 1.", ["version"], registry=registry
        )
        like.labels(LIKE).set(1)
