"""The story that the sandbox tells itself: told, paged, inhibited, over, mended, and the proof.

`cli.sandbox` runs it once at start. It says everything over HTTP as Alertmanager would, waits for
what comes of it at the stand-ins, and shows why. It decides nothing and reads no database.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from responder.core.model import Labels, Nanoseconds, label, labels_from
from responder.sandbox.client import Said
from responder.sandbox.mending import Mending
from responder.sandbox.stage import LOOK_AGAIN, PATIENCE, Stage, StoryStopped, where

_SUMMARIES: Final[Mapping[tuple[str, str], str]] = {
    ("BackupTooOld", "warning"): "The newest backup of the shop's database is 30 hours old",
    ("HighErrorRate", "critical"): "More than 5% of the requests fail",
    ("HighErrorRate", "warning"): "More than 1% of the requests fail",
}

_OWN_CHANNEL: Final = "#machine-native-ops"


class Story:
    """One telling. Its alerts carry a cluster of their own, so that it can be told again and again."""

    def __init__(self, stage: Stage, open_alerts: Path, *, runs: bool) -> None:
        """`open_alerts` remembers what fires, for the next telling if this one is cut short.

        `runs`: there is a cluster, whose pods crash and are mended.
        """
        self._stage = stage
        self._client = stage.client
        self._clock = stage.clock
        self._tell = stage.tell
        self._mending = Mending(stage) if runs else None
        self._open_alerts = open_alerts
        self._cluster = f"story-{secrets.token_hex(3)}"
        self._began: dict[Labels, Nanoseconds] = {}

    async def run(self) -> None:
        """Tell it. Raises StoryStopped or Refused."""
        await self._end_an_earlier_one()
        if self._mending is not None:
            await self._mending.settle_earlier_ones()
        backup = self._alert("BackupTooOld", "warning", "shop")
        critical, warning = (
            self._alert("HighErrorRate", severity, "machine-native-ops")
            for severity in ("critical", "warning")
        )
        self._remember([backup, critical, warning])
        await self._is_told(backup)
        await self._pages(critical)
        await self._is_inhibited(warning)
        await self._ends_and_what_it_hid_is_told(critical, warning)
        await self._all_end(warning, backup)
        self._open_alerts.unlink(missing_ok=True)
        if self._mending is not None:
            await self._mending.tell()

    # -- the chapters ---------------------------------------------------------------------

    async def _is_told(self, alert: Labels) -> None:
        self._tell(
            "heading", "1. A warning: the newest backup is too old. Somebody should look, in working hours."
        )
        await self._say(alert)
        explained = await self._explain(alert)
        await self._wait({("#alerts", "posted"), ("mail", "mailed")}, "BackupTooOld")
        self._tell_why(explained)
        self._tell("good", "Told in Slack and by mail. Nobody was paged.")

    async def _pages(self, alert: Labels) -> None:
        self._tell("heading", "2. A critical alert: the platform's own service answers with errors.")
        await self._say(alert)
        explained = await self._explain(alert)
        expected = {
            ("PagerDuty", "triggered"),
            ("#critical-alerts", "posted"),
            (_OWN_CHANNEL, "posted"),
            ("mail", "mailed"),
        }
        await self._wait(expected, "HighErrorRate")
        self._tell_why(explained)
        self._tell("good", "Somebody was paged, two channels and the mailbox know.")

    async def _is_inhibited(self, alert: Labels) -> None:
        self._tell("heading", "3. A warning of the same name and place fires as well.")
        before = self._stage.standins.count
        await self._say(alert)
        explained = await self._explain(alert)
        finding = next((one for one in explained["inhibition"] if one["inhibited_by"]), None)
        if finding is None:
            raise StoryStopped("the warning is not inhibited; does rules/routing.yaml have its inhibit rule?")
        rows = await self._stage.suppressed("HighErrorRate", self._cluster)
        heard = self._stage.since(before, "HighErrorRate", self._cluster)
        if heard:
            raise StoryStopped(f"the warning was told to {where(heard[0])} all the same")
        self._tell("why", f"the rule {finding['rule']} inhibits it: {finding['why']}")
        self._stage.tell_rows(rows)
        self._tell("good", "Told to nobody, and the ledger says why.")

    async def _ends_and_what_it_hid_is_told(self, over: Labels, hidden: Labels) -> None:
        self._tell(
            "heading", "4. The critical alert is over. The warning still fires, and nothing hides it now."
        )
        before = self._stage.standins.count
        await self._say(over, resolved=True)
        expected = {
            ("PagerDuty", "resolved"),
            ("#critical-alerts", "edited"),
            ("#critical-alerts", "replied"),
            (_OWN_CHANNEL, "edited"),
            (_OWN_CHANNEL, "replied"),
            ("#alerts", "posted"),
            ("mail", "followed up"),
        }
        await self._wait(expected, "HighErrorRate", before)
        self._tell("why", "who was told that it fires is told that it is over: the incident is resolved,")
        self._tell("why", "the message in Slack is edited in place, its thread says what changed")
        self._tell("good", "The warning that it hid is announced in #alerts.")

    async def _all_end(self, hidden: Labels, backup: Labels) -> None:
        self._tell("heading", "5. Both warnings are over too.")
        before = self._stage.standins.count
        await self._say(hidden, resolved=True)
        await self._say(backup, resolved=True)
        ended = {("#alerts", "edited"), ("#alerts", "replied"), ("mail", "followed up")}
        await self._wait(ended, "BackupTooOld", before)
        await self._wait(
            ended | {(_OWN_CHANNEL, "edited"), (_OWN_CHANNEL, "replied")}, "HighErrorRate", before
        )
        self._tell("good", "All is over, and everybody who heard of it knows.")

    # -- saying and waiting ---------------------------------------------------------------

    def _alert(self, name: str, severity: str, service: str) -> Labels:
        return labels_from(
            {
                "alertname": name,
                "severity": severity,
                "cluster": self._cluster,
                "namespace": "production",
                "service": service,
            }
        )

    async def _say(self, alert: Labels, *, resolved: bool = False) -> None:
        now = self._clock.now()
        began = self._began.setdefault(alert, now)
        name, severity = label(alert, "alertname"), label(alert, "severity")
        summary = {"summary": _SUMMARIES[name, severity]}
        ends_at = now if resolved else 0
        posted = await self._client.say([Said(dict(alert), summary, began, ends_at)])
        status = "resolved" if resolved else "firing"
        self._tell(
            "said",
            f"Alertmanager says: {name} {severity} {status}. POST /webhooks/alertmanager: "
            f"{posted.status} after {posted.milliseconds:.0f} ms, so it is on disk.",
        )

    async def _explain(self, alert: Labels) -> Any:
        return await self._client.get("/api/v1/explain", [("label", f"{n}={v}") for n, v in alert])

    def _tell_why(self, explained: Mapping[str, Any]) -> None:
        for group in explained["groups"]:
            wait = group["timers"]["group_wait"]
            self._tell(
                "why",
                f"{group['receiver']} hears it {wait} (group_wait) later, by the route {group['route']}",
            )

    async def _wait(self, expected: set[tuple[str, str]], name: str, before: int = 0) -> None:
        """Until the alert `name` of this telling has arrived everywhere as expected."""
        await self._stage.wait(expected, name, self._cluster, before=before)

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


Verify: TypeAlias = Callable[[], Awaitable[tuple[bool, str]]]


async def tell_the_proof(stage: Stage, verify: Verify) -> None:
    """What the ledger and the journal say of everything so far. Raises Refused."""
    tell, client, clock = stage.tell, stage.client, stage.clock
    tell("heading", "What the records say, of this run and of all before it:")
    sums = await client.get("/api/v1/ledger")
    for _ in range(PATIENCE // LOOK_AGAIN):
        if not sums["pending"]:
            break
        await clock.sleep(LOOK_AGAIN)  # how the last deliveries ended is still being written
        sums = await client.get("/api/v1/ledger")
    closed = " + ".join(f"{count} {state}" for state, count in sums["closed"].items())
    line = f"ledger: {sums['owed']} notifications owed = {closed} + {sums['pending']} pending"
    tell(*(("good", line) if sums["balanced"] else ("bad", f"{line}: THEY DIFFER")))
    whole, found = await verify()
    tell("good" if whole else "bad", f"journal: {found}")
