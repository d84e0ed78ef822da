"""What an API server does with a request that is allowed: create, replace, patch, delete, evict, scale.

`server` calls it with what stands in the request. Everything that can be refused is refused before
the store is touched, and a dry run does all but touch it.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from responder.sandbox.kubernetes import failure, schema
from responder.sandbox.kubernetes.failure import Cause
from responder.sandbox.kubernetes.kinds import (
    AUTOSCALERS,
    BUDGETS,
    DEPLOYMENTS,
    EVENTS,
    NAMESPACES,
    REPLICASETS,
    Kind,
    Object,
    Target,
)
from responder.sandbox.kubernetes.objects import Objects, Writer, place
from responder.sandbox.kubernetes.patches import apply
from responder.sandbox.kubernetes.pods import is_ready
from responder.sandbox.kubernetes.selectors import object_selector, spelled
from responder.sandbox.kubernetes.workloads import Workloads

SCALE: Final = "autoscaling/v1"

_TOLD: Final = (DEPLOYMENTS, REPLICASETS, BUDGETS, AUTOSCALERS)
"""Kinds whose status a controller tells: a new object's own is passed over."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `document`: the body of all but patches, or None."""

    target: Target
    manager: str
    dry: bool = False
    document: Any = None
    content_type: str = ""
    body: bytes = b""


