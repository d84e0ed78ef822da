import pytest

from responder.core.freeze import SCOPES, Freeze, scope_fault
from responder.core.plan import TargetRef

CART = TargetRef("prod", "shop", "Deployment", "cart")
NODE = TargetRef("prod", "", "Node", "cart")
ACTIONS = frozenset({"kubernetes.rollout_restart", "kubernetes.rollout_undo"})


def covers(scope: str, target: TargetRef | None = CART, runbook: str = "pod-restarts") -> bool:
    return Freeze("f1", scope, "why", "alice", 1, 2).covers(runbook, ACTIONS, target)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("global", True),
        ("cluster=prod", True),
        ("cluster=lab", False),
        ("cluster=pro", False),
        ("service=shop/cart", True),
        ("service=shop/web", False),
        ("service=other/cart", False),
        ("runbook=pod-restarts", True),
        ("runbook=pod", False),
        ("action=kubernetes.rollout_undo", True),
        ("action=kubernetes", False),
    ],
)
def test_a_scope_covers_what_it_names(scope: str, expected: bool) -> None:
    assert covers(scope) is expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("global", True),
        ("cluster=lab", True),
        ("service=other/web", True),
        ("runbook=another", False),
        ("action=kubernetes.scale", False),
    ],
)
def test_where_the_place_is_not_known_a_frozen_place_is_meant(scope: str, expected: bool) -> None:
    assert covers(scope, None) is expected


def test_a_service_lies_in_a_namespace() -> None:
    assert not covers("service=shop/cart", NODE)
    assert covers("cluster=prod", NODE)


def test_a_scope_that_nobody_knows_covers_everything() -> None:
    assert covers("region=eu")
    assert covers("")


@pytest.mark.parametrize(
    "scope",
    [
        "global",
        "cluster=prod",
        "service=shop/cart",
        "runbook=pod-restarts",
        "action=kubernetes.rollout_restart",
        "cluster=" + "x" * 292,
    ],
)
def test_scopes(scope: str) -> None:
    assert scope_fault(scope) == ""


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "everything",
        "Global",
        "global=",
        "global=prod",
        "cluster",
        "cluster=",
        "cluster= prod",
        "cluster=prod ",
        "region=eu",
        "service=cart",
        "service=/cart",
        "service=shop/",
        "service=shop/cart/x",
        "service=/shop/cart",
        "service=shop//cart",
        "cluster=" + "x" * 293,
    ],
)
def test_scopes_that_are_none(scope: str) -> None:
    assert scope_fault(scope) == f"{scope[:64]!r} is no scope: {SCOPES}"
