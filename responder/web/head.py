"""The head of a request that the short way serves: read by llhttp, and known again by its very bytes.

`connection` asks for each head that has come in whole. What is kept says what was asked, never whether it
is allowed; its bytes hold a token, so that they are few, forgotten together, and shown to nobody.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import httptools

from responder.web.intake import Entrance

LONGEST: Final = 16 << 10
"""Bytes of a head."""

_LONGEST_KEPT: Final = 1 << 10
_MOST_KEPT: Final = 512

Glance: TypeAlias = Literal["healthy", "ready", "metrics"]
"""What whoever looks after us asks again and again."""

_STARTS: Final[Mapping[bytes, tuple[str, Entrance | Glance]]] = {
    b"POST /webhooks/alertmanager HTTP/1.1\r\n": ("POST", "webhook"),
    b"POST /api/v2/alerts HTTP/1.1\r\n": ("POST", "api"),
    b"GET /-/healthy HTTP/1.1\r\n": ("GET", "healthy"),
    b"GET /-/ready HTTP/1.1\r\n": ("GET", "ready"),
    b"HEAD /-/healthy HTTP/1.1\r\n": ("HEAD", "healthy"),
    b"HEAD /-/ready HTTP/1.1\r\n": ("HEAD", "ready"),
    b"GET /metrics HTTP/1.1\r\n": ("GET", "metrics"),
    b"HEAD /metrics HTTP/1.1\r\n": ("HEAD", "metrics"),
}
"""The first lines that are served here."""

_SAME: Final = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "content-type",
        "accept",
        "authorization",
        "origin",
        "sec-fetch-site",
    }
)
"""Header fields that decide something; a request in which one comes twice is none of ours."""

_NOT_OURS: Final = frozenset({"transfer-encoding", "content-encoding", "expect", "upgrade"})

_KEEP_ALIVE: Final = {"": True, "keep-alive": True, "close": False}


class Head(NamedTuple):
    """What a request says before its body, as `access` asks for it; `length` is that of the body in bytes."""

    method: str
    asked: Entrance | Glance
    headers: Mapping[str, str]
    length: int
    body_exists: bool
    keep_alive: bool

    @property
    def entrance(self) -> str:
        """What it is counted as."""
        return self.asked if self.method == "POST" else "management"


class Heads:
    """Those that were read lately: one sender's are nearly all alike."""

    def __init__(self) -> None:
        """None yet."""
        self._known: dict[bytes, Head] = {}

    def read(self, head: bytes) -> Head | None:
        """What a whole head says, or None: it is not one that is served here."""
        known = self._known.get(head)
        if known is not None:
            return known
        read = _read(head)
        if read is not None and len(head) <= _LONGEST_KEPT:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[head] = read
        return read


def may_become(beginning: bytes | bytearray) -> bool:
    """Whether a head that begins like this can still be one that is served here."""
    return len(beginning) < LONGEST and any(
        beginning.startswith(start) or start.startswith(beginning) for start in _STARTS
    )


def _read(head: bytes) -> Head | None:
    start = _STARTS.get(head[: head.find(b"\n") + 1])
    if start is None:
        return None
    fields = _Fields()
    try:
        httptools.HttpRequestParser(fields).feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    headers: dict[str, str] = {}
    for raw, value in fields.all:
        name = raw.decode("latin-1").lower()
        if name in _NOT_OURS or (name in _SAME and name in headers):
            return None
        headers[name] = value.decode("utf-8", "surrogateescape")
    method, asked = start
    length = headers.get("content-length", "0" if method != "POST" else "")
    keep_alive = _KEEP_ALIVE.get(headers.get("connection", "").lower())
    if not length.isdecimal() or keep_alive is None or (method != "POST" and length != "0"):
        return None
    return Head(method, asked, headers, int(length), int(length) > 0, keep_alive)


class _Fields:
    """llhttp's callback: the header fields in their order."""

    __slots__ = ("all",)

    def __init__(self) -> None:
        self.all: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.all.append((name, value))
