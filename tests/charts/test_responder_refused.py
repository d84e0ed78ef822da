"""charts/responder refuses values that cannot be, with their place or the reason, before anything is done."""

from typing import Final

import pytest

from responder.actions.catalogue import NEEDS
from tests.charts.helm import Manifest, Refused, rendered
from tests.charts.responder_values import PAGES, RESTART, TOKENS

# Everything that the schema refuses, at once, as Helm says it.
WRONG: Final[Manifest] = {
    "replica": 1,
    "replicas": "1",
    "commonLabels": {"a b": "c"},
    "cluster": "a b",
    "image": {"tag": "a b", "digest": "sha256:12"},
    "service": {"port": 0},
    "auth": {
        "tokens": [{"name": "a", "sha256": "x", "roles": []}, TOKENS[0] | {"role": []}],
        "people": [{"name": "a", "roles": ["boss"]}],
    },
    "secrets": {"from": "env", "files": {"slack": "x", "smtpPassword": "../x"}},
    "prometheus": {"url": "prometheus:9090"},
    "guards": {"allow": [{"actoin": RESTART}, {"action": RESTART, "namespace": "shop-*"}]},
    "config": [],
    "rules": {"files": {"runbook/x.md": "x"}, "onChange": "never"},
    "persistence": {"size": "10 GB"},
    "resources": {"limit": {}, "limits": {"memory": None}},
    "terminationGracePeriodSeconds": 5,
    "podDisruptionBudget": {"maxUnavailable": "50%"},
    "networkPolicy": {
        "in": {"everybody": {}, "port": {"namespace": "a", "port": 1}},
        "out": {"address": {"cidrs": ["10.0.0.0"]}, "ports": {"cidrs": ["10.0.0.0/8"], "ports": []}},
    },
    "serviceMonitor": {"enabled": "yes", "interval": "15"},
    "istio": {"callers": {"anybody": {"principals": ["*"]}}, "paths": []},
}
SAID: Final = [
    "at '': additional properties 'replica' not allowed",
    "at '/auth/people/0/roles/0': value must be one of 'ingest', 'read', 'respond', 'approve', 'admin'",
    "at '/auth/tokens/0/sha256': 'x' does not match",
    "at '/auth/tokens/1': additional properties 'role' not allowed",
    "at '/cluster': 'a b' does not match",
    "at '/commonLabels': additional properties 'a b' not allowed",
    "at '/config': got array, want object",
    "at '/guards/allow/0': additional properties 'actoin' not allowed",
    "at '/guards/allow/0': missing property 'action'",
    "at '/guards/allow/1/namespace': 'shop-*' does not match",
    "at '/image/digest': 'sha256:12' does not match",
    "at '/image/tag': 'a b' does not match",
    "at '/istio/callers/anybody/principals/0': '*' does not match",
    "at '/istio/paths': minItems: got 0, want 1",
    "at '/networkPolicy/in/everybody': missing property 'cidrs'",
    "at '/networkPolicy/in/everybody': missing property 'namespace'",
    "at '/networkPolicy/in/everybody': missing property 'pods'",
    "at '/networkPolicy/in/port': additional properties 'port' not allowed",
    "at '/networkPolicy/out/address/cidrs/0': '10.0.0.0' does not match",
    "at '/networkPolicy/out/ports/ports': minItems: got 0, want 1",
    "at '/persistence/size': '10 GB' does not match",
    "at '/podDisruptionBudget/maxUnavailable': got string, want integer",
    "at '/prometheus/url': 'prometheus:9090' does not match",
    "at '/replicas': got string, want integer",
    "at '/resources': additional properties 'limit' not allowed",
    "at '/resources/limits': missing property 'memory'",
    "at '/rules/files': additional properties 'runbook/x.md' not allowed",
    "at '/rules/onChange': value must be one of 'reload', 'restart'",
    "at '/secrets/files': additional properties 'slack' not allowed",
    "at '/secrets/files/smtpPassword': '../x' does not match",
    "at '/secrets/from': value must be one of 'secret', 'externalSecret', 'vault'",
    "at '/service/port': minimum: got 0, want 1",
    "at '/serviceMonitor/enabled': value must be one of 'auto', true, false",
    "at '/serviceMonitor/interval': '15' does not match",
    "at '/terminationGracePeriodSeconds': minimum: got 5, want 15",
]  # fmt: skip
# What only a template can know.
REFUSED: Final = [
    (
        {"image": {"tag": "latest"}},
        "image.tag: not latest: nobody would know what runs, and an upgrade would change nothing",
    ),
    (
        {"replicas": 2},
        "replicas: 1, not 2: one engine decides and writes, and SQLite has one writer; "
        "two would tell everything twice",
    ),
    (
        {"secrets": {"from": "externalSecret"}},
        "secrets.externalSecret.store: needed with `secrets.from: externalSecret`",
    ),
    ({"smtp": {"username": "x"}}, "secrets.files.smtpPassword: needed with smtp.username"),
    (
        {"guards": {"allow": [{"action": "kubernetes.restart"}]}},
        f"guards.allow: there is no action kubernetes.restart; there are {', '.join(sorted(NEEDS))}",
    ),
    ({"config": {"listen": ":1"}}, "config.listen: the chart sets it, by service.port"),
    (
        {"config": {"guards": {"allow": []}}},
        "config.guards.allow: write it as guards.allow, which the Roles are made from",
    ),
    ({"rules": {"without": ["routing.yaml"]}}, "rules: there is no routing.yaml left"),
    (
        {"rules": {"without": ["x.md"]}},
        "rules.without: the chart has no x.md; it has "
        + ", ".join(["routing.yaml", *(f"runbooks/{page}" for page in PAGES)]),
    ),
    ({"networkPolicy": {"out": {"x": {"cidrs": ["10.0.0.0/8"]}}}}, "networkPolicy.out.x.ports: needed"),
    (
        {"prometheusRule": {"enabled": True, "files": ["none.yaml"]}},
        "prometheusRule.files: there is no rules/prometheus/none.yaml",
    ),
    ({"ingress": {"enabled": True}}, "ingress.host: needed with `ingress.enabled: true`"),
    ({"istio": {"enabled": True, "gateway": "x"}}, "istio.host: needed with `istio.gateway`"),
]


def refusal(values: Manifest) -> list[str]:
    with pytest.raises(Refused) as refused:
        rendered("responder", values)
    return [line.strip().removeprefix("- ") for line in str(refused.value).splitlines()]


def test_what_the_schema_refuses_is_named_by_its_place() -> None:
    lines = [line.partition(" pattern ")[0] for line in refusal(WRONG) if line.startswith("at '")]
    assert sorted(line for line in lines if not line.endswith(" failed")) == SAID


@pytest.mark.parametrize(("values", "said"), REFUSED, ids=[said[:60] for _, said in REFUSED])
def test_a_value_that_cannot_be_is_refused_with_its_reason(values: Manifest, said: str) -> None:
    assert [line for line in refusal(values) if line.endswith(f": {said}") or line == said] != []
