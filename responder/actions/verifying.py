"""Finding out whether a run helped: its runbook's questions, again and again, and the target at rest.

`worker` calls it for every VerifyRun and reports what it gives. It changes nothing; a question that
cannot be answered is never a good answer.
"""

import asyncio
from collections.abc import Mapping

from responder.actions.action import Action
from responder.actions.prometheus import Oracle
from responder.clock import Clock
from responder.core.guardrules import floored
from responder.core.messages import Verified, VerifyRun
from responder.core.model import format_duration
from responder.core.parameters import fill, fill_query
from responder.core.plan import TargetRef
from responder.core.runbook import CLUSTER, ActionStep, Verify

_LONGEST = 1_000


class Verification:
    """Who is asked: the actions by name, and a Prometheus, if there is one."""

    def __init__(self, actions: Mapping[str, Action], oracle: Oracle | None, clock: Clock) -> None:
        """Ask nobody yet."""
        self._actions = actions
        self._oracle = oracle
        self._clock = clock

    async def verify(self, asked: VerifyRun) -> Verified:
        """Good if every block of the runbook is; unknown if one could never be told and none is bad."""
        found = await asyncio.gather(*(self._block(asked, block) for block in asked.runbook.verify))
        told = [ok for ok, _ in found]
        ok = False if False in told else None if None in told else True
        return Verified(asked.run, asked.lap, ok, "; ".join(text for _, text in found)[:_LONGEST])

    async def _block(self, asked: VerifyRun, block: Verify) -> tuple[bool | None, str]:
        """`good` answers in a row, one `every`, `within` a time that begins after `settle`."""
        block = floored(block, asked.rules)
        wanted, every, within = block.good, block.every, block.within
        in_row = probes = 0
        query = fill_query(block.query.text, asked.parameters)
        await self._clock.sleep(block.settle)
        end = self._clock.monotonic() + within
        bad = False
        while True:
            ok, said = await self._probe(asked, query)
            probes += 1
            bad = bad or ok is False
            in_row = in_row + 1 if ok else 0
            if in_row >= wanted:
                return True, f"{wanted} of {wanted} probes are good: {query}: {said}"
            if self._clock.monotonic() + every > end:
                counted = (
                    f"not {wanted} good probes in a row within {format_duration(within)} ({probes} probes)"
                )
                return (False if bad else None), f"{counted}: {query}: {said}"
            await self._clock.sleep(every)

    async def _probe(self, asked: VerifyRun, query: str) -> tuple[bool | None, str]:
        """One look at everything. Bad outweighs unknown."""
        said: list[str] = []
        told: list[bool | None] = []
        if self._oracle is None:
            told.append(None)
            said.append("no prometheus is configured")
        else:
            answer = await self._oracle.ask(query)
            told.append(None if answer.problem else answer.holds)
            said.append(str(answer))
        for steady in await self._at_rest(asked):
            told.append(steady[0])
            if not steady[0]:
                said.append(steady[1])
        ok = False if False in told else None if None in told else True
        return ok, ", ".join(said)

    async def _at_rest(self, asked: VerifyRun) -> list[tuple[bool | None, str]]:
        """What each action of the runbook says of the target; the first one that is not good is enough."""
        target = _target(asked)
        names = dict.fromkeys(step.action for step in asked.runbook.steps if isinstance(step, ActionStep))
        found: list[tuple[bool | None, str]] = []
        for name in names:
            action = self._actions.get(name)
            if action is not None and target is not None:
                steady = await action.steady(target)
                found.append((steady.ok, steady.detail))
                if not steady.ok:
                    break
        return found


def _target(asked: VerifyRun) -> TargetRef | None:
    """The runbook's target with the run's parameters."""
    target, values = asked.runbook.target, asked.parameters
    if target is None:
        return None
    namespace, name = fill(target.namespace, values), fill(target.name, values)
    return TargetRef(values[CLUSTER], namespace, target.kind, name)
