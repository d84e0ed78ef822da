"""What else has a say in a Deployment's pods: disruption budgets and autoscalers, for people to know.

`restart` asks it while it looks. Nothing is decided by what it says, so that a cluster which does not let
us list them costs a line and nothing more.
"""

from typing import Any, Final

from responder.actions.kubernetes import deployment as read
from responder.actions.kubernetes.client import Api, Object, Place
from responder.actions.kubernetes.failure import CallFailed
from responder.actions.kubernetes.rbac import Permission
from responder.core.plan import TargetRef

NEEDS: Final = (
    Permission("policy", "poddisruptionbudgets", ("list",), optional=True),
    Permission("autoscaling", "horizontalpodautoscalers", ("list",), optional=True),
)


async def notes(api: Api, target: TargetRef, found: Object) -> tuple[str, ...]:
    """One line for each."""
    lines: list[str] = []
    try:
        budgets = await api.find(Place("policy/v1", "poddisruptionbudgets", target.namespace))
        labels = (read.template(found).get("metadata") or {}).get("labels") or {}
        lines += [_budget(one) for one in budgets if selects((one.get("spec") or {}).get("selector"), labels)]
    except CallFailed as failed:
        lines.append(f"disruption budgets could not be listed ({failed.words})")
    try:
        scalers = await api.find(Place("autoscaling/v2", "horizontalpodautoscalers", target.namespace))
        lines += [_scaler(one) for one in scalers if _scales(one, target)]
    except CallFailed as failed:
        lines.append(f"autoscalers could not be listed ({failed.words})")
    return tuple(lines)


def selects(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a label selector selects these labels; none selects nothing, an empty one everything."""
    if not isinstance(selector, dict):
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for one in selector.get("matchExpressions") or ():
        key, values = one.get("key"), one.get("values") or []
        holds = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds.get(one.get("operator"), False):
            return False
    return True


def _budget(one: Object) -> str:
    allowed = (one.get("status") or {}).get("disruptionsAllowed", 0)
    name = one["metadata"].get("name")
    return f"PodDisruptionBudget {name}: {allowed} may be evicted now (a rolling update does not ask it)"


def _scales(one: Object, target: TargetRef) -> bool:
    reference = (one.get("spec") or {}).get("scaleTargetRef") or {}
    return (reference.get("kind"), reference.get("name")) == (target.kind, target.name)


def _scaler(one: Object) -> str:
    spec = one.get("spec") or {}
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas")
    return f"HorizontalPodAutoscaler {one['metadata'].get('name')}: {least} to {most} replicas"
