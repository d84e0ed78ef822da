"""Patches of the three kinds, beside the examples of their specifications."""

import json
from typing import Any

import pytest

from responder.sandbox.kubernetes.failure import Failure
from responder.sandbox.kubernetes.patches import apply

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"


def patched(document: Any, content_type: str, patch: Any) -> Any:
    before = json.dumps(document)
    made = apply(document, content_type, json.dumps(patch).encode())
    # The old one is in the store, and stays as it was.
    assert json.dumps(document) == before
    return made


@pytest.mark.parametrize(
    ("document", "patch", "made"),
    [
        # RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge(document: Any, patch: Any, made: Any) -> None:
    assert patched(document, MERGE, patch) == made


APP, SIDE = (
    {"name": "app", "image": "a:1", "env": [{"name": "X", "value": "1"}]},
    {"name": "side", "image": "s:1"},
)
BOTH = {"containers": [APP, SIDE]}


@pytest.mark.parametrize(
    ("document", "patch", "made"),
    [
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        # By the key of the list, at their places; what is new comes last.
        (
            BOTH,
            {"containers": [{"name": "side", "image": "s:2"}]},
            {"containers": [APP, SIDE | {"image": "s:2"}]},
        ),
        (BOTH, {"containers": [{"name": "new"}]}, {"containers": [APP, SIDE, {"name": "new"}]}),
        (BOTH, {"containers": [{"name": "app", "$patch": "delete"}]}, {"containers": [SIDE]}),
        (BOTH, {"containers": [{"$patch": "replace"}, {"name": "x"}]}, {"containers": [{"name": "x"}]}),
        (
            BOTH,
            {"containers": [{"name": "app", "env": [{"name": "Y", "value": "2"}]}]},
            {"containers": [APP | {"env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}, SIDE]},
        ),
        # Lists without a key are taken whole.
        ({"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
        ({"finalizers": ["a"]}, {"finalizers": ["a", "b"]}, {"finalizers": ["a", "b"]}),
        ({"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"$patch": "replace", "d": 3}}, {"a": {"d": 3}}),
        ({"a": {"b": 1}}, {"a": {"$patch": "delete"}}, {"a": {}}),
        ({"s": {"type": "x", "r": 1}}, {"s": {"$retainKeys": ["type"], "type": "y"}}, {"s": {"type": "y"}}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
    ],
)
def test_strategic(document: Any, patch: Any, made: Any) -> None:
    assert patched(document, STRATEGIC, patch) == made


@pytest.mark.parametrize(
    ("document", "patch", "made"),
    [
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/0", "value": 9}], {"a": [9, 2]}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/b"}], {"b": 1}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a/b": 1, "~": 2}, [{"op": "replace", "path": "/a~1b", "value": 3}], {"a/b": 3, "~": 2}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
        ({"a": 1}, [], {"a": 1}),
    ],
)
def test_json(document: Any, patch: Any, made: Any) -> None:
    assert patched(document, JSON, patch) == made


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "replace", "path": "/c", "value": 2},
        {"op": "remove", "path": "/c"},
        {"op": "add", "path": "/b/3", "value": 2},
        {"op": "replace", "path": "/b/-", "value": 2},
        {"op": "add", "path": "/c/d", "value": 2},
        {"op": "add", "path": "a", "value": 2},
        {"op": "add", "path": "/c"},
        {"op": "copy", "from": "/c", "path": "/d"},
        {"op": "teapot", "path": "/a"},
        {"path": "/a"},
        {"op": "replace", "path": "", "value": 1},
    ],
)
def test_an_operation_that_does_not_work_out(operation: Any) -> None:
    with pytest.raises(Failure) as caught:
        patched({"a": 1, "b": [1]}, JSON, [operation])
    assert caught.value.code == 422


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        (JSON, b'{"op": "add"}', 400),
        (JSON, b"[1]", 400),
        (MERGE, b"[]", 400),
        (STRATEGIC, b"1", 400),
        (STRATEGIC, b"{", 400),
        (STRATEGIC, b'{"containers": [{"image": "x"}]}', 400),
        (STRATEGIC, b'{"a": {"$patch": "teapot"}}', 400),
        ("application/apply-patch+yaml", b"{}", 415),
        ("application/json", b"{}", 415),
    ],
)
def test_what_is_no_patch(content_type: str, body: bytes, code: int) -> None:
    with pytest.raises(Failure) as caught:
        apply({"containers": []}, content_type, body)
    assert caught.value.code == code
