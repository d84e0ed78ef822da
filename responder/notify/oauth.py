"""Access tokens by the OAuth 2.0 client credentials grant (RFC 6749, section 4.4).

`webhook` asks for one before each request and says when one was refused. A token is kept in
memory only, and never appears in a message.
"""

import asyncio
from base64 import b64encode
from typing import Final
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from responder.clock import Clock
from responder.core.catalogue import OAuth2
from responder.core.model import SECOND, Nanoseconds
from responder.core.notification import Outcome, Rejected, Retry, Unknown
from responder.notify.http import Answer, Http, Progress, Redactor, Request, classify, failure, url_secrets

_EARLY: Final = 10 * SECOND
"""A token is renewed so long before it expires."""

_LONGEST: Final = 65_536
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class _Granted(msgspec.Struct):
    access_token: str
    token_type: str = ""
    expires_in: float | str = 0


class NoToken(Exception):
    """The token endpoint gave none; `outcome` is what that means for the notification."""

    def __init__(self, outcome: Outcome) -> None:
        """Nothing was sent to the service itself."""
        super().__init__()
        self.outcome = outcome


class Tokens:
    """The current token of one set of credentials."""

    def __init__(self, settings: OAuth2, http: Http, clock: Clock) -> None:
        """None yet."""
        self._settings = settings
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._header = ""
        self._expires: Nanoseconds | None = None
        self._in_form = False

    async def header(self, refused: str = "") -> str:
        """The value of the `Authorization` header, fetched when there is none that is valid.

        `refused`: a value that the service did not accept. Raises NoToken.
        """
        async with self._lock:
            expired = self._expires is not None and self._clock.monotonic() >= self._expires
            if not self._header or expired or self._header == refused:
                self._header = ""
                self._header = await self._fetch()
            return self._header

    async def _fetch(self) -> str:
        answer = await self._ask(self._in_form)
        if answer.status in (400, 401):
            # Servers must know basic authentication (section 2.3.1); those that do not want
            # the credentials in the form.
            other = await self._ask(not self._in_form)
            if 200 <= other.status < 300:
                self._in_form, answer = not self._in_form, other
        if not 200 <= answer.status < 300:
            refusal = classify(answer, self._redactor(), self._clock.now())
            detail = f"token endpoint: {refusal.detail}"
            if isinstance(refusal, Retry):
                raise NoToken(Retry(refusal.reason, detail, refusal.after))
            raise NoToken(Rejected("auth_error", detail))
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
            lifetime = int(float(granted.expires_in) * SECOND)
        except (msgspec.DecodeError, ValueError, OverflowError):
            raise NoToken(Retry("server_error", "token endpoint: the answer is not a token")) from None
        self._expires = self._clock.monotonic() + max(lifetime - _EARLY, 0) if lifetime > 0 else None
        kind = "Bearer" if granted.token_type.lower() in ("", "bearer") else granted.token_type
        return f"{kind} {granted.access_token}"

    async def _ask(self, in_form: bool) -> Answer:
        settings = self._settings
        headers = CIMultiDict(_HEADERS)
        form = [("grant_type", "client_credentials")]
        if settings.scopes:
            form.append(("scope", " ".join(settings.scopes)))
        form += settings.endpoint_params
        secret = settings.client_secret.reveal()
        if in_form:
            form += [("client_id", settings.client_id), ("client_secret", secret)]
        else:
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        progress = Progress()
        try:
            url, body = URL(settings.token_url), urlencode(form).encode()
            request = Request("POST", url, headers, body, settings.tls, settings.proxy_url)
            return await self._http.ask(request, progress, _LONGEST)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            outcome = failure(error, progress)
            detail = f"token endpoint: {outcome.detail}"
            if isinstance(outcome, Rejected):
                raise NoToken(Rejected(outcome.reason, detail)) from None
            # That a token may have been granted is no matter: nobody was told anything.
            reason = "network" if isinstance(outcome, Unknown) else outcome.reason
            raise NoToken(Retry(reason, detail)) from None

    def _redactor(self) -> Redactor:
        settings = self._settings
        params = [value for _, value in settings.endpoint_params]
        return Redactor([settings.client_secret.reveal(), *url_secrets(URL(settings.token_url)), *params])
