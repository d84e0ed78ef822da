"""The stand-in for PagerDuty, asked as anybody could ask it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from responder.core.model import SECOND
from responder.sandbox.pagerduty import MOST_BYTES, PER_MINUTE, Entry, Incident
from responder.sandbox.pagerview import as_html
from tests.clock import ManualClock
from tests.notify.pager import KEY, Pager, serving_pagerduty

PAYLOAD = {"summary": "It burns", "source": "web-1", "severity": "critical"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def pager(clock: ManualClock) -> AsyncIterator[Pager]:
    async with serving_pagerduty(clock) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def event(action: str = "trigger", /, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"routing_key": KEY, "event_action": action, "dedup_key": "k1"}
    if action == "trigger":
        made["payload"] = PAYLOAD
    return {name: value for name, value in (made | more).items() if value is not None}


async def post(http: aiohttp.ClientSession, pager: Pager, **body: Any) -> tuple[int, Any]:
    async with http.post(pager.url, **body) as answer:
        text = await answer.text()
        return answer.status, await answer.json() if answer.content_type == "application/json" else text


async def test_an_event_is_accepted_in_the_services_words(http: aiohttp.ClientSession, pager: Pager) -> None:
    expected = {"status": "success", "message": "Event processed", "dedup_key": "k1"}
    assert await post(http, pager, json=event()) == (202, expected)


async def test_an_incident_as_pagerduty_would_show_it(
    http: aiohttp.ClientSession, pager: Pager, clock: ManualClock
) -> None:
    seen: list[tuple[int, str]] = []
    pager.on_entry = lambda incident, entry: seen.append((incident.number, entry.action))
    details = {"pod": "web-1"}
    await post(http, pager, json=event())
    clock.jump(SECOND)
    again = PAYLOAD | {"summary": "It still burns", "severity": "info", "custom_details": details}
    await post(http, pager, json=event(payload=again))
    await post(http, pager, json=event("acknowledge"))
    await post(http, pager, json=event())
    assert [incident.status for incident in pager.incidents] == ["acknowledged"]
    await post(http, pager, json=event("resolve"))
    await post(http, pager, json=event())
    start = clock.now() - SECOND
    log = [
        Entry(start, "trigger", "It burns"),
        Entry(start + SECOND, "trigger", "It still burns", details),
        Entry(start + SECOND, "acknowledge"),
        Entry(start + SECOND, "trigger", "It burns"),
        Entry(start + SECOND, "resolve"),
    ]
    assert list(pager.incidents) == [
        Incident(1, KEY, "k1", "It burns", "critical", "web-1", "resolved", log),
        Incident(2, KEY, "k1", "It burns", "critical", "web-1", "triggered", log[3:4]),
    ]
    assert seen == [(1, entry.action) for entry in log] + [(2, "trigger")]


@pytest.mark.parametrize("action", ["resolve", "acknowledge"])
async def test_what_nobody_knows_is_accepted_and_dropped(
    http: aiohttp.ClientSession, pager: Pager, action: str
) -> None:
    assert (await post(http, pager, json=event(action)))[0] == 202
    await post(http, pager, json=event())
    pager.keys = None
    await post(http, pager, json=event(action, routing_key=KEY[::-1]))
    assert [incident.status for incident in pager.incidents] == ["triggered"]
    assert pager.dropped == {action: 2}


async def test_without_a_key_each_trigger_is_an_incident(http: aiohttp.ClientSession, pager: Pager) -> None:
    answers = [await post(http, pager, json=event(dedup_key=None)) for _ in range(2)]
    assert len({answer["dedup_key"] for _, answer in answers}) == 2
    assert [incident.dedup_key for incident in pager.incidents] == [key["dedup_key"] for _, key in answers]


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        (event(routing_key=None), ["'routing_key' is missing or blank"]),
        (
            event(routing_key="abc"),
            ["Length of 'routing_key' is incorrect (should be 32 characters)"],
        ),
        (
            event(routing_key="-" * 32),
            ["'routing_key' cannot contain non-alphanumeric characters."],
        ),
        (
            event("open"),
            ["'event_action' is invalid (must be one of 'trigger', 'acknowledge' or 'resolve')"],
        ),
        (event("resolve", dedup_key=None), ["'dedup_key' is missing or blank"]),
        (event("acknowledge", dedup_key=None), ["'dedup_key' is missing or blank"]),
        (event(dedup_key="k" * 256), ["'dedup_key' is too long (maximum is 255 characters)"]),
        (event(payload=None), ["'payload' is missing or blank"]),
        (
            event(payload={}),
            [
                "'summary' is missing or blank",
                "'source' is missing or blank",
                "'severity' is missing or blank",
            ],
        ),
        (
            event(payload=PAYLOAD | {"summary": "x" * 1_025}),
            ["'summary' is too long (maiximum is 1024 characters)"],
        ),
        (
            event(payload=PAYLOAD | {"severity": "Critical"}),
            ["'severity' is invalid (must be one of 'critical', 'warning', 'error' or 'info')"],
        ),
        (event(payload=PAYLOAD | {"source": 7}), ["'source' must be a string"]),
        (
            event(payload=PAYLOAD | {"timestamp": "today"}),
            ["'timestamp' is invalid (must be in ISO 8601)"],
        ),
        (event(payload=PAYLOAD | {"custom_details": []}), ["'custom_details' must be an object"]),
        (event(links=[{"text": "x"}]), ["'href' in 'links' is missing or invalid"]),
        (event(links={}), ["'links' must be an array"]),
        (event(images=[{"src": "http://x/y.png"}]), ["'src' in 'images' is missing or invalid"]),
    ],
)
async def test_what_the_service_refuses(
    http: aiohttp.ClientSession, pager: Pager, wrong: dict[str, Any], errors: list[str]
) -> None:
    answer = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    assert await post(http, pager, json=wrong) == (400, answer)
    assert (list(pager.events), list(pager.incidents)) == ([], [])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_what_is_no_event_at_all(http: aiohttp.ClientSession, pager: Pager, body: bytes) -> None:
    answer = {
        "status": "Unrecognized object",
        "message": "Event object format is unrecognized",
        "errors": ["JSON parse error"],
    }
    assert await post(http, pager, data=body) == (400, answer)


async def test_a_key_that_does_not_exist(http: aiohttp.ClientSession, pager: Pager) -> None:
    assert await post(http, pager, json=event(routing_key=KEY[::-1])) == (400, "Invalid routing key")
    pager.keys = None
    assert (await post(http, pager, json=event(routing_key=KEY[::-1])))[0] == 202


async def test_a_large_event(http: aiohttp.ClientSession, pager: Pager) -> None:
    status, answer = await post(http, pager, data=b" " * (MOST_BYTES + 1))
    assert (status, answer["errors"]) == (413, ["event is 512001 bytes"])


async def test_so_many_a_minute_for_each_key(
    http: aiohttp.ClientSession, pager: Pager, clock: ManualClock
) -> None:
    pager.keys = None
    for number in range(PER_MINUTE):
        assert (await post(http, pager, json=event()))[0] == 202
        if number == 0:
            await clock.advance(30 * SECOND)
    assert await post(http, pager, json=event()) == (429, "429 - Request Limit Exceeded")
    assert (await post(http, pager, json=event(routing_key=KEY[::-1])))[0] == 202
    await clock.advance(30 * SECOND)  # the first is a minute old
    assert [(await post(http, pager, json=event()))[0] for _ in range(2)] == [202, 429]
    pager.per_minute = 0
    assert (await post(http, pager, json=event()))[0] == 202


async def test_faults_come_in_order_and_pass(http: aiohttp.ClientSession, pager: Pager) -> None:
    pager.fault("429:7")
    pager.fault("500", 2)
    pager.fault("400:'x' is odd")
    pager.fault("bad_json")
    statuses = [(await post(http, pager, json=event()))[0] for _ in range(6)]
    assert statuses == [429, 500, 500, 400, 202, 202]
    assert (pager.requests, len(pager.events)) == (6, 2)


@pytest.mark.parametrize(("kind", "processed"), [("reset", 0), ("reset_after", 1)])
async def test_a_connection_is_cut_before_or_after(
    http: aiohttp.ClientSession, pager: Pager, kind: str, processed: int
) -> None:
    pager.fault(kind)
    with pytest.raises(aiohttp.ClientError):
        await post(http, pager, json=event())
    assert len(pager.incidents) == processed


async def test_what_people_see(http: aiohttp.ClientSession, pager: Pager) -> None:
    assert as_html(pager.incidents) == ""
    hostile = PAYLOAD | {"summary": "<b>x</b>\x1b[31m", "source": "<i>", "custom_details": {"<u>": "&"}}
    await post(http, pager, json=event(payload=hostile))
    await post(http, pager, json=event(payload=hostile | {"summary": "more"}))
    await post(http, pager, json=event("resolve"))
    assert as_html(pager.incidents) == (
        '<article class="incident resolved" id="i1"><p class="dim">#1 <b class="status">resolved</b> '
        '<b class="severity">critical</b> &lt;i&gt;</p><h2>&lt;b&gt;x&lt;/b&gt;\\x1b[31m</h2>'
        "<ol><li><time>00:00:00</time> <b>trigger</b></li>"
        "<li><time>00:00:00</time> <b>trigger</b> more</li>"
        "<li><time>00:00:00</time> <b>resolve</b> </li></ol><details><summary>Details</summary>"
        "<pre>{\n  &quot;&lt;u&gt;&quot;: &quot;&amp;&quot;\n}</pre></details>"
        "</article>"
    )
