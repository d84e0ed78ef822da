"""The controller of PodDisruptionBudgets: how many pods may go.

`workloads` lets it look after each change. It counts; whether a pod may be evicted is decided where
the eviction is asked for.
"""

from typing import Any, Final

from responder.sandbox.kubernetes.kinds import BUDGETS, PODS, REPLICASETS, Object
from responder.sandbox.kubernetes.objects import Objects, Writer
from responder.sandbox.kubernetes.pods import is_ready
from responder.sandbox.kubernetes.scaling import portion
from responder.sandbox.kubernetes.selectors import object_selector

_BY: Final = Writer("kube-controller-manager", "status")


def keep_budgets(objects: Objects) -> None:
    """Write the status of each budget."""
    for budget in objects.all(BUDGETS):
        namespace, spec = budget["metadata"]["namespace"], budget["spec"]
        selects = object_selector(spec.get("selector"))
        pods = [pod for pod in objects.all(PODS, namespace) if selects(pod)]
        healthy = sum(is_ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in pods)
        expected, desired = _wanted(objects, spec, pods)
        status = {
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": max(healthy - desired, 0) if expected else 0,
            "expectedPods": expected,
            "observedGeneration": budget["metadata"]["generation"],
        }
        objects.put(BUDGETS, {**budget, "status": status}, _BY)


def _wanted(objects: Objects, spec: dict[str, Any], pods: list[Object]) -> tuple[int, int]:
    """How many pods are expected, and how many of them must be healthy."""
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if isinstance(least, int):
        return len(pods), least
    owners = {
        owner["uid"]: owner["name"]
        for pod in pods
        for owner in pod["metadata"].get("ownerReferences") or ()
        if owner.get("controller")
    }
    sets = [objects.get(REPLICASETS, pods[0]["metadata"]["namespace"], name) for name in owners.values()]
    expected = sum(one["spec"]["replicas"] for one in sets if one)
    if least is not None:
        return expected, portion(least, expected, up=True)
    return expected, max(expected - portion(most if most is not None else 0, expected, up=True), 0)
