"""The sections `kubernetes` and `prometheus`: where runs look and act.

`settings.load` calls it. Nothing is opened here: a kubeconfig is read when its cluster is first talked
to, a token when a question is asked.
"""

from pathlib import Path

from responder.core.parameters import ParameterType
from responder.document.fields import Fields, duration_above_zero, name, split_url
from responder.document.tree import Place, ScalarNode
from responder.settings.values import Cluster, Prometheus

_NAME = ParameterType("text")


def read_clusters(fields: Fields) -> tuple[Cluster, ...]:
    """The clusters, each with a name of its own."""
    found: list[Cluster] = []
    seen: dict[str, Place] = {}
    for entry in fields.each("kubernetes", "kubernetes"):
        cluster = entry.read("cluster", _cluster, "") if entry.require("cluster") else ""
        kubeconfig = entry.read("kubeconfig", _path, None)
        context = entry.read("context", name, "")
        if context and kubeconfig is None:
            entry.error("context", "only with a kubeconfig; without one it is the cluster we run in")
        entry.close()
        if cluster and cluster in seen:
            entry.error("cluster", f"{cluster!r} is given twice: first at {seen[cluster]}")
        elif cluster:
            seen[cluster] = entry.place("cluster")
            found.append(Cluster(cluster, kubeconfig, context))
    return tuple(found)


def read_prometheus(fields: Fields) -> Prometheus | None:
    """The Prometheus that is asked; None: nobody is."""
    section = fields.fields("prometheus", "prometheus")
    if section is None:
        return None
    base = section.read("url", _base, "") if section.require("url") else ""
    prometheus = Prometheus(
        base,
        section.read("token_file", _path, None),
        section.read("ca_file", _path, None),
        section.read("timeout", duration_above_zero, Prometheus("").timeout),
    )
    section.close()
    return prometheus


def _cluster(node: ScalarNode) -> str:
    """What may stand in a label's value, a target's key and a freeze's scope."""
    if fault := _NAME.fault(node.text):
        raise ValueError(fault)
    if len(node.text) > 128 or set(node.text) & set("/= *"):
        raise ValueError(f"{node.text[:64]!r} is no name of a cluster, such as production")
    return node.text


def _path(node: ScalarNode) -> Path:
    return Path(name(node))


def _base(node: ScalarNode) -> str:
    parts = split_url(node.text)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be the base of Prometheus' addresses, such as http://prometheus:9090")
    return node.text.rstrip("/")
