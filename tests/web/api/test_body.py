"""A command's body: what is taken, and that everything that is wrong is said at once."""

import json
from typing import Any

import pytest

from responder.core.model import DAY, HOUR
from responder.errors import TooLarge
from responder.web.answer import Answered
from responder.web.api.body import LARGEST, LONGEST_TEXT, Body, read_body
from tests.clock import MONDAY


class Request:
    """What `read_body` asks of a request."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks
        self.content = self

    async def iter_any(self) -> Any:
        for chunk in self._chunks:
            yield chunk


async def read(*chunks: bytes) -> Body:
    return await read_body(Request(*chunks))  # type: ignore[arg-type]


def problems(body: Body) -> list[str]:
    with pytest.raises(Answered) as refused:
        body.close()
    assert refused.value.answer.status == 400
    document = json.loads(refused.value.answer.body)
    assert document == {
        "code": 400,
        "message": "; ".join(document["problems"]),
        "problems": document["problems"],
    }
    listed: list[str] = document["problems"]
    return listed


async def test_no_body_is_an_empty_object() -> None:
    for body in (await read(), await read(b" \n"), await read(b"{}"), await read(b'{"note"', b":null}")):
        assert (body.text("note"), body.end(MONDAY), body.flag("hard"), body.texts("x")) == ("", 0, False, ())
        assert (body.values("y"), body.matchers("z")) == ({}, ())
        body.close()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"[]", "the body must be a JSON object, not a list"),
        (b"7", "the body must be a JSON object, not a number"),
        (b"null", "the body must be a JSON object, not null"),
        (b"{", "the body is not JSON: "),
        (b"\xff", "the body is not JSON: "),
        (b'{"a":' * 20_000, "the body is not JSON: "),
    ],
)
async def test_what_is_no_object_is_refused(sent: bytes, says: str) -> None:
    with pytest.raises(Answered) as refused:
        await read(sent[:LARGEST])
    document = json.loads(refused.value.answer.body)
    assert (document["code"], document["message"].startswith(says)) == (400, True), document


async def test_a_large_body_is_not_read_to_its_end() -> None:
    with pytest.raises(TooLarge):
        await read(b" " * LARGEST, b" ", b"never read")
    assert (await read(b" " * LARGEST)).text("x") == ""


def test_everything_that_is_wrong_is_said_at_once() -> None:
    body = Body(
        {
            "scope": 7,
            "reason": "  ",
            "hard": "yes",
            "for": "soon",
            "list": ["a", 1],
            "parameters": {"a": "b", "n": 5, "\x1b": None},
            "matchers": ["a=b", "c"],
            "sc\x1bope": "global",
            "x" * 50: 1,
        }
    )
    body.text("scope", needed="what is frozen")
    body.text("reason", needed="why")
    body.flag("hard")
    body.flag("applied", needed="whether it was done")
    body.end(MONDAY)
    body.texts("list")
    body.values("parameters")
    body.matchers("matchers")
    assert problems(body) == [
        "scope: must be a text, not a number",
        "reason: is missing: why",
        "hard: must be true or false, not a text",
        "applied: is missing: whether it was done",
        "for: 'soon' is not a duration such as 30s, 5m, 1h30m or 4d",
        "list: must be a list of texts",
        "parameters.n: must be a text, not a number",
        "parameters.\\x1b: must be a text, not null",
        "matchers: 'c', column 2: expected one of the operators =, !=, =~, !~, found the end",
        "'sc\\x1bope' means nothing here",
        f"{'x' * 40!r} means nothing here",
    ]


def test_texts_have_an_end() -> None:
    body = Body({"note": "n" * (LONGEST_TEXT + 1), "list": ["a"] * 101, "parameters": {"n": "", "m": "x"}})
    body.text("note")
    body.texts("list")
    assert body.values("parameters") == {"n": "", "m": "x"}
    assert problems(body) == [
        f"note: has {LONGEST_TEXT + 1} characters; at most {LONGEST_TEXT} are taken",
        "list: has 101 entries; at most 100 are taken",
    ]


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ({}, 0),
        ({"for": "2h"}, MONDAY + 2 * HOUR),
        ({"until": "2026-01-05T02:00:00Z"}, MONDAY + 2 * HOUR),
        ({"until": "2026-01-05T03:00:00+01:00"}, MONDAY + 2 * HOUR),
        ({"for": "7d"}, MONDAY + 7 * DAY),
    ],
)
def test_an_end_is_a_time_or_a_duration(given: dict[str, str], end: int) -> None:
    body = Body(given)
    assert body.end(MONDAY, longest=7 * DAY) == end
    body.close()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "for: is missing: it ends"),
        ({"for": "1h", "until": "2026-01-05T02:00:00Z"}, "until: give `until` or `for`, not both"),
        ({"for": "0s"}, "for: must be longer than nothing"),
        ({"for": "169h"}, "for: at most 1w from now"),
        (
            {"until": "2026-01-05T00:00:00Z"},
            "until: 2026-01-05T00:00:00Z is not after now, 2026-01-05T00:00:00Z",
        ),
        ({"until": "2026-01-12T00:00:01Z"}, "until: at most 1w from now"),
        ({"until": "tomorrow"}, "until: 'tomorrow' is not an RFC 3339 time such as 2026-01-05T08:00:00Z"),
    ],
)
def test_an_end_that_is_none(given: dict[str, str], says: str) -> None:
    body = Body(given)
    body.end(MONDAY, needed="it ends", longest=7 * DAY)
    assert problems(body) == [says]


def test_matchers_are_alertmanagers() -> None:
    body = Body({"matchers": ["alertname=HighCPU", 'job=~"a|b",env!=dev']})
    assert body.matchers("matchers") == (
        ("alertname", "=", "HighCPU"),
        ("job", "=~", "a|b"),
        ("env", "!=", "dev"),
    )
    body.close()
