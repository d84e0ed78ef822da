"""What an object must look like: the published schemas, the rules beyond them, and what is filled in.

`writes` asks before anything is stored. The schemas are those of the package kubernetes-validate, in
their strict form: an unknown field, which a real API server may drop with a warning, is refused.
"""

import json
import re
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any, Final

from responder.sandbox.kubernetes.failure import Cause, bad_request, invalid
from responder.sandbox.kubernetes.kinds import DEPLOYMENTS, NAMESPACES, PODS, REPLICASETS, Kind, Object
from responder.sandbox.kubernetes.selectors import object_selector

VERSION: Final = "1.37.0"
"""The Kubernetes whose schemas are used."""

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_SUBDOMAIN: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)


@cache
def _validator(kind: str, api_version: str) -> Any:
    # Not kubernetes_validate.validate: it reads its 2 MB of definitions anew each time (18 ms).
    # Imported here: 0.2 s that nobody waits for who asks nothing of the stand-in.
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    group, _, version = api_version.rpartition("/")
    stem = f"{group.partition('.')[0]}-{version}" if group else version
    schema = _content(f"{kind.lower()}-{stem}.json")
    registry: Any = Registry()
    for content in (schema, _content("_definitions.json")):
        registry = Resource.from_contents(content) @ registry
    return Draft202012Validator(schema, registry=registry)


@cache
def _content(name: str) -> Any:
    place = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{VERSION}-local-strict"
    return json.loads((place / name).read_text())


def check_form(kind: str, api_version: str, document: Object, *, patched: bool = False) -> None:
    """Raises Failure: 400 (`patched`: 422) for a wrong type or an unknown field, 422 for a missing one."""
    missing, wrong = [], []
    for error in _validator(kind, api_version).iter_errors(document):
        path = _path([*error.absolute_path])
        if error.validator == "required":
            absent = [name for name in error.validator_value if name not in error.instance]
            missing += [Cause("FieldValueRequired", "Required value", f"{path}.{absent[0]}".lstrip("."))]
        else:
            wrong.append(f"{path}: {error.message}".removeprefix(": "))
    if wrong:
        said = "; ".join(sorted(set(wrong)))[:2_000]
        if patched:
            raise invalid("", "", "", [Cause("FieldValueInvalid", f"Invalid value: {said}", "patch")])
        version = api_version.rpartition("/")[2]
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {said}')
    if missing:
        name = document.get("metadata", {}).get("name", "")
        raise invalid(kind, api_version.rpartition("/")[0], name, sorted(set(missing)))


def _path(steps: list[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def check_rules(kind: Kind, new: Object, old: Object | None) -> None:
    """What schemas do not say. Raises Failure 422 with every cause."""
    causes = _metadata(new)
    spec = new.get("spec") or {}
    if kind in (DEPLOYMENTS, REPLICASETS):
        causes += _workload(spec, (old or {}).get("spec"))
    elif kind is PODS and old is not None and spec != _movable(old["spec"], spec):
        why = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions "
            "to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it "
            "was previously negative)"
        )
        causes.append(Cause("FieldValueForbidden", why, "spec"))
    if causes:
        raise invalid(kind.name, kind.group, new["metadata"].get("name", ""), causes)


def _metadata(new: Object) -> list[Cause]:
    name = new["metadata"].get("name") or ""
    if not name:
        return [
            Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
        ]
    if len(name) > 253 or not _NAME.fullmatch(name):
        return [Cause("FieldValueInvalid", f'Invalid value: "{name}": {_SUBDOMAIN}', "metadata.name")]
    return []


def _workload(spec: dict[str, Any], old: dict[str, Any] | None) -> list[Cause]:
    causes = []
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        value = spec.get(field)
        if value is not None and value < 0:
            why = f"Invalid value: {value}: must be greater than or equal to 0"
            causes.append(Cause("FieldValueInvalid", why, f"spec.{field}"))
    labels = {"metadata": spec["template"].get("metadata") or {}}
    if not object_selector(spec["selector"])(labels):
        value = json.dumps(labels["metadata"].get("labels"), separators=(",", ":"))
        why = f"Invalid value: {value}: `selector` does not match template `labels`"
        causes.append(Cause("FieldValueInvalid", why, "spec.template.metadata.labels"))
    if old is not None and old["selector"] != spec["selector"]:
        value = json.dumps(spec["selector"], separators=(",", ":"))
        causes.append(
            Cause("FieldValueInvalid", f"Invalid value: {value}: field is immutable", "spec.selector")
        )
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    if [_percent(rolling.get(name, 1)) for name in ("maxSurge", "maxUnavailable")] == [0, 0]:
        why = f"Invalid value: {json.dumps(rolling['maxUnavailable'])}: may not be 0 when `maxSurge` is 0"
        causes.append(Cause("FieldValueInvalid", why, "spec.strategy.rollingUpdate.maxUnavailable"))
    return causes


def _percent(value: int | str) -> int:
    return int(value.removesuffix("%")) if isinstance(value, str) else value


def _movable(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old spec with those parts of the new one that may change."""
    moved = deepcopy(old)
    for field in ("activeDeadlineSeconds", "tolerations"):
        if field in new:
            moved[field] = new[field]
    for field in ("containers", "initContainers"):
        for mine, theirs in zip(moved.get(field) or [], new.get(field) or [], strict=False):
            mine["image"] = theirs.get("image")
    return moved


def fill_in(kind: Kind, document: Object) -> None:
    """What an API server adds to a new object, as far as the controllers here care. In place."""
    spec = document.setdefault("spec", {}) if kind.counts or kind is PODS else {}
    if kind is DEPLOYMENTS:
        for name, value in (("replicas", 1), ("revisionHistoryLimit", 10), ("progressDeadlineSeconds", 600)):
            spec.setdefault(name, value)
        strategy = spec.setdefault("strategy", {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxSurge", "25%")
            rolling.setdefault("maxUnavailable", "25%")
    if kind is REPLICASETS:
        spec.setdefault("replicas", 1)
    if kind in (DEPLOYMENTS, REPLICASETS):
        _fill_pod(spec["template"].setdefault("spec", {}))
    if kind is PODS:
        _fill_pod(spec)
        document.setdefault("status", {"phase": "Pending"})
    if kind is NAMESPACES:
        document.setdefault("status", {"phase": "Active"})


def _fill_pod(spec: dict[str, Any]) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        if isinstance(container, dict):
            container.setdefault("resources", {})
            container.setdefault("terminationMessagePath", "/dev/termination-log")
            container.setdefault("terminationMessagePolicy", "File")


def check_document(kind: Kind, document: Any) -> None:
    """It is an object of this kind at all. Raises Failure 400."""
    if not isinstance(document, dict) or not isinstance(document.get("metadata", {}), dict):
        raise bad_request("the object provided is unrecognized (must be of type " + kind.name + ")")
    # A typed request may leave these out: the path says them.
    version, name = (
        document.setdefault("apiVersion", kind.api_version),
        document.setdefault("kind", kind.name),
    )
    if (version, name) != (kind.api_version, kind.name):
        raise bad_request(f"{name} in version {version!r} cannot be handled as a {kind.name}")
    document.setdefault("metadata", {})
