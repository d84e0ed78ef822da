"""What a request's path means."""

import pytest

from responder.sandbox.kubernetes.failure import Failure
from responder.sandbox.kubernetes.kinds import kind_named, kind_of, target


@pytest.mark.parametrize(
    ("path", "plural", "namespace", "name", "resource"),
    [
        ("/apis/apps/v1/deployments", "deployments", "", "", "deployments"),
        ("/apis/apps/v1/namespaces/shop/deployments", "deployments", "shop", "", "deployments"),
        (
            "/apis/apps/v1/namespaces/shop/deployments/web/scale",
            "deployments",
            "shop",
            "web",
            "deployments/scale",
        ),
        ("/api/v1/namespaces/shop/pods/p/eviction", "pods", "shop", "p", "pods/eviction"),
        ("/api/v1/namespaces", "namespaces", "", "", "namespaces"),
        ("/api/v1/namespaces/shop", "namespaces", "", "shop", "namespaces"),
        ("/api/v1/namespaces/shop/status", "namespaces", "", "shop", "namespaces/status"),
        ("/api/v1/nodes/n", "nodes", "", "n", "nodes"),
    ],
)
def test_paths(path: str, plural: str, namespace: str, name: str, resource: str) -> None:
    found = target(path)
    assert (found.kind.plural, found.namespace, found.name, found.resource) == (
        plural,
        namespace,
        name,
        resource,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/api/v2/pods",
        "/apis/apps/v1/pods",
        "/apis/apps/v1/deployments/web",
        "/apis/apps/v1/namespaces/shop/deployments/web/scale/more",
        "/apis/apps/v1/namespaces/shop/deployments//scale",
        "/api/v1/namespaces/shop/nodes/n",
        "/api/v1/namespaces//pods/p",
        "/api/v1/nodes/n/eviction",
    ],
)
def test_paths_that_lead_nowhere(path: str) -> None:
    with pytest.raises(Failure) as caught:
        target(path)
    assert (caught.value.code, caught.value.message) == (
        404,
        "the server could not find the requested resource",
    )


def test_kinds_are_found_by_either_name_and_by_their_documents() -> None:
    assert kind_named("Deployment") is kind_named("deployments")
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    assert kind_of(scaler) is kind_named("horizontalpodautoscalers")
    with pytest.raises(KeyError):
        kind_of(scaler | {"apiVersion": "autoscaling/v1"})
