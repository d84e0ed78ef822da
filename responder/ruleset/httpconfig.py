"""Alertmanager's `http_config` and `tls_config`: how an HTTP service is called.

`receivers` reads one per webhook, its own or `global`'s. It keeps to what prometheus/common
accepts, and opens no connection.
"""

import ssl
from typing import Final, cast

import msgspec

from responder.core.catalogue import Authorization, BasicAuth, OAuth2, Secret, Tls, TlsVersion
from responder.document.fields import Fields, choice, flag, split_url, text, url
from responder.document.tree import Node, Place, ScalarNode
from responder.ruleset.secrets import Reading

TLS_VERSIONS: Final = ("TLS10", "TLS11", "TLS12", "TLS13")

# prometheus/common, config/headers.go: what changes the connection or is set otherwise.
_RESERVED_HEADERS: Final = frozenset(
    {
        "authorization",
        "host",
        "content-encoding",
        "content-length",
        "content-type",
        "user-agent",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "www-authenticate",
        "accept-encoding",
        "x-prometheus-remote-write-version",
        "x-prometheus-remote-read-version",
        "x-prometheus-scrape-timeout-seconds",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
    }
)
_HEADER_NAME: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")  # RFC 9110, token


class HttpConfig(msgspec.Struct, frozen=True):
    """What an `http_config` comes to."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    tls: Tls | None = None
    follow_redirects: bool = True
    proxy_url: Secret | None = None
    headers: tuple[tuple[str, Secret], ...] = ()


def read_http_config(node: Node, reading: Reading) -> HttpConfig:
    """Everything under an `http_config`."""
    fields = Fields(node, "http_config", reading.problems)
    fields.at_most_one("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file")
    config = HttpConfig(
        basic_auth=_basic_auth(fields, reading),
        authorization=_authorization(fields, reading) or _bearer(fields, reading),
        oauth2=_oauth2(fields, reading),
        tls=read_tls(fields, "tls_config", reading),
        follow_redirects=fields.read("follow_redirects", flag, True),
        proxy_url=_proxy(fields, reading),
        headers=_headers(fields, reading),
    )
    fields.read("enable_http2", flag, True)  # HTTP/1.1 reaches every server that HTTP/2 does
    fields.close()
    return config


# -- who we are ---------------------------------------------------------------------------------


def _basic_auth(fields: Fields, reading: Reading) -> BasicAuth | None:
    auth = fields.fields("basic_auth", "basic_auth")
    if auth is None:
        return None
    auth.at_most_one("username", "username_file")
    named = reading.content(auth, "username_file")
    username = auth.read("username", text, "") or (named.reveal() if named else "")
    password = reading.secret(auth, "password")
    auth.close()
    return BasicAuth(username, password or Secret(""))


def _authorization(fields: Fields, reading: Reading) -> Authorization | None:
    auth = fields.fields("authorization", "authorization")
    if auth is None:
        return None
    kind = auth.read("type", text, "Bearer").strip() or "Bearer"
    if kind.lower() == "basic":
        auth.error("type", "basic has a key of its own: write basic_auth")
    credentials = reading.secret(auth, "credentials")
    auth.close()
    return Authorization(kind, credentials or Secret(""))


def _bearer(fields: Fields, reading: Reading) -> Authorization | None:
    token = reading.secret(fields, "bearer_token")
    for key in ("bearer_token", "bearer_token_file"):
        if key in fields:
            reading.problems.warning(fields.key_place(key), f"{key} is deprecated; write authorization")
    return None if token is None else Authorization("Bearer", token)


def _oauth2(fields: Fields, reading: Reading) -> OAuth2 | None:
    auth = fields.fields("oauth2", "oauth2")
    if auth is None:
        return None
    auth.require("client_id")
    auth.require("token_url")
    oauth2 = OAuth2(
        client_id=auth.read("client_id", text, ""),
        client_secret=reading.secret(auth, "client_secret") or Secret(""),
        token_url=auth.read("token_url", url, ""),
        scopes=auth.texts("scopes"),
        endpoint_params=tuple((name, node.text) for name, node in auth.pairs("endpoint_params")),
        tls=read_tls(auth, "tls_config", reading),
        proxy_url=_proxy(auth, reading),
    )
    auth.close()
    return oauth2


# -- how we get there ---------------------------------------------------------------------------


def _proxy(fields: Fields, reading: Reading) -> Secret | None:
    for key in ("no_proxy", "proxy_from_environment", "proxy_connect_header"):
        if fields.take(key) is not None:
            reading.problems.warning(fields.key_place(key), f"{key}: not used by this version")
    node = fields.scalar("proxy_url")
    if node is None:
        return None
    if node.text.startswith("socks5"):
        reading.mask(node)
        reading.unsupport(node.place, "proxy_url: only http and https proxies are supported")
        return None
    try:
        parts = split_url(node.text)
    except ValueError as error:
        fields.error("proxy_url", str(error))
        return None
    if parts.password:
        reading.warn_inline(node, "proxy_url", has_file=False)
    reading.mask_url(node)
    return reading.given(node.text)


def read_tls(fields: Fields, key: str, reading: Reading) -> Tls | None:
    """A `tls_config`; files that it names are tried."""
    tls = fields.fields(key, key)
    if tls is None:
        return None
    for name in ("ca", "cert", "key"):
        tls.at_most_one(name, f"{name}_file")
    for name in ("cert", "key"):
        if (inline := tls.scalar(name)) is not None:
            reading.mask(inline)
            reading.unsupport(tls.place(name), f"{name}: not supported inline; write {name}_file")
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if one in tls and other not in tls and other.removesuffix("_file") not in tls:
            tls.error(one, f"needs {other} beside it")
    found = Tls(
        ca=_authorities(tls, reading),
        cert_file=_path(tls, "cert_file", reading),
        key_file=_path(tls, "key_file", reading),
        server_name=tls.read("server_name", text, ""),
        insecure_skip_verify=tls.read("insecure_skip_verify", flag, False),
        min_version=_version(tls, "min_version"),
        max_version=_version(tls, "max_version"),
    )
    tls.close()
    if found.min_version and found.max_version and found.max_version < found.min_version:
        tls.error("max_version", f"{found.max_version} is below min_version {found.min_version}")
    _try_client_certificate(tls, found, reading)
    return found


def _version(tls: Fields, key: str) -> TlsVersion:
    return cast(TlsVersion, tls.read(key, choice(*TLS_VERSIONS), ""))


def _authorities(tls: Fields, reading: Reading) -> str:
    inline = tls.scalar("ca")
    named = tls.scalar("ca_file")
    if inline is not None:
        return authorities(inline.text, "ca", inline.place, reading)
    if named is not None:
        return authorities(reading.file(named, "ca_file"), "ca_file", named.place, reading)
    return ""


def authorities(pem: str, key: str, place: Place, reading: Reading) -> str:
    """The certificates of authorities, tried; "" stays, since it is recorded where it was read."""
    if pem.strip():
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
        except (ssl.SSLError, ValueError):
            reading.problems.error(place, f"{key}: holds no certificate in PEM form")
    return pem


def _path(tls: Fields, key: str, reading: Reading) -> str:
    node = tls.scalar(key)
    if node is None:
        return ""
    reading.withheld += not reading.read_files
    path = reading.path(node, key)
    return "" if path is None else str(path)


def _try_client_certificate(tls: Fields, found: Tls, reading: Reading) -> None:
    if not (found.cert_file and found.key_file and reading.read_files):
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(found.cert_file, found.key_file, password=b"")
    except ssl.SSLError:
        tls.error("cert_file", f"{found.cert_file} and {found.key_file} are not a certificate and its key")
    except OSError as error:
        tls.error("cert_file", f"{found.cert_file} or {found.key_file} cannot be read: {error.strerror}")


def _headers(fields: Fields, reading: Reading) -> tuple[tuple[str, Secret], ...]:
    """`http_headers: {NAME: {values, secrets, files}}`; a name may have several values."""
    section = fields.fields("http_headers", "http_headers")
    found: list[tuple[str, Secret]] = []
    seen: dict[str, str] = {}
    for name in section.written() if section else ():
        assert section
        lower = name.lower()
        place = section.key_place(name)
        if not lower or not _HEADER_NAME.issuperset(lower):
            reading.problems.error(place, f"http_headers: {name[:64]!r} is not the name of a header")
        elif lower in _RESERVED_HEADERS:
            reading.problems.error(place, f"http_headers: {name} is set by Responder itself")
        elif lower in seen:
            reading.problems.error(place, f"http_headers: {name} is given as {seen[lower]} already")
        seen[lower] = name
        header = section.fields(name, f"http_headers.{name}")
        if header is not None:
            found += ((name, value) for value in _header_values(header, reading))
    return tuple(found)


def _header_values(header: Fields, reading: Reading) -> list[Secret]:
    values: list[Secret] = []
    for key in ("values", "secrets", "files"):
        for node in header.items(key) or ():
            if not isinstance(node, ScalarNode) or node.null:
                reading.problems.error(node.place, f"{key}: must be a text")
                continue
            value = Secret(node.text)
            if key == "secrets":
                reading.problems.warning(
                    node.place, "secrets: an inline secret; put it in a file under files"
                )
                value = reading.inline(node)
            elif key == "files":
                value = Secret(reading.file(node, key).strip())
            if any(ord(char) < 32 and char != "\t" for char in value.reveal()):
                reading.problems.error(node.place, f"{key}: a header's value is one line of text")
            values.append(value)
    header.close()
    return values
