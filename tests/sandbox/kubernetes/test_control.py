"""The control endpoint: what other processes see and steer."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from responder.sandbox.kubernetes.platform import deployment
from tests.sandbox.kubernetes.shop import Shop, refused


@pytest.fixture
async def http(shop: Shop) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shop.cluster.url) as session:
        yield session


async def get(http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(f"/_standin{path}") as answer:
        assert answer.status == 200
        return await answer.json()


async def pull(http: aiohttp.ClientSession, command: str, **arguments: Any) -> tuple[int, str]:
    async with http.post(f"/_standin/{command}", json=arguments) as answer:
        return answer.status, await answer.text()


async def test_the_state_and_the_record(shop: Shop, http: aiohttp.ClientSession) -> None:
    await shop.read()
    await shop.restart()
    assert await get(http, "") == {
        "cluster": "sandbox",
        "resourceVersion": str(shop.cluster.version),
        "calls": 2,
        "crashes": 0,
        "faults": [],
    }
    assert [call["verb"] for call in await get(http, "/calls")] == ["get", "patch"]
    (call,) = await get(http, "/calls?writes=1")
    assert (call["at"], call["manager"], call["changed"]) == ("2026-01-05T00:00:02Z", "responder", True)


async def test_objects(shop: Shop, http: aiohttp.ClientSession) -> None:
    found = await get(http, "/objects/deployments?namespace=shop")
    assert found == shop.cluster.objects("Deployment", "shop")
    assert await get(http, "/objects/Deployment?namespace=default") == []
    async with http.get("/_standin/objects/secrets") as answer:
        assert (answer.status, await answer.text()) == (404, "no kind of object is called 'secrets' here\n")


async def test_its_levers(shop: Shop, http: aiohttp.ClientSession) -> None:
    done = (200, "{}")
    assert await pull(http, "fault", kind="500", times=2, verb="patch") == done
    assert (await get(http, ""))["faults"] == [
        {"kind": "500", "times": 2, "verb": "patch", "resource": "*", "name": "*"}
    ]
    assert (await refused(shop.restart()))["code"] == 500
    assert await pull(http, "clear_faults") == done
    assert await pull(http, "ready_after", seconds=0.5, namespace="shop", name="cart") == done
    await shop.restart("cart")
    await shop.seconds(1)
    assert shop.condition(name="cart") == ("True", "NewReplicaSetAvailable")
    assert await pull(http, "stick", namespace="shop", name="payments") == done
    await shop.restart("payments")
    await shop.seconds(600)
    assert shop.condition(name="payments") == ("False", "ProgressDeadlineExceeded")
    assert await pull(http, "crash", namespace="shop", name="checkout", every=5, pods=1) == done
    await shop.seconds(10)
    assert (await get(http, ""))["crashes"] == 2
    assert await pull(http, "calm", namespace="shop", name="payments") == done
    await shop.seconds(10)
    assert shop.condition(name="payments") == ("True", "NewReplicaSetAvailable")
    assert await pull(http, "fight", namespace="shop", name="cart", what=["replicas"], after=1) == done
    assert await pull(http, "apply", document=deployment("shop", "cart", 4)) == done
    await shop.seconds(1)
    assert shop.deployment("cart")["spec"]["replicas"] == 2
    assert await pull(http, "calm", namespace="shop", name="cart") == done
    assert await pull(http, "want", namespace="shop", name="cart", replicas=5) == done
    await shop.seconds(15)
    assert shop.deployment("cart")["spec"]["replicas"] == 5
    assert await pull(http, "expire", late=True) == done
    assert await pull(http, "end_watches") == done
    assert await pull(http, "release") == done


@pytest.mark.parametrize(
    ("command", "arguments", "status", "text"),
    [
        ("teapot", {}, 404, "there are: apply, calm, clear_faults, "),
        ("fault", {}, 400, "Object missing required field `kind`"),
        ("fault", {"kind": "500", "time": 1}, 400, "Object contains unknown field `time`"),
        ("fault", {"kind": "teapot"}, 400, "no fault is called 'teapot'"),
        ("crash", {"namespace": "shop", "name": "nothing"}, 404, "there is no shop/nothing"),
        ("apply", {"document": {"kind": "Secret", "apiVersion": "v1", "metadata": {}}}, 404, "there is no "),
        ("apply", {"document": deployment("nowhere", "x", 1)}, 400, 'namespaces "nowhere" not found'),
    ],
)
async def test_what_it_does_not_understand(
    http: aiohttp.ClientSession, command: str, arguments: dict[str, Any], status: int, text: str
) -> None:
    answer = await pull(http, command, **arguments)
    assert (answer[0], answer[1][: len(text)]) == (status, text)


async def test_it_answers_to_its_own_names_only(http: aiohttp.ClientSession) -> None:
    async with http.get("/_standin", headers={"Host": "kubernetes.example"}) as answer:
        assert answer.status == 421
