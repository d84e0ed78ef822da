"""charts/responder and the program: it accepts what the chart makes, names what is wrong, serves on it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.charts import node
from tests.charts.helm import Manifest, objects, rendered
from tests.charts.responder_values import (
    ALLOW,
    EVERYTHING,
    MESH,
    OPERATOR,
    PEOPLE,
    TOKEN,
    TOKENS,
    only,
    server,
)
from tests.peers.calls import answers_ok, call, post
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment

RESPONDER: Final = Path(sys.executable).with_name("responder")


def run(arguments: list[str], root: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """What a command of the image does with what is mounted below `root`."""
    done = subprocess.run(
        [RESPONDER, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=root / "etc" / "responder",
        env=environment(env),
    )
    return done.returncode, (done.stdout + done.stderr).replace(str(root), "")


def mounted(
    found: tuple[Manifest, ...], kind: str, name: str, root: Path
) -> tuple[list[str], dict[str, str]]:
    """Mounts what the container sees below `root`, which paths in settings and arguments then begin with."""
    pod = only(found, kind, name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    node.mount(pod, container, found, root)
    file = root / "etc" / "responder" / "config" / "responder.yaml"
    text = file.read_text()
    for place in ("/etc/responder", "/var/lib/responder"):
        text = text.replace(place, f"{root}{place}")
    file.write_text(text)
    env = {each["name"]: each["value"] for each in container.get("env", ())}
    return [argument.replace("=/", f"={root}/") for argument in container["args"]], env


@pytest.mark.parametrize("values", [EVERYTHING, {"auth": {"existingSecret": "access"}}])
def test_the_check_job_accepts_what_the_chart_makes(values: Manifest, tmp_path: Path) -> None:
    found = tuple(objects(rendered("responder", values, apis=[*OPERATOR, *MESH])))
    arguments, env = mounted(found, "Job", "responder-check", tmp_path)
    status, said = run(arguments, tmp_path, env)
    assert (status, [line for line in said.splitlines() if " error: " in line]) == (0, [])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"config": {"limits": {"label": 3}}},
            "/etc/responder/config/responder.yaml:15:3: error: "
            'unknown key "label" in limits; did you mean "labels"?',
        ),
        (
            {"rules": {"files": {"routing.yaml": "route:\n  receiver: nobody\n"}}},
            '/etc/responder/rules/routing.yaml:2:13: error: receiver: there is no receiver "nobody"',
        ),
    ],
)
def test_the_check_job_says_what_is_wrong_with_its_place(values: Manifest, said: str, tmp_path: Path) -> None:
    found = tuple(objects(rendered("responder", values)))
    arguments, env = mounted(found, "Job", "responder-check", tmp_path)
    status, output = run(arguments, tmp_path, env)
    assert (status, [line for line in output.splitlines() if " error: " in line]) == (1, [said])


@pytest.mark.acceptance
def test_what_is_installed_serves_and_stops_in_its_time(tmp_path: Path) -> None:
    port = free_port()
    own = {
        "service": {"port": port, "address": "127.0.0.1"},
        "externalUrl": f"http://127.0.0.1:{port}",
        "auth": {"tokens": TOKENS, "people": PEOPLE},
        "guards": {"allow": ALLOW},
        "velero": {"hook": True},
    }
    found = tuple(objects(rendered("responder", own)))
    arguments, env = mounted(found, "StatefulSet", "responder", tmp_path)
    base = f"http://127.0.0.1:{port}"
    process = ChildProcess(
        "responder", [RESPONDER, *arguments], tmp_path, lambda: answers_ok(f"{base}/-/ready"), env=env
    )
    try:
        process.start()
        # The test's pod asks what `helm test` asks.
        pod = only(found, "Pod", "responder-test")["spec"]["containers"][0]
        done = subprocess.run(
            [sys.executable, "-c", pod["args"][0], base], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (
            0,
            f"GET {base}/-/ready: 200\nPOST {base}/webhooks/alertmanager: 401\n",
        )
        assert pod["args"][1] == f"http://responder.production.svc:{port}"
        alert = [{"labels": {"alertname": "Watchdog"}}]
        assert post(f"{base}/api/v2/alerts", alert, {"Authorization": f"Bearer {TOKEN}"}).status == 200
        assert call("POST", f"{base}/-/reload", headers={"Authorization": f"Bearer {TOKEN}"}).status == 403
        # As `kubectl exec responder-0 -- responder ledger` finds the settings by itself.
        workdir = server(found)["containers"][0]["workingDir"]
        assert workdir == "/etc/responder"
        assert run(["ledger", "--output", "json"], tmp_path)[0] == 0
        # As Velero has it copied while it is written.
        state = tmp_path / "var" / "lib" / "responder"
        annotations = only(found, "StatefulSet")["spec"]["template"]["metadata"]["annotations"]
        python, *hook = json.loads(annotations["pre.hook.backup.velero.io/command"])
        assert (python, hook[-1]) == ("python", "/var/lib/responder")
        subprocess.run([sys.executable, *hook[:-1], state], check=True)
        assert (
            run(["audit", "verify"], tmp_path, {"RESPONDER__STORAGE": f"sqlite:///{state}/backup.db"})[0] == 0
        )
        assert process.stop() == 0
    finally:
        process.kill9()
    assert {"responder.db", "backup.db"} < {path.name for path in state.iterdir()}
