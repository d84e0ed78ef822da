"""The mesh of charts/platform beyond what types can say: names, weights, times, and who may do what."""

import json
import re
from typing import Any, Final

import pytest
import yaml

from tests.charts.authorization import Request, allowed
from tests.charts.helm import ROOT, Manifest
from tests.charts.mesh import MESHED, found, mesh_config, one, provider, values

# By what a port's name may begin, so that a proxy knows what is spoken there.
PROTOCOLS: Final = {"grpc", "http", "http2", "https", "tcp", "tls"}
TOKEN: Final = "https://auth.machinenativeops.com/somebody"
GATEWAY: Final = "cluster.local/ns/istio-system/sa/istio-ingressgateway"


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


def _versions(platform: str) -> dict[str, Any]:
    versions = values(platform)["app"]["versions"]
    assert isinstance(versions, dict)
    return versions


# -- the way in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", MESHED)
def test_the_gateways_names_are_certified_and_routed(platform: str) -> None:
    gateway, certificate = one(platform, "Gateway"), one(platform, "Certificate")
    routes = one(platform, "VirtualService")
    https, http = gateway["spec"]["servers"]
    hosts = [host.removeprefix("production/") for host in https["hosts"]]
    service, *outside = routes["spec"]["hosts"]
    app = values(platform)["app"]["name"]

    assert certificate["spec"]["dnsNames"] == hosts == outside
    assert service == f"{app}.production.svc.cluster.local"
    assert http["hosts"] == https["hosts"] == [f"production/{host}" for host in hosts]
    assert http["tls"] == {"httpsRedirect": True}
    assert https["tls"]["credentialName"] == certificate["spec"]["secretName"]
    place = gateway["metadata"]["namespace"]
    assert certificate["metadata"]["namespace"] == place
    assert routes["spec"]["gateways"] == [f"{place}/{gateway['metadata']['name']}", "mesh"]


def test_the_world_speaks_tls_1_2_to_1_3_with_ciphers_that_have_forward_secrecy() -> None:
    tls = one("defaults", "Gateway")["spec"]["servers"][0]["tls"]
    assert (tls["mode"], tls["minProtocolVersion"], tls["maxProtocolVersion"]) == (
        *("SIMPLE", "TLSV1_2"),
        "TLSV1_3",
    )
    assert tls["cipherSuites"] == [
        f"ECDHE-{key}-{cipher}"
        for key in ("ECDSA", "RSA")
        for cipher in ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")
    ]


def test_the_certificate_is_renewed_with_a_new_key_before_anybody_is_told_that_it_is_not() -> None:
    """CertificateExpiringSoon tells at 14 days."""
    spec = one("defaults", "Certificate")["spec"]
    assert spec["privateKey"] == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}
    assert (_seconds(spec["duration"]) / 86400, _seconds(spec["renewBefore"]) / 86400) == (90, 30)
    rule = (ROOT / "rules/prometheus/certificates.yaml").read_text(encoding="utf-8")
    assert max(int(days) for days in re.findall(r"< (\d+) \* 86400", rule)) == 14


# -- where requests go --------------------------------------------------------------------------


@pytest.mark.parametrize("platform", MESHED)
def test_every_version_gets_its_percent_of_the_requests(platform: str) -> None:
    weights = {name: version["weight"] for name, version in _versions(platform).items()}
    ways = one(platform, "VirtualService")["spec"]["http"]
    for way in [way for way in ways if not any("headers" in each for each in way.get("match", ()))]:
        assert {each["destination"]["subset"]: each["weight"] for each in way["route"]} == weights
    for way in ways:
        assert sum(each["weight"] for each in way["route"]) == 100


@pytest.mark.parametrize("platform", MESHED)
def test_a_subset_has_the_pods_of_its_version_and_no_others(platform: str) -> None:
    rule = one(platform, "DestinationRule", values(platform)["app"]["name"])["spec"]
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in found(platform, "Deployment")
    }
    assert {
        subset["name"]: [name for name, labels in pods.items() if subset["labels"].items() <= labels.items()]
        for subset in rule["subsets"]
    } == {version: [f"{values(platform)['app']['name']}-{version}"] for version in _versions(platform)}


@pytest.mark.parametrize("platform", MESHED)
def test_every_request_finds_a_way_and_every_way_a_request(platform: str) -> None:
    """The last one asks for nothing; none before it does, or the rest would never be reached."""
    ways = one(platform, "VirtualService")["spec"]["http"]
    assert ["match" in way for way in ways] == [True] * (len(ways) - 1) + [False]
    names = [way["name"] for way in ways]
    assert len(set(names)) == len(names)


