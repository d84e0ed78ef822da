"""`/ack` in Slack while a thousand incidents are open: each is answered with what was decided."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from responder.clock import SystemClock
from responder.sandbox.slackpeople import People
from tests.acceptance.runs.house import SECRET
from tests.chaos.faults import QUICK
from tests.peers.calls import get, wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert
from tests.peers.standins import StandInThread, receiver

pytestmark = pytest.mark.acceptance

INCIDENTS: Final = 1_000
TYPED: Final = 20
ROUTE: Final = {"receiver": "team", "group_by": ["alertname"], "group_wait": "0s"}


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[StandInThread]:
    with StandInThread(tmp_path / "secrets") as started:
        started.look(lambda: started.slack.room.add_user("U0BEN", "ben"))
        yield started


def test_an_acknowledgement_among_a_thousand_incidents(
    tmp_path: Path, slack: StandInThread, start_responder: StartResponder
) -> None:
    (tmp_path / "signing").write_text(SECRET)
    (tmp_path / "people.yaml").write_text(
        yaml.safe_dump([{"name": "ben", "slack": "U0BEN", "roles": ["read", "respond"]}])
    )
    config: dict[str, Any] = slack.config
    config["slack"]["signing_secret_file"] = str(tmp_path / "signing")
    responder = start_responder(
        {"route": ROUTE, "receivers": [receiver(pager=False, mail=False)]},
        {**config, "people": str(tmp_path / "people.yaml"), "delivery": QUICK},
    )
    assert responder.post_alerts([api_alert(f"Down{n}") for n in range(INCIDENTS)]).status == 200
    wait_until(lambda: responder.metric("responder_groups") == INCIDENTS, 30, "each is an incident")
    slack.wait(lambda: bool(slack.slack.messages("ops")), "the first of them is told")
    people = People(slack.slack.room, SystemClock(), responder.url, SECRET)

    async def types() -> tuple[list[str], list[float]]:
        said, times = [], []
        for n in range(0, INCIDENTS, INCIDENTS // TYPED):
            began = time.monotonic()
            sent = await people.type("U0BEN", "ops", f"/ack Down{n}")
            times.append(time.monotonic() - began)
            assert sent.status == 200
            said.append(str(json.loads(sent.text)["text"]))
        return said, sorted(times)

    said, times = asyncio.run(types())
    median, most = times[TYPED // 2] * 1e3, times[-1] * 1e3
    sys.stdout.write(f"/ack among {INCIDENTS} incidents: median {median:.1f} ms, most {most:.1f} ms\n")
    taken = [
        one
        for one in get(f"{responder.url}/api/v1/incidents?limit=1000").json()
        if one["acknowledged"] is not None
    ]
    assert len(taken) == TYPED
    assert {one["acknowledged"]["by"] for one in taken} == {"ben"}
    assert sorted(said) == sorted(f"{one['id']} acknowledged" for one in taken)
