"""The controller of ReplicaSets: as many pods as are asked for.

`workloads` lets it step; `rollout` asks it for a set's pods. It makes and ends pods, and knows nothing
of Deployments.
"""

from dataclasses import dataclass
from typing import Any, Final

from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.kubernetes.kinds import PODS, REPLICASETS, Object
from responder.sandbox.kubernetes.objects import Objects, Writer
from responder.sandbox.kubernetes.pods import Pods

BY: Final = Writer("kube-controller-manager")
STATUS: Final = Writer("kube-controller-manager", "status")


@dataclass(slots=True)
class ReplicaSets:
    """All of them. Times are monotonic."""

    objects: Objects
    pods: Pods

    def pods_of(self, one: Object) -> list[Object]:
        """A set's pods that have not finished, those that are being stopped among them."""
        uid = one["metadata"]["uid"]
        return [
            pod
            for pod in self.objects.all(PODS, one["metadata"]["namespace"])
            if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
            and any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences") or ())
        ]

    def due(self) -> Nanoseconds | None:
        """When pods have been ready for long enough to count as available."""
        times = []
        for one in self.objects.all(REPLICASETS):
            if needed := one["spec"].get("minReadySeconds", 0) * SECOND:
                ready = self._ready(self._active(one))
                missing = len(ready) - (one.get("status") or {}).get("availableReplicas", 0)
                times += [since + needed for since in ready[len(ready) - missing :]]
        return min(times, default=None)

    def step(self, at: Nanoseconds, wall: Nanoseconds) -> None:
        """Do what can be done now."""
        for one in self.objects.all(REPLICASETS):
            self._keep(one, at, wall)

    def _active(self, one: Object) -> list[Object]:
        return [pod for pod in self.pods_of(one) if "deletionTimestamp" not in pod["metadata"]]

    def _ready(self, pods: list[Object]) -> list[Nanoseconds]:
        """Since when those that are ready have been so, the first first."""
        return sorted(since for pod in pods if (since := self.pods.ready_since(pod)) is not None)

    def _keep(self, one: Object, at: Nanoseconds, wall: Nanoseconds) -> None:
        spec, active = one["spec"], self._active(one)
        for _ in range(spec["replicas"] - len(active)):
            self._make(one)
        # Those that serve nobody go first, then the youngest.
        ranked = sorted(
            active,
            key=lambda pod: (
                self.pods.ready_since(pod) is not None,
                -int(pod["metadata"]["resourceVersion"]),
            ),
        )
        for pod in ranked[: max(len(active) - spec["replicas"], 0)]:
            self.pods.end(pod, at, wall, None, BY)
        active = self._active(one)
        ready = self._ready(active)
        needed = spec.get("minReadySeconds", 0) * SECOND
        status = {
            "replicas": len(active),
            "fullyLabeledReplicas": len(active),
            "readyReplicas": len(ready),
            "availableReplicas": sum(since + needed <= at for since in ready),
            "observedGeneration": one["metadata"]["generation"],
        }
        self.objects.put(REPLICASETS, {**one, "status": without_zeros(status)}, STATUS)

    def _make(self, one: Object) -> None:
        template, metadata = one["spec"]["template"], one["metadata"]
        prefix = f"{metadata['name']}-"
        made = {
            "name": self.objects.name(prefix),
            "generateName": prefix,
            "namespace": metadata["namespace"],
            "ownerReferences": [owner(one)],
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**(template.get("metadata") or {}), **made},
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        self.objects.put(PODS, pod, BY)


def owner(document: Object) -> dict[str, Any]:
    """The reference by which an object says whose it is."""
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "name": document["metadata"]["name"],
        "uid": document["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def without_zeros(status: dict[str, int]) -> dict[str, int]:
    """As it is on the wire: what is 0 is left out, but for `replicas`."""
    return {name: value for name, value in status.items() if value or name == "replicas"}
