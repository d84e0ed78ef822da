"""What a Deployment's JSON says."""

from typing import Any

import pytest

from responder.actions.kubernetes import deployment as read
from responder.actions.kubernetes.neighbours import selects


def made(
    replicas: int | None = 4,
    available: int = 4,
    strategy: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    spec: dict[str, Any] = {"strategy": strategy or {"type": "RollingUpdate"}, **more}
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "metadata": {"generation": 2},
        "spec": spec,
        "status": {
            "observedGeneration": 2,
            "replicas": 4,
            "updatedReplicas": 4,
            "availableReplicas": available,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
        },
    }


def rolling(unavailable: Any, surge: Any) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}


@pytest.mark.parametrize(
    ("deployment", "takes"),
    [
        (made(), 1),
        (made(3, 3), 0),
        (made(4, 4, rolling("50%", 0)), 2),
        (made(4, 4, rolling(3, 1)), 3),
        (made(4, 3, rolling(1, 1)), 0),
        (made(4, 3, rolling(2, 1)), 1),
        (made(4, 2, rolling(1, 1)), 0),
        (made(4, 4, rolling(0, 0)), 1),
        (made(4, 4, rolling("1%", "0%")), 1),
        (made(4, 4, rolling("100%", 0)), 4),
        (made(2, 4, rolling(5, 0)), 4),
        (made(4, 3, {"type": "Recreate"}), 3),
        (made(None, 1), 0),
    ],
)
def test_a_rollout_takes_what_its_strategy_lets_it_and_never_what_is_missing_already(
    deployment: dict[str, Any], takes: int
) -> None:
    assert read.takes(deployment) == takes


def test_counts_that_are_left_out_are_nothing() -> None:
    counts = read.status({"metadata": {}, "spec": {"replicas": 2}})
    assert (counts.observed, counts.updated, counts.available, counts.progress) == (0, 0, 0, "")
    assert counts.rollout == "0 of 2 pods are new"


def waits(**status: Any) -> str:
    found = made()
    found["status"].update(status)
    return read.status(found).rollout


def test_a_rollout_is_complete_as_kubectl_has_it() -> None:
    assert waits() == ""
    assert waits(observedGeneration=1) == "the controller has not seen the change yet"
    assert waits(updatedReplicas=1) == "1 of 4 pods are new"
    assert waits(replicas=5) == "1 old pods are still there"
    assert waits(availableReplicas=3) == "3 of 4 new pods are available"
    stuck = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    assert waits(conditions=stuck, updatedReplicas=1) == "it does not get on: progress deadline exceeded"
    assert waits(conditions=stuck, observedGeneration=1) == "the controller has not seen the change yet"


@pytest.mark.parametrize(
    ("mark", "run", "ours"),
    [
        ("r7-695b0d80-0-1", "r7-695b0d80", True),
        ("r7-695b0d80", "r7-695b0d80", True),
        ("r7-695b0d801-0-1", "r7-695b0d80", False),
        ("r77-695b0d80-0-1", "r7-695b0d80", False),
        ("", "r7-695b0d80", False),
        ("r7-695b0d80-0-1", "", False),
    ],
)
def test_a_mark_is_a_runs_own_or_not(mark: str, run: str, ours: bool) -> None:
    assert read.made_by(mark, run) is ours


def test_templates_are_alike_if_only_the_restart_differs() -> None:
    container = {"name": "a", "image": "b"}
    before = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}
    after = {
        "metadata": {
            "creationTimestamp": None,
            "labels": {"app": "a", "pod-template-hash": "x"},
            "annotations": {"kubectl.kubernetes.io/restartedAt": "t", "responder/run": "k"},
        },
        "spec": {"containers": [container]},
    }
    assert read.bare(before) == read.bare(after)
    assert read.bare(before) != read.bare({**after, "spec": {"containers": []}})
    assert read.bare(before) != read.bare({**after, "metadata": {"annotations": {"other": "1"}}})


def test_what_belongs_to_another_is_not_its_history() -> None:
    owner = {"metadata": {"uid": "u"}}
    mine: dict[str, Any] = {"metadata": {"ownerReferences": [{"uid": "u", "controller": True}]}}
    others: list[dict[str, Any]] = [
        {"metadata": {}},
        {"metadata": {"ownerReferences": [{"uid": "v", "controller": True}]}},
        {"metadata": {"ownerReferences": [{"uid": "u"}]}},
    ]
    assert read.owned(owner, [*others, mine]) == [mine]


@pytest.mark.parametrize(
    ("selector", "yes"),
    [
        ({}, True),
        (None, False),
        ({"matchLabels": {"app": "a"}}, True),
        ({"matchLabels": {"app": "b"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Like"}]}, False),
    ],
)
def test_a_selector_selects(selector: Any, yes: bool) -> None:
    assert selects(selector, {"app": "a"}) is yes
