"""What is kept of traces: written with what it is about, read back at a start, gone when it is over."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from responder.core.tracecontext import TraceContext
from responder.store import traces
from responder.store.database import Database
from responder.store.traces import Key, RowTrace, Traces

ONE: Final = TraceContext("1" * 32, "a" * 16, 1, "v=1")
TWO: Final = TraceContext("2" * 32, "b" * 16)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "responder.db")
    database.open()
    yield database
    await database.close()


async def test_everything_is_read_back_as_it_was(database: Database) -> None:
    row = RowTrace(ONE, 7, (3, 4), (ONE, TWO))
    changes: dict[Key, traces.Body | None] = {
        Key("told", 7, 3): (ONE, TWO),
        Key("told", 7, 4): (TWO,),
        Key("row", 12): row,
        Key("run", 5): (TWO,),
    }
    await database.submit(lambda writer: traces.write(writer, changes))
    assert await database.read(traces.read) == Traces(
        {(7, 3): (ONE, TWO), (7, 4): (TWO,)}, {12: row}, {5: TWO}
    )


async def test_the_last_word_holds_and_what_is_over_is_gone(database: Database) -> None:
    await database.submit(
        lambda writer: traces.write(writer, {Key("told", 7, 3): (ONE,), Key("run", 5): (ONE,)})
    )
    await database.submit(
        lambda writer: traces.write(writer, {Key("told", 7, 3): (TWO,), Key("run", 5): None})
    )
    await database.submit(lambda writer: traces.write(writer, {Key("row", 1): None}))  # never was
    assert await database.read(traces.read) == Traces({(7, 3): (TWO,)}, {}, {})


async def test_all_can_be_forgotten(database: Database) -> None:
    await database.submit(lambda writer: traces.write(writer, {Key("run", 5): (ONE,)}))
    await database.submit(traces.forget_all)
    assert await database.read(traces.read) == Traces({}, {}, {})
