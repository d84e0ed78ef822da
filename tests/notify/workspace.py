"""The stand-in for Slack over loopback, and senders that speak to it with the real client library."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from responder.core.catalogue import Secret, SlackSettings
from responder.core.model import MINUTE, SECOND, Alert, Nanoseconds, labels_from
from responder.core.notification import Attempt, Delivered, Notification, Outcome, Partly, ToldReason
from responder.core.rules import Integration
from responder.notify.integration import Senders
from responder.sandbox.slack import Slack
from tests.clock import ManualClock
from tests.notify.notices import MONDAY

EXTERNAL = "https://responder.example"


class Workspace:
    """A Slack with the channel `#ops`, a clock, and the sender of one entry of `slack_configs`."""

    def __init__(self, slack: Slack, clock: ManualClock, senders: Senders, url: str) -> None:
        self.slack = slack
        self.clock = clock
        self.senders = senders
        self.url = url

    def integration(self, channel: str = "#ops", **settings: Any) -> Integration:
        settings.setdefault("api_url", f"{self.url}/slack/api/")
        if "webhook_url" not in settings:
            settings.setdefault("token", Secret(self.slack.token))
        return Integration("i1", "slack", True, "slack 127.0.0.1 ops", SlackSettings(channel, **settings))

    async def send(
        self,
        notification: Notification,
        *,
        within: Nanoseconds = 10 * SECOND,
        maybe_told: bool = False,
        receipt: str = "",
        **settings: Any,
    ) -> Outcome:
        sender = self.senders(self.integration(**settings))
        return await sender.send(notification, Attempt(within, 1, maybe_told, receipt))

    async def tell(self, notification: Notification, **settings: Any) -> str:
        """As delivery does it: the second stage too. Returns the receipt."""
        outcome = await self.send(notification, **settings)
        if isinstance(outcome, Partly):
            outcome = await self.send(notification, receipt=outcome.receipt, **settings)
        assert isinstance(outcome, Delivered), outcome
        return outcome.receipt


@asynccontextmanager
async def running(*, pressable: bool = False, **kind: Any) -> AsyncIterator[Workspace]:
    clock = ManualClock()
    slack = Slack(clock, **kind)
    slack.add_channel("general")
    slack.add_channel("ops")
    app = web.Application()
    slack.add_routes(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    senders = Senders(EXTERNAL, True, clock, pressable=pressable)
    try:
        yield Workspace(slack, clock, senders, f"http://{host}:{port}")
    finally:
        await senders.close()
        slack.release()
        await runner.cleanup()


# -- what is told -----------------------------------------------------------------------------

PLACE = {"cluster": "prod", "namespace": "shop", "service": "web"}


def pod(number: int, /, *, began: Nanoseconds = MONDAY, ended: Nanoseconds = 0, **more: str) -> Alert:
    """One of several pods of a shop that fail."""
    labels = {
        "alertname": "HighErrorRate",
        "severity": "critical",
        "pod": f"web-{number}",
        "team": "checkout",
        **PLACE,
        **more,
    }
    annotations = {
        "summary": f"web-{number} fails 7% of requests",
        "runbook_url": "https://runbooks.example/high-error-rate",
        "dashboard_url": "https://grafana.example/d/shop?var-service=web&from=now-1h",
    }
    source = "https://prometheus.example/graph?g0.expr=rate%28errors%5B5m%5D%29&g0.tab=1"
    return Alert(number, labels_from(labels), labels_from(annotations), began, ended, MONDAY, source)


def incident(
    row: int = 1,
    *,
    firing: tuple[Alert, ...] = (),
    resolved: tuple[Alert, ...] = (),
    stale: tuple[Alert, ...] = (),
    reason: ToldReason = "first_notification",
    receipt: str = "",
    at: Nanoseconds = MONDAY + MINUTE,
    since: Nanoseconds = 0,
    skipped: int = 0,
) -> Notification:
    return Notification(
        row=row,
        at=at,
        reason=reason,
        receiver="slack-critical",
        integration="i1",
        group=7,
        group_key='{}/{severity="critical"}:{alertname="HighErrorRate"}',
        group_labels=labels_from({"alertname": "HighErrorRate"}),
        firing=firing,
        resolved=resolved,
        stale=stale,
        opened_at=MONDAY,
        since=since,
        skipped=skipped,
        receipt=receipt,
    )
