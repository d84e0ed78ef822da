"""The short way in: from a socket to the inputs log for the two alert entrances, and nothing else.

`service` listens through it. A connection serves plain POSTs of alerts itself, because the general
way costs several times what taking in an alert does; the first request that is anything else (or
odd in any way) makes it aiohttp's for good. What may come in, and how it is answered, is decided
in `access`, `intake` and `answer`, for both ways alike.
"""

import asyncio
import contextlib
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, cast

import httptools

from responder.clock import Clock
from responder.core.model import SECOND
from responder.errors import Overloaded, ResponderError, StorageError
from responder.telemetry import Tally, logger
from responder.web.access import Access, Identity
from responder.web.answer import ACCEPTED, BUG, STOPPING, Answer, of_error
from responder.web.intake import Entrance, Intake

log = logger("web")

_ENTRANCES: Final[dict[bytes, Entrance]] = {b"/webhooks/alertmanager": "webhook", b"/api/v2/alerts": "api"}
_STARTS: Final = tuple(b"POST %b HTTP/1.1\r\n" % path for path in _ENTRANCES)
_LONGEST_HEAD: Final = 16 << 10
_BUFFERED: Final = 256 << 10
"""Bytes of later requests that a sender may push while one is being answered."""

_IDLE: Final = 75.0
_SWEEP: Final = 15.0
"""Seconds after which a connection that sends nothing is closed, and between two looks at that."""

_SAME: Final = frozenset(
    {b"host", b"content-length", b"content-type", b"authorization", b"origin", b"sec-fetch-site"}
)
"""Header fields that decide something; a request in which one comes twice is none of ours."""

_NOT_OURS: Final = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"})


class Head:
    """A request's head, as `access` asks for it, and what `access` said: an identity or a refusal."""

    __slots__ = (
        "body_exists",
        "entrance",
        "headers",
        "identity",
        "keep_alive",
        "length",
        "method",
        "refusal",
    )

    def __init__(self, entrance: Entrance, headers: dict[str, str], length: int, keep_alive: bool) -> None:
        """`length` is that of the body which is still to be taken, in bytes."""
        self.method = "POST"
        self.entrance = entrance
        self.headers = headers
        self.length = length
        self.body_exists = length > 0
        self.keep_alive = keep_alive
        self.identity: Identity | None = None
        self.refusal: Answer | None = None


class _Parser:
    """llhttp's callbacks for one connection; it reads heads, and skips the bodies that we framed."""

    __slots__ = ("_fields", "_parser", "_url")

    def __init__(self) -> None:
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def read(self, head: bytes) -> Head | None:
        """The head, or None: it is not one that is served here."""
        self._url, self._fields = b"", []
        try:
            self._parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        entrance = _ENTRANCES.get(self._url)
        headers: dict[str, str] = {}
        length = b""
        for name, value in self._fields:
            name = name.lower()
            if name in _NOT_OURS or (name in _SAME and name.decode() in headers):
                return None
            if name == b"content-length":
                length = value
            headers[name.decode("latin-1")] = value.decode("utf-8", "surrogateescape")
        if entrance is None or not length.isdigit():
            return None
        return Head(entrance, headers, int(length), self._parser.should_keep_alive())

    def skip(self, body: bytes) -> None:
        """The body that belongs to the head: it was framed by its length already."""
        if body:
            self._parser.feed_data(body)


