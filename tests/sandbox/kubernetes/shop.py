"""The stand-in for Kubernetes with a shop in it, and the real client: for every test that needs one."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final

from kubernetes_asyncio import client

from responder.core.model import SECOND
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import furnish
from tests.clock import ManualClock

RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"


class Refusal(Exception):
    """What the client was told: status, body and headers."""


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
        settings = client.Configuration(host=cluster.url)
        settings.api_key = {"BearerToken": f"Bearer {token or cluster.token}"}
        async with client.ApiClient(settings) as api:
            yield Shop(cluster, clock, api)


async def refused(call: Awaitable[Any]) -> client.ApiException:
    """How the call was refused."""
    try:
        answer = await call
    except client.ApiException as refusal:
        return refusal
    raise AssertionError(f"it went well: {answer}")
