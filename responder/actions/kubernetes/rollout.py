"""What every action on a Deployment does alike: fetch it, write it once, wait for its rollout, look again.

`restart` and `undo` say what is written and by what it is known again. A write carries the
resourceVersion of the object that it was made for, so that it changes that one or nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from responder.actions.action import CannotTell, Ended, Looked, Steady
from responder.actions.kubernetes import deployment as read
from responder.actions.kubernetes.client import (
    CALL_TIMEOUT,
    REQUEST_TIMEOUT,
    Api,
    Clusters,
    Object,
    Place,
)
from responder.actions.kubernetes.failure import CallFailed
from responder.clock import Clock
from responder.core.messages import Execute, LookAgain
from responder.core.model import SECOND, Nanoseconds, format_duration
from responder.core.plan import PlannedStep, TargetRef

POLL: Final = 2 * SECOND
LOOK_EVERY: Final = 5 * SECOND
BUSY_PAUSE: Final = SECOND
"""After a 429 that does not say how long."""

ON_ITS_WAY: Final = 30 * SECOND + CALL_TIMEOUT + REQUEST_TIMEOUT
"""After the intent was recorded, and after a look began, a write that is not there by then never comes."""


@dataclass(frozen=True, slots=True)
class Write:
    """A patch, and whether an object is what it makes."""

    body: Object | list[Object]
    content_type: str


def place(target: TargetRef) -> Place:
    """Where a target is."""
    return Place("apps/v1", "deployments", target.namespace, target.name)


def sets(target: TargetRef) -> Place:
    """Where its ReplicaSets are."""
    return Place("apps/v1", "replicasets", target.namespace)


def observed(found: Object) -> dict[str, Any]:
    """What an intent depends on."""
    counts = read.status(found)
    return {
        "generation": counts.generation,
        "replicas": counts.desired,
        "uid": str(found["metadata"]["uid"]),
    }


class Rollouts:
    """Deployments in the clusters that are configured."""

    def __init__(self, clusters: Clusters, clock: Clock) -> None:
        """Ask nobody yet."""
        self._clusters = clusters
        self._clock = clock

    def api(self, target: TargetRef) -> Api:
        """The target's cluster. Raises CannotTell."""
        api = self._clusters.named(target.cluster)
        if api is None:
            raise CannotTell(f"no cluster {target.cluster!r} is configured")
        return api

    async def fetch(self, target: TargetRef) -> Object:
        """The Deployment. Raises CallFailed, CannotTell."""
        if target.kind != "Deployment":
            raise CannotTell(f"{target.key} is no Deployment")
        found = await self.api(target).get(place(target))
        metadata = found.get("metadata")
        whole = isinstance(metadata, dict) and isinstance(found.get("spec"), dict)
        if not whole or not metadata or not metadata.get("uid") or not metadata.get("resourceVersion"):
            raise CannotTell(f"what cluster {target.cluster} answers for {target.key} is no Deployment")
        return found

    async def history(self, of: Object, target: TargetRef) -> list[Object]:
        """Its ReplicaSets. Raises CallFailed, CannotTell."""
        return read.owned(of, await self.api(target).find(sets(target)))

    # -- writing, once --------------------------------------------------------------------

    async def write(
        self,
        order: Execute,
        until: Nanoseconds,
        prepare: Callable[[Object, list[Object]], Write | Ended],
        marked: Callable[[Object], str],
        *,
        history: bool = False,
    ) -> Ended:
        """Change the Deployment as `prepare` says of it as it is now, unless it is another by now.

        `marked`: the mark by which the change is known. `history`: `prepare` needs the ReplicaSets.
        Waits for an overloaded server, until `until`; what was sent is never sent again.
        """
        target = order.step.target
        assert target is not None
        while True:
            try:
                found = await self.fetch(target)
                older = await self.history(found, target) if history else []
            except CallFailed as failed:
                if await self._waited(failed, until):
                    continue
                return Ended("failed", str(failed))
            except CannotTell as error:
                return Ended("failed", str(error))
            if marked(found) == order.key:
                return Ended("applied", "it was there already")
            if changed := self._changed(order.step, found):
                return Ended("conflict", changed)
            prepared = prepare(found, older)
            if isinstance(prepared, Ended):
                return prepared
            if self._clock.monotonic() > until:
                return Ended("failed", "there was no time left to begin")
            try:
                answer = await self.api(target).patch(place(target), prepared.body, prepared.content_type)
            except CallFailed as failed:
                if not failed.sent and await self._waited(failed, until):
                    continue
                return await self._not_written(failed, target, found)
            if marked(answer) != order.key:
                return Ended("failed", "the cluster took the change and left our mark out", touched=True)
            return Ended("applied")

    async def _not_written(self, failed: CallFailed, target: TargetRef, found: Object) -> Ended:
        if failed.sent:
            return Ended("unknown", str(failed))
        if failed.status == 409:
            return Ended("conflict", str(failed))
        if failed.status == 422 and await self._moved(target, found):
            return Ended("conflict", "it was changed in the same moment")
        return Ended("failed", str(failed))

    def _changed(self, step: PlannedStep, found: Object) -> str:
        now = observed(found)
        if step.observed.get("uid") != now["uid"]:
            return "it was deleted and made again since it was looked at"
        for name in ("generation", "replicas"):
            if step.observed.get(name) != now[name]:
                return f"its {name} is {now[name]}, and was {step.observed.get(name)} when it was planned"
        return ""

    async def _waited(self, failed: CallFailed, until: Nanoseconds) -> bool:
        """Wait as an overloaded server asks; False if it is something else, or there is no time."""
        pause = failed.retry_after or BUSY_PAUSE
        if failed.status != 429 or self._clock.monotonic() + pause > until:
            return False
        await self._clock.sleep(pause)
        return True

    async def _moved(self, target: TargetRef, since: Object) -> bool:
        """Whether the object is another version by now: a JSON patch says of a failed test only 422."""
        try:
            now = await self.fetch(target)
        except (CallFailed, CannotTell):
            return False
        return bool(now["metadata"].get("resourceVersion") != since["metadata"].get("resourceVersion"))

    # -- what follows from it -------------------------------------------------------------

    async def settle(self, order: Execute, until: Nanoseconds, marked: Callable[[Object], str]) -> Ended:
        """Wait for the rollout as `kubectl rollout status` does."""
        target = order.step.target
        assert target is not None
        while True:
            problem, left = "", ""
            try:
                found = await self.fetch(target)
            except CallFailed as failed:
                if failed.status == 404:
                    return Ended("failed", "it was deleted while it was rolling out", touched=True)
                problem = str(failed)
            except CannotTell as error:
                problem = str(error)
            else:
                counts = read.status(found)
                if found["metadata"].get("uid") != target.uid:
                    return Ended("failed", "it was deleted and made again meanwhile", touched=True)
                if marked(found) != order.key:
                    return Ended("failed", "something else has changed its pods meanwhile", touched=True)
                left = counts.rollout
                if not left:
                    return Ended(
                        "applied", f"{counts.available} of {counts.desired} pods are new and available"
                    )
                if counts.stuck:
                    return Ended("failed", left, touched=True)
            if self._clock.monotonic() + POLL > until:
                within = format_duration(order.step.timeout)
                if problem:
                    return Ended(
                        "unknown", f"whether it took effect could not be seen within {within}: {problem}"
                    )
                return Ended("failed", f"the rollout is not complete within {within}: {left}", touched=True)
            await self._clock.sleep(POLL)

    async def steady(self, target: TargetRef) -> Steady:
        """Whether its last rollout is complete and every pod available."""
        try:
            left = read.status(await self.fetch(target)).rollout
        except (CallFailed, CannotTell) as error:
            return Steady(None, str(error))
        return Steady(not left, left or "the rollout is complete")

    # -- nobody knows ---------------------------------------------------------------------

    async def look(
        self, order: LookAgain, marked: Callable[[Object], str], in_history: Callable[[Object], str] | None
    ) -> Looked:
        """Whether the Deployment, or with `in_history` one of its ReplicaSets, bears the step's mark.

        Where it does not and nothing else has changed either, the write may still be on its way: that
        is waited for.
        """
        target = order.step.target
        assert target is not None
        began = self._clock.monotonic()
        patience = min(max(order.at + ON_ITS_WAY - self._clock.now(), 0), ON_ITS_WAY)
        while True:
            over = self._clock.monotonic() - began >= patience
            try:
                found = await self._judged(order, target, marked, in_history)
                if found is not None:
                    return found
                if over:
                    return Looked(False, "it is as it was: nothing was changed")
            except (CallFailed, CannotTell) as error:
                if over:
                    return Looked(None, str(error))
            await self._clock.sleep(LOOK_EVERY)

    async def _judged(
        self,
        order: LookAgain,
        target: TargetRef,
        marked: Callable[[Object], str],
        in_history: Callable[[Object], str] | None,
    ) -> Looked | None:
        """What can be told for good; None: nothing has changed yet."""
        try:
            found = await self.fetch(target)
        except CallFailed as failed:
            if failed.status == 404:
                return Looked(None, "it was deleted since")
            raise
        if found["metadata"].get("uid") != target.uid:
            return Looked(None, "it was deleted and made again since")
        if marked(found) == order.key:
            return Looked(True, "it bears this step's mark")
        before, now = order.step.observed.get("generation"), read.status(found).generation
        if before == now:
            return None
        # Somebody has changed it: our write, which was made for the version before, is refused from now
        # on. What is left to find out is whether it came first.
        if isinstance(before, int) and now == before + 1:
            return Looked(False, "it was changed by something else, and not by this step")
        if in_history is not None:
            older = await self.history(found, target)
            if any(in_history(one) == order.key for one in older):
                return Looked(True, "one of its ReplicaSets bears this step's mark")
            if isinstance(before, int) and now - before <= _kept(found):
                return Looked(False, "none of its ReplicaSets bears this step's mark")
        return Looked(None, "it was changed several times since, and bears no mark of this step")


def _kept(found: Object) -> int:
    """How many old ReplicaSets the controller keeps."""
    limit: Any = (found.get("spec") or {}).get("revisionHistoryLimit")
    return 10 if limit is None else int(limit)
