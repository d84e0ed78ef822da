"""Whether it helped: asked again and again on a clock set by hand, answered over real HTTP."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from responder.actions.action import Steady
from responder.actions.verifying import Verification
from responder.core.guardrules import VerifyRules
from responder.core.messages import Verified, VerifyRun
from responder.core.model import MINUTE, SECOND
from responder.core.plan import TargetRef
from responder.core.runbook import ActionStep, Query, Runbook, Target, Verify
from tests.actions.test_inspecting import RESTART, VALUES, Plain, healthy, oracle
from tests.clock import ManualClock

QUERY = 'rate{n="${namespace}"} < 1'
RUNBOOK = Runbook(
    "pod-restarts",
    "Pods restart",
    "h",
    target=Target("Deployment", "${name}", "${namespace}"),
    steps=(ActionStep(RESTART),),
    verify=(Verify(Query(QUERY)),),
)


@dataclass
class Resting(Plain):
    """An action whose target comes to rest as it is told."""

    rest: Callable[[TargetRef], Steady] = lambda target: Steady(True)

    async def steady(self, target: TargetRef) -> Steady:
        return self.rest(target)


def question(*verify: Verify) -> VerifyRun:
    runbook = replace(RUNBOOK, verify=verify) if verify else RUNBOOK
    return VerifyRun(7, "r7-1", 3, runbook, VALUES, VerifyRules())


async def verified(
    asked: VerifyRun,
    answer: Callable[[str], list[str]] | None,
    rest: Callable[[TargetRef], Steady] = lambda target: Steady(True),
) -> tuple[bool | None, str, float]:
    """The answer, and after how many virtual seconds it came."""
    clock = ManualClock()
    action = Resting(healthy, rest=rest)
    began = clock.monotonic()

    async def ask(verification: Verification, busy: Callable[[], bool]) -> tuple[Verified, float]:
        async def timed() -> tuple[Verified, float]:
            return await verification.verify(asked), (clock.monotonic() - began) / SECOND

        clock.busy.append(busy)
        task = asyncio.ensure_future(timed())
        while not task.done():
            await clock.advance(MINUTE)
        return task.result()

    if answer is None:
        found, seconds = await ask(Verification({RESTART: action}, None, clock), lambda: False)
    else:
        async with oracle(answer) as prometheus:
            found, seconds = await ask(
                Verification({RESTART: action}, prometheus, clock), lambda: prometheus.asking > 0
            )
    assert (found.run, found.lap) == (7, 3)
    return found.ok, found.detail, seconds


async def test_it_settles_and_is_good_when_enough_probes_in_a_row_are() -> None:
    asked: list[str] = []

    def answer(query: str) -> list[str]:
        asked.append(query)
        return ["0.5"]

    ok, detail, seconds = await verified(question(), answer)
    assert (ok, detail) == (True, '2 of 2 probes are good: rate{n="shop"} < 1: 0.5')
    assert (asked, seconds) == (['rate{n="shop"} < 1'] * 2, 45)


async def test_probes_are_good_in_a_row_or_not_at_all() -> None:
    answers = iter([["1"], [], ["1"], ["1"]])
    ok, _, seconds = await verified(question(), lambda query: next(answers))
    assert (ok, seconds) == (True, 30 + 3 * 15)


async def test_what_is_never_good_did_not_help() -> None:
    ok, detail, seconds = await verified(question(), lambda query: [])
    assert (ok, detail) == (
        False,
        'not 2 good probes in a row within 5m (21 probes): rate{n="shop"} < 1: no sample',
    )
    assert seconds == 30 + 300


async def test_the_pages_own_numbers_count() -> None:
    block = Verify(Query(QUERY), good=3, every=5 * SECOND, within=20 * SECOND, settle=40 * SECOND)
    ok, _, seconds = await verified(question(block), lambda query: ["1"])
    assert (ok, seconds) == (True, 50)
    ok, detail, seconds = await verified(question(block), lambda query: [])
    assert (ok, seconds) == (False, 60)
    assert detail.startswith("not 3 good probes in a row within 20s (5 probes): ")


async def test_a_page_cannot_ask_for_less_than_the_floors() -> None:
    block = Verify(Query(QUERY), good=1, settle=SECOND)
    ok, _, seconds = await verified(question(block), lambda query: ["1"])
    assert (ok, seconds) == (True, 45)
    # Nor for so little time that no answer could be good enough.
    block = Verify(Query(QUERY), good=1, every=20 * SECOND, within=5 * SECOND)
    ok, _, seconds = await verified(question(block), lambda query: ["1"])
    assert (ok, seconds) == (True, 50)


async def test_without_any_answer_nobody_can_tell() -> None:
    ok, detail, _ = await verified(question(), None)
    assert ok is None
    assert detail.endswith(": no prometheus is configured")


async def test_an_answer_that_is_missing_is_not_good_and_not_bad() -> None:
    def broken(query: str) -> list[str]:
        raise ValueError("the handler fails: HTTP 500")

    ok, detail, _ = await verified(question(), broken)
    assert ok is None
    assert "HTTP 500" in detail


async def test_the_rollout_must_be_complete_as_well() -> None:
    seen: list[TargetRef] = []
    rests = iter([Steady(False, "1 of 3 pods are new"), Steady(True), Steady(True)])

    def rest(target: TargetRef) -> Steady:
        seen.append(target)
        return next(rests)

    ok, _, seconds = await verified(question(), lambda query: ["1"], rest)
    assert (ok, seconds) == (True, 60)
    assert seen == [TargetRef("prod", "shop", "Deployment", "che.kout")] * 3


async def test_a_target_that_does_not_come_to_rest_did_not_help() -> None:
    ok, detail, _ = await verified(
        question(), lambda query: ["1"], lambda target: Steady(False, "2 of 3 new pods are available")
    )
    assert (ok, detail.rpartition(": ")[2]) == (False, "1, 2 of 3 new pods are available")


async def test_every_block_must_be_good() -> None:
    other = Verify(Query("other > 0"))
    one = Verify(Query(QUERY))

    def answer(query: str) -> list[str]:
        return ["1"] if query.startswith("rate") else []

    ok, detail, _ = await verified(question(one, other), answer)
    assert ok is False
    assert detail.startswith("2 of 2 probes are good: rate")
    assert "; not 2 good probes" in detail
    ok, _, _ = await verified(question(one, one), answer)
    assert ok is True
