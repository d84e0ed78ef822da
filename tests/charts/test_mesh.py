"""The sections app, istio, tracing and security of charts/platform: what they render is valid and stable."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import yaml

from tests.charts import crosschecks, mesh
from tests.charts.helm import CHARTS, Refused, helm, rendered
from tests.charts.mesh import EXTERNAL, GOLDEN, HOSTILE, PLATFORMS, SECTIONS, STRANGERS, found, one
from tests.charts.schemas import problems


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_rendered_is_valid_and_fits_together(platform: str) -> None:
    there = found(platform)
    assert [text for each in there for text in problems(each)] == []
    assert crosschecks.problems(there, external=EXTERNAL, others=STRANGERS) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_rendered_by_default_was_read_by_somebody(section: str) -> None:
    """After a change: `python -m tests.charts.mesh`, and read the difference."""
    assert mesh.golden(section) == (GOLDEN / f"platform-{section}.yaml").read_text(encoding="utf-8")


def test_the_same_values_render_the_same_text() -> None:
    assert rendered("platform", PLATFORMS["everything"]) == mesh.text("everything")


def test_with_every_section_off_nothing_of_them_is_rendered() -> None:
    assert found("nothing") == []


def test_texts_from_values_stay_texts() -> None:
    (container,) = one("hostile", "Deployment")["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert (environment["TEXT"], environment["NUMBER"], environment["EMPTY"]) == (HOSTILE, "0o17", "")
    assert one("hostile", "ServiceAccount")["metadata"]["annotations"]["note"] == HOSTILE
    (rule,) = one("hostile", "RequestAuthentication")["spec"]["jwtRules"]
    assert rule["audiences"] == [HOSTILE]
    (log,) = one("hostile", "Telemetry", "y")["spec"]["accessLogging"]
    assert log["filter"]["expression"] == HOSTILE
    labels = one("hostile", "Service", "y")["metadata"]["labels"]
    assert (labels["environment"], labels["app.kubernetes.io/instance"]) == ("1e3", "123")
    assert {each["kind"] for each in found("hostile")} == {each["kind"] for each in found("defaults")} - {
        "HorizontalPodAutoscaler"
    }


# -- bad values ---------------------------------------------------------------------------------


def _full() -> dict[str, Any]:
    """Values that have every key that there is."""
    return mesh.values("everything")


def _maps(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
        for key, inner in value.items():
            yield from _maps(inner, f"{path}/{key.replace('/', '~1')}")


def _refused(values: dict[str, Any]) -> str:
    with pytest.raises(Refused) as refusal:
        rendered("platform", values)
    return str(refusal.value)


def test_every_misspelt_key_is_refused_by_its_place() -> None:
    misspelt = _full()
    places = [path for path, inner in list(_maps(misspelt)) if path]
    for path, inner in list(_maps(misspelt)):
        if path:
            inner["misspelt"] = 1
    said = _refused(misspelt)
    refused = re.findall(r"at '([^']+)': (?:additional properties 'misspelt' not allowed|got)", said)
    assert {place.removesuffix("/misspelt") for place in refused} == set(places)


def test_every_value_of_a_wrong_type_is_refused_by_its_place() -> None:
    """Each value becomes a list, and each list a number."""
    wrong = _full()
    places = set()
    for path, inner in list(_maps(wrong)):
        for key, value in inner.items():
            if not isinstance(value, dict):
                inner[key] = 1 if isinstance(value, list) else ["wrong"]
                places.add(f"{path}/{key.replace('/', '~1')}")
    assert set(re.findall(r"at '([^']+)': (?:got|value must be one of)", _refused(wrong))) >= places


def _notes(platform: str) -> str:
    """What Helm says when it has installed one."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(PLATFORMS[platform], file)
        file.flush()
        said = helm(
            *("install", "platform", CHARTS / "platform", "--namespace", "production"),
            *("--dry-run=client", "--values", file.name),
        )
    return said.partition("\nNOTES:\n")[2]


def test_the_notes_name_what_was_installed_and_what_a_chart_cannot_do() -> None:
    notes = _notes("canary")
    assert "  machine-native-ops-canary: 1.1.0, 10 % of the requests\n" in notes
    assert "SHARED_MESH_CONFIG=platform-mesh\n" in notes
    named = {
        (
            "Certificate",
            "machine-native-ops",
        ): "istio-system get certificates.cert-manager.io machine-native-ops",
        ("Service", "jaeger-query"): "istio-system port-forward service/jaeger-query 16686",
    }
    for (kind, name), command in named.items():
        assert one("canary", kind, name)["metadata"]["namespace"] == command.split()[0]
        assert f"  kubectl --namespace {command}\n" in notes
    assert "The proxy checks redis.production.svc.cluster.local by `ca.crt` of the Secret redis-ca" in notes


