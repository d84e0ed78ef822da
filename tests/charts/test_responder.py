"""charts/responder: what it renders fits, says what the values say, and is what the program itself accepts.

`CASES` is the matrix of values; what a real cluster would add (admission, mounting, restarts) is not here.
"""

import functools
import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from responder.actions.catalogue import NEEDS
from responder.actions.kubernetes import rbac
from responder.core.guardrules import Allowed
from tests.charts import crosschecks, externalsecrets, node, permissions, readme, schemas
from tests.charts.helm import CHARTS, Manifest, Refused, helm, objects, rendered
from tests.peers.calls import answers_ok, call, post
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment

CHART: Final = CHARTS / "responder"
GOLDEN: Final = Path(__file__).parent / "golden"
RESPONDER: Final = Path(sys.executable).with_name("responder")

RESTART: Final = "kubernetes.rollout_restart"
UNDO: Final = "kubernetes.rollout_undo"
OPERATOR: Final = ("monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1/PrometheusRule")
MESH: Final = ("security.istio.io/v1/AuthorizationPolicy",)

TOKEN: Final = "a-token-of-these-tests"
TOKENS: Final = [
    {"name": "alertmanager", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "roles": ["ingest"]},
    {"name": "ana-laptop", "sha256": "0" * 64, "roles": ["read", "approve"], "person": "ana"},
]
PEOPLE: Final = [{"name": "ana", "roles": ["read", "respond", "approve"], "slack": "U0123ANA01"}]
ALLOW: Final = [
    {"action": RESTART, "cluster": "production-1", "namespace": "shop"},
    {"action": UNDO, "namespace": "shop", "name": "checkout"},
    {"action": RESTART, "namespace": "search", "name": "index"},
    {"action": RESTART, "cluster": "elsewhere", "namespace": "far"},
]
PAGES: Final = sorted(path.name for path in (CHARTS.parent / "rules" / "runbooks").glob("*.md"))
OWN_PAGE: Final = (
    (CHARTS.parent / "rules" / "runbooks" / "pod-restarts.md")
    .read_text()
    .replace("runbook: pod-restarts", "runbook: own")
    .replace("PodRestartsHigh", "OwnAlert")
)
EVERYTHING: Final[Manifest] = {
    "commonLabels": {"team": "platform"},
    "image": {"registry": "images.example.com/ops", "digest": "sha256:" + "a" * 64, "pullSecrets": ["pull"]},
    "auth": {"tokens": TOKENS, "people": PEOPLE, "metrics": "read"},
    "secrets": {"from": "externalSecret", "externalSecret": {"store": "vault"}},
    "smtp": {"username": "responder"},
    "guards": {"allow": ALLOW},
    "config": {
        "retention": {"max_size": "8GiB"},
        "limits": {"active_alerts": 1000000},
        "guards": {"mode": "approve"},
    },
    "rules": {"files": {"runbooks/own.md": OWN_PAGE}, "onChange": "restart"},
    "persistence": {"storageClass": "fast", "accessMode": "ReadWriteOncePod", "annotations": {"a": "b"}},
    "kubernetes": {"others": [{"cluster": "lab", "kubeconfig": "/etc/responder/more/lab"}]},
    "extraVolumes": [{"name": "more", "secret": {"secretName": "kubeconfigs"}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/etc/responder/more", "readOnly": True}],
    "podAnnotations": {"a": "b"},
    "podLabels": {"tier": "ops"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "ops", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "serviceAccount": {"annotations": {"role": "responder"}},
    "service": {"annotations": {"a": "b"}},
    "serviceMonitor": {"labels": {"release": "prometheus"}, "tokenSecret": {"name": "scrape"}},
    "prometheusRule": {"labels": {"release": "prometheus"}},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "host": "responder.example.com",
        "tlsSecret": "responder-tls",
        "annotations": {"a": "b"},
    },
    "istio": {"gateway": "istio-system/public", "host": "responder.example.com"},
}
EVERYTHING["secrets"]["files"] = {"smtpPassword": "smtp-password", "slackAppToken": "slack-app-token"}
NOTHING: Final[Manifest] = {
    "auth": {"existingSecret": "access"},
    "secrets": {"files": dict.fromkeys(("slackBotToken", "slackSigningSecret", "pagerdutyRoutingKey"), "")},
    "smtp": {"smarthost": ""},
    "prometheus": {"url": ""},
    "kubernetes": {"enabled": False},
    "check": {"enabled": False},
    "persistence": {"existingClaim": "restored"},
    "topologySpread": {"enabled": False},
    "serviceAccount": {"create": False, "name": "own"},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "serviceMonitor": {"enabled": False},
    "prometheusRule": {"enabled": False},
    "istio": {"enabled": False},
    "rules": {
        "files": {"routing.yaml": "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"},
        "without": ["runbooks/pod-restarts.md"],
    },
}
HOSTILE: Final = (
    """it's "quoted": {{ .Values }} ${x} `y` # no comment\n---\nkind: Secret\n\t\\ 日本 \u2028 end"""
)
CASES: Final[Mapping[str, tuple[Manifest, tuple[str, ...]]]] = {
    "defaults": ({}, ()),
    "everything": (EVERYTHING, (*OPERATOR, *MESH)),
    "nothing": (NOTHING, (*OPERATOR, *MESH)),
    "small": (
        {
            "persistence": {"size": "1Gi"},
            "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "192Mi"}},
            "config": {"retention": {"max_size": "512MiB"}},
        },
        (),
    ),
    "stopped": ({"replicas": 0, "fullnameOverride": "alerts", "nameOverride": "told"}, ()),
    "vault": ({"secrets": {"from": "vault"}, "kubernetes": {"enabled": False}}, MESH),
    "everywhere": (
        {"guards": {"allow": [{"action": RESTART}]}, "networkPolicy": {"in": {"grafana": None}}},
        (),
    ),
    "hostile": (
        {
            "auth": {"tokens": [TOKENS[0] | {"name": HOSTILE}], "people": [PEOPLE[0] | {"name": HOSTILE}]},
            "podAnnotations": {"note": HOSTILE},
            "service": {"annotations": {"note": HOSTILE}},
            "smtp": {"from": HOSTILE},
            "commonLabels": {"true": "yes", "number": "123"},
            "config": {"external": HOSTILE},
            "rules": {"files": {"runbooks/hostile.md": HOSTILE}},
            "cluster": "it's{{x}}",
        },
        (*OPERATOR, *MESH),
    ),
}
EXTERNAL: Final = {
    *(
        "Secret/responder-secrets",
        "Secret/access",
        "Secret/pull",
        "Secret/kubeconfigs",
        "Secret/responder-tls",
    ),
    *("PersistentVolumeClaim/restored", "ServiceAccount/own", "Gateway/istio-system/public"),
    *("Namespace/shop", "Namespace/search"),
}


@functools.cache
def case(name: str) -> tuple[Manifest, ...]:
    """The objects of one case; nobody may change them."""
    values, apis = CASES[name]
    return tuple(objects(rendered("responder", values, apis=apis)))


def only(found: tuple[Manifest, ...], kind: str, name: str = "responder") -> Manifest:
    """The one object of that kind and name."""
    (one,) = [each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return one


def settings(found: tuple[Manifest, ...]) -> Any:
    return yaml.safe_load(only(found, "ConfigMap", "responder-settings")["data"]["responder.yaml"])


def server(found: tuple[Manifest, ...]) -> Manifest:
    spec: Manifest = only(found, "StatefulSet")["spec"]["template"]["spec"]
    return spec


# -- what is rendered ---------------------------------------------------------------------------


def test_the_chart_is_linted_without_a_word() -> None:
    said = helm("lint", "--strict", CHART)
    assert [line for line in said.splitlines() if line.startswith(("[WARNING]", "[ERROR]"))] == []


@pytest.mark.parametrize("name", CASES)
def test_every_object_is_valid_and_they_fit_each_other(name: str) -> None:
    found = case(name)
    assert [
        text
        for each in found
        for text in (externalsecrets if each["kind"] == "ExternalSecret" else schemas).problems(each)
    ] == []
    assert crosschecks.problems(found, external=EXTERNAL) == []


def test_names_and_kinds_of_a_plain_install() -> None:
    kinds = sorted({each["kind"] for each in case("defaults")})
    assert kinds == [
        *("ConfigMap", "Job", "NetworkPolicy", "Pod", "PodDisruptionBudget", "Secret", "Service"),
        *("ServiceAccount", "StatefulSet"),
    ]
    assert sorted({each["kind"] for each in case("nothing")}) == [
        *("ConfigMap", "Pod", "Service", "StatefulSet"),
    ]


def test_what_others_define_is_there_where_they_are() -> None:
    others = {"ServiceMonitor", "PrometheusRule", "AuthorizationPolicy", "DestinationRule", "VirtualService"}
    assert others & {each["kind"] for each in case("defaults")} == set()
    assert others - {each["kind"] for each in case("everything")} == set()
    forced = {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
    kinds = {each["kind"] for each in objects(rendered("responder", forced, {"istio": {"enabled": True}}))}
    assert others - kinds == {"VirtualService"}  # which needs a Gateway


def test_every_object_bears_the_labels_and_none_is_in_another_namespace_but_roles() -> None:
    for each in case("everything"):
        labels = each["metadata"]["labels"]
        assert (labels["team"], labels["app.kubernetes.io/instance"]) == ("platform", "responder")
        namespace = each["metadata"].get("namespace", "")
        assert not namespace or each["kind"] in ("Role", "RoleBinding")


def test_a_label_of_the_chart_cannot_be_replaced() -> None:
    taken = {"app.kubernetes.io/name": "x", "app.kubernetes.io/component": "x"}
    found = objects(rendered("responder", {"commonLabels": taken, "podLabels": taken}))
    assert crosschecks.problems(found, external=EXTERNAL) == []


def test_a_release_of_a_long_name_has_shorter_ones() -> None:
    found = objects(rendered("responder", name="a" * 53))
    # A StatefulSet's pods bear its name and ten characters more as a label, which may have 63.
    assert max(len(each["metadata"]["name"]) for each in found) <= 63
    assert [each["metadata"]["name"] for each in found if each["kind"] == "StatefulSet"] == ["a" * 40]


def test_hostile_values_come_out_as_they_went_in() -> None:
    found = case("hostile")
    plain = {
        (each["kind"], each["metadata"]["name"])
        for each in objects(rendered("responder", {}, apis=[*OPERATOR, *MESH]))
    }
    assert {(each["kind"], each["metadata"]["name"]) for each in found} == plain
    assert only(found, "Service")["metadata"]["annotations"]["note"] == HOSTILE
    assert only(found, "StatefulSet")["spec"]["template"]["metadata"]["annotations"]["note"] == HOSTILE
    assert only(found, "ConfigMap", "responder-runbooks")["data"]["hostile.md"] == HOSTILE
    assert settings(found)["smtp"]["from"] == HOSTILE
    assert settings(found)["kubernetes"] == [{"cluster": "it's{{x}}"}]
    access = only(found, "Secret", "responder-access")["stringData"]
    assert yaml.safe_load(access["tokens.yaml"])[0]["name"] == HOSTILE
    assert yaml.safe_load(access["people.yaml"])[0]["name"] == HOSTILE
    assert only(found, "StatefulSet")["metadata"]["labels"]["number"] == "123"


# -- settings, secrets, rules -------------------------------------------------------------------


def test_the_settings_are_the_charts_with_the_values_on_top() -> None:
    found = settings(case("everything"))
    assert found["limits"] == {"active_alerts": 1000000}
    assert found["guards"] == {"allow": ALLOW, "mode": "approve"}
    assert found["external_url"] == "https://responder.example.com"
    assert found["kubernetes"] == [
        {"cluster": "production-1"},
        {"cluster": "lab", "kubeconfig": "/etc/responder/more/lab"},
    ]
    assert found["smtp"] == {
        "smarthost": "mail.machinenativeops.com:587",
        "from": "Responder <responder@machinenativeops.com>",
        "auth_username": "responder",
        "auth_password_file": "/etc/responder/secrets/smtp-password",
    }
    assert settings(case("defaults"))["hosts"] == [
        f"responder{rest}:9095"
        for rest in ("", ".production", ".production.svc", ".production.svc.cluster.local")
    ]


@pytest.mark.parametrize("name", ["defaults", "everything", "nothing"])
def test_another_setting_or_token_restarts_the_pod_and_another_rule_does_not(name: str) -> None:
    values, apis = CASES[name]

    def template(more: Manifest) -> Any:
        found = objects(rendered("responder", values, more, apis=apis))
        return next(each["spec"]["template"] for each in found if each["kind"] == "StatefulSet")

    before = template({})
    page = {"rules": {"files": {"routing.yaml": "route: {receiver: x}\nreceivers: [{name: x}]\n"}}}
    assert (template(page) != before) == (name == "everything")  # with onChange: restart
    assert template({"config": {"intake": {"stale_after": "12h"}}}) != before
    if name != "nothing":  # where the tokens are somebody else's
        assert template({"auth": {"tokens": [TOKENS[0] | {"sha256": "1" * 64}]}}) != before


def test_vaults_agent_writes_the_files_that_the_settings_name() -> None:
    annotations = only(case("vault"), "StatefulSet")["spec"]["template"]["metadata"]["annotations"]
    template = annotations["vault.hashicorp.com/agent-inject-template-slack-bot-token"]
    assert (
        template
        == '{{ with secret "secret/data/responder" }}{{ index .Data.data "slack-bot-token" }}{{ end }}'
    )
    assert annotations["vault.hashicorp.com/secret-volume-path"] == "/etc/responder/secrets"
    assert settings(case("vault"))["slack"]["bot_token_file"] == "/etc/responder/secrets/slack-bot-token"
    # By the service account's token, whether or not runbooks act.
    assert server(case("vault"))["automountServiceAccountToken"] is True
    assert server(case("nothing"))["automountServiceAccountToken"] is False


def test_the_rules_are_those_of_the_repository() -> None:
    found = case("defaults")
    rules = only(found, "ConfigMap", "responder-rules")["data"]
    pages = only(found, "ConfigMap", "responder-runbooks")["data"]
    shipped = CHARTS.parent / "rules"
    assert rules == {path.name: path.read_text() for path in shipped.glob("*.yaml")}
    assert pages == {path.name: path.read_text() for path in (shipped / "runbooks").glob("*.md")}
    rule = only(case("everything"), "PrometheusRule")
    shipped_groups = yaml.safe_load((shipped / "prometheus" / "responder.yaml").read_text())["groups"]
    assert rule["spec"]["groups"] == shipped_groups


def test_a_package_holds_the_rules_and_renders_the_same(tmp_path: Path) -> None:
    helm("package", CHART, "--destination", tmp_path)
    package = tmp_path / "responder-0.1.0.tgz"
    with tarfile.open(package) as tar:
        names = {Path(name).relative_to("responder") for name in tar.getnames()}
    rules = CHARTS.parent / "rules"
    wanted = [path for kind in ("*.yaml", "runbooks/*.md", "prometheus/*.yaml") for path in rules.glob(kind)]
    assert {path.relative_to(rules.parent) for path in wanted} == {
        name for name in names if name.parts[0] == "rules"
    }
    there = helm("template", "responder", package, "--namespace", "production", "--kube-version", "1.37")
    assert objects(there) == list(case("defaults"))


def test_the_ports_that_are_let_out_follow_the_mail_server() -> None:
    found = tuple(objects(rendered("responder", {"smtp": {"smarthost": "mail.example.com:465"}})))
    egress = only(found, "NetworkPolicy", "responder-out-mail")["spec"]["egress"]
    assert egress == [
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 465, "protocol": "TCP"}]}
    ]


def test_ways_in_and_out_are_named_and_nothing_else_is_open() -> None:
    def ways(name: str) -> set[str]:
        names = [each["metadata"]["name"] for each in case(name) if each["kind"] == "NetworkPolicy"]
        return {each.removeprefix("responder-") for each in names}

    always = {
        *("default-deny", "in-alertmanager", "in-prometheus", "in-gateway", "in-test"),
        *("out-dns", "out-destinations", "out-mail", "out-prometheus"),
    }
    assert ways("defaults") == always | {"in-grafana", "out-kubernetes"}
    assert ways("everything") == always | {"in-grafana", "out-kubernetes", "out-istiod"}
    assert ways("vault") == always | {"in-grafana", "out-istiod", "out-vault"}
    assert ways("everywhere") == always | {"out-kubernetes"}
    policies = [each["spec"] for each in case("everything") if each["kind"] == "NetworkPolicy"]
    open_ways = [way for spec in policies for way in (*spec.get("ingress", ()), *spec.get("egress", ()))]
    assert all((way.get("from") or way.get("to")) and way["ports"] for way in open_ways)


# -- permissions --------------------------------------------------------------------------------


def test_the_permissions_are_those_of_the_action_catalogue() -> None:
    assert permissions.FILE.read_text() == permissions.text()


@pytest.mark.parametrize(
    "allow",
    [
        [],
        ALLOW,
        [{"action": RESTART}],
        [{"action": RESTART, "namespace": "shop", "name": "a"}, {"action": RESTART, "namespace": "shop", "name": "b"}],
        [{"action": RESTART, "namespace": "*"}, {"action": UNDO, "namespace": "shop", "name": "b.c"}],
        [{"action": UNDO, "cluster": "elsewhere"}],
    ],
)  # fmt: skip
def test_the_roles_are_those_that_the_doctor_prints(allow: list[dict[str, str]]) -> None:
    found = objects(rendered("responder", {"guards": {"allow": allow}}))
    printed = rbac.roles([Allowed(**line) for line in allow], NEEDS, "production-1", "production/responder")

    def bare(each: Manifest) -> Manifest:
        everywhere = each["kind"].startswith("Cluster")
        kept = {key: each[key] for key in ("kind", "rules", "subjects") if key in each}
        if "roleRef" in each:
            kept["role"] = each["roleRef"]["kind"]
            assert each["roleRef"]["name"] == each["metadata"]["name"]
        return kept | {"namespace": "" if everywhere else each["metadata"]["namespace"]}

    granted = [bare(each) for each in found if "Role" in each["kind"]]
    wanted = [bare(each) for each in yaml.safe_load_all(printed) if each]
    assert sorted(granted, key=json.dumps) == sorted(wanted, key=json.dumps)


# -- what is refused ----------------------------------------------------------------------------


# Everything that the schema refuses, at once, as Helm says it.
WRONG: Final[Manifest] = {
    "replica": 1,
    "replicas": "1",
    "commonLabels": {"a b": "c"},
    "cluster": "a b",
    "image": {"tag": "latest", "digest": "sha256:12"},
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
]  # fmt: skip
# What only a template can know.
REFUSED: Final = [
    ({"replicas": 2}, "replicas: 1, not 2: one engine decides and writes, and SQLite has one writer; two would tell everything twice"),
    ({"secrets": {"from": "externalSecret"}}, "secrets.externalSecret.store: needed with `secrets.from: externalSecret`"),
    ({"smtp": {"username": "x"}}, "secrets.files.smtpPassword: needed with smtp.username"),
    ({"guards": {"allow": [{"action": "kubernetes.restart"}]}}, f"guards.allow: there is no action kubernetes.restart; there are {', '.join(sorted(NEEDS))}"),
    ({"config": {"listen": ":1"}}, "config.listen: the chart sets it, by service.port"),
    ({"config": {"guards": {"allow": []}}}, "config.guards.allow: write it as guards.allow, which the Roles are made from"),
    ({"rules": {"without": ["routing.yaml"]}}, "rules: there is no routing.yaml left"),
    ({"rules": {"without": ["x.md"]}}, f"rules.without: the chart has no x.md; it has routing.yaml, {', '.join(f'runbooks/{page}' for page in PAGES)}"),
    ({"networkPolicy": {"out": {"x": {"cidrs": ["10.0.0.0/8"]}}}}, "networkPolicy.out.x.ports: needed"),
    ({"prometheusRule": {"enabled": True, "files": ["none.yaml"]}}, "prometheusRule.files: there is no rules/prometheus/none.yaml"),
    ({"ingress": {"enabled": True}}, "ingress.host: needed with `ingress.enabled: true`"),
    ({"istio": {"enabled": True, "gateway": "x"}}, "istio.host: needed with `istio.gateway`"),
]  # fmt: skip


def refusal(values: Manifest) -> list[str]:
    with pytest.raises(Refused) as refused:
        rendered("responder", values)
    return [line.strip().removeprefix("- ") for line in str(refused.value).splitlines()]


def test_what_the_schema_refuses_is_named_by_its_place() -> None:
    assert sorted(line for line in refusal(WRONG) if line.startswith("at '")) == sorted(SAID)


@pytest.mark.parametrize(("values", "said"), REFUSED, ids=[said[:60] for _, said in REFUSED])
def test_a_value_that_cannot_be_is_refused_with_its_reason(values: Manifest, said: str) -> None:
    assert [line for line in refusal(values) if line.endswith(f": {said}") or line == said] != []


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    text = (CHART / "values.yaml").read_text()

    def keys(node: Manifest, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        found = {(*path, key) for key in node.get("properties", ())}
        for key, below in node.get("properties", {}).items():
            if key != "resources":  # Kubernetes' own
                found |= keys(below, (*path, key))
        return found

    written = {value.path for value in readme.values(text)}
    known = keys(schema) - {("global",)}
    assert known - written == set()
    # A way or a caller is a name of its owner's choice.
    free = {("networkPolicy", "in"), ("networkPolicy", "out"), ("istio", "callers")}
    assert {path for path in written - known if path[:-1] not in free and "resources" not in path} == set()


def test_every_value_has_a_comment_and_the_readme_has_them_all() -> None:
    text = (CHART / "values.yaml").read_text()
    assert [value.path for value in readme.values(text) if not value.comment] == []
    assert readme.PAGE.read_text() == readme.text()


# -- golden outputs -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["defaults", "everything"])
def test_the_output_is_the_reviewed_one(name: str) -> None:
    """UPDATE_GOLDEN=1 writes it anew, to be looked at. What the rules say is left out: they have tests of their own."""
    values, apis = CASES[name]
    found = objects(
        rendered(
            "responder",
            values,
            {"rules": {"without": [f"runbooks/{page}" for page in PAGES if page != "pod-restarts.md"]}},
            apis=apis,
        )
    )
    for each in found:
        if each["kind"] == "ConfigMap" and each["metadata"]["name"].endswith(("-rules", "-runbooks")):
            each["data"] = dict.fromkeys(each["data"], "...")
        if each["kind"] == "PrometheusRule":
            each["spec"]["groups"] = "..."
    text = yaml.safe_dump_all(found, sort_keys=False, width=110, allow_unicode=True)
    text = "".join(line for line in text.splitlines(keepends=True) if "checksum/" not in line)
    path = GOLDEN / f"responder-{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text)
    assert text == path.read_text()


# -- what the program says ----------------------------------------------------------------------


def run(arguments: list[str], root: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """What a command of the image does with what is mounted below `root`."""
    done = subprocess.run(
        [RESPONDER, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=root / "etc" / "responder",
        env=environment(env),
    )
    return done.returncode, (done.stdout + done.stderr).replace(str(root), "")


def mounted(
    found: tuple[Manifest, ...], kind: str, name: str, root: Path
) -> tuple[list[str], dict[str, str]]:
    """Mounts what the container sees below `root`, which paths in settings and arguments then begin with."""
    pod = only(found, kind, name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    node.mount(pod, container, found, root)
    file = root / "etc" / "responder" / "config" / "responder.yaml"
    text = file.read_text()
    for place in ("/etc/responder", "/var/lib/responder"):
        text = text.replace(place, f"{root}{place}")
    file.write_text(text)
    env = {each["name"]: each["value"] for each in container.get("env", ())}
    return [argument.replace("=/", f"={root}/") for argument in container["args"]], env


@pytest.mark.parametrize("values", [{}, EVERYTHING, {"auth": {"existingSecret": "access"}}])
def test_the_check_job_accepts_what_the_chart_makes(values: Manifest, tmp_path: Path) -> None:
    found = tuple(objects(rendered("responder", values, apis=[*OPERATOR, *MESH])))
    arguments, env = mounted(found, "Job", "responder-check", tmp_path)
    status, said = run(arguments, tmp_path, env)
    assert (status, [line for line in said.splitlines() if " error: " in line]) == (0, [])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"config": {"limits": {"label": 3}}},
            '/etc/responder/config/responder.yaml:15:3: error: unknown key "label" in limits; did you mean "labels"?',
        ),
        (
            {"rules": {"files": {"routing.yaml": "route:\n  receiver: nobody\n"}}},
            '/etc/responder/rules/routing.yaml:2:13: error: receiver: there is no receiver "nobody"',
        ),
    ],
)
def test_the_check_job_says_what_is_wrong_with_its_place(values: Manifest, said: str, tmp_path: Path) -> None:
    found = tuple(objects(rendered("responder", values)))
    arguments, env = mounted(found, "Job", "responder-check", tmp_path)
    status, output = run(arguments, tmp_path, env)
    assert (status, [line for line in output.splitlines() if " error: " in line]) == (1, [said])


@pytest.mark.acceptance
def test_what_is_installed_serves_and_stops_in_its_time(tmp_path: Path) -> None:
    port = free_port()
    own = {
        "service": {"port": port, "address": "127.0.0.1"},
        "externalUrl": f"http://127.0.0.1:{port}",
        "auth": {"tokens": TOKENS, "people": PEOPLE},
        "guards": {"allow": ALLOW},
    }
    found = tuple(objects(rendered("responder", own)))
    arguments, env = mounted(found, "StatefulSet", "responder", tmp_path)
    base = f"http://127.0.0.1:{port}"
    process = ChildProcess(
        "responder", [RESPONDER, *arguments], tmp_path, lambda: answers_ok(f"{base}/-/ready"), env=env
    )
    try:
        process.start()
        # The test's pod asks what `helm test` asks.
        pod = only(found, "Pod", "responder-test")["spec"]["containers"][0]
        done = subprocess.run(
            [sys.executable, "-c", pod["args"][0], base], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (
            0,
            f"GET {base}/-/ready: 200\nPOST {base}/webhooks/alertmanager: 401\n",
        )
        assert pod["args"][1] == f"http://responder.production.svc:{port}"
        alert = [{"labels": {"alertname": "Watchdog"}}]
        assert post(f"{base}/api/v2/alerts", alert, {"Authorization": f"Bearer {TOKEN}"}).status == 200
        assert call("POST", f"{base}/-/reload", headers={"Authorization": f"Bearer {TOKEN}"}).status == 403
        assert process.stop() == 0
    finally:
        process.kill9()
    assert (tmp_path / "var" / "lib" / "responder" / "responder.db").exists()


def test_the_notes_say_what_to_do_next() -> None:
    said = helm("install", "responder", CHART, "--dry-run=client", "--namespace", "production")
    notes = said.partition("NOTES:\n")[2]
    assert "NOBODY MAY CALL IT YET" in notes
    assert "http://responder.production.svc:9095/webhooks/alertmanager" in notes
