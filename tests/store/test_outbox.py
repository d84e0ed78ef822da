"""The ledger as delivery and people see it: claims, attempts, sums, lists."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from responder.core.ledger import OpenRow, Told, View
from responder.core.model import SECOND, labels_from
from responder.core.orders import Attempted, Earlier
from responder.core.state import Changes, ClosedRow, DeadRow, Group, LedgerRow
from responder.store import outbox
from responder.store.database import Database
from responder.store.outbox import DeliveryRow, OutboxStore, Sums
from responder.store.records import Batch
from responder.store.vocabulary import Vocabulary
from tests.clock import MONDAY, ManualClock


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Seven rows of three groups: two pending, and one of each other kind, but two dead."""
    database = Database(tmp_path / "responder.db")
    database.open()
    batch = Batch()
    integrations = {1: "a", 2: "b", 3: "a", 4: "a", 5: "a", 6: "a", 7: "a"}
    groups = {1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 7: 3}
    opened = Changes(
        groups={n: Group(n, "0", labels_from({"g": str(n)}), MONDAY, MONDAY) for n in (1, 2, 3)},
        told={(1, i): Told(head=OpenRow(n, "repeat", View())) for n, i in ((1, "a"), (2, "b"))},
        opened=[
            LedgerRow(
                n, groups[n], f"g{groups[n]}", "team", integrations[n], MONDAY + n, "repeat", [n], [], []
            )
            for n in range(1, 8)
        ],
    )
    opened.next_alert, opened.next_group, opened.next_row = 1, 4, 8
    batch.add(opened, MONDAY)
    batch.encode(Vocabulary())
    await database.submit(batch.write)
    batch = Batch()
    closed = Changes(
        closed=[
            ClosedRow(3, "delivered", "repeat"),
            ClosedRow(4, "suppressed", "inhibition", by="rule"),
            ClosedRow(5, "superseded", "superseded", by="row 6"),
            ClosedRow(6, "dead", "timeout", "late", attempts=3),
            ClosedRow(7, "dead", "client_error", "HTTP 400", attempts=1),
        ],
        dead={6: DeadRow(3, "a", 1)},
    )
    batch.add(closed, MONDAY + SECOND)
    batch.add(Changes(dead={7: DeadRow(3, "a", 2)}, unlisted=[6]), MONDAY + SECOND)
    batch.encode(Vocabulary())
    await database.submit(batch.write)
    yield database
    await database.close()


async def execute(database: Database, sql: str) -> None:
    """Change rows by hand."""
    assert await database.submit(lambda w: w.execute(sql)) != 0


# -- claims and attempts ----------------------------------------------------------------------


async def test_a_claim_answers_with_the_rows_that_can_still_be_sent(database: Database) -> None:
    store = OutboxStore(database, ManualClock())
    assert await database.read(outbox.claimed) == {}
    assert await store.claim([1, 3, 6, 99]) == {1}
    assert await database.read(outbox.claimed) == {1: Earlier(1)}
    assert await store.claim([1, 2]) == {1, 2}
    assert await database.read(outbox.claimed) == {1: Earlier(1), 2: Earlier(1)}


async def test_a_claim_of_nothing(database: Database) -> None:
    assert await OutboxStore(database, ManualClock()).claim([]) == set()
    assert await database.read(outbox.claimed) == {}


async def test_a_claim_notes_the_time_and_touches_nobody_else(database: Database) -> None:
    clock = ManualClock()
    clock.jump(5 * SECOND)
    await OutboxStore(database, clock).claim([2])
    query = "SELECT id, claimed_at FROM deliveries WHERE claimed_at > 0"
    assert await database.read(lambda c: c.execute(query).fetchall()) == [(2, MONDAY + 5 * SECOND)]


async def test_attempts_are_counted_for_whoever_comes_after(database: Database) -> None:
    store = OutboxStore(database, ManualClock())
    await store.claim([1, 2])
    later = MONDAY + 9 * SECOND
    before = database.commits
    await store.attempts(
        [Attempted(1, 4, later, "server_error", "HTTP 503"), Attempted(2, 1, later, "timeout", "10s")]
    )
    assert database.commits == before + 1
    assert await database.read(outbox.claimed) == {1: Earlier(4), 2: Earlier(1)}
    rows = await database.read(lambda c: outbox.list_rows(c, dead=False))
    tried = {r.id: (r.attempts, r.next_at, r.last_reason, r.last_detail) for r in rows if r.id < 4}
    assert tried == {
        1: (4, later, "server_error", "HTTP 503"),
        2: (1, later, "timeout", "10s"),
        3: (0, 0, "", ""),
    }


