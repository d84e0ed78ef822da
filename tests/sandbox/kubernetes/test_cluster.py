"""A cluster from outside: several at once, the record, starting and stopping."""

from typing import Any

import pytest

from responder.core.model import SECOND
from responder.errors import UsageError
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.failure import Failure
from responder.sandbox.kubernetes.platform import deployment, furnish
from responder.sandbox.kubernetes.server import Call
from tests.clock import ManualClock
from tests.sandbox.kubernetes.shop import Shop


async def test_objects_of_two_clusters_have_uids_of_their_own(clock: ManualClock) -> None:
    uids = set()
    for name in ("prod", "staging"):
        cluster = Cluster(clock, name)
        furnish(cluster)
        uids.add(cluster.get("Deployment", "shop", "checkout")["metadata"]["uid"])
    assert len(uids) == 2


async def test_every_request_is_on_record(shop: Shop) -> None:
    heard: list[Call] = []
    shop.cluster.on_call = heard.append
    await shop.read()
    await shop.restart()
    read, restart = shop.cluster.calls
    assert (read.verb, read.writes, read.status, read.body) == ("get", False, 200, None)
    patch = {
        "spec": {
            "template": {
                "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-05T00:00:00Z"}}
            }
        }
    }
    assert restart.document() == {
        "number": 2,
        "at": shop.clock.now(),
        "verb": "patch",
        "resource": "deployments",
        "namespace": "shop",
        "name": "checkout",
        "path": "/apis/apps/v1/namespaces/shop/deployments/checkout",
        "query": {"fieldManager": "responder"},
        "content_type": "application/strategic-merge-patch+json",
        "body": patch,
        "manager": "responder",
        "user": "system:serviceaccount:responder:responder",
        "status": 200,
        "changed": True,
    }
    assert heard == [read, restart]
    assert shop.cluster.writes() == [restart]
    assert shop.cluster.writes("deployments", "shop", "checkout") == [restart]
    assert shop.cluster.writes("deployments/scale") == []
    assert shop.cluster.restarts("shop", "cart") == []


async def test_what_is_done_from_outside_is_no_request(shop: Shop) -> None:
    shop.cluster.fault("500", 10)
    shop.cluster.apply(deployment("shop", "web", 1))
    shop.cluster.apply(deployment("shop", "web", 2))
    shop.cluster.delete("Deployment", "shop", "web")
    assert shop.cluster.calls == []
    with pytest.raises(Failure):
        shop.cluster.apply(deployment("nowhere", "web", 1))
    with pytest.raises(KeyError):
        shop.cluster.get("Deployment", "shop", "web")


async def test_a_port_in_use_is_said_in_one_line(shop: Shop) -> None:
    with pytest.raises(UsageError) as caught:
        await Cluster(shop.clock, address=shop.cluster.address).start()
    assert str(caught.value) == (
        f"{shop.cluster.address} is in use by another program; the sandbox's stand-ins need it"
    )


async def test_it_goes_on_by_itself_on_its_clock(clock: ManualClock) -> None:
    async with Cluster(clock) as cluster:
        furnish(cluster)
        await clock.advance(2 * SECOND)
        # Looked at without letting anything happen: the cluster has done it by itself.
        ready: list[Any] = [
            document["status"].get("readyReplicas")
            for document in cluster._workloads.objects
            if document["kind"] == "Deployment"
        ]
    assert ready == [3, 2, 2]


async def test_an_idle_cluster_has_nothing_due(shop: Shop) -> None:
    version = shop.cluster.version
    await shop.seconds(7 * 86_400)
    assert (shop.cluster.version, shop.clock.sleepers) == (version, 0)


async def test_stop_without_start_and_twice_is_nothing(clock: ManualClock) -> None:
    cluster = Cluster(clock)
    await cluster.stop()
    await cluster.start()
    await cluster.stop()
    await cluster.stop()
    assert clock.sleepers == 0
