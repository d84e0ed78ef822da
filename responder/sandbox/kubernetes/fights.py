"""Someone else who holds a Deployment to what it was: GitOps, another operator, a person with a habit.

A test or the story starts a fight; `workloads` lets the opponent put things back. It writes under its
own field manager and touches nothing that it does not hold.
"""

from dataclasses import dataclass, field
from typing import Any

from responder.core.model import Nanoseconds
from responder.sandbox.kubernetes.kinds import DEPLOYMENTS
from responder.sandbox.kubernetes.objects import Objects, Writer


@dataclass(slots=True)
class Fight:
    """Who holds what, and how long they take to notice."""

    manager: str
    holds: dict[str, Any]
    after: Nanoseconds
    due: Nanoseconds | None = None
    rounds: int = 0


@dataclass(slots=True)
class Fights:
    """All of them, by namespace and name of the Deployment."""

    objects: Objects
    under_way: dict[tuple[str, str], Fight] = field(default_factory=dict)

    def start(self, namespace: str, name: str, manager: str, after: Nanoseconds, what: set[str]) -> None:
        """Hold `what` (`template`, `replicas`) to what it is now. Raises KeyError."""
        deployment = self.objects.get(DEPLOYMENTS, namespace, name)
        if deployment is None:
            raise KeyError(f"{namespace}/{name}")
        holds = {field: deployment["spec"][field] for field in sorted(what)}
        self.under_way[namespace, name] = Fight(manager, holds, after)

    def due(self) -> Nanoseconds | None:
        """When somebody strikes back."""
        return min((one.due for one in self.under_way.values() if one.due is not None), default=None)

    def step(self, at: Nanoseconds) -> None:
        """Notice what was changed, and put it back when it is time."""
        for (namespace, name), fight in self.under_way.items():
            deployment = self.objects.get(DEPLOYMENTS, namespace, name)
            if deployment is None or fight.holds.items() <= deployment["spec"].items():
                fight.due = None
                continue
            if fight.due is None:
                fight.due = at + fight.after
            if fight.due <= at:
                fight.due, fight.rounds = None, fight.rounds + 1
                spec = {**deployment["spec"], **fight.holds}
                self.objects.put(DEPLOYMENTS, {**deployment, "spec": spec}, Writer(fight.manager))
