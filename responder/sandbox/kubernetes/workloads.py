"""The controllers of the cluster, as far as remediation meets them, on the stand-in's own time.

`cluster` lets them step when something was written and when something is due; they bring what is
there to what is asked for: garbage, pods, ReplicaSets, Deployments, budgets, autoscalers. They write
to the store as the real ones do through the API, under their own names, and never see a request.
"""

from collections.abc import Callable
from typing import Final

from responder.clock import Clock
from responder.core.model import Nanoseconds
from responder.sandbox.kubernetes.autoscaling import Autoscalers
from responder.sandbox.kubernetes.disruption import keep_budgets
from responder.sandbox.kubernetes.fights import Fights
from responder.sandbox.kubernetes.kinds import DEPLOYMENTS, PODS, REPLICASETS, Object
from responder.sandbox.kubernetes.objects import Objects, Writer
from responder.sandbox.kubernetes.pods import Pods
from responder.sandbox.kubernetes.replicasets import ReplicaSets
from responder.sandbox.kubernetes.rollout import Rollouts, template_hash

_STEPS: Final = 1_000
"""More than any change takes to come to rest: whoever needs more goes in circles."""


class Workloads:
    """All controllers. `budgets_lag`: that of disruption budgets has stopped to look."""

    def __init__(self, clock: Clock, seed: str, ready_after: Nanoseconds) -> None:
        """Nothing is there yet."""
        self._clock = clock
        self._at = clock.monotonic()
        self.objects = Objects(self.wall, seed)
        self.pods = Pods(self.objects, ready_after)
        self.sets = ReplicaSets(self.objects, self.pods)
        self.rollouts = Rollouts(self.objects, self.sets)
        self.autoscalers = Autoscalers(self.objects)
        self.fights = Fights(self.objects)
        self.budgets_lag = False
        self._rested = -1

    def wall(self) -> Nanoseconds:
        """The wall clock's time of what is being done: that at which it was due."""
        return self._clock.now() - (self._clock.monotonic() - self._at)

    def due(self) -> Nanoseconds | None:
        """When something happens next by itself, on the monotonic clock."""
        asked: list[Callable[[], Nanoseconds | None]] = [
            self.pods.due,
            self.sets.due,
            self.rollouts.due,
            self.autoscalers.due,
            self.fights.due,
        ]
        return min((at for ask in asked if (at := ask()) is not None), default=None)

    def step(self) -> None:
        """Do everything that was due by now, each at its time."""
        now = self._clock.monotonic()
        self._settle()
        while (due := self.due()) is not None and due <= now:
            self._at = max(self._at, due)
            self.look_again()
            self._settle()
        self._at = now

    def end_pod(self, pod: Object, grace: int | None, by: Writer) -> Object:
        """Delete a pod."""
        return self.pods.end(pod, self._at, self.wall(), grace, by)

    def crash(self, namespace: str, name: str, every: Nanoseconds, pods: int | None, ready: bool) -> None:
        """Let the pods of a Deployment's present template crash. Raises KeyError."""
        deployment = self.objects.get(DEPLOYMENTS, namespace, name)
        if deployment is None:
            raise KeyError(f"{namespace}/{name}")
        conduct = self.pods.conduct(namespace, name)
        conduct.crashing = template_hash(deployment["spec"]["template"])
        conduct.crash_every, conduct.crash_pods, conduct.ready = every, pods, ready
        self.pods.crash(namespace, name, self._at)

    def calm(self, namespace: str, name: str) -> None:
        """Let a Deployment's pods behave, and nobody fight for it."""
        self.pods.calm(namespace, name, self._at)
        self.fights.under_way.pop((namespace, name), None)
        self.look_again()

    def look_again(self) -> None:
        """Something else than an object is different: the controllers are to look."""
        self._rested = -1

    def _settle(self) -> None:
        """Let the controllers take turns until nobody has anything to do."""
        for _ in range(_STEPS):
            if self._rested == self.objects.version:
                return
            self._rested = self.objects.version
            self._collect()
            self.pods.step(self._at, self.wall())
            self.sets.step(self._at, self.wall())
            self.rollouts.step(self._at, self.wall())
            self.autoscalers.step(self._at, self.wall())
            self.fights.step(self._at)
            if not self.budgets_lag:
                keep_budgets(self.objects)
        raise RuntimeError("the stand-in's controllers go in circles")

    def _collect(self) -> None:
        """What is owned by nobody any more goes."""
        uids = {document["metadata"]["uid"] for document in self.objects}
        for kind in (REPLICASETS, PODS):
            for document in self.objects.all(kind):
                owners = document["metadata"].get("ownerReferences") or ()
                if owners and not any(owner["uid"] in uids for owner in owners):
                    self.objects.remove(kind, document["metadata"]["namespace"], document["metadata"]["name"])
