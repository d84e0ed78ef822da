"""The mail server: connection, TLS and its certificate, login, limits.

`cli.doctor` calls it. Without `send` no mail is begun.
"""

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final, NoReturn

from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused, SMTPResponseException

from responder.clock import Clock
from responder.core.catalogue import EmailSettings, Tls
from responder.core.model import DAY, SECOND
from responder.finding import Finding, Findings
from responder.notify.doctor.asking import TEST, WITHIN, network_advice
from responder.notify.http import Http, Redactor

_SOON: Final = 21
"""Days before its end in which a certificate should have been renewed."""

_SMALL: Final = 1 << 20
"""Bytes. A mail of ours about a great many alerts has some hundred thousand."""


async def examine(
    wanted: list[tuple[str, EmailSettings]], http: Http, clock: Clock, *, send: bool = False
) -> list[Finding]:
    """Look at each server of `wanted`, (receiver, settings). `send`: mail a test to its recipients."""
    servers: dict[tuple[object, ...], list[EmailSettings]] = {}
    for _, settings in wanted:
        mates = servers.setdefault(_server(settings), [])
        if settings not in mates:
            mates.append(settings)
    found: list[Finding] = []
    for mates in servers.values():
        found += await _Examination(mates[0], http, clock).run([each for each in mates if send and each.to])
    return found


def _server(settings: EmailSettings) -> tuple[object, ...]:
    """What makes two entries the same server and the same account."""
    return (
        *(settings.host, settings.port, settings.hello, settings.username, settings.password),
        *(settings.require_tls, settings.implicit_tls, settings.tls),
    )


class _Stop(Exception):
    """Nothing more can be found out; why was noted."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A connection, and whether what is said over it is encrypted."""

    smtp: SMTP
    encrypted: bool


