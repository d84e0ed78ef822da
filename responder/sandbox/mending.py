"""The story's last chapters: pods crash, and a runbook mends it, once after a yes and once by itself.

`story` has them told. The cluster is a stand-in, and what it was asked is counted: each Deployment is
restarted once. It steers the pods, and says yes as the newcomer if nobody else does.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from responder.core.model import MILLISECOND, SECOND, Nanoseconds
from responder.errors import Refused
from responder.sandbox.newcomer import NEWCOMER
from responder.sandbox.stage import LOOK_AGAIN, PATIENCE, Stage, StoryStopped
from responder.sandbox.standins import CLUSTER

RUNBOOK: Final = "pod-restarts"
NAMESPACE: Final = "shop"

YOUR_TIME: Final = 10 * SECOND
"""How long the newcomer has for the first approval."""

_CRASH_EVERY: Final = 800 * MILLISECOND
_LONGEST: Final = 45 * SECOND
"""How long a run may take from its beginning to its end, people not counted."""

_CHANNEL: Final = "#critical-alerts"
_ALERT: Final = "PodRestartsHigh"


class Mending:
    """Two Deployments of the shop, one after the other."""

    def __init__(self, stage: Stage) -> None:
        """Nothing crashes yet."""
        self._stage = stage
        self._client = stage.client
        self._cluster = stage.standins.cluster
        self._tell = stage.tell
        self._shown: dict[str, int] = {}

    async def tell(self) -> None:
        """Tell it. Raises StoryStopped or Refused."""
        self._tell("heading", "6. The pods of the shop's checkout crash. There is a runbook for that.")
        if not await self._mend("checkout"):
            return
        self._tell("heading", "7. It helped. An admin signs the runbook, and then payments crashes.")
        await self._sign()
        await self._mend("payments")

    async def settle_earlier_ones(self) -> None:
        """What a run did in a cluster that is gone, only a person can say. Raises Refused."""
        unknown = [("state", "unknown"), ("runbook", RUNBOOK)]
        for run in await self._client.get("/api/v1/runs", unknown):
            if (run["target"] or {}).get("cluster") == CLUSTER:
                self._tell(
                    "said",
                    f"Run {run['id']} was cut short, and its outcome is unknown: it is not done again. "
                    f"As {NEWCOMER}: its pods are gone with the sandbox of then.",
                )
                why = "its pods are gone with the sandbox of then"
                await self._client.post(
                    f"/api/v1/runs/{run['id']}/resolve", {"applied": False, "reason": why}
                )

    async def _sign(self) -> None:
        page = f"/api/v1/runbooks/{RUNBOOK}"
        found = await self._client.get(page)
        self._tell(
            "paste", self._stage.command(f"runbook sign {RUNBOOK} --reason 'I read it, and it helped'")
        )
        signed = {"hash": found["hash"], "reason": "I read it, and it helped"}
        await self._client.post(f"{page}/sign", signed)
        found = await self._client.get(page)
        self._tell("why", f"its mode is {found['effective_mode']} now: {found['limited_by']}")

    # -- one Deployment -------------------------------------------------------------------

    async def _mend(self, name: str) -> bool:
        """Let its pods crash, and look on until that is over; whether the runbook helped."""
        before, restarts = self._stage.standins.count, len(self._cluster.restarts(NAMESPACE, name))
        known = {run["id"] for run in await self._runs()}
        self._cluster.crash(NAMESPACE, name, every=_CRASH_EVERY)
        run = await self._proposed(name, known)
        self._tell_the_plan(run)
        asked = bool(run["state"] == "awaiting_approval")
        if asked:
            told = {("PagerDuty", "triggered"), (_CHANNEL, "posted"), ("mail", "mailed")}
            await self._stage.wait(told, _ALERT, name, before=before)
            self._tell("why", "what waits for a person holds no page back: somebody is paged")
            run = await self._approved(run)
        run = await self._over(run)
        self._cluster.calm(NAMESPACE, name)
        if run["state"] != "succeeded":
            self._tell(
                "bad" if run["applied"] else "good", f"It ended {run['state']}: {run['story'][-1]['text']}"
            )
            return False
        done = len(self._cluster.restarts(NAMESPACE, name)) - restarts
        if done != 1:
            raise StoryStopped(f"{name} was restarted {done} times")
        await self._ends(name, before, asked=asked)
        return True

    async def _ends(self, name: str, before: int, *, asked: bool) -> None:
        """Who heard of it hears that it is over; who was not to be woken has heard nothing."""
        ended = {(_CHANNEL, "edited"), (_CHANNEL, "replied"), ("mail", "followed up")}
        if asked:
            ended.add(("PagerDuty", "resolved"))
        await self._stage.wait(ended, _ALERT, name, before=before, over=True)
        if asked:
            self._tell("good", "Restarted once, after a yes. Its pods stay up, and whoever was paged knows.")
            return
        heard = [one for one in self._stage.since(before, _ALERT, name) if one.place == "PagerDuty"]
        if heard:
            raise StoryStopped(f"{name} was paged all the same: {heard[0].what}")
        self._stage.tell_rows((await self._stage.suppressed(_ALERT, name))[:1])
        self._tell("good", "Restarted once, by itself. Its pods stay up, and nobody was woken.")

    # -- its run --------------------------------------------------------------------------

    async def _proposed(self, name: str, known: set[str]) -> Any:
        """The new run about it, once it is judged."""
        for _ in range(PATIENCE // LOOK_AGAIN):
            for run in await self._runs():
                mine = run["id"] not in known and run["target"] and run["target"]["name"] == name
                if mine and run["state"] != "proposed":
                    return await self._look(run)
            await self._stage.clock.sleep(LOOK_AGAIN)
        raise StoryStopped(
            f"no run was judged for {name} within {PATIENCE // SECOND} s; see `responder runs`"
        )

    async def _approved(self, run: Any) -> Any:
        """The run once somebody has said something."""
        self._tell("said", f"Your turn, for {YOUR_TIME // SECOND} s: the buttons in Slack, or")
        self._tell("paste", self._stage.command(f"approve {run['id']}"))
        run = await self._until(run, lambda now: now["state"] != "awaiting_approval", YOUR_TIME)
        if run["state"] != "awaiting_approval":
            return run
        self._tell("said", f"Nobody did within {YOUR_TIME // SECOND} s: the story approves as {NEWCOMER}.")
        with suppress(Refused):  # somebody was quicker, and that is as good
            await self._client.post(f"/api/v1/runs/{run['id']}/approve", {"plan": run["plan"]["hash"]})
        return run

    async def _over(self, run: Any) -> Any:
        """The run once nothing happens to it any more without a person."""
        run = await self._until(run, lambda now: not now["open"] or now["state"] == "unknown", _LONGEST)
        if run["open"] and run["state"] != "unknown":
            raise StoryStopped(f"run {run['id']} is still {run['state']} after {_LONGEST // SECOND} s")
        return run

    async def _until(self, run: Any, holds: Callable[[Any], bool], within: Nanoseconds) -> Any:
        for _ in range(within // LOOK_AGAIN):
            run = await self._look(run)
            if holds(run):
                break
            await self._stage.clock.sleep(LOOK_AGAIN)
        return run

    async def _look(self, run: Any) -> Any:
        """The run as it is now; what has happened to it since is told."""
        now = await self._client.get(f"/api/v1/runs/{run['id']}")
        for moment in now["story"][self._shown.get(now["id"], 0) :]:
            by = f", by {moment['by']}" if moment["by"] else ""
            text = " ".join(moment["text"].split())
            self._tell("run", f"{now['id']} {moment['state']}: {text}{by}")
        self._shown[now["id"]] = len(now["story"])
        return now

    async def _runs(self) -> list[Any]:
        found: list[Any] = await self._client.get("/api/v1/runs", [("runbook", RUNBOOK), ("limit", "20")])
        return found

    def _tell_the_plan(self, run: Any) -> None:
        """What would be done, and what the guards say of it."""
        self._tell("why", f"it would {run['plan']['steps'][0]['calls'][0]}")
        others = [one for one in run["verdicts"] if one["verdict"] != "allow"]
        allow = len(run["verdicts"]) - len(others)
        self._tell("why", f"{allow} of {len(run['verdicts'])} guards allow it")
        for one in others:
            self._tell("why", f"{one['guard']} {_SAYS[one['verdict']]}: {one['reason']}")
        mode = next(one for one in run["verdicts"] if one["guard"] == "mode")
        self._tell("why", mode["reason"])


_SAYS: Final = {"ask": "asks", "deny": "denies"}
