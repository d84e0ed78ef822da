"""A world for runs on virtual time: what `actions` would answer, as a test wants it to be.

`tests.core.timeline` asks it for each act that a decision orders. It keeps what was carried out, so that a
test can say that it was done once.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from responder.core.actioncatalogue import ACTIONS
from responder.core.messages import (
    Act,
    Body,
    Execute,
    FactsGathered,
    Inspect,
    LookAgain,
    Probed,
    StepFinished,
    StepResult,
    Verified,
    VerifyRun,
    Withdraw,
)
from responder.core.model import SECOND, Nanoseconds
from responder.core.plan import Facts, Firing, ObjectFacts, Plan, PlannedStep, Probe, TargetRef
from responder.core.runbook import ActionStep, NotifyStep, Runbook, Step, WaitStep

UID: Final = "6f1c2a3b-0000-4000-8000-000000000001"


@dataclass(slots=True)
class World:
    """How things are, and what comes of each thing that is tried.

    `results`: of steps, by action, in their order; then "applied". `hold`: kinds of acts that are not
    answered until `release`. `claims`: a step that is held has begun. `reaches`: and did what it should.
    `generation` is among what a plan depends on. `carried`: how often each step was done, by its run, its
    place and its action.
    """

    object: ObjectFacts | None = field(default_factory=lambda: ObjectFacts(desired=6, healthy=6, takes=1))
    firing: Firing = "yes"
    probes: tuple[Probe, ...] = ()
    problem: str = ""
    verify: deque[bool | None] = field(default_factory=deque)
    look: bool | None = True
    results: dict[str, deque[tuple[StepResult, bool]]] = field(default_factory=dict)
    hold: set[type] = field(default_factory=set)
    generation: int = 1
    claims: bool = True
    reaches: bool = True
    begun: set[str] = field(default_factory=set)
    waiting: list[Act] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    carried: Counter[tuple[str, str]] = field(default_factory=Counter)
    asked: list[Act] = field(default_factory=list)

    def take(self, act: Act, now: Nanoseconds) -> Body | None:
        """The answer to an act, or None: later, or never."""
        self.asked.append(act)
        if isinstance(act, Withdraw):
            return self._withdraw(act)
        if type(act) in self.hold:
            self.waiting.append(act)
            if isinstance(act, Execute) and self.claims:
                self.begun.add(act.key)
                if self.reaches:
                    self._carry_out(act)
            return None
        return self._answer(act, now)

    def restart(self) -> tuple[str, ...]:
        """The process is gone, and whatever it was doing; the keys of steps that had begun."""
        self.waiting.clear()
        self.hold.clear()
        self.look = self.reaches
        return tuple(sorted(self.begun))

    def release(self, now: Nanoseconds) -> list[Body]:
        """Answer everything that was held."""
        acts, self.waiting = self.waiting, []
        self.hold.clear()
        return [body for act in acts if (body := self._answer(act, now)) is not None]

    def fails(self, action: str, *results: StepResult, touched: bool = False) -> None:
        """What comes of the next tries of an action."""
        self.results.setdefault(action, deque()).extend((result, touched) for result in results)

    def _withdraw(self, act: Withdraw) -> Body | None:
        for waiting in self.waiting:
            if isinstance(waiting, Execute) and waiting.run == act.run and waiting.key not in self.begun:
                self.waiting.remove(waiting)
                return StepFinished(waiting.run, waiting.lap, "withdrawn")
        return None

    def _answer(self, act: Act, now: Nanoseconds) -> Body | None:
        match act:
            case Inspect():
                facts = Facts(now, self.object, self.firing, "prometheus", self.probes, self.problem)
                return FactsGathered(act.run, act.lap, facts, self._plan(act) if self.object else None)
            case Execute():
                return self._execute(act, now)
            case LookAgain():
                return Probed(act.run, act.lap, self.look)
            case VerifyRun():
                return Verified(act.run, act.lap, self.verify.popleft() if self.verify else True)
            case _:
                return None

    def _execute(self, act: Execute, now: Nanoseconds) -> StepFinished:
        queue = self.results.get(act.step.action)
        if act.key in self.begun:  # it was held, after it was done or instead
            done = self.carried[_of(act)] > 0
            if done and queue and queue[0] == ("failed", True):
                queue.popleft()
                return StepFinished(act.run, act.lap, "failed", "", True)
            return StepFinished(act.run, act.lap, "applied" if done else "failed")
        if now > act.not_after:
            return StepFinished(act.run, act.lap, "too_late")
        result, touched = queue.popleft() if queue else ("applied", False)
        if result in ("applied", "unknown") or (result == "failed" and touched):
            self._carry_out(act)
        return StepFinished(act.run, act.lap, result, "", touched)

    def _carry_out(self, act: Execute) -> None:
        self.done[act.step.action] += 1
        self.carried[_of(act)] += 1

    def _plan(self, act: Inspect) -> Plan:
        target = TargetRef(act.target.cluster, act.target.namespace, act.target.kind, act.target.name, UID)
        return Plan(
            act.runbook.name,
            act.runbook.hash,
            dict(act.parameters),
            target,
            tuple(self._step(step, target, act.runbook) for step in act.runbook.steps),
            tuple(self._step(step, target, act.runbook) for step in act.runbook.on_failure),
        )

    def _step(self, step: Step, target: TargetRef, runbook: Runbook) -> PlannedStep:
        match step:
            case ActionStep():
                kind = ACTIONS[step.action]
                risk = max(kind.risk, runbook.risk, key=("low", "medium", "high").index)
                return PlannedStep(
                    step.action,
                    target,
                    (f"PATCH {target.key}",),
                    {"restart": True},
                    {"generation": self.generation, "replicas": 6},
                    step.timeout or 60 * SECOND,
                    risk,
                    undo=kind.undo,
                )
            case WaitStep():
                return PlannedStep("wait", intended={"nanoseconds": step.duration}, mutates=False)
            case NotifyStep():
                return PlannedStep("notify", intended={"receiver": step.receiver}, mutates=False)


def _of(act: Execute) -> tuple[str, str]:
    """Which step an order is for, however often it was ordered: its key without the lap, and its action."""
    return act.key.rpartition("-")[0], act.step.action
