"""The scrape jobs of charts/platform: a real Prometheus runs as the chart has it, over a made-up cluster."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
import yaml

from tests.charts.discovery import Cluster, Node, Pod, Service, found
from tests.charts.helm import Manifest, objects, rendered
from tests.monitoring.shipped import EXPORTERS
from tests.peers.binaries import peer
from tests.peers.calls import answers_ok, get, wait_until
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess

pytestmark = pytest.mark.peers

SCRAPED: Final = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
INJECTED: Final = {"sidecar.istio.io/status": "{}"}
PROXY: Final = ("istio-proxy", "http-envoy-prom", 15090)


def of(app: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": app}


CLUSTER: Final = Cluster(
    nodes=[Node("node-1", "10.0.0.1"), Node("node-2", "10.0.0.2")],
    services=[
        Service(
            "istio-system",
            "istiod",
            {"app": "istiod"},
            [("grpc-xds", 15010), ("http-monitoring", 15014)],
            {"app": "istiod"},
        ),
        # Annotated, and its pods are not; the port that is scraped is another one.
        Service(
            "production",
            "basket",
            of("basket"),
            [("http", 8000), ("grpc", 9000)],
            annotations={
                **SCRAPED,
                "prometheus.io/port": "8081",
                "prometheus.io/path": "/numbers",
                "prometheus.io/scheme": "http",
            },
        ),
        # Its pods are annotated themselves, have a proxy, are another job's.
        Service("production", "checkout", of("checkout"), [("http", 8080)], annotations=SCRAPED),
        Service("production", "web", of("web"), [("http", 8080)], annotations=SCRAPED),
        Service("production", "responder", of("responder"), [("http", 9095)], annotations=SCRAPED),
        Service("other", "stranger", of("stranger"), [("http", 8080)], annotations=SCRAPED),
    ],
    pods=[
        Pod("monitoring", "prometheus-0", "10.1.0.1", [("prometheus", "web", 9090)], of("prometheus")),
        Pod(
            "monitoring",
            "alertmanager-0",
            "10.1.0.2",
            [("alertmanager", "web", 9093), ("alertmanager", "mesh-tcp", 9094)],
            of("alertmanager"),
        ),
        Pod("other", "prometheus-0", "10.1.0.3", [("prometheus", "web", 9090)], of("prometheus")),
        Pod(
            "monitoring",
            "kube-state-metrics-1",
            "10.1.0.4",
            [("main", "http", 8080), ("main", "telemetry", 8081)],
            of("kube-state-metrics"),
        ),
        Pod(
            "monitoring",
            "node-exporter-1",
            "10.0.0.1",
            [("main", "metrics", 9100)],
            of("prometheus-node-exporter"),
        ),
        Pod("monitoring", "node-exporter-2", "10.0.0.2", [("main", "metrics", 9100)], of("node-exporter")),
        Pod(
            "monitoring",
            "pushgateway-1",
            "10.1.0.5",
            [("main", "metrics", 9091)],
            of("prometheus-pushgateway"),
        ),
        Pod(
            "velero",
            "velero-1",
            "10.1.0.6",
            [("velero", "http-monitoring", 8085)],
            of("velero"),
            {**SCRAPED, "prometheus.io/port": "8085"},
        ),
        Pod(
            "cert-manager", "cert-manager-1", "10.1.0.7", [("main", "http-metrics", 9402)], of("cert-manager")
        ),
        # It has the same port, and nothing to say of certificates.
        Pod("cert-manager", "webhook-1", "10.1.0.8", [("main", "http-metrics", 9402)], of("webhook")),
        Pod(
            "istio-system",
            "jaeger-0",
            "10.1.0.21",
            [("jaeger", "otlp-http", 4318), ("jaeger", "metrics", 8888)],
            of("jaeger"),
        ),
        Pod("istio-system", "istiod-1", "10.1.0.9", [("discovery", "", 15010)], {"app": "istiod"}),
        Pod("istio-ingress", "gateway-1", "10.1.0.10", [PROXY], {"app": "gateway"}, INJECTED),
        # An annotation that would have it scraped twice.
        Pod(
            "production",
            "responder-0",
            "10.1.0.11",
            [("responder", "http", 9095)],
            of("responder"),
            {**SCRAPED, "prometheus.io/port": "9095"},
        ),
        Pod(
            "production",
            "postgresql-0",
            "10.1.0.12",
            [("postgresql", "", 5432), ("patroni", "", 8008), ("exporter", "metrics", 9187)],
            of("postgresql"),
            {**SCRAPED, "prometheus.io/port": "9187"},
        ),
        Pod(
            "production",
            "sentinel-0",
            "10.1.0.13",
            [("sentinel", "", 26379), ("exporter", "metrics", 9121)],
            of("redis"),
        ),
        # One without a mesh, with two ports that are not the one that is scraped; one with IPv6; one with a
        # proxy; one that is not annotated; one that is not to be scraped; one that has ended.
        Pod(
            "production",
            "checkout-1",
            "10.1.0.14",
            [("app", "http", 8000), ("app", "grpc", 9000)],
            of("checkout"),
            SCRAPED,
        ),
        Pod(
            "production",
            "search-1",
            "fd00::15",
            [("app", "http", 8080)],
            of("search"),
            {**SCRAPED, "prometheus.io/path": "/stats"},
        ),
        Pod(
            "production",
            "web-1",
            "10.1.0.16",
            [("app", "http", 8080), PROXY],
            of("web"),
            {**SCRAPED, **INJECTED},
        ),
        Pod("production", "basket-1", "10.1.0.17", [("app", "http", 8000)], of("basket")),
        Pod(
            "production",
            "quiet-1",
            "10.1.0.18",
            [("app", "http", 8080)],
            of("quiet"),
            {**SCRAPED, "prometheus.io/scrape": "false"},
        ),
        Pod("production", "ended-1", "10.1.0.19", [("app", "http", 8080)], of("ended"), SCRAPED, "Succeeded"),
        Pod("other", "stranger-1", "10.1.0.20", [("app", "http", 8080)], of("stranger"), SCRAPED),
    ],
)

# (job, namespace, pod, node): what is asked there. Everything once, and nothing else.
WANTED: Final = {
    ("prometheus", "monitoring", "prometheus-0", ""): "http://10.1.0.1:9090/metrics",
    ("alertmanager", "monitoring", "alertmanager-0", ""): "http://10.1.0.2:9093/metrics",
    ("kube-state-metrics", "", "", ""): "http://10.1.0.4:8080/metrics",
    ("node-exporter", "monitoring", "node-exporter-1", ""): "http://10.0.0.1:9100/metrics",
    ("node-exporter", "monitoring", "node-exporter-2", ""): "http://10.0.0.2:9100/metrics",
    ("pushgateway", "", "", ""): "http://10.1.0.5:9091/metrics",
    ("velero", "velero", "velero-1", ""): "http://10.1.0.6:8085/metrics",
    ("cert-manager", "", "", ""): "http://10.1.0.7:9402/metrics",
    ("jaeger", "istio-system", "jaeger-0", ""): "http://10.1.0.21:8888/metrics",
    ("istiod", "istio-system", "istiod-1", ""): "http://10.1.0.9:15014/metrics",
    ("istio-proxies", "istio-ingress", "gateway-1", ""): "http://10.1.0.10:15020/stats/prometheus",
    ("istio-proxies", "production", "web-1", ""): "http://10.1.0.16:15020/stats/prometheus",
    ("responder", "production", "responder-0", ""): "http://10.1.0.11:9095/metrics",
    ("postgres", "production", "postgresql-0", ""): "http://10.1.0.12:9187/metrics",
    ("patroni", "production", "postgresql-0", ""): "http://10.1.0.12:8008/metrics",
    ("redis-sentinel", "production", "sentinel-0", ""): "http://10.1.0.13:9121/metrics",
    ("applications", "production", "checkout-1", ""): "http://10.1.0.14:8080/metrics",
    ("applications", "production", "search-1", ""): "http://[fd00::15]:8080/stats",
    ("services", "production", "basket-1", ""): "http://10.1.0.17:8081/numbers",
    ("kubelet", "", "", "node-1"): "http://10.0.0.1:10250/metrics/cadvisor",
    ("kubelet", "", "", "node-2"): "http://10.0.0.2:10250/metrics/cadvisor",
}

# What each exporter's job says of others, where it does: kept as it is.
SAID: Final = 'namespace="shop",pod="checkout-9"'


class Exporters:
    """All of them: a proxy that answers in the name of whoever is asked, and remembers what was."""

    def __init__(self) -> None:
        listed = yaml.safe_load(EXPORTERS.read_text())
        metrics: dict[str, list[str]] = {}
        for entry in listed:
            for job in entry["jobs"]:
                metrics.setdefault(job, []).extend(name for name in entry["metrics"] if name != "up")
        pages = {url: metrics.get(job, []) for (job, *_), url in WANTED.items()}
        self.asked: Counter[tuple[str, str]] = Counter()
        asked = self.asked
        self.honoured = {
            job for entry in listed if entry["scrape"] == "honor_labels" for job in entry["jobs"]
        }
        honoured = {url for (job, *_), url in WANTED.items() if job in self.honoured}

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked[self.path, self.headers.get("Authorization", "")] += 1
                said = SAID if self.path in honoured else 'le="1"'
                names = pages.get(self.path, [])
                if self.path.endswith("/stats/prometheus"):
                    names = [*names, "envoy_cluster_upstream_rq", "envoy_server_live"]
                body = "".join(f"{name}{{{said}}} 1\n" for name in names).encode()
                self.send_response(200 if self.path in pages else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the library's name
                pass

        self.port = free_port()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Page)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


def statically(config: Manifest, token: Path, proxy: int) -> Manifest:
    """prometheus.yml over the made-up cluster: what discovery finds instead of it, by way of the proxy."""
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    for job in config["scrape_configs"]:
        job["static_configs"] = [
            group for one in job.pop("kubernetes_sd_configs") for group in found(one, CLUSTER)
        ]
        job["proxy_url"] = f"http://127.0.0.1:{proxy}"
        if job.get("scheme") == "https":
            # In the clear, so that the proxy sees it.
            assert job.pop("tls_config")["ca_file"].endswith("/serviceaccount/ca.crt")
            job["scheme"] = "http"
            assert job["authorization"]["credentials_file"].endswith("/serviceaccount/token")
            job["authorization"]["credentials_file"] = str(token)
    return config


class Scraping(ChildProcess):
    """The chart's Prometheus, with the very arguments and files that it renders."""

    def __init__(self, directory: Path, manifests: list[Manifest], proxy: int) -> None:
        files = next(
            one for one in manifests if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "prometheus")
        )
        workload = next(
            one
            for one in manifests
            if (one["kind"], one["metadata"]["name"]) == ("StatefulSet", "prometheus")
        )
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        token = directory / "token"
        token.write_text("letmein")
        for name, text in files["data"].items():
            (directory / name).write_text(text)
        config = statically(yaml.safe_load(files["data"]["prometheus.yml"]), token, proxy)
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        places = {
            "/etc/prometheus/prometheus.yml": directory / "prometheus.yml",
            "/prometheus": directory / "data",
        }
        arguments = []
        for argument in container["args"]:
            flag, _, value = argument.partition("=")
            arguments.append(f"{flag}={places.get(value, value)}")
        listen = f"--web.listen-address={urlsplit(self.url).netloc}"
        super().__init__(
            "prometheus",
            [peer("prometheus"), *arguments, listen],
            directory,
            lambda: answers_ok(f"{self.url}/-/ready"),
        )

    def query(self, expression: str) -> list[Mapping[str, str]]:
        """The labels of what an expression finds now."""
        answer = get(f"{self.url}/api/v1/query?query={quote(expression)}").json()
        return [one["metric"] for one in answer["data"]["result"]]


