"""People at a terminal: they take incidents on, ask for a run, approve it, freeze, and read it all back."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import Result

from tests.cli.story import run
from tests.web.api.office import Office, office

pytestmark = pytest.mark.acceptance


@pytest.fixture(autouse=True)
def quiet() -> None:
    """The service logs in this process: not into what the commands print."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


async def at_the_terminal(api: Office, who: str, *arguments: str) -> Result:
    return await asyncio.to_thread(run, *arguments, "--url", api.url, "--token", who)


async def read(api: Office, *arguments: str) -> Any:
    result = await at_the_terminal(api, "reader", *arguments, "--output", "json")
    return json.loads(result.output)


async def test_a_run_is_asked_for_shown_and_approved(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        asking = asyncio.create_task(
            at_the_terminal(
                api, "operator", "runbook", "run", "pod-restarts", "namespace=shop", "--reason", "slow"
            )
        )
        run_id = await api.asked_for()
        await api.look(run_id)
        asked = await asking
        assert asked.output.splitlines()[0] == f"{run_id}  pod-restarts  awaiting_approval"
        assert asked.output.splitlines()[-1] == f"it waits for an approval: responder approve {run_id}"
        refused = await at_the_terminal(api, "operator", "approve", run_id)
        assert (refused.exit_code, refused.stderr) == (1, "operator lacks the role 'approve'\n")
        approved = await at_the_terminal(api, "bob", "approve", run_id)
        shown = approved.output.splitlines()
        assert (approved.exit_code, shown[-1]) == (0, f"{run_id} approved")
        assert "       PATCH deployments/checkout" in shown
        again = await at_the_terminal(api, "alice", "approve", run_id)
        assert (again.exit_code, again.stderr) == (
            1,
            f"run {run_id} is approved (approved by bob): there is nothing to approve\n",
        )
        assert (await api.look(run_id)).state == "executing"
        (listed,) = await read(api, "runs")
        assert (listed["id"], listed["state"], listed["step"]) == (run_id, "executing", 0)
        kinds = [row["body"]["kind"] for row in await read(api, "audit", "list", "--run", run_id)]
        assert kinds == ["start_run", "facts_gathered", "approve", "approve", "facts_gathered"]


async def test_a_freeze_denies_until_an_admin_lifts_it(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        put = await at_the_terminal(
            api, "alice", "freeze", "--scope", "service=shop/checkout", "--reason", "moving", "--for", "2h"
        )
        freeze = put.output.strip()
        asked = await api.do(
            "operator", "runs", {"runbook": "pod-restarts", "parameters": {"namespace": "shop"}}
        )
        assert (await api.look(asked["id"])).reason == "frozen"
        refused = await at_the_terminal(api, "alice", "unfreeze", freeze)
        assert (refused.exit_code, refused.stderr) == (1, "alice-laptop lacks the role 'admin'\n")
        assert [one["id"] for one in await read(api, "freeze", "list")] == [freeze]
        lifted = await at_the_terminal(api, "boss", "unfreeze", freeze)
        assert (lifted.exit_code, lifted.output) == (0, f"{freeze} lifted\n")
        assert await read(api, "freeze", "list") == []


async def test_an_incident_is_taken_on_and_given_back(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        await api.fire("HighCPU", service="shop")
        (incident,) = await read(api, "incidents")
        taken = await at_the_terminal(api, "alice", "ack", "HighCPU", "--for", "2h", "--note", "mine")
        assert (taken.exit_code, taken.output) == (0, f"{incident['id']} acknowledged\n")
        (shown,) = await read(api, "incidents")
        assert (shown["acknowledged"]["by"], shown["acknowledged"]["note"]) == ("alice", "mine")
        given = await at_the_terminal(api, "alice", "unack", incident["id"])
        assert (given.exit_code, given.output) == (0, f"{incident['id']} given back\n")
        nothing = await at_the_terminal(api, "alice", "ack", "service=other")
        assert (nothing.exit_code, nothing.stderr) == (1, "no incident with such an alert is open\n")
