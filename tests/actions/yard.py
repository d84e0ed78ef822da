"""A cluster on loopback with a shop in it, and the actions that work there, on a clock set by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from responder.actions import catalogue
from responder.actions.action import Action, Ended, Intent
from responder.actions.kubernetes.client import Clusters
from responder.core.actioncatalogue import ACTIONS
from responder.core.messages import Execute, LookAgain
from responder.core.model import MINUTE, SECOND
from responder.core.plan import PlannedStep, TargetRef
from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.cluster import Cluster as StandIn
from responder.sandbox.kubernetes.platform import furnish
from responder.settings import Cluster
from tests.clock import ManualClock

T = TypeVar("T")

RUN = "r7-695b0d80"
RESTART = "kubernetes.rollout_restart"
UNDO = "kubernetes.rollout_undo"
CHECKOUT = TargetRef("sandbox", "shop", "Deployment", "checkout")


def step(action: str, target: TargetRef, intent: Intent, timeout: int = 5 * MINUTE) -> PlannedStep:
    """A step as `inspecting` would plan it."""
    return PlannedStep(
        action,
        target,
        intent.calls,
        dict(intent.intended),
        dict(intent.observed),
        timeout,
        ACTIONS[action].risk,
        True,
        ACTIONS[action].undo,
        intent.bounds,
    )


@dataclass
class Yard:
    """What tests drive."""

    standin: StandIn
    clock: ManualClock
    clusters: Clusters
    actions: Mapping[str, Action]

    async def until(self, work: Awaitable[T], within: int = 20 * MINUTE) -> T:
        """What some work comes to, while virtual time passes as it needs."""
        task = asyncio.ensure_future(work)
        for _ in range(within // (2 * SECOND)):
            await self.clock.settle()
            if task.done():
                return task.result()
            await self.clock.advance(2 * SECOND)
        task.cancel()
        raise AssertionError(f"not done within {within // SECOND} virtual seconds")

    async def order(
        self, action: str = RESTART, target: TargetRef = CHECKOUT, *, number: int = 0, **more: Any
    ) -> Execute:
        """The order for a step, planned as things are now."""
        doing = self.actions[action]
        seen = await self.until(doing.inspect(target, RUN))
        planned = step(action, seen.target, doing.plan(seen.target, seen, RUN), **more)
        at = self.clock.now()
        return Execute(7, RUN, 1, planned, f"{RUN}-{number}-1", at, at + 30 * SECOND, "pod-restarts")

    async def apply(self, order: Execute, within: int = 30 * SECOND) -> Ended:
        """The first half of a step."""
        action = self.actions[order.step.action]
        return await self.until(action.apply(order, self.clock.monotonic() + within))

    async def settle(self, order: Execute) -> Ended:
        """The second half."""
        action = self.actions[order.step.action]
        return await self.until(action.settle(order, self.clock.monotonic() + order.step.timeout))

    async def carry_out(self, order: Execute) -> Ended:
        """Both halves."""
        ended = await self.apply(order)
        return await self.settle(order) if ended.result == "applied" else ended

    def deployment(self, name: str = "checkout") -> dict[str, Any]:
        return self.standin.get("Deployment", "shop", name)

    def change(self, name: str = "checkout", manager: str = "kubectl-edit", **spec: Any) -> None:
        """Somebody else changes a Deployment."""
        found = self.deployment(name)
        self.standin.apply({**found, "spec": {**found["spec"], **spec}}, manager)

    def image(self, image: str) -> None:
        """Somebody else deploys another image of checkout."""
        template = self.deployment()["spec"]["template"]
        container = {**template["spec"]["containers"][0], "image": image}
        self.change(template={**template, "spec": {**template["spec"], "containers": [container]}})

    def restarts(self, name: str = "checkout") -> int:
        """How often a Deployment was restarted."""
        return len(self.standin.restarts("shop", name))


def looking(order: Execute) -> LookAgain:
    return LookAgain(order.run, order.id, order.lap + 1, order.step, order.key, order.at)


@asynccontextmanager
async def open_yard(
    directory: Path, *, patience: int = 10 * SECOND, clock: ManualClock | None = None
) -> AsyncIterator[Yard]:
    clock = clock or ManualClock()
    async with StandIn(clock) as standin:
        furnish(standin)
        path = kubeconfig.write(directory / "kubeconfig", standin)
        clusters = Clusters((Cluster("sandbox", path),), patience)
        clock.busy += [lambda: standin.busy, lambda: clusters.asking]
        await clock.advance(2 * SECOND)
        standin.tick()
        try:
            yield Yard(standin, clock, clusters, catalogue.build(clusters, clock))
        finally:
            standin.release()
            await clusters.close()


def with_step(order: Execute, planned: PlannedStep) -> Execute:
    return replace(order, step=planned)
