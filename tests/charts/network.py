"""What NetworkPolicies let through, as Kubernetes documents it: may one pod open a connection to another?

The tests of rendered policies call `open_to`. It knows pods, namespaces and address blocks, and TCP unless
told otherwise; what a node or the kubelet may do is not its matter.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.charts.crosschecks import selects
from tests.charts.helm import Manifest


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or an address outside of the cluster, which has no namespace.

    `named`: the numbers of its ports by name.
    """

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    named: Mapping[str, int] = field(default_factory=dict)


def open_to(policies: Iterable[Manifest], caller: End, callee: End, port: int, protocol: str = "TCP") -> bool:
    """Whether the caller's policies let it out, and the callee's let it in."""
    known = list(policies)
    ways = [
        (caller, callee, "Egress", "egress", "to"),
        (callee, caller, "Ingress", "ingress", "from"),
    ]
    for mine, other, kind, key, side in ways:
        judging = [one for one in known if _about(one, mine) and kind in one["spec"]["policyTypes"]]
        rules = [rule for one in judging for rule in one["spec"].get(key) or ()]
        if judging and not any(
            _peers(rule.get(side), mine, other) and _ports(rule.get("ports"), callee, port, protocol)
            for rule in rules
        ):
            return False
    return True


def _about(policy: Manifest, end: End) -> bool:
    return policy["metadata"]["namespace"] == end.namespace and selects(
        policy["spec"]["podSelector"], end.labels
    )


def _peers(peers: list[Any] | None, mine: End, other: End) -> bool:
    """An absent list means everybody."""
    if not peers:
        return True
    for peer in peers:
        if "ipBlock" in peer:
            block = ipaddress.ip_network(peer["ipBlock"]["cidr"])
            if other.address and ipaddress.ip_address(other.address) in block:
                return True
        elif other.namespace:
            names = {"kubernetes.io/metadata.name": other.namespace}
            near = peer.get("namespaceSelector")
            here = selects(near, names) if near is not None else other.namespace == mine.namespace
            if here and selects(peer.get("podSelector") or {}, other.labels):
                return True
    return False


def _ports(ports: list[Any] | None, callee: End, port: int, protocol: str) -> bool:
    if not ports:
        return True
    return any(
        one.get("protocol", "TCP") == protocol and callee.named.get(one["port"], one["port"]) == port
        for one in ports
    )
