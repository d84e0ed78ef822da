"""Notifications, integrations and alerts for tests."""

from typing import Any

from responder.core.catalogue import Secret, WebhookSettings
from responder.core.model import SECOND, Alert, labels_from
from responder.core.notification import Attempt, Notification, Outcome, ToldReason
from responder.core.rules import Integration
from responder.notify.integration import Senders

MONDAY = 1_767_571_200 * SECOND
"""2026-01-05T00:00:00Z."""


def alert(
    number: int = 1,
    /,
    annotations: dict[str, str] | None = None,
    starts_at: int = MONDAY,
    ends_at: int = 0,
    generator_url: str = "",
    **labels: str,
) -> Alert:
    labels = labels or {"alertname": f"Alert{number}"}
    notes = labels_from(annotations or {})
    return Alert(number, labels_from(labels), notes, starts_at, ends_at, MONDAY, generator_url)


def notification(
    row: int = 1,
    *,
    firing: tuple[Alert, ...] = (),
    resolved: tuple[Alert, ...] = (),
    stale: tuple[Alert, ...] = (),
    receiver: str = "web.hook",
    reason: ToldReason = "first_notification",
    group_labels: dict[str, str] | None = None,
    route_labels: dict[str, str] | None = None,
) -> Notification:
    return Notification(
        row=row,
        at=MONDAY,
        reason=reason,
        receiver=receiver,
        integration="i1",
        group=1,
        group_key="{}:{}",
        group_labels=labels_from(group_labels or {}),
        firing=firing if firing or resolved or stale else (alert(),),
        resolved=resolved,
        stale=stale,
        route_labels=tuple(sorted((route_labels or {}).items())),
    )


def webhook(url: str, *, max_alerts: int = 0, identity: str = "i1", **settings: Any) -> Integration:
    """A webhook integration."""
    return Integration(
        id=identity,
        kind="webhook",
        send_resolved=True,
        destination="http://sink",
        settings=WebhookSettings(url=Secret(url), **settings),
        max_alerts=max_alerts,
    )


async def tell(
    senders: Senders, url: str, *, row: int = 7, within: int = 10 * SECOND, **settings: Any
) -> Outcome:
    return await senders(webhook(url, **settings)).send(notification(row), Attempt(within))
