"""Telling by mail as a whole: an incident from its first mail to its last, with the real client."""

from typing import Any

import pytest
import uvloop
from msgspec.structs import replace

from responder.core.catalogue import EmailSettings
from responder.core.model import MILLISECOND, SECOND
from responder.core.notification import Attempt, Delivered, Notification, Rejected, Retry, Unknown
from responder.notify.email import LEAST, EmailSender, time_for
from responder.notify.integration import Senders
from responder.sandbox.smtp import MailServer
from tests.clock import ManualClock
from tests.notify.incidents import FIRST, HOSTILE, MANY, MORE, OVER
from tests.notify.mails import TRUST, USERS, email, logged_in, mail, mail_server, server_tls
from tests.notify.notices import alert, notification

TOPIC = "HighErrorRate, prod-eu-1 / checkout"
TOLD = Delivered(f'{{"subject":"{TOPIC}"}}')


def ids(server: MailServer, name: str) -> list[str]:
    return [str(taken.message[name]) for taken in server.mails]


async def test_an_email_integration_has_an_email_sender(senders: Senders) -> None:
    async with mail_server() as server:
        assert isinstance(senders(email(server)), EmailSender)


async def test_an_incident_is_one_thread_from_fire_to_resolve(senders: Senders) -> None:
    async with mail_server() as server:
        receipt = ""
        for told in (FIRST, MORE, OVER):
            outcome = await mail(senders, server, replace(told, receipt=receipt))
            assert outcome == TOLD
            receipt = TOLD.receipt
        assert ids(server, "Subject") == [
            f"[Firing, critical] {TOPIC}",
            f"[Firing 3, critical] {TOPIC}",
            f"[Resolved] {TOPIC}",
        ]
        assert set(ids(server, "References")) == {f"<incident.{FIRST.incident}@example.com>"}
        assert len(set(ids(server, "Message-ID"))) == 3


async def test_the_subject_stays_that_of_the_first_mail_though_alerts_join(senders: Senders) -> None:
    """Its group says no place, and the one that all alerts share changes."""
    async with mail_server() as server:
        first, more = replace(FIRST, group_labels=()), replace(MORE, group_labels=())
        outcome = await mail(senders, server, first)
        assert isinstance(outcome, Delivered)
        await mail(senders, server, replace(more, receipt=outcome.receipt))
        topic = "HighErrorRate, prod-eu-1 / shop / checkout / checkout-7d9f"
        assert ids(server, "Subject") == [f"[Firing, critical] {topic}", f"[Firing 3, critical] {topic}"]
        assert set(ids(server, "Thread-Topic")) == {topic}


async def test_two_incidents_are_two_threads(senders: Senders) -> None:
    async with mail_server() as server:
        await mail(senders, server, FIRST)
        await mail(senders, server, replace(FIRST, row=99, group=2))
        assert len(set(ids(server, "References"))) == 2
        assert len(set(ids(server, "Thread-Index"))) == 2


async def test_a_row_whose_first_try_nobody_knows_about_is_sent_again_under_its_id(senders: Senders) -> None:
    async with mail_server() as server:
        server.fault("dot", "reset_after")
        assert isinstance(await mail(senders, server, FIRST), Unknown)
        assert await mail(senders, server, FIRST) == TOLD
        assert len(server.mails) == 2
        assert len(set(ids(server, "Message-ID"))) == 1
        assert server.mails[0].content == server.mails[1].content


@pytest.mark.parametrize("to", ["nobody", "a@b\r\nRCPT TO:<evil@example.com>", "<a@b> SIZE=1"])
async def test_what_is_no_address_is_said_and_not_sent(senders: Senders, to: str) -> None:
    async with mail_server() as server:
        outcome = await mail(senders, server, to=("ops@example.com", to))
        assert isinstance(outcome, Rejected)
        assert outcome.reason == "client_error"
        assert outcome.detail.endswith(" is not a mail address")
        assert outcome.detail.isprintable()
        assert server.connections == 0


@pytest.mark.parametrize("told", [HOSTILE, MANY, notification(1, firing=(alert(1, x="y"),))])
async def test_any_alert_makes_a_mail(senders: Senders, told: Notification) -> None:
    async with mail_server() as server:
        assert isinstance(await mail(senders, server, told), Delivered)
        (taken,) = server.mails
        assert taken.recipients == ("ops@example.com",)
        assert taken.message.defects == []


async def test_ten_thousand_alerts_make_one_short_mail(senders: Senders) -> None:
    alerts = tuple(alert(n, alertname="HighCPU", instance=f"host-{n}") for n in range(10_000))
    async with mail_server() as server:
        assert isinstance(await mail(senders, server, notification(firing=alerts)), Delivered)
        assert len(server.mails[0].content) < 30_000
        assert ids(server, "Subject") == ["[Firing 10000, error] HighCPU"]


@pytest.mark.parametrize(
    ("own", "within", "time"),
    [(0, 10 * SECOND, LEAST), (0, 60 * SECOND, 60 * SECOND), (5 * SECOND, 60 * SECOND, 5 * SECOND)],
)
def test_the_time_of_a_mail(own: int, within: int, time: int) -> None:
    settings = EmailSettings(("a@b",), "c@d", "mail", 25, timeout=own)
    assert time_for(settings, Attempt(within)) == time


def test_it_works_on_uvloop_too() -> None:
    """The service runs on it, and its transports and TLS are not asyncio's."""

    async def story(implicit: bool) -> None:
        senders = Senders("http://responder:9095", True, ManualClock())
        settings: dict[str, Any] = {
            "tls": TRUST,
            "require_tls": not implicit,
            "implicit_tls": implicit,
            **logged_in(),
        }
        async with mail_server(tls=server_tls(), implicit_tls=implicit, users=USERS) as server:
            assert await mail(senders, server, FIRST, **settings) == TOLD
            server.fault("dot", "reset_after")
            assert isinstance(await mail(senders, server, FIRST, **settings), Unknown)
            server.fault("rcpt", "hang")
            outcome = await mail(senders, server, FIRST, timeout=100 * MILLISECOND, **settings)
            assert outcome == Retry("timeout", "RCPT: no answer within 0.1s")
            outcome = await mail(senders, server, FIRST, **{**settings, "tls": None})
            assert isinstance(outcome, Retry)
            assert outcome.detail.startswith("certificate: ")
            assert [(taken.encrypted, taken.user) for taken in server.mails] == [(True, "responder")] * 2

    for implicit in (False, True):
        uvloop.run(story(implicit))