@pytest.fixture(scope="module")
def exporters() -> Iterator[Exporters]:
    """Whoever is scraped."""
    started = Exporters()
    yield started
    started.close()


@pytest.fixture(scope="module")
def scraping(tmp_path_factory: pytest.TempPathFactory, exporters: Exporters) -> Iterator[Scraping]:
    """Prometheus, when it has scraped everything once."""
    process = Scraping(
        tmp_path_factory.mktemp("platform"),
        objects(rendered("platform", {"monitoring": {"mode": "plain"}})),
        exporters.port,
    )
    process.start()
    # Also a target too many would be up: the proxy knows who is meant to be there.
    wait_until(lambda: len(process.query("up == 1")) >= len(WANTED), 30.0, "everything is scraped")
    yield process
    process.kill9()


def test_everything_is_scraped_once_and_nothing_else(scraping: Scraping, exporters: Exporters) -> None:
    keys = ("job", "namespace", "pod", "node")
    up = [tuple(labels.get(key, "") for key in keys) for labels in scraping.query("up == 1")]
    assert sorted(up) == sorted(WANTED)
    assert scraping.query("up == 0") == []
    token = {"kubelet": "Bearer letmein"}
    assert set(exporters.asked) == {(url, token.get(job, "")) for (job, *_), url in WANTED.items()}


