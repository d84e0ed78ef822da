"""What an object must look like, and what is filled in."""

from copy import deepcopy
from typing import Any

import pytest

from responder.sandbox.kubernetes.failure import Failure
from responder.sandbox.kubernetes.kinds import DEPLOYMENTS, KINDS, NAMESPACES
from responder.sandbox.kubernetes.platform import autoscaler, budget, deployment, node
from responder.sandbox.kubernetes.schema import check_form, check_rules, fill_in


def test_every_kind_has_a_schema() -> None:
    for kind in KINDS:
        with pytest.raises(Failure):
            check_form(kind.name, kind.api_version, {"teapot": 1})


def test_the_platforms_objects_are_valid() -> None:
    for document in (
        deployment("shop", "a", 1),
        budget("shop", "a", minAvailable="50%"),
        autoscaler("shop", "a", 1, 2),
        node("n"),
    ):
        check_form(document["kind"], document["apiVersion"], document)


def test_everything_that_is_wrong_is_said() -> None:
    document = deployment("shop", "a", 1, replica=1)
    document["spec"]["template"]["spec"]["containers"][0]["ports"][0] = {"containerPort": "80"}
    with pytest.raises(Failure) as caught:
        check_form("Deployment", "apps/v1", document)
    assert (caught.value.code, caught.value.message) == (
        400,
        'Deployment in version "v1" cannot be handled as a Deployment: '
        "spec.template.spec.containers[0].ports[0].containerPort: '80' is not of type 'integer'; "
        "spec: Additional properties are not allowed ('replica' was unexpected)",
    )


def test_what_is_missing_is_said_with_its_place() -> None:
    document = deployment("shop", "a", 1)
    del document["spec"]["template"]["spec"]["containers"]
    del document["spec"]["selector"]
    with pytest.raises(Failure) as caught:
        check_form("Deployment", "apps/v1", document)
    assert (caught.value.code, caught.value.message) == (
        422,
        'Deployment.apps "a" is invalid: [spec.selector: Required value, '
        "spec.template.spec.containers: Required value]",
    )


def filled(kind: Any, document: dict[str, Any]) -> dict[str, Any]:
    made = deepcopy(document)
    fill_in(kind, made)
    again = deepcopy(made)
    fill_in(kind, again)
    assert again == made
    return made


def test_what_is_left_out_is_filled_in_as_the_real_one_does() -> None:
    document = deployment("shop", "a", 1)
    del document["spec"]["replicas"]
    spec = filled(DEPLOYMENTS, document)["spec"]
    assert {name: spec[name] for name in spec if name not in ("selector", "template")} == {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
    }
    assert spec["template"]["spec"]["restartPolicy"] == "Always"
    assert filled(NAMESPACES, {"metadata": {"name": "a"}})["status"] == {"phase": "Active"}


@pytest.mark.parametrize("name", ["a", "a.b-c", "0"])
def test_names(name: str) -> None:
    check_rules(NAMESPACES, {"metadata": {"name": name}}, None)


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a_b", "a/b", "a" * 254])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(Failure) as caught:
        check_rules(NAMESPACES, {"metadata": {"name": name}}, None)
    assert caught.value.code == 422
