"""What an update makes of an alert: Alertmanager's merge, and the guards that it lacks.

`core.decide` calls it once per received alert; it knows nothing of groups or receivers.
"""

from typing import Literal, TypeAlias

from responder.core.messages import ReceivedAlert
from responder.core.model import Alert, Nanoseconds, Source

Change: TypeAlias = Literal["fired", "resolved", "changed", "renewed", "ignored"]
"""What an update did: `renewed` changes only times that nobody is told of."""

_FOREVER = 1 << 63


def span(
    received: ReceivedAlert, source: Source, at: Nanoseconds, resolve_timeout: Nanoseconds
) -> tuple[int, int, bool]:
    """(starts_at, ends_at, ends_by_timeout) of an update.

    From the API, Alertmanager's rules: no start is the end if given, else now; no end is now plus
    resolve_timeout. From a webhook the alert's own status decides: a firing one has no end (the
    sender repeats it every few hours at most), a resolved one has ended, now at the latest.
    """
    if source != "api":
        if not received.resolved:
            return received.starts_at or at, received.ends_at if source == "responder" else 0, False
        ends_at = min(received.ends_at or at, at)
        return min(received.starts_at or ends_at, ends_at), ends_at, False
    starts_at = received.starts_at or received.ends_at or at
    if received.ends_at:
        return starts_at, received.ends_at, False
    return starts_at, max(at + resolve_timeout, starts_at), True


def update(
    old: Alert,
    received: ReceivedAlert,
    source: Source,
    at: Nanoseconds,
    resolve_timeout: Nanoseconds,
    *,
    mends: bool,
) -> tuple[Alert, Change]:
    """The alert after an update, and what kind of update it was.

    Alertmanager merges only where the two intervals strictly overlap; else the newer replaces the
    older. With `mends`, two updates are ignored that it would believe: one that by its sender's own
    times lies wholly before what is known, and a firing one with the start of an episode that was
    said to be over. One that nobody renewed was not: its sender may just have been away.
    """
    starts_at, ends_at, by_timeout = span(received, source, at, resolve_timeout)
    was_over = old.resolved_at(at)
    is_over = 0 < ends_at <= at
    if mends and source != "responder" and received.starts_at:
        before = 0 < received.ends_at < old.starts_at
        said_over = was_over and old.ends_at <= old.updated_at
        if before or (said_over and not is_over and received.starts_at == old.starts_at):
            return old, "ignored"
    if _overlap(old.starts_at, old.ends_at or _FOREVER, starts_at, ends_at or _FOREVER):
        if is_over:
            ends_at = max(old.ends_at, ends_at) if was_over else ends_at
        elif old.ends_at > ends_at > 0 and not old.ends_by_timeout:
            ends_at, by_timeout = old.ends_at, False
        starts_at = min(old.starts_at, starts_at)
        is_over = 0 < ends_at <= at
    alert = Alert(  # in full: a third of what replacing costs, and asked for every alert that goes on
        old.id,
        old.labels,
        received.annotations,
        starts_at,
        ends_at,
        at,
        received.generator_url,
        old.episode + 1 if not is_over and (was_over or old.stale) else old.episode,
        source,
        by_timeout,
        False,
        old.groups,
    )
    if alert.episode != old.episode:
        return alert, "fired"
    if is_over and not was_over:
        return alert, "resolved"
    if alert.annotations != old.annotations or alert.starts_at != old.starts_at:
        return alert, "changed"
    return alert, "renewed"


def _overlap(old_start: int, old_end: int, new_start: int, new_end: int) -> bool:
    return old_start < new_end < old_end or old_start < new_start < old_end
