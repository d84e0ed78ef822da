from pathlib import Path

import pytest

from responder.core.model import SECOND
from responder.errors import ProblemsError
from responder.settings import Cluster, Prometheus, Settings, load_settings


def load(text: str, directory: Path) -> Settings:
    path = directory / "r.yaml"
    path.write_text(text)
    return load_settings(path, {})


def wrong(text: str, directory: Path) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(text, directory)
    return str(caught.value).replace(f"{directory}/", "").splitlines()


def test_clusters_and_prometheus(tmp_path: Path) -> None:
    settings = load(
        """
kubernetes: [{cluster: prod}, {cluster: lab, kubeconfig: k, context: c}]
prometheus: {url: "http://prometheus:9090/base/", token_file: t, ca_file: a, timeout: 3s}
""",
        tmp_path,
    )
    assert settings.kubernetes == (Cluster("prod"), Cluster("lab", Path("k"), "c"))
    assert settings.prometheus == Prometheus(
        "http://prometheus:9090/base", Path("t"), Path("a"), timeout=3 * SECOND
    )
    assert settings.warnings == ()


def test_without_them_nobody_is_asked(tmp_path: Path) -> None:
    settings = load("", tmp_path)
    assert (settings.kubernetes, settings.prometheus) == ((), None)
    assert load('prometheus: {url: "http://p:9090"}', tmp_path).prometheus == Prometheus(
        "http://p:9090", timeout=10 * SECOND
    )


def test_what_is_wrong_is_named_with_its_place(tmp_path: Path) -> None:
    assert wrong(
        """kubernetes:
  - {cluster: a, kubeconfig: k}
  - {cluster: a}
  - {kubeconfig: k}
  - {cluster: "b/c"}
  - {cluster: d, context: x}
  - {cluster: e, kubeconfig: ""}
prometheus: {url: "http://user:pass@p:9090", timeout: 0s}
""",
        tmp_path,
    ) == [
        "r.yaml:3:15: error: cluster: 'a' is given twice: first at r.yaml:2:15",
        "r.yaml:4:5: error: kubernetes needs cluster",
        "r.yaml:5:15: error: cluster: 'b/c' is no name of a cluster, such as production",
        "r.yaml:6:27: error: context: only with a kubeconfig; without one it is the cluster we run in",
        "r.yaml:7:30: error: kubeconfig: cannot be empty",
        "r.yaml:8:19: error: url: must be the base of Prometheus' addresses, such as http://prometheus:9090",
        "r.yaml:8:55: error: timeout: cannot be zero",
    ]


def test_prometheus_needs_its_address(tmp_path: Path) -> None:
    assert wrong("prometheus: {timeout: 1s}", tmp_path) == ["r.yaml:1:13: error: prometheus needs url"]
