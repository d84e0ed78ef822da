"""Clusters that runs act in, and the Prometheus that they ask: the sandbox's stand-ins, in a thread.

Tests of a real process point it at them with `config`, look at what was asked of them, and tell them what
shall go wrong. What ought to have been done is the test's to know.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from responder.clock import SystemClock
from responder.core.model import MILLISECOND
from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import furnish
from responder.sandbox.prometheus import Prometheus
from tests.peers.calls import wait_until
from tests.peers.ports import free_port

T = TypeVar("T")

SOON = 50 * MILLISECOND
"""How long a new pod takes to be ready."""


class ClusterThread:
    """A context manager. `cluster` is the first one; `directory` is where the kubeconfig is written."""

    def __init__(self, directory: Path, names: Sequence[str] = ("prod",)) -> None:
        clock = SystemClock()
        self.clusters = [Cluster(clock, name, ready_after=SOON) for name in names]
        self.cluster = self.clusters[0]
        self.prometheus = Prometheus(clock, *self.clusters)
        self._path = directory / "kubeconfig"
        self._port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clusters", daemon=True)

    @property
    def config(self) -> dict[str, Any]:
        """The sections of responder.yaml that lead here."""
        return {
            "kubernetes": [
                {"cluster": one.name, "kubeconfig": str(self._path), "context": one.name}
                for one in self.clusters
            ],
            "prometheus": {"url": f"http://127.0.0.1:{self._port}/prometheus"},
        }

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        for one in self.clusters:
            furnish(one)
            await one.start()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kubeconfig.write(self._path, *self.clusters)
        app = web.Application()
        self.prometheus.add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()

    async def _close(self) -> None:
        await self._runner.cleanup()
        for one in self.clusters:
            one.end_watches()
            one.release()
            await one.stop()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def look(self, at: Callable[[], T]) -> T:
        """What `at` finds, or does, while nothing else changes anything."""

        async def found() -> T:
            return at()

        return self._run(found())

    def wait(self, holds: Callable[[], bool], what: str, timeout: float = 15.0) -> None:
        """Wait until it holds."""
        wait_until(lambda: self.look(holds), timeout, what)