def test_a_header_chooses_a_version_whatever_its_weight() -> None:
    ways = one("everything", "VirtualService")["spec"]["http"]
    assert [
        (way["name"], way.get("match"), [each["destination"]["subset"] for each in way["route"]])
        for way in ways[:4]
    ] == [
        (
            f"{kind}-of-{version}",
            [{"headers": {"x-version": {"exact": version}}, **method}],
            [version],
        )
        for version in ("blue", "green")
        for kind, method in (("repeatable", {"method": {"regex": "GET|HEAD|OPTIONS"}}), ("others", {}))
    ]


# -- times --------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", MESHED)
def test_all_tries_of_a_request_and_the_pauses_between_them_take_less_than_thirty_seconds(
    platform: str,
) -> None:
    for way in one(platform, "VirtualService")["spec"]["http"]:
        retries = way["retries"]
        assert retries["attempts"] == 3
        assert _seconds(way["timeout"]) < 30
        if "perTryTimeout" in retries:
            tries = (1 + 3) * _seconds(retries["perTryTimeout"])
            pauses = sum(min((2**n - 1) * 0.025, 0.25) for n in (1, 2, 3))
            assert tries + pauses <= _seconds(way["timeout"])


def test_only_what_may_be_done_twice_is_tried_again_after_it_may_have_begun() -> None:
    repeatable, others = one("defaults", "VirtualService")["spec"]["http"]
    before_it_began = {"connect-failure", "refused-stream", "reset-before-request"}
    assert set(others["retries"]["retryOn"].split(",")) == before_it_began
    assert set(repeatable["retries"]["retryOn"].split(",")) == before_it_began | {
        "unavailable",
        "gateway-error",
    }
    # A try that is cut short and not repeated would be a shorter timeout.
    assert ("perTryTimeout" in repeatable["retries"], "perTryTimeout" in others["retries"]) == (True, False)


@pytest.mark.parametrize("platform", MESHED)
def test_a_pod_that_fails_is_put_aside_within_a_minute_and_two_thirds_stay(platform: str) -> None:
    rule = one(platform, "DestinationRule", values(platform)["app"]["name"])["spec"]["trafficPolicy"]
    outlier = rule["outlierDetection"]
    assert outlier["consecutive5xxErrors"] == 5
    assert 2 * _seconds(outlier["interval"]) == 60
    probe = one(
        platform, "Deployment", f"{values(platform)['app']['name']}-{next(iter(_versions(platform)))}"
    )
    (container,) = probe["spec"]["template"]["spec"]["containers"]
    ready = container["readinessProbe"]
    assert ready["periodSeconds"] * ready["failureThreshold"] <= 60

    # Envoy puts a pod aside if the share with it is not above the percentage.
    aside = [pods for pods in range(4) if 100 * pods / 3 <= outlier["maxEjectionPercent"]]
    assert max(aside) == 1


def test_load_goes_to_the_less_busy_pod_on_a_hundred_connections() -> None:
    policy = one("defaults", "DestinationRule", "machine-native-ops")["spec"]["trafficPolicy"]
    assert policy["loadBalancer"] == {"simple": "LEAST_REQUEST", "localityLbSetting": {"enabled": False}}
    assert policy["connectionPool"]["tcp"]["maxConnections"] == 100
    other = one("everything", "DestinationRule", "machine-native-ops")["spec"]["trafficPolicy"]
    assert other["loadBalancer"]["simple"] == "ROUND_ROBIN"


# -- who may do what ----------------------------------------------------------------------------


