"""One mail over one SMTP connection, and what the server's answers mean for delivery.

`email` opens a Session for each attempt. It never tries anything a second time, sends no password
over a connection that others can read, and puts no secret into an outcome.

4xx is tried again; it counts as `rate_limited` where the server asks for patience (greylisting,
"too many", enhanced status 4.7), so that it does not open the destination's breaker, and as
`server_error` else. 5xx is final: `auth_error` for the login and for 530, `client_error` else.
A connection that ends after the whole mail went out leaves the outcome unknown.
"""

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, cast

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from responder.core.catalogue import EmailSettings, Tls
from responder.core.notification import Rejected, Retry, Unknown
from responder.notify.http import Http, Redactor, unreachable
from responder.notify.letter import Letter

_GOODBYE: Final = 1.0
"""Seconds that a server may take over QUIT: the mail is through, and nothing hangs on it."""

_PATIENCE: Final = re.compile(r"\brate|throttl|too many|gr[ae]y-?list|quota|\blimit", re.IGNORECASE)
_POLICY: Final = re.compile(r"4\.7\.\d+\b")
_NO_MECHANISM: Final = frozenset({500, 502, 504, 534, 538})
"""Answers to AUTH that mean "not in this way"; after any other, a second try may lock the account."""


class Failed(Exception):
    """It ended before the server had the mail; `outcome` says how."""

    def __init__(self, outcome: Retry | Rejected) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Refused:
    """A recipient that the server did not take. `answer` is its words, on one line."""

    address: str
    code: int
    answer: str

    @property
    def temporary(self) -> bool:
        """Whether it may be taken later."""
        return 400 <= self.code < 500


