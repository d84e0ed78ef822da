"""What Istio's AuthorizationPolicies allow, as Istio documents it, for the fields that our charts use.

The tests of rendered policies call `allowed`. A field that it does not know is an error, never a silent yes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.charts.crosschecks import selects
from tests.charts.helm import Manifest


@dataclass(frozen=True)
class Request:
    """A request as the callee's proxy sees it. `principal`: the caller by mTLS; `token`: "issuer/subject"."""

    principal: str
    path: str = "/"
    method: str = "GET"
    token: str = ""
    port: str = "8080"

    def text(self, name: str) -> str:
        """What a field of a rule is compared with."""
        fields = {
            "principals": self.principal,
            "requestPrincipals": self.token,
            "methods": self.method,
            "paths": self.path,
            "ports": self.port,
        }
        return fields[name]


def allowed(policies: Iterable[Manifest], labels: Mapping[str, str], request: Request) -> bool:
    """Whether pods with these labels take a request; with no policy about them they take all."""
    judging = [
        one["spec"]
        for one in policies
        if selects({"matchLabels": one["spec"].get("selector", {}).get("matchLabels", {})}, labels)
    ]
    for spec in judging:
        assert set(spec) <= {"selector", "action", "rules"}
        assert spec.get("action", "ALLOW") == "ALLOW"
    return not judging or any(_matches(rule, request) for spec in judging for rule in spec.get("rules") or ())


def _matches(rule: Manifest, request: Request) -> bool:
    assert set(rule) <= {"from", "to"}
    return all(
        key not in rule or any(_all(one[inner], request) for one in rule[key]) for key, inner in PARTS.items()
    )


PARTS: Final = {"from": "source", "to": "operation"}


def _all(fields: Mapping[str, list[str]], request: Request) -> bool:
    return all(any(_like(text, request.text(name)) for text in texts) for name, texts in fields.items())


def _like(pattern: str, text: Any) -> bool:
    """Exactly so, or by a star at one end; a star alone is anything but nothing."""
    if pattern == "*":
        return bool(text)
    if pattern.endswith("*"):
        return bool(text.startswith(pattern[:-1]))
    if pattern.startswith("*"):
        return bool(text.endswith(pattern[1:]))
    return bool(pattern == text)
