"""The inputs log: what was accepted, in order, durable before anybody is answered.

`web` and `delivery` append through it (by way of `engine`), `engine` and `replay` read it back.
Appends are serialised: one is under way, the next takes all that queued meanwhile, and `seq` and
`at` are given at that moment, so that seq order is commit order and time never runs backwards.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import msgspec

from responder.clock import Clock
from responder.core.messages import AlertsReceived, Body, Command, Input, Unreadable, kind_of
from responder.core.model import Nanoseconds
from responder.core.receiving import Limits, merge, parse_api, parse_lines, parse_webhook
from responder.core.tracecontext import Traced
from responder.errors import StorageError
from responder.store.database import ONE_INSERT, Database, Writer
from responder.store.traces import add_inputs

_COMMAND: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_COLUMNS = ("seq", "at", "actor", "kind", "body")

SPLIT: Final = 1_000
"""Alerts in one Input at the most: a larger request becomes several, accepted together."""

_MERGED: Final = 128
"""Alerts up to which small requests of one sender become one Input. Larger ones gain nothing by it,
and deciding them is not to take long at one go."""


Appended: TypeAlias = Callable[[Nanoseconds, StorageError | None], None]
"""Hears how an append ended; it must not raise."""


class InputsLog:
    """The append side of the log, for the one process that writes."""

    def __init__(self, database: Database, clock: Clock, last_seq: int, last_at: Nanoseconds) -> None:
        """Continue after `last_seq` and `last_at`.

        `on_stamped` hears of inputs once their append is under way: what is decided on them may be
        handed to the writer behind it. `on_appended` hears when they are durable, `on_failed` that
        everything from a seq on is not: those numbers are given out again. Both hear before the
        caller does, who may have gone away and must not take accepted inputs with it.
        """
        self.on_stamped: Callable[[list[Input]], None] = lambda inputs: None
        self.on_appended: Callable[[list[Input]], None] = lambda inputs: None
        self.on_failed: Callable[[int], None] = lambda seq: None
        self._database = database
        self._clock = clock
        self._seq = last_seq
        self._at = last_at
        self._stamped_at = clock.monotonic()
        self._waiting: list[tuple[str, list[Body], Appended]] = []
        self._waiting_bytes = 0
        self._in_flight = False
        self._flight: asyncio.Future[None] | None = None
        self._flight_at: Nanoseconds = 0

    def now(self) -> Nanoseconds:
        """The time that the next input would get.

        `max(clock, last at + half of the monotonic time since it)`: after a step back of the
        clock time goes on at half speed until the clock has caught up.
        """
        monotonic = self._clock.monotonic()
        self._at = max(self._clock.now(), self._at + (monotonic - self._stamped_at) // 2)
        self._stamped_at = monotonic
        return self._at

    def horizon(self) -> Nanoseconds:
        """No input that is still to come will be earlier than this."""
        return self._flight_at if self._in_flight else self.now()

    @property
    def in_flight(self) -> bool:
        """Whether an append is under way."""
        return self._in_flight

    async def settled(self) -> None:
        """Wait until the append that is under way now has ended."""
        if self._flight is not None:
            await asyncio.wait({self._flight})

    @property
    def last_seq(self) -> int:
        """The newest seq that was given out."""
        return self._seq

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the append under way to end."""
        return self._waiting_bytes

    async def append(self, actor: str, bodies: list[Body]) -> Nanoseconds:
        """Make `bodies` durable, together; returns the time they were given once they are.

        Small requests of one sender that wait for the same commit become one Input.
        Raises StorageError when the log cannot commit: nothing was accepted.
        """
        future: asyncio.Future[Nanoseconds] = asyncio.get_running_loop().create_future()

        def then(at: Nanoseconds, error: StorageError | None) -> None:
            if future.done():  # nobody waits any more
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(at)

        self.append_then(actor, bodies, then)
        return await future

    def append_then(self, actor: str, bodies: list[Body], then: Appended) -> None:
        """As `append`, for those who do not wait: `then` is called with the time, or with an error."""
        self._waiting.append((actor, bodies, then))
        for body in bodies:
            if isinstance(body, AlertsReceived):
                self._waiting_bytes += len(body.raw)
        if not self._in_flight:
            self._begin()

    def _begin_if_waiting(self) -> None:
        if self._waiting and not self._in_flight:
            self._begin()

    def _begin(self) -> None:
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        first, at = self._seq, self.now()
        inputs: list[Input] = []
        rows: list[tuple[int, int, str, str, bytes]] = []
        traces: list[tuple[int, tuple[Traced, ...]]] = []
        for actor, body in _together([(actor, body) for actor, bodies, _ in batch for body in bodies]):
            self._seq += 1
            inputs.append(Input(self._seq, at, actor, body))
            rows.append((self._seq, at, actor, *_stored(body)))
            if isinstance(body, AlertsReceived) and body.traces:
                traces.append((self._seq, body.traces))
        self._in_flight, self._flight_at = True, at

        def job(writer: Writer) -> None:
            writer.insert("inputs", _COLUMNS, rows)
            if traces:
                add_inputs(writer, traces)

        loop = asyncio.get_running_loop()

        def done(commit: "asyncio.Future[None]") -> None:
            self._in_flight, self._flight = False, None
            error = commit.exception()
            # What a turn of the event loop sends goes out at its end: first to people what is let out
            # here, then the answers; then the writer, which takes turns with the loop, goes on.
            loop.call_soon(loop.call_soon, tell, error)
            if error is not None:
                self._seq = first
                self.on_failed(first + 1)
            else:
                self.on_appended(inputs)
            if self._waiting:
                # After the engine's turn: its commit and this append then share one.
                loop.call_soon(self._begin_if_waiting)

        def tell(error: BaseException | None) -> None:
            loop.call_soon(self._database.release)
            for _, _, then in batch:
                then(at, StorageError(f"the inputs log cannot be written: {error}") if error else None)

        single = len(rows) <= ONE_INSERT and not traces
        self._flight = self._database.submit(job, urgent=True, single=single)
        self._flight.add_done_callback(done)
        self.on_stamped(inputs)
        self._database.hand_over()


