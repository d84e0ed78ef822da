"""What the doctor says of clusters and of Prometheus, asked over real HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from responder.actions.catalogue import NEEDS
from responder.actions.doctor import examine_clusters, roles
from responder.core.actioncatalogue import ACTIONS
from responder.core.guardrules import Allowed
from responder.finding import Finding
from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.access import EVERYTHING, Rule
from responder.sandbox.kubernetes.cluster import Cluster as StandIn
from responder.settings import Cluster
from tests.actions.yard import RESTART, UNDO
from tests.clock import ManualClock

ALLOW = (Allowed(RESTART, "sandbox", "shop"), Allowed(UNDO, "*", "shop", "checkout"))
LEAST = "`responder doctor kubernetes --rbac` prints the least Roles, for kubectl apply"


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn(ManualClock()) as made:
        yield made


async def examine(
    standin: StandIn, directory: Path, allow: tuple[Allowed, ...] = ALLOW
) -> list[tuple[str, str, str]]:
    path = kubeconfig.write(directory / "kubeconfig", standin)
    found = await examine_clusters((Cluster("sandbox", path),), allow)
    assert {finding.about for finding in found} == {"kubernetes sandbox"}
    return [(finding.level, finding.found, finding.advice) for finding in found]


WHO = ("ok", "it answers, and we are system:serviceaccount:responder:responder", "")


async def test_all_is_well(standin: StandIn, tmp_path: Path) -> None:
    assert await examine(standin, tmp_path) == [
        WHO,
        ("ok", f"in namespace shop we may do what is needed for {RESTART}, {UNDO}", ""),
    ]


async def test_what_we_may_not_is_named(standin: StandIn, tmp_path: Path) -> None:
    standin.user.rules[:] = [
        Rule("get list watch", "deployments", "apps"),
        Rule("list", "replicasets", "apps"),
    ]
    assert await examine(standin, tmp_path) == [
        WHO,
        (
            "problem",
            "in namespace shop we may not: patch deployments.apps, patch deployments.apps/checkout",
            f"grant it: {LEAST}",
        ),
        (
            "warning",
            "in namespace shop we may not: list poddisruptionbudgets.policy, "
            "list horizontalpodautoscalers.autoscaling; people are told less",
            f"grant it: {LEAST}",
        ),
    ]


async def test_too_much_is_named_too(standin: StandIn, tmp_path: Path) -> None:
    standin.user.rules[:] = EVERYTHING
    found = await examine(standin, tmp_path, (Allowed(RESTART),))
    assert found == [
        WHO,
        ("ok", f"in every namespace we may do what is needed for {RESTART}", ""),
        ("warning", "we may do everything in it", f"take away what is not needed: {LEAST}"),
    ]


async def test_nothing_is_allowed(standin: StandIn, tmp_path: Path) -> None:
    assert await examine(standin, tmp_path, (Allowed(RESTART, "lab"),)) == [
        WHO,
        (
            "warning",
            "nothing is allowed in it, so nothing will ever be done there",
            "name actions, clusters and namespaces in guards.allow",
        ),
    ]


async def test_a_token_that_is_not_known(standin: StandIn, tmp_path: Path) -> None:
    standin.revoke(standin.token)
    assert await examine(standin, tmp_path) == [
        (
            "problem",
            "it cannot be used: 401 Unauthorized: the cluster does not know our credentials",
            "put a token or certificate that is valid into the kubeconfig",
        )
    ]


async def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("clusters: []")
    found = await examine_clusters(
        (Cluster("a", tmp_path / "none"), Cluster("b", tmp_path / "kubeconfig"), Cluster("c")), ALLOW
    )
    advice = "check the kubeconfig, its context, and that this machine may reach the API server"
    assert found == [
        Finding(
            "problem",
            "kubernetes a",
            f"it cannot be used: {tmp_path}/none cannot be read: No such file or directory",
            advice,
        ),
        Finding(
            "problem",
            "kubernetes b",
            f"it cannot be used: the current context of {tmp_path}/kubeconfig, or what it names, is "
            "missing or cannot be used (ConfigException)",
            advice,
        ),
        Finding(
            "problem",
            "kubernetes c",
            "it cannot be used: no kubeconfig is set, and this is no pod of a cluster",
            advice,
        ),
    ]


# -- the Roles ------------------------------------------------------------------------------------


def test_every_action_of_the_catalogue_says_what_it_needs() -> None:
    assert set(NEEDS) == set(ACTIONS)


def test_the_least_roles_name_single_objects_where_the_allow_list_does() -> None:
    documents = list(yaml.safe_load_all(roles(ALLOW[1:], "lab", "ops/responder")))
    assert documents == [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "responder", "namespace": "shop"},
            "rules": [
                {
                    "apiGroups": ["apps"],
                    "resources": ["deployments"],
                    "verbs": ["get", "patch"],
                    "resourceNames": ["checkout"],
                },
                {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["list"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "responder", "namespace": "shop"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "responder"},
            "subjects": [{"kind": "ServiceAccount", "name": "responder", "namespace": "ops"}],
        },
    ]


def test_a_line_for_a_whole_namespace_needs_no_names() -> None:
    rules = next(yaml.safe_load_all(roles(ALLOW, "sandbox", "a/b")))["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["deployments"], ["get", "patch"]),
        (["replicasets"], ["list"]),
        (["horizontalpodautoscalers"], ["list"]),
        (["poddisruptionbudgets"], ["list"]),
    ]
    assert not any("resourceNames" in rule for rule in rules)


def test_a_line_for_every_namespace_is_a_cluster_role() -> None:
    documents = list(yaml.safe_load_all(roles((Allowed(RESTART),), "sandbox", "a/b")))
    assert [document["kind"] for document in documents] == ["ClusterRole", "ClusterRoleBinding"]
    assert documents[0]["metadata"] == {"name": "responder"}


def test_another_clusters_lines_grant_nothing_here() -> None:
    assert roles((Allowed(RESTART, "lab", "shop"),), "sandbox", "a/b") == ""