async def test_what_a_service_asked_for_and_what_an_integration_gave_are_kept_for_whoever_comes_after(
    database: Database,
) -> None:
    store = OutboxStore(database, ManualClock())
    await store.claim([1, 2])
    until = MONDAY + 9 * SECOND
    await store.attempts(
        [Attempted(1, 2, until, "rate_limited", "HTTP 429"), Attempted(2, 1, until, None, "", "C1 17.4")]
    )
    assert await database.read(outbox.claimed) == {1: Earlier(2, "", until), 2: Earlier(1, "C1 17.4")}


# -- sums -------------------------------------------------------------------------------------


async def test_what_was_owed_is_what_was_closed_and_what_is_pending(database: Database) -> None:
    sums = await database.read(outbox.sums)
    assert sums == Sums(
        owed=7,
        closed={"delivered": 1, "suppressed": 1, "superseded": 1, "dead": 2},
        pending=2,
        reasons={"dead(client_error)": 1, "dead(timeout)": 1, "suppressed(inhibition)": 1},
        problems=(),
    )
    assert sums.balanced


@pytest.mark.parametrize(
    ("tampering", "problems"),
    [
        ("DELETE FROM deliveries WHERE id = 1", ["owed 7, but 6 closed or pending"]),
        ("DELETE FROM deliveries WHERE id = 3", ["delivered: 1 closed, but 0 rows kept or pruned"]),
        (
            "UPDATE deliveries SET state = 'delivered' WHERE id = 7",
            ["delivered: 1 closed, but 2 rows kept or pruned", "dead: 2 closed, but 1 rows kept or pruned"],
        ),
        (
            "UPDATE deliveries SET state = 'pending' WHERE id = 4",
            ["owed 7, but 8 closed or pending", "suppressed: 1 closed, but 0 rows kept or pruned"],
        ),
        ("UPDATE sums SET value = 8 WHERE name = 'owed'", ["owed 8, but 7 closed or pending"]),
        (
            "UPDATE sums SET value = 0 WHERE name = 'closed.superseded'",
            ["owed 7, but 6 closed or pending", "superseded: 0 closed, but 1 rows kept or pruned"],
        ),
    ],
)
async def test_a_row_that_was_tampered_with_is_noticed(
    database: Database, tampering: str, problems: list[str]
) -> None:
    await execute(database, tampering)
    sums = await database.read(outbox.sums)
    assert list(sums.problems) == problems
    assert not sums.balanced


async def test_an_unknown_state_cannot_be_stored(database: Database) -> None:
    with pytest.raises(Exception, match="CHECK constraint failed"):
        await execute(database, "UPDATE deliveries SET state = 'lost' WHERE id = 1")


# -- lists ------------------------------------------------------------------------------------


async def test_the_dead_are_one_line_for_each_group_and_integration(database: Database) -> None:
    dead = await database.read(lambda c: outbox.list_rows(c, dead=True))
    assert dead == [
        DeliveryRow(
            7, "g3", "team", "a", MONDAY + 7, "repeat", "dead", "client_error", "HTTP 400", 1, 0, "", "", 2
        )
    ]


async def test_all_rows_newest_first(database: Database) -> None:
    def ids(**how: Any) -> Callable[[Any], list[tuple[int, int]]]:
        return lambda c: [(row.id, row.count) for row in outbox.list_rows(c, **how)]

    assert await database.read(ids(dead=False)) == [(n, 1) for n in (7, 6, 5, 4, 3, 2, 1)]
    assert await database.read(ids(dead=False, limit=2)) == [(7, 1), (6, 1)]


async def test_a_row_as_it_is_shown() -> None:
    row = DeliveryRow(
        7, "g3", "team", "a", MONDAY, "repeat", "pending", "", "", 2, MONDAY + SECOND, "timeout", ""
    )
    assert outbox.as_shown(row) == {
        "id": 7,
        "group_key": "g3",
        "receiver": "team",
        "integration": "a",
        "at": "2026-01-05T00:00:00Z",
        "reason": "repeat",
        "state": "pending",
        "attempts": 2,
        "next_at": "2026-01-05T00:00:01Z",
        "last_reason": "timeout",
        "count": 1,
    }
