"""What kubectl calls the kinds of objects, and which objects of this platform there are.

The checker of kubectl's calls asks it. Objects are those that the charts render, and a few that others
install, each with who does; nothing is asked of a cluster.
"""

import functools
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import yaml

from tests.charts.helm import Manifest, rendered


class Kind(NamedTuple):
    """A kind, as objects name it. `names`: whether objects of it have names that somebody fixed."""

    api: str
    name: str
    names: bool = True


# Pods, ReplicaSets and the like are named by whoever makes them: pages have a placeholder instead.
_KINDS: Final[Mapping[Kind, str]] = {
    Kind("v1", "Pod", names=False): "pods pod po",
    Kind("v1", "Node", names=False): "nodes node no",
    Kind("v1", "Namespace"): "namespaces namespace ns",
    Kind("v1", "Service"): "services service svc",
    Kind("v1", "Secret"): "secrets secret",
    Kind("v1", "ConfigMap"): "configmaps configmap cm",
    Kind("v1", "Event", names=False): "events event ev",
    Kind("v1", "ServiceAccount"): "serviceaccounts serviceaccount sa",
    Kind("v1", "PersistentVolumeClaim"): "persistentvolumeclaims persistentvolumeclaim pvc",
    Kind("v1", "ResourceQuota"): "resourcequotas resourcequota quota",
    Kind("v1", "LimitRange"): "limitranges limitrange limits",
    Kind("apps/v1", "Deployment"): "deployments deployment deploy",
    Kind("apps/v1", "StatefulSet"): "statefulsets statefulset sts",
    Kind("apps/v1", "DaemonSet"): "daemonsets daemonset ds",
    Kind("apps/v1", "ReplicaSet", names=False): "replicasets replicaset rs",
    Kind("batch/v1", "CronJob"): "cronjobs cronjob cj",
    Kind("batch/v1", "Job"): "jobs job",
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"): "horizontalpodautoscalers horizontalpodautoscaler hpa",
    Kind("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets poddisruptionbudget pdb",
    Kind("networking.k8s.io/v1", "NetworkPolicy"): "networkpolicies networkpolicy netpol",
    Kind("networking.k8s.io/v1", "Ingress"): "ingresses ingress ing",
    Kind("discovery.k8s.io/v1", "EndpointSlice", names=False): "endpointslices endpointslice",
    Kind("rbac.authorization.k8s.io/v1", "Role"): "roles role",
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding"): "rolebindings rolebinding",
    Kind("storage.k8s.io/v1", "StorageClass", names=False): "storageclasses storageclass sc",
    Kind("cert-manager.io/v1", "Certificate"): "certificates.cert-manager.io",
    Kind("cert-manager.io/v1", "CertificateRequest", names=False): "certificaterequests.cert-manager.io",
    Kind("cert-manager.io/v1", "ClusterIssuer", names=False): "clusterissuers.cert-manager.io",
    Kind("acme.cert-manager.io/v1", "Order", names=False): "orders.acme.cert-manager.io",
    Kind("acme.cert-manager.io/v1", "Challenge", names=False): "challenges.acme.cert-manager.io",
    Kind("networking.istio.io/v1", "VirtualService"): "virtualservices.networking.istio.io",
    Kind("networking.istio.io/v1", "DestinationRule"): "destinationrules.networking.istio.io",
    Kind("networking.istio.io/v1", "Gateway"): "gateways.networking.istio.io",
    Kind("networking.istio.io/v1", "ServiceEntry"): "serviceentries.networking.istio.io",
    Kind("security.istio.io/v1", "PeerAuthentication"): "peerauthentications.security.istio.io",
    Kind("security.istio.io/v1", "AuthorizationPolicy"): "authorizationpolicies.security.istio.io",
    Kind("security.istio.io/v1", "RequestAuthentication"): "requestauthentications.security.istio.io",
    Kind("telemetry.istio.io/v1", "Telemetry"): "telemetries.telemetry.istio.io",
    Kind("velero.io/v1", "Schedule"): "schedules.velero.io",
    Kind("velero.io/v1", "Backup", names=False): "backups.velero.io",
    Kind("velero.io/v1", "Restore", names=False): "restores.velero.io",
    Kind("velero.io/v1", "BackupStorageLocation"): "backupstoragelocations.velero.io",
    Kind("velero.io/v1", "VolumeSnapshotLocation"): "volumesnapshotlocations.velero.io",
    Kind("monitoring.coreos.com/v1", "PrometheusRule"): "prometheusrules.monitoring.coreos.com",
    Kind("monitoring.coreos.com/v1", "ServiceMonitor"): "servicemonitors.monitoring.coreos.com",
}
KINDS: Final[Mapping[str, Kind]] = {word: kind for kind, words in _KINDS.items() for word in words.split()}

# What others install, by kind and name, with who does.
ELSEWHERE: Final[Mapping[tuple[str, str], str]] = {
    ("Deployment", "velero"): "Velero's own chart",
    ("Deployment", "cert-manager"): "cert-manager's own chart",
    ("Deployment", "istiod"): "Istio's own chart",
    ("Deployment", "istio-ingressgateway"): "Istio's own chart for gateways, with that name",
    ("StatefulSet", "redis"): "whoever installs Redis in the cluster",
    ("Namespace", "velero"): "Velero's own chart",
    ("Namespace", "cert-manager"): "cert-manager's own chart",
    ("Namespace", "istio-system"): "Istio's own chart",
    ("Namespace", "production-copy"): "Velero, by the restore that the pages describe",
    ("Namespace", "kube-system"): "Kubernetes",
    ("Namespace", "default"): "Kubernetes",
}

NAMESPACE: Final = "production"


@functools.cache
def shipped() -> Mapping[tuple[str, str], Manifest]:
    """Every object that the charts render with everything on, by kind and name."""
    canary: dict[str, Any] = {
        "app": {
            "versions": {
                "stable": {"weight": 90},
                "canary": {"tag": "1.1.0", "replicas": 1, "weight": 10},
            }
        }
    }
    return {
        (one["kind"], one["metadata"]["name"]): one
        for chart, values in (("platform", canary), ("responder", {}))
        # By libyaml: ten times as fast as Python's own, and it is much text.
        for one in yaml.load_all(rendered(chart, values, namespace=NAMESPACE), yaml.CSafeLoader)
        if one is not None
    }


def missing(kind: str, name: str, namespace: str = "") -> str:
    """Why there is no such object on this platform; "" if there is. No `namespace`: any will do."""
    if (kind, name) in ELSEWHERE:
        return ""
    found = shipped().get((kind, name))
    if found is None:
        return f"there is no {kind} {name}"
    there = str(found["metadata"].get("namespace", NAMESPACE))
    return "" if namespace in ("", there) else f"the {kind} {name} is in {there}, not in {namespace}"
