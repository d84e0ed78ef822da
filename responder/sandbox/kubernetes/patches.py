"""The three kinds of patches that an API server takes: JSON patch, merge patch, strategic merge patch.

`writes` applies them to an object of its store. They give a new document and leave the old one as it
was; what cannot be applied raises Failure, with as little of an explanation as the real one has.
"""

import json
from copy import deepcopy
from typing import Any, Final

from responder.sandbox.kubernetes.failure import Failure, bad_request, patch_failed, unsupported_media
from responder.sandbox.kubernetes.kinds import Object

MERGE_KEYS: Final = {
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "ephemeralContainers": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "ports": "containerPort",
    "readinessGates": "conditionType",
    "taints": "key",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""Lists that are merged entry by entry in the kinds served here, and the field that tells entries apart."""

_MERGED_VALUES: Final = frozenset({"finalizers"})


def apply(document: Object, content_type: str, body: bytes) -> Object:
    """The document with the patch in it. Raises Failure (400, 415, 422)."""
    try:
        patch = json.loads(body)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from None
    if content_type == "application/json-patch+json":
        return _json_patch(document, patch)
    if content_type not in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
        raise unsupported_media()
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]any")
    if content_type == "application/merge-patch+json":
        merged = _merge(document, patch)
    else:
        merged = _strategic(document, patch)
    assert isinstance(merged, dict)
    return merged


# -- merge patch (RFC 7386) -----------------------------------------------------------------------


def _merge(value: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return deepcopy(patch)
    merged = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), change)
    return merged


# -- strategic merge patch ------------------------------------------------------------------------


def _strategic(value: Any, patch: dict[str, Any]) -> Any:
    directive = patch.get("$patch", "merge")
    if directive not in ("merge", "replace", "delete"):
        raise bad_request(f"Unknown type of patch: {directive}")
    own = {name: change for name, change in patch.items() if not name.startswith("$")}
    if directive == "delete":
        return {}
    merged = {} if directive == "replace" or not isinstance(value, dict) else dict(value)
    if "$retainKeys" in patch:
        merged = {name: merged[name] for name in merged if name in patch["$retainKeys"]}
    for name, change in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            listed = name.partition("/")[2]
            merged[listed] = [one for one in merged.get(listed) or [] if one not in change]
    for name, change in own.items():
        if change is None:
            merged.pop(name, None)
        elif isinstance(change, dict):
            merged[name] = _strategic(merged.get(name), change)
        elif isinstance(change, list):
            merged[name] = _strategic_list(name, merged.get(name) or [], change)
        else:
            merged[name] = change
    return merged


def _strategic_list(name: str, value: list[Any], patch: list[Any]) -> list[Any]:
    if name in _MERGED_VALUES:
        return [*value, *(one for one in patch if one not in value)]
    key = MERGE_KEYS.get(name)
    if key is None:
        return deepcopy(patch)
    if {"$patch": "replace"} in patch:
        return [deepcopy(entry) for entry in patch if entry != {"$patch": "replace"}]
    merged = list(value)
    added: list[Any] = []
    for change in patch:
        if not isinstance(change, dict) or key not in change:
            # The real one says which map; the reader of a test needs the key.
            raise bad_request(f"map: {change} does not contain declared merge key: {key}")
        at = next((i for i, entry in enumerate(merged) if entry.get(key) == change[key]), None)
        if change.get("$patch") == "delete":
            merged = [entry for entry in merged if entry.get(key) != change[key]]
        elif at is None:
            added.append(_strategic({}, change))
        else:
            merged[at] = _strategic(merged[at], change)
    return [*merged, *added]


# -- JSON patch (RFC 6902) ------------------------------------------------------------------------


def _json_patch(document: Object, patch: Any) -> Object:
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type []op")
    changed: Any = deepcopy(document)
    for operation in patch:
        try:
            changed = _operate(changed, operation)
        except (KeyError, IndexError, ValueError, TypeError):
            raise patch_failed() from None
    if not isinstance(changed, dict):
        raise patch_failed()
    return changed


def _operate(document: Any, operation: dict[str, Any]) -> Any:
    path = _steps(operation["path"])
    match operation["op"]:
        case "add":
            return _put(document, path, deepcopy(operation["value"]), insert=True)
        case "replace":
            _look(document, path)
            return _put(document, path, deepcopy(operation["value"]))
        case "remove":
            return _take(document, path)
        case "test":
            if _look(document, path) != operation["value"]:
                raise ValueError(path)
            return document
        case "copy":
            value = _look(document, _steps(operation["from"]))
            return _put(document, path, deepcopy(value), insert=True)
        case "move":
            source = _steps(operation["from"])
            value = _look(document, source)
            return _put(_take(document, source), path, value, insert=True)
        case unknown:
            raise Failure(422, "Invalid", f"unexpected kind: {unknown}")


def _steps(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise ValueError(pointer)
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def _index(step: str, entries: list[Any], *, end: bool = False) -> int:
    if end and step == "-":
        return len(entries)
    at = int(step)
    if not 0 <= at < len(entries) + end:
        raise IndexError(step)
    return at


def _look(document: Any, path: list[str]) -> Any:
    for step in path:
        document = document[_index(step, document)] if isinstance(document, list) else document[step]
    return document


def _put(document: Any, path: list[str], value: Any, *, insert: bool = False) -> Any:
    if not path:
        return value
    parent, step = _look(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        at = _index(step, parent, end=insert)
        parent[at : at if insert else at + 1] = [value]
    else:
        parent[step] = value
    return document


def _take(document: Any, path: list[str]) -> Any:
    parent, step = _look(document, path[:-1]), path[-1]
    del parent[_index(step, parent) if isinstance(parent, list) else step]
    return document