def _together(waiting: list[tuple[str, Body]]) -> list[tuple[str, Body]]:
    """Small requests of one sender made one; everything keeps its place but for what joins it."""
    if len(waiting) == 1:
        return waiting
    placed: list[tuple[str, list[AlertsReceived]] | tuple[str, Body]] = []
    open_for: dict[tuple[str, str], tuple[list[AlertsReceived], int]] = {}
    for actor, body in waiting:
        if not isinstance(body, AlertsReceived) or body.rejected:
            placed.append((actor, body))
            continue
        key, count = (actor, body.source), len(body.alerts)
        requests, total = open_for.get(key, ([], _MERGED))
        if total + count > _MERGED:
            requests, total = [], 0
            placed.append((actor, requests))
        requests.append(body)
        open_for[key] = requests, total + count
    return [(actor, merge(what) if isinstance(what, list) else what) for actor, what in placed]


def _stored(body: Body) -> tuple[str, bytes]:
    if isinstance(body, AlertsReceived):
        return f"alerts_{body.source}{'_lines' if body.lines else ''}", body.raw
    return kind_of(body), msgspec.json.encode(body)


def read_inputs(
    connection: sqlite3.Connection, after: int, limits: Limits, upto: int | None = None
) -> Iterator[Input]:
    """Inputs with a seq above `after`, in order, decoded as they were when they came."""
    rows = connection.execute(
        "SELECT seq, at, kind, actor, body FROM inputs WHERE seq > ? AND seq <= ? ORDER BY seq",
        (after, upto if upto is not None else 1 << 62),
    )
    for seq, at, kind, actor, body in rows:
        try:
            decoded = _decode(kind, body, limits)
        except (ValueError, msgspec.DecodeError) as error:  # a newer version's, or a damaged row
            decoded = Unreadable(kind, str(error))
        yield Input(seq, at, actor, decoded)


def _decode(kind: str, body: bytes, limits: Limits) -> Body:
    match kind:
        case "alerts_webhook":
            return AlertsReceived("webhook", body, *parse_webhook(body, limits))
        case "alerts_api":
            return AlertsReceived("api", body, *parse_api(body, limits))
        case "alerts_webhook_lines":
            return AlertsReceived("webhook", body, *parse_lines(body, "webhook", limits), lines=True)
        case "alerts_api_lines":
            return AlertsReceived("api", body, *parse_lines(body, "api", limits), lines=True)
        case _:
            return _COMMAND.decode(body)
