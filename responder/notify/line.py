"""The short way out: one POST over a kept connection, for the webhooks that a storm calls.

`http` uses it for what is plain: HTTP/1.1 with a body, no proxy, a connection that can be made. It
exists because a general client costs several times what sending does, in the latency of every
page. It follows nothing, retries nothing, and whatever it cannot do it leaves to aiohttp.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias, cast

import aiohttp
import httptools
from multidict import CIMultiDict
from yarl import URL

KEPT: Final = 15.0
"""Seconds for which a connection that nobody uses is kept: less than most servers keep theirs."""

_LONGEST_HEAD: Final = 64 << 10
_LONGEST_BODY: Final = 64 << 10
"""An answer of which either goes on for longer costs the connection; a body's beginning is enough."""

_BODY_KEPT: Final = 4_096

Where: TypeAlias = tuple[str, int, ssl.SSLContext | None, str | None]
"""Host, port, how TLS is made (None: not at all), and the name that the certificate must have."""


class NotHttp(aiohttp.ClientError):
    """What came back is no HTTP."""


class Sending(Protocol):
    """Is told when a request has gone out."""

    sent: bool


@dataclass(slots=True)
class Reply:
    """An answer; `body` is its beginning. `whole` is set once no more of it is waited for."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    whole: asyncio.Event = field(default_factory=asyncio.Event)


class Line(asyncio.Protocol):
    """One connection: at most one request at a time."""

    __slots__ = (
        "_fields",
        "_free",
        "_length",
        "_loop",
        "_parser",
        "_reply",
        "_sending",
        "_transport",
        "_waiter",
        "free_at",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, free: Callable[["Line"], None]) -> None:
        """Not connected yet. `free` is called each time it may serve another request."""
        self._loop = loop
        self._free = free
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._fields: list[tuple[str, str]] = []
        self._sending: Sending | None = None
        self._waiter: asyncio.Future[Reply] | None = None
        self._reply: Reply | None = None
        self._length = 0
        self.free_at = 0.0

    @property
    def closed(self) -> bool:
        """Whether it can serve no more."""
        return self._transport is None or self._transport.is_closing()

    def ask(self, request: bytes, sending: Sending) -> "asyncio.Future[Reply]":
        """Send; the future has the answer as soon as its head is there, or an error.

        `sending.sent` becomes true when all of the request is with the operating system.
        """
        assert self._transport is not None
        self._reply, self._length, self._sending = None, 0, sending
        waiter = self._waiter = self._loop.create_future()
        sending.sent = True
        self._transport.write(request)  # calls pause_writing if it cannot all go at once
        return waiter

    def close(self) -> None:
        """Close at once; who waits hears of it."""
        if self._transport is not None:
            self._transport.abort()

    # -- what the event loop calls ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has no such parent
        self._transport.set_write_buffer_limits(high=0)

    def connection_lost(self, error: Exception | None) -> None:
        """Gone. An answer that ends with the connection has come whole."""
        self._transport = None
        if self._reply is not None:
            self._reply.whole.set()
        self._fail(aiohttp.ServerDisconnectedError())

    def pause_writing(self) -> None:
        """The request does not fit into the operating system's buffer."""
        if self._sending is not None:
            self._sending.sent = False

    def resume_writing(self) -> None:
        """Now all of it has gone."""
        if self._sending is not None:
            self._sending.sent = True

    def data_received(self, data: bytes) -> None:
        """Some bytes of an answer."""
        if self._waiter is None and self._reply is None:
            self.close()  # nobody has asked
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NotHttp())
            self.close()
            return
        if self._waiter is not None:
            self._length += len(data)
            if self._length > _LONGEST_HEAD:
                self._fail(NotHttp())
                self.close()

    # -- what the parser calls --------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins. One that nobody asked for would be taken for the answer to what is asked next."""
        self._fields = []
        if self._waiter is None:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field."""
        self._fields.append((name.decode("latin-1"), value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        """Whoever waits can judge it now."""
        status, waiter = self._parser.get_status_code(), self._waiter
        if status < 200 or waiter is None:  # interim answers say nothing
            return
        self._reply, self._waiter, self._length = Reply(status, CIMultiDict(self._fields)), None, 0
        if not waiter.done():
            waiter.set_result(self._reply)

    def on_body(self, data: bytes) -> None:
        """A piece of the body: what is kept of it is for people to read."""
        reply = self._reply
        if reply is None:
            return
        self._length += len(data)
        if len(reply.body) < _BODY_KEPT:
            reply.body = (reply.body + data)[:_BODY_KEPT]
        if self._length > _LONGEST_BODY:
            reply.whole.set()
            self.close()

    def on_message_complete(self) -> None:
        """All of the answer is there: the connection may serve the next."""
        reply, self._reply = self._reply, None
        if reply is None:
            return
        reply.whole.set()
        if self.closed or not self._parser.should_keep_alive():
            self.close()
            return
        self.free_at = self._loop.time()
        self._free(self)

    def _fail(self, error: Exception) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)


class Lines:
    """The kept connections."""

    def __init__(self) -> None:
        """None yet."""
        self._idle: dict[Where, list[Line]] = {}

    async def take(self, where: Where) -> Line:
        """A connection that nobody uses, or a new one. Raises OSError."""
        loop = asyncio.get_running_loop()
        idle, before = self._idle.setdefault(where, []), loop.time() - KEPT
        while idle:
            line = idle.pop()
            if line.free_at >= before and not line.closed:
                return line
            line.close()
        host, port, context, name = where
        _, made = await loop.create_connection(
            lambda: Line(loop, idle.append),
            host,
            port,
            ssl=context,
            server_hostname=name if context else None,
        )
        return made

    def close(self) -> None:
        """Close those that nobody uses."""
        for idle in self._idle.values():
            for line in idle:
                line.close()
        self._idle.clear()


def written(url: URL, headers: CIMultiDict[str], body: bytes) -> bytes | None:
    """A POST as HTTP/1.1 writes it; None if something in it is not plain, and needs more care."""
    head = head_of(url, headers)
    return None if head is None else whole(head, body)


def whole(head: bytes, body: bytes, more: bytes = b"") -> bytes:
    """A request that begins like this; `more` are plain header fields of its own, a line each."""
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (head, more, len(body), body)


def head_of(url: URL, headers: CIMultiDict[str]) -> bytes | None:
    """What all POSTs with these headers begin with, for `whole`; None as for `written`."""
    host = url.raw_host or ""
    lines = [f"POST {url.raw_path_qs} HTTP/1.1"]
    if "Host" not in headers:
        name = f"[{host}]" if ":" in host else host
        lines.append(f"Host: {name}" if url.is_default_port() else f"Host: {name}:{url.port}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Accept: */*", "Accept-Encoding: identity"]
    head = "\r\n".join(lines)
    if not head.isascii() or head.count("\r") + head.count("\n") != 2 * (len(lines) - 1) or "\0" in head:
        return None
    return head.encode() + b"\r\n"
