"""A cluster from outside: several at once, their kubeconfig, the record, starting and stopping."""

import stat
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import client, config

from responder.core.model import SECOND
from responder.errors import UsageError
from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.failure import Failure
from responder.sandbox.kubernetes.platform import deployment, furnish
from tests.clock import ManualClock
from tests.sandbox.kubernetes.shop import Shop


async def test_several_clusters_are_found_by_their_contexts(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("of an earlier start")
    async with Cluster(clock, "prod", token="p") as prod, Cluster(clock, "staging", token="s") as staging:
        prod.apply(deployment("default", "web", 1))
        assert kubeconfig.write(path, prod, staging) == path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        seen = {}
        for context in (None, "prod", "staging"):
            settings = client.Configuration()
            await config.load_kube_config(str(path), context=context, client_configuration=settings)
            async with client.ApiClient(settings) as api:
                found = await client.AppsV1Api(api).list_deployment_for_all_namespaces()
                seen[context] = [one.metadata.name for one in found.items]
    assert seen == {None: ["web"], "prod": ["web"], "staging": []}
    assert [call.status for call in prod.calls] == [200, 200]


async def test_objects_of_two_clusters_have_uids_of_their_own(clock: ManualClock) -> None:
    uids = set()
    for name in ("prod", "staging"):
        cluster = Cluster(clock, name)
        furnish(cluster)
        uids.add(cluster.get("Deployment", "shop", "checkout")["metadata"]["uid"])
    assert len(uids) == 2


async def test_every_request_is_on_record(shop: Shop) -> None:
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
