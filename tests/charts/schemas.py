"""What Kubernetes and its extensions would say of an object: every field known, every value of its type.

The tests of both charts call `problems`. Kinds of Kubernetes are held against the published schemas of three
versions, the rest against schemas made of typed models, closed so that a misspelt field is a problem.
"""

import functools
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Final

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match

from tests.charts.helm import Manifest

# It reads its definitions, a megabyte for each version, anew for every object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

KUBERNETES: Final = ("1.35", "1.36", "1.37")

# API group of an extension: the package whose models describe it.
MODELS: Final[Mapping[str, str]] = {
    "acme.cert-manager.io": "cloudcoil.models.cert_manager.acme",
    "cert-manager.io": "cloudcoil.models.cert_manager",
    "monitoring.coreos.com": "cloudcoil.models.prometheus_operator",
    "networking.istio.io": "cloudcoil.models.istio.networking",
    "security.istio.io": "cloudcoil.models.istio.security",
    "telemetry.istio.io": "cloudcoil.models.istio.telemetry",
    "velero.io": "cloudcoil.models.velero",
}


def problems(found: Manifest) -> list[str]:
    """What is wrong with one object, each as "Kind/name: path: what"; empty if nothing."""
    where = f"{found.get('kind')}/{found.get('metadata', {}).get('name')}"
    group = found["apiVersion"].rpartition("/")[0]
    said = list(_nulls(found, "$"))
    if group in MODELS:
        said += _extension(found, MODELS[group])
    elif "." in group and not group.endswith(".k8s.io"):
        said.append(f"$.apiVersion: nobody here knows the kinds of {group}")
    else:
        # Many cases render the same object, and a schema takes its time.
        said += _kubernetes(json.dumps(found, sort_keys=True))
    return [f"{where}: {text}" for text in said]


def _nulls(value: Any, path: str) -> Iterator[str]:
    """Helm renders what it has no value for as null, which every schema here would let pass."""
    if value is None:
        yield f"{path}: null"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _nulls(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _nulls(inner, f"{path}[{place}]")


@functools.cache
def _kubernetes(text: str) -> tuple[str, ...]:
    found = json.loads(text)
    said = []
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(found, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            said.append(f"{'.'.join(map(str, error.path)) or '$'}: {error.message} (Kubernetes {version})")
        except kubernetes_validate.SchemaNotFoundError:
            said.append(f"$: there is no {found['kind']} in {found['apiVersion']} (Kubernetes {version})")
    return tuple(said)


def _extension(found: Manifest, package: str) -> Iterator[str]:
    version = found["apiVersion"].rpartition("/")[2]
    try:
        validator = _validator(f"{package}.{version}", found["kind"])
    except (ImportError, AttributeError):
        yield f"$: there is no {found['kind']} in {found['apiVersion']}"
        return
    error = best_match(validator.iter_errors(found))
    if error is not None:
        yield f"{error.json_path}: {error.message}"


@functools.cache
def _validator(module: str, kind: str) -> jsonschema.Draft202012Validator:
    model = getattr(_alone(module), kind)
    schema = model.model_json_schema(by_alias=True)
    _close(schema)
    return jsonschema.Draft202012Validator(schema)


def _alone(name: str) -> ModuleType:
    """A module without its siblings: their packages import every version of every group, which takes long."""
    above = importlib.import_module("cloudcoil.models")
    for place, part in enumerate(name.split(".")[2:-1], start=3):
        package = ModuleType(".".join(name.split(".")[:place]))
        package.__path__ = [f"{path}/{part}" for path in above.__path__]
        above = sys.modules.setdefault(package.__name__, package)
    return importlib.import_module(name)


def _close(node: Any) -> None:
    """Lets objects have the fields that their schema names, and no others."""
    if isinstance(node, dict):
        if "properties" in node:
            node.setdefault("additionalProperties", False)
        for inner in node.values():
            _close(inner)
    elif isinstance(node, list):
        for inner in node:
            _close(inner)
