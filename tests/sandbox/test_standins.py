"""What arrives at the stand-ins, as one list, and waiting for it."""

import asyncio
from email.message import EmailMessage
from typing import Any

from responder.core.model import SECOND
from responder.sandbox.arrival import LONGEST, Arrival
from responder.sandbox.newcomer import Keys
from responder.sandbox.pagerduty import Entry, Incident
from responder.sandbox.standins import KEPT, StandIns
from responder.settings import Address
from tests.clock import MONDAY, ManualClock

KEYS = Keys("xoxb-canary", "k" * 32)


def standins(clock: ManualClock | None = None) -> StandIns:
    return StandIns(KEYS, Address("127.0.0.1", 0), clock or ManualClock())


def mail(subject: str, references: str, body: str = "text") -> bytes:
    made = EmailMessage()
    made["Subject"], made["References"] = subject, references
    made.set_content(body)
    return made.as_bytes()


def take(made: StandIns, content: bytes) -> None:
    made.mail.take(
        "h", "r@x.example", ["a@x.example", "b@x.example"], encrypted=False, user="", content=content
    )


def seen(made: StandIns) -> list[tuple[str, str, str, str, str]]:
    return [(one.place, one.where, one.how, one.what, one.tone) for one in made.arrivals]


def test_messages_in_slack() -> None:
    made = standins()
    said = made.slack.room.say("alerts", "Firing: x", author="Responder")
    said.versions.append(said.text)
    said.text = "Resolved: x"
    made.slack.room.on_change(made.slack.room.channel("alerts"), said)
    made.slack.room.say("alerts", "Over after 4s.", thread_ts=said.ts)
    made.slack.room.say("critical-alerts", "hello\nworld")
    assert seen(made) == [
        ("Slack", "#alerts", "posted", "Firing: x", "firing"),
        ("Slack", "#alerts", "edited", "Resolved: x", "resolved"),
        ("Slack", "#alerts", "replied", "Over after 4s.", "resolved"),
        ("Slack", "#critical-alerts", "posted", "hello", "plain"),
    ]
    assert made.arrivals[2].text.splitlines() == [
        "Over after 4s.",
        "",
        "The thread:",
        "00:00 Responder",
        "  Resolved: x",
        "    00:00 ana",
        "      Over after 4s.",
    ]


def test_incidents_at_pagerduty() -> None:
    made = standins()
    incident = Incident(3, "k", "d", "Firing: x", "critical", "web")
    for action, status in (
        ("trigger", "triggered"),
        ("trigger", "triggered"),
        ("acknowledge", "acknowledged"),
        ("resolve", "resolved"),
    ):
        details = {"cluster": "prod"} if not incident.log else {}
        incident.log.append(Entry(MONDAY, action, "", details))
        incident.status = status  # type: ignore[assignment]
        made.pagerduty.on_entry(incident, incident.log[-1])
    assert seen(made) == [
        ("PagerDuty", "incident #3", how, "Firing: x", tone)
        for how, tone in (
            ("triggered", "firing"),
            ("updated", "firing"),
            ("acknowledged", "firing"),
            ("resolved", "resolved"),
        )
    ]
    text = 'Firing: x\ncritical\nweb\n{\n "cluster": "prod"\n}'
    assert [arrival.text for arrival in made.arrivals] == [text] * 4


def test_mails() -> None:
    made = standins()
    take(made, mail("[Firing, critical] x", "<root@x>", "one\n\ntwo"))
    take(made, mail("[Resolved] x", "<root@x>"))
    take(made, mail("hello", "<other@x>"))
    to = "a@x.example, b@x.example"
    assert seen(made) == [
        ("mail", to, "mailed", "[Firing, critical] x", "firing"),
        ("mail", to, "followed up", "[Resolved] x", "resolved"),
        ("mail", to, "mailed", "hello", "plain"),
    ]
    assert made.arrivals[0].text == "[Firing, critical] x\none\ntwo"


def test_it_as_json() -> None:
    made = standins()
    made.slack.room.say("alerts", "hello")
    assert made.arrivals[0].document() == {
        "number": 1,
        "at": "2026-01-05T00:00:00Z",
        "place": "Slack",
        "where": "#alerts",
        "how": "posted",
        "what": "hello",
        "text": "hello",
    }
    assert made.arrivals[0].clock_time == "00:00:00.0"


def test_the_newest_thousand_are_kept_and_each_in_bounds() -> None:
    made = standins()
    heard: list[Arrival] = []
    made.on_arrival = heard.append
    for number in range(KEPT + 2):
        made.slack.room.say("alerts", f"{number} " + "x" * 20_000)
    assert [arrival.number for arrival in made.arrivals] == list(range(3, KEPT + 3))
    assert (made.count, len(heard)) == (KEPT + 2, KEPT + 2)
    assert {len(arrival.text) for arrival in made.arrivals} == {LONGEST}
    assert len(made.slack.messages("alerts")) == 1_000


# -- waiting ----------------------------------------------------------------------------------


async def test_until_is_asked_again_at_each_arrival() -> None:
    clock = ManualClock()
    made = standins(clock)
    waiting = asyncio.create_task(made.until(lambda: made.count == 2, SECOND))
    for text in ("a", "b"):
        await clock.settle()
        assert not waiting.done()
        made.slack.room.say("alerts", text)
    assert await waiting is True
    await clock.settle()
    assert clock.sleepers == 0


async def test_until_gives_up_in_time() -> None:
    clock = ManualClock()
    waiting: asyncio.Task[Any] = asyncio.create_task(standins(clock).until(lambda: False, SECOND))
    await clock.advance(SECOND - 1)
    assert not waiting.done()
    await clock.advance(1)
    assert await waiting is False


async def test_until_does_not_wait_for_what_holds_already() -> None:
    assert await standins().until(lambda: True, SECOND) is True
