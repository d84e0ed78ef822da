"""charts/responder: what it renders is valid, fits, and says what the values say."""

import json
import os
import re
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from responder.actions.catalogue import NEEDS
from responder.actions.kubernetes import rbac
from responder.core.guardrules import Allowed
from tests.charts import crosschecks, externalsecrets, permissions, readme, schemas
from tests.charts.helm import CHARTS, Manifest, helm, objects, rendered
from tests.charts.responder_values import (
    ALLOW,
    CASES,
    CHART,
    EXTERNAL,
    HOSTILE,
    MESH,
    OPERATOR,
    PAGES,
    RESTART,
    TOKENS,
    UNDO,
    case,
    only,
    server,
    settings,
)

GOLDEN: Final = Path(__file__).parent / "golden"


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


def test_an_annotation_of_ones_own_wins_over_the_charts() -> None:
    own = {"proxy.istio.io/config": "{}"}
    found = tuple(objects(rendered("responder", {"podAnnotations": own}, apis=MESH)))
    annotations = only(found, "StatefulSet")["spec"]["template"]["metadata"]["annotations"]
    assert {key: annotations[key] for key in own} == own


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


@pytest.mark.parametrize("name", ["everything", "nothing"])
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
    assert annotations["vault.hashicorp.com/role"] == HOSTILE
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


def test_the_ways_out_follow_the_settings() -> None:
    used = {"smtp": {"smarthost": "mail.example.com:465"}, "config": {"tracing": {}}}
    found = tuple(objects(rendered("responder", used)))
    only(found, "NetworkPolicy", "responder-out-tracing")
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
        *("out-dns", "out-destinations", "out-mail", "out-prometheus", "test"),
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
        [{"action": RESTART, "namespace": "shop", "name": name} for name in ("b", "a")],
        [{"action": RESTART, "namespace": "*"}, {"action": UNDO, "namespace": "shop", "name": "b.c"}],
        [{"action": UNDO, "cluster": "elsewhere"}],
    ],
)  # fmt: skip
def test_the_roles_are_those_that_the_doctor_prints(allow: list[dict[str, str]]) -> None:
    found = objects(rendered("responder", {"guards": {"allow": allow}}))
    printed = rbac.roles([Allowed(**line) for line in allow], NEEDS, "production-1", "production/responder")

    def bare(each: Manifest) -> Manifest:
        everywhere = each["kind"].startswith("Cluster")
        kept: Manifest = {key: each[key] for key in ("kind", "rules", "subjects") if key in each}
        if "roleRef" in each:
            kept["role"] = each["roleRef"]["kind"]
            assert each["roleRef"]["name"] == each["metadata"]["name"]
        return kept | {"namespace": "" if everywhere else each["metadata"]["namespace"]}

    granted = [bare(each) for each in found if "Role" in each["kind"]]
    wanted = [bare(each) for each in yaml.safe_load_all(printed) if each]
    assert sorted(granted, key=json.dumps) == sorted(wanted, key=json.dumps)


def test_the_notes_say_what_to_do_next() -> None:
    said = helm("install", "responder", CHART, "--dry-run=client", "--namespace", "production")
    notes = said.partition("NOTES:\n")[2]
    assert "NOBODY MAY CALL IT YET" in notes
    assert "http://responder.production.svc:9095/webhooks/alertmanager" in notes
    assert "There is no ServiceMonitor" in notes
    meshed = ("--set", "istio.enabled=true", "--set", "serviceMonitor.enabled=true")
    said = helm("install", "responder", CHART, "--dry-run=client", "--namespace", "production", *meshed)
    assert "it has to define the class of scrapes mesh" in said


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


def test_the_values_to_begin_with_are_accepted() -> None:
    example = readme.PAGE.read_text().split("```yaml\n")[1].partition("```")[0]
    found = objects(rendered("responder", yaml.safe_load(example.replace("HASH", "ab" * 32))))
    assert crosschecks.problems(found, external=EXTERNAL) == []
    assert [each["metadata"]["namespace"] for each in found if each["kind"] == "Role"] == ["shop"]


def test_every_value_has_a_comment_and_the_readme_has_them_all() -> None:
    text = (CHART / "values.yaml").read_text()
    assert [value.path for value in readme.values(text) if not value.comment] == []
    assert readme.PAGE.read_text() == readme.text()


# -- golden outputs -----------------------------------------------------------------------------


class Readable(yaml.SafeDumper):
    """Writes a text of several lines as one sees it."""


def lines(dumper: Readable, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Readable.add_representer(str, lines)


@pytest.mark.parametrize("name", ["defaults", "everything"])
def test_the_output_is_the_reviewed_one(name: str) -> None:
    """UPDATE_GOLDEN=1 writes it anew, to be reviewed. What the rules say has tests of its own."""
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
        if each["kind"] == "Pod":
            each["spec"]["containers"][0]["args"][0] = "..."
    text = yaml.dump_all(found, Dumper=Readable, sort_keys=False, width=110, allow_unicode=True)
    text = re.sub(r"(checksum/\w+): \w+", r"\1: ...", text)
    path = GOLDEN / f"responder-{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text)
    assert text == path.read_text()
