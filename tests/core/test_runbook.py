from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from responder.core.matching import parse_matchers
from responder.core.model import labels_from
from responder.core.parameters import parse_type
from responder.core.runbook import (
    MODES,
    Bound,
    Mode,
    Parameter,
    Runbook,
    Target,
    bind,
    greater,
    lower,
)
from tests.core.test_parameters import BAD

RUNBOOK = Runbook(
    "restart",
    "Restart",
    "hash",
    (
        parse_matchers('alertname="A",severity="critical"').matchers,
        parse_matchers('alertname=~"B|C"').matchers,
    ),
    (
        Parameter("namespace", parse_type("dns_label"), "ns"),
        Parameter("name", parse_type("dns_subdomain"), "deployment"),
        Parameter("count", parse_type("int(1,9)"), default="3"),
        Parameter("why", parse_type("text"), "why", default="no reason"),
    ),
    Target("Deployment", "${name}", "${namespace}"),
)
ALERT = {"ns": "shop", "deployment": "checkout", "cluster": "one"}


def bound(
    labels: Mapping[str, str] | None,
    given: Mapping[str, str] | None = None,
    clusters: tuple[str, ...] = ("one", "two"),
    runbook: Runbook = RUNBOOK,
) -> Bound:
    return bind(runbook, None if labels is None else labels_from(labels), given or {}, clusters)


# -- when it applies ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "matches"),
    [
        ({"alertname": "A", "severity": "critical"}, True),
        ({"alertname": "A"}, False),
        ({"alertname": "B"}, True),
        ({"alertname": "C", "x": "y"}, True),
        ({"alertname": "D"}, False),
        ({}, False),
    ],
)
def test_one_of_its_lists_of_matchers_is_enough(labels: dict[str, str], matches: bool) -> None:
    assert RUNBOOK.matches(labels_from(labels)) == matches


def test_without_matchers_no_alert_starts_it() -> None:
    alone = replace(RUNBOOK, matchers=())
    assert not alone.matches(labels_from({"alertname": "A"}))
    assert (RUNBOOK.alert_names, alone.alert_names) == (frozenset("ABC"), frozenset())
    any_name = replace(RUNBOOK, matchers=(parse_matchers('severity="critical"').matchers,))
    assert any_name.alert_names == frozenset({""})


# -- values -------------------------------------------------------------------------------------


def test_an_alert_gives_its_labels_and_defaults_fill_the_rest() -> None:
    assert bound(ALERT) == Bound(
        {"namespace": "shop", "name": "checkout", "count": "3", "why": "no reason", "cluster": "one"}
    )


def test_what_a_person_gives_wins() -> None:
    found = bound({**ALERT, "why": "x"}, {"namespace": "other", "count": "4", "cluster": "two"})
    assert found == Bound(
        {"namespace": "other", "name": "checkout", "count": "4", "why": "x", "cluster": "two"}
    )
    assert bound(None, {"namespace": "a", "name": "b", "cluster": "one"}).problems == ()


def test_everything_that_is_missing_or_unknown_is_named() -> None:
    assert bound({"cluster": "one"}, {"x": "1", "a": "2"}).problems == (
        "namespace: the label ns is missing",
        "name: the label deployment is missing",
        "a: the runbook has no such parameter",
        "x: the runbook has no such parameter",
    )
    assert bound(None, {"cluster": "one"}).problems == (
        "namespace: a value is missing",
        "name: a value is missing",
    )


@pytest.mark.parametrize("value", BAD, ids=ascii)
def test_a_label_that_is_no_name_is_never_bound(value: str) -> None:
    for found in (bound({**ALERT, "ns": value}), bound(ALERT, {"namespace": value})):
        assert "namespace" not in found.values
        assert len(found.problems) == 1
        assert found.problems[0].isascii()
        assert found.problems[0].isprintable()


def test_a_wrong_default_is_a_problem_like_a_wrong_value() -> None:
    wrong = replace(
        RUNBOOK, parameters=(Parameter("count", parse_type("int(1,9)"), default="10"),), target=None
    )
    assert bound({}, runbook=wrong).problems == ("count: '10' is no number from 1 to 9",)


# -- the cluster --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "clusters", "outcome"),
    [
        ("one", ("one", "two"), "one"),
        ("", ("one",), "one"),
        ("", ("one", "two"), "cluster: not named, and 2 clusters are configured"),
        ("", (), "cluster: not named, and no clusters are configured"),
        ("three", ("one",), "cluster: 'three' is none of the clusters that are configured"),
        ("one\n", ("one",), "cluster: 'one\\n' is none of the clusters that are configured"),
        ("one", (), "cluster: 'one' is none of the clusters that are configured"),
    ],
)
def test_a_target_is_in_exactly_one_cluster(label: str, clusters: tuple[str, ...], outcome: str) -> None:
    found = bound({**ALERT, "cluster": label}, clusters=clusters)
    assert (found.values.get("cluster"), *found.problems) in [(outcome,), (None, outcome)]


def test_without_a_target_there_is_no_cluster() -> None:
    assert "cluster" not in bound(ALERT, clusters=(), runbook=replace(RUNBOOK, target=None)).values


# -- the target ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "problems"),
    [
        (Target("Deployment", "${name}-canary", "${namespace}"), ()),
        (Target("Node", "${name}"), ()),
        (
            Target("Deployment", "${name}-", "${namespace}.x"),
            (
                "target's name: 'checkout-' is no dns_subdomain (lower-case letters, digits, - and ., as a "
                "Deployment's name, at most 253 characters)",
                "target's namespace: 'shop.x' is no dns_label (lower-case letters, digits and -, as a "
                "namespace, at most 63 characters)",
            ),
        ),
    ],
)
def test_a_target_is_a_name_once_it_is_put_together(target: Target, problems: tuple[str, ...]) -> None:
    assert bound(ALERT, runbook=replace(RUNBOOK, target=target)).problems == problems


def test_an_enumerated_value_is_not_more_of_a_name_than_others() -> None:
    runbook = Runbook(
        "r", "R", "h", (), (Parameter("place", parse_type("enum(shop,a/b)"), "place"),),
        Target("Deployment", "web", "${place}"),
    )  # fmt: skip
    assert bound({"place": "shop", "cluster": "one"}, runbook=runbook).problems == ()
    assert len(bound({"place": "a/b", "cluster": "one"}, runbook=runbook).problems) == 1


# -- modes and risks ----------------------------------------------------------------------------


def test_the_lower_mode_and_the_greater_risk() -> None:
    pairs: list[tuple[Mode, Mode]] = [(one, other) for one in MODES for other in MODES]
    assert [lower(one, other) for one, other in pairs] == [
        MODES[min(MODES.index(one), MODES.index(other))] for one, other in pairs
    ]
    assert [greater(()), greater(["low", "high", "medium"]), greater(["low", "medium"])] == [
        "low",
        "high",
        "medium",
    ]
