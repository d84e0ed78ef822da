"""What the sandbox's mail server has taken, as conversations: for its page, and for a terminal.

`page` and `terminal` show them. A mail's own HTML is never part of our page: it stands in a frame
that runs nothing, loads nothing and goes nowhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape
from typing import Final

from responder.core.model import SECOND
from responder.sandbox.smtp import Mail

_SHOWN: Final = 50
"""Conversations on the page."""

_NEWEST: Final = 10
"""Mails of each."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Thread:
    """Mails of one conversation, in the order in which they came."""

    subject: str
    mails: tuple[Mail, ...]


def threads(mails: Iterable[Mail]) -> list[Thread]:
    """The conversations as a mail program makes them: by the root that `References` names.

    The one with the newest mail comes first.
    """
    found: dict[str, list[Mail]] = {}
    for mail in mails:
        names = f"{mail.message['References'] or ''} {mail.message['Message-ID'] or ''} mail-{mail.number}"
        root = names.split(maxsplit=1)[0]
        found[root] = [*found.pop(root, []), mail]
    ordered = reversed(found.values())
    return [Thread(_subject(group[0].message), tuple(group)) for group in ordered]


def as_html(mails: Iterable[Mail]) -> str:
    """The conversations as a piece of a page, which needs no more than a style of its own."""
    found = threads(mails)
    parts = [_thread(thread, opened=thread is found[0]) for thread in found[:_SHOWN]]
    if len(found) > _SHOWN:
        parts.append(f"<p>and {len(found) - _SHOWN} more conversations</p>")
    return "\n".join(parts) or "<p>No mail has come yet.</p>"


def _thread(thread: Thread, *, opened: bool) -> str:
    newest = thread.mails[-_NEWEST:]
    shown = "\n".join(_mail(mail, opened=opened and mail is newest[-1]) for mail in newest)
    count = f"{len(thread.mails)} mails" if len(thread.mails) > 1 else "1 mail"
    if len(thread.mails) > _NEWEST:
        count += f", the newest {_NEWEST} of them here"
    return (
        f'<section class="conversation" id="t{thread.mails[0].number}" data-keyed>'
        f"<h2>{escape(thread.subject)}</h2><p>{count}</p>\n{shown}\n</section>"
    )


def _mail(mail: Mail, *, opened: bool) -> str:
    summary = (
        f"<time>{_clock_time(mail)}</time> <b>{escape(_subject(mail.message))}</b> "
        f"to {escape(', '.join(mail.recipients))} ({escape(_how(mail))})"
    )
    shown = " open" if opened else ""
    return f'<details id="mail{mail.number}"{shown}><summary>{summary}</summary>\n{_frame(mail)}</details>'


def _frame(mail: Mail) -> str:
    html = _part(mail.message, "html")
    if html is None:
        return f"<pre>{escape(_part(mail.message, 'plain') or '')}</pre>"
    # Twice over: the sandbox lets nothing run, the policy lets nothing load.
    # Nothing in the frame can tell its height either: it is guessed from the mail's own plain text.
    height = min(max(len((_part(mail.message, "plain") or "").splitlines()) * 1.7 + 8, 20), 48)
    guarded = f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">{html}'
    return (
        f'<iframe sandbox title="{escape(_subject(mail.message))}" referrerpolicy="no-referrer" '
        f'style="width:100%;height:{height:.0f}em;border:0" srcdoc="{escape(guarded)}"></iframe>'
    )


def as_text(mail: Mail) -> list[str]:
    """One mail as lines for a terminal, which must still be made harmless one by one."""
    lines = [
        f"{_clock_time(mail)} {_subject(mail.message)}",
        f"to {', '.join(mail.recipients)} ({_how(mail)})",
    ]
    return [*lines, *(_part(mail.message, "plain") or "").splitlines()]


def _how(mail: Mail) -> str:
    how = "over TLS" if mail.encrypted else "unencrypted"
    return f"{how}, logged in as {mail.user}" if mail.user else how


def _subject(message: EmailMessage) -> str:
    return str(message["Subject"] or "(no subject)")


def _part(message: EmailMessage, kind: str) -> str | None:
    try:
        body = message.get_body((kind,))
        return None if body is None else str(body.get_content())
    except (LookupError, ValueError, AttributeError):
        return "(a mail that cannot be read)" if kind == "plain" else None


def _clock_time(mail: Mail) -> str:
    return f"{datetime.fromtimestamp(mail.at // SECOND, UTC):%H:%M:%S}"
