"""From a container's restarts to the restart that helps: the shipped rules and page, a real Prometheus.

Prometheus scrapes what kube-state-metrics would say of the stand-in for the cluster, the rules find that its
pods restart too often, Responder asks it before it acts and whether it helped, and people approve in Slack.
"""

import asyncio
import copy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from responder.clock import SystemClock
from responder.core.model import SECOND
from responder.sandbox.slackpeople import People, buttons
from responder.web.slack.entrance import INTERACTIONS
from tests.acceptance.runs.house import GUARDS, SECRET, shown
from tests.chaos.faults import QUICK, check_books
from tests.peers.calls import get, wait_until
from tests.peers.clusters import ClusterThread
from tests.peers.fixtures import StartPrometheus
from tests.peers.ports import free_port
from tests.peers.responder import ResponderProcess
from tests.peers.standins import StandInThread

pytestmark = [pytest.mark.acceptance, pytest.mark.peers]

RULES: Final = Path(__file__).parents[2] / "rules"
PAGE: Final = (RULES / "runbooks" / "pod-restarts.md").read_text()
QUICKLY: Final = (
    ("for: 2 of 2 probes, every 15s, within 5m", "for: 2 of 2 probes, every 1s, within 1m"),
    ("settle: 1m", "settle: 1s"),
)
"""What the shipped page says, and what is written here instead: nobody waits for a minute."""
SOON: Final = {"settle": "1s", "every": "1s", "within": "1m", "good": 2}

ROUTING: Final = {
    "route": {
        "receiver": "ops",
        "group_by": ["alertname", "deployment"],
        "group_wait": "0s",
        "group_interval": "1s",
    },
    "receivers": [
        {"name": name, "slack_configs": [{"channel": "#ops", "send_resolved": True}]}
        for name in ("ops", "pagerduty-critical")
    ],
}


class StateMetrics:
    """What kube-state-metrics says of the pods that there are. It is what Prometheus scrapes."""

    def __init__(self, there: ClusterThread) -> None:
        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = "".join(there.look(lambda: [*_series(there)])).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the library's name
                pass

        self.port = free_port()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Page)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _series(there: ClusterThread) -> Iterator[str]:
    for one in there.cluster.objects("ReplicaSet", "shop"):
        where = f'namespace="shop",replicaset="{one["metadata"]["name"]}"'
        (owner,) = one["metadata"]["ownerReferences"]
        yield f'kube_replicaset_owner{{{where},owner_kind="Deployment",owner_name="{owner["name"]}"}} 1\n'
    for pod in there.cluster.objects("Pod", "shop"):
        where = f'namespace="shop",pod="{pod["metadata"]["name"]}"'
        (owner,) = pod["metadata"]["ownerReferences"]
        yield f'kube_pod_owner{{{where},owner_kind="ReplicaSet",owner_name="{owner["name"]}"}} 1\n'
        for status in pod["status"].get("containerStatuses", ()):
            name, count = status["name"], status["restartCount"]
            yield f'kube_pod_container_status_restarts_total{{{where},container="{name}"}} {count}\n'


NEEDED: Final = ["deployment_of_pod", "restarts_by_deployment", "PodRestartsHigh"]


def shipped_rules() -> list[dict[str, Any]]:
    """Those about restarts, as they are but for the time for which it must be so."""
    groups = yaml.safe_load((RULES / "prometheus" / "application.yaml").read_text())["groups"]
    named = {rule.get("record") or rule["alert"]: rule for group in groups for rule in group["rules"]}
    return [{key: value for key, value in named[name].items() if key != "for"} for name in NEEDED]


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[StandInThread]:
    with StandInThread(tmp_path / "secrets") as started:
        started.look(lambda: started.slack.room.add_user("U0BEN", "ben"))
        yield started


def quick_page() -> str:
    text = PAGE
    for before, after in QUICKLY:
        assert before in text
        text = text.replace(before, after)
    return text


