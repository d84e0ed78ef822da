"""One mail as bytes: its headers, its thread, and the two parts that say what there is to say.

`email` composes one for each attempt. It is the same for each attempt at one ledger row but for its
date and what it says of the time; nothing of an alert can begin a header of its own.

**Threads.** An incident is one conversation, and no memory is needed for it. Every mail of it names
the same root in `References` and `In-Reply-To`, an id that no mail has: Gmail asks for references
that "consistently refer to the same message ID" and for the same subject, and does not look at what
stands in square brackets. So what changes (state, number, severity) stands in brackets in front, and
the rest of the subject is that of the incident's first mail, which comes back in the receipt: the
place that all alerts share may shrink when alerts join. RFC 5256 (2.1) drops such a prefix too. Outlook
and Exchange go by `Thread-Topic` and `Thread-Index`; the latter's 22 bytes are made of the incident.
A `Message-ID` is its ledger row's own: if the first mail had the root's, a first mail whose outcome
is unknown and the row after it would be one mail to every server that drops what it has seen.
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog

from responder.core.catalogue import EmailSettings
from responder.core.model import SECOND, Nanoseconds
from responder.core.notification import Notification
from responder.core.truncation import truncate_runes
from responder.notify import content, emailbody
from responder.templating import TemplateFailed, context_of, render

_log = structlog.get_logger(__name__)

_SUBJECT: Final = 200
_KEPT: Final = frozenset({"message-id", "date", "mime-version", "return-path", "received", "bcc"})
"""Headers that the settings cannot replace: the key, the structure, and what others write."""


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes back: the thread's subject, and who has not got this row's mail yet."""

    subject: str = ""
    rest: tuple[str, ...] = ()

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()


def read_receipt(text: str) -> Receipt:
    """A Receipt that was given earlier; an empty one if there was none that can be read."""
    try:
        return msgspec.json.decode(text, type=Receipt)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return Receipt()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to be sent. `utf8`: an address in it needs SMTPUTF8 (RFC 6531)."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    utf8: bool


