"""What the engine asks is answered once, and a step is carried out once, whatever fails around it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from responder.actions.action import Action, Ended, Intent, Looked, Seen, Steady
from responder.actions.worker import Acts
from responder.core.freeze import Freeze
from responder.core.guardrules import VerifyRules
from responder.core.messages import (
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
from responder.core.model import HOUR, MINUTE, SECOND
from responder.core.plan import ObjectFacts, PlannedStep, TargetRef
from responder.core.runbook import ActionStep, Query, Runbook, Target, Verify
from responder.errors import Overloaded, StorageError
from responder.settings import Settings
from responder.store import executions
from responder.store.database import Database
from responder.store.executions import ExecutionStore, Refusal
from tests.clock import ManualClock

RESTART = "kubernetes.rollout_restart"
TARGET = TargetRef("prod", "shop", "Deployment", "checkout")
RUNBOOK = Runbook(
    "pod-restarts",
    "Pods restart",
    "h" * 64,
    target=Target("Deployment", "checkout", "shop"),
    steps=(ActionStep(RESTART),),
    verify=(Verify(Query("up")),),
)


@dataclass
class Scripted:
    """An action that does what its test says."""

    clock: ManualClock
    applied: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    apply_with: Callable[[Execute], Any] = lambda order: Ended("applied")
    settle_with: Callable[[Execute], Any] = lambda order: Ended("applied", "3 of 3")
    look_with: Callable[[], Any] = lambda: Looked(True, "there")
    inspect_with: Callable[[TargetRef], Any] = lambda target: Seen(target, ObjectFacts(3, 3, 1))
    began_by: list[int] = field(default_factory=list)

    async def inspect(self, target: TargetRef, run: str) -> Seen:
        return await _result(self.inspect_with(target))  # type: ignore[no-any-return]

    def plan(self, target: TargetRef, seen: Seen | None, run: str) -> Intent:
        return Intent(("PATCH it",), {"restart": "every pod"})

    async def apply(self, order: Execute, until: int) -> Ended:
        self.applied.append(order.key)
        self.began_by.append(until - self.clock.monotonic())
        return await _result(self.apply_with(order))  # type: ignore[no-any-return]

    async def settle(self, order: Execute, until: int) -> Ended:
        self.settled.append(order.key)
        return await _result(self.settle_with(order))  # type: ignore[no-any-return]

    async def look(self, order: LookAgain) -> Looked:
        return await _result(self.look_with())  # type: ignore[no-any-return]

    async def steady(self, target: TargetRef) -> Steady:
        return Steady(True)


async def _result(given: Any) -> Any:
    return await given if asyncio.isfuture(given) else given


@dataclass
class Bench:
    """The worker with everything around it."""

    database: Database
    clock: ManualClock
    action: Scripted
    said: list[Body] = field(default_factory=list)
    deaf: list[Exception] = field(default_factory=list)
    acts: Acts = None  # type: ignore[assignment]

    def open(self, claims: Any = None, actions: Mapping[str, Action] | None = None) -> Acts:
        store = claims or ExecutionStore(self.database)
        known = {RESTART: self.action} if actions is None else actions
        self.acts = Acts(Settings(), self.clock, store, self.report, known)
        acts = self.acts
        self.clock.busy.append(lambda: acts.asking)
        return acts

    async def report(self, body: Body) -> None:
        if self.deaf:
            raise self.deaf.pop(0)
        self.said.append(body)

    def step(self, lap: int = 1, run: int = 7, timeout: int = 5 * MINUTE) -> Execute:
        planned = PlannedStep(RESTART, TARGET, timeout=timeout)
        at = self.clock.now()
        key = f"r{run}-1-0-{lap}"
        return Execute(run, f"r{run}-1", lap, planned, key, at, at + 30 * SECOND, "pod-restarts")

    async def ordered(self, **more: int) -> Execute:
        step = self.step(**more)
        await self.database.submit(lambda writer: executions.order(writer, step))
        return step

    async def state(self) -> dict[str, str]:
        query = "SELECT key, state FROM executions"
        return await self.database.read(lambda connection: dict(connection.execute(query)))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    database = Database(tmp_path / "responder.db")
    database.open()
    clock = ManualClock()
    made = Bench(database, clock, Scripted(clock))
    made.open()
    yield made
    await made.acts.stop()
    await database.close()


def inspect(lap: int = 1, run: int = 7) -> Inspect:
    return Inspect(run, f"r{run}-1", lap, RUNBOOK, {"cluster": "prod"}, TARGET, None)


def verify(lap: int = 1) -> VerifyRun:
    return VerifyRun(7, "r7-1", lap, RUNBOOK, {"cluster": "prod"}, VerifyRules())


# -- a step ---------------------------------------------------------------------------------------


async def test_a_step_is_claimed_carried_out_answered_and_ended(bench: Bench) -> None:
    step = await bench.ordered()
    bench.acts.take([step])
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "applied", "3 of 3")]
    assert (bench.action.applied, bench.action.settled) == ([step.key], [step.key])
    assert await bench.state() == {step.key: "ended"}


async def test_it_is_on_record_as_begun_before_anything_is_done(bench: Bench) -> None:
    step = await bench.ordered()
    gate: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    bench.action.apply_with = lambda order: gate
    bench.acts.take([step])
    await bench.clock.settle()
    assert set(await bench.database.read(executions.claimed)) == {step.key}
    gate.set_result(Ended("failed", "403"))
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "failed", "403")]
    assert bench.action.settled == []


async def test_what_was_taken_is_ignored_when_it_is_handed_over_again(bench: Bench) -> None:
    step = await bench.ordered()
    bench.acts.take([step])
    bench.acts.take([step])
    await bench.clock.settle()
    bench.acts.take([step])
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "applied", "3 of 3")]
    assert bench.action.applied == [step.key]


async def test_a_step_that_was_not_ordered_or_withdrawn_is_not_carried_out(bench: Bench) -> None:
    withdrawn = await bench.ordered(run=8)
    await bench.database.submit(lambda writer: executions.withdraw(writer, 8))
    bench.acts.take([bench.step(run=9), withdrawn])
    await bench.clock.settle()
    words = "it was withdrawn before it was begun"
    expected = {StepFinished(9, 1, "withdrawn", words), StepFinished(8, 1, "withdrawn", words)}
    assert (set(bench.said), bench.action.applied) == (expected, [])


async def test_a_late_step_is_not_begun(bench: Bench) -> None:
    step = await bench.ordered()
    bench.clock.jump(31 * SECOND)
    bench.acts.take([step])
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "too_late", "it was not begun in time")]
    assert bench.action.applied == []


async def test_a_clock_that_was_set_back_gives_no_more_time(bench: Bench) -> None:
    step = await bench.ordered()
    bench.clock.jump(-HOUR)
    broken = Broken(ExecutionStore(bench.database), [StorageError("disk full")] * 40)
    acts = bench.open(broken)
    acts.take([step])
    await bench.clock.advance(MINUTE)
    assert bench.said == [StepFinished(7, 1, "too_late", "it was not begun in time")]
    assert bench.action.applied == []


async def test_a_freeze_that_came_in_between_stops_it(bench: Bench) -> None:
    step = await bench.ordered()
    freeze = Freeze("f", "global", "audit", "ann", step.at, step.at + HOUR)
    row = (freeze.id, msgspec.json.encode(freeze))
    await bench.database.submit(lambda writer: writer.insert("freezes", ("id", "body"), [row]))
    bench.acts.take([step])
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "frozen", "a freeze was put before it was begun")]


async def test_there_is_time_to_begin_until_not_after_and_to_settle_until_the_steps_own(
    bench: Bench,
) -> None:
    step = await bench.ordered()
    short = await bench.ordered(run=8, timeout=5 * SECOND)
    bench.clock.jump(10 * SECOND)
    bench.acts.take([step, short])
    await bench.clock.settle()
    assert sorted(bench.action.began_by) == [5 * SECOND, 20 * SECOND]


class Broken:
    """A store that fails before, or after, it has written."""

    def __init__(self, store: ExecutionStore, before: list[Exception], after: list[Exception] = []) -> None:  # noqa: B006
        self.store, self.before, self.after = store, before, after

    async def claim(self, step: Execute, now: int) -> Refusal | None:
        if self.before:
            raise self.before.pop()
        refusal = await self.store.claim(step, now)
        if self.after:
            raise self.after.pop()
        return refusal

    async def end(self, key: str) -> None:
        if self.before:
            raise self.before.pop()
        await self.store.end(key)


async def test_a_claim_that_cannot_be_written_is_tried_again(bench: Bench) -> None:
    step = await bench.ordered()
    bench.open(Broken(ExecutionStore(bench.database), [StorageError("busy"), StorageError("busy")]))
    bench.acts.take([step])
    await bench.clock.advance(SECOND)
    assert bench.said == [StepFinished(7, 1, "applied", "3 of 3")]


async def test_a_claim_of_which_nobody_knows_whether_it_was_written_is_unknown(bench: Bench) -> None:
    step = await bench.ordered()
    bench.open(Broken(ExecutionStore(bench.database), [], [StorageError("gone")]))
    bench.acts.take([step])
    await bench.clock.advance(SECOND)
    assert bench.said == [StepFinished(7, 1, "unknown", "it may have been begun before")]
    assert bench.action.applied == []


async def test_two_workers_with_the_same_order_carry_it_out_once(bench: Bench) -> None:
    step = await bench.ordered()
    first = bench.acts
    second = bench.open()
    first.take([step])
    second.take([step])
    await bench.clock.settle()
    assert bench.action.applied == [step.key]
    assert sorted(body.result for body in bench.said if isinstance(body, StepFinished)) == [
        "applied",
        "unknown",
    ]
    await first.stop()


@pytest.mark.parametrize("where", ["apply", "settle", "report"])
async def test_a_process_that_ends_in_the_middle_leaves_the_step_claimed(bench: Bench, where: str) -> None:
    step = await bench.ordered()
    never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    if where == "apply":
        bench.action.apply_with = lambda order: never
    elif where == "settle":
        bench.action.settle_with = lambda order: never
    else:
        bench.deaf = [Overloaded("no")] * 1000
    bench.acts.take([step])
    await bench.clock.settle()
    await bench.acts.stop()
    assert set(await bench.database.read(executions.claimed)) == {step.key}
    assert bench.said == []
    # The next process may be handed the same order: it is never carried out again.
    bench.deaf.clear()
    bench.open()
    bench.acts.take([step])
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "unknown", "it may have been begun before")]
    assert bench.action.applied == [step.key]


async def test_a_bug_in_an_action_leaves_the_step_unknown(bench: Bench) -> None:
    step = await bench.ordered()
    bench.action.apply_with = lambda order: 1 // 0
    bench.acts.take([step])
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "unknown", "an error in Responder itself; its log has more")]


async def test_an_action_that_does_not_exist_fails(bench: Bench) -> None:
    bench.open(actions={})
    step = await bench.ordered()
    bench.acts.take([step])
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "failed", f"{RESTART} cannot be carried out here")]


async def test_an_answer_is_said_again_until_it_is_durable(bench: Bench) -> None:
    bench.deaf = [StorageError("disk full"), Overloaded("later"), StorageError("disk full")]
    step = await bench.ordered()
    bench.acts.take([step])
    await bench.clock.advance(2 * SECOND)
    assert bench.said == [StepFinished(7, 1, "applied", "3 of 3")]
    assert bench.action.applied == [step.key]


# -- looks ----------------------------------------------------------------------------------------


async def test_a_question_is_answered_with_its_lap(bench: Bench) -> None:
    bench.acts.take([inspect(lap=4)])
    await bench.clock.settle()
    (answer,) = bench.said
    assert isinstance(answer, FactsGathered)
    assert (answer.run, answer.lap, answer.facts.object) == (7, 4, ObjectFacts(3, 3, 1))


async def test_a_look_at_an_unknown_step_is_answered(bench: Bench) -> None:
    step = bench.step()
    bench.acts.take([LookAgain(7, "r7-1", 2, step.step, step.key, step.at)])
    await bench.clock.settle()
    assert bench.said == [Probed(7, 2, True, "there")]


async def test_bugs_while_looking_are_answers_that_say_nothing(bench: Bench) -> None:
    step = bench.step()
    bench.action.look_with = lambda: 1 // 0
    bench.action.inspect_with = lambda target: 1 // 0
    bench.acts.take([replace(inspect(), run=8), LookAgain(7, "r7-1", 2, step.step, step.key, step.at)])
    await bench.clock.settle()
    bug = "an error in Responder itself; its log has more"
    gathered = next(body for body in bench.said if isinstance(body, FactsGathered))
    assert (gathered.plan, gathered.facts.problem) == (None, bug)
    assert next(body for body in bench.said if isinstance(body, Probed)) == Probed(7, 2, None, bug)


async def test_a_later_question_ends_an_earlier_one(bench: Bench) -> None:
    never: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
    bench.action.inspect_with = lambda target: never
    bench.acts.take([inspect(lap=1)])
    await bench.clock.settle()
    bench.action.inspect_with = lambda target: Seen(target, ObjectFacts(3, 3, 1))
    bench.acts.take([inspect(lap=2)])
    await bench.clock.settle()
    assert [body.lap for body in bench.said if isinstance(body, FactsGathered)] == [2]


async def test_a_withdrawal_does_not_end_a_look_at_what_was_begun(bench: Bench) -> None:
    gate: asyncio.Future[Looked] = asyncio.get_running_loop().create_future()
    bench.action.look_with = lambda: gate
    step = await bench.ordered()
    bench.acts.take([LookAgain(7, "r7-1", 2, step.step, step.key, step.at)])
    await bench.clock.settle()
    bench.acts.take([Withdraw(7)])
    gate.set_result(Looked(True, "there"))
    await bench.clock.settle()
    assert bench.said == [Probed(7, 2, True, "there")]


async def test_a_withdrawal_does_not_touch_a_step_that_is_begun(bench: Bench) -> None:
    step = await bench.ordered()
    gate: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    bench.action.settle_with = lambda order: gate
    bench.acts.take([step])
    await bench.clock.settle()
    bench.acts.take([Withdraw(7)])
    gate.set_result(Ended("applied", "done"))
    await bench.clock.settle()
    assert bench.said == [StepFinished(7, 1, "applied", "done")]


async def test_a_storm_of_questions_is_a_trickle_of_requests(bench: Bench) -> None:
    most = now = 0
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def look(target: TargetRef) -> Any:
        nonlocal most, now

        async def one() -> Seen:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await gate
            now -= 1
            return Seen(target, ObjectFacts(3, 3, 1))

        return asyncio.ensure_future(one())

    bench.action.inspect_with = look
    bench.acts.take([inspect(run=run) for run in range(1, 101)])
    await bench.clock.settle()
    assert most == 8
    gate.set_result(None)
    for _ in range(20):
        await bench.clock.settle()
    assert sorted(body.run for body in bench.said if isinstance(body, FactsGathered)) == list(range(1, 101))
    assert most == 8


async def test_verifying_is_answered_with_what_was_found(bench: Bench) -> None:
    bench.acts.take([verify(lap=5)])
    await bench.clock.advance(10 * MINUTE)
    (answer,) = bench.said
    assert isinstance(answer, Verified)
    assert (answer.run, answer.lap, answer.ok) == (7, 5, None)


async def test_nothing_is_left_running_and_nothing_is_taken_after_stop(bench: Bench) -> None:
    before = asyncio.all_tasks()
    bench.acts.take([inspect(), verify(lap=2)])
    await bench.acts.stop()
    bench.acts.take([await bench.ordered(run=9)])
    await bench.clock.settle()
    assert (asyncio.all_tasks(), bench.said, bench.action.applied) == (before, [], [])
