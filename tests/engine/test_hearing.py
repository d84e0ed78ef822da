"""Whether inputs can be heard, on a real inputs log and a clock that tests set."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from responder.core.messages import Input, Resumed
from responder.core.model import SECOND, Nanoseconds
from responder.engine.hearing import Hearing
from responder.settings.values import Limits
from responder.store.database import Database
from responder.store.inputs import InputsLog
from tests.clock import ManualClock


class Ear:
    """A Hearing with its log; `lag` is how far deciding is behind."""

    def __init__(self, database: Database) -> None:
        self.clock = ManualClock()
        self.log = InputsLog(database, self.clock, 0, 0)
        self.inputs: list[Input] = []
        self.log.on_appended = self.inputs.extend
        self.lag: Nanoseconds = 0
        self.woken = 0
        self.hearing = Hearing(self.clock, Limits(lag=10 * SECOND), self.log, lambda: self.lag, self._wake)

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
async def ear(tmp_path: Path) -> AsyncIterator[Ear]:
    database = Database(tmp_path / "responder.db")
    database.open()
    yield Ear(database)
    await database.close()


async def test_what_was_lost_is_resumed_from_when_it_was_lost(ear: Ear) -> None:
    lost_at = ear.log.now()
    ear.hearing.lose("storage")
    await ear.clock.advance(30 * SECOND)
    ear.hearing.lose("lag")  # it is lost already: the first time and reason stay
    assert (ear.hearing.lost, ear.woken) == ("storage", 1)
    assert await ear.hearing.again()
    assert [given.body for given in ear.inputs] == [Resumed(lost_at, "storage")]
    assert ear.hearing.lost == ""


async def test_nothing_is_heard_before_half_the_lag_is_made_up(ear: Ear) -> None:
    ear.hearing.lose("lag")
    ear.lag = 5 * SECOND + 1
    assert not await ear.hearing.again()
    assert (ear.hearing.lost, ear.inputs) == ("lag", [])
    ear.lag = 5 * SECOND
    assert await ear.hearing.again()


async def test_a_pause_counts_from_its_beginning(ear: Ear) -> None:
    await ear.clock.advance(10 * SECOND)
    ear.hearing.notice_a_pause()
    assert ear.hearing.lost == ""
    began = ear.log.now()
    await ear.clock.advance(11 * SECOND)
    ear.hearing.notice_a_pause()
    assert ear.hearing.lost == "pause"
    assert await ear.hearing.again()
    assert [given.body for given in ear.inputs] == [Resumed(began, "pause")]
