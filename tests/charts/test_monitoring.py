"""charts/platform, monitoring: what it renders, in both modes, and what it refuses."""

import copy
import json
import os
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.charts import crosschecks
from tests.charts.helm import CHARTS, Manifest, Refused, helm, rendered
from tests.charts.monitoring import OPERATOR, Objects, load, operators_pods, section, text
from tests.charts.schemas import problems
from tests.monitoring.shipped import DASHBOARDS, EXPORTERS, FILES, RULES

GOLDEN: Final = Path(__file__).parent / "golden"

# What an expression, a label or an annotation may hold, and a template must not trip over.
HOSTILE: Final = "'\"\\ {{ .Release.Name }} ${x} \n- a: [b\n# %"

CASES: Final[Mapping[str, Mapping[str, Any]]] = {
    "plain": {"mode": "plain"},
    "operator": {"mode": "operator"},
    "everything": {
        "istio": True,
        "images": {
            "registry": "mirror.example:5000/",
            "pullSecrets": ["mirror"],
            "prometheus": {"digest": f"sha256:{'0' * 64}"},
        },
        "prometheus": {"externalUrl": "https://prometheus.example/x/", "storage": {"class": "fast"}},
        "alertmanager": {"externalUrl": "https://alertmanager.example", "storage": {"class": "fast"}},
        "rules": {
            "extra": {
                "shop": [
                    {
                        "name": "shop",
                        "interval": "1m",
                        "rules": [
                            {"record": "carts", "expr": "sum(cart_total)", "labels": {"a": HOSTILE}},
                            {"alert": "NoCarts", "expr": "carts == 0", "for": "5m", "keep_firing_for": "1h"},
                        ],
                    }
                ]
            }
        },
        "logs": {"namespaces": ["production"], "storage": {"endpoint": "http://minio.storage.svc:9000"}},
    },
    "small": {
        "namespace": "a" * 63,
        "check": {"enabled": False},
        "prometheus": {"replicas": 1, "callers": []},
        "alertmanager": {"replicas": 1, "responder": {"tokenSecret": {"name": ""}}},
        "grafana": {"enabled": False},
        "logs": {"storage": {"kind": "filesystem"}, "labels": ["namespace"]},
        "scrape": {
            "jobs": {
                job: {"enabled": job in ("responder", "kube-state-metrics")}
                for jobs in (entry["jobs"] for entry in load(EXPORTERS.read_text()))
                for job in jobs
            }
        },
        "rules": {"files": {"istio": False, "certificates": False}, "backups": ["postgresql-backup"]},
    },
    "beside": {
        "prometheus": {"install": False},
        "alertmanager": {"install": False},
        "operator": {"labels": {"release": "kube-prometheus-stack"}, "leaveResponder": False},
        "scrape": {"jobs": {"kubelet": {"enabled": False}}},
    },
    "hostile": {
        "scrape": {"externalLabels": {"team": HOSTILE}},
        "grafana": {"folder": {"name": HOSTILE}},
        "rules": {
            "extra": {
                "a": [
                    {
                        "name": HOSTILE,
                        "rules": [{"alert": HOSTILE, "expr": HOSTILE, "annotations": {"summary": HOSTILE}}],
                    }
                ]
            }
        },
    },
}
BOTH: Final = [
    (name, mode) for name in CASES for mode in ("plain", "operator") if name not in ("plain", "operator")
]
MATRIX: Final = [("plain", "plain"), ("operator", "operator"), *BOTH]


def case(name: str, mode: str) -> Objects:
    return Objects({**CASES[name], "mode": mode})


@pytest.mark.parametrize(("name", "mode"), MATRIX)
def test_every_object_is_valid_and_fits_the_others(name: str, mode: str) -> None:
    objects = case(name, mode)
    assert [said for one in objects.all for said in problems(one)] == []
    namespace = CASES[name].get("namespace", "monitoring")
    external = [
        # `security` makes it.
        f"Namespace/{namespace}",
        # What people put there; values.yaml says so.
        *("Secret/alertmanager-responder", "Secret/alertmanager-pagerduty", "Secret/mirror"),
    ]
    assert crosschecks.problems(objects.all, external=external, others=operators_pods(objects.all)) == []


class Readable(yaml.CSafeDumper):
    """Files in ConfigMaps as they are, line by line."""


