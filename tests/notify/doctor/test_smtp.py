"""What the doctor finds about mail servers, at real ones on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from msgspec.structs import replace

from responder.core.catalogue import EmailSettings, Secret, Tls
from responder.core.model import DAY, SECOND
from responder.finding import Finding
from responder.notify.doctor.asking import TEST
from responder.notify.doctor.smtp import examine
from responder.notify.http import Http
from tests.clock import MONDAY, ManualClock
from tests.notify.pager import closed_port

TLS: Final = Path(__file__).parents[1] / "tls"
TRUSTED: Final = Tls(ca=(TLS / "ca.pem").read_text(), server_name="hooks.test")
ENDS: Final = int(ssl.cert_time_to_seconds("Oct 30 20:30:54 2126 GMT")) * SECOND
DAYS: Final = (ENDS - MONDAY) // DAY
PASSWORD: Final = "canary-hunter22"


class Mailbox:
    """What a server took, and whom it refuses."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], str]] = []

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("nobody"):
            return f"550 no such user; is {PASSWORD} your password?"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content.decode()))
        return "250 taken"


def check_login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    fine = (data.login, data.password) == (b"responder", PASSWORD.encode())
    return AuthResult(success=fine, handled=False)


@asynccontextmanager
async def serving(
    *, tls: bool = True, implicit: bool = False, login: bool = False, **more: Any
) -> AsyncIterator[tuple[int, Mailbox]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    mailbox, port = Mailbox(), closed_port()
    if tls and not implicit:
        more["tls_context"] = context
    if login:
        more |= {"authenticator": check_login, "auth_required": True, "auth_require_tls": tls}
    controller = Controller(
        mailbox,
        "127.0.0.1",
        port,
        ssl_context=context if implicit else None,
        server_hostname="mx.test",
        **more,
    )
    await asyncio.to_thread(controller.start)
    try:
        yield port, mailbox
    finally:
        await asyncio.to_thread(controller.stop)


def mail(port: int, *to: str, **settings: Any) -> EmailSettings:
    return EmailSettings(
        to or ("ops@example.com",),
        "responder@example.com",
        "127.0.0.1",
        port,
        hello="responder.test",
        **settings,
    )


async def look(*wanted: EmailSettings, now: int = MONDAY, send: bool = False) -> list[Finding]:
    http = Http()
    try:
        return await examine([("r", each) for each in wanted], http, ManualClock(now), send=send)
    finally:
        await http.close()


def said(found: list[Finding]) -> list[tuple[str, str]]:
    return [(each.level, each.found) for each in found]


CONNECTED: Final = ("ok", "it can be connected to")
ROOM: Final = ("ok", "mails may have 33554432 bytes")
FITS: Final = (
    "ok",
    f"STARTTLS is offered and works; the certificate is valid for hooks.test, {DAYS} days left",
)


async def test_all_is_well_and_no_mail_was_sent() -> None:
    async with serving(login=True) as (port, mailbox):
        settings = mail(port, tls=TRUSTED, username="responder", password=Secret(PASSWORD))
        found = await look(
            settings, mail(port, "b@x", tls=TRUSTED, username="responder", password=Secret(PASSWORD))
        )
    works = ("ok", "the login works (the server offers LOGIN, PLAIN)")
    assert said(found) == [CONNECTED, FITS, ROOM, works]
    assert {each.about for each in found} == {f"smtp 127.0.0.1:{port}"}
    assert mailbox.mails == []


async def test_tls_from_the_first_byte() -> None:
    async with serving(implicit=True) as (port, _):
        found = await look(mail(port, implicit_tls=True, tls=TRUSTED))
    fits = ("ok", FITS[1].replace("STARTTLS is offered and works", "TLS from the first byte"))
    assert said(found) == [CONNECTED, fits, ROOM, ("ok", "no login is configured")]


async def test_a_certificate_that_ends_soon_or_has_ended() -> None:
    async with serving() as (port, _):
        found = await look(mail(port, tls=TRUSTED), now=ENDS - 5 * DAY)
    assert found[1] == Finding(
        "warning",
        f"smtp 127.0.0.1:{port}",
        "STARTTLS is offered and works; the certificate is valid for hooks.test, 5 days left",
        "have it renewed",
    )


@pytest.mark.parametrize(
    ("tls", "why"),
    [
        (None, "unable to get local issuer certificate"),
        (
            Tls(ca=TRUSTED.ca),
            "IP address mismatch, certificate is not valid for '127.0.0.1'.",
        ),
    ],
)
@pytest.mark.parametrize("implicit", [False, True])
async def test_a_certificate_that_does_not_fit(tls: Tls | None, why: str, implicit: bool) -> None:
    async with serving(implicit=implicit) as (port, _):
        found = await look(mail(port, tls=tls, implicit_tls=implicit))
    assert found[-1] == Finding(
        "problem",
        f"smtp 127.0.0.1:{port}",
        f"{'connecting' if implicit else 'STARTTLS'}: certificate: {why}",
        "trust the authority that signed 127.0.0.1's certificate (ca_file), or correct the name",
    )


async def test_a_certificate_that_nobody_checks() -> None:
    async with serving() as (port, _):
        found = await look(mail(port, require_tls=False))
    assert found[1] == Finding(
        "warning",
        f"smtp 127.0.0.1:{port}",
        "STARTTLS is offered and works, and the certificate is not verified: anybody could answer in the"
        " server's name",
        "set require_tls: true and, for an authority of your own, ca_file",
    )


async def test_without_starttls() -> None:
    async with serving(tls=False) as (port, _):
        required = await look(mail(port))
        optional = await look(mail(port, require_tls=False))
        # The same address, written so that nothing knows it for this machine's own.
        elsewhere = await look(replace(mail(port, require_tls=False), host="0x7f.1"))
    assert said(required) == [CONNECTED, ("problem", "STARTTLS is not offered, and require_tls wants it")]
    assert said(optional) == [
        CONNECTED,
        ("ok", "STARTTLS is not offered, and what is said stays on this machine"),
        ROOM,
        ("ok", "no login is configured"),
    ]
    assert said(elsewhere)[1] == (
        "warning",
        "STARTTLS is not offered: mail goes unencrypted, and anybody on its way may read it",
    )


async def test_a_login_that_is_refused_shows_no_password() -> None:
    async with serving(login=True) as (port, _):
        found = await look(mail(port, tls=TRUSTED, username="responder", password=Secret("canary-wrong")))
    assert found[-1] == Finding(
        "problem",
        f"smtp 127.0.0.1:{port}",
        "the login is refused: 535 5.7.8 Authentication credentials invalid",
        "check auth_username and the password in auth_password_file",
    )
    assert "canary" not in repr(found)


async def test_a_login_that_is_not_offered() -> None:
    async with serving(tls=False) as (port, _):
        found = await look(mail(port, require_tls=False, username="responder", password=Secret(PASSWORD)))
    assert said(found)[-1] == ("problem", "a login is configured, and the server offers none")


async def test_a_small_limit() -> None:
    async with serving(data_size_limit=10_000) as (port, _):
        found = await look(mail(port, tls=TRUSTED))
    assert said(found)[2] == ("warning", "mails may have 10000 bytes")


async def test_a_test_is_mailed_to_each_recipient() -> None:
    async with serving() as (port, mailbox):
        wanted = [
            mail(port, "a@x.test", "nobody@x.test", tls=TRUSTED),
            mail(port, "nobody@y.test", tls=TRUSTED),
        ]
        found = await look(*wanted, send=True)
        no_recipients = await look(EmailSettings((), "", "127.0.0.1", port, tls=TRUSTED), send=True)
    assert said(found)[4:] == [
        ("ok", "a test mail was taken for a@x.test"),
        (
            "problem",
            f"a test mail for nobody@x.test was refused: 550 no such user; is {PASSWORD} your password?",
        ),
        (
            "problem",
            f"a test mail for nobody@y.test was refused: 550 no such user; is {PASSWORD} your password?",
        ),
    ]
    ((sender, to, content),) = mailbox.mails
    assert (sender, to) == ("responder@example.com", ["a@x.test"])
    assert f"Subject:\r\n {TEST}\r\n" in content
    assert len(no_recipients) == 4


async def test_what_the_server_says_shows_no_password() -> None:
    async with serving(login=True) as (port, _):
        settings = mail(port, "nobody@x", tls=TRUSTED, username="responder", password=Secret(PASSWORD))
        found = await look(settings, send=True)
    assert (
        found[-1].found
        == "a test mail for nobody@x was refused: 550 no such user; is <secret> your password?"
    )


async def test_nobody_is_there() -> None:
    port = closed_port()
    assert said(await look(mail(port))) == [("problem", "connecting: connection refused")]


async def test_what_answers_is_no_mail_server() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        (finding,) = await look(mail(port))
    assert (finding.level, finding.found.partition(":")[0]) == ("problem", "connecting")
