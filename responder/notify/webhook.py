"""Tells a webhook what Alertmanager would tell it, and says how that went.

`integration` makes a WebhookSender per entry of `webhook_configs`. It sends once per call; when
to call again is delivery's to decide.
"""

import asyncio
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from responder import __version__
from responder.clock import Clock
from responder.core.catalogue import WebhookSettings
from responder.core.model import SECOND
from responder.core.notification import Attempt, Delivered, Notification, Outcome, Rejected
from responder.core.rules import Integration
from responder.notify import line
from responder.notify.http import (
    Answer,
    Http,
    Progress,
    Redactor,
    Request,
    classify,
    failure,
    timed_out,
    url_secrets,
)
from responder.notify.oauth import NoToken, Tokens
from responder.notify.payload import render

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_HOPS: Final = 10
_FEW: Final = 16
"""Notifications that are kept rendered, and how many alerts they may hold at the most."""

_MANY: Final = 500
"""More alerts than this are rendered in a thread, so that the event loop goes on."""


class WebhookSender:
    """One `webhook_configs` entry."""

    def __init__(
        self, integration: Integration, external_url: str, mends: bool, clock: Clock, http: Http
    ) -> None:
        """Nothing is connected yet."""
        settings = integration.settings
        assert isinstance(settings, WebhookSettings)
        self._settings: WebhookSettings = settings
        self._max_alerts = integration.max_alerts
        self._external_url = external_url
        self._mends = mends
        self._clock = clock
        self._http = http
        self._tokens = Tokens(settings.oauth2, http, clock) if settings.oauth2 else None
        self._target: _Target | None = None
        self._prepared: dict[int, tuple[Notification, Request]] = {}

    def prepare(self, notification: Notification) -> None:
        """Write the request already, if that is quickly done."""
        if _count(notification) <= _FEW:
            if len(self._prepared) >= _FEW:
                self._prepared.clear()
            target, body = self._targeted(), self._rendered(notification)
            key = b"Idempotency-Key: %b\r\n" % _key(notification).encode()
            written = line.whole(target.head, body, key) if target.head else None
            request = self._request("POST", target.url, body, notification, written=written)
            self._prepared[notification.row] = notification, request

    async def send(self, notification: Notification, attempt: Attempt) -> Outcome:
        """Post the payload and judge the answer. The integration's own timeout wins."""
        limit = self._settings.timeout or attempt.within
        kept = self._prepared.pop(notification.row, None)
        ready = kept[1] if kept is not None and kept[0] is notification else None
        body = b"" if ready else await self._render(notification)
        progress = Progress()
        try:
            request = ready or self._request("POST", self._targeted().url, body, notification)
            async with asyncio.timeout(limit / SECOND):
                return await self._post(request, notification, progress)
        except TimeoutError:
            # A service that takes its time over the body of an answer has answered.
            return self._judge(progress.answer) if progress.answer else timed_out(progress, limit)
        except NoToken as error:
            return error.outcome
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return failure(error, progress)

    async def _render(self, notification: Notification) -> bytes:
        if _count(notification) > _MANY:
            return await asyncio.to_thread(self._rendered, notification)
        return self._rendered(notification)

    def _rendered(self, notification: Notification) -> bytes:
        return render(notification, self._external_url, self._max_alerts, self._mends)

    def _targeted(self) -> "_Target":
        self._target = self._target or _target(self._settings)
        return self._target

    def _request(
        self,
        method: str,
        url: URL,
        body: bytes,
        notification: Notification,
        token: str = "",
        written: bytes | None = None,
    ) -> Request:
        target = self._targeted()
        trusted = url is target.url or _trusted(target.url, url)
        headers = CIMultiDict(target.headers if trusted else _HEADERS)
        headers.setdefault("Idempotency-Key", _key(notification))
        if trusted and token:
            headers["Authorization"] = token
        return Request(method, url, headers, body, self._settings.tls, self._settings.proxy_url, written)

    async def _post(self, request: Request, notification: Notification, progress: Progress) -> Outcome:
        token = await self._tokens.header() if self._tokens else ""
        renewed = not token
        method, url, body = request.method, request.url, request.body
        if token:
            request = self._request(method, url, body, notification, token)
        for _ in range(_MAX_HOPS + 1):
            answer = await self._http.ask(request, progress)
            location = answer.headers.get("Location") if answer.status in _REDIRECTS else None
            if answer.status == 401 and self._tokens and not renewed:
                progress.reset()
                token, renewed = await self._tokens.header(refused=token), True
            elif location and self._settings.follow_redirects:
                url = url.join(_url(location)).with_user(None)
                if answer.status == 303:
                    method, body = "GET", b""
            else:
                return self._judge(answer, token)
            request = self._request(method, url, body, notification, token)
        return Rejected("client_error", f"more than {_MAX_HOPS} redirects")

    def _judge(self, answer: Answer, token: str = "") -> Outcome:
        if 200 <= answer.status < 300:
            return Delivered()
        secrets = self._target.secrets if self._target else ()
        redactor = Redactor([*secrets, token, token.partition(" ")[2]])
        return classify(answer, redactor, self._clock.now())


_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": f"Responder/{__version__}"}


def _count(notification: Notification) -> int:
    return len(notification.firing) + len(notification.resolved) + len(notification.stale)


def _key(notification: Notification) -> str:
    """The same for every attempt at one row; `at` tells rows of different databases apart."""
    return f'"{notification.row}-{notification.at}"'


def _trusted(first: URL, url: URL) -> bool:
    """Whether a redirect from `first` leads to where credentials may go: there, or to its TLS."""
    return url.origin() == first.origin() or (url.host == first.host and url.scheme == "https")


@dataclass(frozen=True, slots=True)
class _Target:
    """What the settings come to: the URL without its user, and the headers, of which some are for it alone.

    `head`: what each request begins with (see `line.whole`), where only its `Idempotency-Key` is its own.
    """

    url: URL
    headers: CIMultiDict[str]
    secrets: tuple[str, ...]
    head: bytes | None


def _target(settings: WebhookSettings) -> _Target:
    url = _url(settings.url.reveal())
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in settings.headers:
        headers.add(name, value.reveal())
    if settings.basic_auth:
        headers["Authorization"] = _basic(settings.basic_auth.username, settings.basic_auth.password.reveal())
    elif settings.authorization:
        authorization = settings.authorization
        headers["Authorization"] = f"{authorization.type} {authorization.credentials.reveal()}"
    elif url.user is not None and not settings.oauth2:
        headers["Authorization"] = _basic(url.user, url.password or "")
    secrets = [*url_secrets(url), *headers.values()]
    secrets += [value.partition(" ")[2] for value in headers.getall("Authorization", ())]
    if settings.basic_auth:
        secrets.append(settings.basic_auth.password.reveal())
    every = CIMultiDict(_HEADERS)
    for name in set(headers):
        every.popall(name, None)
    every.extend(headers)
    plain = url.with_user(None)
    head = None if "Idempotency-Key" in every else line.head_of(plain, every)
    return _Target(plain, every, tuple(secrets), head)


def _url(text: str) -> URL:
    """The URL as it was written: a signature over it must hold, so `%2F` is not made `/`."""
    return URL(text, encoded=text.isascii() and text.isprintable() and " " not in text)


def _basic(username: str, password: str) -> str:
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()
