"""One client's connection to the sandbox's mail server: aiosmtpd's protocol, with faults.

`smtp` makes one for each connection, and it is the only module that imports aiosmtpd. It runs on
the event loop that it is started on, and decides nothing that MailServer's rules do not say.
"""

import asyncio
import hmac
import logging
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, TLSSetupException

if TYPE_CHECKING:
    from responder.sandbox.smtp import MailServer, Stage

# It warns of its own deprecations at every login, and reports clients that went away.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


class SmtpSession(SMTP):
    """The protocol of one connection."""

    def __init__(self, server: "MailServer", loop: asyncio.AbstractEventLoop) -> None:
        """Not connected yet."""
        rules = server.rules
        self._desk = server
        self._greeted = False
        super().__init__(
            self,
            hostname="mail.sandbox",
            ident="Responder's sandbox",
            loop=loop,
            data_size_limit=rules.size_limit,
            enable_SMTPUTF8=rules.smtputf8,
            tls_context=None if rules.implicit_tls else rules.tls,
            require_starttls=rules.require_tls,
            auth_require_tls=False,
            auth_exclude_mechanism={"PLAIN", "LOGIN", "CRAM-MD5"}
            - (rules.mechanisms if rules.users else set()),
            authenticator=self._check,
        )

    def cut(self) -> None:
        """End the connection without a word."""
        transport = self._original_transport or self.transport
        if transport is not None:
            cast(asyncio.Transport, transport).abort()
        # asyncio's TLS does not tell its protocol of an end that comes in the middle of a handshake.
        self.loop.call_soon(self.connection_lost, None)

    # -- the connection ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come, or has begun to speak TLS."""
        self._desk.joined(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It is over. Called more than once: by the loop, by `cut`, by aiosmtpd when TLS fails."""
        if self._desk.left(self):
            super().connection_lost(error)

    async def push(self, status: Any) -> None:
        """Answer; the first answer is the greeting."""
        if not self._greeted:
            self._greeted = True
            if await self._struck("connect"):
                return
        if self.transport is not None:
            await super().push(status)

    async def handle_exception(self, error: Exception) -> str:
        """A client that refuses our certificate is no news; anything else is a bug of ours."""
        if not isinstance(error, TLSSetupException):
            raise error
        return "454 4.7.0 TLS failed"

    async def _struck(self, stage: "Stage") -> bool:
        kind = self._desk.next_fault(stage)
        if not kind:
            return False
        if kind == "hang":
            await self.loop.create_future()
        elif kind == "reset":
            self.cut()
        else:
            await super().push(kind)
            if (stage == "connect" or kind.startswith("421")) and self.transport is not None:
                self.transport.close()
        return True

    # -- commands ---------------------------------------------------------------------------

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        """Say what the server can do."""
        if not await self._struck("ehlo"):
            await super().smtp_EHLO(hostname)

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Without users there is no login to offer."""
        session.host_name = hostname
        return [line for line in responses if self._desk.rules.users or not line.startswith("250-AUTH")]

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        """Begin to speak TLS."""
        if not await self._struck("starttls"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        """Log somebody in."""
        if not await self._struck("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """Begin a mail."""
        if not await self._struck("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        """Take a recipient."""
        if not await self._struck("rcpt"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take a mail's content."""
        if not await self._struck("data"):
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        """Take leave."""
        if not await self._struck("quit"):
            await super().smtp_QUIT(arg)

    async def check_auth_needed(self, caller_method: str) -> bool:
        """Whether the client must log in first; says so to it."""
        assert self.session is not None
        if not self._desk.rules.require_login or self.session.authenticated:
            return False
        await self.push("530 5.7.0 Authentication required")
        return True

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take it, or have it come again."""
        if self._desk.greylisted(envelope.mail_from or "", address):
            return "451 4.7.1 Greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail, unless a fault is due."""
        kind = self._desk.next_fault("dot")
        if kind == "hang":
            await self.loop.create_future()
        if kind == "reset":
            self.cut()
        if kind not in ("", "hang_after", "reset_after"):
            return kind
        content, user = envelope.content, _user(session.auth_data)
        assert isinstance(content, bytes)
        assert self.transport is not None
        self._desk.take(
            session.host_name or "",
            envelope.mail_from or "",
            envelope.rcpt_tos,
            encrypted=self.transport.get_extra_info("ssl_object") is not None,
            user=user,
            content=content,
        )
        if kind == "hang_after":
            await self.loop.create_future()
        if kind == "reset_after":
            self.cut()
        return "250 2.0.0 OK"

    # -- logins -----------------------------------------------------------------------------

    def _check(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        user, password = data.login.decode(errors="replace"), data.password
        known = self._desk.rules.users.get(user)
        right = known is not None and hmac.compare_digest(known.encode(), password)
        return AuthResult(success=right, handled=False, auth_data=user)

    async def auth_CRAM__MD5(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """RFC 2195: the password itself does not travel."""
        challenge = self._desk.challenge()
        answer: object = await self.challenge_auth(challenge)
        if not isinstance(answer, bytes):
            return AuthResult(success=False)  # the client gave up, and has been answered
        user, _, digest = answer.decode(errors="replace").rpartition(" ")
        known = self._desk.rules.users.get(user, "")
        wanted = hmac.new(known.encode(), challenge.encode(), "md5").hexdigest()
        return AuthResult(
            success=bool(known) and hmac.compare_digest(wanted, digest), handled=False, auth_data=user
        )


def _user(data: object) -> str:
    return data if isinstance(data, str) else ""
