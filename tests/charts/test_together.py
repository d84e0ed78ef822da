"""Both charts in one cluster, with the values that each begins with: do they fit each other?"""

import functools
import re
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from tests.charts import crosschecks
from tests.charts.helm import CHARTS, ROOT, Manifest, Refused, objects, rendered
from tests.charts.mesh import EXTERNAL, STRANGERS
from tests.charts.monitoring import OPERATOR, operators_pods
from tests.charts.network import End, open_to
from tests.charts.pods import Pod, at, pod
from tests.charts.responder_values import MESH
from tests.charts.responder_values import OPERATOR as MONITORS
from tests.charts.test_backups import EXTERNAL as BACKED_UP

CLUSTERS: Final = {"bare": (), "mesh": MESH, "operator": (*MESH, *OPERATOR, *MONITORS)}
# What people put there: values.yaml and the guides say so.
GIVEN: Final = (
    *("Secret/alertmanager-responder", "Secret/alertmanager-pagerduty", "Secret/redis-ca"),
    *BACKED_UP,
)


@functools.cache
def both(cluster: str) -> tuple[Manifest, ...]:
    """What both render for a cluster, each object with its namespace."""
    apis = CLUSTERS[cluster]
    values: Manifest = {"config": {"tracing": {"endpoint": tracing()["endpoint"]}}}
    found = objects(rendered("platform", apis=apis)) + objects(rendered("responder", values, apis=apis))
    for one in found:
        if one["kind"] not in crosschecks.CLUSTER_WIDE:
            one["metadata"].setdefault("namespace", "production")
    return tuple(found)


def tracing() -> dict[str, Any]:
    """The section that config/responder.yaml shows in comments, and people take over."""
    text = (ROOT / "config" / "responder.yaml").read_text(encoding="utf-8")
    (section,) = re.findall(r"(?m)^#tracing:\n(?:#.*\n)+", text)
    found = yaml.safe_load(re.sub(r"(?m)^#", "", section))["tracing"]
    assert isinstance(found, dict)
    return found


