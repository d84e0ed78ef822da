"""Slack: the token, what it may do, and whether each channel of the rules could be posted to.

`cli.doctor` calls it. Without `send` it only asks: nothing is posted and no channel is joined.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from multidict import CIMultiDict
from yarl import URL

from responder import __version__
from responder.core.catalogue import SlackSettings
from responder.finding import Finding, Findings
from responder.notify.doctor.asking import TEST, ask, by_settings, network_advice
from responder.notify.http import Answer, Http, Request

_READ: Final = 16 << 20
_PAGES: Final = 20
_ID: Final = re.compile("[CG][A-Z0-9]{6,}")
_PERSON: Final = re.compile("@.*|[DUW][A-Z0-9]{6,}")

_OPTIONAL: Final[Mapping[str, str]] = {
    "chat:write.public": "in public channels too the bot must be a member",
    "channels:read": "public channels are not found by name, and cannot be looked at here",
    "groups:read": "private channels are not found by name, and cannot be looked at here",
    "channels:history": "a message whose answer was lost is not found again, and may come twice",
    "groups:history": "the same in private channels",
    "channels:join": "the bot cannot join a public channel by itself",
}
"""Scopes that can be done without, and what is lost then."""

_SCOPE_ADVICE: Final = "add it to the app (OAuth & Permissions, Bot Token Scopes) and install the app again"

_ERRORS: Final[Mapping[str, str]] = {
    "invalid_auth": "the token is not one that Slack knows: copy the Bot User OAuth Token again",
    "not_authed": "the token is empty: put the Bot User OAuth Token into the file",
    "account_inactive": "the app was removed from the workspace: install it again, and take its new token",
    "token_revoked": "install the app again, and take its new token",
    "token_expired": "take a new token; without token rotation it does not expire",
    "channel_not_found": "check how the channel is written; to a private one the bot must be invited",
    "not_in_channel": "invite the bot in that channel: /invite @BOT",
    "is_archived": "choose another channel, or unarchive this one",
    "invalid_token": "the incoming webhook was removed: make a new one",
}


async def examine(
    wanted: list[tuple[str, SlackSettings]], http: Http, *, send: bool = False
) -> list[Finding]:
    """Look at each of `wanted`, (receiver, settings). `send`: post a test to each channel."""
    found: list[Finding] = []
    done: list[SlackSettings] = []
    for receivers, settings in by_settings(wanted):
        if settings.webhook_url:
            found += await _incoming_webhook(receivers, settings, http, send=send)
            continue
        if any(_same_bot(settings, other) for other in done):
            continue
        done.append(settings)
        mates = [other for _, other in wanted if not other.webhook_url and _same_bot(settings, other)]
        found += await _Bot(settings, http).examine(mates, send=send)
    return found


def _same_bot(one: SlackSettings, other: SlackSettings) -> bool:
    return (one.token, one.api_url, one.tls, one.proxy_url) == (
        other.token,
        other.api_url,
        other.tls,
        other.proxy_url,
    )


class _Refused(Exception):
    """Slack's word for why not, and what to do."""

    def __init__(self, word: str, advice: str = "") -> None:
        super().__init__(word)
        self.word = word
        self.advice = advice or _ERRORS.get(word, "look the word up in Slack's documentation of the method")


