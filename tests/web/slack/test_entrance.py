"""What is refused before anything is read: unsigned, wrongly signed, old, replayed, oversized, malformed."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier

from responder.core.model import MINUTE, SECOND
from responder.errors import Overloaded
from responder.sandbox.slackpeople import Sent
from responder.web.slack.entrance import LARGEST_COMMAND, LARGEST_INTERACTION
from tests.clock import MONDAY, ManualClock
from tests.web.slack.place import ANA, SECRET, Place, serving

COMMANDS: Final = "/slack/commands"
FORM: Final = {"command": "/runbook", "text": "help", "user_id": ANA, "channel_id": "C1", "response_url": ""}
BODY: Final = urlencode(FORM).encode()
STAMP: Final = str(MONDAY // SECOND)


def signed(place: Place, body: bytes = BODY, stamp: str = STAMP) -> dict[str, str]:
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": place.people.sign(stamp, body),
    }


async def test_a_signed_request_is_taken_and_the_stand_in_signs_as_slack_does(place: Place) -> None:
    headers = signed(place)
    assert (
        SignatureVerifier(SECRET).generate_signature(timestamp=STAMP, body=BODY)
        == (headers["X-Slack-Signature"])
    )
    assert (await place.people.deliver(COMMANDS, BODY, headers)).status == 200
    assert place.counted() == {"accepted": 1}


async def test_a_signed_request_may_have_any_host_and_origin(place: Place) -> None:
    more = {"Host": "slack.example.com", "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert (await place.people.deliver(COMMANDS, BODY, signed(place) | more)).status == 200


NOT_SIGNED: Final[dict[str, tuple[dict[str, str | None], str]]] = {
    "nothing": ({"X-Slack-Signature": None, "X-Slack-Request-Timestamp": None}, "unsigned"),
    "no-signature": ({"X-Slack-Signature": None}, "unsigned"),
    "no-time": ({"X-Slack-Request-Timestamp": None}, "unsigned"),
    "another-secret": ({"X-Slack-Signature": "v0=" + "0" * 64}, "wrong_signature"),
    "another-version": ({"X-Slack-Signature": "v1=" + "0" * 64}, "malformed"),
    "short": ({"X-Slack-Signature": "v0=abc"}, "malformed"),
    "empty": ({"X-Slack-Signature": ""}, "malformed"),
    "not-ascii": ({"X-Slack-Signature": "v0=" + "é" * 64}, "malformed"),
    "no-number": ({"X-Slack-Request-Timestamp": "now"}, "malformed"),
    "other-digits": ({"X-Slack-Request-Timestamp": "١٧٦٧٥٧١٢٠٠"}, "malformed"),
    "huge": ({"X-Slack-Request-Timestamp": "9" * 40}, "malformed"),
    "another-time": ({"X-Slack-Request-Timestamp": str(int(STAMP) + 1)}, "wrong_signature"),
}


async def test_what_slack_did_not_sign_is_refused_and_counted(place: Place) -> None:
    refused = Sent(401, '{"code":401,"message":"this is not signed by Slack, or not just now"}')
    expected: Counter[str] = Counter()
    for name, (changed, reason) in NOT_SIGNED.items():
        headers = {key: value for key, value in (signed(place) | changed).items() if value is not None}
        assert await place.people.deliver(COMMANDS, BODY, headers) == refused, name
        expected[reason] += 1
        assert place.counted() == expected, name
    assert await place.people.deliver(COMMANDS, BODY + b"+", signed(place)) == refused
    assert place.counted() == expected + Counter(["wrong_signature"])


async def test_a_request_is_of_just_now(place: Place) -> None:
    window = (-5 * MINUTE, -5 * MINUTE - SECOND, 5 * MINUTE, 5 * MINUTE + SECOND)
    answers = [(await place.people.send(COMMANDS, BODY, MONDAY + apart)).status for apart in window]
    assert answers == [200, 401, 200, 401]
    assert place.counted() == {"accepted": 2, "old": 1, "future": 1}


async def test_a_request_counts_once_across_restarts_too(tmp_path: Path) -> None:
    clock = ManualClock()
    ahead = str((MONDAY + 5 * MINUTE) // SECOND)
    async with serving(tmp_path, clock) as place:
        headers, later = signed(place), signed(place, stamp=ahead)
        for one, status in ((headers, 200), (headers, 401), (later, 200), (later, 401)):
            assert (await place.people.deliver(COMMANDS, BODY, one)).status == status
        assert place.counted() == {"accepted": 2, "replayed": 2}
    async with serving(tmp_path, clock) as place:
        for one in (headers, later):
            assert (await place.people.deliver(COMMANDS, BODY, one)).status == 401
        clock.jump(9 * MINUTE)
        assert (await place.people.deliver(COMMANDS, BODY, later)).status == 401
        assert place.counted() == {"replayed": 3}
        clock.jump(2 * MINUTE)
        assert (await place.people.send(COMMANDS, BODY)).status == 200
        kept = await place.service.database.read(
            lambda c: c.execute("SELECT count(*) FROM slack_seen").fetchone()[0]
        )
        assert kept == 1  # those that are too old to be valid are forgotten


@pytest.mark.parametrize(
    ("path", "most"), [(COMMANDS, LARGEST_COMMAND), ("/slack/interactions", LARGEST_INTERACTION)]
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_what_is_too_large_is_refused_unread(place: Place, path: str, most: int, chunked: bool) -> None:
    body = b"a=" + b"x" * (most - 1)

    async def chunks() -> Any:
        for start in range(0, len(body), 4_096):
            yield body[start : start + 4_096]

    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{place.url}{path}", data=chunks() if chunked else body, headers=signed(place, body)
        ) as answer,
    ):
        assert answer.status == 413
    assert place.counted() == {"too_large": 1}
    fits = b"a=" + b"x" * (most - 2)
    assert (await place.people.send(path, fits)).status == 400


async def test_what_is_signed_and_makes_no_sense_is_400(place: Place) -> None:
    for path, body in SENSELESS:
        assert (await place.people.send(path, body)).status == 400, body
    assert place.counted() == {"unreadable": 3, "accepted": 6}


SENSELESS: Final = [
    (COMMANDS, b"\xff\xfe"),
    (COMMANDS, b"no form"),
    (COMMANDS, b"&".join(b"a%d=1" % n for n in range(100))),
    (COMMANDS, b"command=%2Fack"),
    (COMMANDS, b"command=%2Fack&user_id=%3C!channel%3E"),
    ("/slack/interactions", b"payload=%7B"),
    ("/slack/interactions", b"payload=%5B%5D"),
    ("/slack/interactions", b"x=y"),
    (
        "/slack/interactions",
        urlencode({"payload": '{"type":1,"user":{"id":"U0ANA"}}'}).encode(),
    ),
]


async def test_interactions_of_other_kinds_are_taken_and_do_nothing(place: Place) -> None:
    for kind in ("view_submission", "shortcut", "block_suggestion", "block_actions"):
        payload = json.dumps({"type": kind, "user": {"id": ANA}, "view": {"id": "V1"}})
        body = urlencode({"payload": payload}).encode()
        assert await place.people.send("/slack/interactions", body) == Sent(200)


async def test_the_check_of_the_certificate_is_answered_without_a_signature(place: Place) -> None:
    for path in (COMMANDS, "/slack/interactions"):
        assert await place.people.deliver(path, b"ssl_check=1&token=x", FORM_ONLY) == Sent(200)
    assert place.counted() == {}


FORM_ONLY: Final = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_without_a_signing_secret_there_is_nothing_to_call(tmp_path: Path) -> None:
    async with serving(tmp_path, slack=None) as place:
        for path in (COMMANDS, "/slack/interactions"):
            assert (await place.people.send(path, BODY)).status == 404


@pytest.mark.parametrize("file", [f"new-secret\n{SECRET}\n", f"{SECRET}\nold-secret"])
async def test_while_secrets_are_rotated_two_count(tmp_path: Path, file: str) -> None:
    async with serving(tmp_path, secret=file) as place:
        assert (await place.people.send(COMMANDS, BODY)).status == 200


async def test_another_secret_counts_from_the_next_reload_on(tmp_path: Path) -> None:
    async with serving(tmp_path, secret="another-secret") as place:
        assert (await place.people.send(COMMANDS, BODY)).status == 401
        (tmp_path / "signing").write_text(f"{SECRET}\nanother-secret\n")
        await place.service.reload("ana")
        assert (await place.people.send(COMMANDS, BODY)).status == 200


async def test_get_is_no_way_to_call(place: Place) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{place.url}{COMMANDS}") as answer:
        assert answer.status == 405


# -- in time ----------------------------------------------------------------------------------


async def test_what_takes_longer_is_said_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.fire("HighCPU")
    engine, held = place.service.engine, asyncio.Event()
    command = engine.command

    async def slowly(*arguments: Any) -> object:
        await held.wait()
        return await command(*arguments)

    monkeypatch.setattr(engine, "command", slowly)
    typing = asyncio.create_task(place.people.type(ANA, "ops", "/ack HighCPU"))
    await place.until(typing.done)
    assert place.whispers() == ["Working on it; the rest is said here in a moment."]
    held.set()
    await place.until(lambda: len(place.whispers()) == 2)
    assert place.whispers()[1].endswith(" acknowledged")


async def test_overload_is_said_in_words(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def overloaded(*arguments: Any) -> object:
        raise Overloaded("deciding is behind what was accepted; try again")

    monkeypatch.setattr(place.service.engine, "command", overloaded)
    assert await place.type("/ack HighCPU") == ("Not done: deciding is behind what was accepted; try again")


async def test_a_bug_is_no_traceback(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*arguments: Any) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(place.service.engine, "command", broken)
    assert await place.type("/ack HighCPU") == "Something went wrong here; the log says what."


async def test_the_signing_secret_is_nowhere(place: Place, tmp_path: Path) -> None:
    await place.fire("HighCPU")
    await place.type("/ack")
    assert SECRET not in repr(place.service.settings)
    assert holding(tmp_path, SECRET) == ["signing"]


def holding(directory: Path, text: str) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if text.encode() in path.read_bytes())