def test_every_metric_of_rules_and_dashboards_comes_from_the_job_that_is_listed(
    scraping: Scraping, exporters: Exporters
) -> None:
    for entry in yaml.safe_load(EXPORTERS.read_text()):
        for name in entry["metrics"]:
            series = scraping.query(name)
            if name == "up":
                assert {labels["job"] for labels in series} >= set(entry["jobs"])
                continue
            assert {labels["job"] for labels in series} == set(entry["jobs"]), name
            for labels in series:
                where = (labels.get("namespace"), labels.get("pod"))
                if labels["job"] in exporters.honoured:
                    # Of the one that is spoken of.
                    assert where == ("shop", "checkout-9"), name
                    assert "exported_namespace" not in labels, name
                else:
                    assert where in {(namespace, pod) for _, namespace, pod, _ in WANTED}, name


def test_of_envoys_own_numbers_only_those_are_kept_that_the_rules_read(scraping: Scraping) -> None:
    names = {labels["__name__"] for labels in scraping.query('{job="istio-proxies", __name__=~"envoy_.*"}')}
    listed = next(e for e in yaml.safe_load(EXPORTERS.read_text()) if e["exporter"] == "Istio's proxies")
    assert names == {name for name in listed["metrics"] if name.startswith("envoy_")}
    assert scraping.query('{__tmp_kept!=""}') == []


def test_it_has_read_every_rule_and_knows_whom_to_tell(scraping: Scraping) -> None:
    groups = get(f"{scraping.url}/api/v1/rules").json()["data"]["groups"]
    assert sorted(Path(group["file"]).name for group in groups) == sorted(
        [
            *(
                f"{name}.rules.yaml"
                for name in ("application", "application", "backup", "cache", "certificates")
            ),
            *(f"{name}.rules.yaml" for name in ("database", "infrastructure", "istio", "responder")),
        ]
    )
    config = yaml.safe_load(get(f"{scraping.url}/api/v1/status/config").json()["data"]["yaml"])
    assert config["global"]["external_labels"] == {"cluster": "production-1", "environment": "production"}
    known: dict[str, Any] = config["alerting"]["alertmanagers"][0]["static_configs"][0]
    assert known["targets"] == [
        f"alertmanager-{number}.alertmanager.monitoring.svc:9093" for number in (0, 1)
    ]