def only(kind: str, name: str, cluster: str = "mesh") -> Manifest:
    (found,) = [one for one in both(cluster) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pods(cluster: str = "mesh") -> dict[str, Pod]:
    """By kind and name."""
    return {found.where: found for one in both(cluster) if (found := pod(one, "production"))}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_their_objects_fit_together(cluster: str) -> None:
    found = list(both(cluster))
    others = [*STRANGERS, *operators_pods(found)]
    assert crosschecks.problems(found, external=(*EXTERNAL, *GIVEN), others=others) == []


# -- who reaches whom ---------------------------------------------------------------------------


def end(where: str) -> End:
    """A pod of theirs as an end of a connection."""
    found = pods()[where]
    ports = [port for container in found.containers for port in container.get("ports") or ()]
    return End(
        found.namespace,
        found.labels,
        named={one["name"]: one["containerPort"] for one in ports if "name" in one},
    )


NAME: Final = "app.kubernetes.io/name"
RESPONDER: Final = "StatefulSet/responder"
STANDING: Final = {
    "grafana": End("monitoring", {NAME: "grafana"}),
    "gateway": End("istio-system", {"istio": "ingressgateway"}),
    "istiod": End("istio-system", {"app": "istiod"}),
    "dns": End("kube-system", {"k8s-app": "kube-dns"}),
    "postgresql": End("production", {NAME: "postgresql"}),
    "redis": End("production", {NAME: "redis"}),
    "database": End(address="192.0.2.10"),
    "other": End("production", {NAME: "other"}),
    "slack": End(address="203.0.113.7"),
}


@pytest.mark.parametrize(
    ("caller", "callee", "port", "answer"),
    [
        ("StatefulSet/alertmanager", RESPONDER, 9095, True),
        ("StatefulSet/prometheus", RESPONDER, 9095, True),
        ("StatefulSet/prometheus", RESPONDER, 15020, True),
        ("grafana", RESPONDER, 9095, True),
        ("gateway", RESPONDER, 9095, True),
        ("istiod", RESPONDER, 9095, False),
        ("other", RESPONDER, 9095, False),
        ("Deployment/machine-native-ops-stable", RESPONDER, 9095, False),
        ("Pod/responder-test", RESPONDER, 9095, True),
        ("Pod/responder-test", "istiod", 15012, True),
        ("Pod/responder-test", "slack", 443, False),
        (RESPONDER, "StatefulSet/prometheus", 9090, True),
        (RESPONDER, "StatefulSet/alertmanager", 9093, False),
        (RESPONDER, "StatefulSet/jaeger", 4318, True),
        (RESPONDER, "istiod", 15012, True),
        (RESPONDER, "slack", 443, True),
        (RESPONDER, "postgresql", 5432, False),
        # By their labels: to many networks a pod is no address.
        ("CronJob/postgresql-backup", "postgresql", 5432, True),
        ("CronJob/redis-backup", "redis", 6379, True),
        ("CronJob/redis-backup", "redis", 26379, False),
        ("CronJob/restore-drill", "database", 5432, False),
        ("other", "postgresql", 5432, False),
    ],
)
def test_policies_of_both_let_through_what_is_meant(
    caller: str, callee: str, port: int, answer: bool
) -> None:
    policies = [one for one in both("mesh") if one["kind"] == "NetworkPolicy"]
    ends = [STANDING.get(which) or end(which) for which in (caller, callee)]
    assert open_to(policies, ends[0], ends[1], port) is answer


def test_the_pod_of_the_test_may_ask_for_names() -> None:
    policies = [one for one in both("mesh") if one["kind"] == "NetworkPolicy"]
    assert open_to(policies, end("Pod/responder-test"), STANDING["dns"], 53, "UDP")


def test_backups_reach_a_database_that_is_no_pod_and_are_refused_where_nobody_says_where_it_is() -> None:
    elsewhere = {
        "host": "db.example.com",
        "port": 5432,
        "tls": "application",
        "pods": None,
        "cidrs": ["192.0.2.0/24"],
    }
    values = {"app": {"dependencies": {"postgresql": elsewhere}}}
    policies = [one for one in objects(rendered("platform", values)) if one["kind"] == "NetworkPolicy"]
    backups = end("CronJob/postgresql-backup")
    assert open_to(policies, backups, STANDING["database"], 5432)
    assert not open_to(policies, backups, STANDING["slack"], 5432)
    with pytest.raises(Refused, match=r"backups\.network\.databases: .* not where redis is"):
        rendered("platform", {"app": {"dependencies": {"redis": None}}})


# -- names by which they call each other --------------------------------------------------------


def service(url: str) -> tuple[str, str, int]:
    """A URL within the cluster as (name, namespace, port)."""
    parts = urlsplit(url)
    name, namespace, svc = (parts.hostname or "").split(".")[:3]
    assert svc == "svc"
    return name, namespace, parts.port or 80


def served(name: str, namespace: str, port: int) -> bool:
    found = only("Service", name)
    ports = [one["port"] for one in found["spec"]["ports"]]
    return found["metadata"]["namespace"] == namespace and port in ports


def settings() -> Any:
    return yaml.safe_load(only("ConfigMap", "responder-settings")["data"]["responder.yaml"])


def test_every_address_that_one_has_of_the_other_is_a_service_of_it() -> None:
    alertmanager = yaml.safe_load(only("ConfigMap", "alertmanager")["data"]["alertmanager.yml"])
    (webhook,) = next(one for one in alertmanager["receivers"] if one["name"] == "responder")[
        "webhook_configs"
    ]
    ours = settings()
    addresses = {
        "responder": webhook["url"],
        "prometheus": ours["prometheus"]["url"],
        "jaeger-collector": ours["tracing"]["endpoint"],
    }
    assert {service(url)[0] for url in addresses.values()} == addresses.keys()
    assert [url for url in addresses.values() if not served(*service(url))] == []
    assert urlsplit(webhook["url"]).netloc in ours["hosts"]
    assert urlsplit(ours["tracing"]["endpoint"]).path == "/v1/traces"


# -- the mesh -----------------------------------------------------------------------------------


def test_who_calls_responder_is_known_to_it_by_the_account_that_its_pods_have() -> None:
    rules = only("AuthorizationPolicy", "responder")["spec"]["rules"]
    known = {name for rule in rules for way in rule.get("from", ()) for name in way["source"]["principals"]}
    for name in ("alertmanager", "prometheus"):
        account = pods()[f"StatefulSet/{name}"].spec["serviceAccountName"]
        assert f"cluster.local/ns/monitoring/sa/{account}" in known


def test_the_operators_prometheus_asks_a_responder_in_the_mesh_with_its_certificate() -> None:
    monitor = only("ServiceMonitor", "responder", "operator")["spec"]
    classes = only("Prometheus", "prometheus", "operator")["spec"]["scrapeClasses"]
    (mesh,) = [one for one in classes if one["name"] == monitor["scrapeClass"]]
    assert mesh["tlsConfig"]["certFile"].startswith("/etc/istio-certs/")
    config = yaml.safe_load(only("ConfigMap", "prometheus")["data"]["prometheus.yml"])
    (job,) = [one for one in config["scrape_configs"] if one["job_name"] == "responder"]
    by_tls = [one for one in job["relabel_configs"] if one.get("target_label") == "__scheme__"]
    ways = [one for one in monitor["endpoints"][0]["relabelings"] if one["targetLabel"] == "__scheme__"]
    assert [(one["sourceLabels"], one["regex"], one["targetLabel"], one["replacement"]) for one in ways] == [
        (one["source_labels"], one["regex"], one["target_label"], one["replacement"]) for one in by_tls
    ]
    assert len(ways) == 1


def test_prometheus_looks_for_what_both_charts_run_by_the_labels_and_ports_that_it_has() -> None:
    values = yaml.safe_load((CHARTS / "platform" / "values.yaml").read_text(encoding="utf-8"))
    for name, where in (("responder", RESPONDER), ("jaeger", "StatefulSet/jaeger")):
        job, found = values["monitoring"]["scrape"]["jobs"][name], pods()[where]
        assert (job["namespaces"], job["apps"]) == ([found.namespace], [found.labels[NAME]])
        assert job["port"] in found.ports()
        callee = end(where)
        policies = [one for one in both("mesh") if one["kind"] == "NetworkPolicy"]
        assert open_to(policies, end("StatefulSet/prometheus"), callee, callee.named[job["port"]])


def test_without_a_mesh_nobody_shows_a_certificate() -> None:
    monitor = objects(rendered("responder", apis=MONITORS))
    (spec,) = [one["spec"] for one in monitor if one["kind"] == "ServiceMonitor"]
    assert "scrapeClass" not in spec
    assert [one["targetLabel"] for one in spec["endpoints"][0]["relabelings"]] == ["job"]


@pytest.mark.parametrize("cluster", ["mesh", "operator"])
def test_prometheus_is_asked_without_the_meshs_tls_since_its_proxy_takes_no_calls(cluster: str) -> None:
    if cluster == "mesh":
        metadata = only("StatefulSet", "prometheus")["spec"]["template"]["metadata"]
    else:
        metadata = only("Prometheus", "prometheus", cluster)["spec"]["podMetadata"]
    assert metadata["annotations"]["traffic.sidecar.istio.io/includeInboundPorts"] == ""
    assert metadata["labels"]["security.istio.io/tlsMode"] == "disabled"


def test_proxies_in_monitoring_are_those_of_the_istiod_that_is_meant() -> None:
    values = {"istio": {"revision": "1-30"}}
    for apis in (MESH, CLUSTERS["operator"]):
        found = objects(rendered("platform", values, apis=apis))
        labels = {
            one["metadata"]["name"]: at(one, "spec", "podMetadata", "labels")
            or at(one, "spec", "template", "metadata", "labels")
            for one in found
            if one["kind"] in ("StatefulSet", "Prometheus", "Alertmanager")
        }
        assert {name: one.get("istio.io/rev") for name, one in labels.items()} == {
            "prometheus": "1-30",
            "alertmanager": "1-30",
            "jaeger": None,
        }


def test_responder_comes_in_by_the_platforms_gateway_under_a_name_of_its_own() -> None:
    host = "responder.machinenativeops.com"
    platform = objects(rendered("platform", {"istio": {"gateway": {"moreHosts": [host]}}}))
    values = {"istio": {"enabled": True, "gateway": "istio-system/machine-native-ops", "host": host}}
    responder = objects(rendered("responder", values))
    by_kind = {(one["kind"], at(one, "metadata", "name")): one["spec"] for one in platform if "spec" in one}
    gateway = by_kind["Gateway", "machine-native-ops"]
    assert [one["hosts"] for one in gateway["servers"]] == [
        ["production/api.machinenativeops.com", f"production/{host}"]
    ] * 2
    assert by_kind["Certificate", "machine-native-ops"]["dnsNames"] == ["api.machinenativeops.com", host]
    assert host not in by_kind["VirtualService", "machine-native-ops"]["hosts"]
    (route,) = [one["spec"] for one in responder if one["kind"] == "VirtualService"]
    assert (route["hosts"], route["gateways"]) == ([host], ["istio-system/machine-native-ops"])


# -- how much -----------------------------------------------------------------------------------


def test_responder_says_all_its_limits_so_that_the_namespace_gives_it_no_smaller_ones() -> None:
    (limit,) = only("LimitRange", "platform")["spec"]["limits"]
    (container,) = pods()[RESPONDER].containers
    assert container["resources"]["limits"].keys() == limit["default"].keys()


# -- what two sections of the platform say of one thing -----------------------------------------


def test_backups_ask_the_databases_that_the_application_asks_as_the_application_does() -> None:
    values = yaml.safe_load((CHARTS / "platform" / "values.yaml").read_text(encoding="utf-8"))
    for name, needed in values["app"]["dependencies"].items():
        backed_up = values["backups"][name]
        assert (backed_up["host"], backed_up["port"]) == (needed["address"], needed["port"])
    redis = values["app"]["dependencies"]["redis"]
    assert (values["backups"]["redis"]["tls"], values["backups"]["redis"]["ca"]) == (True, redis["ca"])
    assert values["backups"]["postgresql"]["sslmode"] in ("require", "verify-ca", "verify-full")
