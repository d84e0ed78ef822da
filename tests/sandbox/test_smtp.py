"""The sandbox's mail server, as a client and as a test meet it."""

import asyncio
import builtins
import smtplib
import ssl
import sys
from collections.abc import Callable
from typing import Any

import pytest

from responder.errors import UsageError
from responder.sandbox.smtp import KEPT, Mail, MailServer, Rules
from responder.settings.values import Address
from tests.clock import MONDAY, ManualClock
from tests.notify.mails import CA, USERS, mail_server, server_tls

MAIL = b"Subject: hello\r\nMessage-ID: <1@x>\r\n\r\n.dot\r\nbody\r\n"


async def by_smtplib(server: MailServer, work: Callable[[smtplib.SMTP], Any]) -> Any:
    """Another client than the one we send with: what we understand of SMTP is not only our own."""

    def run() -> Any:
        with smtplib.SMTP("localhost", server.address.port, timeout=10) as client:
            return work(client)

    return await asyncio.to_thread(run)


def send(client: smtplib.SMTP, *to: str) -> Any:
    return client.sendmail("a@x.example", to or ("b@x.example",), MAIL)


async def test_a_mail_is_kept_as_it_came() -> None:
    seen: list[Mail] = []
    async with mail_server() as server:
        server.on_mail = seen.append
        assert await by_smtplib(server, lambda client: send(client, "b@x.example", "c@x.example")) == {}
        (mail,) = server.mails
    assert seen == [mail]
    assert (mail.number, mail.at, mail.sender) == (1, MONDAY, "a@x.example")
    assert (mail.recipients, mail.encrypted, mail.user) == (("b@x.example", "c@x.example"), False, "")
    assert mail.content == MAIL
    assert (mail.message["Subject"], mail.message.get_content()) == ("hello", ".dot\r\nbody\r\n")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_tls_and_logins(mechanism: str) -> None:
    def work(client: smtplib.SMTP) -> None:
        client.starttls(context=ssl.create_default_context(cadata=CA))
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("responder", "wrong")
        client.login("responder", "pass word")
        send(client)

    async with mail_server(
        tls=server_tls(), require_tls=True, users=USERS, require_login=True, mechanisms=frozenset({mechanism})
    ) as server:
        await by_smtplib(server, work)
        assert [(mail.encrypted, mail.user) for mail in server.mails] == [(True, "responder")]


async def test_what_is_required_is_asked_for() -> None:
    async with mail_server(tls=server_tls(), require_tls=True) as server:
        with pytest.raises(smtplib.SMTPSenderRefused, match="Must issue a STARTTLS command first"):
            await by_smtplib(server, send)
    async with mail_server(users=USERS, require_login=True) as server:
        with pytest.raises(smtplib.SMTPSenderRefused, match="Authentication required"):
            await by_smtplib(server, send)
        assert list(server.mails) == []


async def test_without_users_no_login_is_offered() -> None:
    async with mail_server() as server:
        words = (await by_smtplib(server, lambda client: client.ehlo()))[1].decode()
        assert [line for line in words.splitlines() if line.startswith("AUTH")] == []


async def test_faults_strike_in_order_and_once() -> None:
    async with mail_server() as server:
        server.fault("rcpt", "451 4.3.0 one")
        server.fault("rcpt", "pass")
        server.fault("rcpt", "550 5.1.1 three", times=2)
        to = [f"{number}@x.example" for number in range(5)]
        refused = await by_smtplib(server, lambda client: send(client, *to))
        assert refused == {
            "0@x.example": (451, b"4.3.0 one"),
            "2@x.example": (550, b"5.1.1 three"),
            "3@x.example": (550, b"5.1.1 three"),
        }
        assert server.mails[0].recipients == ("1@x.example", "4@x.example")


async def test_421_ends_the_connection() -> None:
    async with mail_server() as server:
        server.fault("mail", "421 4.3.2 bye")

        def work(client: smtplib.SMTP) -> None:
            client.ehlo()
            assert client.docmd("MAIL", "FROM:<a@x.example>") == (421, b"4.3.2 bye")
            with pytest.raises(smtplib.SMTPServerDisconnected):
                client.noop()

        await by_smtplib(server, work)


async def test_stopping_ends_what_hangs() -> None:
    async with mail_server() as server:
        server.fault("ehlo", "hang")
        task = asyncio.create_task(by_smtplib(server, lambda client: client.ehlo()))
        await server.begun.wait()
        await server.stop()
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            await task
        await server.stop()


async def test_only_the_newest_are_kept() -> None:
    server = MailServer(Address("127.0.0.1", 0), ManualClock())
    for _ in range(KEPT + 5):
        server.take("h", "a@x", ["b@x"], encrypted=False, user="", content=b"\r\n")
    assert (len(server.mails), server.mails[0].number, server.count) == (KEPT, 6, KEPT + 5)


async def test_a_port_that_is_taken_is_said() -> None:
    async with mail_server() as server:
        other = MailServer(server.address, ManualClock(), Rules())
        with pytest.raises(UsageError, match=r"is in use by another program; the sandbox's mail server"):
            await other.start()


async def test_an_address_that_is_not_ours_is_said() -> None:
    with pytest.raises(UsageError, match="cannot listen on"):
        await MailServer(Address("192.0.2.1", 2525), ManualClock()).start()


async def test_without_aiosmtpd_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("aiosmtpd"):
            raise ModuleNotFoundError("No module named 'aiosmtpd'", name="aiosmtpd")
        return real(name, *args)

    monkeypatch.delitem(sys.modules, "responder.sandbox.smtpsession", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError) as caught:
        await MailServer(Address("127.0.0.1", 0), ManualClock()).start()
    assert str(caught.value) == "the sandbox's mail server needs aiosmtpd: pip install 'responder[sandbox]'"
