"""What rules must know of integrations: the settings that one needs to do its work, as plain values.

`ruleset` fills these from files and `notify` acts on them; the core hands them on unread.
Nothing here opens a file or a connection, and a secret never shows itself in a repr or a traceback.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NoReturn, TypeAlias

import msgspec

from responder.core.model import Nanoseconds

MASK: Final = "<secret>"
"""What is shown in a secret's place, as in Alertmanager's status page."""


class Secret:
    """A text that shows as `<secret>` wherever it is printed, formatted, logged or traced.

    `reveal()` gives the text: call it where the secret leaves for the service that it is for,
    and nowhere else. Copies share the value; pickling is refused.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The text itself."""
        value: str = object.__getattribute__(self, "_value")
        return value

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret does not change")

    def __repr__(self) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self

    def __copy__(self) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled: it would be written in the clear")


TlsVersion: TypeAlias = Literal["", "TLS10", "TLS11", "TLS12", "TLS13"]
"""Alertmanager's names; "" leaves the choice to the TLS library."""


class Tls(msgspec.Struct, frozen=True):
    """How a TLS connection is made (Alertmanager's `tls_config`).

    `ca` is PEM text, read when the rules were loaded; "" trusts the system's authorities.
    `cert_file` and `key_file` are absolute paths, readable when the rules were loaded: Python's
    ssl takes a client certificate from files only. Both are set or neither.
    """

    ca: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: TlsVersion = ""
    max_version: TlsVersion = ""


class BasicAuth(msgspec.Struct, frozen=True):
    """HTTP basic authentication (RFC 7617)."""

    username: str
    password: Secret


class Authorization(msgspec.Struct, frozen=True):
    """An `Authorization: TYPE CREDENTIALS` header of any type but basic."""

    type: str
    credentials: Secret


class OAuth2(msgspec.Struct, frozen=True):
    """The OAuth 2.0 client credentials grant (RFC 6749, section 4.4).

    `endpoint_params` are further form fields of the token request. `tls` and `proxy_url` are for
    the connection to `token_url`; they are its own, not the webhook's.
    """

    client_id: str
    client_secret: Secret
    token_url: str
    scopes: tuple[str, ...] = ()
    endpoint_params: tuple[tuple[str, str], ...] = ()
    tls: Tls | None = None
    proxy_url: Secret | None = None


class WebhookSettings(msgspec.Struct, frozen=True):
    """One entry of `webhook_configs`, with its secrets read and `global.http_config` inherited.

    `timeout` in nanoseconds; 0 means that it has none of its own and delivery's holds.
    At most one of `basic_auth`, `authorization` and `oauth2` is set.
    `headers` are sent with each request; a name may come several times.
    `proxy_url` may carry credentials, hence the Secret.
    """

    url: Secret
    timeout: Nanoseconds = 0
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    tls: Tls | None = None
    follow_redirects: bool = True
    proxy_url: Secret | None = None
    headers: tuple[tuple[str, Secret], ...] = ()


class Template(msgspec.Struct, frozen=True):
    """A text of the rules that is sent: Jinja2, or (`plain`) exactly as it stands.

    `place` is where it was written, `file:line:column`. It was rendered against samples when the
    rules were loaded; should it fail all the same, the integration's own text is sent instead.
    """

    source: str
    plain: bool = False
    place: str = ""


Templates: TypeAlias = Mapping[str, Template]
"""The texts that somebody replaced by their own, by the integration's name for each."""


class SlackSettings(msgspec.Struct, frozen=True):
    """One entry of `slack_configs`. Either `token` or `webhook_url` is set.

    `token`: a bot token for the Web API at `api_url` (which ends in `/api/`). `webhook_url`: an
    incoming webhook, which can post and nothing else. `channel` is as it was written: `#name`,
    `name` or an id; "" with an incoming webhook, which knows its own.
    `templates` may have `title` and `text`. `username`, `icon_emoji` and `icon_url` need the scope
    `chat:write.customize`. `timeout` in nanoseconds, 0: delivery's. `proxy_url` may carry credentials.
    """

    channel: str
    token: Secret | None = None
    api_url: str = "https://slack.com/api/"
    webhook_url: Secret | None = None
    username: str = ""
    icon_emoji: str = ""
    icon_url: str = ""
    templates: Templates = msgspec.field(default_factory=dict)
    timeout: Nanoseconds = 0
    tls: Tls | None = None
    proxy_url: Secret | None = None


class PagerdutySettings(msgspec.Struct, frozen=True):
    """One entry of `pagerduty_configs`: the Events API v2, whose enqueue URL is `url`.

    `templates` may have `description`, `severity`, `source`,
    `class`, `component`, `group`, `client`, `client_url`, and `details.NAME` for custom details.
    `images` are (src, href, alt), `links` (href, text), as plain texts.
    """

    routing_key: Secret
    url: str = "https://events.pagerduty.com/v2/enqueue"
    templates: Templates = msgspec.field(default_factory=dict)
    images: tuple[tuple[str, str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    timeout: Nanoseconds = 0
    tls: Tls | None = None
    proxy_url: Secret | None = None


class EmailSettings(msgspec.Struct, frozen=True):
    """One entry of `email_configs`, with what it inherits from `global` and from `smtp:`.

    `to`: addresses, each of which gets the same mail. `hello`: what we call ourselves.
    `implicit_tls`: TLS from the first byte; `require_tls`: STARTTLS or nothing. Without `username`
    there is no authentication. `headers` replace or add to ours. `templates` may have `subject`,
    `text` and `html`. `threading` False leaves out `References`.
    """

    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    hello: str = "localhost"
    username: str = ""
    password: Secret | None = None
    identity: str = ""
    require_tls: bool = True
    implicit_tls: bool = False
    tls: Tls | None = None
    headers: tuple[tuple[str, str], ...] = ()
    templates: Templates = msgspec.field(default_factory=dict)
    threading: bool = True
    timeout: Nanoseconds = 0
