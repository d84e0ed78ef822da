"""Traces of charts/platform: who makes spans, how many, with which tags, and how long they are kept."""

from typing import Any, Final
from urllib.parse import unquote

import pytest
import yaml

from tests.charts.helm import objects, rendered
from tests.charts.mesh import MESHED, found, one, provider, values

PARTS: Final = {
    "receivers": {"otlp"},
    "processors": {"memory_limiter", "attributes", "batch"},
    "exporters": {"jaeger_storage_exporter"},
    "extensions": {"jaeger_storage", "jaeger_query", "healthcheckv2"},
}


def _environment(platform: str) -> dict[str, str]:
    deployment, *_ = found(platform, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def _jaeger(platform: str = "defaults") -> dict[str, Any]:
    document = yaml.safe_load(one(platform, "ConfigMap", "jaeger")["data"]["jaeger.yaml"])
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(("platform", "percent"), [("defaults", 10), ("everything", 12.5)])
def test_the_proxies_and_the_application_sample_the_same_part(platform: str, percent: float) -> None:
    for telemetry in found(platform, "Telemetry"):
        (tracing,) = telemetry["spec"]["tracing"]
        assert tracing["randomSamplingPercentage"] == percent
    environment = _environment(platform)
    assert environment["OTEL_TRACES_SAMPLER"] == "parentbased_traceidratio"
    assert float(environment["OTEL_TRACES_SAMPLER_ARG"]) == percent / 100


def test_the_application_reads_w3c_b3_and_jaeger() -> None:
    assert _environment("defaults")["OTEL_PROPAGATORS"] == "tracecontext,baggage,b3,b3multi,jaeger"


@pytest.mark.parametrize("platform", MESHED)
def test_spans_go_by_otlp_to_a_service_that_takes_them(platform: str) -> None:
    host = provider(platform)["service"]
    assert _environment(platform)["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{host}:4318"
    assert _environment(platform)["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    if not values(platform)["tracing"]["jaeger"]["enabled"]:
        assert host == "otel.observability.svc.cluster.local"
        assert [each["metadata"]["name"] for each in found(platform, sections=("tracing",))] == []
        return
    service = one(platform, "Service", "jaeger-collector")
    assert host == f"jaeger-collector.{service['metadata']['namespace']}.svc.cluster.local"
    assert {each["name"]: each["port"] for each in service["spec"]["ports"]} == {
        "grpc-otlp": provider(platform)["port"],
        "http-otlp": 4318,
    }


@pytest.mark.parametrize(
    ("platform", "tags"),
    [
        ("defaults", {"environment": "production", "cluster": "production-1"}),
        (
            "everything",
            {
                "environment": "production",
                "cluster": "production-1",
                "team": "platform",
                "site": "west coast",
            },
        ),
    ],
)
def test_every_span_says_where_it_is_from(platform: str, tags: dict[str, str]) -> None:
    for telemetry in found(platform, "Telemetry"):
        (tracing,) = telemetry["spec"]["tracing"]
        assert {name: tag["literal"]["value"] for name, tag in tracing["customTags"].items()} == tags
    pairs = [pair.split("=", 1) for pair in _environment(platform)["OTEL_RESOURCE_ATTRIBUTES"].split(",")]
    assert {name: unquote(text) for name, text in pairs} == tags | {
        "deployment.environment.name": "production",
        "k8s.cluster.name": "production-1",
    }
    actions = _jaeger(platform)["processors"]["attributes"]["actions"]
    assert {each["key"]: each["value"] for each in actions} == tags
    assert {each["action"] for each in actions} == {"insert"}


def test_a_tag_of_any_text_arrives_as_it_is() -> None:
    tags = values("hostile")["tracing"]["tags"]
    pairs = dict(
        pair.split("=", 1) for pair in _environment("hostile")["OTEL_RESOURCE_ATTRIBUTES"].split(",")
    )
    assert {name: unquote(pairs[name]) for name in tags} == tags
    actions = {
        each["key"]: each["value"] for each in _jaeger("hostile")["processors"]["attributes"]["actions"]
    }
    # Jaeger reads $$ as $, and would take $5 for a variable.
    assert {name: actions[name].replace("$$", "$") for name in tags} == tags
    assert actions["cost"] == "$$5"


def test_jaegers_configuration_names_only_parts_that_it_sets_up_and_uses_all_of_them() -> None:
    """There is no Jaeger here to read it: these are the parts of cmd/jaeger of 2.13."""
    document = _jaeger()
    pipeline = document["service"]["pipelines"]["traces"]
    used = {kind: set(pipeline[kind]) for kind in pipeline} | {
        "extensions": set(document["service"]["extensions"])
    }
    assert used == PARTS
    assert {kind: set(document[kind]) for kind in PARTS} == PARTS
    assert set(document) == {"service", *PARTS}
    # What is refused must be refused first, and what is told must be whole: the order matters.
    assert pipeline["processors"] == ["memory_limiter", "attributes", "batch"]
    storage = document["extensions"]["jaeger_storage"]["backends"]
    assert set(storage) == {
        document["exporters"]["jaeger_storage_exporter"]["trace_storage"],
        document["extensions"]["jaeger_query"]["storage"]["traces"],
    }


def test_traces_are_kept_for_seven_days_on_a_volume() -> None:
    (badger,) = [each["badger"] for each in _jaeger()["extensions"]["jaeger_storage"]["backends"].values()]
    assert (badger["ephemeral"], badger["ttl"]) == (False, {"spans": "168h"})
    spec = one("defaults", "StatefulSet")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (claim,) = spec["volumeClaimTemplates"]
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == claim["metadata"]["name"]]
    assert all(place.startswith(f"{mount['mountPath']}/") for place in badger["directories"].values())


def test_jaeger_listens_where_its_container_says() -> None:
    document, (container,) = (
        _jaeger(),
        one("defaults", "StatefulSet")["spec"]["template"]["spec"]["containers"],
    )
    ports = {each["name"]: f"0.0.0.0:{each['containerPort']}" for each in container["ports"]}
    pull = document["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    assert ports == {
        "otlp-grpc": document["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"],
        "otlp-http": document["receivers"]["otlp"]["protocols"]["http"]["endpoint"],
        "query": document["extensions"]["jaeger_query"]["http"]["endpoint"],
        "metrics": f"{pull['host']}:{pull['port']}",
        "health": document["extensions"]["healthcheckv2"]["http"]["endpoint"],
    }


def test_a_port_of_its_services_is_the_same_port_of_its_container() -> None:
    (container,) = one("defaults", "StatefulSet")["spec"]["template"]["spec"]["containers"]
    numbers = {each["name"]: each["containerPort"] for each in container["ports"]}
    for name in ("jaeger-collector", "jaeger-query"):
        for port in one("defaults", "Service", name)["spec"]["ports"]:
            assert numbers[port["targetPort"]] == port["port"]


def test_a_changed_configuration_restarts_jaeger() -> None:
    def checksum(platform: str) -> str:
        annotations = one(platform, "StatefulSet")["spec"]["template"]["metadata"]["annotations"]
        return str(annotations["checksum/configuration"])

    assert checksum("defaults") != checksum("everything")


def test_with_tracing_off_nobody_makes_spans() -> None:
    off = objects(rendered("platform", {"tracing": {"enabled": False}}))
    telemetries = [each["spec"]["tracing"] for each in off if each["kind"] == "Telemetry"]
    assert telemetries == [[{"disableSpanReporting": True}]] * 2
    assert "OTEL_" not in str(off)
    assert "jaeger" not in str([each for each in off if each["metadata"]["name"] == "machine-native-ops"])
