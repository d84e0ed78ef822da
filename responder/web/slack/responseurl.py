"""Saying more later: posts to the `response_url` that came with a command or a press.

`entrance` and `following` post. Only to Slack's own hosts, or to where the Web API is; five times, and for
half an hour, because more is refused; and the URL, which needs no other secret, is shown to nobody.
"""

import asyncio
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from responder import __version__
from responder.clock import Clock
from responder.core.model import MINUTE, Nanoseconds
from responder.notify.http import Http, Progress, Request
from responder.telemetry import logger
from responder.web.slack.reply import Reply

MOST: Final = 5
VALID: Final = 30 * MINUTE
"""How often and for how long Slack takes a post there."""

HOSTS: Final = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})

_SECONDS: Final = 10
_REMEMBERED: Final = 10_000
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": f"Responder/{__version__}"}

log = logger("slack")


class ResponseUrls:
    """Every response_url that is in use."""

    def __init__(self, http: Http, api_url: str, clock: Clock) -> None:
        """`api_url`: the Web API's base, whose host is trusted as well."""
        self._http = http
        self._api = _origin(api_url)
        self._clock = clock
        self._used: dict[bytes, tuple[Nanoseconds, int]] = {}

    def allowed(self, url: str) -> bool:
        """Whether it leads to Slack."""
        origin = _origin(url)
        if origin is None or "\\" in url or not url.isascii() or not url.isprintable():
            return False
        scheme, host, port = origin
        return origin == self._api or (scheme == "https" and host in HOSTS and port == 443)

    async def post(self, url: str, reply: Reply) -> bool:
        """Say it; whether Slack took it. What goes wrong is logged: there is nobody else to tell."""
        if not self.allowed(url):
            log.warning("response_url_refused", meaning="it does not lead to Slack")
            return False
        if not self._count(url):
            log.warning("response_url_used_up", most=MOST)
            return False
        body = msgspec.json.encode(reply.document())
        request = Request("POST", URL(url), CIMultiDict(_HEADERS), body)
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await self._http.ask(request, Progress())
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            log.warning("response_url_failed", error=type(error).__name__)
            return False
        if answer.status != 200:
            log.warning("response_url_failed", status=answer.status)
        return answer.status == 200

    def _count(self, url: str) -> bool:
        now = self._clock.monotonic()
        if len(self._used) >= _REMEMBERED:
            self._used = {key: used for key, used in self._used.items() if now - used[0] < VALID}
        key = sha256(url.encode()).digest()
        first, times = self._used.get(key, (now, 0))
        if times >= MOST or now - first >= VALID or len(self._used) >= _REMEMBERED:
            return False
        self._used[key] = (first, times + 1)
        return True


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what has a user in it, or is no such URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
        host = parts.hostname
    except ValueError:
        return None
    if not host or not port or parts.username is not None or parts.password is not None:
        return None
    return parts.scheme, host, port
