"""What every command is answered: when it is decided, or that it is accepted and not decided yet."""

import sqlite3
from contextlib import closing
from pathlib import Path

from responder.core.model import SECOND
from tests.web.api.office import office

FREEZE = {"scope": "global", "reason": "x", "for": "1h"}


async def test_what_is_durable_and_not_decided_in_time_is_accepted(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        with closing(sqlite3.connect(tmp_path / "responder.db")) as connection:
            connection.execute(
                "CREATE TRIGGER no BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
            connection.commit()
            status, answer = await api.ask("alice", "POST", "freezes", FREEZE)
            assert (status, answer) == (
                202,
                {"status": "accepted", "input": answer["input"], "look": "/api/v1/freezes"},
            )
            connection.execute("DROP TRIGGER no")
            connection.commit()
        await api.clock.advance(10 * SECOND)
        assert await api.service.engine.caught_up()
        (freeze,) = await api.get("freezes")
        assert (freeze["scope"], freeze["by"]) == ("global", "alice")


async def test_a_command_is_seen_by_whoever_reads_after_its_answer(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        for count in range(1, 21):
            await api.do("alice", "freezes", FREEZE)
            assert len(await api.get("freezes")) == count
