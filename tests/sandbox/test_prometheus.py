"""The stand-in for Prometheus over real HTTP, in Prometheus' own format."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from responder.actions.prometheus import alerts_query
from responder.core.model import SECOND, labels_from
from responder.errors import UsageError
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import furnish
from responder.sandbox.loopback import listen
from responder.sandbox.prometheus import Prometheus, RestartRule
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


def pods(asking: Asking) -> list[str]:
    """Those of checkout, in order."""
    found = [pod["metadata"]["name"] for pod in asking.cluster.objects("Pod", "shop")]
    return [name for name in found if name.startswith("checkout-")]


def series(pod: str) -> dict[str, str]:
    names = {"cluster": "prod", "container": "checkout", "deployment": "checkout", "namespace": "shop"}
    return {**names, "pod": pod}


async def test_restarts_follow_the_cluster(asking: Asking) -> None:
    names = pods(asking)
    assert await asking.ask(INCREASE) == [(series(name), "0") for name in names]
    asking.cluster.crash("shop", "checkout", every=20 * SECOND)
    await asking.clock.advance(60 * SECOND)
    assert await asking.ask(INCREASE) == [(series(name), "3") for name in names]
    assert await asking.ask(f"{INCREASE} < 1") == []
    asking.cluster.calm("shop", "checkout")
    await asking.clock.advance(5 * 60 * SECOND)
    assert await asking.ask(f"{INCREASE} < 1") == [(series(name), "0") for name in names]


def restart(asking: Asking) -> None:
    document = asking.cluster.get("Deployment", "shop", "checkout")
    template = document["spec"]["template"]
    metadata = {**template["metadata"], "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}
    spec = {**document["spec"], "template": {**template, "metadata": metadata}}
    asking.cluster.apply({**document, "spec": spec})


SHIPPED = """sum(
    increase(restarts_by_deployment{namespace="shop", deployment="checkout"}[5m])
    and restarts_by_deployment{namespace="shop", deployment="checkout"}
  ) < 1
"""


async def test_what_the_shipped_runbook_asks_is_answered(asking: Asking) -> None:
    asking.cluster.crash("shop", "checkout", every=20 * SECOND)
    await asking.clock.advance(60 * SECOND)
    assert await asking.ask(SHIPPED) == []
    assert await asking.ask(SHIPPED.replace("< 1", "")) == [({}, "9")]
    restart(asking)
    await asking.clock.advance(10 * SECOND)
    assert await asking.ask(SHIPPED) == [({}, "0")]
    # Without `and`, the pods that have gone count for as long as they are remembered.
    assert await asking.ask(f"sum({INCREASE})") == [({}, "9")]
    assert await asking.ask(SHIPPED.replace("checkout", "nothing")) == []


async def test_pods_are_known_once_they_are_recorded_twice(asking: Asking) -> None:
    asking.prometheus.every = 30 * SECOND
    assert await asking.ask(SHIPPED) == []
    await asking.clock.advance(29 * SECOND)
    assert await asking.ask(SHIPPED) == []
    await asking.clock.advance(1 * SECOND)
    assert await asking.ask(SHIPPED) == [({}, "0")]
    restart(asking)
    await asking.clock.advance(6 * SECOND)
    # All pods are new: no answer, and that is no "it helped".
    assert await asking.ask(SHIPPED) == []
    await asking.clock.advance(54 * SECOND)
    assert await asking.ask(SHIPPED) == [({}, "0")]


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [("< 3", False), ("<= 3", True), ("> 2.5", True), (">= 4", False), ("==3", True), ("!= 3", False)],
)
async def test_comparisons_filter(asking: Asking, comparison: str, holds: bool) -> None:
    asking.cluster.crash("shop", "checkout", every=20 * SECOND, pods=1)
    await asking.clock.advance(60 * SECOND)
    assert await asking.ask(f"sum({INCREASE}) {comparison}") == ([({}, "3")] if holds else [])


async def test_matchers_choose_the_deployments(asking: Asking) -> None:
    found = await asking.ask('increase(restarts_by_deployment{deployment=~"c.*", cluster="prod"}[1h])')
    assert {labels["deployment"] for labels, _ in found} == {"cart", "checkout"}
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


async def test_what_responder_asks_of_an_alert_is_answered(asking: Asking) -> None:
    labels = {"deployment": 'check"out|a\\b', "namespace": "shop", "note": "ü {}"}
    asking.prometheus.fire("PodRestartsHigh", **labels)
    # One label was added on its way.
    query = alerts_query(labels_from({"alertname": "PodRestartsHigh", "cluster": "prod", **labels}))
    assert len(await asking.ask(query)) == 1
    assert await asking.ask(query.replace("shop", "other")) == []


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
        'sum(sum(increase(restarts_by_deployment{namespace="shop"}[5m])))',
        'sum(increase(restarts_by_deployment{namespace="shop"}[5m]) < 1)',
        'increase(restarts_by_deployment{namespace="shop"}[5m]) and up{namespace="shop"}',
        'restarts_by_deployment{namespace="shop"}',
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


async def test_a_rule_fires_while_pods_that_are_there_restart_too_often(asking: Asking) -> None:
    asking.prometheus.rules.append(RestartRule("PodRestartsHigh", "critical", above=5, within="5m"))
    asking.cluster.crash("shop", "checkout", every=10 * SECOND)
    await asking.clock.advance(10 * SECOND)
    assert asking.prometheus.by_rules() == []
    await asking.clock.advance(10 * SECOND)
    labels = {
        "alertname": "PodRestartsHigh",
        "severity": "critical",
        "cluster": "prod",
        "namespace": "shop",
        "deployment": "checkout",
        "service": "checkout",
    }
    assert asking.prometheus.by_rules() == [{**labels, "alertstate": "firing"}]
    assert len(await asking.ask(alerts_query(labels_from(labels)))) == 1
    for pod in pods(asking):
        asking.cluster.delete("Pod", "shop", pod)
    assert asking.prometheus.by_rules() == []
    assert await asking.ask(alerts_query(labels_from(labels))) == []
