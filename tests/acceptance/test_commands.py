"""The commands that question and steer a running service, with and without the right token."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.chaos.faults import QUICK, routing, told
from tests.peers.calls import call, wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Answer, Sink

pytestmark = pytest.mark.acceptance

TOKENS: Final = {"sender": ["ingest"], "reader": ["read"], "operator": ["read", "respond"]}
FIRST: Final = "first_notification"


@pytest.fixture
def responder(start_responder: StartResponder, sink: Sink, tmp_path: Path) -> ResponderProcess:
    """It wants tokens; each is its own name. An alert `Refused` was refused for good."""
    tokens = tmp_path / "tokens.yaml"
    entries = [
        {"name": name, "sha256": sha256(name.encode()).hexdigest(), "roles": roles}
        for name, roles in TOKENS.items()
    ]
    tokens.write_text(yaml.safe_dump(entries))
    config = {"auth": {"tokens_file": str(tokens)}, "delivery": QUICK}
    started = start_responder(routing(sink), config)
    sink.answer_next(Answer(401))
    assert post(started, "Refused") == 200
    wait_until(lambda: told(sink.received, "/own") != [], what="the dead row is told of")
    return started


def post(responder: ResponderProcess, name: str) -> int:
    headers = {"Authorization": "Bearer sender"}
    return call("POST", f"{responder.url}/api/v2/alerts", [api_alert(name)], headers).status


def run(responder: ResponderProcess, token: str, *arguments: str) -> tuple[int, str]:
    done = responder.cli(*arguments, *(["--token", token] if token else []), check=False)
    return done.returncode, (done.stdout or done.stderr).rstrip()


def run_json(responder: ResponderProcess, *arguments: str) -> Any:
    return responder.cli_json(*arguments, "--token", "reader")


def test_what_a_caller_may_do(responder: ResponderProcess) -> None:
    assert run(responder, "", "ledger") == (
        1,
        "a token is needed: Authorization: Bearer TOKEN; give it as RESPONDER_TOKEN or --token",
    )
    assert run(responder, "nobody", "ledger") == (
        1,
        "the token is not valid (it came from --token or RESPONDER_TOKEN)",
    )
    assert run(responder, "sender", "ledger") == (1, "sender lacks the role 'read'")
    assert run(responder, "reader", "delivery", "dismiss", "1") == (1, "reader lacks the role 'respond'")


def test_a_service_and_its_storage_say_the_same(responder: ResponderProcess) -> None:
    wait_until(lambda: run_json(responder, "ledger")["pending"] == 0, what="everything is closed")
    for command in (["ledger"], ["audit", "list"], ["delivery", "list"], ["delivery", "list", "--dead"]):
        stored = responder.cli_json(*command, "--config", responder.config_path)
        assert run_json(responder, *command) == stored != []


def test_a_dead_row_is_dismissed(responder: ResponderProcess, sink: Sink) -> None:
    (dead,) = run_json(responder, "delivery", "list", "--dead")
    assert (dead["id"], dead["close_reason"]) == (1, "auth_error")
    assert run(responder, "operator", "delivery", "dismiss", "1") == (0, "row 1 is off the list")
    assert run_json(responder, "delivery", "list", "--dead") == []
    code, text = run(responder, "operator", "delivery", "dismiss", "1")
    assert (code, text.partition(":")[0]) == (1, "row 1 is not among the dead")
    # Nothing is dead any more: so says the alert that said that something was.
    wait_until(lambda: len(told(sink.received, "/own")) == 2, what="its end is told")
    assert told(sink.received, "/own") == [
        (FIRST, "firing", ("ResponderDeadLetters",)),
        ("all_resolved", "resolved", ("ResponderDeadLetters",)),
    ]
    assert told(sink.received) == []


def test_a_dead_row_is_sent_again(responder: ResponderProcess, sink: Sink) -> None:
    code, text = run(responder, "operator", "delivery", "resend", "1")
    assert (code, text.partition(" was")[0], text.partition("in ")[2]) == (
        0,
        f"row {text.split()[1]}",
        "place of 1",
    )
    wait_until(lambda: told(sink.received) != [], what="it is told")
    assert told(sink.received) == [("repeat", "firing", ("Refused",))]
    assert run_json(responder, "delivery", "list", "--dead") == []
    assert run(responder, "operator", "delivery", "resend", "999")[0] == 1


def test_why_an_alert_is_told(responder: ResponderProcess) -> None:
    by_labels = run_json(responder, "explain", "alertname=Refused")
    by_fingerprint = run_json(responder, "explain", by_labels["fingerprint"])
    assert by_labels["alert"]["status"] == "firing"
    for answer in (by_labels, by_fingerprint):  # its group is looked at every second
        del answer["at"], answer["groups"][0]["next_look"], answer["next"]
    assert by_fingerprint == by_labels
    (group,) = by_labels["groups"]
    assert (group["receiver"], [one["told"] for one in group["integrations"]]) == ("team", ["nothing"])
    assert "responder delivery resend 1" in [choice["command"] for choice in by_labels["choices"]]
    assert run(responder, "reader", "explain", "0" * 16) == (
        1,
        "no alert with fingerprint '0000000000000000' is known",
    )
    words = responder.cli("explain", "alertname=Refused", "--token", "reader").stdout.splitlines()
    assert words[0] == '{alertname="Refused"}'


def test_the_journal_of_an_alert(responder: ResponderProcess) -> None:
    rows = run_json(responder, "audit", "list", "--alert", "Refused", "--kind", "owed", "--kind", "closed")
    assert [
        (event["type"], event["row"]) for row in rows for event in row["body"]["events"] if "row" in event
    ] == [("owed", 1), ("closed", 1)]
    exported = responder.cli("audit", "export", "--config", responder.config_path).stdout
    assert [json.loads(line)["n"] for line in exported.splitlines()] == list(
        range(1, len(exported.splitlines()) + 1)
    )
