"""The kinds of integration that Alertmanager knows, and what may be written under each.

`receivers` reads every `*_configs` entry by its Kind. Taken from Alertmanager's configuration from
0.25 to 0.34; no kind becomes able to deliver by standing here: that is `SERVED`.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

import msgspec


class Shape(Enum):
    """What the value under a key is."""

    TEXT = "text"  # Alertmanager may expand a Go template in it
    TARGET = "a text that says where to; its reader looks closer"
    SERVER = "a mail server, host:port"
    FLAG = "true or false"
    WHOLE = "a whole number, perhaps negative"
    DURATION = "a Go duration"
    HIDDEN = "a password, a key; the same with _file names a file that holds it"
    HIDDEN_URL = "a URL that whoever knows it may use; the same with _file"
    URL = "a URL"
    FILE = "the name of a file with a secret"
    TEXTS = "a list of texts"
    MAP = "names and texts"
    ANY = "anything"
    HTTP = "an http_config"
    TLS = "a tls_config"


Keys: TypeAlias = Mapping[str, Any]
"""Key to Shape, to Keys (a mapping), or to a list with one Keys (a list of mappings)."""


def _keys(**by_shape: Any) -> dict[str, Any]:
    """Keys from `TEXT="a b c"`; a HIDDEN value brings its `_file` along; other names are keys themselves."""
    keys: dict[str, Any] = {}
    for name, value in by_shape.items():
        if name not in Shape.__members__:
            keys[name] = value
            continue
        shape = Shape[name]
        for key in value.split():
            keys[key] = shape
            if shape in (Shape.HIDDEN, Shape.HIDDEN_URL):
                keys[f"{key}_file"] = Shape.FILE
    return keys


class Kind(msgspec.Struct, frozen=True):
    """One kind of integration. `section` is its key in a receiver: `slack_configs`.

    `send_resolved` is the default. `needs`: of each group of keys at least one must be there.
    """

    name: str
    send_resolved: bool
    keys: Keys
    needs: tuple[tuple[str, ...], ...] = ()

    @property
    def section(self) -> str:
        """The key under which a receiver lists integrations of this kind."""
        return f"{self.name}_configs"


_BASE: Final = {"send_resolved": Shape.FLAG, "http_config": Shape.HTTP}
_FIELD: Final = _keys(TEXT="title value", FLAG="short")
_ATTACHMENT: Final = (
    "fallback color pretext text author_name author_link author_icon title title_link thumb_url footer"
    " footer_icon image_url"
)

KINDS: Final = (
    Kind(
        "webhook",
        True,
        _BASE | _keys(HIDDEN_URL="url", WHOLE="max_alerts", DURATION="timeout", ANY="payload"),
        (("url", "url_file"),),
    ),
    Kind(
        "slack",
        False,
        _BASE
        | _keys(
            HIDDEN_URL="api_url",
            HIDDEN="app_token",
            URL="app_url",
            TARGET="channel",
            TEXT="username color title title_link pretext text message_text footer fallback"
            " callback_id icon_emoji icon_url image_url thumb_url",
            FLAG="short_fields link_names update_message",
            TEXTS="mrkdwn_in",
            DURATION="timeout",
            fields=[_FIELD],
            actions=[
                _keys(
                    TEXT="type text url style name value",
                    confirm=_keys(TEXT="text title ok_text dismiss_text"),
                )
            ],
        ),
    ),
    Kind(
        "pagerduty",
        True,
        _BASE
        | _keys(
            HIDDEN="service_key routing_key",
            URL="url",
            TEXT="client client_url description source severity class component group",
            ANY="details",
            DURATION="timeout",
            images=[_keys(TEXT="src alt href")],
            links=[_keys(TEXT="href text")],
        ),
    ),
    Kind(
        "email",
        False,
        {"send_resolved": Shape.FLAG}
        | _keys(
            TARGET="to from hello smarthost auth_username auth_identity",
            TEXT="html text",
            HIDDEN="auth_password auth_secret",
            FLAG="require_tls force_implicit_tls",
            MAP="headers",
            TLS="tls_config",
            threading=_keys(FLAG="enabled", TEXT="thread_by_date"),
        ),
        (("to",),),
    ),
    Kind(
        "opsgenie",
        True,
        _BASE
        | _keys(
            HIDDEN="api_key",
            URL="api_url",
            TEXT="message description source entity actions tags note priority",
            MAP="details",
            FLAG="update_alerts",
            responders=[_keys(TEXT="id name username type")],
        ),
    ),
    Kind(
        "victorops",
        True,
        _BASE
        | _keys(
            HIDDEN="api_key",
            URL="api_url",
            TEXT="routing_key message_type state_message entity_display_name monitoring_tool",
            MAP="custom_fields",
        ),
        (("routing_key",),),
    ),
    Kind(
        "pushover",
        True,
        _BASE
        | _keys(
            HIDDEN="user_key token",
            TEXT="title message url url_title device sound priority",
            DURATION="retry expire ttl",
            FLAG="html monospace",
        ),
        (("user_key", "user_key_file"), ("token", "token_file")),
    ),
    Kind(
        "telegram",
        True,
        _BASE
        | _keys(
            HIDDEN="bot_token",
            URL="api_url",
            WHOLE="chat_id message_thread_id",
            FILE="chat_id_file",
            TEXT="message parse_mode",
            FLAG="disable_notifications",
            DURATION="timeout",
        ),
        (("chat_id", "chat_id_file"),),
    ),
    Kind(
        "discord",
        True,
        _BASE | _keys(HIDDEN_URL="webhook_url", TEXT="content title message username avatar_url"),
        (("webhook_url", "webhook_url_file"),),
    ),
    Kind("webex", True, _BASE | _keys(URL="api_url", TEXT="message room_id"), (("room_id",),)),
    Kind(
        "msteams",
        True,
        _BASE | _keys(HIDDEN_URL="webhook_url", TEXT="title summary text"),
        (("webhook_url", "webhook_url_file"),),
    ),
    Kind(
        "msteamsv2",
        True,
        _BASE | _keys(HIDDEN_URL="webhook_url", TEXT="title text"),
        (("webhook_url", "webhook_url_file"),),
    ),
    Kind(
        "jira",
        True,
        _BASE
        | _keys(
            URL="api_url",
            TEXT="api_type project priority issue_type reopen_transition resolve_transition"
            " wont_fix_resolution reopen_duration",
            ANY="summary description labels fields",
        ),
        (("project",), ("issue_type",)),
    ),
    Kind(
        "rocketchat",
        False,
        _BASE
        | _keys(
            URL="api_url",
            HIDDEN="token_id token",
            TEXT="channel color title title_link text emoji icon_url image_url thumb_url",
            FLAG="short_fields link_names",
            fields=[_FIELD],
            # These have no names of their own in Alertmanager, so that YAML gets Go's in lower case.
            actions=[
                _keys(
                    TEXT="type text url imageurl webviewheightratio msg msgprocessingtype",
                    FLAG="iswebview msginchatwindow",
                )
            ],
        ),
    ),
    Kind(
        "mattermost",
        True,
        _BASE
        | _keys(
            HIDDEN_URL="webhook_url",
            TEXT=f"channel username icon_url icon_emoji type {_ATTACHMENT}",
            fields=[_FIELD],
            attachments=[_keys(TEXT=_ATTACHMENT, fields=[_FIELD])],
            props=_keys(TEXT="card"),
            priority=_keys(TEXT="priority", FLAG="requested_ack persistent_notifications"),
        ),
    ),
    Kind(
        "sns",
        True,
        _BASE
        | _keys(
            TEXT="api_url topic_arn phone_number target_arn subject message",
            MAP="attributes",
            sigv4=_keys(TEXT="region access_key profile role_arn external_id", HIDDEN="secret_key"),
        ),
        (("topic_arn", "phone_number", "target_arn"),),
    ),
    Kind(
        "incidentio",
        True,
        _BASE | _keys(HIDDEN_URL="url", HIDDEN="alert_source_token", WHOLE="max_alerts", DURATION="timeout"),
        (("url", "url_file"),),
    ),
    Kind(
        "wechat",
        False,
        _BASE
        | _keys(
            HIDDEN="api_secret",
            URL="api_url",
            TEXT="corp_id message to_user to_party to_tag agent_id message_type",
        ),
    ),
)

SERVED: Final = frozenset({"webhook", "slack", "pagerduty", "email"})
"""The kinds that this version delivers."""

GLOBAL: Final[Keys] = _keys(
    HTTP="http_config",
    TARGET="smtp_from smtp_hello smtp_auth_username smtp_auth_identity",
    SERVER="smtp_smarthost",
    TEXT="wechat_api_corp_id",
    HIDDEN="smtp_auth_password smtp_auth_secret slack_app_token opsgenie_api_key wechat_api_secret"
    " victorops_api_key telegram_bot_token rocketchat_token rocketchat_token_id",
    HIDDEN_URL="slack_api_url mattermost_webhook_url",
    FLAG="smtp_require_tls smtp_force_implicit_tls",
    TLS="smtp_tls_config",
    URL="jira_api_url slack_app_url pagerduty_url opsgenie_api_url wechat_api_url victorops_api_url"
    " telegram_api_url webex_api_url rocketchat_api_url",
)
"""The keys of `global`, `resolve_timeout` apart."""
