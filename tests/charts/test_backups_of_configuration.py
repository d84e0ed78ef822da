"""The configuration is written down by the rendered job, applied to an empty cluster, and the same there."""

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.charts.helm import Manifest
from tests.charts.rehearsal import CLUSTER, Rehearsal
from tests.peers.apiserver import KINDS, ApiServer
from tests.peers.binaries import peer
from tests.peers.objectstore import ObjectStore
from tests.peers.pushgateway import Pushgateway
from tests.peers.users import directory

pytestmark = pytest.mark.peers

ONLY: Final = {"postgresql": {"enabled": False}, "redis": {"enabled": False}}
# Looks like what a cluster adds, and is what people wrote.
HOSTILE: Final[list[Manifest]] = [
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "hostile",
            "namespace": "production",
            "labels": {"uid": "x", "creationTimestamp": "y"},
            "annotations": {"note": "a\n    uid: 1\n  status:\n- apiVersion: v1\nb"},
        },
        "data": {
            "uid": "1",
            "resourceVersion": "2",
            "clusterIP": "3",
            "clusterIPs": "4",
            "text": "- apiVersion: v1\n  status:\n    uid: 1\n  metadata:\n    generation: 3\n",
            "unicode": "café ☃ {{ x }} ' \" \\ \t",
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop", "namespace": "production"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}], "type": "ClusterIP"},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "members", "namespace": "production"},
        "spec": {"clusterIP": "None", "selector": {"app": "shop"}, "ports": [{"port": 80}]},
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "key", "namespace": "production"},
        "data": {"k": "c2VjcmV0"},
    },
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "elsewhere", "namespace": "other"},
        "data": {"a": "b"},
    },
]


def declared(server: ApiServer) -> dict[str, Any]:
    """The objects without what a cluster, or `kubectl apply`, adds."""
    found = {}
    for (_, plural, _, name), stored in server.objects.items():
        metadata = {
            k: v for k, v in stored["metadata"].items() if k in {"name", "namespace", "labels", "annotations"}
        }
        metadata["annotations"] = {
            k: v
            for k, v in metadata.get("annotations", {}).items()
            if not k.startswith("kubectl.kubernetes.io/")
        }
        spec = {
            k: v
            for k, v in stored.get("spec", {}).items()
            if k != "clusterIPs" and (k, v) != ("clusterIP", "10.0.0.7")
        }
        rest = {k: v for k, v in stored.items() if k not in {"metadata", "spec", "status"}}
        found[f"{plural}/{name}"] = {**rest, "metadata": metadata, "spec": spec}
    return found


@pytest.fixture
def rehearsal(object_store: ObjectStore, pushgateway: Pushgateway) -> Iterator[Rehearsal]:
    with directory() as place:
        yield Rehearsal(place, object_store, pushgateway, values=ONLY)


@pytest.fixture
def cluster(rehearsal: Rehearsal) -> Iterator[ApiServer]:
    """The namespace as the chart fills it, seen by one who may what the rendered Role allows, and no more."""
    [role] = [
        o for o in rehearsal.objects if (o["kind"], o["metadata"]["name"]) == ("Role", "configuration-backup")
    ]
    allowed = {
        (verb, group, plural)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for plural in rule["resources"]
    }
    server = ApiServer(allowed)
    for found in (*rehearsal.objects, *HOSTILE):
        if (found["apiVersion"], found["kind"]) in KINDS:
            server.put(found)
    for (_, plural, _, name), found in server.objects.items():
        if (plural, name) == ("services", "shop"):
            found["spec"] |= {"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"]}
        if plural in {"services", "cronjobs"}:
            found["status"] = {"loadBalancer": {}, "active": [{"uid": "1"}]}
    rehearsal.node.home[".kube/config"] = server.kubeconfig
    yield server
    server.close()


def test_what_was_declared_is_declared_again_in_an_empty_cluster_and_no_secret_is_written(
    cluster: ApiServer, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    ended = rehearsal.run("configuration-backup")

    assert ended.status == 0, ended.log
    [name] = rehearsal.dumps("configuration")
    text = gzip.decompress(
        rehearsal.store.buckets["first"][f"{CLUSTER}/configuration/{name}.yaml.gz"]
    ).decode()
    assert "c2VjcmV0" not in text
    # A Job is done once, and not again because it is restored.
    not_copied = ("secrets/", "restores/", "namespaces/", "jobs/")
    expected = {
        place: found
        for place, found in declared(cluster).items()
        if not place.startswith(not_copied) and place != "configmaps/elsewhere"
    }
    assert len(expected) > 10
    # The checksums are what the guide's `sha256sum --check` reads.
    for key, body in rehearsal.store.buckets["first"].items():
        (tmp_path / key.rpartition("/")[2]).write_bytes(body)
    checked = ["sha256sum", "--check", f"{name}.sha256"]
    assert (
        subprocess.run(checked, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        == f"{name}.yaml.gz: OK\n"
    )
    empty = ApiServer()
    try:
        (tmp_path / "config").write_text(empty.kubeconfig)
        argv = [peer("kubectl"), "apply", "--validate=ignore", "--filename=-"]
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, check=False,
            env={"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert declared(empty) == expected
    finally:
        empty.close()

    assert rehearsal.run("restore-drill").status == 0
    assert rehearsal.pushed("restore-drill")["status"] == 1


def test_a_configuration_that_cannot_be_read_or_is_too_small_is_refused(
    cluster: ApiServer, rehearsal: Rehearsal
) -> None:
    assert cluster.allowed is not None
    cluster.allowed.remove(("list", "apps", "deployments"))
    ended = rehearsal.run("configuration-backup")
    assert ended.status == 69
    assert "deployments.apps is forbidden" in ended.log
    assert "kubectl could not read the objects of the namespace production" in ended.log

    cluster.allowed.add(("list", "apps", "deployments"))
    cluster.objects.clear()
    for found in HOSTILE[:1]:
        cluster.put(found)
    ended = rehearsal.run("configuration-backup")
    assert (ended.status, "has 1 objects, fewer than 5" in ended.log) == (65, True), ended.log
    assert rehearsal.dumps("configuration") == []
    assert rehearsal.pushed("configuration-backup")["status"] == 0
