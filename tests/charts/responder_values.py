"""The matrix of values by which charts/responder is rendered, and how its tests reach what came out.

`CASES` has a name for each; test_responder*.py use them. What a real cluster would add (admission, mounting,
restarts) is not here.
"""

import functools
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import yaml

from tests.charts.helm import CHARTS, Manifest, objects, rendered

CHART: Final = CHARTS / "responder"
RESTART: Final = "kubernetes.rollout_restart"
UNDO: Final = "kubernetes.rollout_undo"
OPERATOR: Final = ("monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1/PrometheusRule")
MESH: Final = ("security.istio.io/v1/AuthorizationPolicy",)

TOKEN: Final = "a-token-of-these-tests"
TOKENS: Final = [
    {"name": "alertmanager", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "roles": ["ingest"]},
    {"name": "ana-laptop", "sha256": "0" * 64, "roles": ["read", "approve"], "person": "ana"},
]
PEOPLE: Final = [{"name": "ana", "roles": ["read", "respond", "approve"], "slack": "U0123ANA01"}]
ALLOW: Final = [
    {"action": RESTART, "cluster": "production-1", "namespace": "shop"},
    {"action": UNDO, "namespace": "shop", "name": "checkout"},
    {"action": RESTART, "namespace": "search", "name": "index"},
    {"action": RESTART, "cluster": "elsewhere", "namespace": "far"},
]
PAGES: Final = sorted(path.name for path in (CHARTS.parent / "rules" / "runbooks").glob("*.md"))
OWN_PAGE: Final = (
    (CHARTS.parent / "rules" / "runbooks" / "pod-restarts.md")
    .read_text()
    .replace("runbook: pod-restarts", "runbook: own")
    .replace("PodRestartsHigh", "OwnAlert")
)
EVERYTHING: Final[Manifest] = {
    "commonLabels": {"team": "platform"},
    "image": {"registry": "images.example.com/ops", "digest": "sha256:" + "a" * 64, "pullSecrets": ["pull"]},
    "auth": {"tokens": TOKENS, "people": PEOPLE, "metrics": "read"},
    "secrets": {"from": "externalSecret", "externalSecret": {"store": "vault"}},
    "smtp": {"username": "responder"},
    "guards": {"allow": ALLOW},
    "config": {
        "retention": {"max_size": "8GiB"},
        "limits": {"active_alerts": 1000000},
        "guards": {"mode": "approve"},
    },
    "rules": {"files": {"runbooks/own.md": OWN_PAGE}, "onChange": "restart"},
    "persistence": {"storageClass": "fast", "accessMode": "ReadWriteOncePod", "annotations": {"a": "b"}},
    "kubernetes": {"others": [{"cluster": "lab", "kubeconfig": "/etc/responder/more/lab"}]},
    "extraVolumes": [{"name": "more", "secret": {"secretName": "kubeconfigs"}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/etc/responder/more", "readOnly": True}],
    "velero": {"hook": True},
    "podAnnotations": {"a": "b"},
    "podLabels": {"tier": "ops"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "ops", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "serviceAccount": {"annotations": {"role": "responder"}},
    "service": {"annotations": {"a": "b"}},
    "serviceMonitor": {"labels": {"release": "prometheus"}, "tokenSecret": {"name": "scrape"}},
    "prometheusRule": {"labels": {"release": "prometheus"}},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "host": "responder.example.com",
        "tlsSecret": "responder-tls",
        "annotations": {"a": "b"},
    },
    "istio": {"gateway": "istio-system/public", "host": "responder.example.com"},
}
EVERYTHING["secrets"]["files"] = {"smtpPassword": "smtp-password", "slackAppToken": "slack-app-token"}
NOTHING: Final[Manifest] = {
    "auth": {"existingSecret": "access"},
    "secrets": {"files": dict.fromkeys(("slackBotToken", "slackSigningSecret", "pagerdutyRoutingKey"), "")},
    "smtp": {"smarthost": ""},
    "prometheus": {"url": ""},
    "kubernetes": {"enabled": False},
    "check": {"enabled": False},
    "persistence": {"existingClaim": "restored"},
    "topologySpread": {"enabled": False},
    "serviceAccount": {"create": False, "name": "own"},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "serviceMonitor": {"enabled": False},
    "prometheusRule": {"enabled": False},
    "istio": {"enabled": False},
    "rules": {
        "files": {"routing.yaml": "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"},
        "without": ["runbooks/pod-restarts.md"],
    },
}
HOSTILE: Final = (
    """it's "quoted": {{ .Values }} ${x} `y` # no comment\n---\nkind: Secret\n\t\\ 日本 \u2028 end"""
)
CASES: Final[Mapping[str, tuple[Manifest, tuple[str, ...]]]] = {
    "defaults": ({}, ()),
    "everything": (EVERYTHING, (*OPERATOR, *MESH)),
    "nothing": (NOTHING, (*OPERATOR, *MESH)),
    "small": (
        {
            "persistence": {"size": "1Gi"},
            "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "192Mi"}},
            "config": {"retention": {"max_size": "512MiB"}},
        },
        (),
    ),
    "stopped": ({"replicas": 0, "fullnameOverride": "alerts", "nameOverride": "told"}, ()),
    "vault": (
        {"secrets": {"from": "vault", "vault": {"role": HOSTILE}}, "kubernetes": {"enabled": False}},
        MESH,
    ),
    "everywhere": (
        {"guards": {"allow": [{"action": RESTART}]}, "networkPolicy": {"in": {"grafana": None}}},
        (),
    ),
    "hostile": (
        {
            "auth": {"tokens": [TOKENS[0] | {"name": HOSTILE}], "people": [PEOPLE[0] | {"name": HOSTILE}]},
            "podAnnotations": {"note": HOSTILE},
            "service": {"annotations": {"note": HOSTILE}},
            "smtp": {"from": HOSTILE},
            "commonLabels": {"true": "yes", "number": "123"},
            "config": {"external": HOSTILE},
            "rules": {"files": {"runbooks/hostile.md": HOSTILE}},
            "cluster": "it's{{x}}",
        },
        (*OPERATOR, *MESH),
    ),
}
EXTERNAL: Final = {
    *(
        "Secret/responder-secrets",
        "Secret/access",
        "Secret/pull",
        "Secret/kubeconfigs",
        "Secret/responder-tls",
    ),
    *("PersistentVolumeClaim/restored", "ServiceAccount/own", "Gateway/istio-system/public"),
    *("Namespace/shop", "Namespace/search"),
}


@functools.cache
def case(name: str) -> tuple[Manifest, ...]:
    """The objects of one case; nobody may change them."""
    values, apis = CASES[name]
    return tuple(objects(rendered("responder", values, apis=apis)))


def only(found: tuple[Manifest, ...], kind: str, name: str = "responder") -> Manifest:
    """The one object of that kind and name."""
    (one,) = [each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return one


def settings(found: tuple[Manifest, ...]) -> Any:
    return yaml.safe_load(only(found, "ConfigMap", "responder-settings")["data"]["responder.yaml"])


def server(found: tuple[Manifest, ...]) -> Manifest:
    spec: Manifest = only(found, "StatefulSet")["spec"]["template"]["spec"]
    return spec