class Writes:
    """The verbs that change something; each returns the answer's status and body."""

    def __init__(self, objects: Objects, workloads: Workloads) -> None:
        """In this cluster."""
        self._objects = objects
        self._workloads = workloads

    def find(self, target: Target) -> Object:
        """The object that is named. Raises Failure 404."""
        found = self._objects.get(target.kind, target.namespace, target.name)
        if found is None:
            raise failure.not_found(target.kind.plural, target.kind.group, target.name)
        return found

    def create(self, request: Request) -> tuple[int, Object]:
        """POST on a collection."""
        target, document = request.target, deepcopy(request.document)
        kind = target.kind
        schema.check_document(kind, document)
        metadata = document["metadata"]
        if kind.namespaced and metadata.setdefault("namespace", target.namespace) != target.namespace:
            raise failure.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._objects.name(metadata["generateName"])
        schema.check_form(kind.name, kind.api_version, document)
        schema.fill_in(kind, document)
        schema.check_rules(kind, document, None)
        if kind.namespaced and self._objects.get(NAMESPACES, "", target.namespace) is None:
            raise failure.not_found("namespaces", "", target.namespace)
        if kind is EVENTS and document["involvedObject"].get("namespace", "") not in ("", target.namespace):
            cause = Cause("FieldValueInvalid", "does not match event.namespace", "involvedObject.namespace")
            raise failure.invalid(kind.name, "", metadata["name"], [cause])
        if self._objects.get(kind, target.namespace, metadata["name"]) is not None:
            raise failure.already_exists(kind.plural, kind.group, metadata["name"])
        if kind in _TOLD:
            document.pop("status", None)
        return 201, self._store(request, kind, document)

    def replace(self, request: Request) -> tuple[int, Object]:
        """PUT of an object or its scale."""
        old = self.find(request.target)
        if request.target.subresource == "scale":
            return 200, self._rescale(request, old, deepcopy(request.document))
        document = deepcopy(request.document)
        schema.check_document(request.target.kind, document)
        return 200, self._update(request, old, document)

    def patch(self, request: Request) -> tuple[int, Object]:
        """PATCH of an object or its scale."""
        old = self.find(request.target)
        if request.target.subresource == "scale":
            scale = apply(scale_of(old), request.content_type, request.body)
            return 200, self._rescale(request, old, scale, patched=True)
        document = apply(old, request.content_type, request.body)
        return 200, self._update(request, old, document, patched=True)

    def delete(self, request: Request) -> tuple[int, Object]:
        """DELETE of an object, with its DeleteOptions."""
        target, old = request.target, self.find(request.target)
        options = self._options(request.document)
        self._precondition(target, old, options.get("preconditions") or {})
        if request.dry or options.get("dryRun"):
            return 200, old
        if target.kind.gentle:
            grace = options.get("gracePeriodSeconds")
            return 200, self._workloads.end_pod(old, grace, Writer(request.manager))
        self._objects.remove(target.kind, target.namespace, target.name)
        details = {"name": target.name, "kind": target.kind.plural, "uid": old["metadata"]["uid"]}
        if target.kind.group:
            details["group"] = target.kind.group
        return 200, failure.success(details)

    def evict(self, request: Request) -> tuple[int, Object]:
        """POST of an Eviction."""
        target, document = request.target, deepcopy(request.document)
        if not isinstance(document, dict):
            raise failure.bad_request("the object provided is unrecognized (must be of type Eviction)")
        schema.check_form("Eviction", "policy/v1", {"apiVersion": "policy/v1", "kind": "Eviction"} | document)
        if (document.get("metadata") or {}).get("name") != target.name:
            raise failure.bad_request("name in URL does not match name in Eviction object")
        pod = self.find(target)
        options = self._options(document.get("deleteOptions"))
        self._precondition(target, pod, options.get("preconditions") or {})
        if pod["status"].get("phase") not in ("Pending", "Succeeded", "Failed"):
            self._disrupt(pod)
        if not (request.dry or options.get("dryRun")):
            self._workloads.end_pod(pod, options.get("gracePeriodSeconds"), Writer(request.manager))
        return 201, failure.success(code=201)

    # -- the parts of it --------------------------------------------------------------------------

    def _store(self, request: Request, kind: Kind, document: Object) -> Object:
        by = Writer(request.manager, request.target.subresource)
        if request.dry:
            old = self._objects.get(kind, *place(document))
            return self._objects.prepared(kind, document, old, by)
        return self._objects.put(kind, document, by)

    def _update(self, request: Request, old: Object, document: Object, *, patched: bool = False) -> Object:
        target = request.target
        kind, metadata = target.kind, document.get("metadata")
        if not isinstance(metadata, dict):
            metadata = document["metadata"] = {}
        for field, value in (("name", target.name), ("namespace", target.namespace)):
            if value and metadata.setdefault(field, value) != value:
                said = f"the {field} of the object ({metadata[field]})"
                raise failure.bad_request(f"{said} does not match the {field} on the URL ({value})")
        schema.check_form(kind.name, kind.api_version, document, patched=patched)
        if metadata.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
            raise _uid_differs(target, metadata["uid"], old["metadata"]["uid"])
        if metadata.get("resourceVersion", _version(old)) not in ("", _version(old)):
            raise failure.conflict(kind.plural, kind.group, target.name)
        schema.fill_in(kind, document)
        if "status" in kind.subresources:
            # It is the controllers' own: what a request says of it is passed over.
            document.pop("status", None)
            document |= {"status": old["status"]} if "status" in old else {}
        schema.check_rules(kind, document, old)
        return self._store(request, kind, document)

    def _rescale(self, request: Request, old: Object, scale: Any, *, patched: bool = False) -> Object:
        target = request.target
        if not isinstance(scale, dict):
            raise failure.bad_request("the object provided is unrecognized (must be of type Scale)")
        scale = {"apiVersion": SCALE, "kind": "Scale"} | scale
        schema.check_form("Scale", SCALE, scale, patched=patched)
        version = (scale.get("metadata") or {}).get("resourceVersion", "")
        if version not in ("", _version(old)):
            raise failure.conflict(target.kind.plural, target.kind.group, target.name)
        # What is left out is 0: so it is in the real one, and so many a service was scaled away.
        replicas = (scale.get("spec") or {}).get("replicas") or 0
        if replicas < 0:
            why = f"Invalid value: {replicas}: must be greater than or equal to 0"
            cause = Cause("FieldValueInvalid", why, "spec.replicas")
            raise failure.invalid("Scale", "autoscaling", target.name, [cause])
        document = {**old, "spec": {**old["spec"], "replicas": replicas}}
        return scale_of(self._store(request, target.kind, document))

    def _options(self, document: Any) -> dict[str, Any]:
        if document is None:
            return {}
        if not isinstance(document, dict):
            raise failure.bad_request("the object provided is unrecognized (must be of type DeleteOptions)")
        schema.check_form(
            "DeleteOptions", "meta/v1", {"apiVersion": "v1", "kind": "DeleteOptions"} | document
        )
        return document

    def _precondition(self, target: Target, old: Object, wanted: dict[str, Any]) -> None:
        uid, version = old["metadata"]["uid"], _version(old)
        if wanted.get("uid") not in (None, uid):
            raise _uid_differs(target, wanted["uid"], uid)
        if wanted.get("resourceVersion") not in (None, version):
            raise failure.conflict(
                target.kind.plural,
                target.kind.group,
                target.name,
                "Precondition failed: ResourceVersion in precondition: "
                f"{wanted['resourceVersion']}, ResourceVersion in object meta: {version}",
            )

    def _disrupt(self, pod: Object) -> None:
        """Whether the pod's budget can bear it. Raises Failure."""
        namespace = pod["metadata"]["namespace"]
        budgets = [
            budget
            for budget in self._objects.all(BUDGETS, namespace)
            if object_selector(budget["spec"].get("selector"))(pod)
        ]
        if len(budgets) > 1:
            raise failure.two_budgets()
        for budget in budgets:
            name, status = budget["metadata"]["name"], budget.get("status") or {}
            healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
            if not is_ready(pod):
                policy = budget["spec"].get("unhealthyPodEvictionPolicy", "IfHealthyBudget")
                if policy == "AlwaysAllow" or healthy >= desired > 0:
                    return
            if status.get("observedGeneration", 0) < budget["metadata"]["generation"]:
                raise failure.budget_lags(name)
            if status.get("disruptionsAllowed", 0) < 1:
                raise failure.disruption_refused(name, desired, healthy)


def scale_of(document: Object) -> Object:
    """The scale of a workload; 0 replicas are left out."""
    metadata, spec = document["metadata"], document["spec"]
    replicas = spec.get("replicas", 0)
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": SCALE,
        "metadata": {name: metadata[name] for name in kept},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {
            "replicas": (document.get("status") or {}).get("replicas", 0),
            "selector": spelled(spec["selector"]),
        },
    }


def _version(document: Object) -> str:
    return str(document["metadata"]["resourceVersion"])


def _uid_differs(target: Target, wanted: str, there: str) -> failure.Failure:
    why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {there}"
    return failure.conflict(target.kind.plural, target.kind.group, target.name, why)
