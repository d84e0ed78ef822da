"""`responder approve`, `deny`, `cancel`, `resolve`: what is shown, what is asked, what is answered."""

import json

import pytest

from tests.cli.runsamples import HASH, RUN, TEXT
from tests.cli.service import Service
from tests.cli.story import run

PATH = "/api/v1/runs/r1-695aff00"


def test_what_is_approved_is_the_plan_that_was_shown() -> None:
    answer = {"status": "done", "detail": "r1-695aff00 approved", "run": {}}
    with Service(answer, others={("GET", PATH): RUN}) as service:
        result = run("approve", "r1-695aff00", "--url", service.url, "--token", "s3cret")
        document = run("approve", "r1-695aff00", "--url", service.url, "--output", "json")
    assert (result.exit_code, result.output.splitlines()) == (0, [*TEXT, "r1-695aff00 approved"])
    assert service.asked[:2] == [
        ("GET", PATH, "Bearer s3cret"),
        ("POST", f"{PATH}/approve", "Bearer s3cret"),
    ]
    assert service.bodies == [{"plan": HASH}, {"plan": HASH}]
    assert json.loads(document.output) == answer


def test_what_has_no_plan_cannot_be_approved() -> None:
    with Service({**RUN, "plan": None, "state": "proposed"}) as service:
        result = run("approve", "r1-695aff00", "--url", service.url)
    assert (result.exit_code, result.stderr) == (
        1,
        "r1-695aff00 is proposed: there is no plan that could be approved\n",
    )
    assert [method for method, _, _ in service.asked] == ["GET"]


def test_a_refusal_is_said_in_the_services_words() -> None:
    with Service({"code": 409, "message": "run r1 is denied: there is nothing to approve"}, 409) as service:
        result = run("deny", "r1", "--url", service.url)
    assert (result.exit_code, result.stderr) == (1, "run r1 is denied: there is nothing to approve\n")


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (["deny", "r1"], "/api/v1/runs/r1/deny", {"reason": ""}),
        (["deny", "r1", "--reason", "no"], "/api/v1/runs/r1/deny", {"reason": "no"}),
        (["cancel", "a/b", "--reason", "no"], "/api/v1/runs/a%2Fb/cancel", {"reason": "no"}),
        (
            ["resolve", "r1", "--applied", "--reason", "I looked"],
            "/api/v1/runs/r1/resolve",
            {"applied": True, "reason": "I looked"},
        ),
        (
            ["resolve", "r1", "--not-applied", "--reason", "I looked"],
            "/api/v1/runs/r1/resolve",
            {"applied": False, "reason": "I looked"},
        ),
    ],
)
def test_what_is_decided(arguments: list[str], path: str, body: dict[str, object]) -> None:
    with Service({"status": "done", "detail": "r1 is so now"}) as service:
        result = run(*arguments, "--url", service.url)
    assert (result.exit_code, result.output) == (0, "r1 is so now\n")
    assert [asked[:2] for asked in service.asked] == [("POST", path)]
    assert service.bodies == [body]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["resolve", "r1", "--reason", "x"],
            "say --applied or --not-applied: whether what the step does was done",
        ),
        (["resolve", "r1", "--applied"], "Missing option '--reason'"),
        (["approve"], "Missing argument 'RUN'"),
    ],
)
def test_what_is_missing_is_said(arguments: list[str], says: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, says in result.output) == (2, True), result.output


def test_accepted_and_not_decided_yet() -> None:
    with Service({"status": "accepted", "input": 12}, status=202) as service:
        result = run("cancel", "r1", "--url", service.url)
    assert result.output == "accepted as input 12, not decided yet; look later: responder runs r1\n"