Readable.add_representer(
    str,
    lambda dumper, said: dumper.represent_scalar(
        "tag:yaml.org,2002:str", said, "|" if "\n" in said else None
    ),
)


@pytest.mark.parametrize("mode", ["plain", "operator"])
def test_what_is_rendered_by_default_is_what_was_reviewed(mode: str) -> None:
    """UPDATE_GOLDEN=1 writes it anew: look at the difference before you commit it."""
    shown = copy.deepcopy(Objects({"mode": mode}).all)
    for one in shown:
        # What other tests compare with its source is not shown again.
        if one["kind"] == "PrometheusRule":
            one["spec"] = f"(rules/prometheus/{one['metadata']['name']}.yaml)"
        for name in one.get("data", ()):
            if one["metadata"]["name"] == "monitoring-check":
                one["data"][name] = "(what is checked)"
            elif name.endswith(".json"):
                one["data"][name] = f"(config/dashboards/{name})"
            elif name.endswith(".rules.yaml"):
                one["data"][name] = f"(rules/prometheus/{name.replace('.rules', '')})"
    written = yaml.dump_all(shown, Dumper=Readable, sort_keys=False, width=110)
    golden = GOLDEN / f"monitoring-{mode}.yaml"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(written)
    assert written == golden.read_text()


def test_nothing_is_rendered_where_it_is_off() -> None:
    assert text({"enabled": False}) == ""


def test_the_operators_objects_are_made_where_the_cluster_has_all_its_kinds() -> None:
    assert text(apis=OPERATOR) == text({"mode": "operator"}, OPERATOR)
    assert text(apis=OPERATOR[:3]) == text({"mode": "plain"}, OPERATOR[:3])


