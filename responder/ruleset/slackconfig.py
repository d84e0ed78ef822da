"""An entry of `slack_configs`: by a bot token over the Web API, or by an incoming webhook.

`receivers` calls `read_slack` after `entries` has checked every key. The token of the settings goes
to no host but the settings' own, whatever the rules say.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from responder.core.catalogue import Secret, SlackSettings
from responder.document.fields import Fields, go_duration, split_url, text, url
from responder.ruleset.defaults import Defaults, Reached, host, origin
from responder.ruleset.entries import incoming_webhook, is_web_api
from responder.ruleset.httpconfig import HttpConfig
from responder.ruleset.secrets import Reading, digest
from responder.ruleset.texts import one_target, read_texts, warn_unused
from responder.settings.values import Slack

_UNUSED: Final = (
    "color",
    "title_link",
    "pretext",
    "message_text",
    "footer",
    "fallback",
    "callback_id",
    "image_url",
    "thumb_url",
    "short_fields",
    "link_names",
    "update_message",
    "mrkdwn_in",
    "fields",
    "actions",
)
_HTTP: Final = ("authorization", "bearer_token", "bearer_token_file", "proxy_url", "tls_config")
_METHOD: Final = "chat.postMessage"
_SETTING: Final = "slack.bot_token_file"


class _Way(msgspec.Struct, frozen=True):
    """How Slack is reached: a token for the Web API at `api_url`, or the URL of an incoming webhook.

    `lead` and `identity` are what destination and identity have beside the channel. `posts`: it is
    an incoming webhook or may be one, in a file that is not read; it knows its own channel.
    """

    lead: str
    identity: str
    posts: bool = False
    api_url: str = ""
    token: Secret | None = None
    webhook_url: Secret | None = None


def read_slack(fields: Fields, defaults: Defaults, reading: Reading) -> Reached:
    """Its settings, and where it leads: host and channel."""
    http = defaults.http(fields, reading, _HTTP)
    way = _way(fields, defaults, http, reading)
    channel_node = fields.scalar("channel")
    channel = one_target(channel_node, "channel", reading)
    if not channel.isprintable():
        fields.error("channel", "must be one line of text")
    if not channel and not (way and way.posts) and fields.require("channel"):
        fields.error("channel", "cannot be empty")
    templates = read_texts(fields, {"title": "title", "text": "text"}, ("title", "text"), reading)
    warn_unused(fields, _UNUSED, reading)
    timeout = fields.read("timeout", go_duration, 0)
    if way is None:
        return Reached(None, channel, f"channel={channel}" if channel_node else "")
    settings = SlackSettings(
        channel=channel,
        token=way.token,
        api_url=way.api_url or Slack().api_url,
        webhook_url=way.webhook_url,
        username=_plain(fields, "username"),
        icon_emoji=_plain(fields, "icon_emoji"),
        icon_url=_plain(fields, "icon_url"),
        templates=templates,
        timeout=timeout,
        tls=http.tls,
        proxy_url=http.proxy_url,
    )
    inline = way.posts and "api_url_file" not in way.identity
    destination = way.lead if inline else f"{way.lead} {channel}".strip()
    identity = f"{way.identity} channel={channel}" if channel_node else way.identity
    return Reached(settings, destination, identity.strip())


def _plain(fields: Fields, key: str) -> str:
    """A text that is honoured as it stands; a Go template, warned of already, is not."""
    found = fields.read(key, text, "")
    return "" if "{{" in found else found


def _way(fields: Fields, defaults: Defaults, http: HttpConfig, reading: Reading) -> _Way | None:
    """Own keys first, then those of `global`, then the settings; None if nothing says how."""
    for section, prefix in ((fields, ""), (defaults.general, "slack_")):
        token = reading.hidden(section, f"{prefix}app_token")
        if token is not None:
            reading.one_word(token, section.where, f"{prefix}app_token")
            return _web_api(_base(fields, defaults, reading) or _slack(defaults).api_url, token)
        if f"{prefix}api_url" in section or f"{prefix}api_url_file" in section:
            return _by_url(section, f"{prefix}api_url", defaults, http, reading)
    return _by_settings(_base(fields, defaults, reading), defaults, http, fields, reading)


def _base(fields: Fields, defaults: Defaults, reading: Reading) -> str:
    """The Web API's base that the rules name (`app_url`, with or without the method), or ""."""
    for section, key in ((fields, "app_url"), (defaults.general, "slack_app_url")):
        if found := section.read(key, url, ""):
            base = found.removesuffix(_METHOD)
            if not base.endswith("/"):
                section.error(key, f"must end in /api/ or /api/{_METHOD}")
            return base
    return ""


def _slack(defaults: Defaults) -> Slack:
    return defaults.settings.slack or Slack()


def _web_api(base: str, token: Secret) -> _Way:
    # The default says nothing, so that a token may move without making it another destination.
    identity = "" if base == Slack().api_url else f"api_url={digest(base)}"
    return _Way(host(urlsplit(base)), identity, api_url=base, token=token)


def _by_url(section: Fields, key: str, defaults: Defaults, http: HttpConfig, reading: Reading) -> _Way | None:
    """`api_url` or `slack_api_url`: an incoming webhook, or the Web API with a token from elsewhere."""
    inline = section.scalar(key)
    identity = reading.identity(section, key).removeprefix("slack_")
    if inline is None:
        named = section.scalar(f"{key}_file")
        if named is None:
            return None
        # What is in the file is not known everywhere: destination and identity are the file's.
        found, lead = reading.file(named, f"{key}_file").strip(), digest(named.text)[:8]
        secret = Secret(found)
        if not found:
            return _Way(lead, identity, posts=True, webhook_url=secret)
    else:
        found, named = inline.text, inline
        secret = reading.given(found)
        lead = ""
        if "{{" in found:
            reading.unsupport(inline.place, f"{key}: a Go template; this version needs a plain URL")
            return None
    try:
        parts = split_url(found)
    except ValueError as error:
        if inline is None:
            section.error(f"{key}_file", f"the content is {error}")
        return None
    if is_web_api(found):
        way = _by_settings(found.removesuffix(_METHOD), defaults, http, section, reading)
        return replace(way, lead=lead, identity=identity) if lead and way else way
    incoming_webhook(named, key if inline else f"{key}_file", reading)
    lead = lead or f"{host(parts)} {digest(found)[:8]}"
    return _Way(lead, identity, posts=True, webhook_url=secret)


def _by_settings(
    base: str, defaults: Defaults, http: HttpConfig, fields: Fields, reading: Reading
) -> _Way | None:
    """The Web API at `base` (or where the settings say), with the token that there is for it."""
    slack = _slack(defaults)
    place = fields.where
    if http.authorization and http.authorization.type.lower() == "bearer":
        return _web_api(base or slack.api_url, http.authorization.credentials)
    if slack.bot_token_file is None:
        reading.unsupport(
            place,
            "slack_configs: no token: set slack.bot_token_file in responder.yaml, or app_token_file or "
            "api_url_file here, or slack_app_token_file or slack_api_url_file in global",
        )
    elif base and origin(urlsplit(base)) != origin(urlsplit(slack.api_url)):
        reading.unsupport(
            place,
            f"slack_configs: no token for {host(urlsplit(base))}: slack.bot_token_file is for "
            f"{host(urlsplit(slack.api_url))} alone; set app_token_file",
        )
    else:
        token = reading.of_settings(slack.bot_token_file, _SETTING) or Secret("")
        reading.one_word(token, reading.place_of(_SETTING), _SETTING)
        return _web_api(base or slack.api_url, token)
    return _web_api(base or slack.api_url, Secret(""))