def test_where_nothing_of_it_is_installed_nothing_is_noted_of_it() -> None:
    assert not re.search("mesh|Traces", _notes("nothing"))


IMPOSSIBLE: Final = {
    "app.name": "Machine Native Ops",
    "app.versions.stable.tag": "latest",
    "app.versions.stable.digest": "sha256:12",
    "app.versions.stable.weight": 101,
    "app.port": 80,
    "app.user": 0,
    "app.resources.limits.memory": "512 MB",
    "app.dependencies.redis.port": 0,
    "istio.loadBalancing": "LEAST_CONN",
    "istio.gateway.tls.minimum": "TLSV1_1",
    "istio.gateway.tls.ciphers": ["AES128-SHA"],
    "istio.routing.timeout": "25",
    "istio.jwt.issuer": "http://auth.example.com",
    "tracing.sampling": 101,
    "tracing.propagators": ["zipkin"],
    "tracing.jaeger.retention": "7d",
    "tracing.collector.host": "jaeger:4317",
    "security.application.podSecurity": "strict",
    "security.network.pods.redis.in.members.cidrs": ["10.0.0.0/33"],
}


def test_a_value_that_cannot_be_right_is_refused_by_its_place() -> None:
    said = _refused(_laid(IMPOSSIBLE))
    places = [f"at '/{place.replace('.', '/')}" for place in IMPOSSIBLE]
    assert [place for place in places if place not in said] == []


def test_somebody_is_named_by_labels_or_by_addresses_and_not_by_both() -> None:
    said = _refused({"security": {"network": {"pods": {"redis": {"in": {"members": {"cidrs": ["::/0"]}}}}}}})
    assert "at '/security/network/pods/redis/in/members'" in said


def _laid(values: Mapping[str, object]) -> dict[str, Any]:
    """Values by their places, as Helm takes them."""
    laid: dict[str, Any] = {}
    for place, value in values.items():
        inner = laid
        *way, last = place.split(".")
        for key in way:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return laid