def compose(
    notification: Notification,
    settings: EmailSettings,
    external_url: str,
    now: Nanoseconds,
    *,
    topic: str,
    recipients: tuple[str, ...],
    max_alerts: int = 0,
) -> Letter:
    """The mail about `notification`, for those of its addressees that are `recipients`.

    `topic` is the thread's subject without the state. Raises ValueError that names an address
    which is none.
    """
    topic = content.one_line(topic)
    sender = address(settings.sender)
    everybody = [address(text) for text in settings.to]
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = everybody
    message["Subject"] = _own(notification, settings, "subject", external_url, now) or subject(
        notification, topic
    )
    message["Date"] = format_datetime(datetime.fromtimestamp(now // SECOND, UTC))
    domain = _domain(external_url, sender)
    message["Message-ID"] = f"<{notification.row}.{notification.incident}@{domain}>"
    if settings.threading:
        root = f"<incident.{notification.incident}@{domain}>"
        message["In-Reply-To"] = root
        message["References"] = root
        message["Thread-Topic"] = topic
        message["Thread-Index"] = _thread_index(notification, root)
    # A robot wrote this: nobody's out-of-office note shall answer (RFC 3834; Exchange).
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Id"] = f"<{_slug(notification.receiver)}.alerts.{domain}>"
    if content.state_of(notification) == "firing" and content.worst(notification) == "critical":
        message["Importance"] = "high"
    for name, text in (
        ("Receiver", content.one_line(notification.receiver)),
        ("Incident", notification.incident),
        ("Reason", notification.reason),
    ):
        message[f"X-Responder-{name}"] = text
    for name, text in settings.headers:
        _replace(message, name, text)
    _fill(message, notification, settings, external_url, now, max_alerts)
    chosen = tuple(address(text).addr_spec for text in recipients)
    utf8 = not all(spec.isascii() for spec in (sender.addr_spec, *chosen))
    policy = SMTPUTF8 if utf8 else SMTP
    if all(str(value).isascii() for value in message.values()):
        # Lines of 998 are allowed (RFC 5322, 2.1.1). Folded at 78, a subject would begin on a second line.
        policy = policy.clone(max_line_length=998)
    return Letter(sender.addr_spec, chosen, message.as_bytes(policy=policy), utf8)


def subject(notification: Notification, topic: str) -> str:
    """`[Firing 3, critical] HighErrorRate, prod / shop`: what changes in brackets, then the topic."""
    state = content.state_of(notification)
    number = len(getattr(notification, state))
    tag = state.capitalize() if number == 1 else f"{state.capitalize()} {number}"
    if state != "resolved":
        tag += f", {content.worst(notification)}"
    return truncate_runes(content.one_line(f"[{tag}] {topic}"), _SUBJECT)


_UNSAFE: Final = re.compile(r"[\s\x00-\x1f\x7f\"(),:;<>@\[\]\\]")
"""What an address without quotes cannot have in either of its halves (RFC 5321, 4.1.2)."""


def address(text: str) -> Address:
    """A mail address, with or without a name before it. Raises ValueError."""
    name, spec = parseaddr(text)
    local, at, domain = spec.rpartition("@")
    whole = text.strip() == spec or text.rstrip().endswith(f"<{spec}>")
    if not (whole and text.isprintable() and at and local and domain) or _UNSAFE.search(local + domain):
        raise ValueError(f"{content.one_line(text)[:100]!r} is not a mail address")
    try:
        return Address(name, username=local, domain=domain.encode("idna").decode())
    except UnicodeError:
        raise ValueError(f"{text[:100]!r} is not a mail address: no host can have such a name") from None


# -- parts --------------------------------------------------------------------------------------


def _fill(
    message: EmailMessage,
    notification: Notification,
    settings: EmailSettings,
    external_url: str,
    now: Nanoseconds,
    max_alerts: int,
) -> None:
    """Put in the parts. A template `html` that is empty leaves the mail with its text alone."""
    mail = emailbody.view(notification, external_url, now, max_alerts)
    text = _own(notification, settings, "text", external_url, now) or emailbody.as_text(mail)
    # Quoted-printable: seven bits and short lines, so that no server on the way changes a byte.
    message.set_content(_sound(text), cte="quoted-printable")
    html = _own(notification, settings, "html", external_url, now)
    if html != "":
        html = html or emailbody.as_html(mail)
        message.add_alternative(_sound(html), subtype="html", cte="quoted-printable")
        # Not drawn at random: two attempts at a row differ in nothing that stands for nothing.
        message.set_boundary(f"part-{sha256(message['Message-ID'].encode()).hexdigest()[:32]}")


def _sound(text: str) -> str:
    """Text that UTF-8 can hold and that no line of it can end before its end."""
    return text.encode(errors="replace").decode().replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _own(
    notification: Notification, settings: EmailSettings, name: str, external_url: str, now: Nanoseconds
) -> str | None:
    """What somebody's own template gives; None where there is none, or none that works."""
    template = settings.templates.get(name)
    if template is None:
        return None
    try:
        context = context_of(notification, external_url, now)
        text = render(template, context, html=name == "html")
    except TemplateFailed as error:
        _log.warning("template_failed", integration="email", template=name, detail=str(error))
        return None
    return truncate_runes(content.one_line(text), _SUBJECT) if name == "subject" else text


# -- headers ------------------------------------------------------------------------------------


def _replace(message: EmailMessage, name: str, text: str) -> None:
    """Set a header as the settings say. One that no mail can have is left out: people are told first."""
    lower = name.lower()
    sound = name.isascii() and name.isprintable() and name and not set(name) & {" ", ":"}
    if not sound or lower in _KEPT or lower.startswith("content-") or not _printable(text):
        _log.warning("mail_header_left_out", header=content.one_line(name)[:100])
        return
    before = message.get_all(name, [])
    del message[name]
    try:
        message[name] = text
        message[name].fold(policy=SMTP)
    except (ValueError, LookupError, AttributeError, TypeError, MessageError):
        _log.warning("mail_header_left_out", header=name[:100])
        del message[name]
        for value in before:
            message[name] = value


def _printable(text: str) -> bool:
    return all(char.isprintable() or char == "\t" for char in text)


def _domain(external_url: str, sender: Address) -> str:
    """Whose ids these are: the name that people know us by, else the sender's domain."""
    host = urlsplit(external_url).hostname or ""
    named = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*", host)
    return host if named else sender.domain


def _slug(receiver: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", receiver.lower()).strip("-")[:60] or "receiver"


_EPOCH_AS_FILETIME: Final = 116_444_736_000_000_000


def _thread_index(notification: Notification, root: str) -> str:
    """The head of a PidTagConversationIndex (MS-OXOMSG 2.2.1.3): a time's upper 48 bits, and an id."""
    filetime = notification.opened_at // 100 + _EPOCH_AS_FILETIME
    return b64encode((filetime >> 16).to_bytes(6, "big") + sha256(root.encode()).digest()[:16]).decode()
