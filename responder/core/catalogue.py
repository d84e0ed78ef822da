"""What rules must know of integrations: the settings that one needs to do its work, as plain values.

`ruleset` fills these from files and `notify` acts on them; the core hands them on unread.
Nothing here opens a file or a connection, and a secret never shows itself in a repr or a traceback.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn, TypeAlias

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


@dataclass(frozen=True, slots=True)
class Tls:
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


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP basic authentication (RFC 7617)."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Authorization:
    """An `Authorization: TYPE CREDENTIALS` header of any type but basic."""

    type: str
    credentials: Secret


@dataclass(frozen=True, slots=True)
class OAuth2:
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


@dataclass(frozen=True, slots=True)
class WebhookSettings:
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
