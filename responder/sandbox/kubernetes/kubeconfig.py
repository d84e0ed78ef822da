"""The file by which clients find clusters: one context for each, by the cluster's name.

The sandbox and tests write it for the clusters that they started. It holds tokens: only its owner can
read it.
"""

import os
from pathlib import Path

import yaml

from responder.sandbox.kubernetes.cluster import Cluster


def write(path: Path, *clusters: Cluster) -> Path:
    """Write it; the first cluster is the current context. Returns the path."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": clusters[0].name,
        "clusters": [{"name": one.name, "cluster": {"server": one.url}} for one in clusters],
        "users": [{"name": one.name, "user": {"token": one.token}} for one in clusters],
        "contexts": [
            {"name": one.name, "context": {"cluster": one.name, "user": one.name}} for one in clusters
        ],
    }
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        yaml.safe_dump(document, file, sort_keys=False)
    return path
