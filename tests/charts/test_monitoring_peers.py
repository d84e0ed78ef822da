"""charts/platform, monitoring: its files, as promtool, amtool and Alertmanager read and follow them."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.charts.helm import Manifest
from tests.charts.monitoring import Objects, load
from tests.monitoring.shipped import ROOT
from tests.peers.binaries import peer
from tests.peers.calls import answers_ok, post
from tests.peers.payloads import api_alert
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess
from tests.peers.sink import Sink

pytestmark = pytest.mark.peers

PLAIN: Final[Mapping[str, Any]] = {"mode": "plain"}


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run([peer(str(command[0])), *command[1:]], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


# -- the Job that checks before anything is installed -------------------------------------------


def checked(objects: Objects, directory: Path) -> dict[str, tuple[int, str]]:
    """What each container of the Job ends with and says, over the files that it is given."""
    for name, said in objects.of("ConfigMap")["monitoring-check"]["data"].items():
        written = said
        if name == "prometheus.yml":
            config = load(said)
            for job in config["scrape_configs"]:
                # Debian's promtool is built without this discovery.
                del job["kubernetes_sd_configs"]
            written = yaml.safe_dump(config)
        (directory / name).write_text(written)
    spec = objects.of("Job")["monitoring-check"]["spec"]["template"]["spec"]
    return {
        container["name"]: run(*(word.replace("/check/", f"{directory}/") for word in container["command"]))
        for container in (*spec["initContainers"], *spec["containers"])
    }


def test_what_is_checked_is_what_is_installed() -> None:
    plain = Objects(PLAIN).of("ConfigMap")
    installed = {**plain["prometheus"]["data"], **plain["alertmanager"]["data"]}
    assert plain["monitoring-check"]["data"] == installed
    assert Objects({"mode": "operator"}).of("ConfigMap")["monitoring-check"]["data"] == installed


def test_the_job_finds_nothing_wrong_with_what_is_shipped(tmp_path: Path) -> None:
    ends = checked(Objects(PLAIN), tmp_path)
    assert {name: status for name, (status, _) in ends.items()} == {"scrape-jobs": 0, "rules": 0, "routes": 0}
    assert ends["rules"][1].count("SUCCESS") == 8
    assert " - 2 receivers\n" in ends["routes"][1]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"expr": "sum(up"}, "could not parse expression: 1:7: parse error: unclosed left parenthesis"),
        ({"expr": "up == 0", "annotations": {"summary": "{{ $labels.pod"}}, "unclosed action"),
    ],
    ids=["an expression", "a template"],
)
def test_a_rule_that_only_prometheus_can_judge_is_refused_by_the_job_with_its_place(
    rule: Mapping[str, Any], said: str, tmp_path: Path
) -> None:
    group = {"name": "mine", "rules": [{"alert": "Wrong", **rule}]}
    ends = checked(Objects({**PLAIN, "rules": {"extra": {"mine": [group]}}}), tmp_path)
    assert {name: status for name, (status, _) in ends.items()} == {"scrape-jobs": 0, "rules": 1, "routes": 0}
    complaint = ends["rules"][1].partition("mine.rules.yaml\n")[2]
    assert 'group "mine", rule 1, "Wrong"' in complaint
    assert said in complaint


# -- Prometheus' files as a whole ---------------------------------------------------------------


def test_promtool_accepts_the_configuration_with_all_that_it_names(tmp_path: Path) -> None:
    files = Objects(PLAIN).of("ConfigMap")["prometheus"]["data"]
    for name, said in files.items():
        (tmp_path / name).write_text(said)
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text("letmein")
    (account / "ca.crt").write_text("")
    config = load(
        files["prometheus.yml"].replace("/var/run/secrets/kubernetes.io/serviceaccount", str(account))
    )
    for job in config["scrape_configs"]:
        del job["kubernetes_sd_configs"]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    status, said = run("promtool", "check", "config", tmp_path / "prometheus.yml")
    assert status == 0, said
    # Each file of rules was read: one that is named and not there is an error.
    assert f"SUCCESS: {len(files) - 1} rule files found" in said


# -- Alertmanager -------------------------------------------------------------------------------


def alertmanager_config(values: Mapping[str, Any] | None = None) -> Manifest:
    config: Manifest = Objects({**PLAIN, "alertmanager": values or {}}).config(
        "alertmanager", "alertmanager.yml"
    )
    return config


def test_its_routes_are_those_of_the_snippet_and_its_addresses_the_platforms() -> None:
    snippet = load((ROOT / "config" / "alertmanager-snippet.yml").read_text())
    said = alertmanager_config()
    assert said["route"] == snippet["route"]
    responder, pagerduty = snippet["receivers"]
    responder["webhook_configs"][0] |= {
        "url": "http://responder.production.svc:9095/webhooks/alertmanager",
        "http_config": {
            "authorization": {"credentials_file": "/etc/alertmanager/secrets/alertmanager-responder/token"}
        },
    }
    pagerduty["pagerduty_configs"][0]["routing_key_file"] = (
        "/etc/alertmanager/secrets/alertmanager-pagerduty/routing-key"
    )
    assert said["receivers"] == [responder, pagerduty]
    anonymous = alertmanager_config({"responder": {"tokenSecret": {"name": ""}}})
    del responder["webhook_configs"][0]["http_config"]
    assert anonymous["receivers"] == [responder, pagerduty]


def test_everything_goes_to_responder_and_its_own_end_past_it(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(Objects(PLAIN).file("alertmanager", "alertmanager.yml"))
    status, said = run("amtool", "check-config", path)
    assert status == 0, said

    def routes_to(*labels: str) -> str:
        return run("amtool", "config", "routes", "test", f"--config.file={path}", *labels)[1].splitlines()[0]

    assert routes_to("alertname=HighErrorRate", "severity=critical") == "responder"
    assert routes_to("alertname=Watchdog") == "responder"
    assert routes_to("alertname=ResponderDown") == "pagerduty-direct,responder"


def test_it_runs_with_the_charts_arguments_and_shows_its_keys_to_whom_they_belong(
    sink: Sink, tmp_path: Path
) -> None:
    objects = Objects({**PLAIN, "alertmanager": {"replicas": 1}})
    (container,) = objects.of("StatefulSet")["alertmanager"]["spec"]["template"]["spec"]["containers"]
    # The files lie where they are mounted, below another root.
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    keys = {
        "/etc/alertmanager/secrets/alertmanager-responder": ("token", "letmein"),
        "/etc/alertmanager/secrets/alertmanager-pagerduty": ("routing-key", "k" * 32),
    }
    assert mounted == {"/alertmanager", "/etc/alertmanager/config", *keys}
    for path in mounted:
        (tmp_path / path[1:]).mkdir(parents=True)
    for path, (name, key) in keys.items():
        (tmp_path / path[1:] / name).write_text(key)
    config = load(objects.file("alertmanager", "alertmanager.yml").replace("/etc/", f"{tmp_path}/etc/"))
    responder, pagerduty = config["receivers"]
    responder["webhook_configs"][0]["url"] = sink.url
    pagerduty["pagerduty_configs"][0]["url"] = sink.url.replace("/hook", "/v2/enqueue")
    (tmp_path / "etc/alertmanager/config/alertmanager.yml").write_text(yaml.safe_dump(config))
    arguments = [argument.replace("=/", f"={tmp_path}/") for argument in container["args"]]
    port = free_port()
    process = ChildProcess(
        "alertmanager",
        [peer("prometheus-alertmanager"), *arguments, f"--web.listen-address=127.0.0.1:{port}"],
        tmp_path,
        lambda: answers_ok(f"http://127.0.0.1:{port}/-/ready"),
    )
    process.start()
    try:
        alerts = [api_alert(name, cluster="one") for name in ("HighErrorRate", "ResponderDown", "Watchdog")]
        assert post(f"http://127.0.0.1:{port}/api/v2/alerts", alerts).status == 200
        sink.wait_count(4, timeout=10)
    finally:
        process.kill9()
    hooks = [request for request in sink.received if request.path == "/hook"]
    assert sorted(hook.alertnames("firing") for hook in hooks) == [
        ["HighErrorRate"],
        ["ResponderDown"],
        ["Watchdog"],
    ]
    assert {hook.headers["Authorization"] for hook in hooks} == {"Bearer letmein"}
    (page,) = [request for request in sink.received if request.path == "/v2/enqueue"]
    assert (page.payload["event_action"], page.payload["routing_key"]) == ("trigger", "k" * 32)
    assert "Authorization" not in page.headers


def test_its_replicas_know_each_other_and_prometheus_knows_them_all() -> None:
    objects = Objects({**PLAIN, "alertmanager": {"replicas": 3}})
    workload = objects.of("StatefulSet")["alertmanager"]
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    # A pod of a StatefulSet is called so, below its headless Service.
    names = [f"alertmanager-{number}.{workload['spec']['serviceName']}.monitoring.svc" for number in range(3)]
    assert objects.of("Service")["alertmanager"]["spec"]["clusterIP"] == "None"
    peers = [said.partition("=")[2] for said in container["args"] if said.startswith("--cluster.peer=")]
    assert peers == [f"{name}:9094" for name in names]
    told = objects.config("prometheus", "prometheus.yml")["alerting"]["alertmanagers"]
    assert told == [{"static_configs": [{"targets": [f"{name}:9093" for name in names]}]}]
