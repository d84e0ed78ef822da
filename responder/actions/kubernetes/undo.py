"""`kubernetes.rollout_undo`: a Deployment goes back to the pods that it had before this run restarted them.

`worker` drives it through `actions.action`. It takes back what this very run did and nothing else: where
the pod template bears another mark, or differs in more than the restart, it refuses.
"""

from hashlib import sha256
from typing import Any, Final

import msgspec

from responder.actions.action import CannotTell, Ended, Intent, Looked, Seen, Steady
from responder.actions.kubernetes import deployment as read
from responder.actions.kubernetes.client import FIELD_MANAGER, JSON_PATCH, Object
from responder.actions.kubernetes.failure import CallFailed
from responder.actions.kubernetes.rbac import Permission
from responder.actions.kubernetes.rollout import Rollouts, Write, observed, place, sets
from responder.core.messages import Execute, LookAgain
from responder.core.model import Nanoseconds
from responder.core.plan import TargetRef

NEEDS: Final = (
    Permission("apps", "deployments", ("get", "patch")),
    Permission("apps", "replicasets", ("list",)),
)

_KEPT: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        read.REVISION,
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)
"""Annotations that a Deployment keeps when it goes back, as with kubectl; the others are the old ones."""


class RolloutUndo:
    """The action."""

    def __init__(self, rollouts: Rollouts) -> None:
        """Ask nobody yet."""
        self._rollouts = rollouts

    async def inspect(self, target: TargetRef, run: str) -> Seen:
        """Whether this run's restart is still what the Deployment is about, and where it came from."""
        try:
            found = await self._rollouts.fetch(target)
            older = await self._rollouts.history(found, target)
        except CallFailed as failed:
            raise CannotTell(str(failed)) from None
        earlier, why = _earlier(found, older, run)
        busy = why or ("it is paused" if read.status(found).paused else "")
        state: dict[str, Any] = observed(found)
        if earlier is not None:
            state |= {"revision": read.revision(earlier), "template": _digest(earlier)}
        known = TargetRef(target.cluster, target.namespace, target.kind, target.name, state["uid"])
        return Seen(known, read.facts(found, busy), state)

    def plan(self, target: TargetRef, seen: Seen | None, run: str) -> Intent:
        """One PATCH."""
        shown = place(target).shown
        what = ", ".join(f'{{"op": "{one["op"]}", "path": "{one["path"]}", ...}}' for one in _SHAPE)
        calls = (
            f"GET {sets(target).shown}",
            f"PATCH {shown}?fieldManager={FIELD_MANAGER} ({JSON_PATCH}): [{what}]",
            f"GET {shown}, until the rollout is complete",
        )
        if seen is None:
            bounds = "back to the pod template from before this run, if nothing else has changed it since"
            return Intent(calls, {"template": "the one before this run"}, bounds=bounds)
        intended = {name: seen.state[name] for name in ("revision", "template") if name in seen.state}
        return Intent(calls, intended, {name: seen.state[name] for name in ("generation", "replicas", "uid")})

    async def apply(self, order: Execute, until: Nanoseconds) -> Ended:
        """Put the old pod template in place."""

        def prepare(found: Object, older: list[Object]) -> Write | Ended:
            if read.status(found).paused:
                return Ended("failed", "it is paused")
            earlier, why = _earlier(found, older, order.id)
            if earlier is None:
                return Ended("failed", why)
            if _digest(earlier) != order.step.intended.get("template"):
                return Ended("conflict", "the pod template from before this run is another one by now")
            return Write(_patch(found, earlier, order.key), JSON_PATCH)

        return await self._rollouts.write(order, until, prepare, _mark, history=True)

    async def settle(self, order: Execute, until: Nanoseconds) -> Ended:
        """Wait for the rollout."""
        return await self._rollouts.settle(order, until, _mark)

    async def look(self, order: LookAgain) -> Looked:
        """Is our mark on the Deployment?"""
        return await self._rollouts.look(order, _mark, None)

    async def steady(self, target: TargetRef) -> Steady:
        """Is the rollout complete?"""
        return await self._rollouts.steady(target)


def _mark(found: Object) -> str:
    """Which of our steps put the pod template back: it must stay as it was, so the mark is beside it."""
    return str(read.annotations(found).get(read.MARK, ""))


def _earlier(found: Object, older: list[Object], run: str) -> tuple[Object | None, str]:
    """The ReplicaSet from before the run's restart, or why there is none to go back to."""
    if not read.made_by(read.mark(found), run):
        return None, "its pod template does not bear this run's mark: there is nothing of ours to take back"
    same = [
        one
        for one in older
        if not read.made_by(read.mark(one), run)
        and read.bare(read.template(one)) == read.bare(read.template(found))
    ]
    if not same:
        return (
            None,
            "no ReplicaSet has its pod template as it was before this run, and as it would be without it",
        )
    return max(same, key=read.revision), ""


def _template(earlier: Object) -> Object:
    """A ReplicaSet's pod template as a Deployment's."""
    template = dict(read.template(earlier))
    metadata = dict(template.get("metadata") or {})
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != read.TEMPLATE_HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _digest(earlier: Object) -> str:
    return sha256(msgspec.json.encode(_template(earlier), order="sorted")).hexdigest()[:16]


def _patch(found: Object, earlier: Object, key: str) -> list[Object]:
    annotations = {name: text for name, text in read.annotations(earlier).items() if name not in _KEPT}
    annotations |= {name: text for name, text in read.annotations(found).items() if name in _KEPT}
    metadata = found["metadata"]
    return [
        {"op": "test", "path": "/metadata/uid", "value": metadata.get("uid")},
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata.get("resourceVersion")},
        {"op": "replace", "path": "/spec/template", "value": _template(earlier)},
        {"op": "add", "path": "/metadata/annotations", "value": {**annotations, read.MARK: key}},
    ]


_SHAPE: Final = _patch({"metadata": {}}, {}, "")
"""What a patch consists of, for the plan."""
