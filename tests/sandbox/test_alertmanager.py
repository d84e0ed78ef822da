"""The sandbox's Alertmanager, between a Prometheus and a service that takes what it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from responder.core.model import SECOND, format_time
from responder.errors import Refused
from responder.sandbox.alertmanager import Alertmanager
from responder.sandbox.client import Client
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import furnish
from responder.sandbox.loopback import listen
from responder.sandbox.newcomer import Badges
from responder.sandbox.prometheus import Prometheus, RestartRule
from responder.settings import Address
from tests.clock import MONDAY, ManualClock

LABELS = {
    "alertname": "PodRestartsHigh",
    "severity": "critical",
    "cluster": "prod",
    "namespace": "shop",
    "deployment": "checkout",
    "service": "checkout",
}


class Taking:
    """A service that keeps what it was told, and says what fires."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.cluster = Cluster(self.clock, "prod")
        furnish(self.cluster)
        self.prometheus = Prometheus(self.clock, self.cluster)
        self.prometheus.rules.append(RestartRule("PodRestartsHigh", "critical", within="5m"))
        self.prometheus.fire("Watchdog")
        self.told: list[tuple[str, dict[str, str], str]] = []
        self.fires: list[Any] = []
        self.asked: list[list[str]] = []
        self.answer = 200
        self.lines: list[str] = []
        self.alertmanager: Alertmanager

    async def take(self, request: web.Request) -> web.Response:
        if self.answer == 200:
            for alert in (await request.json())["alerts"]:
                self.told.append((alert["status"], alert["labels"], alert["startsAt"]))
        return web.Response(status=self.answer)

    async def list(self, request: web.Request) -> web.Response:
        self.asked.append(request.query.getall("filter"))
        return web.json_response(self.fires)


@asynccontextmanager
async def taking() -> AsyncIterator[Taking]:
    made = Taking()
    app = web.Application()
    app.router.add_post("/webhooks/alertmanager", made.take)
    app.router.add_get("/api/v2/alerts", made.list)
    runner = web.AppRunner(app)
    address = await listen(runner, Address("127.0.0.1", 0))
    async with Client(f"http://{address}", Badges("n", "s"), made.clock) as client:
        made.alertmanager = Alertmanager(made.prometheus, client, made.clock, made.lines.append)
        yield made
    await runner.cleanup()


async def test_each_beginning_and_each_end_is_said_once() -> None:
    async with taking() as made:
        made.cluster.crash("shop", "checkout", every=SECOND)
        await made.clock.advance(5 * SECOND)
        began = format_time(made.clock.now())
        for _ in range(2):
            await made.alertmanager.look()
        assert made.told == [("firing", LABELS, began)]
        made.cluster.delete("Deployment", "shop", "checkout")
        await made.clock.advance(5 * SECOND)
        for _ in range(2):
            await made.alertmanager.look()
        assert made.told[1:] == [("resolved", LABELS, began)]
        assert [line.partition(". ")[0] for line in made.lines] == [
            "Alertmanager says: PodRestartsHigh critical firing for shop/checkout",
            "Alertmanager says: PodRestartsHigh critical resolved for shop/checkout",
        ]


async def test_what_an_earlier_one_left_firing_is_over_at_the_first_look() -> None:
    async with taking() as made:
        made.fires = [
            {"labels": {"alertname": "PodRestartsHigh", "cluster": "prod"}, "startsAt": format_time(MONDAY)}
        ]
        await made.alertmanager.take_over()
        await made.alertmanager.look()
        assert made.asked == [['alertname="PodRestartsHigh"', 'cluster=~"prod"']]
        assert made.told == [
            ("resolved", {"alertname": "PodRestartsHigh", "cluster": "prod"}, format_time(MONDAY))
        ]


async def test_what_the_service_does_not_take_is_said_again() -> None:
    async with taking() as made:
        made.cluster.crash("shop", "checkout", every=SECOND)
        await made.clock.advance(5 * SECOND)
        made.answer = 503
        with pytest.raises(Refused):
            await made.alertmanager.look()
        assert made.told == []
        made.answer = 200
        await made.alertmanager.look()
        assert [status for status, _, _ in made.told] == ["firing"]


async def test_an_alert_that_stops_for_a_moment_has_not_ended() -> None:
    async with taking() as made:
        made.cluster.crash("shop", "checkout", every=SECOND)
        await made.clock.advance(5 * SECOND)
        await made.alertmanager.look()
        (rule,) = made.prometheus.rules
        made.prometheus.rules.clear()
        await made.alertmanager.look()
        await made.clock.advance(SECOND)
        made.prometheus.rules.append(rule)
        await made.alertmanager.look()
        assert [status for status, _, _ in made.told] == ["firing"]
        made.prometheus.rules.clear()
        for _ in range(2):
            await made.clock.advance(2 * SECOND)
            await made.alertmanager.look()
        assert [status for status, _, _ in made.told] == ["firing", "resolved"]
