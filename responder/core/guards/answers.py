"""What a guard answers with, and how it speaks of times.

Every guard makes its answer here. Texts are for a tired person: what, why, until when.
"""

from responder.core.guardrules import PATIENCE
from responder.core.guards.situation import Situation
from responder.core.model import SECOND, Nanoseconds, format_duration, format_time
from responder.core.run import GuardResult


def allow(reason: str, **data: str | float | bool) -> GuardResult:
    """Nothing speaks against it."""
    return GuardResult("", "allow", reason, data)


def ask(approvals: int, reason: str, **data: str | float | bool) -> GuardResult:
    """So many persons must say yes, in all."""
    return GuardResult("", "ask", reason, data, approvals=approvals)


def deny(reason: str, retry_at: Nanoseconds = 0, **data: str | float | bool) -> GuardResult:
    """It must not be done; at `retry_at` (0: not by time) the answer may be another."""
    return GuardResult("", "deny", reason, data, retry_at)


def not_before(situation: Situation, at: Nanoseconds, reason: str) -> GuardResult:
    """A deny until a time, if that is near enough to be waited for: else it is for good."""
    run = situation.run
    since = max((one.at for one in run.approvals), default=run.created_at)
    if at > since + PATIENCE:
        return deny(f"{reason}: a run does not wait for so long")
    return deny(reason, at)


def span(duration: Nanoseconds) -> str:
    """A duration to the second, `4m10s`; at least 0s."""
    return format_duration(max(duration, 0) // SECOND * SECOND)


def moment(at: Nanoseconds, now: Nanoseconds) -> str:
    """A time to the second, rounded up: `03:12:00Z`, with its date if that is not today's."""
    text = format_time(-(-at // SECOND) * SECOND)
    return text[11:] if text[:11] == format_time(now)[:11] else text