class Connections:
    """Everything that a listening socket's connections share; calling it makes one."""

    def __init__(
        self,
        intake: Intake,
        access: Access,
        general: Callable[[], asyncio.BaseProtocol],
        answered: Tally,
        largest: int,
        stopping: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """`general` makes what serves everything else; `largest` is the longest body in bytes."""
        self.intake = intake
        self.access = access
        self.general = general
        self.answered = answered
        self.largest = largest
        self.stopping = stopping
        self.open: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._date = (0, b"")
        self._left = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._sweep = self._loop.call_later(_SWEEP, self._close_the_idle)

    def __call__(self) -> "Connection":
        """A connection that has just been accepted."""
        return Connection(self, self._loop)

    def accepted(self) -> bytes:
        """The answer that nearly every request gets; it is made anew once a second."""
        second = self._clock.now() // SECOND
        if self._date[0] != second:
            self._date = second, _written(ACCEPTED, second, keep_alive=True)
        return self._date[1]

    def written(self, answer: Answer, *, keep_alive: bool) -> bytes:
        """Any other answer."""
        return _written(answer, self._clock.now() // SECOND, keep_alive=keep_alive)

    async def stop(self, within: float = 2.0) -> None:
        """Close what is idle; let requests that were taken be answered, for so many seconds."""
        self._sweep.cancel()
        for connection in list(self.open):
            connection.close_if_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.open:
                    self._left.clear()
                    await self._left.wait()
        for connection in list(self.open):
            connection.abort()
        for task in self.tasks:
            task.cancel()

    def gone(self, connection: "Connection") -> None:
        """It is closed, or somebody else's."""
        self.open.discard(connection)
        self._left.set()

    def _close_the_idle(self) -> None:
        before = self._loop.time() - _IDLE
        for connection in list(self.open):
            if connection.heard_at < before:
                connection.close_if_idle()
        self._sweep = self._loop.call_later(_SWEEP, self._close_the_idle)


class Connection(asyncio.Protocol):
    """One connection, until it is somebody else's."""

    __slots__ = (
        "_all",
        "_buffer",
        "_busy",
        "_head",
        "_loop",
        "_parser",
        "_paused",
        "_serving",
        "_transport",
        "heard_at",
    )

    def __init__(self, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        """Not made yet."""
        self._all = connections
        self._loop = loop
        self._buffer: bytes | bytearray = b""
        self._busy = False
        self._paused = False
        self._serving = False
        self._head: Head | None = None
        self._parser = _Parser()
        self._transport: asyncio.Transport | None = None
        self.heard_at = loop.time()

    # -- what the event loop calls ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has no such parent
        self._all.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Gone; what was taken from it stays taken."""
        self._transport = None
        self._all.gone(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, of several, or of a part."""
        if self._head is not None or self._busy or not self._buffer:
            self.heard_at = self._loop.time()  # a head that has begun is not waited for longer by its drops
        if not self._buffer:
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer)  # a long body comes in many pieces
            self._buffer += data
        if not self._busy:
            self._serve()
        elif len(self._buffer) > _BUFFERED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    # -- serving ----------------------------------------------------------------------------

    def _serve(self) -> None:
        """Serve what is complete in the buffer, one request after the other."""
        if self._serving:
            return
        self._serving = True
        while not self._busy and self._transport is not None and (self._head or self._buffer):
            if self._head is None:
                self._head = self._read_head()
            head, buffer = self._head, self._buffer
            if head is None or (len(buffer) < head.length and head.refusal is None):
                break
            body, self._buffer = bytes(buffer[: head.length]), buffer[head.length :]
            self._parser.skip(body)
            head.length -= len(body)
            if head.length:  # refused: nothing of a body is kept, and the answer comes after it
                break
            self._head, self._busy = None, True
            self._take(head, body)
        self._serving = False

    def _read_head(self) -> Head | None:
        """The head that the buffer begins with, cut off; None: incomplete, or none of ours."""
        buffer = self._buffer
        if not buffer.startswith(_STARTS) and not any(start.startswith(buffer) for start in _STARTS):
            self._hand_over()
            return None
        end = buffer.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
        if end < 0:
            if len(buffer) >= _LONGEST_HEAD:
                self._hand_over()
            return None
        head = self._parser.read(bytes(buffer[: end + 4]))
        if head is None or head.length > self._all.largest:
            self._hand_over()
            return None
        self._buffer = buffer[end + 4 :]
        try:
            head.identity = self._all.access.check(head, "ingest")
        except ResponderError as error:
            head.refusal = of_error(error)
        return head

    def _take(self, head: Head, body: bytes) -> None:
        shared, entrance = self._all, head.entrance
        if shared.stopping():
            self._answer(entrance, STOPPING, keep_alive=False)
            return
        if head.refusal or head.identity is None:
            self._answer(entrance, head.refusal or BUG, keep_alive=head.keep_alive)
            return
        identity = head.identity

        def then(error: StorageError | None) -> None:
            answer = ACCEPTED if error is None else of_error(Overloaded(str(error)))
            self._answer(entrance, answer, keep_alive=head.keep_alive)

        try:
            if shared.intake.take_at_once(identity, entrance, body, head.headers, then):
                return
        except ResponderError as error:
            self._answer(entrance, of_error(error), keep_alive=head.keep_alive)
            return
        except Exception as error:
            self._fail(entrance, error)
            return
        task = asyncio.create_task(self._take_slowly(head, identity, body))
        shared.tasks.add(task)
        task.add_done_callback(shared.tasks.discard)

    async def _take_slowly(self, head: Head, identity: Identity, body: bytes) -> None:
        try:
            answer = await self._all.intake.take(identity, head.entrance, body, head.headers)
        except ResponderError as error:
            answer = of_error(error)
        except Exception as error:
            self._fail(head.entrance, error)
            return
        self._answer(head.entrance, answer, keep_alive=head.keep_alive)

    def _fail(self, entrance: Entrance, bug: Exception) -> None:
        # Whoever called gets no traceback, the log does.
        log.error("request_failed", method="POST", entrance=entrance, exc_info=bug)
        self._answer(entrance, BUG, keep_alive=False)

    def _answer(self, entrance: Entrance, answer: Answer, *, keep_alive: bool) -> None:
        self._busy = False
        self._all.answered.add((entrance, str(answer.status)))
        transport = self._transport
        if transport is None:
            return
        if not keep_alive or self._all.stopping():
            transport.write(self._all.written(answer, keep_alive=False))
            transport.close()
            return
        shared = self._all
        transport.write(shared.accepted() if answer is ACCEPTED else shared.written(answer, keep_alive=True))
        if self._paused:
            self._paused = False
            transport.resume_reading()
        if self._buffer:
            # In its own time: what comes next must not hold up, or spoil, the answers of others.
            self._loop.call_soon(self._serve)

    def _hand_over(self) -> None:
        """From here on aiohttp serves this connection, beginning with what is in the buffer."""
        transport, buffer = self._transport, self._buffer
        assert transport is not None
        self._transport, self._buffer = None, b""
        self._all.gone(self)
        general = cast(asyncio.Protocol, self._all.general())
        transport.set_protocol(general)
        general.connection_made(transport)
        general.data_received(bytes(buffer))

    # -- stopping ---------------------------------------------------------------------------

    def close_if_idle(self) -> None:
        """Close unless a request is being taken or answered."""
        if not self._busy and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def _written(answer: Answer, second: int, *, keep_alive: bool) -> bytes:
    """An answer as HTTP/1.1; `second` is the time since the Unix epoch (RFC 9110, 6.6.1: Date)."""
    status = answer.status
    phrase = ""
    with contextlib.suppress(ValueError):
        phrase = HTTPStatus(status).phrase
    lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Length: {len(answer.body)}"]
    if answer.body:
        lines.append("Content-Type: application/json; charset=utf-8")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append(f"Date: {formatdate(second, usegmt=True)}")
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode() + answer.body
