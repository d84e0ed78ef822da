"""A made-up cluster, and what Prometheus' service discovery would find in it.

Debian's Prometheus is built without that discovery: the test of the scrape jobs gives it `found` as static
targets, with the labels that discovery would attach. Nothing is relabelled here: Prometheus does that itself.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Group = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod. `ports`: (container, name of the port or "", number)."""

    namespace: str
    name: str
    ip: str
    ports: Sequence[tuple[str, str, int]]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    phase: str = "Running"

    def address(self, port: int) -> str:
        """Host and port."""
        return f"[{self.ip}]:{port}" if ":" in self.ip else f"{self.ip}:{port}"

    def meta(self) -> dict[str, str]:
        """The labels that every target in it gets."""
        return {
            "__meta_kubernetes_namespace": self.namespace,
            "__meta_kubernetes_pod_name": self.name,
            "__meta_kubernetes_pod_ip": self.ip,
            "__meta_kubernetes_pod_phase": self.phase,
            **_named("pod", self.labels, self.annotations),
        }


@dataclass(frozen=True)
class Service:
    """A Service, whose pods have these labels. `ports`: (name, number in the pod)."""

    namespace: str
    name: str
    selects: Mapping[str, str]
    ports: Sequence[tuple[str, int]]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """A node, by its kubelet."""

    name: str
    ip: str


@dataclass(frozen=True)
class Cluster:
    """All that there is."""

    pods: Sequence[Pod]
    services: Sequence[Service]
    nodes: Sequence[Node]


def found(config: Mapping[str, Any], cluster: Cluster) -> list[Group]:
    """What one entry of `kubernetes_sd_configs` finds, as entries of `static_configs`."""
    namespaces = config.get("namespaces", {}).get("names", ())
    (selector,) = config.get("selectors") or [{"role": config["role"], "label": ""}]
    assert selector["role"] == config["role"]
    return [
        {"targets": [address], "labels": labels}
        for place, own, address, labels in _FINDERS[config["role"]](cluster)
        if (not namespaces or place in namespaces) and _selected(selector["label"], own)
    ]


Found = Iterator[tuple[str, Mapping[str, str], str, dict[str, str]]]


def _pods(cluster: Cluster) -> Found:
    for pod in cluster.pods:
        for container, name, port in pod.ports:
            own = {
                "__meta_kubernetes_pod_container_name": container,
                "__meta_kubernetes_pod_container_port_name": name,
                "__meta_kubernetes_pod_container_port_number": str(port),
            }
            yield pod.namespace, pod.labels, pod.address(port), {**pod.meta(), **own}


def _slices(cluster: Cluster) -> Found:
    for service in cluster.services:
        for pod in cluster.pods:
            if pod.namespace != service.namespace or not service.selects.items() <= pod.labels.items():
                continue
            for name, port in service.ports:
                own = {
                    "__meta_kubernetes_endpointslice_port_name": name,
                    "__meta_kubernetes_endpointslice_port": str(port),
                    "__meta_kubernetes_service_name": service.name,
                    **_named("service", service.labels, service.annotations),
                }
                # A slice has its Service's labels.
                yield service.namespace, service.labels, pod.address(port), {**pod.meta(), **own}


def _nodes(cluster: Cluster) -> Found:
    for node in cluster.nodes:
        yield "", {}, f"{node.ip}:10250", {"__meta_kubernetes_node_name": node.name}


_FINDERS: Final = {"pod": _pods, "endpointslice": _slices, "node": _nodes}


def _named(kind: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, str]:
    return {
        f"__meta_kubernetes_{kind}_{what}_{re.sub('[^a-zA-Z0-9_]', '_', name)}": value
        for what, given in (("label", labels), ("annotation", annotations))
        for name, value in given.items()
    }


def _selected(selector: str, labels: Mapping[str, str]) -> bool:
    """Of Kubernetes' selectors `a=b` and `a in (b,c)`; anything else is a fault of the test."""
    if not selector:
        return True
    one_of = re.fullmatch(r"([\w./-]+) in \(([\w.,-]+)\)", selector)
    if one_of:
        return labels.get(one_of[1]) in one_of[2].split(",")
    name, _, value = selector.partition("=")
    assert re.fullmatch(r"[\w./-]+=[\w.-]+", selector), selector
    return labels.get(name) == value
