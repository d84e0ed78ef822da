"""The controller of HorizontalPodAutoscalers: it puts the number of replicas where it wants it.

`workloads` lets it look every fifteen seconds, as the real one does. There are no metrics here: what
an autoscaler wants is said by a test or the story, else it keeps what is within its bounds.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.kubernetes.kinds import AUTOSCALERS, DEPLOYMENTS, Object
from responder.sandbox.kubernetes.objects import Objects, Writer, place, stamp

EVERY: Final = 15 * SECOND
"""How often it looks."""

_SCALE: Final = Writer("kube-controller-manager", "scale")
_STATUS: Final = Writer("kube-controller-manager", "status")


@dataclass(slots=True)
class Autoscalers:
    """All of them. `wanted`: replicas, by namespace and name of the autoscaler."""

    objects: Objects
    wanted: dict[tuple[str, str], int] = field(default_factory=dict)
    _since: dict[str, Nanoseconds] = field(default_factory=dict)

    def due(self) -> Nanoseconds | None:
        """When one finds something to do at its next look."""
        return min(self._since.values(), default=None)

    def step(self, at: Nanoseconds, wall: Nanoseconds) -> None:
        """Look at those whose time has come."""
        for autoscaler in self.objects.all(AUTOSCALERS):
            uid = autoscaler["metadata"]["uid"]
            aim = self._aim(autoscaler)
            if "status" in autoscaler and aim["status"] == autoscaler["status"]:
                self._since.pop(uid, None)
                continue
            # Looks are at whole multiples of the interval: an idle cluster has nothing due.
            self._since.setdefault(uid, (at // EVERY + 1) * EVERY)
            if "status" in autoscaler and self._since[uid] > at:
                continue
            del self._since[uid]
            self._scale(autoscaler, aim, wall)

    def _aim(self, autoscaler: Object) -> dict[str, Any]:
        """The Deployment, the replicas it should have, and what the status says of it."""
        spec = autoscaler["spec"]
        namespace, name = place(autoscaler)
        deployment = self.objects.get(DEPLOYMENTS, namespace, spec["scaleTargetRef"]["name"])
        generation = {"observedGeneration": 1}
        old = autoscaler.get("status") or {}
        if deployment is None or spec["scaleTargetRef"]["kind"] != "Deployment":
            status = {"currentReplicas": 0, "desiredReplicas": 0}
            failed = _condition("AbleToScale", False, "FailedGetScale", old)
            return {"status": {**generation, **status, "conditions": [failed]}}
        has, least = deployment["spec"]["replicas"], spec.get("minReplicas", 1)
        able = _condition("AbleToScale", True, "ReadyForNewScale", old)
        if has == 0 and least != 0:
            off = _condition("ScalingActive", False, "ScalingDisabled", old)
            status = {"currentReplicas": 0, "desiredReplicas": 0}
            return {"status": {**generation, **status, "conditions": [able, off]}}
        aim = min(max(self.wanted.get((namespace, name), has), least), spec["maxReplicas"])
        active = _condition("ScalingActive", True, "ValidMetricFound", old)
        counted = {"currentReplicas": has, "desiredReplicas": aim}
        kept = {"lastScaleTime": old["lastScaleTime"]} if "lastScaleTime" in old else {}
        return {
            "deployment": deployment,
            "replicas": aim,
            "status": {**generation, **kept, **counted, "conditions": [able, active]},
        }

    def _scale(self, autoscaler: Object, aim: dict[str, Any], wall: Nanoseconds) -> None:
        status, deployment = dict(aim["status"]), aim.get("deployment")
        if deployment is not None and deployment["spec"]["replicas"] != aim["replicas"]:
            spec = {**deployment["spec"], "replicas": aim["replicas"]}
            self.objects.put(DEPLOYMENTS, {**deployment, "spec": spec}, _SCALE)
            status |= {"lastScaleTime": stamp(wall), "currentReplicas": aim["replicas"]}
        status["conditions"] = [
            {**one, "lastTransitionTime": one["lastTransitionTime"] or stamp(wall)}
            for one in status["conditions"]
        ]
        self.objects.put(AUTOSCALERS, {**autoscaler, "status": status}, _STATUS)


def _condition(kind: str, holds: bool, reason: str, old: dict[str, Any]) -> dict[str, Any]:
    """A condition; `lastTransitionTime` is empty where it has just turned."""
    status = "True" if holds else "False"
    before = next((one for one in old.get("conditions") or () if one["type"] == kind), None)
    since = before["lastTransitionTime"] if before and before["status"] == status else ""
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": since}