@pytest.mark.parametrize("platform", MESHED)
def test_every_pod_of_the_namespace_speaks_mutual_tls_and_nothing_else(platform: str) -> None:
    peers = one(platform, "PeerAuthentication")
    assert peers["metadata"] | {"labels": None} == {
        "name": "default",
        "namespace": "production",
        "labels": None,
    }
    assert peers["spec"] == {"mtls": {"mode": "STRICT"}}
    app = one(platform, "DestinationRule", values(platform)["app"]["name"])["spec"]
    assert app["trafficPolicy"]["tls"] == {"mode": "ISTIO_MUTUAL"}


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (Request(GATEWAY, token=TOKEN), True),
        (Request(GATEWAY, method="DELETE", path="/api/x", token=TOKEN), True),
        (Request(GATEWAY), False),
        (Request(GATEWAY, token="https://elsewhere.example.com/somebody"), False),
        (Request(GATEWAY, path="/healthz"), True),
        (Request(GATEWAY, path="/healthz", method="POST"), False),
        (Request(GATEWAY, path="/healthz/more"), False),
        (Request(GATEWAY, port="9000", token=TOKEN), False),
        (Request("cluster.local/ns/istio-system/sa/istiod", token=TOKEN), False),
        (Request("cluster.local/ns/elsewhere/sa/istio-ingressgateway", token=TOKEN), False),
        (Request("", token=TOKEN), False),
        (Request("", path="/healthz"), False),
    ],
)
def test_the_gateway_brings_tokens_and_nobody_else_comes_in(request_: Request, answer: bool) -> None:
    labels = one("defaults", "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert allowed(found("defaults", "AuthorizationPolicy"), labels, request_) is answer


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (Request("cluster.local/ns/reports/sa/reports", path="/api/x"), True),
        (Request("cluster.local/ns/reports/sa/reports", path="/x"), False),
        (Request("cluster.local/ns/reports/sa/reports", path="/api/x", method="POST"), False),
        (Request("cluster.local/ns/reports/sa/office", path="/x", method="POST", token=TOKEN), True),
        (Request("cluster.local/ns/reports/sa/office", path="/x"), False),
        (Request("cluster.local/ns/reports/sa/default", path="/api/x"), False),
    ],
)
def test_a_caller_may_what_its_own_policy_says(request_: Request, answer: bool) -> None:
    labels = one("everything", "Deployment", "machine-native-ops-blue")["spec"]["template"]["metadata"][
        "labels"
    ]
    assert allowed(found("everything", "AuthorizationPolicy"), labels, request_) is answer


def test_other_pods_of_the_namespace_take_nothing_unless_a_policy_of_theirs_says_so() -> None:
    policies = found("defaults", "AuthorizationPolicy")
    assert not allowed(policies, {"app": "other"}, Request(GATEWAY, token=TOKEN))


def test_tokens_are_those_of_the_issuer_for_this_application() -> None:
    spec = one("defaults", "RequestAuthentication")["spec"]
    assert spec["jwtRules"] == [
        {
            "issuer": "https://auth.machinenativeops.com",
            "jwksUri": "https://auth.machinenativeops.com/.well-known/jwks.json",
            "audiences": ["api.machinenativeops.com"],
            "forwardOriginalToken": True,
        }
    ]


