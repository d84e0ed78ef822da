"""The controller of Deployments: what a rollout does, step by step.

`workloads` lets them step until they rest. They follow the real ones' arithmetic and reasons; they
know nothing of what a pod does but whether it is ready.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.kubernetes.kinds import DEPLOYMENTS, EVENTS, REPLICASETS, Object
from responder.sandbox.kubernetes.objects import Objects, letters, stamp
from responder.sandbox.kubernetes.replicasets import BY, STATUS, ReplicaSets, owner, without_zeros
from responder.sandbox.kubernetes.scaling import bounds

REVISION: Final = "deployment.kubernetes.io/revision"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MOST: Final = "deployment.kubernetes.io/max-replicas"
HASH: Final = "pod-template-hash"

_NOT_COPIED: Final = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, DESIRED, MOST}
)
_NO_DEADLINE: Final = 2_147_483_647


@dataclass(slots=True)
class Rollouts:
    """The controller of Deployments. Times are monotonic."""

    objects: Objects
    sets: ReplicaSets
    _progress: dict[str, Nanoseconds] = field(default_factory=dict)
    _events: int = 0

    def due(self) -> Nanoseconds | None:
        """When a deadline passes."""
        deadlines = [self.deadline(deployment) for deployment in self.objects.all(DEPLOYMENTS)]
        return min((at for at in deadlines if at is not None), default=None)

    def step(self, at: Nanoseconds, wall: Nanoseconds) -> None:
        """Do what can be done now."""
        for deployment in self.objects.all(DEPLOYMENTS):
            _Step(self, deployment, at, wall).run()

    def sets_of(self, deployment: Object) -> list[Object]:
        """Its ReplicaSets, those with the lowest revision first."""
        uid = deployment["metadata"]["uid"]
        owned = [
            one
            for one in self.objects.all(REPLICASETS, deployment["metadata"]["namespace"])
            if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences") or ())
        ]
        return sorted(owned, key=revision)

    def deadline(self, deployment: Object) -> Nanoseconds | None:
        """When it will have taken too long; None: nothing is under way."""
        spec = deployment["spec"]
        seconds = spec.get("progressDeadlineSeconds", _NO_DEADLINE)
        condition = _condition(deployment.get("status") or {}, "Progressing")
        if condition is None or spec.get("paused") or seconds == _NO_DEADLINE:
            return None
        if condition["reason"] in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded"):
            return None
        since = self._progress.get(deployment["metadata"]["uid"])
        return None if since is None else since + seconds * SECOND

    def progressed(self, deployment: Object, at: Nanoseconds) -> None:
        """The deadline counts from now."""
        self._progress[deployment["metadata"]["uid"]] = at

    def tell(self, deployment: Object, wall: Nanoseconds, reason: str, message: str) -> None:
        """An Event of the Deployment."""
        self._events += 1
        metadata = deployment["metadata"]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name']}.{letters(str(self._events), 16)}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "reason": reason,
            "message": message,
            "type": "Normal",
            "count": 1,
            "firstTimestamp": stamp(wall),
            "lastTimestamp": stamp(wall),
            "source": {"component": "deployment-controller"},
            "reportingComponent": "deployment-controller",
            "reportingInstance": "",
        }
        self.objects.put(EVENTS, event, BY)


class _Step:
    """One look at one Deployment."""

    def __init__(self, rollouts: Rollouts, deployment: Object, at: Nanoseconds, wall: Nanoseconds) -> None:
        self._rollouts, self._objects = rollouts, rollouts.objects
        self._deployment, self._spec = deployment, deployment["spec"]
        self._old_status = deployment.get("status") or {}
        self._conditions: list[dict[str, Any]] = list(self._old_status.get("conditions") or ())
        self._at, self._wall = at, wall
        self._sets = rollouts.sets_of(deployment)
        self._new = _same(self._sets, deployment)

    def run(self) -> None:
        paused = _condition(self._old_status, "Progressing")
        was_paused = paused is not None and paused["reason"] == "DeploymentPaused"
        if self._spec.get("paused"):
            if paused is None or paused["reason"] not in ("DeploymentPaused", "ProgressDeadlineExceeded"):
                self._set("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
            self._scale_all()
        else:
            if was_paused:
                self._set("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed")
            self._ensure_new()
            if self._spec["strategy"]["type"] == "Recreate":
                self._recreate()
            elif not self._is_scaling():
                self._roll()
            else:
                self._scale_all()
            self._forget_old()
        self._write_status()

    # -- the new ReplicaSet -----------------------------------------------------------------------

    def _ensure_new(self) -> None:
        newest = max((revision(one) for one in self._sets), default=0)
        metadata = self._deployment["metadata"]
        if self._new is None:
            if self._spec["strategy"]["type"] == "Recreate" and self._pods_left():
                for one in self._sets:
                    self._scale(one, 0)
                return
            self._new = self._make(newest + 1)
            self._sets.append(self._new)
            name = self._new["metadata"]["name"]
            self._set("Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
        else:
            annotations = dict(self._new["metadata"].get("annotations") or {})
            now = revision(self._new)
            others = max((revision(one) for one in self._sets if one is not self._new), default=0)
            if now <= others:
                past = annotations.get(HISTORY, "")
                annotations[HISTORY] = f"{past},{now}" if past else str(now)
                annotations[REVISION] = str(others + 1)
                self._put_new(
                    {**self._new, "metadata": {**self._new["metadata"], "annotations": annotations}}
                )
            if _condition({"conditions": self._conditions}, "Progressing") is None:
                name = self._new["metadata"]["name"]
                self._set("Progressing", "True", "FoundNewReplicaSet", f'Found new replica set "{name}"')
        there = (metadata.get("annotations") or {}).get(REVISION)
        if there != (wanted := str(revision(self._new))):
            annotations = {**(metadata.get("annotations") or {}), REVISION: wanted}
            changed = {**self._deployment, "metadata": {**metadata, "annotations": annotations}}
            self._deployment = self._objects.put(DEPLOYMENTS, changed, BY)

    def _make(self, number: int) -> Object:
        metadata, template = self._deployment["metadata"], self._spec["template"]
        digest = template_hash(template)
        labels = {**(template["metadata"].get("labels") or {}), HASH: digest}
        kept = {
            name: value
            for name, value in (metadata.get("annotations") or {}).items()
            if name not in _NOT_COPIED
        }
        selector = self._spec["selector"]
        matched = {**(selector.get("matchLabels") or {}), HASH: digest}
        document = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{metadata['name']}-{digest}",
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {**kept, REVISION: str(number), **self._sizes()},
                "ownerReferences": [owner(self._deployment)],
            },
            "spec": {
                "replicas": 0,
                "selector": {**selector, "matchLabels": matched},
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
                **({"minReadySeconds": least} if (least := self._spec.get("minReadySeconds")) else {}),
            },
        }
        return self._objects.put(REPLICASETS, document, BY)

    def _sizes(self) -> dict[str, str]:
        replicas = self._spec["replicas"]
        return {DESIRED: str(replicas), MOST: str(replicas + self._bounds()[0])}

    def _bounds(self) -> tuple[int, int]:
        if self._spec["strategy"]["type"] == "Recreate":
            return 0, self._spec["replicas"]
        return bounds(self._spec)

    # -- how many of which ------------------------------------------------------------------------

    def _old(self) -> list[Object]:
        return [one for one in self._sets if one is not self._new]

    def _pods_left(self) -> bool:
        """Whether pods of other templates still run; those that are being stopped do."""
        return any(self._rollouts.sets.pods_of(one) for one in self._old())

    def _is_scaling(self) -> bool:
        """Whether the number asked for is another than the one that the active sets know."""
        wanted = str(self._spec["replicas"])
        return any(
            (one["metadata"].get("annotations") or {}).get(DESIRED, wanted) != wanted
            for one in self._sets
            if one["spec"]["replicas"]
        )

    def _scale_all(self) -> None:
        """Share the number asked for among the active sets, the largest taking what is left over."""
        active = [one for one in self._sets if one["spec"]["replicas"]] or [
            one for one in self._sets if one is self._new
        ]
        if len(active) < 2:
            for one in active:
                self._scale(one, self._spec["replicas"])
            return
        allowed = self._spec["replicas"] + self._bounds()[0] if self._spec["replicas"] else 0
        left = allowed - sum(one["spec"]["replicas"] for one in active)
        # Among equals the newest grows first, and the oldest shrinks first.
        newest = -1 if left > 0 else 1
        active.sort(key=lambda one: (-one["spec"]["replicas"], newest * revision(one)))
        wanted = {}
        for one in active:
            has, most = one["spec"]["replicas"], int(one["metadata"]["annotations"][MOST])
            share = int(has * allowed / most + 0.5) - has
            share = min(share, left) if left > 0 else max(share, left)
            wanted[one["metadata"]["name"]] = has + share
            left -= share
        wanted[active[0]["metadata"]["name"]] += left
        for one in active:
            self._scale(one, max(wanted[one["metadata"]["name"]], 0))

    def _recreate(self) -> None:
        for one in self._old():
            self._scale(one, 0)
        if self._new is not None and not self._pods_left():
            self._scale(self._new, self._spec["replicas"])

    def _roll(self) -> None:
        assert self._new is not None
        replicas, (surge, unavailable) = self._spec["replicas"], self._bounds()
        total = sum(one["spec"]["replicas"] for one in self._sets)
        has = self._new["spec"]["replicas"]
        room = max(replicas + surge - total, 0)
        self._scale(self._new, min(has + room, replicas))
        total = sum(one["spec"]["replicas"] for one in self._sets)
        unready = self._new["spec"]["replicas"] - _available(self._new)
        spare = total - (replicas - unavailable) - unready
        # First those that serve nobody.
        for one in self._old():
            sick = one["spec"]["replicas"] - _available(one)
            if (gone := min(sick, spare)) > 0:
                self._scale(one, one["spec"]["replicas"] - gone)
                spare -= gone
        spare = min(spare, sum(_available(one) for one in self._sets) - (replicas - unavailable))
        for one in self._old():
            if (gone := min(one["spec"]["replicas"], spare)) > 0:
                self._scale(one, one["spec"]["replicas"] - gone)
                spare -= gone

    def _scale(self, one: Object, replicas: int) -> None:
        before, metadata = one["spec"]["replicas"], one["metadata"]
        annotations = {**(metadata.get("annotations") or {}), **self._sizes()}
        changed = self._objects.put(
            REPLICASETS,
            {
                **one,
                "metadata": {**metadata, "annotations": annotations},
                "spec": {**one["spec"], "replicas": replicas},
            },
            BY,
        )
        self._sets[self._sets.index(one)] = changed
        if one is self._new:
            self._new = changed
        if before != replicas:
            way = "up" if replicas > before else "down"
            said = f"Scaled {way} replica set {metadata['name']} from {before} to {replicas}"
            self._rollouts.tell(self._deployment, self._wall, "ScalingReplicaSet", said)

    def _put_new(self, changed: Object) -> None:
        assert self._new is not None
        stored = self._objects.put(REPLICASETS, changed, BY)
        self._sets[self._sets.index(self._new)] = stored
        self._new = stored

    def _forget_old(self) -> None:
        idle = [
            one
            for one in self._old()
            if not one["spec"]["replicas"] and not (one.get("status") or {}).get("replicas")
        ]
        for one in idle[: max(len(idle) - self._spec["revisionHistoryLimit"], 0)]:
            self._objects.remove(REPLICASETS, one["metadata"]["namespace"], one["metadata"]["name"])
            self._sets.remove(one)

    # -- status -----------------------------------------------------------------------------------

    def _write_status(self) -> None:
        metadata, old = self._deployment["metadata"], self._old_status
        counted = {
            name: sum((one.get("status") or {}).get(name, 0) for one in self._sets)
            for name in ("replicas", "readyReplicas", "availableReplicas")
        }
        status = {
            "observedGeneration": metadata["generation"],
            **counted,
            "updatedReplicas": ((self._new or {}).get("status") or {}).get("replicas", 0),
            "unavailableReplicas": max(
                sum(one["spec"]["replicas"] for one in self._sets) - counted["availableReplicas"], 0
            ),
        }
        enough = status["availableReplicas"] >= self._spec["replicas"] - self._bounds()[1]
        self._set(
            "Available",
            "True" if enough else "False",
            "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            "Deployment has minimum availability."
            if enough
            else "Deployment does not have minimum availability.",
        )
        if not self._spec.get("paused"):
            self._judge(status, old)
        document = {**without_zeros(status), "conditions": self._conditions}
        self._objects.put(DEPLOYMENTS, {**self._deployment, "status": document}, STATUS)

    def _judge(self, status: dict[str, int], old: dict[str, Any]) -> None:
        """The condition Progressing."""
        condition = _condition({"conditions": self._conditions}, "Progressing")
        complete = (
            status["updatedReplicas"]
            == status["replicas"]
            == status["availableReplicas"]
            == self._spec["replicas"]
        )
        known = condition is not None and condition["reason"] == "NewReplicaSetAvailable"
        if known and status["replicas"] == status["updatedReplicas"]:
            return
        name = (self._new or self._deployment)["metadata"]["name"]
        what = f'ReplicaSet "{name}"' if self._new else f'Deployment "{name}"'
        left = status["replicas"] - status["updatedReplicas"]
        left_before = old.get("replicas", 0) - old.get("updatedReplicas", 0)
        if complete:
            self._set("Progressing", "True", "NewReplicaSetAvailable", f"{what} has successfully progressed.")
        elif (
            status["updatedReplicas"] > old.get("updatedReplicas", 0)
            or left < left_before
            or status["readyReplicas"] > old.get("readyReplicas", 0)
            or status["availableReplicas"] > old.get("availableReplicas", 0)
        ):
            self._set("Progressing", "True", "ReplicaSetUpdated", f"{what} is progressing.", again=True)
        elif (deadline := self._rollouts.deadline(self._deployment)) is not None and deadline <= self._at:
            said = f"{what} has timed out progressing."
            self._set("Progressing", "False", "ProgressDeadlineExceeded", said)

    def _set(self, kind: str, status: str, reason: str, message: str, *, again: bool = False) -> None:
        old = _condition({"conditions": self._conditions}, kind)
        if old and (old["status"], old["reason"]) == (status, reason) and not again:
            return
        if kind == "Progressing":
            self._rollouts.progressed(self._deployment, self._at)
        now = stamp(self._wall)
        made = {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastUpdateTime": now,
            "lastTransitionTime": old["lastTransitionTime"] if old and old["status"] == status else now,
        }
        self._conditions = [one for one in self._conditions if one["type"] != kind] + [made]


def revision(one: Object) -> int:
    """The number in a ReplicaSet's annotation; 0 where there is none."""
    return int((one["metadata"].get("annotations") or {}).get(REVISION, 0))


def template_hash(template: dict[str, Any]) -> str:
    """The label that tells the pods of one template from those of another."""
    return letters(json.dumps(template, sort_keys=True), 10)


def _same(sets: list[Object], deployment: Object) -> Object | None:
    """The set that has the Deployment's template."""
    wanted = deployment["spec"]["template"]
    for one in sets:
        template = one["spec"]["template"]
        labels = {
            name: value for name, value in template["metadata"].get("labels", {}).items() if name != HASH
        }
        if {**template, "metadata": {**template["metadata"], "labels": labels}} == wanted:
            return one
    return None


def _condition(status: dict[str, Any], kind: str) -> dict[str, Any] | None:
    return next((one for one in status.get("conditions") or () if one["type"] == kind), None)


def _available(one: Object) -> int:
    return int((one.get("status") or {}).get("availableReplicas", 0))
