"""Whether inputs can be heard: times of 503 and pauses, and how they end.

`engine.engine` asks before it accepts, and lets no timer fire while nothing is heard: what ends in
such a time may have been renewed. It appends `Resumed` before anything else is accepted again.
"""

from collections.abc import Callable

from responder.clock import Clock
from responder.core.messages import Resumed
from responder.core.model import Nanoseconds
from responder.errors import StorageError
from responder.settings.values import Limits
from responder.store.inputs import InputsLog
from responder.telemetry import logger

log = logger("engine")


class Hearing:
    """`lost` says why nothing is heard (`lag`, `storage`, `pause`), or is empty."""

    def __init__(
        self,
        clock: Clock,
        limits: Limits,
        inputs: InputsLog,
        lag: Callable[[], Nanoseconds],
        wake: Callable[[], None],
    ) -> None:
        """All is heard. `lag` is how far deciding is behind; `wake` makes the engine look again."""
        self._clock = clock
        self._limits = limits
        self._inputs = inputs
        self._lag = lag
        self._wake = wake
        self._since: Nanoseconds = 0
        self._ran_at = clock.monotonic()
        self.lost = ""

    def lose(self, why: str, ago: Nanoseconds = 0) -> None:
        """Nothing is heard since `ago` nanoseconds."""
        if not self.lost:
            self.lost, self._since = why, self._inputs.now() - ago
            self._wake()

    def notice_a_pause(self) -> None:
        """To be called often: a process that was stopped (SIGSTOP, a suspended machine) heard nothing."""
        now = self._clock.monotonic()
        paused, self._ran_at = now - self._ran_at, now
        if paused > self._limits.lag:
            self.lose("pause", paused)

    async def again(self) -> bool:
        """Try to hear: `Resumed` goes into the log before all else. Whether it is there."""
        if self.lost == "lag" and self._lag() > self._limits.lag // 2:
            return False
        why, self.lost = self.lost, ""
        try:
            await self._inputs.append("responder", [Resumed(self._since, why)])
        except StorageError:
            self.lost = why
            return False
        log.info("resumed", why=why)
        return True
