"""A small platform to fill a cluster with: nodes, and a shop of a few Deployments.

The sandbox's story and tests call `furnish`. Everything in it is made up.
"""

from typing import Any, Final

from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.kinds import Object

NODES: Final = ("node-1", "node-2", "node-3")


def furnish(cluster: Cluster) -> None:
    """Three nodes, the namespace `shop`, and in it, all of them rolled out to be ready in time:

    `checkout` (3 replicas, a budget that spares one), `cart` (2, an autoscaler between 2 and 6), and
    `payments` (2).
    """
    for name in NODES:
        cluster.apply(node(name))
    cluster.add_namespace("shop")
    cluster.apply(deployment("shop", "checkout", 3))
    cluster.apply(deployment("shop", "cart", 2))
    cluster.apply(deployment("shop", "payments", 2))
    cluster.apply(budget("shop", "checkout", maxUnavailable=1))
    cluster.apply(autoscaler("shop", "cart", 2, 6))


def deployment(namespace: str, name: str, replicas: int, **spec: Any) -> Object:
    """One container, an image of the Deployment's name; `spec` adds to its spec, or replaces parts."""
    labels = {"app": name}
    container = {
        "name": name,
        "image": f"registry.sandbox.invalid/{namespace}/{name}:1.0.0",
        "ports": [{"containerPort": 8080}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def budget(namespace: str, name: str, **spec: Any) -> Object:
    """A disruption budget of the Deployment of that name; `minAvailable` or `maxUnavailable`."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, **spec},
    }


def autoscaler(namespace: str, name: str, least: int, most: int) -> Object:
    """A horizontal autoscaler of the Deployment of that name."""
    target = {"type": "Utilization", "averageUtilization": 80}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def node(name: str) -> Object:
    """A node that is ready."""
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {"conditions": [ready], "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"}},
    }
