"""The story that the sandbox tells itself: told, inhibited, resolved, announced, and the proof.

`cli.sandbox` runs it once at start. It says everything over HTTP as Alertmanager would, waits for
what comes of it at the sink, and shows why. It decides nothing and reads no database.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from responder.clock import Clock
from responder.core.model import MILLISECOND, SECOND, Labels, Nanoseconds, labels_from
from responder.errors import ResponderError
from responder.sandbox.arrival import Arrival
from responder.sandbox.client import Client, Said
from responder.sandbox.sink import Sink

Kind: TypeAlias = Literal["heading", "said", "why", "good", "bad", "paste", "arrived"]
Tell: TypeAlias = Callable[[Kind, str], None]

PATIENCE: Final = 15 * SECOND
"""How long a step may take: group_wait and group_interval of config/sandbox.yaml come to 7 s."""

_LOOK_AGAIN: Final = 200 * MILLISECOND


class StoryStopped(ResponderError):
    """Something that should have happened did not; the message says what."""


class Story:
    """One telling. Its alerts carry a cluster of their own, so that it can be told again and again."""

    def __init__(self, client: Client, sink: Sink, clock: Clock, tell: Tell, open_alerts: Path) -> None:
        """`open_alerts` remembers what fires, for the next telling if this one is cut short."""
        self._client = client
        self._sink = sink
        self._clock = clock
        self._tell = tell
        self._open_alerts = open_alerts
        self._cluster = f"story-{secrets.token_hex(3)}"
        self._began: dict[Labels, Nanoseconds] = {}

    async def run(self) -> None:
        """Tell it. Raises StoryStopped or Refused."""
        await self._end_an_earlier_one()
        critical, warning = self._alert("critical"), self._alert("warning")
        self._remember([critical, warning])
        await self._is_told(critical)
        await self._is_inhibited(warning)
        await self._ends_and_what_it_hid_is_told(critical, warning)
        await self._ends(warning)
        self._open_alerts.unlink(missing_ok=True)

    # -- the chapters ---------------------------------------------------------------------

    async def _is_told(self, alert: Labels) -> None:
        self._tell("heading", "1. A critical alert fires: the platform's own service answers with errors.")
        await self._say(alert)
        explained = await self._explain(alert)
        receivers = _receivers(explained)
        await self._wait(receivers, lambda arrival: _has(arrival.firing, alert))
        for group in explained["groups"]:
            self._tell("why", f"{group['receiver']} hears it because of the route {group['route']}")
        wait = explained["groups"][0]["timers"]["group_wait"]
        self._tell("good", f"Told to {len(receivers)} receivers, {wait} (group_wait) after it came.")

    async def _is_inhibited(self, alert: Labels) -> None:
        self._tell("heading", "2. A warning of the same name and place fires as well.")
        before = self._sink.count
        await self._say(alert)
        explained = await self._explain(alert)
        finding = next((one for one in explained["inhibition"] if one["inhibited_by"]), None)
        if finding is None:
            raise StoryStopped("the warning is not inhibited; does rules/routing.yaml have its inhibit rule?")
        rows = await self._suppressed(alert)
        heard = [a for a in self._since(before) if _has(a.firing, alert)]
        if heard:
            raise StoryStopped(f"the warning was told to {heard[0].receiver} all the same")
        self._tell("why", f"the rule {finding['rule']} inhibits it: {finding['why']}")
        for row in rows:
            self._tell(
                "why", f"{row['receiver']}: row {row['id']} of the ledger closed, {row['close_reason']}"
            )
        self._tell("good", "Told to nobody, and the ledger says why.")

    async def _ends_and_what_it_hid_is_told(self, over: Labels, hidden: Labels) -> None:
        self._tell(
            "heading", "3. The critical alert is over. The warning still fires, and nothing hides it now."
        )
        told_of_both = _receivers(await self._explain(hidden))
        told_of_over = _receivers(await self._explain(over))
        before = self._sink.count
        await self._say(over, resolved=True)
        await self._wait(told_of_over, lambda arrival: _has(arrival.resolved, over), before)
        await self._wait(told_of_both, lambda arrival: _has(arrival.firing, hidden), before)
        self._tell("good", "Who was told that it fires is told that it is over; what it hid is announced.")

    async def _ends(self, alert: Labels) -> None:
        self._tell("heading", "4. The warning is over too.")
        receivers = _receivers(await self._explain(alert))
        before = self._sink.count
        await self._say(alert, resolved=True)
        await self._wait(receivers, lambda arrival: _has(arrival.resolved, alert), before)
        self._tell("good", "All is over, and everybody knows.")

    # -- saying and waiting ---------------------------------------------------------------

    def _alert(self, severity: str) -> Labels:
        return labels_from(
            {
                "alertname": "HighErrorRate",
                "severity": severity,
                "cluster": self._cluster,
                "namespace": "production",
                "service": "machine-native-ops",
            }
        )

    async def _say(self, alert: Labels, *, resolved: bool = False) -> None:
        now = self._clock.now()
        began = self._began.setdefault(alert, now)
        severity = dict(alert)["severity"]
        limit = "5%" if severity == "critical" else "1%"
        summary = {"summary": f"More than {limit} of the requests fail"}
        ends_at = now if resolved else 0
        posted = await self._client.say([Said(dict(alert), summary, began, ends_at)])
        status = "resolved" if resolved else "firing"
        self._tell(
            "said",
            f"Alertmanager says: HighErrorRate {severity} {status}. POST /webhooks/alertmanager: "
            f"{posted.status} after {posted.milliseconds:.0f} ms, so it is on disk.",
        )

    async def _explain(self, alert: Labels) -> Any:
        return await self._client.get("/api/v1/explain", [("label", f"{n}={v}") for n, v in alert])

    async def _wait(self, receivers: Sequence[str], fits: Callable[[Arrival], bool], before: int = 0) -> None:
        """Until each of `receivers` was told something that fits, after arrival number `before`."""

        def missing() -> list[str]:
            heard = {arrival.receiver for arrival in self._since(before) if fits(arrival)}
            return [name for name in receivers if name not in heard]

        if not await self._sink.until(lambda: not missing(), PATIENCE):
            raise StoryStopped(
                f"{', '.join(missing())} should have been told within {PATIENCE // SECOND} s; "
                "see `responder delivery list`"
            )

    def _since(self, before: int) -> list[Arrival]:
        return [arrival for arrival in self._sink.arrivals if arrival.number > before]

    async def _suppressed(self, alert: Labels) -> list[Any]:
        """The ledger's rows that say why the alert was told to nobody."""
        for _ in range(PATIENCE // _LOOK_AGAIN):
            rows = await self._client.get("/api/v1/deliveries", [("limit", "100")])
            found = [r for r in rows if self._cluster in r["group_key"] and r["state"] == "suppressed"]
            if found:
                return found
            await self._clock.sleep(_LOOK_AGAIN)
        raise StoryStopped(f"nobody looked at {dict(alert)['alertname']} within {PATIENCE // SECOND} s")

    # -- a story that was cut short -------------------------------------------------------

    def _remember(self, alerts: Sequence[Labels]) -> None:
        self._open_alerts.write_bytes(msgspec.json.encode([dict(alert) for alert in alerts]))

    async def _end_an_earlier_one(self) -> None:
        try:
            alerts = msgspec.json.decode(self._open_alerts.read_bytes(), type=list[dict[str, str]])
        except FileNotFoundError:
            return
        except (msgspec.DecodeError, OSError):
            self._open_alerts.unlink(missing_ok=True)
            return
        now = self._clock.now()
        await self._client.say([Said(labels, {}, now, now) for labels in alerts])
        self._tell("said", "An earlier story was cut short: Alertmanager says that its alerts are over.")


def _receivers(explained: Mapping[str, Any]) -> list[str]:
    return [group["receiver"] for group in explained["groups"] if group["integrations"]]


def _has(alerts: Sequence[Mapping[str, str]], labels: Labels) -> bool:
    return dict(labels) in alerts


Verify: TypeAlias = Callable[[], Awaitable[tuple[bool, str]]]


async def tell_the_proof(client: Client, clock: Clock, tell: Tell, verify: Verify) -> None:
    """What the ledger and the journal say of everything so far. Raises Refused."""
    tell("heading", "What the records say, of this run and of all before it:")
    sums = await client.get("/api/v1/ledger")
    for _ in range(PATIENCE // _LOOK_AGAIN):
        if not sums["pending"]:
            break
        await clock.sleep(_LOOK_AGAIN)  # how the last deliveries ended is still being written
        sums = await client.get("/api/v1/ledger")
    closed = " + ".join(f"{count} {state}" for state, count in sums["closed"].items())
    line = f"ledger: {sums['owed']} notifications owed = {closed} + {sums['pending']} pending"
    tell(*(("good", line) if sums["balanced"] else ("bad", f"{line}: THEY DIFFER")))
    whole, found = await verify()
    tell("good" if whole else "bad", f"journal: {found}")
