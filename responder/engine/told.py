"""What a commit is counted and logged as: the events that it made true, and nothing else.

`engine.engine` calls it after what the commit lets out is on its way. Log, journal and metrics
cannot disagree, because they are made of one list.
"""

from responder.core.messages import (
    Closed,
    FallbackEngaged,
    Noted,
    Owed,
    RunMoved,
    StepEnded,
    StepIntended,
)
from responder.core.model import SECOND, Nanoseconds
from responder.engine.slice import Slice
from responder.telemetry import Metrics, logger

log = logger("engine")


def tell(piece: Slice, took: Nanoseconds, metrics: Metrics) -> None:
    """Count and log a slice whose commit took so many nanoseconds; its spans are true from now on."""
    spans, of_event = piece.trail.spans, piece.trail.of_event
    metrics.commit_seconds.observe(took / SECOND, spans[0].context.names if spans else None)
    for span in spans:
        span.end(at=span.ended)
        span.child("commit", began=piece.began).end(at=piece.began + took)
    metrics.inputs_decided.inc(piece.inputs)
    metrics.alerts_decided.inc(piece.alerts)
    for event in piece.events:
        trace = of_event.get(id(event))
        names = trace.names if trace else {}
        match event:
            case Owed():
                metrics.owed.labels(event.receiver, event.reason).inc()
                log.info(
                    "notification_owed",
                    row=event.row,
                    group=event.group,
                    receiver=event.receiver,
                    reason=event.reason,
                    firing=len(event.firing),
                    resolved=len(event.resolved),
                    **names,
                )
            case Closed():
                metrics.closed.labels(event.state, event.reason).inc()
                if event.state != "delivered":  # delivery has its own line for that
                    closed = {"row": event.row, "state": event.state, "reason": event.reason}
                    log.info("notification_closed", **closed, **names)
            case FallbackEngaged():
                told = {"group": event.group, "receiver": event.receiver, "fallback": event.fallback}
                log.warning("fallback_engaged", **told, why=event.why, **names)
            case RunMoved():
                metrics.runs.labels(event.now, event.reason).inc()
                moved = {"run": event.run, "was": event.was, "now": event.now, "reason": event.reason}
                log.info("run_moved", **moved, detail=event.detail, by=event.by, **names)
            case StepIntended():
                log.info("step_intended", run=event.run, action=event.action, target=event.target, **names)
            case StepEnded():
                log.info("step_ended", run=event.run, result=event.result, detail=event.detail, **names)
            case Noted():
                log.info("noted", what=event.what, detail=event.detail, **names)
            case _:
                pass
