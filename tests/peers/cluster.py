"""A Kubernetes cluster for tests of the whole service: the sandbox's stand-in, beside a real process.

It runs on a thread of its own; tests point Responder at it with `config`, and look at what was asked of it.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from responder.clock import SystemClock
from responder.core.model import SECOND
from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import furnish
from tests.peers.calls import wait_until

T = TypeVar("T")


class ClusterThread:
    """One cluster with a shop in it, at rest; pods are ready after a fifth of a second."""

    def __init__(self, directory: Path, **given: Any) -> None:
        self._path = directory / "kubeconfig"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._cluster = Cluster(SystemClock(), ready_after=SECOND // 5, **given)

    @property
    def config(self) -> dict[str, Any]:
        """The section of responder.yaml that leads here."""
        return {"kubernetes": [{"cluster": self._cluster.name, "kubeconfig": str(self._path)}]}

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._cluster.start(), self._loop).result(10)
        self.look(furnish)
        kubeconfig.write(self._path, self._cluster)
        wait_until(lambda: self.look(_at_rest), what="every pod is ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._cluster.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def look(self, ask: Callable[[Cluster], T]) -> T:
        """What `ask` says of the cluster, or does to it, on its own thread."""

        async def asked() -> T:
            return ask(self._cluster)

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(10)


def _at_rest(cluster: Cluster) -> bool:
    return all(
        one.get("status", {}).get("availableReplicas") == one["spec"]["replicas"]
        for one in cluster.objects("Deployment")
    )
