"""Lists in pages, watches from any version, and what happens when a version is forgotten."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from kubernetes_asyncio import client, watch

from responder.core.model import MINUTE, SECOND
from tests.sandbox.kubernetes.shop import Shop, connected, refused, until

# -- lists ---------------------------------------------------------------------------------------


def names(found: Any) -> list[str]:
    return [one.metadata.name for one in found.items]


async def test_a_list_is_in_order_and_says_its_version(shop: Shop) -> None:
    found: Any = await shop.apps.list_namespaced_deployment("shop")
    assert names(found) == ["cart", "checkout", "payments"]
    assert (found.kind, found.metadata.resource_version) == ("DeploymentList", str(shop.cluster.version))
    # Entries of a list do not say what they are.
    assert (found.items[0].kind, found.items[0].api_version) == (None, None)
    assert names(await shop.apps.list_namespaced_deployment("default")) == []
    assert names(await shop.apps.list_deployment_for_all_namespaces()) == ["cart", "checkout", "payments"]


async def test_lists_select_by_labels_and_fields(shop: Shop) -> None:
    async def pods(**query: Any) -> set[str]:
        found = await shop.core.list_namespaced_pod("shop", **query)
        return {pod.metadata.labels["app"] for pod in found.items}

    assert await pods(label_selector="app in (cart,checkout),pod-template-hash") == {"cart", "checkout"}
    assert await pods(label_selector="app!=cart") == {"checkout", "payments"}
    mine = shop.pods()[0]
    assert await pods(field_selector=f"metadata.name={mine['metadata']['name']}") == {"checkout"}
    on_one = await shop.core.list_namespaced_pod(
        "shop", field_selector="spec.nodeName=node-1,status.phase=Running"
    )
    assert {pod.spec.node_name for pod in on_one.items} == {"node-1"}
    refusal = await refused(shop.core.list_namespaced_pod("shop", field_selector="spec.hostname=x"))
    assert (refusal["code"], refusal["message"]) == (400, "field label not supported: spec.hostname")


async def test_pages_are_of_one_version_whatever_happens_between_them(shop: Shop) -> None:
    everything = sorted(pod["metadata"]["name"] for pod in shop.cluster.objects("Pod", "shop"))
    first = await shop.core.list_namespaced_pod("shop", limit=3)
    assert first.metadata.remaining_item_count == 4
    await shop.restart()
    await shop.seconds(10)
    second = await shop.core.list_namespaced_pod("shop", limit=3, _continue=first.metadata._continue)
    third: Any = await shop.core.list_namespaced_pod("shop", limit=3, _continue=second.metadata._continue)
    assert names(first) + names(second) + names(third) == everything
    assert third.metadata._continue is None
    assert {page.metadata.resource_version for page in (first, second, third)} == {
        first.metadata.resource_version
    }


async def test_a_page_of_a_selection_does_not_know_what_remains(shop: Shop) -> None:
    page: Any = await shop.core.list_namespaced_pod("shop", limit=1, label_selector="app=checkout")
    assert (len(page.items), page.metadata.remaining_item_count) == (1, None)
    assert page.metadata._continue


async def test_a_token_that_has_expired_comes_with_a_fresh_one(shop: Shop) -> None:
    first = await shop.core.list_namespaced_pod("shop", limit=3)
    await shop.restart()
    await shop.seconds(10)
    shop.cluster.expire()
    refusal = await refused(shop.core.list_namespaced_pod("shop", _continue=first.metadata._continue))
    assert (refusal["code"], refusal["reason"]) == (410, "Expired")
    rest = await shop.core.list_namespaced_pod("shop", _continue=refusal["metadata"]["continue"])
    # It goes on behind where it stopped, with what there is now.
    now = sorted(pod["metadata"]["name"] for pod in shop.cluster.objects("Pod", "shop"))
    assert names(rest) == [name for name in now if name > names(first)[-1]]


def token(document: Any) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize("made_up", ["x", "!", token([]), token({"rv": 1}), token({"rv": 1, "start": "x"})])
async def test_a_made_up_token_is_refused(shop: Shop, made_up: str) -> None:
    assert (await refused(shop.core.list_namespaced_pod("shop", _continue=made_up)))["code"] == 400


async def test_a_version_that_has_not_been_is_too_large(shop: Shop) -> None:
    have = shop.cluster.version
    refusal = await refused(shop.core.list_namespaced_pod("shop", resource_version="99999"))
    assert refusal == {
        "message": f"Timeout: Too large resource version: 99999, current: {have}",
        "reason": "Timeout",
        "details": {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
        "code": 504,
    }
    assert names(await shop.core.list_namespaced_pod("shop", resource_version="0")) != []


async def test_an_exact_version_is_as_it_was_until_it_is_forgotten(shop: Shop) -> None:
    then = str(shop.cluster.version)
    before = {pod["metadata"]["name"] for pod in shop.cluster.objects("Pod", "shop")}
    await shop.restart()
    await shop.seconds(10)
    exact: dict[str, Any] = {"resource_version": then, "resource_version_match": "Exact"}
    assert set(names(await shop.core.list_namespaced_pod("shop", **exact))) == before
    shop.cluster.expire()
    assert (await refused(shop.core.list_namespaced_pod("shop", **exact)))["code"] == 410


@pytest.mark.parametrize(("field", "value"), [("limit", "x"), ("resource_version", "-1")])
async def test_numbers_are_numbers(shop: Shop, field: str, value: str) -> None:
    query: dict[str, Any] = {field: value}
    assert (await refused(shop.core.list_namespaced_pod("shop", **query)))["code"] == 400


# -- watches -------------------------------------------------------------------------------------


class Watcher:
    """What a watch with the real client heard, and how it ended."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.ended: client.ApiException | None = None
        self.over = False

    async def run(self, api: client.ApiClient, call: str, **query: Any) -> None:
        async with watch.Watch() as watching:
            try:
                async for event in watching.stream(getattr(client.AppsV1Api(api), call), "shop", **query):
                    heard = event["object"]
                    name = (
                        heard["metadata"]["resourceVersion"]
                        if isinstance(heard, dict)
                        else heard.metadata.name
                    )
                    self.events.append((event["type"], name))
            except client.ApiException as ended:
                self.ended = ended
        self.over = True


