"""The sandbox's Alertmanager: it tells the service which alerts of Prometheus' rules begin and end.

`cli.sandbox` runs it beside the stand-ins. It keeps nothing: what an earlier one left firing, it asks
the service for. It decides nothing and knows no routes.
"""

from collections.abc import Callable
from typing import Final

from responder.clock import Clock
from responder.core.model import MILLISECOND, SECOND, Nanoseconds, parse_time
from responder.errors import Refused
from responder.sandbox.client import Client, Said
from responder.sandbox.prometheus import Prometheus, Series

_EVERY: Final = 250 * MILLISECOND
_KEEP: Final = 2 * SECOND
"""An alert ends when it has not fired for so long (Prometheus' keep_firing_for): while pods are replaced one
by one, those that are left may restart again."""

_OWN: Final = frozenset({"alertstate"})
"""Labels that Prometheus does not send."""

Key = tuple[tuple[str, str], ...]


class Alertmanager:
    """Between the stand-in for Prometheus and the service. `tell` hears what it says, as a sentence."""

    def __init__(
        self, prometheus: Prometheus, client: Client, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        """Nothing fires yet."""
        self._prometheus = prometheus
        self._client = client
        self._clock = clock
        self._tell = tell
        self._began: dict[Key, Nanoseconds] = {}
        self._fired_at: dict[Key, Nanoseconds] = {}

    async def run(self) -> None:
        """Until it is cancelled. What the service cannot take now is said again at the next look."""
        known = False
        while True:
            try:
                if not known:
                    await self.take_over()
                    known = True
                await self.look()
            except Refused:
                pass
            await self._clock.sleep(_EVERY)

    async def look(self) -> None:
        """Say what has begun and what has ended since the last look. Raises Refused."""
        now = self._clock.now()
        firing = {_key(alert) for alert in self._prometheus.by_rules()}
        self._fired_at.update(dict.fromkeys(firing, now))
        for key in sorted(firing - self._began.keys()):
            await self._say(key, now, 0)
            self._began[key] = now
        for key in sorted(self._began.keys() - firing):
            if now >= self._fired_at.get(key, 0) + _KEEP:
                await self._say(key, self._began[key], now)
                del self._began[key]
                self._fired_at.pop(key, None)

    async def take_over(self) -> None:
        """Know what an earlier one said of the rules' alerts, so that its end is said. Raises Refused."""
        for rule in self._prometheus.rules:
            wanted = [("filter", f'alertname="{rule.alertname}"')]
            wanted += [("filter", f'cluster=~"{"|".join(self._prometheus.clusters)}"')]
            for alert in await self._client.get("/api/v2/alerts", wanted):
                self._began[_key(alert["labels"])] = parse_time(alert["startsAt"])

    async def _say(self, key: Key, starts_at: Nanoseconds, ends_at: Nanoseconds) -> None:
        labels = dict(key)
        where = f"{labels.get('namespace')}/{labels.get('deployment')}"
        summary = f"{where}: its containers restart again and again"
        posted = await self._client.say([Said(labels, {"summary": summary}, starts_at, ends_at)])
        how = "resolved" if ends_at else "firing"
        self._tell(
            f"Alertmanager says: {labels['alertname']} {labels.get('severity')} {how} for {where}. "
            f"{posted.milliseconds:.0f} ms later it is on disk."
        )


def _key(alert: Series) -> Key:
    return tuple(sorted((name, value) for name, value in alert.items() if name not in _OWN))
