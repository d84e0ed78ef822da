"""External Secrets' own kind, as far as a chart here uses it: strict, written by hand from its published API.

test_responder asks `problems` what the typed models do not know: external-secrets.io/v1, ExternalSecret. What
is not named here would be a misspelling.
"""

from typing import Any, Final

import jsonschema
from jsonschema.exceptions import best_match

from tests.charts.helm import Manifest


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


_TEXT: Final = {"type": "string", "minLength": 1}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}

SCHEMA: Final = _object(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "external-secrets.io/v1"},
    kind={"const": "ExternalSecret"},
    metadata=_object(("name",), name=_TEXT, namespace=_TEXT, labels=_TEXTS, annotations=_TEXTS),
    spec=_object(
        ("secretStoreRef", "target", "data"),
        refreshInterval={"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$"},
        refreshPolicy={"enum": ["CreatedOnce", "Periodic", "OnChange"]},
        secretStoreRef=_object(("name",), name=_TEXT, kind={"enum": ["SecretStore", "ClusterSecretStore"]}),
        target=_object(
            (),
            name=_TEXT,
            creationPolicy={"enum": ["Owner", "Orphan", "Merge", "None"]},
            deletionPolicy={"enum": ["Delete", "Merge", "Retain"]},
            immutable={"type": "boolean"},
        ),
        data={
            "type": "array",
            "minItems": 1,
            "items": _object(
                ("secretKey", "remoteRef"),
                secretKey={"type": "string", "pattern": r"^[-._a-zA-Z0-9]{1,253}\Z"},
                remoteRef=_object(("key",), key=_TEXT, property=_TEXT, version=_TEXT),
            ),
        },
    ),
)


def problems(found: Manifest) -> list[str]:
    """What is wrong with an ExternalSecret, as `schemas.problems` has it."""
    error = best_match(jsonschema.Draft202012Validator(SCHEMA).iter_errors(found))
    where = f"{found.get('kind')}/{found.get('metadata', {}).get('name')}"
    return [f"{where}: {error.json_path}: {error.message}"] if error else []