class _Bot:
    """One token at one Slack."""

    def __init__(self, settings: SlackSettings, http: Http) -> None:
        self._settings = settings
        self._http = http
        self._host = URL(settings.api_url).host or ""
        self._scopes: frozenset[str] | None = None
        self._notes = Findings(f"slack {self._host}")

    async def examine(self, wanted: list[SlackSettings], *, send: bool) -> list[Finding]:
        notes = self._notes
        if self._look_at_token() and await self._who():
            self._look_at_scopes(wanted)
            channels = await self._channels(wanted)
            for name in dict.fromkeys(settings.channel for settings in wanted if settings.channel):
                notes.about = f"slack {name}"
                fine = channels is None or self._look_at_channel(name, channels)
                if send and fine:
                    await self._post(name)
        return notes.found

    def _look_at_token(self) -> bool:
        token = self._settings.token.reveal() if self._settings.token else ""
        advice = "put the Bot User OAuth Token (xoxb-...) into the file, and nothing else"
        if not token or token.split() != [token]:
            self._notes.problem("the token is empty, or has spaces or line breaks in it", advice)
        elif token.startswith("xapp-"):
            self._notes.problem("the token is an app-level one (xapp-), which cannot post", advice)
        elif not token.startswith("xox"):
            self._notes.problem("the token does not look like one of Slack's", advice)
        else:
            if not token.startswith("xoxb-"):
                self._notes.warning("the token is not a bot's (xoxb-)", advice)
            return True
        return False

    async def _who(self) -> bool:
        try:
            said = await self._call("auth.test", "POST")
        except _Refused as refused:
            self._notes.problem(f"the token is not confirmed: {refused.word}", refused.advice)
            return False
        team, user = said.get("team", "?"), said.get("user", "?")
        self._notes.ok(f"the token is valid: {user} in the workspace {team}")
        return True

    def _look_at_scopes(self, wanted: list[SlackSettings]) -> None:
        notes, scopes = self._notes, self._scopes
        if scopes is None:
            notes.warning(
                "Slack did not say which scopes the token has",
                "look at them in the app's OAuth & Permissions",
            )
            return
        if "chat:write" in scopes:
            notes.ok("the scope chat:write is granted")
        else:
            notes.problem("the scope chat:write is missing: nothing can be posted", _SCOPE_ADVICE)
        named = any(each.username or each.icon_emoji or each.icon_url for each in wanted)
        if named and "chat:write.customize" not in scopes:
            notes.problem(
                "the scope chat:write.customize is missing, and the rules set username or icon",
                f"{_SCOPE_ADVICE}; or take username and icon out of the rules",
            )
        for scope, lost in _OPTIONAL.items():
            if scope not in scopes:
                notes.warning(f"the scope {scope} is missing: {lost}", _SCOPE_ADVICE)

    # -- channels -----------------------------------------------------------------------------

    async def _channels(self, wanted: list[SlackSettings]) -> dict[str, Mapping[str, Any]] | None:
        """The channels that the token can see, by id and by name; None if that cannot be known."""
        granted = self._scopes if self._scopes is not None else frozenset(_OPTIONAL)
        kinds = [
            kind
            for scope, kind in (("channels:read", "public_channel"), ("groups:read", "private_channel"))
            if scope in granted
        ]
        if not kinds or not any(each.channel for each in wanted):
            return None
        found: dict[str, Mapping[str, Any]] = {}
        query = {"types": ",".join(kinds), "limit": "999", "exclude_archived": "0"}
        try:
            for _ in range(_PAGES):
                said = await self._call("conversations.list", "GET", query)
                for channel in said.get("channels") or ():
                    found[channel["id"]] = found[channel["name"]] = channel
                cursor = (said.get("response_metadata") or {}).get("next_cursor")
                if not cursor:
                    return found
                query["cursor"] = cursor
        except _Refused as refused:
            self._notes.warning(f"the list of channels cannot be had: {refused.word}", refused.advice)
            return None
        except (KeyError, TypeError, AttributeError):
            pass  # no list of channels as Slack gives it
        self._notes.warning("the list of channels does not end: no channel is looked at", "tell the authors")
        return None

    def _look_at_channel(self, name: str, channels: Mapping[str, Mapping[str, Any]]) -> bool:
        notes, scopes = self._notes, self._scopes or frozenset(_OPTIONAL)
        channel = channels.get(name.removeprefix("#"))
        if channel is None and _PERSON.fullmatch(name):
            notes.warning("a person or a direct message: it is not looked at", "prove it with --send")
            return True
        if channel is None:
            unseen = [kind for kind in ("channels:read", "groups:read") if kind not in scopes]
            if unseen:
                notes.warning(
                    f"it is not among the channels that the token may list ({unseen[0]} is missing)",
                    "check how it is written; prove it with --send",
                )
                return True
            written = "id" if _ID.fullmatch(name) else "name"
            notes.problem(
                f"there is no channel of that {written} that the bot can see", _ERRORS["channel_not_found"]
            )
            return False
        if channel.get("is_archived"):
            notes.problem("it is archived: nothing can be posted", _ERRORS["is_archived"])
            return False
        if channel.get("is_member"):
            notes.ok("it exists, and the bot is a member")
        elif channel.get("is_private"):
            notes.problem("it is private and the bot is not a member", _ERRORS["not_in_channel"])
            return False
        elif "chat:write.public" in scopes:
            notes.ok("it exists and is public: the bot may post without being a member")
        elif "channels:join" in scopes:
            notes.warning("it exists, and the bot is not a member yet", _ERRORS["not_in_channel"])
        else:
            notes.problem("it exists, and the bot is not a member", _ERRORS["not_in_channel"])
            return False
        return True

    async def _post(self, channel: str) -> None:
        try:
            await self._call("chat.postMessage", "POST", json={"channel": channel, "text": TEST})
        except _Refused as refused:
            self._notes.problem(f"a test message was refused: {refused.word}", refused.advice)
        else:
            self._notes.ok("a test message was posted")

    async def _call(
        self, method: str, verb: str, query: Mapping[str, str] | None = None, json: Any = None
    ) -> dict[str, Any]:
        """Slack's answer, if it is ok. Raises _Refused."""
        assert self._settings.token is not None
        headers = CIMultiDict(_HEADERS, Authorization=f"Bearer {self._settings.token.reveal()}")
        body = b""
        if json is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            body = msgspec.json.encode(json)
        url = URL(self._settings.api_url).joinpath(method).with_query(query)
        request = Request(verb, url, headers, body, self._settings.tls, self._settings.proxy_url)
        answer = await ask(self._http, request, _READ)
        if not isinstance(answer, Answer):
            advice = network_advice(answer.detail, self._host)
            raise _Refused(f"{self._host} cannot be reached: {answer.detail}", advice)
        if answer.status == 429:
            wait = answer.headers.get("Retry-After", "60")
            raise _Refused("ratelimited", f"run it again in {wait} seconds")
        if "x-oauth-scopes" in answer.headers:
            granted = answer.headers["x-oauth-scopes"].split(",")
            self._scopes = frozenset(scope.strip() for scope in granted)
        try:
            said = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = None
        if not isinstance(said, dict) or "ok" not in said:
            word = f"HTTP {answer.status}, and not Slack's answer"
            raise _Refused(word, f"check slack.api_url: does the Web API answer at {self._host}?")
        if said["ok"] is not True:
            raise _Refused(str(said.get("error", "no reason"))[:100])
        return said


