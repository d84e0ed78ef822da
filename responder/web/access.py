"""Who is asking, and whether they may: tokens, roles, Host, Origin, Content-Type.

Every route goes through `Access.check`; it raises an error of `responder.errors` with the reason
for a person, and never says which part of a credential was wrong. It reads no body.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec

from responder.errors import Forbidden, Refused, Unauthenticated

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
ANONYMOUS_ROLES: Final = frozenset({"ingest", "read", "acknowledge", "silence"})
"""What a caller may do where no `auth` is configured (loopback only)."""


class Identity(msgspec.Struct, frozen=True):
    """Who is asking. `name` is what the journal says; `person` where a token names one."""

    name: str
    roles: frozenset[str]
    person: str = ""
    authenticated: bool = True


ANONYMOUS: Final = Identity("anonymous", ANONYMOUS_ROLES, authenticated=False)


class KnownToken(msgspec.Struct, frozen=True):
    """A token that opens the door: the SHA-256 of it, in hex, and whom it lets in."""

    sha256: str
    identity: Identity


class Headers(Protocol):
    """Header fields by their names in lower case."""

    def get(self, name: str, /) -> str | None:
        """The value, or None."""
        ...


class Asked(Protocol):
    """What of a request decides whether it is let in: aiohttp's, or the short way's."""

    @property
    def method(self) -> str:
        """In upper case."""
        ...

    @property
    def headers(self) -> Headers:
        """Its header fields."""
        ...

    @property
    def body_exists(self) -> bool:
        """Whether a body comes with it."""
        ...


class MisdirectedHost(Refused):
    """A Host that is none of ours: a page of somebody else's may be behind it (DNS rebinding)."""

    status = 421


class WrongContentType(Refused):
    """A body that changes something and does not say that it is JSON."""

    status = 415


class Access:
    """The rules of every entrance, from the configuration."""

    def __init__(
        self, tokens: Iterable[KnownToken] | None, hosts: Iterable[str], origins: Iterable[str]
    ) -> None:
        """`tokens` None: no `auth` is configured. `hosts` and `origins` are ours, lower case."""
        self._tokens = None if tokens is None else tuple(tokens)
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)

    def identify(self, request: Asked) -> Identity:
        """Who is asking. Raises Unauthenticated, MisdirectedHost."""
        given = request.headers.get("authorization")
        if given is None or self._tokens is None:
            self._check_host(request)
            if self._tokens is None:
                return ANONYMOUS
            raise Unauthenticated("a token is needed: Authorization: Bearer TOKEN")
        scheme, _, token = given.partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
        found = None
        for known in self._tokens:  # all of them, always: time must not tell which one nearly matched
            if hmac.compare_digest(known.sha256, digest):
                found = known.identity
        if found is None or scheme.lower() != "bearer":
            raise Unauthenticated("the token is not valid")
        return found

    def check(self, request: Asked, role: str) -> Identity:
        """Who is asking, if they may do what `role` allows and the request is not a forged one."""
        if request.method not in SAFE_METHODS:
            self._check_origin(request)
        identity = self.identify(request)
        if role not in identity.roles:
            raise Forbidden(f"{identity.name} lacks the role {role!r}")
        if request.method not in SAFE_METHODS and request.body_exists:
            content_type = request.headers.get("content-type") or ""
            if content_type.partition(";")[0].strip().lower() != "application/json":
                raise WrongContentType("a body needs Content-Type: application/json")
        return identity

    def _check_host(self, request: Asked) -> None:
        host = (request.headers.get("host") or "").lower()
        if host not in self._hosts:
            raise MisdirectedHost(
                f"Host {host[:100]!r} is not one of ours; add it to `hosts:`, or send a token"
            )

    def _check_origin(self, request: Asked) -> None:
        if (request.headers.get("sec-fetch-site") or "").lower() == "cross-site":
            raise Forbidden("a page of another site may not change anything here")
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() not in self._origins:
            raise Forbidden(f"Origin {origin[:100]!r} may not change anything here")


def own_hosts(listen: str, external_url: str, more: Iterable[str]) -> set[str]:
    """Values of the Host header that mean us: with and without the port."""
    names = {listen.lower(), *(name.lower() for name in more)}
    names.add(urlsplit(external_url).netloc.lower())
    port = listen.rpartition(":")[2]
    host = listen.rpartition(":")[0]
    names |= {"localhost", f"localhost:{port}", host.lower()}
    if host in ("127.0.0.1", "localhost", "[::1]", "::1"):
        names |= {"127.0.0.1", f"127.0.0.1:{port}", "[::1]", f"[::1]:{port}"}
    return names


def own_origins(hosts: Iterable[str], external_url: str) -> set[str]:
    """Values of the Origin header that mean our own pages."""
    parts = urlsplit(external_url)
    own = {f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")}
    return {f"{parts.scheme}://{parts.netloc}".lower()} | own
