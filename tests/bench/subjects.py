"""What is measured: Responder and Alertmanager, started alike on the same routes and the same sink.

The cases ask for one, load it and throw it away; each starts in an empty directory. Nothing here tunes one of
them: Responder's limits on the number of alerts are lifted, since Alertmanager has none.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from tests.bench.alerts import TEAMS
from tests.peers.alertmanager import Alertmanager
from tests.peers.calls import get, wait_until
from tests.peers.responder import ResponderProcess

Name: TypeAlias = Literal["alertmanager", "responder"]
Subject: TypeAlias = Alertmanager | ResponderProcess

LIMITS: Final = {"active_alerts": 50_000_000, "alerts_per_name": 50_000_000}
ALERTS: Final = "/api/v2/alerts"


def routing(sink: str, route: Mapping[str, Any], children: int = 0) -> dict[str, Any]:
    """An alertmanager.yml: this root route, so many routes below it, one for each team, and one webhook."""
    routes = [
        {
            "receiver": "sink",
            "matchers": [f'team=~"team-{number:04}|crew-{number:04}"', 'severity=~"critical|warning"'],
        }
        for number in range(children)
    ]
    assert children <= TEAMS
    return {
        "route": {"receiver": "sink", **route, **({"routes": routes} if routes else {})},
        "receivers": [{"name": "sink", "webhook_configs": [{"url": f"{sink}/hook", "send_resolved": True}]}],
    }


def subject(name: Name, program: str, directory: Path, config: Mapping[str, Any]) -> Subject:
    """One of the two, not started; `program` is Alertmanager's path."""
    if name == "alertmanager":
        return Alertmanager(program, directory, config)
    return ResponderProcess(directory, config, {"limits": LIMITS}, deadline=60.0)


def start(process: Subject) -> None:
    """Start it, and wait until it has settled as well.

    Responder imports what it serves beside alerts once it is ready; a load is to find what lasts.
    """
    process.start()
    if isinstance(process, ResponderProcess):
        assert get(f"{process.url}/api/v2/status", timeout=30).status == 200  # when all of it is there


def decided(responder: ResponderProcess) -> int:
    """Alerts decided so far."""
    return int(responder.metric("responder_alerts_decided_total"))


def catch_up(responder: ResponderProcess, timeout: float = 120.0) -> float:
    """Wait until all that was accepted is decided: seconds that this took."""

    def caught_up() -> bool:
        return decided(responder) >= responder.metric("responder_alerts_received_total") and responder.metric(
            "responder_inputs_decided_total"
        ) >= responder.metric("responder_inputs_accepted_total")

    began = time.monotonic()
    wait_until(caught_up, timeout, "everything accepted is decided")
    return time.monotonic() - began
