"""What is forgotten, and what must stay true of the rest."""

import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from responder.core.ledger import Told, View
from responder.core.model import DAY, HOUR, MINUTE, SECOND, Alert, Nanoseconds, labels_from
from responder.core.silence import Silence
from responder.core.state import Changes, ClosedRow, DeadRow, Group, LedgerRow
from responder.settings.values import Retention
from responder.store import journal, outbox, retention
from responder.store.database import Database
from responder.store.journal import Chain, Head, verify
from responder.store.records import Batch
from responder.store.rejected import keep_rejected
from responder.store.retention import SNAPSHOT_INTERVAL, Snapshot, prune, take_snapshot
from responder.store.vocabulary import Vocabulary
from tests.clock import MONDAY

KEEP = Retention(inputs=7 * DAY, deliveries=30 * DAY, journal=400 * DAY, rejected=7 * DAY)


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that forgetting takes more than one transaction."""
    monkeypatch.setattr(retention, "_ROWS_AT_ONCE", 3)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open database."""
    database = Database(tmp_path / "responder.db")
    database.open()
    yield database
    await database.close()


async def rows(database: Database, query: str) -> list[Any]:
    """Rows of a query; single values if they have one column."""
    found = await database.read(lambda c: c.execute(query).fetchall())
    return [row[0] if len(row) == 1 else row for row in found]


# -- the journal ------------------------------------------------------------------------------


async def write_journal(database: Database, *ats: Nanoseconds) -> list[Head]:
    """Rows at these times; the head after each."""
    chain, heads, made = Chain(Head()), [], []
    for at in ats:
        made.append(chain.next_row(at, 0, {"at": at}))
        heads.append(chain.head)
    await database.submit(lambda w: journal.append(w, made))
    return heads


async def verified(database: Database, anchor: Head | None = None) -> journal.Verified:
    """What `responder audit verify` finds."""
    return await database.read(lambda c: verify(journal.checkpoint(c), journal.entries(c), anchor))


async def test_a_pruned_journal_still_verifies(database: Database) -> None:
    now = MONDAY + 500 * DAY
    heads = await write_journal(database, *[MONDAY + n * 10 * DAY for n in range(20)])
    gone = await prune(database, KEEP, now)
    # Older than 400 days: those of day 0 to 90. The one of day 100 is just not.
    assert gone["journal"] == 10
    assert await rows(database, "SELECT n, hash FROM checkpoints") == [(10, heads[9].hash)]
    assert await database.read(journal.checkpoint) == heads[9]
    for anchor in (None, heads[3], heads[9], heads[10], heads[19]):
        assert await verified(database, anchor) == journal.Verified(heads[19], 10)
    await database.submit(lambda w: w.execute("DELETE FROM journal WHERE n = 11"))
    assert (await verified(database)).broken == "row 11 is missing: after 10 comes 12"


async def test_pruning_again_moves_the_checkpoint_on(database: Database) -> None:
    heads = await write_journal(database, *[MONDAY + n * DAY for n in range(10)])
    assert (await prune(database, KEEP, MONDAY + 402 * DAY))["journal"] == 2
    assert (await prune(database, KEEP, MONDAY + 407 * DAY))["journal"] == 5
    assert await rows(database, "SELECT n, hash FROM checkpoints") == [(7, heads[6].hash)]
    assert await verified(database) == journal.Verified(heads[9], 3)


async def test_the_newest_row_always_stays(database: Database) -> None:
    heads = await write_journal(database, MONDAY, MONDAY + 1, MONDAY + 2)
    assert (await prune(database, KEEP, MONDAY + 900 * DAY))["journal"] == 2
    assert await rows(database, "SELECT n FROM journal") == [3]
    assert await database.read(journal.newest) == heads[2]
    assert await verified(database, heads[2]) == journal.Verified(heads[2], 1)


async def test_a_journal_that_is_young_is_left_alone(database: Database) -> None:
    await write_journal(database, MONDAY, MONDAY + 1)
    assert (await prune(database, KEEP, MONDAY + 400 * DAY))["journal"] == 0
    assert await rows(database, "SELECT * FROM checkpoints") == []


# -- the ledger -------------------------------------------------------------------------------


