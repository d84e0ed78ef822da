"""The application of charts/platform: three pods in three zones, of which two always stay."""

import math
from typing import Any

import pytest

from tests.charts.helm import Manifest
from tests.charts.mesh import found, one, values


def _deployment(platform: str = "defaults", name: str = "") -> Manifest:
    return one(platform, "Deployment", name)


def _pod(platform: str = "defaults", name: str = "") -> Manifest:
    template = _deployment(platform, name)["spec"]["template"]
    assert isinstance(template, dict)
    return template


def _container(platform: str = "defaults", name: str = "") -> dict[str, Any]:
    (only,) = _pod(platform, name)["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def _environment(platform: str, name: str = "") -> dict[str, str]:
    return {each["name"]: each["value"] for each in _container(platform, name).get("env", [])}


def test_three_pods_stand_in_three_zones_and_a_zone_that_is_down_does_not_hold_the_others_back() -> None:
    assert one("defaults", "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 3
    zone, host = _pod()["spec"]["topologySpreadConstraints"]
    assert (zone["topologyKey"], zone["maxSkew"], zone["whenUnsatisfiable"], zone["nodeTaintsPolicy"]) == (
        *("topology.kubernetes.io/zone", 1, "DoNotSchedule"),
        "Honor",
    )
    assert (host["topologyKey"], host["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    for constraint in (zone, host):
        assert constraint["labelSelector"] == _deployment()["spec"]["selector"]


def test_two_of_three_stay_while_pods_are_moved_and_replaced() -> None:
    budget = one("defaults", "PodDisruptionBudget")["spec"]
    assert budget["selector"] == _deployment()["spec"]["selector"]
    stay = math.ceil(3 * int(budget["minAvailable"].removesuffix("%")) / 100)
    assert (budget["minAvailable"], stay) == ("66%", 2)
    assert _deployment()["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }


def test_where_no_pod_could_be_moved_there_is_no_budget() -> None:
    """A canary of one pod would keep its node from ever being drained."""
    assert [each["metadata"]["name"] for each in found("canary", "PodDisruptionBudget")] == [
        "machine-native-ops-stable"
    ]
    assert found("small", "PodDisruptionBudget") == []


def test_what_scales_by_itself_has_no_number_of_pods_of_its_own() -> None:
    """An upgrade would set it back."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: (each["spec"]["minReplicas"], each["spec"]["maxReplicas"])
        for each in found("canary", "HorizontalPodAutoscaler")
    }
    assert scaled == {"machine-native-ops-stable": (3, 9)}
    assert {
        each["metadata"]["name"]: each["spec"].get("replicas") for each in found("canary", "Deployment")
    } == {"machine-native-ops-canary": 1, "machine-native-ops-stable": None}


def test_the_autoscaler_looks_at_the_applications_own_container() -> None:
    (metric,) = one("defaults", "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["containerResource"] == {
        "container": _container()["name"],
        "name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 70},
    }


def test_pods_leave_a_node_that_is_gone_early_enough_for_a_failover_within_five_minutes() -> None:
    """Kubernetes notices within 50 s; the startup probe gives a new pod two and a half minutes."""
    seconds = {each["tolerationSeconds"] for each in _pod()["spec"]["tolerations"]}
    startup = _container()["startupProbe"]
    assert seconds == {60}
    assert 50 + 60 + startup["periodSeconds"] * startup["failureThreshold"] < 300


def test_a_pod_that_goes_first_leaves_the_service_and_then_answers_what_it_has() -> None:
    spec = _pod()["spec"]
    drain = _container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    (way, *_) = one("defaults", "VirtualService")["spec"]["http"]
    assert (drain, way["timeout"], spec["terminationGracePeriodSeconds"]) == (5, "25s", 45)


def test_every_version_is_a_deployment_of_its_own_image() -> None:
    assert {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]["image"]
        for each in found("everything", "Deployment")
    } == {
        "machine-native-ops-blue": "registry.example.com:5000/team/machine-native-ops:1.0.0",
        "machine-native-ops-green": (
            f"registry.example.com:5000/team/machine-native-ops:1.1.0@sha256:{'5' * 64}"
        ),
    }


def test_it_is_told_where_what_it_needs_is_and_a_value_of_its_own_goes_before() -> None:
    assert {
        name: text for name, text in _environment("defaults").items() if not name.startswith("OTEL_")
    } == {
        "POSTGRESQL_HOST": "postgresql.machinenativeops.internal",
        "POSTGRESQL_PORT": "5432",
        "REDIS_HOST": "redis.machinenativeops.internal",
        "REDIS_PORT": "6379",
    }
    everything = _environment("everything", "machine-native-ops-blue")
    assert (everything["LOG_LEVEL"], everything["POSTGRESQL_PORT"]) == ("debug", "6432")
    names = [each["name"] for each in _container("everything", "machine-native-ops-blue")["env"]]
    assert len(names) == len(set(names))


def test_without_a_mesh_it_is_told_the_addresses_themselves() -> None:
    assert _environment("no-mesh")["REDIS_HOST"] == "redis.production.svc.cluster.local"
    assert "sidecar.istio.io/inject" not in _pod("no-mesh")["metadata"]["labels"]


@pytest.mark.parametrize("platform", ["defaults", "canary", "everything", "small"])
def test_the_service_reaches_the_pods_of_every_version_and_their_metrics_are_found(platform: str) -> None:
    app = values(platform)["app"]
    service = one(platform, "Service", app["name"])["spec"]
    assert {each["metadata"]["name"] for each in found(platform, "Deployment")} == {
        f"{app['name']}-{version}" for version in app["versions"]
    }
    for deployment in found(platform, "Deployment"):
        metadata = deployment["spec"]["template"]["metadata"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert service["selector"].items() <= metadata["labels"].items()
        assert metadata["annotations"]["prometheus.io/port"] == str(container["ports"][0]["containerPort"])