def test_the_shipped_rules_and_page_with_a_real_prometheus(
    tmp_path: Path, slack: StandInThread, start_prometheus: StartPrometheus
) -> None:
    with ClusterThread(tmp_path) as there:
        metrics = StateMetrics(there)
        responder = ResponderProcess(tmp_path / "one", ROUTING)
        prometheus = start_prometheus(metrics, shipped_rules(), [f"127.0.0.1:{responder.port}"])  # type: ignore[arg-type]
        (tmp_path / "people.yaml").write_text(
            yaml.safe_dump([{"name": "ben", "slack": "U0BEN", "roles": ["read", "respond", "approve"]}])
        )
        (tmp_path / "signing").write_text(SECRET)
        config = slack.config
        config["slack"]["signing_secret_file"] = str(tmp_path / "signing")
        responder.configure(
            {
                **config,
                **there.config,
                "prometheus": {"url": prometheus.url},
                "people": str(tmp_path / "people.yaml"),
                "delivery": QUICK,
                "guards": {**GUARDS, "triggers": ["anonymous"], "verify": SOON},
            }
        )
        runbooks = responder.rules / "runbooks"
        runbooks.mkdir()
        (runbooks / "pod-restarts.md").write_text(quick_page())
        (runbooks / "broken.md").write_text(quick_page().replace("mode: auto", "mode: always", 1))
        responder.start()
        try:
            # A broken page is out of force loudly, and the good one beside it works.
            assert responder.metric("responder_runbooks", state="broken") == 1
            assert "broken.md" in responder.log.read_text()
            restart(responder, there, slack)
        finally:
            responder.kill9()
            metrics.close()


def restart(responder: ResponderProcess, there: ClusterThread, slack: StandInThread) -> None:
    there.look(lambda: there.cluster.crash("shop", "checkout", every=2 * SECOND))
    wait_until(lambda: bool(runs(responder)), 30, "Prometheus says that its pods restart too often")
    (run,) = runs(responder)
    wait_until(lambda: runs(responder)[0]["state"] == "awaiting_approval", what="it waits for people")

    def cards() -> list[Any]:
        replies = [reply for message in slack.slack.messages("ops") for reply in message.replies]
        return [one for one in replies if [*buttons(one)]]

    slack.wait(lambda: bool(cards()), "its card is in Slack")
    card = copy.deepcopy(slack.look(cards)[0])
    assert "✓ trigger_age" in shown(card)
    people = People(slack.slack.room, SystemClock(), responder.url, SECRET)
    button = next(one for one in buttons(card) if one["action_id"] == "approve")
    body = people.pressed("U0BEN", slack.slack.room.channel("ops"), card, button)
    assert asyncio.run(people.send(INTERACTIONS, body)).status == 200
    wait_until(lambda: runs(responder)[0]["state"] not in ("awaiting_approval", "approved", "executing"), 30)
    wait_until(lambda: runs(responder)[0]["state"] == "succeeded", 60, f"it helped; {run}")
    assert there.look(lambda: len(there.cluster.restarts("shop", "checkout"))) == 1
    # The pods of before are gone, and with them the reason to fire.
    slack.wait(
        lambda: [one.text.startswith("🟢") for one in slack.slack.messages("ops")] == [True],
        "it is told that it is over",
        30,
    )
    seen = get(f"{responder.url}/api/v1/runs/{run['id']}").json()
    assert [one["person"] for one in seen["approvals"]] == ["ben"]
    assert "probes are good: sum(" in seen["story"][-1]["text"].replace("\n", " ")
    kinds = [row["body"]["kind"] for row in responder.cli_json("audit", "list", "--run", run["id"])]
    assert kinds[-2:] == ["step_finished", "verified"]
    check_books(responder)


def runs(responder: ResponderProcess) -> list[Any]:
    found: list[Any] = get(f"{responder.url}/api/v1/runs").json()
    return found