# -- the way out --------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ["defaults", "everything"])
def test_what_the_application_is_told_of_is_what_the_mesh_knows(platform: str) -> None:
    deployment, *_ = found(platform, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    told = {each["value"] for each in container["env"] if each["name"].endswith("_HOST")}
    entries = found(platform, "ServiceEntry")
    assert {host for each in entries for host in each["spec"]["hosts"]} == told
    for entry in entries:
        name = entry["metadata"]["name"]
        assert one(platform, "DestinationRule", name)["spec"]["host"] == entry["spec"]["hosts"][0]
        assert entry["spec"]["exportTo"] == ["."]
    assert {each["metadata"]["name"] for each in entries} == set(values(platform)["app"]["dependencies"])


def test_redis_is_asked_by_tls_that_is_checked_and_postgresql_by_its_own() -> None:
    redis = one("defaults", "DestinationRule", "redis")["spec"]["trafficPolicy"]
    assert redis["tls"] == {
        "mode": "SIMPLE",
        "sni": "redis.production.svc.cluster.local",
        "subjectAltNames": ["redis.production.svc.cluster.local"],
        "caCertificates": "/etc/authorities/redis/ca.crt",
    }
    postgresql = one("defaults", "DestinationRule", "postgresql")["spec"]["trafficPolicy"]
    assert postgresql["tls"] == {"mode": "DISABLE"}
    search = one("everything", "DestinationRule", "search")["spec"]["trafficPolicy"]
    assert search["tls"] == {
        "mode": "SIMPLE",
        "sni": "search.example.com",
        "subjectAltNames": ["search.example.com"],
    }


def test_a_proxy_finds_the_authority_of_what_it_checks() -> None:
    annotations = one("defaults", "Deployment")["spec"]["template"]["metadata"]["annotations"]
    volumes = json.loads(annotations["sidecar.istio.io/userVolume"])
    mounts = json.loads(annotations["sidecar.istio.io/userVolumeMount"])
    assert volumes == {
        "ca-redis": {"secret": {"secretName": "redis-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    }
    assert mounts == {"ca-redis": {"mountPath": "/etc/authorities/redis", "readOnly": True}}


@pytest.mark.parametrize("platform", MESHED)
def test_the_applications_proxy_knows_no_more_than_it_needs(platform: str) -> None:
    spec = one(platform, "Sidecar")["spec"]
    labels = found(platform, "Deployment")[0]["spec"]["template"]["metadata"]["labels"]
    assert spec["workloadSelector"]["labels"].items() <= labels.items()
    assert spec["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
    (egress,) = spec["egress"]
    collector = provider(platform)["service"]
    assert egress["hosts"] == [
        "./*",
        "istio-system/*",
        f"*/{collector}",
        *values(platform)["istio"]["egress"],
    ]


# -- proxies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", MESHED)
def test_pods_are_injected_with_a_proxy_that_outlives_what_they_answer(platform: str) -> None:
    revision = values(platform)["istio"]["revision"]
    for deployment in found(platform, "Deployment"):
        metadata = deployment["spec"]["template"]["metadata"]
        assert metadata["labels"]["sidecar.istio.io/inject"] == "true"
        assert metadata["labels"].get("istio.io/rev", "") == revision
        assert json.loads(metadata["annotations"]["proxy.istio.io/config"]) == {
            "holdApplicationUntilProxyStarts": True,
            "terminationDrainDuration": "40s",
            "proxyMetadata": {
                "ISTIO_META_DNS_CAPTURE": "true",
                "ISTIO_META_DNS_AUTO_ALLOCATE": "true",
                "EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true",
                "MINIMUM_DRAIN_DURATION": "5s",
            },
        }


@pytest.mark.parametrize("platform", MESHED)
def test_ports_are_named_by_what_is_spoken_there(platform: str) -> None:
    for service in found(platform, "Service"):
        for port in service["spec"]["ports"]:
            assert port["name"].split("-")[0] == port["appProtocol"]
            assert port["appProtocol"] in PROTOCOLS
    for entry in found(platform, "ServiceEntry", "Gateway"):
        ports = entry["spec"].get("ports") or [each["port"] for each in entry["spec"]["servers"]]
        assert {each["name"].split("-")[0] for each in ports} == {each["protocol"].lower() for each in ports}


@pytest.mark.parametrize("platform", MESHED)
def test_istiod_is_told_what_a_chart_cannot_set_itself(platform: str) -> None:
    assert set(mesh_config(platform)) == {
        *("accessLogEncoding", "enableTracing", "extensionProviders"),
        "defaultConfig",
    }
    assert one(platform, "ConfigMap", "platform-mesh")["metadata"]["namespace"] == "istio-system"


def test_envoy_tells_of_the_breakers_that_the_alerts_read() -> None:
    expressions = mesh_config("defaults")["defaultConfig"]["proxyStatsMatcher"]["inclusionRegexps"]
    exporters = yaml.safe_load((ROOT / "config/exporters.yaml").read_text(encoding="utf-8"))
    wanted = {
        metric.removeprefix("envoy_cluster_")
        for exporter in exporters
        for metric in exporter["metrics"]
        if metric.startswith("envoy_cluster_")
    }
    assert len(wanted) == 4
    # As Envoy has them, before Prometheus' way of writing names.
    cluster = "cluster.outbound|80|stable|machine-native-ops.production.svc.cluster.local"
    told = {
        name.replace(".", "_")
        for name in (
            *("outlier_detection.ejections_active", "circuit_breakers.default.cx_open"),
            *("circuit_breakers.default.rq_open", "circuit_breakers.default.rq_pending_open"),
            *("circuit_breakers.high.cx_open", "upstream_cx_total"),
        )
        if any(re.fullmatch(expression, f"{cluster}.{name}") for expression in expressions)
    }
    assert told == wanted
    rules = (ROOT / "rules/prometheus/istio.yaml").read_text(encoding="utf-8")
    assert f"inclusionRegexps: {expressions}" in rules


@pytest.mark.parametrize("platform", MESHED)
def test_proxies_report_to_providers_that_there_are(platform: str) -> None:
    known = {"prometheus", "envoy", provider(platform)["name"]}
    telemetries = found(platform, "Telemetry")
    gateway = values(platform)["istio"]["gateway"]
    assert {each["metadata"]["namespace"] for each in telemetries} == {"production", gateway["namespace"]}
    for telemetry in telemetries:
        spec: Manifest = telemetry["spec"]
        named = {
            by["name"]
            for kind in ("metrics", "accessLogging", "tracing")
            for each in spec[kind]
            for by in each["providers"]
        }
        assert named == known
