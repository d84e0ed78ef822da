"""Selectors, as the documentation of labels has them."""

from typing import Any

import pytest

from responder.sandbox.kubernetes.failure import Failure
from responder.sandbox.kubernetes.kinds import DEPLOYMENTS, NODES, PODS
from responder.sandbox.kubernetes.selectors import object_selector, query_selector, spelled

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "shop", "labels": {"app": "web", "example.com/tier": "a.b_c"}},
    "spec": {"nodeName": "n1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("labels", "yes"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web , example.com/tier=a.b_c", True),
        ("app=api", False),
        ("app!=api", True),
        ("none!=x", True),
        ("app=", False),
        ("none", False),
        ("!none", True),
        ("app", True),
        ("!app", False),
        ("app in (api, web)", True),
        ("app notin (api, web)", False),
        ("none in (x)", False),
        ("none notin (x)", True),
        ("app in (api,web),app!=web", False),
    ],
)
def test_labels(labels: str, yes: bool) -> None:
    assert query_selector(PODS, labels, "")(POD) is yes


@pytest.mark.parametrize(
    "labels", ["app=web=x", "app in web", "a b", ",", "app=web,", "-a", "app=/x", "app>1"]
)
def test_labels_that_cannot_be_read(labels: str) -> None:
    with pytest.raises(Failure) as caught:
        query_selector(PODS, labels, "")
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("fields", "yes"),
    [
        ("metadata.name=p", True),
        ("metadata.name!=p", False),
        ("metadata.namespace==shop,spec.nodeName=n1,status.phase=Running", True),
        ("spec.nodeName=", False),
        ("status.podIP=", True),
    ],
)
def test_fields(fields: str, yes: bool) -> None:
    assert query_selector(PODS, "", fields)(POD) is yes


def test_a_field_that_is_no_text() -> None:
    node = {"metadata": {"name": "n"}, "spec": {"unschedulable": True}}
    assert query_selector(NODES, "", "spec.unschedulable=true")(node)
    assert not query_selector(NODES, "", "spec.unschedulable=true")({"metadata": {"name": "n"}, "spec": {}})


@pytest.mark.parametrize(
    "fields",
    ["metadata.uid=x", "spec.nodeName", "metadata.name=a=b", "metadata.namespace=x", "spec.replicas=1"],
)
def test_fields_that_cannot_be_asked_for(fields: str) -> None:
    kind = NODES if "namespace" in fields else DEPLOYMENTS
    with pytest.raises(Failure):
        query_selector(kind, "", fields)


def expressions(*parts: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {
        "matchExpressions": [{"key": key, "operator": how, "values": values} for key, how, values in parts]
    }


@pytest.mark.parametrize(
    ("selector", "yes", "text"),
    [
        ({}, True, ""),
        ({"matchLabels": {"app": "web"}}, True, "app=web"),
        ({"matchLabels": {"app": "web", "a": "b"}}, False, "a=b,app=web"),
        (expressions(("app", "In", ["web", "api"])), True, "app in (api,web)"),
        (expressions(("app", "NotIn", ["web"])), False, "app notin (web)"),
        (expressions(("app", "Exists", [])), True, "app"),
        (expressions(("app", "DoesNotExist", [])), False, "!app"),
    ],
)
def test_selectors_within_objects(selector: dict[str, Any], yes: bool, text: str) -> None:
    assert object_selector(selector)(POD) is yes
    assert spelled(selector) == text
    # What is spelled out selects the same.
    assert query_selector(PODS, text, "")(POD) is yes


def test_no_selector_selects_nothing() -> None:
    assert not object_selector(None)(POD)
