"""An incoming webhook of Slack: a URL that takes messages and does nothing else.

`slack` posts to it where an entry of the rules has a `webhook_url` and no bot token. It never
retries, and never shows the URL, which is the secret.
"""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from responder import __version__
from responder.clock import Clock
from responder.core.catalogue import SlackSettings
from responder.core.notification import Delivered, Outcome, Rejected
from responder.notify.http import Answer, Http, Progress, Redactor, Request, classify, failure, url_secrets

_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": f"Responder/{__version__}"}
_READ: Final = 4_096

_GONE: Final = frozenset(
    {
        "action_prohibited",
        "invalid_token",
        "no_active_hooks",
        "no_service",
        "no_service_id",
        "no_team",
        "team_disabled",
    }
)


class IncomingWebhook:
    """The webhook of one entry."""

    def __init__(self, settings: SlackSettings, clock: Clock, http: Http) -> None:
        """Nothing is connected yet."""
        assert settings.webhook_url is not None
        self._settings = settings
        self._clock = clock
        self._http = http
        self._secret = settings.webhook_url

    async def post(self, fields: Mapping[str, Any], progress: Progress) -> tuple[Outcome, str]:
        """How it ended, and Slack's own word where it refused. Fields that are empty are left out."""
        body = msgspec.json.encode({name: value for name, value in fields.items() if value})
        settings = self._settings
        headers = CIMultiDict(_HEADERS)
        try:
            url = URL(self._secret.reveal())
            request = Request("POST", url, headers, body, settings.tls, settings.proxy_url)
            answer = await self._http.ask(request, progress, _READ)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return failure(error, progress), ""
        return self._judged(answer, Redactor(url_secrets(url)))

    def _judged(self, answer: Answer, redactor: Redactor) -> tuple[Outcome, str]:
        said = answer.body.decode(errors="replace").strip()
        if answer.status == 200:
            if said == "ok":
                return Delivered(), ""
            return Rejected("client_error", redactor.clean(f"HTTP 200, but not ok: {said}")), ""
        if said in _GONE:
            return Rejected("auth_error", f"{said}: the incoming webhook was removed or disabled"), said
        return classify(answer, redactor, self._clock.now()), said
