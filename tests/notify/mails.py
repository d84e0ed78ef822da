"""A mail server on loopback, email integrations, and sending to it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from responder.core.catalogue import EmailSettings, Secret, Tls
from responder.core.model import SECOND
from responder.core.notification import Attempt, Notification, Outcome
from responder.core.rules import Integration
from responder.notify.integration import Senders
from responder.sandbox.smtp import MailServer, Rules
from responder.settings.values import Address
from tests.clock import ManualClock
from tests.notify.notices import notification

TLS = Path(__file__).parent / "tls"
CA = (TLS / "ca.pem").read_text()
TRUST = Tls(ca=CA, server_name="hooks.test")


def server_tls(client_certificate: bool = False) -> ssl.SSLContext:
    """What the server shows: a certificate for hooks.test and localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(TLS / "ca.pem")
    return context


@asynccontextmanager
async def mail_server(**rules: Any) -> AsyncIterator[MailServer]:
    server = MailServer(Address("127.0.0.1", 0), ManualClock(), Rules(**rules))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def email(server: MailServer, *, name: str = "i1", max_alerts: int = 0, **settings: Any) -> Integration:
    """An email integration that needs no TLS unless the settings say so."""
    given: dict[str, Any] = {
        "to": ("ops@example.com",),
        "sender": "Responder <alerts@example.com>",
        "host": "127.0.0.1",
        "port": server.address.port,
        "require_tls": False,
    }
    return Integration(
        id=name,
        kind="email",
        send_resolved=True,
        destination="smtp",
        settings=EmailSettings(**(given | settings)),
        max_alerts=max_alerts,
    )


def logged_in(password: str = "pass word") -> dict[str, Any]:
    return {"username": "responder", "password": Secret(password)}


USERS = {"responder": "pass word"}


async def mail(
    senders: Senders,
    server: MailServer,
    told: Notification | None = None,
    *,
    within: int = 10 * SECOND,
    receipt: str = "",
    **settings: Any,
) -> Outcome:
    """Send one mail."""
    attempt = Attempt(within, receipt=receipt)
    return await senders(email(server, **settings)).send(told or notification(7), attempt)
