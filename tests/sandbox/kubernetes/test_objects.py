"""The store: versions, what is forgotten, and who wrote what."""

from typing import Any

import pytest

from responder.sandbox.kubernetes.kinds import NAMESPACES, PODS
from responder.sandbox.kubernetes.objects import Objects, Writer
from tests.clock import MONDAY

ANA, BEN = Writer("ana"), Writer("ben")


def made() -> Objects:
    return Objects(lambda: MONDAY, "test")


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def test_every_write_has_a_version_and_what_is_the_same_is_no_write() -> None:
    objects = made()
    first = objects.put(NAMESPACES, namespace("a", x="1"), ANA)
    same = objects.put(NAMESPACES, namespace("a", x="1"), BEN)
    assert same is first
    other = objects.put(NAMESPACES, namespace("a", x="2"), BEN)
    assert (first["metadata"]["resourceVersion"], other["metadata"]["resourceVersion"]) == ("1001", "1002")
    assert first["metadata"]["uid"] == other["metadata"]["uid"]
    assert first["metadata"]["labels"] == {"x": "1"}
    gone = objects.remove(NAMESPACES, "", "a")
    assert gone["metadata"]["resourceVersion"] == "1003"
    assert [(change.version, change.type) for change in objects.changes] == [
        (1001, "ADDED"),
        (1002, "MODIFIED"),
        (1003, "DELETED"),
    ]


def test_what_nobody_may_choose_is_not_taken_from_the_document() -> None:
    objects = made()
    chosen = {
        "uid": "mine",
        "generation": 7,
        "resourceVersion": "5",
        "creationTimestamp": "x",
        "managedFields": [],
    }
    document = namespace("a")
    document["metadata"] |= chosen
    metadata = objects.put(NAMESPACES, document, ANA)["metadata"]
    assert metadata["creationTimestamp"] == "2026-01-05T00:00:00Z"
    assert {name for name in chosen if metadata.get(name) == chosen[name]} == set()


def test_a_field_belongs_to_who_wrote_it_last() -> None:
    objects = made()
    objects.put(NAMESPACES, namespace("a", x="1", y="1"), ANA)
    entries = objects.put(NAMESPACES, namespace("a", x="2", z="1"), BEN)["metadata"]["managedFields"]
    assert {entry["manager"]: entry["fieldsV1"] for entry in entries} == {
        "ben": {"f:metadata": {"f:labels": {"f:x": {}, "f:z": {}}}}
    }
    entries = objects.put(NAMESPACES, namespace("a", x="2", z="2"), ANA)["metadata"]["managedFields"]
    assert {entry["manager"]: entry["fieldsV1"] for entry in entries} == {
        "ana": {"f:metadata": {"f:labels": {"f:z": {}}}},
        "ben": {"f:metadata": {"f:labels": {"f:x": {}}}},
    }


def test_the_oldest_changes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responder.sandbox.kubernetes.objects._KEPT", 3)
    objects = made()
    for number in range(5):
        objects.put(NAMESPACES, namespace("a", x=str(number)), ANA)
    assert ([change.version for change in objects.changes], objects.forgotten) == ([1003, 1004, 1005], 1002)
    objects.forget()
    assert (list(objects.changes), objects.forgotten) == ([], 1005)


def test_objects_are_in_the_order_of_their_places() -> None:
    objects = made()
    for place in ("b/x", "a/y", "a/x"):
        there, name = place.split("/")
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": there}}
        objects.put(PODS, pod, ANA)
    places = [(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in objects.all(PODS)]
    assert places == [("a", "x"), ("a", "y"), ("b", "x")]
    assert len(objects.all(PODS, "a")) == 2


def test_generated_names_are_their_own() -> None:
    objects = made()
    names = {objects.name("x-") for _ in range(100)}
    assert len(names) == 100
    assert {len(name) for name in names} == {7}
