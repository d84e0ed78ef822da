"""A mail server on loopback that takes mail, keeps it, and delivers it to nobody.

The sandbox points `smtp:` at it, and tests set its faults. It keeps the newest 1,000 mails in
memory and nothing on disk. It needs the optional package aiosmtpd, and says so.
"""

import asyncio
import errno
import ssl
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from responder.clock import Clock
from responder.core.model import Nanoseconds
from responder.errors import UsageError
from responder.settings.values import Address

if TYPE_CHECKING:
    from responder.sandbox.smtpsession import SmtpSession

KEPT: Final = 1_000
"""How many mails are kept."""

Stage: TypeAlias = Literal["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "quit"]
"""When a fault strikes: in place of the greeting, or of the answer to a command.

`data` is the answer to the command DATA, `dot` the one to the mail that follows it.
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that was taken: its number, when, the envelope, and how it came.

    `user` is who logged in, "" for nobody; `encrypted`: it came over TLS.
    """

    number: int
    at: Nanoseconds
    hello: str
    sender: str
    recipients: tuple[str, ...]
    encrypted: bool
    user: str
    content: bytes
    message: EmailMessage = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server asks of its clients.

    `tls` makes it offer STARTTLS, or with `implicit_tls` speak TLS from the first byte;
    `require_tls`: nothing without it. `users` maps names to passwords; `require_login`: no mail
    without a login. `greylisting`: a recipient is told to come again the first time.
    """

    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    require_tls: bool = False
    users: Mapping[str, str] = field(default_factory=dict)
    require_login: bool = False
    mechanisms: frozenset[str] = frozenset({"PLAIN", "LOGIN", "CRAM-MD5"})
    size_limit: int = 10 << 20
    smtputf8: bool = True
    greylisting: bool = False


class MailServer:
    """The server: `start`, look at `mails`, `stop`."""

    def __init__(self, address: Address, clock: Clock, rules: Rules | None = None) -> None:
        """Listen nowhere yet."""
        self.address = address
        self.rules = rules or Rules()
        self.mails: deque[Mail] = deque(maxlen=KEPT)
        self.on_mail: Callable[[Mail], None] = lambda mail: None
        self.count = 0
        self.connections = 0
        self._clock = clock
        self._faults: dict[Stage, deque[str]] = defaultdict(deque)
        self._seen: set[tuple[str, str]] = set()
        self.begun = asyncio.Event()
        self._sessions: set[SmtpSession] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises UsageError when aiosmtpd is missing or the port is taken."""
        try:
            from responder.sandbox.smtpsession import SmtpSession
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            raise UsageError(
                f"the sandbox's mail server needs {missing}: pip install 'responder[sandbox]'"
            ) from None
        context = self.rules.tls if self.rules.implicit_tls else None
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: SmtpSession(self, loop), self.address.host, self.address.port, ssl=context
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UsageError(
                    f"{self.address} is in use by another program; the sandbox's mail server needs it"
                ) from None
            raise UsageError(
                f"the sandbox's mail server cannot listen on {self.address}: {error.strerror}"
            ) from None
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = Address(host, port)

    async def stop(self) -> None:
        """Listen no more, and end every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for session in list(self._sessions):
            session.cut()
        await self._idle.wait()
        await server.wait_closed()

    def fault(self, stage: Stage, kind: str, times: int = 1) -> None:
        """Let something go wrong at `stage`, so many times, after the faults that were set before.

        `kind` is a reply such as `451 4.3.0 try later`, `hang` (no answer until the client goes),
        `reset` (the connection ends), or `pass` (nothing goes wrong, this once). At `dot` also
        `reset_after`: the mail is taken, and the connection ends before the answer; `hang_after`: it is
        taken, and not answered.
        """
        self._faults[stage].extend([kind] * times)

    # -- what a session asks --------------------------------------------------------------------

    def joined(self, session: "SmtpSession") -> None:
        """A connection has begun, or one that is known has begun to speak TLS."""
        self.connections += session not in self._sessions
        self._sessions.add(session)
        self._idle.clear()
        self.begun.set()

    def left(self, session: "SmtpSession") -> bool:
        """It is over; False if that was known."""
        if session not in self._sessions:
            return False
        self._sessions.remove(session)
        if not self._sessions:
            self._idle.set()
        return True

    def next_fault(self, stage: Stage) -> str:
        """The next fault of a stage; "" for none. Each strikes once."""
        faults = self._faults[stage]
        kind = faults.popleft() if faults else ""
        return "" if kind == "pass" else kind

    def challenge(self) -> str:
        """What a CRAM-MD5 login is to be computed from."""
        return f"<{self.connections}.{self._clock.now()}@sandbox>"

    def greylisted(self, sender: str, recipient: str) -> bool:
        """Whether this pair is to come again: the first time, where greylisting is on."""
        known = (sender, recipient) in self._seen
        self._seen.add((sender, recipient))
        return self.rules.greylisting and not known

    def take(
        self, hello: str, sender: str, recipients: list[str], *, encrypted: bool, user: str, content: bytes
    ) -> None:
        """Keep a mail."""
        self.count += 1
        mail = Mail(
            self.count,
            self._clock.now(),
            hello,
            sender,
            tuple(recipients),
            encrypted,
            user,
            content,
            message_from_bytes(content, policy=default),
        )
        self.mails.append(mail)
        self.on_mail(mail)
