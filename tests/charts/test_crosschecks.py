"""Each cross-check finds the fault that it is for, and nothing in objects that fit each other."""

import copy
from typing import Any, Final

import pytest

from tests.charts.crosschecks import problems, selects
from tests.charts.helm import Manifest

LABELS: Final = {"app": "shop"}
OBJECTS: Final[list[Manifest]] = [
    {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "shop"},
        "spec": {
            "serviceName": "shop",
            "selector": {"matchLabels": dict(LABELS)},
            "template": {
                "metadata": {"labels": LABELS | {"version": "1"}},
                "spec": {
                    "serviceAccountName": "shop",
                    "automountServiceAccountToken": False,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "imagePullSecrets": [{"name": "pull"}],
                    "containers": [
                        {
                            "name": "shop",
                            "image": "shop:1.2",
                            "ports": [{"name": "http", "containerPort": 8080}],
                            "env": [
                                {
                                    "name": "A",
                                    "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "a"}},
                                },
                                {
                                    "name": "B",
                                    "valueFrom": {
                                        "secretKeyRef": {"name": "may", "key": "b", "optional": True}
                                    },
                                },
                            ],
                            "envFrom": [{"secretRef": {"name": "made"}}],
                            "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                            "resources": {
                                "requests": {"cpu": "1", "memory": "1Gi"},
                                "limits": {"memory": "1Gi"},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [
                                {"name": "data", "mountPath": "/data"},
                                {"name": "all", "mountPath": "/all"},
                                {"name": "old", "mountPath": "/old"},
                            ],
                        }
                    ],
                    "volumes": [
                        {
                            "name": "all",
                            "projected": {
                                "sources": [
                                    {"configMap": {"name": "shop", "items": [{"key": "a", "path": "a"}]}},
                                    {"secret": {"name": "tls"}},
                                ]
                            },
                        },
                        {"name": "old", "persistentVolumeClaim": {"claimName": "old"}},
                    ],
                },
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}],
        },
    },
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}, "data": {"a": "1"}},
    {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "old"}, "spec": {}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}},
    {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "made"},
        "spec": {},
    },
    {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "shop"},
        "spec": {"secretName": "tls"},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop", "labels": dict(LABELS)},
        "spec": {"selector": dict(LABELS), "ports": [{"name": "web", "port": 80, "targetPort": "http"}]},
    },
    {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"matchLabels": dict(LABELS)}, "maxUnavailable": 1},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "shop"},
        "spec": {
            "podSelector": {"matchLabels": dict(LABELS)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"port": "http"}]}],
            "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
        },
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    },
    {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"matchLabels": dict(LABELS)}, "endpoints": [{"port": "web"}]},
    },
    {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"matchLabels": dict(LABELS)}, "podMetricsEndpoints": [{"port": "http"}]},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "shop"},
        "spec": {
            "tls": [{"secretName": "tls"}],
            "rules": [
                {"http": {"paths": [{"backend": {"service": {"name": "shop", "port": {"name": "web"}}}}]}}
            ],
        },
    },
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop"},
        "spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": "shop"}},
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "shop", "namespace": "other"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "shop", "namespace": "other"},
        "roleRef": {"kind": "Role", "name": "shop"},
        "subjects": [{"kind": "ServiceAccount", "name": "shop", "namespace": "production"}],
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "shop"},
        "spec": {"host": "shop", "subsets": [{"name": "v1", "labels": {"version": "1"}}]},
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "shop"},
        "spec": {
            "gateways": ["mesh", "shop", "istio-system/shared"],
            "http": [
                {
                    "route": [{"destination": {"host": "shop", "subset": "v1", "port": {"number": 80}}}],
                    "mirror": {"host": "db.example.com"},
                }
            ],
        },
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "db"},
        "spec": {"hosts": ["db.example.com"]},
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"istio": "ingress"}, "servers": [{"tls": {"credentialName": "tls"}}]},
    },
    {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"matchLabels": dict(LABELS)}},
    },
]
EXTERNAL: Final = {"Secret/pull", "Gateway/istio-system/shared"}


def judged(objects: list[Manifest]) -> list[str]:
    gateway = copy.deepcopy(OBJECTS[0])
    gateway["metadata"] = {"name": "ingress", "namespace": "istio-system"}
    gateway["spec"]["template"]["metadata"]["labels"] = {"istio": "ingress"}
    return problems(objects, external=EXTERNAL, others=[gateway])


def one(objects: list[Manifest], kind: str, name: str = "shop") -> Manifest:
    return next(found for found in objects if (found["kind"], found["metadata"]["name"]) == (kind, name))


