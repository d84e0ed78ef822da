"""The stand-in for Prometheus over real HTTP, in Prometheus' own format."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from responder.core.model import SECOND
from responder.errors import UsageError
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import furnish
from responder.sandbox.loopback import listen
from responder.sandbox.prometheus import Prometheus
from responder.settings import Address
from tests.clock import MONDAY, ManualClock

NOW = MONDAY // SECOND
INCREASE = 'increase(restarts_by_deployment{namespace="shop", deployment="checkout"}[5m])'


class Asking:
    """A Prometheus over loopback that looks at one cluster."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.cluster = Cluster(clock, "prod")
        self.prometheus = Prometheus(clock, self.cluster)
        self.http: aiohttp.ClientSession

    async def answer(self, query: str, method: str = "GET", **more: str) -> tuple[int, Any]:
        given: Any = {"params" if method == "GET" else "data": {"query": query, **more}}
        async with self.http.request(method, "/prometheus/api/v1/query", **given) as answer:
            return answer.status, await answer.json()

    async def ask(self, query: str) -> list[tuple[dict[str, str], str]]:
        """Series and value of each sample."""
        status, body = await self.answer(query)
        assert (status, body["status"], body["data"]["resultType"]) == (200, "success", "vector")
        return [(sample["metric"], sample["value"][1]) for sample in body["data"]["result"]]


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    made = Asking(ManualClock())
    furnish(made.cluster)
    app = web.Application()
    made.prometheus.add_routes(app)
    runner = web.AppRunner(app)
    address = await listen(runner, Address("127.0.0.1", 0))
    async with aiohttp.ClientSession(f"http://{address}") as made.http:
        yield made
    await runner.cleanup()


SERIES = {"cluster": "prod", "deployment": "checkout", "namespace": "shop"}


async def test_restarts_follow_the_cluster(asking: Asking) -> None:
    assert await asking.ask(INCREASE) == [(SERIES, "0")]
    asking.cluster.crash("shop", "checkout", every=20 * SECOND)
    await asking.clock.advance(60 * SECOND)
    assert await asking.ask(INCREASE) == [(SERIES, "9")]
    assert await asking.ask(f"{INCREASE} < 1") == []
    asking.cluster.calm("shop", "checkout")
    await asking.clock.advance(5 * 60 * SECOND)
    assert await asking.ask(f"{INCREASE} < 1") == [(SERIES, "0")]


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [("< 3", False), ("<= 3", True), ("> 2.5", True), (">= 4", False), ("==3", True), ("!= 3", False)],
)
async def test_comparisons_filter(asking: Asking, comparison: str, holds: bool) -> None:
    asking.cluster.crash("shop", "checkout", every=20 * SECOND, pods=1)
    await asking.clock.advance(60 * SECOND)
    assert await asking.ask(f"{INCREASE} {comparison}") == ([(SERIES, "3")] if holds else [])


async def test_matchers_choose_the_deployments(asking: Asking) -> None:
    found = await asking.ask('increase(restarts_by_deployment{deployment=~"c.*", cluster="prod"}[1h])')
    assert [series["deployment"] for series, _ in found] == ["cart", "checkout"]
    assert await asking.ask('increase(restarts_by_deployment{deployment="nothing"}[5m])') == []


async def test_alerts_that_fire(asking: Asking) -> None:
    asking.prometheus.fire("PodRestartsHigh", namespace="shop", deployment="checkout")
    asking.prometheus.fire("PodRestartsHigh", namespace="shop", deployment="cart")
    asking.prometheus.fire("HighCPU", alertstate="pending", namespace="shop")
    firing = 'ALERTS{alertname="PodRestartsHigh",alertstate="firing",deployment=~"check.*",}'
    assert await asking.ask(firing) == [
        (
            {
                "__name__": "ALERTS",
                "alertname": "PodRestartsHigh",
                "alertstate": "firing",
                "namespace": "shop",
                "deployment": "checkout",
            },
            "1",
        )
    ]
    assert len(await asking.ask('ALERTS{alertstate="firing"}')) == 2
    assert len(await asking.ask("ALERTS{}")) == 3
    # A regular expression matches the whole value.
    assert await asking.ask('ALERTS{alertname=~"Pod"}') == []
    asking.prometheus.end("PodRestartsHigh", deployment="checkout")
    assert await asking.ask(firing) == []
    assert len(await asking.ask("ALERTS{}")) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_shape_is_prometheus_own(asking: Asking, method: str) -> None:
    asking.prometheus.fire("A")
    assert await asking.answer("ALERTS{}", method, time=str(NOW)) == (
        200,
        {
            "status": "success",
            "data": {
                "resultType": "vector",
                "result": [
                    {
                        "metric": {"__name__": "ALERTS", "alertname": "A", "alertstate": "firing"},
                        "value": [float(NOW), "1"],
                    }
                ],
            },
        },
    )
    assert list(asking.prometheus.queries) == ["ALERTS{}"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "up",
        "ALERTS",
        'up{job="x"}',
        'ALERTS{alertname="x"} == 1',
        'sum(ALERTS{alertname="x"})',
        "ALERTS{alertname=x}",
        "ALERTS{alertname='x'}",
        'ALERTS{alertname="x" alertstate="y"}',
        'ALERTS{alertname=~"("}',
        'ALERTS{alertname="\\x"}',
        'increase(up{job="x"}[5m])',
        'rate(restarts_by_deployment{namespace="shop"}[5m])',
        'increase(restarts_by_deployment{namespace="shop"})',
        'increase(restarts_by_deployment{namespace="shop"}[x])',
        'increase(restarts_by_deployment{namespace="shop"}[5m]) < bool 1',
        'increase(restarts_by_deployment{namespace="shop"}[5m]) < 1 or vector(1)',
    ],
)
async def test_nothing_else_is_answered(asking: Asking, query: str) -> None:
    status, body = await asking.answer(query)
    assert (status, body["status"], body["errorType"]) == (400, "error", "bad_data")
    assert body["error"].startswith('invalid parameter "query": ')


@pytest.mark.parametrize(
    ("time", "status"),
    [(str(NOW), 200), ("2026-01-05T00:00:30Z", 200), (str(NOW - 61), 400), ("yesterday", 400)],
)
async def test_it_knows_the_present_alone(asking: Asking, time: str, status: int) -> None:
    assert (await asking.answer("ALERTS{}", time=time))[0] == status


async def test_it_can_go_wrong(asking: Asking) -> None:
    asking.prometheus.fault("503", 2)
    for _ in range(2):
        assert await asking.answer("ALERTS{}") == (
            503,
            {"status": "error", "errorType": "unavailable", "error": "asked for"},
        )
    asking.prometheus.fault("bad_json")
    with pytest.raises(ValueError, match="Unterminated string"):
        await asking.answer("ALERTS{}")
    asking.prometheus.fault("reset")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await asking.answer("ALERTS{}", "POST")
    assert (await asking.answer("ALERTS{}"))[0] == 200
    with pytest.raises(UsageError, match="no fault is called 'teapot'"):
        asking.prometheus.fault("teapot")


async def test_other_paths_are_not_there(asking: Asking) -> None:
    async with asking.http.get("/prometheus/api/v1/query_range") as answer:
        assert answer.status == 404
