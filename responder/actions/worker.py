"""What the engine asks of `actions`, each a task of its own, each answered by one Input.

`service` starts one Acts; the engine hands it what was committed, and `report` takes its answers back. A
step is claimed before it is carried out, and carried out once: what is not certain is said to be unknown.
"""

import asyncio
import contextlib
import traceback
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from responder.actions import catalogue
from responder.actions.action import Action, Ended, Looked
from responder.actions.inspecting import Inspection
from responder.actions.kubernetes.client import Clusters
from responder.actions.prometheus import Oracle
from responder.actions.verifying import Verification
from responder.clock import Clock
from responder.core.messages import (
    Act,
    Body,
    Execute,
    FactsGathered,
    Inspect,
    LookAgain,
    Probed,
    StepFinished,
    Verified,
    VerifyRun,
    Withdraw,
)
from responder.core.model import MILLISECOND, SECOND, Nanoseconds
from responder.core.plan import Facts
from responder.core.tracecontext import TraceContext
from responder.errors import ResponderError
from responder.settings.values import Settings
from responder.telemetry import logger
from responder.tracing import Tracing, current, outside, within

Refusal: TypeAlias = Literal["withdrawn", "too_late", "frozen", "taken"]
"""Why a step may not be begun, see store.executions."""

_FIRST_PAUSE: Final = 100 * MILLISECOND
_LONGEST_PAUSE: Final = 5 * SECOND

_LOOKS: Final = 8
"""So many targets at most are looked at at once: a storm of alerts must not become one of requests."""

_LONGEST_DETAIL: Final = 1_000

log = logger("actions")


class Claims(Protocol):
    """What is needed of `store.executions`. Both raise StorageError."""

    async def claim(self, step: Execute, now: Nanoseconds) -> Refusal | None:
        """Make it durable that a step is begun, or say why it may not be."""
        ...

    async def end(self, key: str) -> None:
        """The end of a step is on record."""
        ...


@dataclass(frozen=True, slots=True)
class _Task:
    act: Act
    task: "asyncio.Task[None]"