def test_objects_that_fit_have_no_problem() -> None:
    assert judged(OBJECTS) == []


POD: Final = "spec template spec"
CONTAINER: Final = f"{POD} containers 0"


def change(found: Manifest, path: str, value: Any) -> None:
    """Puts a value at a path, which may begin with POD or CONTAINER; None takes away what is there."""
    keys = path.replace("POD", POD).replace("CONTAINER", CONTAINER).split()
    steps = [int(key) if key.isdigit() else key for key in keys]
    for step in steps[:-1]:
        found = found[step]  # type: ignore[index]
    if value is None:
        del found[steps[-1]]  # type: ignore[arg-type]
    else:
        found[steps[-1]] = value  # type: ignore[index]


# What is broken where, by which value, and what is said of it ("~": of the container).
FAULTS: Final = [
    # selectors
    ("StatefulSet", "spec selector matchLabels app", "x",
     "its selector does not match its own pods"),
    ("StatefulSet", "spec serviceName", "x",
     "there is no Service x"),
    ("Service", "spec selector app", "x",
     "its selector matches no pod"),
    ("Service", "spec selector", None,
     "it selects nothing"),
    ("PodDisruptionBudget", "spec selector matchLabels app", "x",
     "its selector matches no pod"),
    ("NetworkPolicy", "spec podSelector matchLabels app", "x",
     "its selector matches no pod"),
    ("AuthorizationPolicy", "spec selector matchLabels app", "x",
     "its selector matches no pod"),
    ("ServiceMonitor", "spec selector matchLabels app", "x",
     "its selector matches nothing"),
    ("PodMonitor", "spec selector matchLabels app", "x",
     "its selector matches nothing"),
    ("Gateway", "spec selector istio", "x",
     "its selector matches no pod"),
    # ports
    ("Service", "spec ports 0 targetPort", "x",
     "StatefulSet/shop has no port x"),
    ("Service", "spec ports 0 targetPort", 81,
     "StatefulSet/shop has no port 81"),
    ("NetworkPolicy", "spec ingress 0 ports 0 port", "x",
     "no pod of it has a port x"),
    ("NetworkPolicy", "spec egress 0 ports 0 port", "x",
     "port x of pods that it does not know: name a number"),
    ("NetworkPolicy", "spec policyTypes", ["Ingress"],
     "egress without its policyType"),
    ("ServiceMonitor", "spec endpoints 0 port", "x",
     "Service/shop has no port x"),
    ("PodMonitor", "spec podMetricsEndpoints 0 port", "x",
     "StatefulSet/shop has no port x"),
    ("StatefulSet", "CONTAINER readinessProbe httpGet port", "x",
     "~ readinessProbe asks port x, which it does not have"),
    ("Ingress", "spec rules 0 http paths 0 backend service port name", "x",
     "Service shop has no port x"),
    # references
    ("StatefulSet", "POD serviceAccountName", "x",
     "there is no ServiceAccount x"),
    ("StatefulSet", "POD imagePullSecrets 0 name", "x",
     "there is no Secret x"),
    ("StatefulSet", "CONTAINER env 0 valueFrom configMapKeyRef name", "x",
     "there is no ConfigMap x"),
    ("StatefulSet", "CONTAINER env 0 valueFrom configMapKeyRef key", "x",
     "ConfigMap shop has no key x"),
    ("StatefulSet", "CONTAINER envFrom 0 secretRef name", "x",
     "there is no Secret x"),
    ("StatefulSet", "POD volumes 0 projected sources 1 secret name", "x",
     "there is no Secret x"),
    ("StatefulSet", "POD volumes 0 projected sources 0 configMap items 0 key", "x",
     "ConfigMap shop has no key x"),
    ("StatefulSet", "POD volumes 1 persistentVolumeClaim claimName", "x",
     "there is no PersistentVolumeClaim x"),
    ("Ingress", "spec rules 0 http paths 0 backend service name", "x",
     "there is no Service x"),
    ("Ingress", "spec tls 0 secretName", "x",
     "there is no Secret x"),
    ("HorizontalPodAutoscaler", "spec scaleTargetRef name", "x",
     "there is no StatefulSet x"),
    ("RoleBinding", "roleRef name", "x",
     "there is no Role x"),
    ("RoleBinding", "subjects 0 name", "x",
     "there is no ServiceAccount x"),
    ("RoleBinding", "subjects 0 namespace", "y",
     "there is no ServiceAccount shop"),
    # the mesh
    ("VirtualService", "spec http 0 route 0 destination subset", "x",
     "shop has no subset x"),
    ("VirtualService", "spec http 0 route 0 destination port number", 81,
     "Service shop has no port 81"),
    ("VirtualService", "spec http 0 mirror host", "x.y.svc.cluster.local",
     "there is no Service x"),
    ("VirtualService", "spec gateways 1", "x",
     "there is no Gateway x"),
    ("DestinationRule", "spec subsets 0 labels version", "x",
     "subset v1 matches no pod"),
    ("Gateway", "spec servers 0 tls credentialName", "x",
     "there is no Secret x"),
    # permissions
    ("Role", "rules 0 verbs", ["*"],
     "verbs has a wildcard"),
    ("Role", "rules 0 resources", ["pods/*"],
     "resources has a wildcard"),
    # pods
    ("StatefulSet", "POD hostNetwork", True,
     "hostNetwork"),
    ("StatefulSet", "POD automountServiceAccountToken", None,
     "automountServiceAccountToken is left open"),
    ("StatefulSet", "POD volumes 1", {"name": "old", "hostPath": {"path": "/"}},
     "volume old is a hostPath"),
    ("StatefulSet", "POD securityContext runAsNonRoot", False,
     "container shop: may run as root"),
    ("StatefulSet", "CONTAINER securityContext runAsUser", 0,
     "~ may run as root"),
    ("StatefulSet", "POD securityContext seccompProfile", None,
     "container shop: has no seccomp profile"),
    ("StatefulSet", "CONTAINER securityContext allowPrivilegeEscalation", None,
     "~ may gain privileges"),
    ("StatefulSet", "CONTAINER securityContext privileged", True,
     "~ is privileged"),
    ("StatefulSet", "CONTAINER securityContext readOnlyRootFilesystem", None,
     "~ may write to its root file system"),
    ("StatefulSet", "CONTAINER securityContext capabilities drop", ["NET_RAW"],
     "~ keeps capabilities"),
    ("StatefulSet", "CONTAINER securityContext capabilities add", ["SYS_ADMIN"],
     "~ keeps capabilities"),
    ("StatefulSet", "CONTAINER ports 0 hostPort", 80,
     "~ takes a port of its node"),
    ("StatefulSet", "CONTAINER resources requests cpu", None,
     "~ has no requests cpu"),
    ("StatefulSet", "CONTAINER resources requests memory", None,
     "~ has no requests memory"),
    ("StatefulSet", "CONTAINER resources limits", None,
     "~ has no limits memory"),
    ("StatefulSet", "CONTAINER image", "shop",
     "~ its image is not pinned (shop)"),
    ("StatefulSet", "CONTAINER image", "here:5000/shop:latest",
     "~ its image is not pinned (here:5000/shop:latest)"),
    ("StatefulSet", "CONTAINER volumeMounts 1 name", "x",
     "~ mounts x, which is no volume"),
    ("StatefulSet", "CONTAINER volumeMounts 0 mountPath", "/all",
     "~ mounts two volumes at /all"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "path", "value", "said"), FAULTS, ids=[f"{kind} {path}" for kind, path, _, _ in FAULTS]
)
def test_a_fault_is_found_and_nothing_else(kind: str, path: str, value: Any, said: str) -> None:
    objects = copy.deepcopy(OBJECTS)
    change(one(objects, kind), path, value)
    assert judged(objects) == [f"{kind}/shop: {said.replace('~', 'container shop:')}"]


def test_two_of_the_same_and_a_namespace_that_cannot_be_are_found() -> None:
    again = copy.deepcopy(one(OBJECTS, "Namespace", "other"))
    again["metadata"]["namespace"] = "production"
    lost = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop", "namespace": "lost"}}
    assert judged([*OBJECTS, again, lost]) == [
        "Namespace/other: there are two of it",
        "Namespace/other: its kind stands in no namespace, and it names production",
        "ServiceAccount/shop: there is no namespace lost",
    ]


def test_a_digest_pins_an_image() -> None:
    objects = copy.deepcopy(OBJECTS)
    change(one(objects, "StatefulSet"), "CONTAINER image", "shop@sha256:0000")
    assert judged(objects) == []


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("In", ["shop"], True),
        ("In", ["x"], False),
        ("NotIn", ["shop"], False),
        ("NotIn", ["x"], True),
        ("Exists", None, True),
        ("DoesNotExist", None, False),
    ],
)
def test_expressions_select_as_in_kubernetes(operator: str, values: list[str] | None, holds: bool) -> None:
    expression = {"key": "app", "operator": operator, "values": values}
    assert selects({"matchExpressions": [expression]}, LABELS) == holds
