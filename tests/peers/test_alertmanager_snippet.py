"""config/alertmanager-snippet.yml, as Alertmanager itself reads and follows it."""

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.peers.calls import get
from tests.peers.fixtures import StartAlertmanager
from tests.peers.payloads import api_alert
from tests.peers.sink import Sink

pytestmark = pytest.mark.peers

SNIPPET: Final = Path(__file__).parents[2] / "config" / "alertmanager-snippet.yml"


def routes_to(amtool: str, *labels: str) -> str:
    command = [amtool, "config", "routes", "test", f"--config.file={SNIPPET}", *labels]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_amtool_accepts_it(amtool: str) -> None:
    done = subprocess.run([amtool, "check-config", SNIPPET], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"Checking '{SNIPPET}'  SUCCESS")


def test_everything_goes_to_responder_and_its_own_end_past_it(amtool: str) -> None:
    assert routes_to(amtool, "alertname=HighErrorRate", "severity=critical") == "responder"
    assert routes_to(amtool, "alertname=Watchdog") == "responder"
    assert routes_to(amtool, "alertname=ResponderDown") == "pagerduty-direct,responder"


def test_each_alert_comes_alone_and_at_once(
    start_alertmanager: StartAlertmanager, sink: Sink, tmp_path: Path
) -> None:
    config: dict[str, Any] = yaml.safe_load(SNIPPET.read_text())
    key = tmp_path / "pagerduty.key"
    key.write_text("k" * 32)
    responder, pagerduty = config["receivers"]
    responder["webhook_configs"][0]["url"] = sink.url
    pagerduty["pagerduty_configs"][0] |= {
        "routing_key_file": str(key),
        "url": sink.url.replace("/hook", "/v2/enqueue"),
    }
    alertmanager = start_alertmanager(config)
    alerts = [api_alert(name, cluster="one") for name in ("HighErrorRate", "ResponderDown", "Watchdog")]
    assert alertmanager.post_alerts(alerts).status == 200

    sink.wait_count(4, timeout=5)
    hooks = [request.alertnames("firing") for request in sink.received if request.path == "/hook"]
    pages = [request.payload for request in sink.received if request.path == "/v2/enqueue"]
    assert sorted(hooks) == [["HighErrorRate"], ["ResponderDown"], ["Watchdog"]]
    assert [(page["event_action"], page["routing_key"]) for page in pages] == [("trigger", "k" * 32)]
    assert get(f"{alertmanager.url}/api/v2/status").status == 200