async def write_ledger(database: Database) -> None:
    """Rows 1 to 8 were delivered, one a day; then one of each other kind, and one that is pending."""
    batch = Batch()
    opened = Changes(
        opened=[LedgerRow(n, 1, "g", "team", "a", MONDAY, "repeat", [], [], []) for n in range(1, 14)]
    )
    batch.add(opened, MONDAY)
    for n in range(1, 9):
        batch.add(Changes(closed=[ClosedRow(n, "delivered", "repeat")]), MONDAY + n * DAY)
    ends = [
        ClosedRow(9, "suppressed", "inhibition"),
        ClosedRow(10, "superseded", "superseded"),
        ClosedRow(11, "dead", "timeout"),
        ClosedRow(12, "dead", "client_error"),
    ]
    batch.add(
        Changes(closed=ends, dead={11: DeadRow(1, "a"), 12: DeadRow(1, "b")}, unlisted=[11]), MONDAY + DAY
    )
    batch.encode(Vocabulary())
    await database.submit(batch.write)


async def test_forgotten_deliveries_stay_in_the_sums(database: Database) -> None:
    await write_ledger(database)
    before = await database.read(outbox.sums)
    assert before.balanced
    gone = await prune(database, KEEP, MONDAY + 36 * DAY)
    # Those of the first five days; not the pending one, and not the dead one that nobody dealt with.
    assert gone["deliveries"] == 8
    assert await rows(database, "SELECT id FROM deliveries ORDER BY id") == [6, 7, 8, 12, 13]
    after = await database.read(outbox.sums)
    assert (after.owed, after.closed, after.pending, after.problems) == (
        13,
        {"delivered": 8, "suppressed": 1, "superseded": 1, "dead": 2},
        1,
        (),
    )
    assert (await prune(database, KEEP, MONDAY + 37 * DAY))["deliveries"] == 1
    assert (await prune(database, KEEP, MONDAY + 999 * DAY))["deliveries"] == 2
    assert await rows(database, "SELECT id FROM deliveries ORDER BY id") == [12, 13]
    assert (await database.read(outbox.sums)).problems == ()


async def test_a_row_that_was_removed_by_hand_shows_after_pruning_too(database: Database) -> None:
    await write_ledger(database)
    await database.submit(lambda w: w.execute("DELETE FROM deliveries WHERE id = 1"))
    await prune(database, KEEP, MONDAY + 999 * DAY)
    assert (await database.read(outbox.sums)).problems == ("delivered: 8 closed, but 7 rows kept or pruned",)


# -- the inputs log ---------------------------------------------------------------------------


async def write_inputs(database: Database, count: int, consumed: int) -> None:
    """Inputs, an hour apart, of which some are decided."""
    columns = ("seq", "at", "kind", "actor", "body")
    made = [(n, MONDAY + n * HOUR, "lagging", "a", b"{}") for n in range(1, count + 1)]
    await database.submit(lambda w: w.insert("inputs", columns, made))
    await consume(database, consumed)


async def consume(database: Database, seq: int) -> None:
    """Say that inputs up to `seq` are decided."""
    await database.submit(lambda w: w.upsert("meta", ("name",), ("name", "value"), [("consumed", str(seq))]))


async def seqs(database: Database) -> tuple[list[int], list[int]]:
    """The inputs and the snapshots that are kept."""
    return (
        await rows(database, "SELECT seq FROM inputs ORDER BY seq"),
        await rows(database, "SELECT seq FROM snapshots ORDER BY seq"),
    )


async def test_inputs_are_forgotten_only_behind_a_snapshot(database: Database) -> None:
    await write_inputs(database, 10, 6)
    now = MONDAY + 100 * DAY  # far too old, all of them
    gone = await prune(database, KEEP, now)
    assert gone["inputs"] == 0
    assert await seqs(database) == (list(range(1, 11)), [6])  # the snapshot is taken now
    await consume(database, 8)
    assert (await prune(database, KEEP, now + 7 * DAY - 1))["inputs"] == 0
    # Seven days after the first snapshot: what it covers may go, and it stays, as the start of a replay.
    assert (await prune(database, KEEP, now + 7 * DAY))["inputs"] == 6
    assert await seqs(database) == ([7, 8, 9, 10], [6, 8])
    assert (await prune(database, KEEP, now + 30 * DAY))["inputs"] == 2
    assert await seqs(database) == ([9, 10], [8])


async def test_undecided_inputs_are_never_forgotten(database: Database) -> None:
    await write_inputs(database, 10, 0)
    for day in (100, 200, 300):
        await prune(database, KEEP, MONDAY + day * DAY)
    assert await seqs(database) == (list(range(1, 11)), [0])


async def test_a_database_that_is_too_large_keeps_an_eighth(database: Database) -> None:
    await write_inputs(database, 4, 4)
    small = Retention(inputs=8 * DAY, max_size=1)
    now = MONDAY + 100 * DAY
    assert (await prune(database, small, now))["inputs"] == 0
    assert (await prune(database, small, now + DAY - 1))["inputs"] == 0
    assert (await prune(database, small, now + DAY))["inputs"] == 4
    assert (await seqs(database))[0] == []


