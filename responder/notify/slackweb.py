"""Slack's Web API: one call, and what its answer means for delivery.

`slack` asks Workspaces for the one that an entry of the rules is about, and calls its methods. It
never retries, never takes a proxy that nobody configured, and lets no token out.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import responses
from types import SimpleNamespace
from typing import Any, Final, cast

import aiohttp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from responder.clock import Clock
from responder.core.catalogue import Secret, SlackSettings, Tls
from responder.core.notification import Rejected, Retry, Unknown
from responder.notify.http import (
    Answer,
    Http,
    Progress,
    Redactor,
    failure,
    retry_after,
    url_secrets,
)
from responder.tracing import calling

_GET: Final = frozenset({"conversations.list", "conversations.history", "conversations.replies"})
_QUERY: Final = _GET | {"conversations.join"}
"""Methods that take their arguments in the query; the others that we use take JSON."""

_PAGES: Final = 20
"""Pages of the list of channels that are read at most: 20,000 channels, a minute's allowance."""


class Failed(Exception):
    """A call that did not succeed. `error` is Slack's word for it, "" where it gave none."""

    def __init__(self, outcome: Retry | Rejected | Unknown, error: str = "") -> None:
        """`outcome` holds where nothing better is known to be done."""
        super().__init__(error or outcome.detail)
        self.outcome = outcome
        self.error = error