class Session:
    """One connection to a mail server. `step` is what it was last asked for; `sent`: the mail went out."""

    def __init__(self, settings: EmailSettings, http: Http) -> None:
        """Nothing is connected yet."""
        self.step = "CONNECT"
        self.sent = False
        self._settings = settings
        self._http = http
        self._smtp: SMTP | None = None
        self._transport: asyncio.BaseTransport | None = None
        password = settings.password.reveal() if settings.password else ""
        self._redactor = Redactor([password, b64encode(password.encode()).decode(), _plain(settings)])

    async def carry(self, letter: Letter) -> list[Refused]:
        """Hand the letter over; returns the recipients that were not taken, if others were.

        Raises Failed, SMTPException, OSError or ValueError; `failure` says what the last three mean.
        It has no time limit of its own.
        """
        smtp = await self._open()
        if self._settings.username:
            await self._log_in(smtp)
        options = [f"SIZE={len(letter.content)}"] if smtp.supports_extension("size") else []
        if letter.utf8:
            if not smtp.supports_extension("smtputf8"):
                detail = "the server takes no addresses outside ASCII (SMTPUTF8)"
                raise Failed(Rejected("client_error", f"MAIL: {detail}"))
            options.append("SMTPUTF8")
        encoding = "utf-8" if letter.utf8 else "ascii"
        self.step = "MAIL"
        await smtp.mail(letter.sender, options=options, encoding=encoding)
        self.step = "RCPT"
        refused = []
        for recipient in letter.recipients:
            try:
                await smtp.rcpt(recipient, encoding=encoding)
            except SMTPRecipientRefused as error:
                refused.append(Refused(recipient, error.code, self._redactor.clean(error.message)))
        if len(refused) == len(letter.recipients):
            raise Failed(_nobody(refused, letter))
        await self._data(smtp, letter.content)
        return refused

    async def close(self, *, politely: bool) -> None:
        """Leave: with QUIT where the server still listens, else at once."""
        if politely and self._smtp and self._smtp.is_connected:
            with suppress(SMTPException, OSError):
                async with asyncio.timeout(_GOODBYE):
                    await self._smtp.quit()
        if self._transport:
            # Neither aiosmtplib's types nor uvloop's transports say that these are Transports.
            cast(asyncio.Transport, self._transport).abort()
            self._transport = None

    # -- steps ----------------------------------------------------------------------------------

    async def _open(self) -> SMTP:
        settings = self._settings
        smtp = self._smtp = SMTP(
            hostname=(settings.tls.server_name if settings.tls else "") or settings.host,
            local_hostname=settings.hello,
            timeout=None,
            use_tls=settings.implicit_tls,
            start_tls=False,
            tls_context=self._context(),
        )
        await smtp.connect(sock=await _connected(settings.host, settings.port))
        self._transport = smtp.transport
        await self._hello(smtp)
        if settings.implicit_tls:
            return smtp
        if smtp.supports_extension("starttls"):
            self.step = "STARTTLS"
            await smtp.starttls()
            self._transport = smtp.transport
            await self._hello(smtp)
        elif settings.require_tls:
            detail = "the server does not offer it; set require_tls: false if mail may go unencrypted"
            raise Failed(Rejected("client_error", f"STARTTLS: {detail}"))
        return smtp

    def _context(self) -> ssl.SSLContext:
        """The settings' own. Without any, TLS that is not required is taken as it comes.

        Whoever could forge the certificate could as well have taken away the offer of STARTTLS.
        """
        settings = self._settings
        strict = settings.require_tls or settings.implicit_tls
        try:
            return self._http.context(settings.tls or Tls(insecure_skip_verify=not strict))
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            raise Failed(Retry("network", f"TLS settings: {reason}")) from None

    async def _hello(self, smtp: SMTP) -> None:
        self.step = "EHLO"
        await smtp.ehlo()

    async def _log_in(self, smtp: SMTP) -> None:
        self.step = "AUTH"
        settings = self._settings
        password = settings.password.reveal() if settings.password else ""
        encrypted = smtp.get_transport_info("sslcontext") is not None

        def cram_md5() -> Awaitable[object]:
            return smtp.auth_crammd5(settings.username, password)

        def login() -> Awaitable[object]:
            return smtp.auth_login(settings.username, password)

        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "plain": lambda: _auth_plain(smtp, settings),
            "login": login,
            "cram-md5": cram_md5,
        }
        if not encrypted and not _loopback(settings.host):
            ways = {"cram-md5": cram_md5}
        refused: SMTPAuthenticationError | None = None
        for name, way in ways.items():
            if name not in smtp.server_auth_methods:
                continue
            try:
                await way()
            except SMTPAuthenticationError as error:
                refused = error
                if error.code not in _NO_MECHANISM:
                    break
            else:
                return
        if refused:
            raise refused
        offered = ", ".join(sorted(smtp.server_auth_methods)).upper() or "no login"
        detail = f"the server offers {self._redactor.clean(offered)}"
        if encrypted or not smtp.server_auth_methods:
            detail += f", and we know {', '.join(ways).upper()}"
        else:
            detail += " and no TLS: the password would be readable on its way"
        raise Failed(Rejected("auth_error", f"AUTH: {detail}"))

    async def _data(self, smtp: SMTP, content: bytes) -> None:
        """DATA in two halves, so that it is known whether the mail had gone out when it failed."""
        self.step = "DATA"
        answer = await smtp.execute_command(b"DATA")
        if answer.code != 354:
            raise SMTPDataError(answer.code, answer.message)
        protocol = smtp.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
        self.sent = True
        answer = await protocol.read_response()
        if not 200 <= answer.code < 300:
            raise SMTPDataError(answer.code, answer.message)

    # -- what it means --------------------------------------------------------------------------

    def failure(self, error: Exception) -> Retry | Rejected | Unknown:
        """What an exception of `carry` means."""
        if isinstance(error, SMTPResponseException):
            return self._answered(error.code, self._redactor.clean(error.message))
        cause = error.__cause__
        if isinstance(error, SMTPException):
            if self.sent:
                return Unknown("the connection ended before an answer to the mail came")
            if isinstance(cause, OSError) and not isinstance(cause, SMTPException | ConnectionError):
                return unreachable(cause)
            return Retry("network", f"{self.step}: the connection ended before the mail was sent")
        if isinstance(error, OSError):
            return unreachable(error)
        return Rejected("client_error", "no SMTP session can be had with this host, port or hello")

    def _answered(self, code: int, words: str) -> Retry | Rejected | Unknown:
        detail = f"{self.step}: {code} {words}".rstrip()
        if 400 <= code < 500:
            patience = self.step != "AUTH" and _POLICY.match(words)
            return Retry("rate_limited" if patience or _PATIENCE.search(words) else "server_error", detail)
        if code == 530 or (self.step == "AUTH" and code >= 500):
            if not self._settings.username:
                detail += " (no auth_username is set)"
            return Rejected("auth_error", detail)
        if code >= 500:
            return Rejected("client_error", detail)
        if self.sent:
            return Unknown("the answer to the mail is not SMTP")
        return Retry("server_error", f"{self.step}: the answer is not SMTP")


def _nobody(refused: list[Refused], letter: Letter) -> Retry | Rejected:
    """What it means that every recipient was refused: tried again while it may help one of them."""
    detail = "RCPT: " + "; ".join(f"{one.address}: {one.code} {one.answer}".rstrip() for one in refused[:5])
    if len(refused) > 5:
        detail += f"; and {len(refused) - 5} more"
    waiting = [one for one in refused if one.temporary]
    if not waiting:
        blocked = any(one.code == 530 for one in refused)
        return Rejected("auth_error" if blocked else "client_error", detail)
    patient = all(_POLICY.match(one.answer) or _PATIENCE.search(one.answer) for one in waiting)
    return Retry("rate_limited" if patient else "server_error", detail)


def _plain(settings: EmailSettings) -> str:
    """The credentials of AUTH PLAIN (RFC 4616)."""
    password = settings.password.reveal() if settings.password else ""
    return b64encode(f"{settings.identity}\0{settings.username}\0{password}".encode()).decode()


async def _auth_plain(smtp: SMTP, settings: EmailSettings) -> None:
    answer = await smtp.execute_command(b"AUTH", b"PLAIN", _plain(settings).encode())
    if answer.code != 235:
        raise SMTPAuthenticationError(answer.code, answer.message)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _connected(host: str, port: int) -> socket.socket:
    """A connected socket: aiosmtplib's own would join several addresses' errors to one text."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _, where in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, where)
        except OSError as error:
            sock.close()
            failure = error
        except asyncio.CancelledError:
            sock.close()
            raise
        else:
            return sock
    raise failure or OSError("no address")
