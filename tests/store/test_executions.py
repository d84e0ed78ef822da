"""Steps are claimed once: by one of several, over crashes, and never when they should not be."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from responder.core.freeze import Freeze
from responder.core.messages import Execute
from responder.core.model import HOUR, SECOND
from responder.core.plan import PlannedStep, TargetRef
from responder.store import executions
from responder.store.database import Database, Writer, migrate
from responder.store.executions import Claimed, ExecutionStore
from tests.clock import MONDAY

TARGET = TargetRef("prod", "shop", "Deployment", "checkout", "u-1")
STEP = Execute(
    7,
    "r7-1",
    3,
    PlannedStep("kubernetes.rollout_restart", TARGET),
    "r7-1-0-3",
    MONDAY,
    MONDAY + 30 * SECOND,
    "pod-restarts",
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "responder.db")
    database.open()
    yield database
    await database.close()


async def order(database: Database, *steps: Execute) -> None:
    def job(writer: Writer) -> None:
        for step in steps:
            executions.order(writer, step)

    await database.submit(job)


async def put(database: Database, freeze: Freeze) -> None:
    row = (freeze.id, msgspec.json.encode(freeze))
    await database.submit(lambda writer: writer.insert("freezes", ("id", "body"), [row]))


def freeze(scope: str, *, hard: bool = False, until: int = MONDAY + HOUR) -> Freeze:
    return Freeze("f1", scope, "audit", "ann", MONDAY, until, hard)


async def test_a_step_that_was_ordered_is_claimed_once(database: Database) -> None:
    store = ExecutionStore(database)
    await order(database, STEP)
    assert await store.claim(STEP, MONDAY + SECOND) is None
    assert await store.claim(STEP, MONDAY + SECOND) == "taken"
    assert await database.read(executions.claimed) == {STEP.key: Claimed(7, 3, MONDAY + SECOND)}
    await store.end(STEP.key)
    assert await database.read(executions.claimed) == {}
    assert await store.claim(STEP, MONDAY + SECOND) == "taken"


async def test_ordering_a_key_again_gives_it_no_second_life(database: Database) -> None:
    store = ExecutionStore(database)
    await order(database, STEP)
    assert await store.claim(STEP, MONDAY) is None
    await order(database, STEP, replace(STEP, lap=4))
    assert await store.claim(STEP, MONDAY) == "taken"
    assert await store.claim(replace(STEP, lap=4), MONDAY) == "taken"


async def test_what_was_never_ordered_or_is_of_another_lap_is_not_begun(database: Database) -> None:
    store = ExecutionStore(database)
    assert await store.claim(STEP, MONDAY) == "withdrawn"
    await order(database, STEP)
    assert await store.claim(replace(STEP, lap=2), MONDAY) == "withdrawn"
    assert await store.claim(STEP, MONDAY) is None


async def test_what_was_withdrawn_is_not_begun_and_what_was_begun_is_not_withdrawn(
    database: Database,
) -> None:
    store = ExecutionStore(database)
    other = replace(STEP, run=8, key="r8")
    await order(database, STEP, other)
    assert await store.claim(other, MONDAY) is None
    await database.submit(lambda writer: executions.withdraw(writer, 7))
    await database.submit(lambda writer: executions.withdraw(writer, 8))
    assert await store.claim(STEP, MONDAY) == "withdrawn"
    assert set(await database.read(executions.claimed)) == {"r8"}


async def test_a_step_is_not_begun_late(database: Database) -> None:
    store = ExecutionStore(database)
    await order(database, STEP, replace(STEP, key="in time"))
    assert await store.claim(STEP, STEP.not_after + 1) == "too_late"
    assert await store.claim(STEP, MONDAY) == "withdrawn"
    assert await store.claim(replace(STEP, key="in time"), STEP.not_after) is None


@pytest.mark.parametrize(
    "scope",
    [
        "global",
        "cluster=prod",
        "service=shop/checkout",
        "runbook=pod-restarts",
        "action=kubernetes.rollout_restart",
    ],
)
async def test_a_freeze_that_came_after_the_order_stops_it(database: Database, scope: str) -> None:
    store = ExecutionStore(database)
    await order(database, STEP)
    await put(database, freeze(scope))
    assert await store.claim(STEP, MONDAY + SECOND) == "frozen"
    assert await store.claim(STEP, MONDAY + SECOND) == "withdrawn"


@pytest.mark.parametrize(
    ("put_", "rolling", "result"),
    [
        (freeze("cluster=lab"), False, None),
        (freeze("global", until=MONDAY), False, None),
        (freeze("global"), True, None),
        (freeze("global", hard=True), True, "frozen"),
    ],
)
async def test_a_freeze_stops_what_it_covers(
    database: Database, put_: Freeze, rolling: bool, result: str | None
) -> None:
    await order(database, STEP)
    await put(database, put_)
    assert await ExecutionStore(database).claim(replace(STEP, rolling=rolling), MONDAY + SECOND) == result


async def test_a_freeze_that_cannot_be_read_stops_everything(database: Database) -> None:
    await order(database, STEP)
    await database.submit(lambda writer: writer.insert("freezes", ("id", "body"), [("f", b"{}")]))
    assert await ExecutionStore(database).claim(STEP, MONDAY) == "frozen"


async def test_of_two_who_claim_at_the_same_time_one_gets_it(database: Database) -> None:
    steps = [replace(STEP, key=f"k{n}") for n in range(20)]
    await order(database, *steps)
    stores = ExecutionStore(database), ExecutionStore(database)
    claims = [store.claim(step, MONDAY) for step in steps for store in stores]
    results = await asyncio.gather(*claims)
    assert sorted(map(str, results)) == ["None"] * 20 + ["taken"] * 20


async def test_a_claim_whose_transaction_fails_is_none(database: Database) -> None:
    await order(database, STEP)

    def job(writer: Writer) -> None:
        assert executions.claim(writer, STEP, MONDAY) is None
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.submit(job)
    assert await ExecutionStore(database).claim(STEP, MONDAY) is None


MOVES = st.sampled_from(["claim", "claim and crash", "end", "withdraw", "order"])


@given(st.lists(MOVES, max_size=15))
def test_whatever_happens_nobody_is_let_in_twice(moves: list[str]) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path("responder.db"))
    writer, let_in = Writer(connection), 0
    executions.order(writer, STEP)
    for move in moves:
        connection.execute("BEGIN")
        match move:
            case "claim" | "claim and crash":
                refusal = executions.claim(writer, STEP, MONDAY)
                let_in += refusal is None and move == "claim"
            case "end" if let_in:
                executions.end(writer, STEP.key)
            case "withdraw":
                executions.withdraw(writer, STEP.run)
            case "order":
                executions.order(writer, STEP)
            case _:
                pass
        connection.execute("ROLLBACK" if move == "claim and crash" else "COMMIT")
    assert let_in <= 1
    ended = let_in and "end" in moves[moves.index("claim") :]
    assert bool(executions.claimed(connection)) == bool(let_in and not ended)
