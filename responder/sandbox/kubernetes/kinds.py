"""The kinds of objects that the stand-in knows, and what a request's path means.

Every room of this package looks a kind up here. Paths that name anything else are not served.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from responder.sandbox.kubernetes.failure import unknown_path

Object: TypeAlias = dict[str, Any]
"""An object as it is on the wire. Those in the store are never changed: a write puts a new one there."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object. `counts`: whether it has a generation; `gentle`: deleting it takes a grace."""

    name: str
    plural: str
    group: str
    version: str
    namespaced: bool = True
    counts: bool = True
    gentle: bool = False
    subresources: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """`apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


_WORKLOAD: Final = frozenset({"scale", "status"})
_STATUS: Final = frozenset({"status"})

DEPLOYMENTS: Final = Kind("Deployment", "deployments", "apps", "v1", subresources=_WORKLOAD)
REPLICASETS: Final = Kind("ReplicaSet", "replicasets", "apps", "v1", subresources=_WORKLOAD)
PODS: Final = Kind(
    "Pod",
    "pods",
    "",
    "v1",
    gentle=True,
    subresources=frozenset({"status", "eviction"}),
    fields=frozenset({"spec.nodeName", "status.phase", "status.podIP", "spec.restartPolicy"}),
)
BUDGETS: Final = Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy", "v1", subresources=_STATUS)
AUTOSCALERS: Final = Kind(
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    "autoscaling",
    "v2",
    counts=False,
    subresources=_STATUS,
)
EVENTS: Final = Kind(
    "Event",
    "events",
    "",
    "v1",
    counts=False,
    fields=frozenset(
        {
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "reason",
            "reportingComponent",
            "type",
        }
    ),
)
NAMESPACES: Final = Kind(
    "Namespace",
    "namespaces",
    "",
    "v1",
    namespaced=False,
    counts=False,
    subresources=_STATUS,
    fields=frozenset({"status.phase"}),
)
NODES: Final = Kind(
    "Node",
    "nodes",
    "",
    "v1",
    namespaced=False,
    counts=False,
    subresources=_STATUS,
    fields=frozenset({"spec.unschedulable"}),
)

KINDS: Final = (DEPLOYMENTS, REPLICASETS, PODS, BUDGETS, AUTOSCALERS, EVENTS, NAMESPACES, NODES)

_BY_PATH: Final = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_NAME: Final = {(kind.api_version, kind.name): kind for kind in KINDS}
_BY_WORD: Final = {word: kind for kind in KINDS for word in (kind.name, kind.plural)}


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names. No `namespace`: the cluster, or all of them. No `name`: the collection."""

    kind: Kind
    namespace: str
    name: str
    subresource: str

    @property
    def resource(self) -> str:
        """As access rules spell it: `deployments`, `deployments/scale`."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural


def target(path: str) -> Target:
    """What the path names. Raises Failure 404 for what is not served."""
    parts = path.strip("/").split("/")
    match parts:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            raise unknown_path()
    namespace = ""
    # `namespaces/NAME` alone, and its status, are the namespace itself.
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    kind = _BY_PATH.get((group, version, rest[0] if rest else ""))
    if kind is None or len(rest) > 3 or "" in rest or bool(namespace) > kind.namespaced:
        raise unknown_path()
    name, subresource = [*rest[1:], "", ""][:2]
    if (subresource and subresource not in kind.subresources) or (name and kind.namespaced and not namespace):
        raise unknown_path()
    return Target(kind, namespace, name, subresource)


def kind_of(document: Object) -> Kind:
    """The kind of a document. Raises KeyError for one that is not known."""
    return _BY_NAME[document["apiVersion"], document["kind"]]


def kind_named(word: str) -> Kind:
    """By `Deployment` or `deployments`. Raises KeyError."""
    return _BY_WORD[word]
