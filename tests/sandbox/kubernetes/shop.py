"""The stand-in for Kubernetes with a shop in it, and the real client: for every test that needs one."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import pytest
from kubernetes_asyncio import client

from responder.core.model import SECOND
from responder.sandbox.kubernetes.access import EVERYTHING
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import furnish
from tests.clock import ManualClock
from tests.notify.mails import TLS

RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"


class Shop:
    """The cluster, its clock, and the client's APIs, under Responder's own account."""

    def __init__(self, cluster: Cluster, clock: ManualClock, api: client.ApiClient) -> None:
        self.cluster = cluster
        self.clock = clock
        self.api = api
        self.core = client.CoreV1Api(api)
        self.apps = client.AppsV1Api(api)
        self.policy = client.PolicyV1Api(api)
        self.autoscaling = client.AutoscalingV2Api(api)

    @asynccontextmanager
    async def as_admin(self) -> AsyncIterator["Shop"]:
        """The same, under an account that may do everything."""
        self.cluster.add_user("admin-token", "admin", *EVERYTHING)
        async with connected(self.cluster, "admin-token") as api:
            yield Shop(self.cluster, self.clock, api)

    async def restart(self, name: str = "checkout", value: str = "2026-01-05T00:00:00Z") -> Any:
        patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: value}}}}}
        return await self.apps.patch_namespaced_deployment(name, "shop", patch, field_manager="responder")

    async def read(self, name: str = "checkout") -> Any:
        return await self.apps.read_namespaced_deployment(name, "shop")

    async def seconds(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.advance(int(seconds * SECOND))
        self.cluster.tick()

    def deployment(self, name: str = "checkout") -> dict[str, Any]:
        return self.cluster.get("Deployment", "shop", name)

    def condition(self, kind: str = "Progressing", name: str = "checkout") -> tuple[str, str]:
        conditions = self.deployment(name)["status"]["conditions"]
        return next((one["status"], one["reason"]) for one in conditions if one["type"] == kind)

    def pods(self, name: str = "checkout") -> list[dict[str, Any]]:
        found = self.cluster.objects("Pod", "shop")
        return [pod for pod in found if pod["metadata"]["labels"]["app"] == name]


@asynccontextmanager
async def open_shop(clock: ManualClock, *, token: str = "", **kind: Any) -> AsyncIterator[Shop]:
    async with Cluster(clock, **kind) as cluster:
        furnish(cluster)
        await clock.advance(2 * SECOND)
        cluster.tick()
        async with connected(cluster, token) as api:
            yield Shop(cluster, clock, api)


@asynccontextmanager
async def connected(cluster: Cluster, token: str = "") -> AsyncIterator[client.ApiClient]:
    settings = client.Configuration(host=cluster.url)
    settings.api_key = {"BearerToken": f"Bearer {token or cluster.token}"}
    # Not used over HTTP; one certificate is read in no time, the machine's own take 50 ms.
    settings.ssl_ca_cert = str(TLS / "ca.pem")
    async with client.ApiClient(settings) as api:
        yield api


async def refused(call: Awaitable[Any]) -> dict[str, Any]:
    """The Status by which a call was refused, without what all have in common."""
    refusal = await told(call)
    status = json.loads(refusal.body)
    assert (status.pop("kind"), status.pop("apiVersion"), status.pop("status")) == ("Status", "v1", "Failure")
    assert status["code"] == refusal.status
    if not status["metadata"]:
        del status["metadata"]
    assert isinstance(status, dict)
    return status


class Told(NamedTuple):
    """What a client's exception says."""

    status: int
    body: str
    headers: dict[str, str]


async def told(call: Awaitable[Any]) -> Told:
    """How a call was refused, whatever the body is."""
    with pytest.raises(client.ApiException) as caught:
        await call
    body = caught.value.body
    return Told(caught.value.status, str(body), dict(caught.value.headers or {}))


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it is so."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
