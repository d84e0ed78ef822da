"""The security of charts/platform: how pods run, who reaches whom, and that all of it fits into the quota."""

import functools
from typing import Any, Final

import pytest

from tests.charts.helm import Manifest, objects, rendered
from tests.charts.mesh import found, one, text
from tests.charts.network import End, open_to
from tests.charts.pods import pod

# -- namespaces ---------------------------------------------------------------------------------

LEVEL: Final = "pod-security.kubernetes.io"


def test_namespaces_say_how_their_pods_run_and_outlive_the_release() -> None:
    namespaces = {each["metadata"]["name"]: each["metadata"] for each in found("defaults", "Namespace")}
    assert {name: metadata["labels"][f"{LEVEL}/enforce"] for name, metadata in namespaces.items()} == {
        "production": "restricted",
        "monitoring": "privileged",
        "velero": "privileged",
    }
    for metadata in namespaces.values():
        assert (metadata["labels"][f"{LEVEL}/warn"], metadata["labels"][f"{LEVEL}/audit"]) == (
            *("restricted",),
            "restricted",
        )
        assert metadata["annotations"] == {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize(
    ("platform", "label"),
    [("defaults", ("istio-injection", "enabled")), ("everything", ("istio.io/rev", "1-30"))],
)
def test_only_the_applications_namespace_is_injected(platform: str, label: tuple[str, str]) -> None:
    injected = {
        each["metadata"]["name"]: [
            (key, value)
            for key, value in each["metadata"]["labels"].items()
            if key in ("istio-injection", "istio.io/rev")
        ]
        for each in found(platform, "Namespace")
    }
    assert injected.pop("production") == [label]
    assert not any(injected.values())


# -- who reaches whom ---------------------------------------------------------------------------

NAME: Final = "app.kubernetes.io/name"
APP: Final = End(
    "production",
    {NAME: "machine-native-ops", "app.kubernetes.io/instance": "platform", "version": "stable"},
    named={"http": 8080},
)
JAEGER: Final = End(
    "istio-system",
    {NAME: "jaeger", "app.kubernetes.io/instance": "platform"},
    named={"otlp-grpc": 4317, "otlp-http": 4318, "query": 16686, "metrics": 8888},
)
GATEWAY: Final = End("istio-system", {"istio": "ingressgateway"})
ISTIOD: Final = End("istio-system", {"app": "istiod"})
DNS: Final = End("kube-system", {"k8s-app": "kube-dns"})
POSTGRESQL: Final = End("production", {NAME: "postgresql"})
REDIS: Final = End("production", {NAME: "redis"})
BACKUPS: Final = End("production", {NAME: "backups"})
PROMETHEUS: Final = End("monitoring", {NAME: "prometheus"})
OTHER: Final = End("production", {NAME: "other"})
ELSEWHERE: Final = End("elsewhere", {NAME: "machine-native-ops", "istio": "ingressgateway"})
WORLD: Final = End(address="203.0.113.7")
API: Final = End(address="10.96.0.1")


@pytest.mark.parametrize(
    ("caller", "callee", "port", "answer"),
    [
        (GATEWAY, APP, 8080, True),
        (GATEWAY, APP, 15020, False),
        (End("istio-system", {"app": "other"}), APP, 8080, False),
        (ELSEWHERE, APP, 8080, False),
        (OTHER, APP, 8080, False),
        (WORLD, APP, 8080, False),
        (PROMETHEUS, APP, 15020, True),
        (PROMETHEUS, APP, 8080, False),
        (PROMETHEUS, POSTGRESQL, 9187, True),
        (PROMETHEUS, POSTGRESQL, 5432, False),
        (PROMETHEUS, REDIS, 9121, True),
        (APP, POSTGRESQL, 5432, True),
        (APP, POSTGRESQL, 22, False),
        (APP, REDIS, 6379, True),
        (OTHER, POSTGRESQL, 5432, False),
        (ELSEWHERE, POSTGRESQL, 5432, False),
        (POSTGRESQL, POSTGRESQL, 8008, True),
        (POSTGRESQL, REDIS, 6379, False),
        (POSTGRESQL, API, 443, True),
        (REDIS, REDIS, 26379, True),
        (REDIS, API, 443, False),
        (APP, ISTIOD, 15012, True),
        (APP, ISTIOD, 443, False),
        (APP, API, 443, False),
        (APP, WORLD, 443, False),
        (APP, JAEGER, 4317, True),
        (APP, JAEGER, 4318, True),
        (APP, JAEGER, 16686, False),
        (GATEWAY, JAEGER, 4317, True),
        (ISTIOD, JAEGER, 4317, True),
        (PROMETHEUS, JAEGER, 4318, False),
        (PROMETHEUS, JAEGER, 8888, True),
        (POSTGRESQL, JAEGER, 4317, False),
        (PROMETHEUS, JAEGER, 16686, True),
        (ELSEWHERE, JAEGER, 4317, False),
        (JAEGER, DNS, 53, False),
        (JAEGER, WORLD, 443, False),
    ],
)
def test_whoever_is_not_named_reaches_nobody(caller: End, callee: End, port: int, answer: bool) -> None:
    assert open_to(found("defaults", "NetworkPolicy"), caller, callee, port) is answer


def test_no_pod_of_the_namespace_is_without_a_policy() -> None:
    assert one("defaults", "NetworkPolicy", "default-deny")["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


@pytest.mark.parametrize("caller", [APP, POSTGRESQL, OTHER])
def test_everybody_may_ask_for_names(caller: End) -> None:
    policies = found("defaults", "NetworkPolicy")
    assert open_to(policies, caller, DNS, 53, "UDP")
    assert not open_to(policies, caller, End("kube-system", {"k8s-app": "other"}), 53, "UDP")


def test_backups_are_let_in_where_they_are_let_out_by_a_policy_of_their_own() -> None:
    """Their own section opens the way out."""
    policies = [
        each
        for each in found("defaults", "NetworkPolicy")
        if each["metadata"]["name"] in ("postgresql", "redis")
    ]
    assert open_to(policies, BACKUPS, POSTGRESQL, 5432)
    assert open_to(policies, BACKUPS, REDIS, 6379)


def test_callers_in_the_mesh_and_servers_elsewhere_are_reached() -> None:
    policies = found("everything", "NetworkPolicy")
    app = End("production", {**APP.labels, "version": "blue"}, named=APP.named)
    assert open_to(policies, End("reports"), app, 8080)
    assert not open_to(policies, ELSEWHERE, app, 8080)
    assert open_to(policies, app, End(address="192.0.2.9"), 9200)
    assert open_to(policies, app, End(address="2001:db8::9"), 9200)
    assert not open_to(policies, app, WORLD, 9200)
    assert open_to(policies, End("reports"), JAEGER, 4317)


def test_without_a_mesh_prometheus_asks_the_application_itself() -> None:
    plain = objects(rendered("platform", {"istio": {"enabled": False}, "tracing": {"enabled": False}}))
    policies = [each for each in plain if each["kind"] == "NetworkPolicy"]
    assert open_to(policies, PROMETHEUS, APP, 8080)
    assert not open_to(policies, GATEWAY, APP, 8080)


# -- how much -----------------------------------------------------------------------------------

UNITS: Final = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def amount(quantity: Any) -> float:
    """A quantity of Kubernetes as a number: cores, or bytes."""
    written = str(quantity)
    for unit, factor in UNITS.items():
        if written.endswith(unit):
            return float(written.removesuffix(unit)) * factor
    return float(written)


def _takes(found_: Manifest, what: str, resource: str) -> float:
    """What one pod asks for or may take; its proxy, which is injected, by its annotations."""
    template = pod(found_, "production")
    assert template is not None

    def of(container: Manifest) -> float:
        return amount((container.get("resources") or {}).get(what, {}).get(resource, 0))

    before = max((of(each) for each in template.spec.get("initContainers") or ()), default=0)
    total = max(before, sum(of(each) for each in template.spec["containers"]))
    if template.labels.get("sidecar.istio.io/inject") == "true":
        annotations = found_["spec"]["template"]["metadata"]["annotations"]
        suffix = {"requests": "", "limits": "Limit"}[what]
        total += amount(
            annotations[
                f"sidecar.istio.io/proxy{resource.replace('cpu', 'CPU').replace('mem', 'Mem')}{suffix}"
            ]
        )
    return total


@functools.cache
def _in_production(platform: str) -> list[Manifest]:
    """Everything of the chart, whichever section it is of."""
    return [
        each
        for each in objects(text(platform))
        if each["metadata"].get("namespace", "production") == "production"
    ]


def _most(workload: Manifest, there: list[Manifest]) -> int:
    """So many pods of it at most: scaled up, and while they are replaced."""
    scaled = [
        each["spec"]["maxReplicas"]
        for each in there
        if each["kind"] == "HorizontalPodAutoscaler"
        and each["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"]
    ]
    surge = 1 if workload["kind"] == "Deployment" else 0
    return int(max([workload["spec"].get("replicas", 1), *scaled])) + surge


@pytest.mark.parametrize("platform", ["defaults", "canary", "everything"])
def test_all_that_the_chart_renders_fits_into_the_quota_at_its_largest(platform: str) -> None:
    there = _in_production(platform)
    workloads = [(each, _most(each, there)) for each in there if pod(each, "production")]
    hard = one(platform, "ResourceQuota")["spec"]["hard"]
    for what in ("requests", "limits"):
        for resource in ("cpu", "memory"):
            taken = sum(_takes(each, what, resource) * pods for each, pods in workloads)
            assert 0 < taken <= amount(hard[f"{what}.{resource}"]), (what, resource)
    assert sum(pods for _, pods in workloads) <= int(hard["pods"])
    claims = [each["spec"] for each in there if each["kind"] == "PersistentVolumeClaim"]
    assert len(claims) <= int(hard["persistentvolumeclaims"])
    assert sum(amount(each["resources"]["requests"]["storage"]) for each in claims) <= amount(
        hard["requests.storage"]
    )


def test_the_sum_that_values_yaml_states_is_the_sum() -> None:
    """Blue and green at their largest."""
    there = _in_production("everything")
    workloads = [(each, _most(each, there)) for each in there if each["kind"] == "Deployment"]
    assert [pods for _, pods in workloads] == [10, 10]
    sums = {
        (what, resource): sum(_takes(each, what, resource) * pods for each, pods in workloads)
        for what in ("requests", "limits")
        for resource in ("cpu", "memory")
    }
    mebi = 2**20
    assert {key: round(value, 6) for key, value in sums.items()} == {
        ("requests", "cpu"): 7,
        ("requests", "memory"): 7680 * mebi,
        ("limits", "cpu"): 30,
        ("limits", "memory"): 15360 * mebi,
    }


def test_no_container_takes_more_than_any_may() -> None:
    (limit,) = one("defaults", "LimitRange")["spec"]["limits"]
    for workload in _in_production("defaults"):
        template = pod(workload, "production")
        for container in template.containers if template else ():
            for resource, most in limit["max"].items():
                limits = container["resources"].get("limits", {})
                assert amount(limits.get(resource, 0)) <= amount(most), container["name"]
