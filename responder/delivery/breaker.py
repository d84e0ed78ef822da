"""When a destination is left alone: the circuit breaker, and the token bucket that paces it.

Each `lane` has one of both and passes the monotonic time in. Neither sleeps nor reads a clock.
"""

from responder.core.model import SECOND, Nanoseconds
from responder.core.notification import FailureReason
from responder.settings.values import Pace


class Breaker:
    """Opens after so many failures in a row; then one row at a time may try, ever more rarely."""

    __slots__ = (
        "_after",
        "_interval",
        "_max_probe",
        "_probe",
        "failures",
        "opened",
        "probe_at",
        "probing",
        "reason",
    )

    def __init__(self, after: int, probe: Nanoseconds, max_probe: Nanoseconds) -> None:
        """Closed. The first probe comes `probe` after it opened, then twice that, up to `max_probe`."""
        self._after = after
        self._probe = probe
        self._max_probe = max_probe
        self._interval = probe
        self.failures = 0
        self.opened = False
        self.reason: FailureReason | None = None
        self.probe_at: Nanoseconds = 0
        self.probing: int | None = None

    def allows(self, now: Nanoseconds) -> bool:
        """Whether a row may be sent: always while closed, else one when the probe is due."""
        return not self.opened or (self.probing is None and now >= self.probe_at)

    def began(self, row: int) -> None:
        """`row` is being sent."""
        if self.opened:
            self.probing = row

    def failed(self, row: int, reason: FailureReason, now: Nanoseconds) -> bool:
        """The destination did not answer as it should; True if that opened the breaker.

        Rows that were under way when it opened count for nothing when they fail later.
        """
        self.failures += 1
        if not self.opened:
            if self.failures < self._after:
                return False
            self.opened, self.reason, self._interval = True, reason, self._probe
            self.probe_at = now + self._interval
            return True
        if self.probing == row:
            self.probing = None
            self._interval = min(self._interval * 2, self._max_probe)
            self.probe_at = now + self._interval
        return False

    def answered(self) -> bool:
        """The destination answered as it should; True if that closed the breaker."""
        self.failures = 0
        was_open, self.opened, self.probing = self.opened, False, None
        return was_open

    def distrust(self, now: Nanoseconds) -> None:
        """It was open when an earlier process ended: open, and the first probe is due."""
        self.opened, self._interval, self.probe_at = True, self._probe, now

    def abandoned(self, row: int, now: Nanoseconds) -> None:
        """The attempt of `row` said nothing about the destination: another may probe."""
        if self.probing == row:
            self.probing = None
            self.probe_at = now + self._interval


class Bucket:
    """A token bucket: `burst` at once after a rest, `rate` a second in the long run.

    It begins with one: what an earlier process sent a moment ago still counts at the service.
    """

    __slots__ = ("_at", "_pace", "_tokens")

    def __init__(self, pace: Pace, began: Nanoseconds) -> None:
        """As it is after nothing was sent since `began`, when the process did."""
        self._pace = pace
        self._tokens = 1.0
        self._at = began

    def tokens(self, now: Nanoseconds) -> int:
        """How many may be sent at `now`."""
        gained = (now - self._at) * self._pace.rate / SECOND
        self._tokens = min(self._tokens + gained, float(self._pace.burst))
        self._at = now
        return int(self._tokens + 1e-6)

    def take(self, now: Nanoseconds) -> None:
        """One is sent."""
        self.tokens(now)
        self._tokens -= 1.0

    def ready_at(self, now: Nanoseconds) -> Nanoseconds:
        """When the next may be sent: `now`, or later."""
        if self.tokens(now):
            return now
        return now + int((1.0 - self._tokens) / self._pace.rate * SECOND) + 1