class _Examination:
    """One server."""

    def __init__(self, settings: EmailSettings, http: Http, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._name = (settings.tls.server_name if settings.tls else "") or settings.host
        self._notes = Findings(f"smtp {settings.host}:{settings.port}")
        password = settings.password.reveal() if settings.password else ""
        self._redactor = Redactor([password, b64encode(password.encode()).decode()])

    async def run(self, tests: list[EmailSettings]) -> list[Finding]:
        with suppress(_Stop):
            async with self._connected() as line:
                self._look_at_size(line.smtp)
                await self._log_in(line)
                for settings in tests:
                    await self._send(line.smtp, settings)
        return self._notes.found

    # -- connection ---------------------------------------------------------------------------

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[_Line]:
        settings, notes = self._settings, self._notes
        smtp = SMTP(
            hostname=self._name,
            local_hostname=settings.hello,
            timeout=WITHIN / SECOND,
            use_tls=settings.implicit_tls,
            start_tls=False,
            tls_context=self._context(),
        )
        try:
            await self._connect(smtp)
            await self._step("EHLO", smtp.ehlo())
            encrypted = settings.implicit_tls
            if encrypted:
                self._look_at_certificate(smtp, "TLS from the first byte")
            elif smtp.supports_extension("starttls"):
                await self._step("STARTTLS", smtp.starttls())
                await self._step("EHLO after STARTTLS", smtp.ehlo())
                self._look_at_certificate(smtp, "STARTTLS is offered and works")
                encrypted = True
            elif settings.require_tls:
                notes.problem(
                    "STARTTLS is not offered, and require_tls wants it",
                    "use the port for submission (587 with STARTTLS, 465 with TLS from the first byte);"
                    " require_tls: false lets mail go unencrypted",
                )
                raise _Stop
            elif _loopback(settings.host):
                notes.ok("STARTTLS is not offered, and what is said stays on this machine")
            else:
                notes.warning(
                    "STARTTLS is not offered: mail goes unencrypted, and anybody on its way may read it",
                    "use a port with TLS",
                )
            yield _Line(smtp, encrypted)
            with suppress(SMTPException, OSError):
                await smtp.quit()
        finally:
            smtp.close()

    def _context(self) -> ssl.SSLContext:
        settings = self._settings
        strict = settings.require_tls or settings.implicit_tls
        try:
            return self._http.context(settings.tls or Tls(insecure_skip_verify=not strict))
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else ""
            self._failed("TLS settings", f"TLS settings: {words or type(error).__name__}")

    async def _connect(self, smtp: SMTP) -> None:
        address = (self._settings.host, self._settings.port)
        try:
            raw = await asyncio.to_thread(socket.create_connection, address, WITHIN / SECOND)
        except OSError as error:
            self._failed("connecting", _words(error))
        raw.setblocking(False)
        await self._step("connecting", smtp.connect(sock=raw))
        self._notes.ok("it can be connected to")

    async def _step(self, name: str, doing: Any) -> None:
        """Await it; whatever goes wrong is noted. Raises _Stop."""
        try:
            await doing
        except SMTPResponseException as error:
            answer = self._redactor.clean(error.message)
            self._notes.problem(f"{name}: {error.code} {answer}", "ask whoever runs the mail server why")
            raise _Stop from None
        except (SMTPException, OSError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            self._failed(name, _words(cause))

    def _failed(self, name: str, detail: str) -> NoReturn:
        self._notes.problem(f"{name}: {detail}", network_advice(detail, self._settings.host))
        raise _Stop

    # -- what it offers -----------------------------------------------------------------------

    def _look_at_certificate(self, smtp: SMTP, how: str) -> None:
        notes = self._notes
        certificate = smtp.get_transport_info("peercert")
        if not certificate:
            notes.warning(
                f"{how}, and the certificate is not verified: anybody could answer in the server's name",
                "set require_tls: true and, for an authority of your own, ca_file",
            )
            return
        ends = int(ssl.cert_time_to_seconds(certificate["notAfter"])) * SECOND
        days = (ends - self._clock.now()) // DAY
        found = f"{how}; the certificate is valid for {self._name}, {days} days left"
        if days <= _SOON:
            notes.warning(found, "have it renewed")
        else:
            notes.ok(found)

    def _look_at_size(self, smtp: SMTP) -> None:
        size = smtp.esmtp_extensions.get("size", "")
        if not size.isdigit() or int(size) == 0:
            return
        if int(size) < _SMALL:
            self._notes.warning(
                f"mails may have {size} bytes", "have the limit raised: long lists of alerts are larger"
            )
        else:
            self._notes.ok(f"mails may have {size} bytes")

    async def _log_in(self, line: _Line) -> None:
        settings, notes, smtp = self._settings, self._notes, line.smtp
        offered = ", ".join(sorted(smtp.server_auth_methods)).upper()
        if not settings.username:
            notes.ok("no login is configured" + (f" (the server offers {offered})" if offered else ""))
            return
        if not offered:
            notes.problem(
                "a login is configured, and the server offers none",
                "use the port for submission, or take auth_username out",
            )
            raise _Stop
        password = settings.password.reveal() if settings.password else ""
        readable = not line.encrypted and not _loopback(settings.host)
        if readable and "cram-md5" not in smtp.server_auth_methods:
            notes.problem(
                f"the server offers {offered} and no TLS: the password is not sent, all could read it",
                "use a port with TLS",
            )
            raise _Stop
        try:
            # `login` would go on to PLAIN, which shows the password, when CRAM-MD5 is refused.
            await (smtp.auth_crammd5 if readable else smtp.login)(settings.username, password)
        except SMTPResponseException as error:
            answer = self._redactor.clean(error.message)
            notes.problem(
                f"the login is refused: {error.code} {answer}",
                "check auth_username and the password in auth_password_file",
            )
            raise _Stop from None
        except (SMTPException, OSError):
            notes.problem(
                f"the login failed; the server offers {offered}", "it must offer PLAIN, LOGIN or CRAM-MD5"
            )
            raise _Stop from None
        notes.ok(f"the login works (the server offers {offered})")

    # -- a test -------------------------------------------------------------------------------

    async def _send(self, smtp: SMTP, settings: EmailSettings) -> None:
        notes, to = self._notes, ", ".join(settings.to)
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = TEST, settings.sender, to
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._clock.now() // SECOND, UTC))
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{TEST}\n")
        try:
            answers, _ = await smtp.send_message(mail, sender=settings.sender, recipients=list(settings.to))
            refused = {address: (answer.code, answer.message) for address, answer in answers.items()}
        except SMTPRecipientsRefused as error:
            refused = {each.recipient: (each.code, each.message) for each in error.recipients}
        except (SMTPException, OSError, ValueError) as error:
            detail = self._redactor.clean(str(error)) or type(error).__name__
            notes.problem(f"a test mail to {to} was refused: {detail}", "correct what the server says there")
            return
        taken = [address for address in settings.to if address not in refused]
        if taken:
            notes.ok(f"a test mail was taken for {', '.join(taken)}")
        for address, (code, words) in refused.items():
            said = self._redactor.clean(words)
            notes.problem(f"a test mail for {address} was refused: {code} {said}", "check the address")


def _words(error: BaseException) -> str:
    """What went wrong with a connection, as the senders say it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or type(error).__name__}"
    if isinstance(error, socket.gaierror):
        return f"name resolution: {error.strerror}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return f"no answer within {WITHIN / SECOND:g}s"
    return "the connection ended"


def _loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
