"""The inputs log: what was accepted, in order, durable before anybody is answered.

`web` and `delivery` append through it (by way of `engine`), `engine` and `replay` read it back.
Appends are serialised: one is under way, the next takes all that queued meanwhile, and `seq` and
`at` are given at that moment, so that seq order is commit order and time never runs backwards.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator

import msgspec

from responder.clock import Clock
from responder.core.messages import AlertsReceived, Body, Command, Input, Unreadable, kind_of
from responder.core.model import Nanoseconds
from responder.core.receiving import Limits, parse_api, parse_webhook
from responder.errors import StorageError
from responder.store.database import Database, Writer

_COMMAND: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_COLUMNS = ("seq", "at", "kind", "actor", "body")


class InputsLog:
    """The append side of the log, for the one process that writes."""

    def __init__(self, database: Database, clock: Clock, last_seq: int, last_at: Nanoseconds) -> None:
        """Continue after `last_seq` and `last_at`.

        `on_appended` hears of inputs the moment they are durable, in order, before whoever
        appended them does: a caller that goes away must not take accepted inputs with it.
        """
        self.on_appended: Callable[[list[Input]], None] = lambda inputs: None
        self._database = database
        self._clock = clock
        self._seq = last_seq
        self._at = last_at
        self._stamped_at = clock.monotonic()
        self._waiting: list[tuple[str, list[Body], asyncio.Future[list[Input]]]] = []
        self._waiting_bytes = 0
        self._in_flight = False
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
    def last_seq(self) -> int:
        """The newest seq that was given out."""
        return self._seq

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the append under way to end."""
        return self._waiting_bytes

    async def append(self, actor: str, bodies: list[Body]) -> list[Input]:
        """Make `bodies` durable, together; returns them as Inputs once they are.

        Raises StorageError when the log cannot commit: nothing was accepted.
        """
        future: asyncio.Future[list[Input]] = asyncio.get_running_loop().create_future()
        self._waiting.append((actor, bodies, future))
        self._waiting_bytes += sum(len(b.raw) for b in bodies if isinstance(b, AlertsReceived))
        if not self._in_flight:
            self._begin()
        return await future

    def _begin(self) -> None:
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        first, at = self._seq, self.now()
        appended: list[list[Input]] = []
        rows: list[tuple[int, int, str, str, bytes]] = []
        for actor, bodies, _ in batch:
            inputs = []
            for body in bodies:
                self._seq += 1
                inputs.append(Input(self._seq, at, actor, body))
                kind, raw = _stored(body)
                rows.append((self._seq, at, kind, actor, raw))
            appended.append(inputs)
        self._in_flight, self._flight_at = True, at

        def job(writer: Writer) -> None:
            writer.insert("inputs", _COLUMNS, rows)

        def done(commit: "asyncio.Future[None]") -> None:
            self._in_flight = False
            error = commit.exception()
            if error is not None:
                self._seq = first
            else:
                self.on_appended([given for inputs in appended for given in inputs])
            for (_, _, future), inputs in zip(batch, appended, strict=True):
                if future.done():
                    continue
                if error is not None:
                    future.set_exception(StorageError(f"the inputs log cannot be written: {error}"))
                else:
                    future.set_result(inputs)
            if self._waiting:
                self._begin()

        self._database.submit(job).add_done_callback(done)


def _stored(body: Body) -> tuple[str, bytes]:
    if isinstance(body, AlertsReceived):
        return f"alerts_{body.source}", body.raw
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
    if kind == "alerts_webhook":
        return AlertsReceived("webhook", body, *parse_webhook(body, limits))
    if kind == "alerts_api":
        return AlertsReceived("api", body, *parse_api(body, limits))
    return _COMMAND.decode(body)
