"""What charts/platform renders for the application, its mesh, traces and security, for several platforms.

The tests of these four sections call it, and `python -m tests.charts.mesh` writes the golden files anew. It
judges nothing.
"""

import copy
import functools
import re
from pathlib import Path
from typing import Any, Final

import yaml

from tests.charts.helm import CHARTS, Manifest, objects, rendered

SECTIONS: Final = ("app", "istio", "tracing", "security")
GOLDEN: Final = Path(__file__).parent / "golden"

HOSTILE: Final = '\'"; }}{{ fail "in" }}\n- kind: Secret #\\'

# Platforms that differ: each is laid over the chart's own values.
PLATFORMS: Final[dict[str, dict[str, Any]]] = {
    "defaults": {},
    "canary": {
        "app": {
            "versions": {
                "stable": {"weight": 90},
                "canary": {"tag": "1.1.0", "replicas": 1, "weight": 10},
            }
        },
    },
    "everything": {
        "app": {
            "image": {"registry": "registry.example.com:5000/team", "pullSecrets": ["pull"]},
            "versions": {
                "stable": None,
                "blue": {"tag": "1.0.0", "replicas": 3, "maxReplicas": 9, "weight": 100},
                "green": {
                    "tag": "1.1.0",
                    "digest": f"sha256:{'5' * 64}",
                    "replicas": 3,
                    "maxReplicas": 9,
                    "weight": 0,
                },
            },
            "env": {"LOG_LEVEL": "debug", "POSTGRESQL_PORT": "6432"},
            "secrets": ["machine-native-ops"],
            "serviceAccount": {"annotations": {"example.com/role": "app"}},
            "dependencies": {
                "search": {
                    "host": "search.example.com",
                    "port": 9200,
                    "tls": "proxy",
                    "cidrs": ["192.0.2.0/24", "2001:db8::/32"],
                }
            },
        },
        "istio": {
            "revision": "1-30",
            "routing": {"header": "x-version"},
            "loadBalancing": "ROUND_ROBIN",
            "gateway": {
                "namespace": "istio-ingress",
                "hosts": ["api.machinenativeops.com", "www.machinenativeops.com"],
                "certificate": {"algorithm": "RSA", "size": 3072, "issuer": {"kind": "Issuer"}},
            },
            "callers": {
                "reports": {
                    "namespace": "reports",
                    "serviceAccount": "reports",
                    "methods": ["GET"],
                    "paths": ["/api/*"],
                    "token": False,
                },
                "office": {"namespace": "reports", "serviceAccount": "office", "token": True},
            },
            "telemetry": {"accessLog": ""},
            "egress": ["reports/*"],
        },
        "tracing": {
            "sampling": 12.5,
            "tags": {"team": "platform", "site": "west coast"},
            "jaeger": {"storage": {"class": "fast"}},
        },
        "security": {
            "namespaces": {"reports": {"podSecurity": "baseline"}},
            "network": {"tracers": ["reports"]},
        },
    },
    # One pod in one zone, traces sent elsewhere.
    "small": {
        "app": {
            "versions": {"stable": {"replicas": 1, "maxReplicas": 1}},
            "availability": {"minimum": 0, "zones": 1},
            "dependencies": {"postgresql": None, "redis": None},
        },
        "backups": {"enabled": False},
        "tracing": {
            "jaeger": {"enabled": False},
            "collector": {"host": "otel.observability.svc.cluster.local"},
        },
        "security": {
            "application": {"create": False},
            "quota": {"enabled": False},
            "limitRange": {"enabled": False},
            "namespaces": {"monitoring": None, "velero": None},
        },
    },
    "no-mesh": {
        "istio": {"enabled": False},
        "tracing": {"enabled": False},
        "security": {"enabled": False},
    },
    "hostile": {
        "cluster": "0x1f",
        "environment": "1e3",
        "app": {
            "name": "y",
            "versions": {"stable": None, "2": {"tag": "1.10", "replicas": 3, "weight": 100}},
            "env": {"TEXT": HOSTILE, "NUMBER": "0o17", "EMPTY": ""},
            "serviceAccount": {"annotations": {"note": HOSTILE}},
            "metricsPath": '/"{{',
        },
        "istio": {
            "jwt": {"audiences": [HOSTILE], "publicPaths": ['/"{{', "/no"]},
            "telemetry": {"accessLog": HOSTILE},
        },
        "tracing": {"tags": {"note": HOSTILE, "cost": "$5"}},
    },
    "nothing": {
        "app": {"enabled": False},
        "istio": {"enabled": False},
        "tracing": {"enabled": False},
        "security": {"enabled": False},
    },
}
# Those with a mesh.
MESHED: Final = ("defaults", "canary", "everything", "small", "hostile")
# The release's own name, where it is not the usual one.
RELEASES: Final = {"hostile": "123"}

