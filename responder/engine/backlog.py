"""What is accepted and not decided: the queue in memory, and how much of it there is.

`engine.engine` fills it as inputs become durable and empties it as it decides. It is a copy of
the end of the inputs log, and is filled from there again after a failure.
"""

from collections import deque
from collections.abc import Iterable

from responder.core.messages import AlertsReceived, DeliveryEnded, Input


class Backlog:
    """Undecided inputs in order of their seq. `bytes` and `alerts` count what they carry."""

    __slots__ = ("_inputs", "_newest", "alerts", "bytes")

    def __init__(self) -> None:
        """Empty."""
        self._inputs: deque[Input] = deque()
        self._newest = 0
        self.bytes = 0
        self.alerts = 0

    def __len__(self) -> int:
        return len(self._inputs)

    @property
    def front(self) -> Input | None:
        """The oldest undecided input."""
        return self._inputs[0] if self._inputs else None

    def put(self, given: Input) -> None:
        """Add an input, unless it is here already."""
        if given.seq <= self._newest:
            return
        self._newest = given.seq
        self._inputs.append(given)
        if isinstance(given.body, AlertsReceived):
            self.bytes += len(given.body.raw)
            self.alerts += len(given.body.alerts)

    def take(self) -> Input:
        """Remove the oldest: it is decided."""
        given = self._inputs.popleft()
        if isinstance(given.body, AlertsReceived):
            self.bytes -= len(given.body.raw)
            self.alerts -= len(given.body.alerts)
        return given

    def drop_from(self, seq: int) -> None:
        """Forget inputs from `seq` on: they are not in the log."""
        kept = [given for given in self._inputs if given.seq < seq]
        self._inputs.clear()
        self._newest, self.bytes, self.alerts = 0, 0, 0
        for given in kept:
            self.put(given)
        self._newest = min(self._newest or seq - 1, seq - 1)

    def ended_rows(self) -> set[int]:
        """Ledger rows that delivery is done with, as undecided inputs say."""
        return {given.body.row for given in self._inputs if isinstance(given.body, DeliveryEnded)}

    def refill(self, consumed: int, from_log: Iterable[Input]) -> None:
        """Begin again after `consumed`: what the log holds, then what became durable since."""
        since = list(self._inputs)
        self._inputs.clear()
        self._newest, self.bytes, self.alerts = consumed, 0, 0
        for given in (*from_log, *since):
            self.put(given)