LONG: Final = "a-name-that-is-much-too-long-for-kubernetes-to-take"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {
                "app.versions.stable.replicas": 4,
                "app.versions.stable.maxReplicas": 2,
                f"app.versions.{LONG}": {"tag": "1", "replicas": 1, "weight": 1},
                "app.rollout.maxSurge": 0,
                "app.drain": 45,
                "app.dependencies.postgresql.tls": "proxy",
                "app.dependencies.redis.pods": None,
                "istio.enabled": False,
                "tracing.jaeger.enabled": False,
            },
            [
                f"app.versions.{LONG}: machine-native-ops-{LONG} is longer than 63 characters",
                "app.versions.stable.maxReplicas: 2 is less than replicas, 4",
                "app.versions: the weights add up to 101, not to 100",
                "app.versions.stable.replicas: 4 pods cannot be spread evenly over app.availability.zones, 3",
                "app.rollout: maxSurge and maxUnavailable are both 0: no pod could ever be replaced",
                "app.gracePeriod: 45 s is not longer than app.drain, 45 s",
                "app.versions: without the mesh (istio.enabled) nothing splits the requests, "
                "so there can only be one",
                "app.dependencies.redis: with neither pods nor cidrs nothing opens the way to it",
                "app.dependencies.postgresql.tls: PostgreSQL asks for TLS within its own protocol, "
                "which the proxy does not speak: it has to be `application`",
                "tracing.collector.host: without tracing.jaeger.enabled it has to say where spans go",
            ],
        ),
        (
            {
                "app.availability.minimum": 67,
                "app.rollout.maxUnavailable": 2,
                "istio.enabled": False,
                "tracing.collector.host": "otel.observability.svc.cluster.local",
            },
            [
                "app.availability.minimum: without one of 3 zones 2 of 3 pods are left, "
                "and 67 % of them are 3",
                "app.rollout.maxUnavailable: it leaves 1 of 3 pods, "
                "and app.availability.minimum, 67 %, are 3",
                "tracing.collector.host: otel.observability.svc.cluster.local and tracing.jaeger.enabled: "
                "spans go to one of them",
            ],
        ),
        (
            {
                "app.drain": 21,
                "app.probes.readiness.failures": 7,
                "istio.connections.connectTimeout": "7s",
                "istio.routing.perTryTimeout": "7s",
                "istio.outlier.interval": "31s",
                "istio.outlier.maxPercent": 67,
                "istio.gateway.certificate.duration": "90h",
                "istio.gateway.certificate.renewBefore": "90h",
                "istio.gateway.certificate.size": 2048,
                "istio.gateway.tls.ciphers": ["ECDHE-RSA-AES256-GCM-SHA384"],
                "istio.gateway.tls.minimum": "TLSV1_3",
                "istio.gateway.tls.maximum": "TLSV1_2",
                "security.quota.pods": 9,
                "security.quota.limits.cpu": "14",
                "security.quota.requests.memory": "3Gi",
            },
            [
                "istio.routing.perTryTimeout: (1 + 3) tries of 7s and their pauses take 28275 ms, "
                "which is more than istio.routing.timeout, 25s",
                "istio.connections.connectTimeout: 7s is not less than istio.routing.perTryTimeout, 7s",
                "app.gracePeriod: after app.drain, 21 s, it leaves less than a request may take "
                "(istio.routing.timeout, 25s)",
                "istio.outlier.interval: 2 * 31s is more than istio.outlier.within, 60s",
                "app.probes.readiness: 7 * 10 s is more than istio.outlier.within, 60s",
                "istio.outlier.maxPercent: with 67 % put aside 1 of 3 pods are left, "
                "and app.availability.minimum, 66 %, are 2",
                "istio.gateway.certificate.renewBefore: 90h is not less than duration, 90h",
                "istio.gateway.certificate.size: 2048 is none of 256, 384, 521, which there are for ECDSA",
                "istio.gateway.tls.ciphers: none of them goes with a certificate of ECDSA",
                "istio.gateway.tls.minimum: TLSV1_3 is above maximum, TLSV1_2",
                "security.quota.pods: the application has up to 10 pods, and 9 are allowed",
                "security.quota.requests.memory: the application takes up to 3840Mi, and 3Gi are allowed",
                "security.quota.limits.cpu: the application takes up to 15000m, and 14 are allowed",
            ],
        ),
        (
            {
                "app.gracePeriod": 60,
                "istio.routing.timeout": "30s",
                "istio.outlier.maxPercent": 33,
                "security.quota.requests.cpu": "3",
                "security.quota.limits.memory": "7Gi",
                "security.limitRange.enabled": False,
            },
            [
                "istio.routing.timeout: 30s is not less than istio.routing.within, 30s",
                "istio.outlier.maxPercent: 33 % of 3 pods is less than one: none would ever be put aside",
                "security.limitRange.enabled: a quota of limits refuses every pod that names none, "
                "such as those of the checks before an upgrade",
                "security.quota.requests.cpu: the application takes up to 3500m, and 3 are allowed",
                "security.quota.limits.memory: the application takes up to 7680Mi, and 7Gi are allowed",
            ],
        ),
        (
            {"app.enabled": False},
            ["istio.enabled: there is no application to protect (app.enabled: false)"],
        ),
    ],
)
def test_numbers_that_do_not_fit_each_other_are_all_refused_at_once_by_their_places(
    values: dict[str, object], said: list[str]
) -> None:
    refusal = _refused(_laid(values))
    assert re.findall(r"(?m)^- (.+)$", refusal) == said


def test_every_value_says_what_it_means() -> None:
    """Each key of the four sections has a comment above it, or above the map that it stands in."""
    lines = (CHARTS / "platform" / "values.yaml").read_text(encoding="utf-8").splitlines()
    node = yaml.compose("\n".join(lines))
    silent = []

    def walk(mapping: yaml.MappingNode, path: str, said: bool) -> None:
        for key, value in mapping.value:
            place = f"{path}.{key.value}".strip(".")
            above = lines[key.start_mark.line - 1].strip().startswith("#")
            told = above or said
            if isinstance(value, yaml.MappingNode) and value.value:
                walk(value, place, told)
            elif not told:
                silent.append(place)

    assert isinstance(node, yaml.MappingNode)
    for key, value in node.value:
        if key.value in SECTIONS:
            walk(value, key.value, said=False)
    assert silent == []