def test_a_packaged_chart_has_everything_and_renders_the_same(tmp_path: Path) -> None:
    helm("package", CHARTS / "platform", "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as tar:
        files = [one.name for one in tar.getmembers() if one.name.startswith("platform/files/monitoring/")]
        tar.extractall(tmp_path, filter="data")
    assert sorted(files) == sorted(
        [
            "platform/files/monitoring/alertmanager.yml",
            *(f"platform/files/monitoring/dashboards/{path.name}" for path in DASHBOARDS),
            *(f"platform/files/monitoring/rules/{path.name}" for path in FILES),
        ]
    )
    assert section(rendered(str(tmp_path / "platform"), name="platform")) == text()


# -- one source for both modes ------------------------------------------------------------------


def snake(value: Any) -> Any:
    """The operator's words as Prometheus writes them."""
    if isinstance(value, dict):
        return {re.sub("([A-Z])", r"_\1", key).lower(): snake(inner) for key, inner in value.items()}
    return [snake(inner) for inner in value] if isinstance(value, list) else value


def as_job(scrape_config: Manifest) -> Manifest:
    """A ScrapeConfig as the job of prometheus.yml that the operator makes of it."""

    names = {"kubernetesSDConfigs": "kubernetesSdConfigs", "relabelings": "relabelConfigs"}
    names |= {"metricRelabelings": "metricRelabelConfigs"}
    spec = {names.get(key, key): value for key, value in scrape_config["spec"].items()}
    job: Manifest = snake(spec)
    assert (job.pop("scrape_interval"), job.pop("scrape_timeout")) == ("15s", "10s")
    for one in job["kubernetes_sd_configs"]:
        for role in (one, *one.get("selectors", ())):
            role["role"] = role["role"].lower()
    if "scheme" in job:
        job["scheme"] = job["scheme"].lower()
    return job


@pytest.mark.parametrize("istio", [False, True])
def test_the_operator_is_told_the_same_jobs_as_prometheus(istio: bool) -> None:
    values = {"operator": {"leaveResponder": False}, "istio": istio}
    operator = Objects({**values, "mode": "operator"})
    (prometheus,) = operator.of("Prometheus").values()
    classes = {one.pop("name"): snake(one) for one in copy.deepcopy(prometheus["spec"]["scrapeClasses"])}
    said = [as_job(one) for one in operator.of("ScrapeConfig").values()]
    used = {job["scrape_class"] for job in said if "scrape_class" in job}
    assert used == classes.keys() == ({"service-account", "mesh"} if istio else {"service-account"})
    for job in said:
        job |= classes[job.pop("scrape_class")] if "scrape_class" in job else {}
    config = Objects({**values, "mode": "plain"}).config("prometheus", "prometheus.yml")
    assert said == config["scrape_configs"]
    spec = prometheus["spec"]
    assert spec["externalLabels"] == config["global"]["external_labels"]
    for word in ("scrapeInterval", "scrapeTimeout", "evaluationInterval"):
        assert spec[word] == config["global"][re.sub("([A-Z])", r"_\1", word).lower()]


@pytest.mark.parametrize("name", [name for name in CASES if name != "operator"])
def test_the_operator_is_told_the_same_rules_as_prometheus(name: str) -> None:
    values = {**CASES[name], "operator": {"leaveResponder": False}}
    plain, operator = Objects({**values, "mode": "plain"}), Objects({**values, "mode": "operator"})
    files = plain.of("ConfigMap")["prometheus"]["data"]
    rules = {file.removesuffix(".rules.yaml"): load(said) for file, said in files.items()}
    assert {name: one["spec"] for name, one in operator.of("PrometheusRule").items()} == {
        name: said for name, said in rules.items() if name != "prometheus.yml"
    }
    assert rules["prometheus.yml"]["rule_files"] == [name for name in files if name != "prometheus.yml"]
    told = operator.of("Secret")["alertmanager"]["stringData"]["alertmanager.yaml"]
    assert told == plain.file("alertmanager", "alertmanager.yml")


def test_what_charts_responder_brings_itself_is_left_to_it_where_the_operator_is() -> None:
    operator = Objects({"mode": "operator"})
    assert "responder" not in operator.of("ScrapeConfig") | operator.of("PrometheusRule")


def test_the_rules_are_those_that_are_shipped() -> None:
    plain = Objects({"mode": "plain", "rules": {"runbooks": "https://wiki.example/runbooks/"}})
    for path in FILES:
        shipped = path.read_text().replace(
            "https://runbooks.machinenativeops.com/", "https://wiki.example/runbooks/"
        )
        assert plain.config("prometheus", f"{path.stem}.rules.yaml") == load(shipped)
    assert len(plain.of("ConfigMap")["prometheus"]["data"]) == len(FILES) + 1


def test_only_backups_that_are_expected_are_missed() -> None:
    names = ["postgresql-backup", "cluster-hourly"]
    said = Objects({"mode": "plain", "rules": {"backups": names}}).config("prometheus", "backup.rules.yaml")
    shipped = load((RULES / "backup.yaml").read_text())
    (group,) = shipped["groups"]
    group["rules"] = [
        rule
        for rule in group["rules"]
        if rule.get("record") != "backup_max_age_seconds" or rule["labels"]["backup"] in names
    ]
    assert said == shipped
    assert len([rule for rule in group["rules"] if rule.get("record") == "backup_max_age_seconds"]) == 2


def test_each_job_is_listed_with_what_it_finds_or_is_of_the_platform_itself() -> None:
    jobs = {job["job_name"] for job in Objects().config("prometheus", "prometheus.yml")["scrape_configs"]}
    listed = {job for entry in load(EXPORTERS.read_text()) for job in entry["jobs"]}
    assert jobs - listed == {"prometheus", "alertmanager", "istiod", "jaeger"}
    assert listed - jobs == set()


def test_values_with_quotes_templates_and_line_ends_arrive_as_they_are() -> None:
    plain = case("hostile", "plain")
    assert plain.config("prometheus", "prometheus.yml")["global"]["external_labels"]["team"] == HOSTILE
    (group,) = plain.config("prometheus", "a.rules.yaml")["groups"]
    assert group == CASES["hostile"]["rules"]["extra"]["a"][0]
    operator = case("hostile", "operator")
    assert operator.of("Prometheus")["prometheus"]["spec"]["externalLabels"]["team"] == HOSTILE
    assert operator.of("PrometheusRule")["a"]["spec"]["groups"] == [group]
    annotations = operator.of("ConfigMap")["dashboard-platform"]["metadata"]["annotations"]
    assert annotations == {"grafana_folder": HOSTILE}


# -- the mesh -----------------------------------------------------------------------------------


def test_a_responder_in_the_mesh_is_asked_with_a_certificate_and_told_through_a_proxy() -> None:
    plain = Objects({"mode": "plain", "istio": True})
    assert text({"mode": "plain"}, ["security.istio.io/v1/AuthorizationPolicy"]) == text(
        {"mode": "plain", "istio": True}
    )
    pods = {name: one["spec"]["template"] for name, one in plain.of("StatefulSet").items()}
    assert {pod["metadata"]["labels"]["sidecar.istio.io/inject"] for pod in pods.values()} == {"true"}

    jobs = {job["job_name"]: job for job in plain.config("prometheus", "prometheus.yml")["scrape_configs"]}
    assert {name for name, job in jobs.items() if "tls_config" in job} == {"responder", "kubelet"}
    directory = {
        str(Path(path).parent) for key, path in jobs["responder"]["tls_config"].items() if "file" in key
    }
    # One volume, where the proxy is told to write and where Prometheus reads.
    (container,) = pods["prometheus"]["spec"]["containers"]
    (mount,) = (one for one in container["volumeMounts"] if {one["mountPath"]} == directory)
    annotations = pods["prometheus"]["metadata"]["annotations"]
    written = load(annotations["proxy.istio.io/config"])["proxyMetadata"]["OUTPUT_CERTS"]
    assert {written} == directory
    assert json.loads(annotations["sidecar.istio.io/userVolumeMount"]) == [
        {"name": mount["name"], "mountPath": written}
    ]
    operator = Objects({"mode": "operator", "istio": True}).of("Prometheus")["prometheus"]["spec"]
    assert operator["podMetadata"]["annotations"].items() <= annotations.items()
    assert (operator["volumes"], operator["volumeMounts"]) == (
        [{"name": "istio-certs", "emptyDir": {"medium": "Memory"}}],
        [mount],
    )


# -- Grafana ------------------------------------------------------------------------------------


def test_grafana_gets_the_dashboards_that_are_shipped_and_may_leave_some_out() -> None:
    found = Objects({"grafana": {"dashboards": {"istio-mesh": False}}}).of("ConfigMap")
    dashboards = {name: one for name, one in found.items() if name.startswith("dashboard-")}
    assert {key: json.loads(said) for one in dashboards.values() for key, said in one["data"].items()} == {
        path.name: json.loads(path.read_text()) for path in DASHBOARDS if path.stem != "istio-mesh"
    }
    assert {one["metadata"]["labels"]["grafana_dashboard"] for one in dashboards.values()} == {"1"}


@pytest.mark.parametrize("without", ["prometheus", "alertmanager", "loki", "jaeger", ""])
def test_datasources_name_only_each_other(without: str) -> None:
    values: dict[str, Any] = {"grafana": {"datasources": {without: ""}}} if without else {}
    if without in ("prometheus", "alertmanager"):
        values[without] = {"install": False}
    said = Objects(values).config("datasources", "datasources.yaml")
    assert said["apiVersion"] == 1
    there = {one["uid"] for one in said["datasources"]}
    assert there == {"prometheus", "alertmanager", "loki", "jaeger"} - {without}
    named = set(re.findall(r"datasourceUid': '([a-z]+)'", str(said)))
    assert named <= there
    assert {one["type"] for one in said["datasources"]} == there
    assert len({one["name"] for one in said["datasources"]}) == len(there)


# -- what is refused ----------------------------------------------------------------------------

RULE: Final = {"alert": "A", "expr": "up == 0"}


def extra(**group: Any) -> dict[str, Any]:
    return {"rules": {"extra": {"mine": [{"name": "mine", "rules": [RULE], **group}]}}}


REFUSED: Final = {
    "a misspelt key": ({"scrap": {}}, "at '/monitoring': additional properties 'scrap' not allowed"),
    "a misspelt key further in": (
        {"prometheus": {"retension": "1d"}},
        "at '/monitoring/prometheus': additional properties 'retension' not allowed",
    ),
    "a job that nobody knows": (
        {"scrape": {"jobs": {"postgre": {"enabled": True}}}},
        "at '/monitoring/scrape/jobs': additional properties 'postgre' not allowed",
    ),
    "a wrong type": (
        {"prometheus": {"replicas": "2"}},
        "at '/monitoring/prometheus/replicas': got string, want integer",
    ),
    "a key that is taken away": (
        {"scrape": {"interval": None}},
        "at '/monitoring/scrape': missing property 'interval'",
    ),
    "an interval without its unit": (
        {"scrape": {"interval": "15"}},
        "at '/monitoring/scrape/interval': '15' does not match pattern",
    ),
    "a retention that is no duration": (
        {"prometheus": {"retention": "2 weeks"}},
        "at '/monitoring/prometheus/retention': '2 weeks' does not match pattern",
    ),
    "an image that is not pinned": (
        {"images": {"prometheus": {"tag": "latest"}}},
        "at '/monitoring/images/prometheus/tag': 'not' failed",
    ),
    "an external label that is set elsewhere": (
        {"scrape": {"externalLabels": {"cluster": "x"}}},
        "at '/monitoring/scrape/externalLabels/cluster': false schema",
    ),
    "a timeout as long as the interval": (
        {"scrape": {"timeout": "15s"}},
        "monitoring.scrape.timeout: 15s is not less than the interval, 15s",
    ),
    "a mode that nobody knows": (
        {"mode": "helm"},
        "at '/monitoring/mode': value must be one of 'auto', 'plain'",
    ),
    "no key for PagerDuty": (
        {"alertmanager": {"pagerduty": {"keySecret": {"name": ""}}}},
        "at '/monitoring/alertmanager/pagerduty/keySecret/name': '' does not match pattern",
    ),
    "an address with a quote in it": (
        {"alertmanager": {"responder": {"url": 'http://a"b'}}},
        "at '/monitoring/alertmanager/responder/url': 'http://a\"b' does not match pattern",
    ),
    "a rule with a wrong duration": (
        extra(rules=[{**RULE, "for": "5 minutes"}]),
        "at '/monitoring/rules/extra/mine/0/rules/0/for': '5 minutes' does not match pattern",
    ),
    "a rule with a misspelt key": (
        extra(rules=[{**RULE, "anotations": {}}]),
        "at '/monitoring/rules/extra/mine/0/rules/0': additional properties 'anotations' not allowed",
    ),
    "a rule that alerts and records": (
        extra(rules=[{**RULE, "record": "a"}]),
        "at '/monitoring/rules/extra/mine/0/rules/0': 'oneOf' failed",
    ),
    "a rule without an expression": (
        extra(rules=[{"alert": "A"}]),
        "at '/monitoring/rules/extra/mine/0/rules/0': missing property 'expr'",
    ),
    "two groups of one name": (
        extra(name="backup"),
        "monitoring.rules: two groups have the name backup, in backup and in mine",
    ),
    "a file of rules with a name that is taken": (
        {"rules": {"extra": {"istio": [{"name": "mine", "rules": [RULE]}]}}},
        "monitoring.rules.extra: istio is the name of a file that is shipped",
    ),
    "a backup that nobody knows": (
        {"rules": {"backups": ["postgres"]}},
        "monitoring.rules.backups: there is no backup postgres; there are cluster-hourly, cluster-daily",
    ),
    "kubelets for a Prometheus that is there already": (
        {"mode": "operator", "prometheus": {"install": False}},
        "monitoring.scrape.jobs.kubelet: only a Prometheus that stands here has what kubelets ask for",
    ),
    "more samples than the volume holds": (
        {"prometheus": {"storage": {"size": "45Gi"}}},
        "monitoring.prometheus.retentionSize: 45GB is not less than the volume, 45Gi",
    ),
    "more samples than a small volume holds": (
        {"prometheus": {"retentionSize": "1TB", "storage": {"size": "900G"}}},
        "monitoring.prometheus.retentionSize: 1TB is not less than the volume, 900G",
    ),
    "logs for half a day": (
        {"logs": {"retention": "36h"}},
        "monitoring.logs.retention: 36h is not a whole number of days",
    ),
    "a burst below the rate": (
        {"logs": {"limits": {"ingestionBurst": 1}}},
        "monitoring.logs.limits.ingestionBurst: less than ingestionRate",
    ),
    "a label with as many values as there are pods": (
        {"logs": {"labels": ["namespace", "pod"]}},
        "at '/monitoring/logs/labels/1': value must be one of 'namespace', 'app', 'container', 'level'",
    ),
}


@pytest.mark.parametrize(("values", "said"), REFUSED.values(), ids=REFUSED)
def test_bad_values_are_refused_with_their_place(values: Mapping[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        text(values)
    assert said in str(refused.value)
