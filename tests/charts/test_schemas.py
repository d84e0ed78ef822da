"""The checks of rendered objects find what they are there to find."""

import copy
from typing import Final

import pytest

from tests.charts.helm import Manifest
from tests.charts.schemas import problems

RULE: Final[Manifest] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "shop"},
    "spec": {
        "host": "shop",
        "trafficPolicy": {
            "loadBalancer": {"simple": "LEAST_REQUEST"},
            "outlierDetection": {"consecutive5xxErrors": 5, "interval": "30s"},
        },
    },
}
SERVICE: Final[Manifest] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shop"},
    "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": "http"}]},
}


@pytest.mark.parametrize("found", [RULE, SERVICE])
def test_what_is_right_has_no_problem(found: Manifest) -> None:
    assert problems(found) == []


def test_a_misspelt_field_a_wrong_type_and_a_null_are_named_by_their_place() -> None:
    rule = copy.deepcopy(RULE)
    rule["spec"]["trafficPolicy"]["outlierDetection"] = {"consecutiveErrorz": 5}
    assert problems(rule) == [
        "DestinationRule/shop: $.spec.trafficPolicy.outlierDetection: "
        "Additional properties are not allowed ('consecutiveErrorz' was unexpected)"
    ]
    service = copy.deepcopy(SERVICE)
    service["spec"]["ports"][0]["port"] = "80"
    service["spec"]["selector"]["app"] = None
    assert [text.split(" (")[0] for text in problems(service)] == [
        "Service/shop: $.spec.selector.app: null",
        *["Service/shop: spec.ports.0.port: '80' is not of type 'integer'"] * 3,
    ]


def test_kinds_that_nobody_knows_are_problems() -> None:
    assert problems(RULE | {"kind": "DestinationRulez"}) == [
        "DestinationRulez/shop: $: there is no DestinationRulez in networking.istio.io/v1"
    ]
    assert problems(RULE | {"apiVersion": "example.com/v1"}) == [
        "DestinationRule/shop: $.apiVersion: nobody here knows the kinds of example.com"
    ]
    assert problems(SERVICE | {"kind": "Servize"}) == [
        f"Servize/shop: $: there is no Servize in v1 (Kubernetes {version})"
        for version in ("1.35", "1.36", "1.37")
    ]