class Workspace:
    """A bot in one workspace: its client, and the channels that it was told of."""

    def __init__(self, client: AsyncWebClient, settings: SlackSettings, clock: Clock, http: Http) -> None:
        """Nothing is called yet."""
        self._client = client
        self._tls = settings.tls
        self._clock = clock
        self._http = http
        self._channels: dict[str, str] = {}
        secrets = [client.token or ""]
        if settings.proxy_url:
            with suppress(ValueError):  # then no request can be made either
                secrets += url_secrets(URL(settings.proxy_url.reveal()))
        self._redactor = Redactor(secrets)
        self._api_url = settings.api_url

    async def call(self, method: str, progress: Progress, **arguments: Any) -> Mapping[str, Any]:
        """The answer of a call that succeeded. Raises Failed; arguments that are None are left out."""
        with calling(method, self._api_url) as call:
            try:
                return await self._call(method, progress, call.headers, arguments)
            finally:
                call.came_to(progress.answer.status if progress.answer else 0)

    async def _call(
        self, method: str, progress: Progress, headers: dict[str, str], arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        given = {name: value for name, value in arguments.items() if value is not None}
        how: dict[str, Any] = {"http_verb": "GET"} if method in _GET else {}
        how["params" if method in _QUERY else "json"] = given
        if headers:
            how["headers"] = headers
        progress.reset()
        _PROGRESS.set(progress)
        data: object = None
        try:
            if self._tls:
                self._client.ssl = self._http.context(self._tls)
            data = (await self._client.api_call(method, **how)).data
        except SlackApiError as error:
            # With a body that is not JSON `response` is aiohttp's own, and has no data.
            data = getattr(error.response, "data", None)
        except SlackRequestError:
            raise Failed(Rejected("client_error", "slack_sdk refuses the request")) from None
        except (aiohttp.ClientError, OSError, ValueError, AttributeError) as error:
            # The SDK stumbles over answers that are text, a list or half a character; then the
            # status, which was seen before, says what there is to say.
            if progress.answer is None:
                raise Failed(_not_answered(method, error, progress)) from None
        if isinstance(data, dict) and progress.answer and progress.answer.status == 200 and data.get("ok"):
            return data
        raise self._failed(method, progress, data if isinstance(data, dict) else {})

    async def channel(self, name: str, progress: Progress) -> str:
        """The id of a channel that is written as `#name`, `name` or an id; "" if there is none.

        The list is read once, and again for a name that it did not have. Raises Failed.
        """
        name = name.removeprefix("#")
        if is_channel_id(name):
            return name
        if name not in self._channels:
            try:
                await self._list("public_channel,private_channel", progress)
            except Failed as failed:
                if failed.error != "missing_scope":
                    raise
                await self._list("public_channel", progress)
        return self._channels.get(name, "")

    def known(self, name: str) -> str:
        """The id of a channel if a call has told it, else the name: a name may change, an id does not."""
        return self._channels.get(name.removeprefix("#"), name)

    def learn(self, name: str, channel: object) -> None:
        """A post to `name` went to the channel with this id."""
        if isinstance(channel, str) and not is_channel_id(name):
            self._channels[name.removeprefix("#")] = channel

    def forget(self, name: str) -> None:
        """The channel of that name is not the one it was."""
        self._channels.pop(name.removeprefix("#"), None)

    async def _list(self, types: str, progress: Progress) -> None:
        cursor = None
        for _ in range(_PAGES):
            page = await self.call(
                "conversations.list", progress, types=types, limit=999, exclude_archived=True, cursor=cursor
            )
            for entry in entries(page, "channels"):
                self._channels[str(entry.get("name"))] = str(entry.get("id"))
            if not (cursor := next_cursor(page)):
                return

    # -- what it means --------------------------------------------------------------------

    def _failed(self, method: str, progress: Progress, data: Mapping[str, Any]) -> Failed:
        answer = progress.answer
        if answer is None:  # a proxy's own answer, say, for which nothing was traced
            return Failed(_uncertain(method, "an answer that is not Slack's"))
        error = data.get("error")
        error = self._redactor.clean(error) if isinstance(error, str) else ""
        if answer.status == 429 or error in _LIMITED:
            after = retry_after(answer.headers, self._clock.now())
            return Failed(Retry("rate_limited", error or "HTTP 429", after), error)
        if error:
            return Failed(self._meant(method, error, data), error)
        return Failed(self._wordless(method, answer))

    def _meant(self, method: str, error: str, data: Mapping[str, Any]) -> Retry | Rejected | Unknown:
        if error in _PERHAPS:
            return _uncertain(method, error)
        if error in _PASSING:
            return Retry("server_error", error)
        detail = error
        if error == "missing_scope":
            detail = f"missing_scope: the bot token needs the scope {data.get('needed') or '(not said)'}"
        elif advice := _ADVICE.get(error):
            detail = f"{error}: {advice}"
        elif messages := _messages(data):
            detail = f"{error}: {messages}"
        return Rejected("auth_error" if error in _AUTH else "client_error", self._redactor.clean(detail))

    def _wordless(self, method: str, answer: Answer) -> Retry | Rejected | Unknown:
        """An answer that is not Slack's JSON, or whose JSON cannot be read."""
        status = answer.status
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        detail = self._redactor.clean(f"HTTP {status} {responses.get(status, '')}".rstrip())
        if status in (502, 504):
            # Whoever answered had passed the request on.
            return _uncertain(method, detail)
        if status >= 500:
            return Retry("server_error", detail, retry_after(answer.headers, self._clock.now()))
        if status in (401, 403):
            return Rejected("auth_error", detail)
        if status >= 300:
            return Rejected("client_error", f"{detail}: is api_url right?")
        if kind == "application/json":
            return _uncertain(method, f"{detail}: the answer cannot be read")
        return Retry("server_error", self._redactor.clean(f"{detail}: {kind or 'nothing'}, not Slack's JSON"))


def entries(page: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list in an answer, whatever else may be in their place."""
    found = page.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def next_cursor(page: Mapping[str, Any]) -> str:
    """Where the next page begins, "" after the last one."""
    metadata = page.get("response_metadata")
    cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else None
    return cursor if isinstance(cursor, str) else ""


def is_channel_id(text: str) -> bool:
    """Whether it is an id: a letter for the kind, then capitals and digits. Names have small letters."""
    return len(text) >= 9 and text[0] in "CGD" and text.isascii() and text.isalnum() and text == text.upper()


def _not_answered(method: str, error: Exception, progress: Progress) -> Retry | Rejected | Unknown:
    outcome = failure(error, progress)
    if isinstance(outcome, Unknown):
        return _uncertain(method, outcome.detail)
    return outcome


def _uncertain(method: str, detail: str) -> Retry | Unknown:
    """It may have been done, which matters for what people see and for nothing else."""
    return Unknown(detail) if method.startswith("chat.") else Retry("server_error", detail)


def _messages(data: Mapping[str, Any]) -> str:
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    return "; ".join(map(str, messages)) if isinstance(messages, list) else ""


_LIMITED: Final = frozenset({"ratelimited", "rate_limited"})
_PERHAPS: Final = frozenset({"fatal_error"})
_PASSING: Final = frozenset(
    {"internal_error", "service_unavailable", "request_timeout", "team_added_to_org", "update_failed"}
)
_AUTH: Final = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
_ADVICE: Final = {
    "account_inactive": "the app was removed from the workspace, or the workspace is gone",
    "channel_not_found": "there is no such channel, or it is private and the bot was not invited",
    "invalid_auth": "the bot token is wrong",
    "is_archived": "the channel is archived: restore it, or tell another",
    "is_inactive": "the channel is archived or frozen: restore it, or tell another",
    "message_limit_exceeded": "the workspace has reached its limit of messages",
    "not_allowed_token_type": "a bot token (xoxb-...) is needed",
    "not_authed": "no bot token arrived",
    "not_in_channel": "invite the bot to the channel, or give it the scope chat:write.public",
    "restricted_action": "a workspace setting keeps the bot from posting here",
    "restricted_action_read_only_channel": "only some may post in this channel: let the bot",
    "restricted_action_thread_only_channel": "this channel takes replies only",
    "token_expired": "the bot token has expired: rotate it",
    "token_revoked": "the bot token was revoked: install the app again",
}
"""What a person must do."""


# -- clients ----------------------------------------------------------------------------------

_PROGRESS: ContextVar[Progress] = ContextVar("_PROGRESS")
"""The exchange that is under way: the SDK hands nothing through to aiohttp's tracing."""

_LOG: Final = logging.getLogger("responder.slack_sdk")
"""For the SDK, whose debugging prints messages; a level of its own keeps it quiet."""
_LOG.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class _Bot:
    api_url: str
    token: Secret
    tls: Tls | None
    proxy: Secret | None


class Workspaces:
    """The Workspace of each API, token, TLS and proxy, over one session."""

    def __init__(self, http: Http, clock: Clock) -> None:
        """Nothing is connected yet."""
        self._http = http
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._known: dict[_Bot, Workspace] = {}

    def of(self, settings: SlackSettings) -> Workspace:
        """The one that these settings are about. To be called in the event loop."""
        assert settings.token is not None
        bot = _Bot(settings.api_url, settings.token, settings.tls, settings.proxy_url)
        if bot not in self._known:
            client = AsyncWebClient(
                token=settings.token.reveal(),
                base_url=settings.api_url,
                session=_named(self._opened(), settings.tls),
                logger=_LOG,
                retry_handlers=[],
            )
            # Else it would be whatever HTTPS_PROXY says.
            client.proxy = settings.proxy_url.reveal() if settings.proxy_url else None
            self._known[bot] = Workspace(client, settings, self._clock, self._http)
        return self._known[bot]

    async def close(self) -> None:
        """Close every connection."""
        self._known.clear()
        if self._session:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # limit=0: how many requests may be under way is delivery's to say.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),
                trace_configs=[_tracing()],
            )
        return self._session


class _Named:
    """A session whose peers show a certificate for `name`, which the SDK has no way to ask for."""

    def __init__(self, session: aiohttp.ClientSession, name: str) -> None:
        self._session = session
        self._name = name

    @property
    def closed(self) -> bool:
        return self._session.closed

    def request(self, *args: Any, **options: Any) -> Any:
        return self._session.request(*args, server_hostname=self._name, **options)


def _named(session: aiohttp.ClientSession, tls: Tls | None) -> aiohttp.ClientSession:
    if tls is None or not tls.server_name:
        return session
    return cast("aiohttp.ClientSession", _Named(session, tls.server_name))


def _tracing() -> aiohttp.TraceConfig:
    tracing = aiohttp.TraceConfig()

    async def sent(session: aiohttp.ClientSession, context: SimpleNamespace, what: object) -> None:
        _PROGRESS.get().sent = True

    async def answered(
        session: aiohttp.ClientSession, context: SimpleNamespace, what: aiohttp.TraceRequestEndParams
    ) -> None:
        _PROGRESS.get().answer = Answer(what.response.status, what.response.headers)

    tracing.on_request_chunk_sent.append(sent)
    tracing.on_request_end.append(answered)
    return tracing