@asynccontextmanager
async def watching(
    shop: Shop, call: str = "list_namespaced_deployment", **query: Any
) -> AsyncIterator[Watcher]:
    watcher = Watcher()
    async with connected(shop.cluster) as api:
        before = len(shop.cluster.calls)
        task = asyncio.create_task(watcher.run(api, call, **query))
        await until(lambda: len(shop.cluster.calls) > before)
        yield watcher
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_watch_begins_with_what_there_is(shop: Shop) -> None:
    async with watching(shop) as watcher:
        await until(lambda: len(watcher.events) == 3)
        assert watcher.events == [("ADDED", "cart"), ("ADDED", "checkout"), ("ADDED", "payments")]
        del watcher.events[:]
        await shop.restart("cart")
        await until(lambda: len(watcher.events) >= 3)
        assert set(watcher.events) == {("MODIFIED", "cart")}
        shop.cluster.delete("Deployment", "shop", "payments")
        await until(lambda: ("DELETED", "payments") in watcher.events)


async def test_a_watch_from_a_version_hears_what_came_after_it(shop: Shop) -> None:
    version = str(shop.cluster.version)
    shop.cluster.delete("Deployment", "shop", "payments")
    async with watching(shop, resource_version=version) as watcher:
        await until(lambda: bool(watcher.events))
        assert watcher.events == [("DELETED", "payments")]


async def test_what_is_no_longer_selected_is_gone_to_a_watch(shop: Shop) -> None:
    query = {"label_selector": "tier=web", "resource_version": str(shop.cluster.version)}
    async with watching(shop, **query) as watcher:
        for tier in ("web", "web", None):
            note = {"metadata": {"labels": {"tier": tier}, "annotations": {"at": str(shop.cluster.version)}}}
            await shop.apps.patch_namespaced_deployment("cart", "shop", note)
        await until(lambda: len(watcher.events) == 3)
        assert watcher.events == [("ADDED", "cart"), ("MODIFIED", "cart"), ("DELETED", "cart")]


async def test_bookmarks_come_once_a_minute_to_who_asks(shop: Shop) -> None:
    version = str(shop.cluster.version)
    async with watching(shop, resource_version=version, allow_watch_bookmarks=True) as watcher:
        await shop.clock.advance(2 * MINUTE)
        await until(lambda: len(watcher.events) == 2)
        assert watcher.events == [("BOOKMARK", version)] * 2
    async with watching(shop, resource_version=version) as watcher:
        await shop.clock.advance(2 * MINUTE)
        assert watcher.events == []


async def test_a_watch_ends_when_its_time_is_over(shop: Shop) -> None:
    async with watching(shop, timeout_seconds=30) as watcher:
        await shop.clock.advance(29 * SECOND)
        assert not watcher.over
        await shop.clock.advance(1 * SECOND)
        await until(lambda: watcher.over)
        assert watcher.ended is None


@pytest.mark.parametrize("late", [False, True])
async def test_a_version_that_is_forgotten_is_said_at_once_or_in_an_event(shop: Shop, late: bool) -> None:
    version = str(shop.cluster.version)
    await shop.restart()
    shop.cluster.expire(late=late)
    async with watching(shop, resource_version=version) as watcher:
        await until(lambda: watcher.over)
        assert watcher.ended is not None
        assert watcher.ended.status == 410
        assert watcher.events == []
    # The client asks once more, with the same version, before it gives up.
    watches = [call for call in shop.cluster.calls if call.verb == "watch"]
    assert [call.status for call in watches] == ([200, 200] if late else [410, 410])


@pytest.mark.parametrize(("kind", "status"), [("410", 410), ("410_event", 200), ("403", 403)])
async def test_a_watch_meets_faults(shop: Shop, kind: str, status: int) -> None:
    shop.cluster.fault(kind, 2, verb="watch")
    async with watching(shop) as watcher:
        await until(lambda: watcher.over)
        assert watcher.ended is not None
        assert watcher.ended.status == (403 if kind == "403" else 410)
        assert shop.cluster.calls[0].status == status


async def test_a_server_that_stops_ends_its_watches(shop: Shop) -> None:
    async with watching(shop, timeout_seconds=600) as watcher:
        await until(lambda: len(watcher.events) == 3)
        shop.cluster.end_watches()
        await until(lambda: watcher.over)
        assert watcher.ended is None


async def test_a_watch_counts_as_no_request_under_way(shop: Shop) -> None:
    async with watching(shop) as watcher:
        await until(lambda: len(watcher.events) == 3)
        assert not shop.cluster.busy


async def test_a_watch_of_a_version_that_has_not_been_is_refused(shop: Shop) -> None:
    call = shop.apps.list_namespaced_deployment("shop", watch=True, resource_version="99999")
    assert (await refused(call))["code"] == 504
