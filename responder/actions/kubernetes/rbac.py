"""Which permissions an action needs in a cluster, and the least Role that grants them.

Each action lists its own beside its code; the doctor asks for them one by one and prints the YAML.
Nothing here talks to a cluster.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from responder.core.guardrules import Allowed

_NAME: Final = "responder"


@dataclass(frozen=True, slots=True)
class Permission:
    """Verbs on a resource. `optional`: what is lost without it is a line for people."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    optional: bool = False


def single(permission: Permission, verb: str) -> bool:
    """Whether it can be granted for one object by its name."""
    return permission.resource == "deployments" and verb in ("get", "patch")


def roles(
    allow: Iterable[Allowed], needs: Mapping[str, tuple[Permission, ...]], cluster: str, account: str
) -> str:
    """YAML for `kubectl apply`: a Role for each namespace, a ClusterRole for lines that name none.

    `account`: the service account as NAMESPACE/NAME.
    """
    lines = [line for line in allow if line.cluster in ("*", cluster) and line.action in needs]
    documents: list[dict[str, Any]] = []
    for namespace in sorted({line.namespace for line in lines}):
        here = [line for line in lines if line.namespace == namespace]
        documents += _grant(namespace, _rules(here, needs), account)
    return yaml.safe_dump_all(documents, sort_keys=False)


def _rules(lines: list[Allowed], needs: Mapping[str, tuple[Permission, ...]]) -> list[dict[str, Any]]:
    """The rules for one namespace: single objects by name where every line names one."""
    found: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for line in lines:
        for one in needs[line.action]:
            for verb in one.verbs:
                named = line.name != "*" and single(one, verb)
                names: tuple[str, ...] = (line.name,) if named else ()
                found.setdefault((one.group, one.resource, names), set()).add(verb)
    rules = []
    for (group, resource, names), verbs in sorted(found.items()):
        everywhere = found.get((group, resource, ()), set())
        left = verbs if not names else verbs - everywhere
        if left:
            rule: dict[str, Any] = {"apiGroups": [group], "resources": [resource], "verbs": sorted(left)}
            rules.append({**rule, "resourceNames": list(names)} if names else rule)
    return rules


def _grant(namespace: str, rules: list[dict[str, Any]], account: str) -> list[dict[str, Any]]:
    everywhere = namespace == "*"
    kind = "ClusterRole" if everywhere else "Role"
    metadata = {"name": _NAME} if everywhere else {"name": _NAME, "namespace": namespace}
    home, _, name = account.partition("/")
    api = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": f"{kind}Binding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": api, "kind": kind, "name": _NAME},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": home}],
        },
    ]
