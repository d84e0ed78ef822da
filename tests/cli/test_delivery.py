"""`responder delivery`: lists from a storage, and what is asked of a service."""

import json
from pathlib import Path

import pytest

from tests.acceptance.timeline.rules import route, rules
from tests.acceptance.timeline.timeline import Timeline
from tests.cli.service import Service
from tests.cli.story import configure, run, tell_story

CRIT = '{}/{severity="critical"}:{alertname="HighErrorRate"}'
WARN = '{}/{severity="warning"}:{alertname="HighErrorRate"}'
PAGE = '{}/{severity="page"}:{alertname="DiskFull"}'


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tell_story(tmp_path_factory.mktemp("story"))


def test_every_row(config: Path) -> None:
    result = run("delivery", "list", "--config", config)
    assert [" ".join(line.split()) for line in result.output.splitlines()] == [
        "ID AT RECEIVER TOLD BECAUSE STATE WHY TRIES GROUP",
        f"4 2026-01-05T00:10:30Z critical all_resolved delivered 1 {CRIT}",
        f"3 2026-01-05T00:01:30Z pager first_notification dead unsupported: opsgenie {PAGE}",
        f"2 2026-01-05T00:00:30Z warning first_notification suppressed inhibition {WARN}",
        f"1 2026-01-05T00:00:30Z critical first_notification delivered 1 {CRIT}",
    ]
    header = result.output.splitlines()[0]
    assert {line.index("{") for line in result.output.splitlines()[1:]} == {header.index("GROUP")}


def test_the_dead_for_programs(config: Path) -> None:
    found = json.loads(run("delivery", "list", "--dead", "--config", config, "--output", "json").output)
    assert [(row["id"], row["close_reason"], row["count"]) for row in found] == [(3, "unsupported", 1)]
    every = json.loads(run("delivery", "list", "--limit", "2", "--config", config, "--output", "json").output)
    assert [row["id"] for row in every] == [4, 3]


async def test_nothing_was_owed_yet(tmp_path: Path) -> None:
    await Timeline(tmp_path, rules(route("team"))).let_pass("1s")
    config = configure(tmp_path)
    assert run("delivery", "list", "--config", config).output == "nothing was owed yet\n"
    assert run("delivery", "list", "--config", config, "--dead").output == (
        "nothing is dead: all was delivered, closed or is on its way\n"
    )


@pytest.mark.parametrize("what", ["resend", "dismiss"])
def test_a_service_is_asked(what: str) -> None:
    with Service({"status": "done", "detail": "row 3 is off the list"}) as service:
        result = run("delivery", what, "3", "--url", service.url, "--token", "s3cret")
    assert (result.exit_code, result.output) == (0, "row 3 is off the list\n")
    assert service.asked == [("POST", f"/api/v1/deliveries/3/{what}", "Bearer s3cret")]


def test_accepted_and_not_decided_yet() -> None:
    with Service({"status": "accepted", "input": 12, "look": "/api/v1/audit"}, status=202) as service:
        result = run("delivery", "resend", "3", "--url", service.url)
        document = run("delivery", "resend", "3", "--url", service.url, "--output", "json")
    assert (result.exit_code, result.output) == (
        0,
        "accepted as input 12, not decided yet; look later: responder audit list\n",
    )
    assert json.loads(document.output) == {"status": "accepted", "input": 12, "look": "/api/v1/audit"}


def test_a_row_id_is_a_number() -> None:
    assert run("delivery", "dismiss", "three").exit_code == 2