class Acts:
    """All that is under way. `take` and `stop` run on the event loop; nothing is left after `stop`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        claims: Claims,
        report: Callable[[Body], Coroutine[Any, Any, None]],
        actions: Mapping[str, Action] | None = None,
        tracing: Tracing | None = None,
        trace_of: Callable[[int], TraceContext | None] = lambda run: None,
    ) -> None:
        """`report` makes an Input durable, and raises ResponderError where that did not work.

        `actions`: others than the ones of the catalogue. `trace_of`: the span in which a run was proposed,
        by its number, if it is traced.
        """
        self._clock = clock
        self._claims = claims
        self._report = report
        self._clusters = Clusters(settings.kubernetes)
        self._oracle = Oracle(settings.prometheus) if settings.prometheus else None
        self._actions = catalogue.build(self._clusters, clock) if actions is None else actions
        self._inspection = Inspection(self._actions, self._oracle, clock)
        self._verification = Verification(self._actions, self._oracle, clock)
        self._tracing = tracing
        self._trace_of = trace_of
        self._looking = asyncio.Semaphore(_LOOKS)
        self._laps: dict[int, int] = {}
        self._under_way: dict[int, list[_Task]] = {}
        self._waiting = 0
        self._stopped = False
        self._warming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Import what is slow to import, beside the event loop, where there is a cluster to talk to."""
        self._warming = asyncio.create_task(self._clusters.warm(), name="actions warm up")

    def take(self, acts: Sequence[Act]) -> None:
        """Begin. What was taken before, by run and lap, is ignored; a later lap ends earlier looks."""
        for act in acts:
            if self._stopped:
                return
            if isinstance(act, Withdraw):
                continue  # the claim finds it withdrawn; a look at what was begun before goes on
            if act.lap > self._laps.get(act.run, 0):
                self._laps[act.run] = act.lap
                self._end_looks(act.run)
                self._begin(act)

    @property
    def asking(self) -> bool:
        """Whether somebody else is to answer now: for clocks that stand still meanwhile."""
        oracle = self._oracle is not None and self._oracle.asking > 0
        return bool(self._waiting) or self._clusters.asking or oracle

    async def stop(self) -> None:
        """Drop what is under way. A step that was begun stays claimed, and is looked at after a start."""
        self._stopped = True
        tasks = [one.task for each in self._under_way.values() for one in each]
        tasks += [self._warming] if self._warming else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._clusters.close()
        if self._oracle is not None:
            await self._oracle.close()

    # -- tasks ----------------------------------------------------------------------------

    def _begin(self, act: Inspect | Execute | LookAgain | VerifyRun) -> None:
        above = self._trace_of(act.run) if self._tracing is not None else None
        work = self._run(act) if above is None else self._run_traced(act, above)
        task = asyncio.create_task(work, name=f"{type(act).__name__} {act.id} {act.lap}")
        known = self._under_way.setdefault(act.run, [])
        one = _Task(act, task)
        known.append(one)

        def ended(_: "asyncio.Task[None]") -> None:
            known.remove(one)
            if not known and self._under_way.get(act.run) is known:
                del self._under_way[act.run]

        task.add_done_callback(ended)

    def _end_looks(self, run: int) -> None:
        """Nobody waits for these any more. What changes something is never ended like this."""
        for one in self._under_way.get(run, ()):
            if not isinstance(one.act, Execute):
                one.task.cancel()

    async def _run_traced(self, act: Inspect | Execute | LookAgain | VerifyRun, above: TraceContext) -> None:
        assert self._tracing is not None
        span = self._tracing.follow(_SPANS[type(act)], above)
        span.attributes |= {"responder.run": act.id, "responder.lap": act.lap}
        if isinstance(act, Execute | LookAgain):
            span.attributes["responder.action"] = act.step.action
        try:
            with within(span):
                await self._run(act)
        finally:
            result = span.attributes.get("responder.result", "applied")
            span.end("" if result == "applied" else str(result))

    async def _run(self, act: Inspect | Execute | LookAgain | VerifyRun) -> None:
        match act:
            case Inspect():
                async with self._looking:
                    answer: Body = await self._sure(self._inspection.inspect(act), self._unseen(act))
                await self._say(answer)
            case LookAgain():
                await self._say(await self._sure(self._look(act), Probed(act.run, act.lap, None, _BUG)))
            case VerifyRun():
                unknown = Verified(act.run, act.lap, None, _BUG)
                await self._say(await self._sure(self._verification.verify(act), unknown))
            case Execute():
                await self._execute(act)

    async def _sure(self, work: Coroutine[Any, Any, Body], otherwise: Body) -> Body:
        """What `work` gives; whatever it raises is a bug, and must not leave a question unanswered."""
        try:
            return await work
        except Exception as error:
            log.error("action_failed", what=type(otherwise).__name__, error=_where(error))
            return otherwise

    def _unseen(self, act: Inspect) -> FactsGathered:
        return FactsGathered(act.run, act.lap, Facts(at=self._clock.now(), problem=_BUG))

    async def _look(self, act: LookAgain) -> Probed:
        action = self._actions.get(act.step.action)
        looked = await action.look(act) if action else Looked(None, f"{act.step.action} is not known here")
        return Probed(act.run, act.lap, looked.applied, looked.detail[:_LONGEST_DETAIL])

    # -- a step, once ---------------------------------------------------------------------

    async def _execute(self, act: Execute) -> None:
        taken = self._clock.monotonic()
        refusal = await self._claim(act, taken)
        if refusal == "taken":
            ended = Ended("unknown", "it may have been begun before")
        elif refusal is not None:
            ended = Ended(refusal, _REFUSALS[refusal])
        else:
            log.info("step_begun", run=act.id, action=act.step.action, key=act.key)
            ended = await self._carry_out(act, self._now(act, taken))
        await self._say(
            StepFinished(act.run, act.lap, ended.result, ended.detail[:_LONGEST_DETAIL], ended.touched)
        )
        if refusal is None:
            # If this is not written, the step counts as begun at the next start, of a run that has
            # moved on by then.
            with contextlib.suppress(ResponderError), self._outside():
                await self._claims.end(act.key)

    async def _claim(self, act: Execute, taken: Nanoseconds) -> Refusal | None:
        """Claim it; a database that cannot be written is asked again while there is time."""
        pause = _FIRST_PAUSE
        while True:
            now = self._now(act, taken)
            try:
                with self._outside():
                    return await self._claims.claim(act, now)
            except ResponderError as error:
                log.warning("claim_failed", run=act.id, error=str(error))
                if now > act.not_after:
                    return "too_late"
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _now(self, act: Execute, taken: Nanoseconds) -> Nanoseconds:
        """The time, or what it would be if nobody had set the clock back since the step was ordered."""
        return max(self._clock.now(), act.at + self._clock.monotonic() - taken)

    async def _carry_out(self, act: Execute, now: Nanoseconds) -> Ended:
        action = self._actions.get(act.step.action)
        if action is None or act.step.target is None:
            return Ended("failed", f"{act.step.action} cannot be carried out here")
        began = self._clock.monotonic()
        until = began + act.step.timeout
        begin_by = min(until, began + max(act.not_after - now, 0))
        try:
            ended = await action.apply(act, begin_by)
            return await action.settle(act, until) if ended.result == "applied" else ended
        except Exception as error:
            log.error("action_failed", what="step", run=act.id, error=_where(error))
            return Ended("unknown", _BUG)

    @contextlib.contextmanager
    def _outside(self) -> Iterator[None]:
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    # -- answers --------------------------------------------------------------------------

    async def _say(self, answer: Body) -> None:
        """Report, until it is durable."""
        span = current()
        if span is not None and isinstance(answer, StepFinished):
            span.attributes["responder.result"] = answer.result
        pause = _FIRST_PAUSE
        while True:
            try:
                with self._outside():
                    await outside(self._report(answer))
                return
            except ResponderError as error:
                log.warning("report_failed", what=type(answer).__name__, error=str(error))
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _where(error: Exception) -> str:
    """A bug's kind and place; its words may hold anything."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno})"


_SPANS: Final[Mapping[type[Act], str]] = {
    Inspect: "inspect",
    Execute: "step",
    LookAgain: "look",
    VerifyRun: "verify",
}

_BUG: Final = "an error in Responder itself; its log has more"

_REFUSALS: Final[Mapping[str, str]] = {
    "withdrawn": "it was withdrawn before it was begun",
    "too_late": "it was not begun in time",
    "frozen": "a freeze was put before it was begun",
}
