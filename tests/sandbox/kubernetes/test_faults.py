"""What goes wrong on demand: how it looks to the real client, and whether the write was done."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from responder.errors import UsageError
from responder.sandbox.kubernetes.faults import KINDS
from tests.sandbox.kubernetes.shop import Shop, refused, told, until

NAMED = {"name": "checkout", "group": "apps", "kind": "deployments"}


@pytest.mark.parametrize(
    ("kind", "code", "reason", "message", "details"),
    [
        ("401", 401, "Unauthorized", "Unauthorized", None),
        ("404", 404, "NotFound", 'deployments.apps "checkout" not found', NAMED),
        (
            "409",
            409,
            "Conflict",
            'Operation cannot be fulfilled on deployments.apps "checkout": the object has been modified; '
            "please apply your changes to the latest version and try again",
            NAMED,
        ),
        ("409:AlreadyExists", 409, "AlreadyExists", 'deployments.apps "checkout" already exists', NAMED),
        (
            "422",
            422,
            "Invalid",
            'Deployment.apps "checkout" is invalid: spec: Invalid value: "": asked for',
            {
                "name": "checkout",
                "group": "apps",
                "kind": "Deployment",
                "causes": [
                    {
                        "reason": "FieldValueInvalid",
                        "message": 'Invalid value: "": asked for',
                        "field": "spec",
                    }
                ],
            },
        ),
        (
            "500",
            500,
            "InternalError",
            "Internal error occurred: asked for",
            {"causes": [{"message": "asked for"}]},
        ),
        ("503", 503, "ServiceUnavailable", "the server is currently unable to handle the request", None),
        (
            "504",
            504,
            "Timeout",
            "Timeout: request did not complete within the allotted timeout",
            None,
        ),
    ],
)
async def test_statuses(
    shop: Shop, kind: str, code: int, reason: str, message: str, details: dict[str, Any] | None
) -> None:
    shop.cluster.fault(kind)
    wanted = {"message": message, "reason": reason, "code": code}
    assert await refused(shop.restart()) == (wanted | {"details": details} if details else wanted)
    assert [(call.status, call.changed) for call in shop.cluster.writes()] == [(code, False)]
    assert shop.deployment()["metadata"]["generation"] == 1
    # Once, as asked for.
    await shop.restart()
    assert len(shop.cluster.restarts("shop", "checkout")) == 1


async def test_priority_and_fairness_answers_in_plain_text(shop: Shop) -> None:
    shop.cluster.fault("429")
    answer = await told(shop.restart())
    assert (answer.status, answer.body) == (429, "Too many requests, please try again later.")
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert shop.cluster.restarts("shop", "checkout") == []


async def test_a_proxy_in_between_speaks_html(shop: Shop) -> None:
    shop.cluster.fault("html_502")
    answer = await told(shop.restart())
    assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")


async def test_an_answer_may_be_no_json(shop: Shop) -> None:
    shop.cluster.fault("bad_json")
    headers = {"Authorization": f"Bearer {shop.cluster.token}"}
    async with (
        aiohttp.ClientSession(shop.cluster.url, headers=headers) as http,
        http.get("/api/v1/namespaces") as answer,
    ):
        assert answer.status == 200
        with pytest.raises(json.JSONDecodeError):
            await answer.json()


@pytest.mark.parametrize(("kind", "done"), [("reset", False), ("reset_after", True)])
async def test_a_connection_is_cut_before_or_after_the_handling(shop: Shop, kind: str, done: bool) -> None:
    shop.cluster.fault(kind)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await shop.restart()
    assert [(call.status, call.changed) for call in shop.cluster.writes()] == [(0, done)]
    assert len(shop.cluster.restarts("shop", "checkout")) == done
    assert shop.deployment()["metadata"]["generation"] == 1 + done


@pytest.mark.parametrize(("kind", "done"), [("hang", False), ("hang_after", True)])
async def test_an_answer_never_comes(shop: Shop, kind: str, done: bool) -> None:
    shop.cluster.fault(kind)
    asking = asyncio.create_task(shop.restart())
    await until(lambda: bool(shop.cluster.calls))
    # It is on record before it ends, and nothing else waits for it.
    assert [(call.status, call.changed) for call in shop.cluster.writes()] == [(0, done)]
    assert not shop.cluster.busy
    assert (await shop.read()).metadata.generation == 1 + done
    assert not asking.done()
    shop.cluster.release()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await asking


async def test_a_slow_answer_takes_the_clocks_time(shop: Shop) -> None:
    shop.cluster.fault("slow:2.5")
    asking = asyncio.create_task(shop.restart())
    sleepers = shop.clock.sleepers
    await until(lambda: shop.clock.sleepers > sleepers)
    await shop.seconds(2)
    assert shop.cluster.calls == []
    await shop.seconds(0.5)
    assert (await asking).metadata.generation == 2
    # Handled at the end of it.
    assert shop.cluster.calls[0].at == shop.clock.now()


async def test_faults_fit_by_verb_resource_and_name(shop: Shop) -> None:
    shop.cluster.fault("500", verb="patch", resource="deployments/scale")
    shop.cluster.fault("503", verb="writes", name="cart")
    await shop.read()
    await shop.restart()
    assert (await refused(shop.restart("cart")))["code"] == 503
    scale = {"spec": {"replicas": 4}}
    assert (await refused(shop.apps.patch_namespaced_deployment_scale("checkout", "shop", scale)))[
        "code"
    ] == 500
    await shop.apps.patch_namespaced_deployment_scale("checkout", "shop", scale)
    assert shop.cluster.faults == ()


async def test_faults_come_in_the_order_of_asking_and_as_often_as_asked(shop: Shop) -> None:
    shop.cluster.fault("500", 2)
    shop.cluster.fault("503", 2)
    assert [(await refused(shop.read()))["code"] for _ in range(3)] == [500, 500, 503]
    shop.cluster.clear_faults()
    await shop.read()


@pytest.mark.parametrize("kind", ["teapot", "slow:", "slow:x", "slow:1.2.3", "200"])
def test_what_is_no_fault_is_said(shop: Shop, kind: str) -> None:
    with pytest.raises(UsageError, match=f"no fault is called {kind!r}; there are {KINDS[0]}, "):
        shop.cluster.fault(kind)