async def test_snapshots_are_taken_six_hours_apart(database: Database) -> None:
    now = MONDAY + DAY
    for seq, after in enumerate((0, HOUR, SNAPSHOT_INTERVAL - 1, SNAPSHOT_INTERVAL, SNAPSHOT_INTERVAL + 1)):
        await consume(database, seq)
        await prune(database, KEEP, now + after)
    found = await rows(database, "SELECT seq, at FROM snapshots ORDER BY seq")
    assert found == [(0, now), (3, now + SNAPSHOT_INTERVAL)]


async def test_a_snapshot_holds_the_state_as_it_is_stored(database: Database) -> None:
    labels = labels_from({"alertname": "A"})
    alert = Alert(1, labels, (), MONDAY, 0, MONDAY, groups=(1,))
    group = Group(1, "0", (), MONDAY, MONDAY + MINUTE)
    told = Told(View({1: 1}))
    batch = Batch(meta={"consumed": "9"})
    batch.add(Changes(alerts={1: alert}, groups={1: group}, told={(1, "team"): told}, rules="hash"), MONDAY)
    vocabulary = Vocabulary()
    batch.encode(vocabulary)
    await database.submit(batch.write)
    assert await take_snapshot(database, MONDAY + SECOND) == 9
    ((seq, at, body),) = await rows(database, "SELECT seq, at, body FROM snapshots")
    assert (seq, at) == (9, MONDAY + SECOND)
    found = msgspec.json.decode(zlib.decompress(body), type=Snapshot)
    assert found.meta == {"consumed": "9", "rules": "hash"}
    assert ([key for key, _ in found.alerts], vocabulary.alerts([raw for _, raw in found.alerts])) == (
        [1],
        [alert],
    )
    assert [(key, msgspec.json.decode(raw, type=Group)) for key, raw in found.groups] == [(1, group)]
    assert [(*key, msgspec.json.decode(raw, type=Told)) for *key, raw in found.told] == [(1, "team", told)]


async def test_a_snapshot_holds_what_people_have_not_dealt_with(database: Database) -> None:
    batch = Batch()
    row = LedgerRow(4, 1, "{}:{}", "team", "hook", MONDAY, "repeat", [1], [], [])
    closed = ClosedRow(4, "dead", "client_error")
    batch.add(Changes(opened=[row], closed=[closed], dead={4: DeadRow(1, "hook", 3)}), MONDAY)
    batch.encode(Vocabulary())
    await database.submit(batch.write)
    await take_snapshot(database, MONDAY)
    (body,) = await rows(database, "SELECT body FROM snapshots")
    assert msgspec.json.decode(zlib.decompress(body), type=Snapshot).dead == [(4, 1, "hook", 3)]


async def test_a_snapshot_holds_silences(database: Database) -> None:
    silence = Silence("s", (("a", "=~", "b|c"),), MONDAY, MONDAY + DAY, "boss", "alice", "why", MONDAY)
    batch = Batch()
    batch.add(Changes(silences={"s": silence}), MONDAY)
    batch.encode(Vocabulary())
    await database.submit(batch.write)
    await take_snapshot(database, MONDAY)
    (body,) = await rows(database, "SELECT body FROM snapshots")
    found = msgspec.json.decode(zlib.decompress(body), type=Snapshot).silences
    assert [msgspec.json.decode(raw, type=Silence) for raw in found] == [silence]


# -- the rest ---------------------------------------------------------------------------------


async def test_rejected_requests_go_by_age(database: Database) -> None:
    for day in range(5):
        await keep_rejected(database, MONDAY + day * DAY, "a", 400, "", b"")
    assert (await prune(database, KEEP, MONDAY + 9 * DAY))["rejected"] == 2
    assert await rows(database, "SELECT id FROM rejected ORDER BY id") == [3, 4, 5]


async def test_the_rules_in_force_are_kept_however_old(database: Database) -> None:
    made = [("old", MONDAY, b"{}"), ("in force", MONDAY, b"{}"), ("young", MONDAY + 2 * DAY, b"{}")]
    await database.submit(lambda w: w.insert("rulesets", ("hash", "at", "source"), made))
    await database.submit(lambda w: w.insert("meta", ("name", "value"), [("rules", "in force")]))
    assert (await prune(database, KEEP, MONDAY + 401 * DAY))["rulesets"] == 1
    assert await rows(database, "SELECT hash FROM rulesets ORDER BY hash") == ["in force", "young"]


async def test_what_went_is_counted_by_table(database: Database) -> None:
    assert await prune(database, KEEP, MONDAY) == {
        "inputs": 0,
        "deliveries": 0,
        "journal": 0,
        "rejected": 0,
        "rulesets": 0,
    }