# What stands in the cluster without this chart: what is referred to, and pods that policies speak of.
EXTERNAL: Final = (
    *("Namespace/istio-system", "Namespace/istio-ingress", "Namespace/monitoring"),
    *("Secret/pull", "Secret/machine-native-ops"),
)


def stranger(name: str, namespace: str, labels: dict[str, str], *ports: int) -> Manifest:
    """A pod that others install."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": name, "ports": [{"containerPort": port} for port in ports]}]},
    }


STRANGERS: Final = (
    stranger("gateway", "istio-system", {"istio": "ingressgateway"}, 80, 443),
    stranger("gateway", "istio-ingress", {"istio": "ingressgateway"}, 80, 443),
    stranger("postgresql", "production", {"app.kubernetes.io/name": "postgresql"}, 5432, 8008),
    stranger("redis", "production", {"app.kubernetes.io/name": "redis"}, 6379, 26379),
)


@functools.cache
def text(platform: str) -> str:
    """What is rendered for one of PLATFORMS, all sections of it."""
    return rendered("platform", PLATFORMS[platform], name=RELEASES.get(platform, ""))


def found(platform: str, *kinds: str, sections: tuple[str, ...] = SECTIONS) -> list[Manifest]:
    """The objects of our sections, or of those that are named; of these kinds, or of all."""
    return [
        each for name in sections for each in _parsed(platform, name) if not kinds or each["kind"] in kinds
    ]


def one(platform: str, kind: str, name: str = "") -> Manifest:
    """The one object of a kind, or of a kind and a name."""
    (only,) = [each for each in found(platform, kind) if name in ("", each["metadata"]["name"])]
    return only


def mesh_config(platform: str) -> dict[str, Any]:
    """What istiod is told beside its own configuration."""
    document = yaml.safe_load(one(platform, "ConfigMap", "platform-mesh")["data"]["mesh"])
    assert isinstance(document, dict)
    return document


def provider(platform: str) -> dict[str, Any]:
    """Whom the proxies send their spans to: `name`, `service` and `port`."""
    (only,) = mesh_config(platform)["extensionProviders"]
    return {"name": only["name"], **only["opentelemetry"]}


def values(platform: str = "defaults") -> dict[str, Any]:
    """The chart's own values with those of a platform over them, as Helm joins them; a copy."""
    joined = copy.deepcopy(_joined({name: _own()[name] for name in SECTIONS}, PLATFORMS[platform]))
    assert isinstance(joined, dict)
    return joined


def golden(section: str) -> str:
    """What a section renders by default, as its golden file has it."""
    return "".join(_parts(text("defaults"), section))


@functools.cache
def _own() -> dict[str, Any]:
    own = yaml.safe_load((CHARTS / "platform" / "values.yaml").read_text(encoding="utf-8"))
    assert isinstance(own, dict)
    return own


@functools.cache
def _parsed(platform: str, section: str) -> list[Manifest]:
    return objects("".join(_parts(text(platform), section)))


def _parts(whole: str, section: str) -> list[str]:
    parts = re.split(r"(?m)^---\n", whole)
    return [f"---\n{part}" for part in parts if part.startswith(f"# Source: platform/templates/{section}/")]


def _joined(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    keys = dict.fromkeys([*under, *over])
    return {
        key: _joined(under.get(key), over[key]) if key in over else under[key]
        for key in keys
        if key not in over or over[key] is not None
    }


if __name__ == "__main__":
    for name in SECTIONS:
        (GOLDEN / f"platform-{name}.yaml").write_text(golden(name), encoding="utf-8")
