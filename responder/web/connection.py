"""The short way in: from a socket to the inputs log for the two alert entrances; the probes, and `/metrics`.

`service` listens through it. A connection serves plain POSTs of alerts itself, because the general way
costs several times what taking in an alert does, and plain probes and scrapes, because it is there before the
general way; the first request that is anything else (or odd in any way) makes it aiohttp's for good. What may
come in, and how it is answered, is decided in `access`, `intake`, `health`, `exposition` and `answer`, for
both ways alike.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, TypeAlias, cast

from responder.clock import Clock
from responder.core.model import SECOND
from responder.errors import Overloaded, ResponderError, StorageError
from responder.telemetry import Tally, logger
from responder.web.access import Access, Identity
from responder.web.answer import ACCEPTED, BUG, STOPPING, Answer, of_error
from responder.web.exposition import Exposition
from responder.web.head import LONGEST, Head, Heads, may_become
from responder.web.health import Health
from responder.web.intake import Intake

log = logger("web")

_BUFFERED: Final = 256 << 10
"""Bytes of later requests that a sender may push while one is being answered."""

_IDLE: Final = 75.0
_SWEEP: Final = 15.0
"""Seconds after which a connection that sends nothing is closed, and between two looks at that."""

General: TypeAlias = Callable[[], asyncio.BaseProtocol]
"""Makes what serves a connection with everything else on it."""


class Connections:
    """Everything that a listening socket's connections share; calling it makes one."""

    def __init__(
        self,
        intake: Intake,
        access: Access,
        health: Health,
        exposition: Exposition,
        answered: Tally,
        largest: int,
        stopping: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """`largest` is the longest body in bytes. What is not served here waits for `hand_over_to`."""
        self.intake = intake
        self.access = access
        self.health = health
        self.exposition = exposition
        self.heads = Heads()
        self.general: General | None = None
        self.answered = answered
        self.largest = largest
        self.stopping = stopping
        self.open: set[Connection] = set()
        self.waiting: dict[Connection, None] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._date = (0, b"")
        self._left = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._sweep = self._loop.call_later(_SWEEP, self._close_the_idle)

    def __call__(self) -> "Connection":
        """A connection that has just been accepted."""
        return Connection(self, self._loop)

    def hand_over_to(self, general: General) -> None:
        """There is a general way now: for connections that wait for it, and for later ones."""
        self.general = general
        waiting, self.waiting = self.waiting, {}
        for connection in waiting:
            connection.hand_over(general)

    def accepted(self) -> bytes:
        """The answer that nearly every request gets; it is made anew once a second."""
        second = self._clock.now() // SECOND
        if self._date[0] != second:
            self._date = second, _written(ACCEPTED, second, keep_alive=True)
        return self._date[1]

    def written(self, answer: Answer, *, keep_alive: bool, bodiless: bool = False) -> bytes:
        """Any other answer; `bodiless` to HEAD."""
        return _written(answer, self._clock.now() // SECOND, keep_alive=keep_alive, bodiless=bodiless)

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
        self.waiting.pop(connection, None)
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
        "_identity",
        "_loop",
        "_missing",
        "_paused",
        "_refusal",
        "_transport",
        "_unread",
        "heard_at",
    )

    def __init__(self, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        """Not made yet."""
        self._all = connections
        self._loop = loop
        self._buffer: bytes | bytearray = b""
        self._busy = False
        self._paused = False
        self._unread = False
        self._head: Head | None = None
        self._missing = 0
        self._identity: Identity | None = None
        self._refusal: Answer | None = None
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
        self._serve()

    def pause_writing(self) -> None:
        """Whoever asks does not read the answers: they get no more of them meanwhile."""
        self._unread = True
        self._pause_or_resume()

    def resume_writing(self) -> None:
        """They do."""
        self._unread = False
        self._serve()

    # -- serving ----------------------------------------------------------------------------

    def _serve(self) -> None:
        """Serve the first request in the buffer, if it has come whole; its answer has the next served."""
        if not self._busy and not self._unread and self._transport is not None:
            head = self._head or (self._read_head() if self._buffer else None)
            if head is not None:
                self._serve_body(head)
        self._pause_or_resume()

    def _serve_body(self, head: Head) -> None:
        buffer, missing = self._buffer, self._missing
        if len(buffer) >= missing:
            body, self._buffer = bytes(buffer[:missing]), buffer[missing:]
            self._head, self._busy = None, True
            self._take(head, body)
        elif self._refusal:  # nothing of a body is kept then, and the answer comes after it
            self._missing, self._buffer = missing - len(buffer), b""

    def _pause_or_resume(self) -> None:
        """Read no more than is served: a body that is being taken in, and some later requests."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        ahead = self._head is None and len(self._buffer) > _BUFFERED
        pause = ahead or self._unread or self in self._all.waiting
        if pause != self._paused:
            self._paused = pause
            (transport.pause_reading if pause else transport.resume_reading)()

    def _read_head(self) -> Head | None:
        """The head that the buffer begins with, cut off; None: incomplete, or none of ours."""
        buffer, shared = self._buffer, self._all
        end = buffer.find(b"\r\n\r\n", 0, LONGEST) + 4
        if end < 4:
            if not may_become(buffer):
                self._give_away()
            return None
        head = shared.heads.read(bytes(buffer[:end]))
        if head is None or head.length > shared.largest:
            self._give_away()
            return None
        self._head, self._missing, self._buffer = head, head.length, buffer[end:]
        self._identity = self._refusal = None
        if head.method == "POST":
            try:
                self._identity = shared.access.check(head, "ingest")
            except ResponderError as error:
                self._refusal = of_error(error)
        return head

    def _take(self, head: Head, body: bytes) -> None:
        shared, asked = self._all, head.asked
        if asked == "healthy" or asked == "ready":
            self._answer(head, shared.health.ready() if asked == "ready" else shared.health.healthy())
            return
        if shared.stopping():
            self._answer(head, STOPPING)
            return
        if asked == "metrics":
            self._answer_later(head, shared.exposition.answer(head))
            return
        identity = self._identity
        if self._refusal or identity is None:
            self._answer(head, self._refusal or BUG)
            return

        def then(error: StorageError | None) -> None:
            self._answer(head, ACCEPTED if error is None else of_error(Overloaded(str(error))))

        try:
            if shared.intake.take_at_once(identity, asked, body, head.headers, then):
                return
        except ResponderError as error:
            self._answer(head, of_error(error))
            return
        except Exception as error:
            self._fail(head, error)
            return
        self._answer_later(head, shared.intake.take(identity, asked, body, head.headers))

    def _answer_later(self, head: Head, answer: Coroutine[None, None, Answer]) -> None:
        task = asyncio.create_task(self._answer_with(head, answer))
        self._all.tasks.add(task)
        task.add_done_callback(self._all.tasks.discard)

    async def _answer_with(self, head: Head, coming: Awaitable[Answer]) -> None:
        try:
            answer = await coming
        except ResponderError as error:
            answer = of_error(error)
        except Exception as error:
            self._fail(head, error)
            return
        self._answer(head, answer)

    def _fail(self, head: Head, bug: Exception) -> None:
        # Whoever called gets no traceback, the log does.
        log.error("request_failed", method=head.method, entrance=head.entrance, exc_info=bug)
        self._answer(head, BUG, last=True)

    def _answer(self, head: Head, answer: Answer, *, last: bool = False) -> None:
        """Answer a request. `last`: whatever its sender wants, nothing more is served on the connection."""
        shared, transport = self._all, self._transport
        self._busy = False
        shared.answered.add((head.entrance, str(answer.status)))
        if transport is None:
            return
        bodiless = head.method == "HEAD"
        if last or not head.keep_alive or shared.stopping():
            transport.write(shared.written(answer, keep_alive=False, bodiless=bodiless))
            transport.close()
            self._buffer = b""  # what comes after it was sent to nobody
            return
        transport.write(
            shared.accepted()
            if answer is ACCEPTED
            else shared.written(answer, keep_alive=True, bodiless=bodiless)
        )
        if self._buffer or self._paused:
            # In its own time: what comes next must not hold up, or spoil, the answers of others.
            self._loop.call_soon(self._serve)

    # -- all else ---------------------------------------------------------------------------

    def _give_away(self) -> None:
        """Somebody else's from here on, at once or as soon as there is somebody else."""
        if self._all.general is not None:
            self.hand_over(self._all.general)
        else:
            self._all.waiting[self] = None

    def hand_over(self, general: General) -> None:
        """From here on aiohttp serves this connection, beginning with what is in the buffer."""
        transport, buffer = self._transport, self._buffer
        if transport is None or transport.is_closing():
            return  # it was idle for too long, or we stop
        self._transport, self._buffer = None, b""
        self._all.gone(self)
        protocol = cast(asyncio.Protocol, general())
        transport.set_protocol(protocol)
        if self._paused:
            transport.resume_reading()
        protocol.connection_made(transport)
        protocol.data_received(bytes(buffer))

    # -- stopping ---------------------------------------------------------------------------

    def close_if_idle(self) -> None:
        """Close unless a request is being taken or answered."""
        if not self._busy and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def _written(answer: Answer, second: int, *, keep_alive: bool, bodiless: bool = False) -> bytes:
    """An answer as HTTP/1.1; `second` is the time since the Unix epoch (RFC 9110, 6.6.1: Date)."""
    status = answer.status
    phrase = ""
    with contextlib.suppress(ValueError):
        phrase = HTTPStatus(status).phrase
    lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Length: {len(answer.body)}"]
    if answer.body:
        lines.append(f"Content-Type: {answer.content_type}")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append(f"Date: {formatdate(second, usegmt=True)}")
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode() + (b"" if bodiless else answer.body)
