"""`responder silence`: what is asked of a service, and what it answers in words."""

import json

import pytest

from tests.cli.service import Service
from tests.cli.story import run

ID = "8e4b0a5c-7e0a-4a0b-9d8e-3a5a8e1f0a11"
SILENCE = {
    "id": ID,
    "status": {"state": "active"},
    "updatedAt": "2026-01-05T00:00:00.000Z",
    "comment": "deploying\x1b[2J",
    "createdBy": "the boss",
    "author": "alice-laptop",
    "startsAt": "2026-01-05T00:00:00.000Z",
    "endsAt": "2026-01-05T01:00:00.000Z",
    "matchers": [
        {"name": "alertname", "value": "A", "isRegex": False, "isEqual": True},
        {"name": "job", "value": "b|c", "isRegex": True, "isEqual": False},
    ],
}


def test_a_silence_is_asked_for() -> None:
    with Service({"silenceID": ID}) as service:
        result = run(
            *("silence", "add", "HighCPU", 'job=~"a|b"', "env!=dev,x!~y"),
            *("--comment", "deploying", "--start", "2026-01-05T00:00:00Z", "--duration", "2h"),
            *("--author", "boss", "--replace", "old", "--url", service.url, "--token", "s3cret"),
        )
    assert (result.exit_code, result.output) == (0, f"{ID}\n")
    assert service.asked == [("POST", "/api/v2/silences", "Bearer s3cret")]
    assert service.bodies == [
        {
            "matchers": [
                {"name": "alertname", "value": "HighCPU", "isRegex": False, "isEqual": True},
                {"name": "job", "value": "a|b", "isRegex": True, "isEqual": True},
                {"name": "env", "value": "dev", "isRegex": False, "isEqual": False},
                {"name": "x", "value": "y", "isRegex": True, "isEqual": False},
            ],
            "startsAt": "2026-01-05T00:00:00Z",
            "endsAt": "2026-01-05T02:00:00Z",
            "createdBy": "boss",
            "comment": "deploying",
            "id": "old",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a=b"], "Missing option '--comment'"),
        (["--comment", "x"], "Missing argument 'MATCHER...'"),
        (
            ["a=b", "c", "--comment", "x"],
            "'c', column 2: expected one of the operators =, !=, =~, !~, found the end",
        ),
        (["a=~(", "--comment", "x"], "the regular expression '(' is not RE2"),
        (["a=b", "--comment", "x", "--duration", "1"], "--duration: '1' is not a duration"),
        (["a=b", "--comment", "x", "--start", "now"], "--start: 'now' is not an RFC 3339 time"),
    ],
)
def test_what_cannot_be_asked_is_said(arguments: list[str], says: str) -> None:
    result = run("silence", "add", *arguments)
    assert (result.exit_code, says in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    ("status", "answer", "exit_code"),
    [(400, "silence invalid: x", 2), (404, "silence not found", 1), (422, {"code": 602, "message": "m"}, 2)],
)
def test_what_the_service_refuses_is_said_in_its_words(status: int, answer: object, exit_code: int) -> None:
    with Service(answer, status) as service:
        result = run("silence", "add", "a=b", "--comment", "x", "--url", service.url)
    words = answer if isinstance(answer, str) else "m"
    assert (result.exit_code, result.output) == (exit_code, f"{words}\n")


def test_accepted_and_not_decided_yet() -> None:
    with Service({"status": "accepted", "input": 12}, status=202) as service:
        result = run("silence", "add", "a=b", "--comment", "x", "--url", service.url)
        document = run("silence", "add", "a=b", "--comment", "x", "--url", service.url, "--output", "json")
    assert result.output == "accepted as input 12, not decided yet; look later: responder silence list\n"
    assert json.loads(document.output) == {"status": "accepted", "input": 12}


def test_silences_are_listed_with_who_why_and_until_when() -> None:
    other = {**SILENCE, "status": {"state": "pending"}, "createdBy": "alice-laptop"}
    with Service([SILENCE, other]) as service:
        result = run("silence", "list", "A", 'job!~"b|c"', "--url", service.url)
        document = run("silence", "list", "--expired", "--url", service.url, "--output", "json")
    assert result.output.splitlines() == [
        f"{ID}  active",
        '  {alertname="A", job!~"b|c"}',
        "  2026-01-05T00:00:00Z to 2026-01-05T01:00:00Z, by alice-laptop, as the boss: deploying\\x1b[2J",
        f"{ID}  pending",
        '  {alertname="A", job!~"b|c"}',
        "  2026-01-05T00:00:00Z to 2026-01-05T01:00:00Z, by alice-laptop: deploying\\x1b[2J",
    ]
    assert json.loads(document.output) == [SILENCE, other]
    assert [path for _, path, _ in service.asked] == [
        "/api/v2/silences?filter=alertname%3D%22A%22&filter=job%21~%22b%7Cc%22&expired=false",
        "/api/v2/silences",
    ]


def test_nothing_is_silenced() -> None:
    with Service([]) as service:
        assert run("silence", "list", "--url", service.url).output == "nothing is silenced\n"
        assert run("silence", "list", "A", "--url", service.url).output == "no silence\n"


def test_silences_are_ended() -> None:
    with Service(b"") as service:
        result = run("silence", "expire", ID, "a/b", "--url", service.url)
        document = run("silence", "expire", ID, "--url", service.url, "--output", "json")
    assert result.output == f"{ID} is over\na/b is over\n"
    assert json.loads(document.output) == [{"silenceID": ID}]
    assert [asked[:2] for asked in service.asked] == [
        ("DELETE", f"/api/v2/silence/{ID}"),
        ("DELETE", "/api/v2/silence/a%2Fb"),
        ("DELETE", f"/api/v2/silence/{ID}"),
    ]
