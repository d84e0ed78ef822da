"""`responder freeze`, `unfreeze`."""

import json

import pytest

from tests.cli.service import Service
from tests.cli.story import run

FREEZE = {
    "id": "f-0123abcd",
    "scope": "service=shop/checkout",
    "reason": "moving\x1b house",
    "by": "alice",
    "at": "2026-01-05T00:00:00Z",
    "until": "2026-01-05T02:00:00Z",
    "hard": False,
}


def test_a_freeze_is_put() -> None:
    with Service({"status": "done", "detail": "f-0123abcd", "id": "f-0123abcd"}) as service:
        result = run(
            *("freeze", "--scope", "service=shop/checkout", "--reason", "moving", "--for", "2h", "--hard"),
            *("--url", service.url, "--token", "s3cret"),
        )
    assert (result.exit_code, result.output) == (0, "f-0123abcd\n")
    assert service.asked == [("POST", "/api/v1/freezes", "Bearer s3cret")]
    assert service.bodies == [
        {"scope": "service=shop/checkout", "reason": "moving", "for": "2h", "hard": True}
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--scope, --reason, --for is missing: a freeze has a scope, a reason and an end\n"),
        (
            ["--scope", "global", "--reason", " "],
            "--reason, --for is missing: a freeze has a scope, a reason and an end\n",
        ),
        (
            ["--scope", "shop", "--reason", "x", "--for", "1h"],
            "--scope: 'shop' is no scope: global, cluster=NAME, service=NAMESPACE/NAME, runbook=NAME or "
            "action=NAME\n",
        ),
        (["--scope", "global", "list"], "`responder freeze list` takes no --scope and the like\n"),
    ],
)
def test_what_is_missing_is_said(arguments: list[str], says: str) -> None:
    result = run("freeze", *arguments)
    assert (result.exit_code, result.stderr) == (2, says)


def test_freezes_are_listed() -> None:
    hard = {**FREEZE, "id": "f-1", "scope": "global", "hard": True}
    with Service([FREEZE, hard]) as service:
        result = run("freeze", "list", "--url", service.url)
        document = run("freeze", "list", "--url", service.url, "--output", "json")
    assert result.output.splitlines() == [
        "ID          SCOPE                        UNTIL                 BY     REASON",
        "f-0123abcd  service=shop/checkout        2026-01-05T02:00:00Z  alice  moving\\x1b house",
        "f-1         global                 hard  2026-01-05T02:00:00Z  alice  moving\\x1b house",
    ]
    assert json.loads(document.output) == [FREEZE, hard]
    with Service([]) as service:
        assert run("freeze", "list", "--url", service.url).output == "nothing is frozen\n"


def test_a_freeze_is_lifted() -> None:
    with Service({"status": "done", "detail": "f-1 lifted"}) as service:
        result = run("unfreeze", "f-1", "--url", service.url)
        again = run("unfreeze", "a/b", "--url", service.url, "--output", "json")
    assert (result.exit_code, result.output) == (0, "f-1 lifted\n")
    assert json.loads(again.output) == {"status": "done", "detail": "f-1 lifted"}
    assert [asked[:2] for asked in service.asked] == [
        ("DELETE", "/api/v1/freezes/f-1"),
        ("DELETE", "/api/v1/freezes/a%2Fb"),
    ]
