"""`kubernetes.rollout_restart`: a Deployment replaces its pods, by its own rolling update.

`worker` drives it through `actions.action`. It changes two annotations of the pod template and nothing
else, and touches no Deployment that is paused, is rolling out, or is another than the one looked at.
"""

import json
from typing import Any, Final

from responder.actions.action import CannotTell, Ended, Intent, Looked, Seen, Steady
from responder.actions.kubernetes import deployment as read
from responder.actions.kubernetes import neighbours
from responder.actions.kubernetes.client import FIELD_MANAGER, STRATEGIC_MERGE, Object
from responder.actions.kubernetes.failure import CallFailed
from responder.actions.kubernetes.rbac import Permission
from responder.actions.kubernetes.rollout import Rollouts, Write, observed, place
from responder.core.messages import Execute, LookAgain
from responder.core.model import SECOND, Nanoseconds, format_time
from responder.core.plan import TargetRef

NEEDS: Final = (
    Permission("apps", "deployments", ("get", "patch")),
    Permission("apps", "replicasets", ("list",)),
    *neighbours.NEEDS,
)


class RolloutRestart:
    """The action."""

    def __init__(self, rollouts: Rollouts) -> None:
        """Ask nobody yet."""
        self._rollouts = rollouts

    async def inspect(self, target: TargetRef, run: str) -> Seen:
        """How many serve, and whether it may be touched."""
        try:
            found = await self._rollouts.fetch(target)
        except CallFailed as failed:
            raise CannotTell(str(failed)) from None
        counts = read.status(found)
        busy = counts.under_way
        if counts.paused:
            busy = "it is paused: a restart would change it and replace nothing"
        elif counts.desired == 0:
            busy = "it is scaled to 0: there is nothing to restart"
        notes = await neighbours.notes(self._rollouts.api(target), target, found)
        seen = observed(found)
        return Seen(_known(target, seen), read.facts(found, busy), seen, notes)

    def plan(self, target: TargetRef, seen: Seen | None, run: str) -> Intent:
        """One PATCH."""
        patch = json.dumps(_patch("<when the step begins>", "<the step>", None), separators=(", ", ": "))
        calls = (
            f"PATCH {place(target).shown}?fieldManager={FIELD_MANAGER} ({STRATEGIC_MERGE}): {patch}",
            f"GET {place(target).shown}, until the rollout is complete",
        )
        intended = {"restart": "every pod"}
        if seen is None:
            return Intent(calls, intended, bounds="the Deployment as it is when the step's turn comes")
        return Intent(calls, {**intended, "pods": seen.facts.desired}, dict(seen.state))

    async def apply(self, order: Execute, until: Nanoseconds) -> Ended:
        """Write the annotations."""

        def prepare(found: Object, older: list[Object]) -> Write | Ended:
            if read.status(found).paused:
                return Ended("failed", "it is paused")
            at = format_time(order.at // SECOND * SECOND)
            return Write(_patch(at, order.key, found["metadata"]["resourceVersion"]), STRATEGIC_MERGE)

        return await self._rollouts.write(order, until, prepare, read.mark)

    async def settle(self, order: Execute, until: Nanoseconds) -> Ended:
        """Wait for the rollout."""
        return await self._rollouts.settle(order, until, read.mark)

    async def look(self, order: LookAgain) -> Looked:
        """Is our mark on the pod template, or on one that it had since?"""
        return await self._rollouts.look(order, read.mark, read.mark)

    async def steady(self, target: TargetRef) -> Steady:
        """Is the rollout complete?"""
        return await self._rollouts.steady(target)


def _patch(at: str, key: str, version: Any) -> Object:
    annotations = {read.RESTARTED_AT: at, read.MARK: key}
    patch: Object = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    return patch if version is None else {"metadata": {"resourceVersion": version}, **patch}


def _known(target: TargetRef, seen: dict[str, Any]) -> TargetRef:
    return TargetRef(target.cluster, target.namespace, target.kind, target.name, seen["uid"])