_HEADERS: Final = {"User-Agent": f"Responder/{__version__}"}


async def _incoming_webhook(
    receivers: str, settings: SlackSettings, http: Http, *, send: bool
) -> list[Finding]:
    """Whoever has its URL may post: there is nothing to ask it, so its host alone is called."""
    assert settings.webhook_url is not None
    notes = Findings(f"slack {receivers}")
    url = URL(settings.webhook_url.reveal())
    host = url.host or ""
    body = msgspec.json.encode({"text": TEST}) if send else b""
    headers = CIMultiDict(_HEADERS)
    if send:
        headers["Content-Type"] = "application/json"
    where = url if send else url.origin()
    request = Request("POST" if send else "GET", where, headers, body, settings.tls, settings.proxy_url)
    answer = await ask(http, request, 200)
    if not isinstance(answer, Answer):
        notes.problem(f"{host} cannot be reached: {answer.detail}", network_advice(answer.detail, host))
    elif not send:
        notes.warning(
            f"an incoming webhook: {host} answers, and more cannot be asked; messages cannot be changed"
            " later, and have no thread",
            "use a bot token (slack.bot_token_file), or prove the webhook with --send",
        )
    elif answer.status == 200:
        notes.ok("an incoming webhook: a test message was posted")
    else:
        word = answer.body.decode(errors="replace").strip()
        known = word if word in _ERRORS else f"HTTP {answer.status}"
        notes.problem(
            f"an incoming webhook refused a test message: {known}",
            _ERRORS.get(word, "make a new incoming webhook, or use a bot token"),
        )
    return notes.found
