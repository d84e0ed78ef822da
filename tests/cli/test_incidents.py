"""`responder incidents`, `ack`, `unack`."""

import json
from typing import Any

import pytest

from tests.cli.service import Service
from tests.cli.story import run

INCIDENT: dict[str, Any] = {
    "id": "12-695aff00",
    "group": 12,
    "receiver": "team",
    "labels": {"alertname": "HighCPU"},
    "status": "firing",
    "severity": "critical",
    "alertnames": ["HighCPU"],
    "alerts": {"firing": 3, "resolved": 1, "stale": 0, "hidden": 2},
    "since": "2026-01-05T00:00:00Z",
    "acknowledged": None,
    "runs": [],
}
TAKEN = {"by": "alice", "at": "2026-01-05T00:01:00Z", "until": None, "note": ""}
RUN = {
    "id": "r1-695aff00",
    "runbook": "pod-restarts",
    "state": "denied",
    "reason": "cooldown",
    "target": "prod/shop/Deployment/checkout",
    "created_at": "2026-01-05T00:00:00Z",
}


def test_incidents_are_listed() -> None:
    other = {
        **INCIDENT,
        "id": "7-695aff00",
        "severity": "warning",
        "alertnames": ["A", "B"],
        "alerts": {"firing": 1, "resolved": 0, "stale": 0, "hidden": 0},
        "labels": {},
        "acknowledged": TAKEN,
        "runs": [RUN],
    }
    with Service([INCIDENT, other]) as service:
        result = run("incidents", "--url", service.url)
        document = run("incidents", "--all", "--limit", "5", "--url", service.url, "--output", "json")
    assert result.output.startswith("INCIDENT ")
    assert [
        [part.strip() for part in line.split("  ") if part] for line in result.output.splitlines()[1:]
    ] == [
        [
            *("12-695aff00", "critical", "HighCPU", "3 (1 resolved, 2 hidden)", "team"),
            *("2026-01-05T00:00:00Z", '{alertname="HighCPU"}'),
        ],
        [
            *("7-695aff00", "warning", "A, B", "1", "team", "2026-01-05T00:00:00Z"),
            *("alice", "r1-695aff00 denied", "{}"),
        ],
    ]
    assert json.loads(document.output) == [INCIDENT, other]
    assert [path for _, path, _ in service.asked] == [
        "/api/v1/incidents?limit=200",
        "/api/v1/incidents?limit=5&all=1",
    ]


def test_no_incident() -> None:
    with Service([]) as service:
        assert run("incidents", "--url", service.url).output == "no incident is open\n"


def test_an_incident_in_full() -> None:
    alert = {
        "fingerprint": "0" * 16,
        "labels": {"alertname": "HighCPU", "x": "\x1b[2J"},
        "annotations": {},
        "status": "firing",
        "startsAt": "2026-01-05T00:00:00Z",
        "endsAt": None,
        "hidden_by": None,
    }
    over = {
        **alert,
        "labels": {"alertname": "B"},
        "status": "resolved",
        "endsAt": "2026-01-05T00:02:00Z",
        "hidden_by": "silence 8",
    }
    whole = {
        **INCIDENT,
        "acknowledged": {**TAKEN, "until": "2026-01-05T02:00:00Z", "note": "mine"},
        "runs": [RUN],
        "next_look": "2026-01-05T00:05:00Z",
        "members": [alert, over],
        "told": [
            {"integration": "slack:1", "last_told": "2026-01-05T00:00:30Z", "on_its_way": True},
            {"integration": "mail:1", "last_told": None, "on_its_way": False},
        ],
    }
    with Service(whole) as service:
        result = run("incidents", "12-695aff00", "--url", service.url)
        document = run("incidents", "12-695aff00", "--url", service.url, "--output", "json")
    assert result.output.splitlines() == [
        "12-695aff00  firing  critical",
        '  {alertname="HighCPU"} for team, since 2026-01-05T00:00:00Z',
        "  taken on by alice at 2026-01-05T00:01:00Z until 2026-01-05T02:00:00Z: mine",
        "  next look 2026-01-05T00:05:00Z",
        "alerts",
        '  {alertname="HighCPU", x="\\x1b[2J"}: firing since 2026-01-05T00:00:00Z',
        '  {alertname="B"}: resolved since 2026-01-05T00:00:00Z to 2026-01-05T00:02:00Z, hidden by silence 8',
        "told",
        "  slack:1: last told 2026-01-05T00:00:30Z, more is on its way",
        "  mail:1: was told nothing yet",
        "runs",
        "  r1-695aff00  pod-restarts  denied (cooldown)  prod/shop/Deployment/checkout",
    ]
    assert json.loads(document.output) == whole
    assert service.asked[0][:2] == ("GET", "/api/v1/incidents/12-695aff00")


def test_an_incident_that_is_nobodys_and_of_which_nobody_was_told() -> None:
    whole = {**INCIDENT, "next_look": "2026-01-05T00:05:00Z", "members": [], "told": []}
    with Service(whole) as service:
        lines = run("incidents", "12-695aff00", "--url", service.url).output.splitlines()
    assert lines[2:] == [
        "  nobody has taken it on",
        "  next look 2026-01-05T00:05:00Z",
        "alerts",
        "told",
        "  nobody yet",
    ]


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (["ack", "12-695aff00", "7-695aff00"], "ack", {"incidents": ["12-695aff00", "7-695aff00"]}),
        (["ack", "HighCPU"], "ack", {"matchers": ['alertname="HighCPU"']}),
        (
            ["ack", "HighCPU", 'job=~"a|b"', "--for", "2h", "--note", "mine"],
            "ack",
            {"matchers": ['alertname="HighCPU"', 'job=~"a|b"'], "for": "2h", "note": "mine"},
        ),
        (["unack", "service=shop"], "unack", {"matchers": ['service="shop"']}),
        (["unack", "12-695aff00"], "unack", {"incidents": ["12-695aff00"]}),
    ],
)
def test_incidents_are_taken_on_and_given_back(
    arguments: list[str], path: str, body: dict[str, object]
) -> None:
    with Service({"status": "done", "detail": "12-695aff00 so now"}) as service:
        result = run(*arguments, "--url", service.url, "--token", "s3cret")
        document = run(*arguments, "--url", service.url, "--output", "json")
    assert (result.exit_code, result.output) == (0, "12-695aff00 so now\n")
    assert service.asked[0] == ("POST", f"/api/v1/{path}", "Bearer s3cret")
    assert service.bodies == [body, body]
    assert json.loads(document.output) == {"status": "done", "detail": "12-695aff00 so now"}


@pytest.mark.parametrize(
    ("which", "says"),
    [
        (
            ["12-695aff00", "a=b"],
            "12-695aff00 is an incident and the others are matchers: give one or the other\n",
        ),
        (["a=b", "c"], "'c', column 2: expected one of the operators =, !=, =~, !~, found the end\n"),
    ],
)
def test_what_names_nothing_is_refused(which: list[str], says: str) -> None:
    result = run("ack", *which)
    assert (result.exit_code, result.stderr) == (2, says)
