"""A Prometheus that knows no Alertmanager but us, and amtool for the person: one alert, until it is over."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.peers.calls import get
from tests.peers.fixtures import StartPrometheus, StartResponder
from tests.peers.process import environment
from tests.peers.prometheus import Exposition
from tests.peers.sink import Sink

pytestmark = [pytest.mark.acceptance, pytest.mark.peers]


def test_prometheus_tells_nobody_else_and_a_person_silences_it_with_amtool(
    start_prometheus: StartPrometheus,
    start_responder: StartResponder,
    exposition: Exposition,
    amtool: str,
    sink: Sink,
    tmp_path: Path,
) -> None:
    routing = {
        "route": {"receiver": "team", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "team", "webhook_configs": [{"url": sink.url, "send_resolved": True}]}],
    }
    responder = start_responder(routing)

    def ask(*arguments: str) -> str:
        return subprocess.run(
            [amtool, f"--alertmanager.url={responder.url}", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            env=environment({"HOME": str(tmp_path), "TZ": "UTC"}),
            check=True,
        ).stdout

    def alerts(*arguments: str) -> list[Any]:
        found: list[Any] = json.loads(ask("alert", "query", "--output=json", *arguments))
        return found

    exposition.set("queue_stuck", 1)
    rule = {"alert": "QueueStuck", "expr": "queue_stuck == 1", "labels": {"severity": "warning"}}
    prometheus = start_prometheus(exposition, [rule], [f"127.0.0.1:{responder.port}"])
    known = get(f"{prometheus.url}/api/v1/alertmanagers").json()["data"]
    assert [one["url"] for one in known["activeAlertmanagers"]] == [f"{responder.url}/api/v2/alerts"]

    sink.wait_count(1)
    (shown,) = alerts('alertname="QueueStuck"')
    assert shown["status"]["state"] == "active"

    silence = ask("silence", "add", "--author=ann", "--comment=known", "alertname=QueueStuck").strip()
    assert alerts() == []
    (shown,) = alerts("--silenced")
    assert shown["status"]["silencedBy"] == [silence]
    exposition.set("queue_stuck", 0)
    # Who was told that it fires is told that it is over, though it is silenced.
    sink.wait_count(2)
    assert [request.payload["status"] for request in sink.received] == ["firing", "resolved"]
    ask("silence", "expire", silence)
    assert alerts("--silenced", "--inhibited") == []
    assert responder.cli_json("ledger")["balanced"] is True
