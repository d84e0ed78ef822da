"""PagerDuty: an incident begins, goes on and ends under one key, and what its answers mean.

`delivery` calls a PagerdutySender through `integration`. One `send` is one event, and never two
requests but where the service finds the first too large.
"""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from yarl import URL

from responder.clock import Clock
from responder.core.catalogue import PagerdutySettings
from responder.core.model import MILLISECOND, SECOND, Nanoseconds
from responder.core.notification import Attempt, Delivered, Notification, Outcome, Rejected, Retry, Unknown
from responder.core.rules import Integration
from responder.notify.http import Answer, Http, Progress, Redactor, classify, timed_out, url_secrets
from responder.notify.pagerdutyevent import Events
from responder.notify.pagerdutysession import GivenUp, enqueue
from responder.notify.threads import Threads
from responder.tracing import calling

PATIENCE: Final = 4_500 * MILLISECOND
"""How long to wait where the rules do not say: less than the 5 s in which a stop waits for an outcome."""

_RATE_LIMITED: Final = 30 * SECOND
"""PagerDuty's own advice; it sends no `Retry-After`."""


class PagerdutySender:
    """One `pagerduty_configs` entry."""

    def __init__(
        self, integration: Integration, external_url: str, clock: Clock, http: Http, threads: Threads
    ) -> None:
        """Nothing is connected yet."""
        settings = integration.settings
        assert isinstance(settings, PagerdutySettings)
        self._settings: PagerdutySettings = settings
        self._events = Events(settings, external_url)
        self._clock = clock
        self._http = http
        self._threads = threads

    async def send(self, notification: Notification, attempt: Attempt) -> Outcome:
        """Send the event. The integration's own timeout wins."""
        if not notification.update:
            return await self._send(notification, attempt)
        mark = _acknowledgement(notification)
        if mark in ("", notification.shown):
            return Delivered(mark)
        outcome = await self._send(notification, attempt)
        return Delivered(mark) if isinstance(outcome, Delivered) else outcome

    async def _send(self, notification: Notification, attempt: Attempt) -> Outcome:
        limit = self._settings.timeout or min(attempt.within, PATIENCE)
        progress, over = Progress(), threading.Event()
        with calling("enqueue", self._settings.url, "POST") as call:
            tell = partial(self._tell, notification, limit, progress, over, call.headers)
            try:
                async with asyncio.timeout(limit / SECOND):
                    return await self._threads.run(tell)
            except TimeoutError:
                return timed_out(progress, limit)
            finally:
                over.set()
                call.came_to(progress.answer.status if progress.answer else 0)

    def _tell(
        self,
        notification: Notification,
        limit: Nanoseconds,
        progress: Progress,
        over: threading.Event,
        headers: Mapping[str, str],
    ) -> Outcome:
        """In a thread: render, post, judge. What it returns after `over` nobody sees."""
        now = self._clock.now()

        def post(body: bytes) -> Answer | Retry | Rejected | Unknown:
            return enqueue(self._settings, self._http, body, limit, progress, wanted, headers)

        def wanted() -> bool:
            return not over.is_set()

        try:
            answer = post(self._events.encode(notification, now))
            if isinstance(answer, Answer) and answer.status == 413 and notification.status == "firing":
                answer = post(self._events.encode(notification, now, "none"))
        except GivenUp:
            return Retry("timeout", "given up before it was sent")
        return judge(answer, self._settings, now) if isinstance(answer, Answer) else answer


def _acknowledgement(notification: Notification) -> str:
    """What PagerDuty is to hear of an update, and the receipt for it; "" where it has nothing to hear.

    The Events API takes no acknowledgement back, and knows nothing of runs: later events name them.
    """
    by = notification.acknowledged
    if by is None or notification.status == "resolved" or notification.first:
        return ""
    return f"acknowledged {by.at}"


# -- what an answer means ---------------------------------------------------------------------


def judge(answer: Answer, settings: PagerdutySettings, now: Nanoseconds) -> Outcome:
    """What PagerDuty's answer means. The routing key is in no detail."""
    redactor = Redactor(_secrets(settings))
    said = _said(answer.body)
    if 200 <= answer.status < 300:
        if said.get("status") == "success" or "dedup_key" in said:
            return Delivered()
        return Unknown(f"HTTP {answer.status}, and not PagerDuty's answer: is {_place(settings)} right?")
    outcome = classify(answer, redactor, now)
    if isinstance(outcome, Retry):
        limited = outcome.reason == "rate_limited" and not outcome.after
        return replace(outcome, after=_RATE_LIMITED) if limited else outcome
    errors = said.get("errors")
    texts = [str(error) for error in errors[:3]] if isinstance(errors, list) else []
    told = redactor.clean("; ".join(texts) or str(said.get("message", "")))
    if _about_the_key(answer.body, texts):
        told = told or redactor.clean(answer.body.decode(errors="replace"))
        return Rejected("auth_error", f"{told}: {KEY_ADVICE}")
    return replace(outcome, detail=f"HTTP {answer.status}: {told}") if told else outcome


KEY_ADVICE: Final = (
    "the routing key must be the 32-character integration key of an Events API v2 integration"
    " that exists (PagerDuty: Service, Integrations)"
)


def _about_the_key(body: bytes, errors: Iterable[str]) -> bool:
    return b"invalid routing key" in body.lower() or any("routing_key" in error for error in errors)


def _said(body: bytes) -> dict[str, Any]:
    """The answer's document; {} if it is none."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def _secrets(settings: PagerdutySettings) -> list[str]:
    secrets = [settings.routing_key.reveal()]
    if settings.proxy_url:
        secrets += [settings.proxy_url.reveal(), *url_secrets(URL(settings.proxy_url.reveal()))]
    return secrets


def _place(settings: PagerdutySettings) -> str:
    return f"pagerduty.events_url ({URL(settings.url).host})"
