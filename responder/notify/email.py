"""Tells people by mail, one mail for each notification, and says how that went.

`integration` makes an EmailSender per entry of `email_configs`. It sends once per call, over a
connection of its own; when to call again is delivery's to decide.
"""

import asyncio
from typing import Final

import structlog
from aiosmtplib import SMTPException, SMTPResponseException

from responder.clock import Clock
from responder.core.catalogue import EmailSettings
from responder.core.model import SECOND, Nanoseconds
from responder.core.notification import Attempt, Delivered, Notification, Outcome, Partly, Rejected, Retry
from responder.core.rules import Integration
from responder.notify.emailbody import topic_of
from responder.notify.http import Http
from responder.notify.letter import Letter, Receipt, compose, read_receipt
from responder.notify.smtp import Failed, Refused, Session
from responder.tracing import calling

_log = structlog.get_logger(__name__)

LEAST: Final = 30 * SECOND
"""A mail's time where the settings give it none of its own: servers look at mail before they take it."""

_MANY: Final = 500
"""More alerts than this are rendered in a thread, so that the event loop goes on."""


def time_for(settings: EmailSettings, attempt: Attempt) -> Nanoseconds:
    """How long one mail may take: the settings' own time, else delivery's, but at least 30 s."""
    return settings.timeout or max(attempt.within, LEAST)


class EmailSender:
    """One `email_configs` entry.

    Where a server takes a mail for some recipients and asks that others be tried later, the
    outcome is Partly and the next attempt is for those others alone. Those it refuses for good are
    named in a warning: a row that is tried again, or dead, would say that nobody was told.
    """

    def __init__(self, integration: Integration, external_url: str, clock: Clock, http: Http) -> None:
        """Nothing is connected yet."""
        settings = integration.settings
        assert isinstance(settings, EmailSettings)
        self._settings: EmailSettings = settings
        self._integration = integration
        self._external_url = external_url
        self._clock = clock
        self._http = http

    async def send(self, notification: Notification, attempt: Attempt) -> Outcome:
        """Send the mail, within `time_for` it."""
        rest = read_receipt(attempt.receipt).rest
        recipients = rest or self._settings.to
        topic = read_receipt(notification.receipt).subject or topic_of(notification)
        try:
            letter = await self._compose(notification, topic, recipients)
        except ValueError as error:
            return Rejected("client_error", str(error))
        refused = await self._carry(letter, time_for(self._settings, attempt))
        if isinstance(refused, list):
            # What is left of a row is tried once more, not again and again.
            later = () if rest else tuple(one.address for one in refused if one.temporary)
            self._tell_of(notification, [one for one in refused if one.address not in later])
            receipt = str(Receipt(topic, later))
            return Partly(receipt) if later else Delivered(receipt)
        if rest and isinstance(refused, Rejected):
            # The others have it: this row is told, and these cannot be.
            _log.warning("mail_recipients_refused", **self._names(notification), detail=refused.detail)
            return Delivered(str(Receipt(topic)))
        return refused

    async def _compose(self, notification: Notification, topic: str, recipients: tuple[str, ...]) -> Letter:
        def work() -> Letter:
            return compose(
                notification,
                self._settings,
                self._external_url,
                self._clock.now(),
                topic=topic,
                recipients=recipients,
                max_alerts=self._integration.max_alerts,
            )

        count = len(notification.firing) + len(notification.resolved) + len(notification.stale)
        return await asyncio.to_thread(work) if count > _MANY else work()

    async def _carry(self, letter: Letter, limit: Nanoseconds) -> list[Refused] | Outcome:
        session = Session(self._settings, self._http)
        time, politely = asyncio.timeout(limit / SECOND), False
        try:
            with calling("smtp", (self._settings.host, self._settings.port)):
                async with time:
                    refused = await session.carry(letter)
            politely = True
            return refused
        except Failed as failed:
            politely = True
            return failed.outcome
        except (SMTPException, OSError, ValueError) as error:
            if time.expired():
                what = "no answer to the mail" if session.sent else f"{session.step}: no answer"
                return Retry("timeout", f"{what} within {limit / SECOND:g}s")
            politely = isinstance(error, SMTPResponseException)
            return session.failure(error)
        finally:
            await session.close(politely=politely)

    def _tell_of(self, notification: Notification, refused: list[Refused]) -> None:
        if refused:
            answers = [f"{one.address}: {one.code} {one.answer}".rstrip() for one in refused]
            _log.warning("mail_recipients_refused", **self._names(notification), detail="; ".join(answers))

    def _names(self, notification: Notification) -> dict[str, object]:
        return {
            "row": notification.row,
            "receiver": notification.receiver,
            "integration": self._integration.id,
        }
