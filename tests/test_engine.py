"""The engine on a real database and a clock that tests set: durable, decided, committed, then told."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace as replaced

from responder.core.decide import decide, decide_timer
from responder.core.messages import (
    Accepted,
    AlertsReceived,
    BadRequest,
    BreakerTurned,
    Declined,
    DismissDelivery,
    Input,
    Lagging,
    ReceivedAlert,
    Resumed,
    RulesLoaded,
    Started,
)
from responder.core.model import HOUR, MILLISECOND, MINUTE, SECOND, Nanoseconds, labels_from
from responder.core.notification import FailureReason
from responder.core.orders import KEYED, Ending, Order
from responder.core.orders import State as EndState
from responder.core.receiving import Limits as AlertLimits
from responder.core.receiving import parse_api, parse_webhook
from responder.core.rules import Receiver, Ruleset
from responder.core.state import State
from responder.engine import Engine, Pending
from responder.errors import Overloaded, StorageError
from responder.replay import apply
from responder.settings.values import Limits
from responder.store import journal, outbox
from responder.store.database import reading
from responder.store.inputs import read_inputs
from responder.telemetry import Metrics
from tests.acceptance.timeline.clock import TimelineClock
from tests.acceptance.timeline.world import WatchedDatabase
from tests.clock import MONDAY
from tests.core.invariants import consistent
from tests.core.timeline import journal_entry
from tests.core.words import hook, inhibit, name_of, route, rules

ROUNDING = 2 * MILLISECOND
"""The engine sleeps for no less than a millisecond."""


class Desk:
    """Delivery's side of the engine: notes what it is given, and that it is durable by then."""

    def __init__(self, path: Path, clock: TimelineClock) -> None:
        self._path = path
        self._clock = clock
        self.at: list[Nanoseconds] = []
        self.starts = True
        self.held: set[int] = set()
        self.handed: list[Order] = []
        self.recorded: list[bool] = []
        self.succeeded: list[int] = []
        self.prepared: list[int] = []
        self.distrusted: set[str] = set()

    def start_now(self, orders: list[Order]) -> set[int]:
        return {order.row for order in orders if order.row not in self.held} if self.starts else set()

    def hand(self, orders: list[Order]) -> None:
        for order in orders:
            if order.row in self.held:
                continue  # as delivery does: it has this one
            with reading(self._path) as connection:
                query = "SELECT state, claimed_at > 0 FROM deliveries WHERE id = ?"
                row = connection.execute(query, (order.row,)).fetchone()
                if row is None:  # told beside the record: what it follows from is durable
                    query = "SELECT max(seq) > (SELECT value FROM meta WHERE name = 'consumed') FROM inputs"
                    assert connection.execute(query).fetchone() == (1,)
                    assert (order.claimed, order.integration.kind in KEYED) == (True, True)
                else:
                    assert row == ("pending", order.claimed)
            self.recorded.append(row is not None)
            self.held.add(order.row)
            self.handed.append(order)
            self.at.append(self._clock.monotonic())

    def prepare(self, orders: list[Order]) -> None:
        self.prepared += [order.row for order in orders]

    def succeed(self, row: int) -> None:
        self.succeeded.append(row)

    def distrust(self, destinations: Collection[str]) -> None:
        self.distrusted = set(destinations)


def webhook(*names: str, status: str = "firing") -> AlertsReceived:
    """An Alertmanager's request."""
    alerts = [{"status": status, "labels": {"alertname": name}} for name in names]
    body = msgspec.json.encode({"version": "4", "alerts": alerts})
    return AlertsReceived("webhook", body, *parse_webhook(body, AlertLimits()))


def api(name: str, ends_at: str) -> AlertsReceived:
    """A Prometheus' request."""
    body = msgspec.json.encode([{"labels": {"alertname": name}, "endsAt": ends_at}])
    return AlertsReceived("api", body, *parse_api(body, AlertLimits()))


def poison() -> AlertsReceived:
    """An input on which deciding raises: a value that no entrance lets through."""
    labels: Any = (("alertname", 5),)
    body = b'{"version": "4", "alerts": []}'
    return AlertsReceived("webhook", body, (ReceivedAlert(labels, (), 0, 0, "", False),))


@dataclass
class Life:
    """One life of the process."""

    path: Path
    clock: TimelineClock
    database: WatchedDatabase
    engine: Engine
    desk: Desk
    metrics: Metrics
    recompiled: list[Mapping[str, str]] = field(default_factory=list)

    async def wait(self, seconds: float) -> None:
        await self.clock.advance(int(seconds * SECOND))

    async def accept(self, *bodies: Any) -> None:
        await self.engine.accept("somebody", list(bodies))
        await self.clock.settle()

    async def deliver(self, order: Order) -> None:
        await self.end(order, "delivered")

    async def end(
        self, order: Order, state: EndState, reason: FailureReason | None = None, *, maybe_told: bool = False
    ) -> None:
        await self.engine.report(Ending(order.row, state, reason, "", 1, self.clock.now(), maybe_told))
        self.desk.held.discard(order.row)
        await self.clock.settle()

    async def command(self, body: Any) -> object:
        task = asyncio.create_task(self.engine.command("somebody", body, wait=0.2))
        await self.clock.settle()
        return await task

    async def sql(self, text: str) -> None:
        await self.database.submit(lambda writer: writer.execute(text))

    async def refuse(self, table: str) -> None:
        """From now on a row in `table` makes its transaction fail."""
        await self.sql(
            f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

    async def allow(self, table: str) -> None:
        await self.sql(f"DROP TRIGGER refuse_{table}")

    async def die(self) -> None:
        """The process is killed: nothing more is decided, committed or handed over."""
        task, self.engine._task = self.engine._task, None
        assert task is not None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with reading(self.path) as connection:
            return connection.execute(query).fetchall()

    def inputs(self) -> list[Input]:
        with reading(self.path) as connection:
            return list(read_inputs(connection, 0, AlertLimits()))

    def noted(self) -> list[str]:
        """What the journal notes, in order."""
        bodies = [msgspec.json.decode(body) for (body,) in self.rows("SELECT body FROM journal ORDER BY n")]
        return [e["what"] for body in bodies for e in body["events"] if e["type"] == "noted"]

    def told(self) -> list[tuple[int, str, list[str]]]:
        """Seconds, reason and what fires, of every order."""
        return [
            (
                (order.notification.at - MONDAY) // SECOND,
                order.notification.reason,
                [name_of(alert.labels) for alert in order.notification.firing],
            )
            for order in self.desk.handed
        ]

    def check(self) -> None:
        """The journal verifies, the ledger balances, the state is consistent."""
        consistent(self.engine.state)
        with reading(self.path) as connection:
            assert outbox.sums(connection).problems == ()
            verified = journal.verify(journal.checkpoint(connection), journal.entries(connection))
            assert (verified.broken, verified.head) == ("", self.engine.head)


@asynccontextmanager
async def life(
    path: Path,
    clock: TimelineClock,
    ruleset: Ruleset | None = None,
    limits: Limits | None = None,
    *,
    check: bool = True,
    starts: bool = True,
) -> AsyncIterator[Life]:
    """A process from its start to its stop."""
    database = WatchedDatabase(path)
    clock.busy = [lambda: database.outstanding > 0]
    database.open()
    metrics, desk = Metrics(), Desk(path, clock)
    desk.starts = starts
    recompiled: list[Mapping[str, str]] = []

    def recompile(source: Mapping[str, str], running: Ruleset) -> Ruleset:
        recompiled.append(source)
        return rules(name=source["name"])

    engine = Engine(database, clock, ruleset or rules(), limits or Limits(), metrics, recompile)
    it = Life(path, clock, database, engine, desk, metrics, recompiled)
    try:
        await engine.start(desk)
        await clock.settle()
        yield it
        if check and engine.deciding:
            await clock.settle()
            it.check()
    finally:
        await engine.stop()
        await database.close()


@pytest.fixture
def clock() -> TimelineClock:
    return TimelineClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "responder.db"


# -- the corridor -----------------------------------------------------------------------------


async def test_what_is_accepted_is_decided_committed_and_only_then_handed_over(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A", "B"))
        assert (it.engine.consumed, it.engine.log.last_seq) == (2, 2)
        await it.wait(29)
        assert it.told() == []
        await it.wait(1)
        assert it.told() == [(30, "first_notification", ["A", "B"])]
        assert [order.claimed for order in it.desk.handed] == [True]
        await it.deliver(it.desk.handed[0])
        assert it.rows("SELECT state, close_reason, attempts FROM deliveries") == [
            ("delivered", "first_notification", 1)
        ]


def permitted(path: Path) -> None:
    """What a process that is gone was refused works for the next."""
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER refuse_journal")
    connection.close()


def at_once(kind: str = "webhook") -> Ruleset:
    """Rules by which an alert is told in the moment in which it comes."""
    return rules(wait="0s", interval="1m", receivers=[Receiver("team", (replaced(hook("team"), kind=kind),))])


async def test_who_is_told_under_a_key_is_told_when_the_cause_is_durable(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock, at_once()) as it:
        before = it.database.commits
        await it.accept(webhook("A"))
        assert it.told() == [(0, "first_notification", ["A"])]
        assert it.desk.recorded == [False]
        assert it.desk.prepared == [1]
        assert it.database.commits == before + 2
        assert it.rows("SELECT id, state, claimed_at > 0 FROM deliveries") == [(1, "pending", 1)]
        await it.deliver(it.desk.handed[0])
        assert it.rows("SELECT state, attempts FROM deliveries") == [("delivered", 1)]


@pytest.mark.parametrize("kind", ["slack", "email"])
async def test_who_would_be_told_twice_is_told_when_the_record_is_durable(
    path: Path, clock: TimelineClock, kind: str
) -> None:
    async with life(path, clock, at_once(kind)) as it:
        await it.accept(webhook("A"))
        assert it.told() == [(0, "first_notification", ["A"])]
        assert it.desk.recorded == [True]


async def test_an_order_whose_turn_has_not_come_is_not_told_beside_its_record(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock, at_once()) as it:
        it.desk.starts = False
        await it.accept(webhook("A"))
        assert ([order.claimed for order in it.desk.handed], it.desk.recorded) == ([False], [True])


async def test_nothing_is_told_of_what_did_not_get_into_the_log(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock, at_once()) as it:
        await it.refuse("inputs")
        with pytest.raises(Overloaded):
            await it.accept(webhook("A"))
        await it.wait(10)
        assert it.desk.handed == []
        await it.allow("inputs")
        await it.wait(1)
        await it.accept(webhook("A"))
        assert [row for _, *row in it.told()] == [["first_notification", ["A"]]]


@pytest.mark.parametrize("ended", [False, True])
async def test_what_was_told_beside_a_record_that_failed_is_told_once(
    path: Path, clock: TimelineClock, ended: bool
) -> None:
    async with life(path, clock, at_once()) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        assert (it.desk.recorded, it.rows("SELECT * FROM deliveries")) == ([False], [])
        if ended:
            await it.deliver(it.desk.handed[0])
        await it.wait(1)
        await it.accept(webhook("B"))
        assert len(it.desk.handed) == 1  # what an engine decides again is told when it is recorded
        await it.allow("journal")
        await it.wait(5)
        if not ended:
            assert it.rows("SELECT id, state, claimed_at > 0 FROM deliveries") == [(1, "pending", 1)]
            await it.deliver(it.desk.handed[0])
        await it.wait(60)
        assert it.told() == [(0, "first_notification", ["A"]), (60, "new_alerts", ["A", "B"])]
        assert it.rows("SELECT state FROM deliveries ORDER BY id") == [("delivered",), ("pending",)]


async def test_what_was_told_beside_a_record_that_failed_is_stored_as_claimed(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock, at_once(), check=False) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        await it.allow("journal")
        await it.wait(5)
        assert it.rows("SELECT id, state, claimed_at > 0 FROM deliveries") == [(1, "pending", 1)]
        assert len(it.desk.handed) == 1
        await it.accept(webhook("A", status="resolved"))
        await it.die()
    async with life(path, clock, at_once()) as it:
        started = it.inputs()[-1].body
        assert isinstance(started, Started)
        assert (started.attempted, started.unrecorded) == ((1,), 0)
        assert [order.attempts for order in it.desk.handed] == [1]


async def test_an_ending_that_is_decided_after_the_record_hands_nothing_over_again(
    path: Path, clock: TimelineClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with life(path, clock, at_once()) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        monkeypatch.setattr("responder.engine.engine._BATCH", 1)  # each decision in a commit of its own
        await it.deliver(it.desk.handed[0])
        await it.allow("journal")
        await it.wait(5)
        assert [order.row for order in it.desk.handed] == [1]
        assert it.rows("SELECT state FROM deliveries") == [("delivered",)]


async def test_an_ending_that_a_crash_left_in_the_log_hands_nothing_over_again(
    path: Path, clock: TimelineClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with life(path, clock, at_once(), check=False) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        await it.deliver(it.desk.handed[0])
        await it.die()
    monkeypatch.setattr("responder.engine.engine._BATCH", 1)
    permitted(path)
    async with life(path, clock, at_once()) as it:
        await it.wait(5)
        assert it.desk.handed == []
        assert it.rows("SELECT state FROM deliveries") == [("delivered",)]


async def test_after_two_crashes_it_is_still_known_what_was_perhaps_told(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock, at_once(), check=False) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        await it.die()
    permitted(path)
    async with life(path, clock, at_once(), check=False, starts=False) as it:  # delivery begins nothing yet
        assert it.rows("SELECT state, claimed_at > 0 FROM deliveries") == [("pending", 1)]
        await it.accept(webhook("A", status="resolved"))
        await it.die()
    async with life(path, clock, at_once()) as it:
        started = it.inputs()[-1].body
        assert isinstance(started, Started)
        assert started.attempted == (1,)


async def test_only_what_came_first_was_perhaps_told(path: Path, clock: TimelineClock) -> None:
    apart = rules(wait="0s", interval="1m", by=["alertname"])
    async with life(path, clock, apart, check=False) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        await it.wait(1)
        await it.accept(webhook("B"))
        await it.wait(1)
        await it.accept(webhook("B", status="resolved"))
        assert it.told() == [(0, "first_notification", ["A"])]
        await it.die()
    permitted(path)
    async with life(path, clock, apart, starts=False) as it:  # delivery begins nothing yet
        assert [order.attempts for order in it.desk.handed] == [1, 0]
        rows = it.rows("SELECT state, claimed_at > 0 FROM deliveries ORDER BY id")
        assert rows[:2] == [("pending", 1), ("pending", 0)]


async def test_a_refused_append_takes_what_was_decided_beside_it_along(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock, at_once()) as it:
        await it.sql(
            "CREATE TRIGGER refuse_lost BEFORE INSERT ON inputs WHEN NEW.actor = 'lost'"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        answers: list[StorageError | None] = []
        assert it.engine.accept_then("lost", [webhook("Lost")], answers.append)
        # Waits for the append under way, and gets its number.
        assert it.engine.accept_then("kept", [webhook("Kept")], answers.append)
        await it.clock.settle()
        await it.wait(10)
        lost, kept = answers
        assert (type(lost), kept) == (StorageError, None)
        assert {name for _, _, names in it.told() for name in names} == {"Kept"}
        assert [given.actor for given in it.inputs()].count("lost") == 0
        assert it.metrics.commit_failures._value.get() == 1
        consumed = [msgspec.json.decode(body).get("input") for (body,) in it.rows("SELECT body FROM journal")]
        assert len(set(consumed) - {None}) == len([seq for seq in consumed if seq])


async def test_a_sender_whose_answer_raises_holds_nothing_up(path: Path, clock: TimelineClock) -> None:
    def gone(error: StorageError | None) -> None:
        raise RuntimeError("whoever asked is gone")

    async with life(path, clock, at_once()) as it:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        assert it.engine.accept_then("somebody", [webhook("A")], gone)
        await it.clock.settle()
        assert it.rows("SELECT state, claimed_at > 0 FROM deliveries") == [("pending", 1)]


async def test_what_was_told_beside_a_record_that_a_crash_prevented_is_told_again_and_so_is_its_end(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock, at_once(), check=False) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        await it.accept(webhook("A", status="resolved"))
        (first,) = it.desk.handed
        await it.die()
    permitted(path)
    await clock.advance(10 * SECOND)
    async with life(path, clock, at_once()) as it:
        started = it.inputs()[-1].body
        assert isinstance(started, Started)
        assert started.unrecorded == MONDAY
        (again,) = it.desk.handed
        assert (again.row, again.notification.at) == (first.row, first.notification.at)  # its key
        assert (again.attempts, again.claimed) == (1, True)
        assert it.told() == [(0, "first_notification", ["A"])]
        await it.wait(60)
        assert it.desk.succeeded == [1]
        await it.end(again, "superseded", "timeout", maybe_told=True)
        assert [order.notification.reason for order in it.desk.handed] == [
            "first_notification",
            "all_resolved",
        ]
    async with life(path, clock, at_once()) as it:
        started = it.inputs()[-1].body
        assert isinstance(started, Started)
        assert started.unrecorded == 0


async def test_a_command_shares_one_flush_with_what_it_comes_to(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
        before = it.database.commits
        assert isinstance(await it.command(DismissDelivery(7)), Declined)
        assert it.database.commits == before + 1


async def test_an_order_whose_turn_has_not_come_is_handed_over_unclaimed(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        it.desk.starts = False
        await it.accept(webhook("A"))
        await it.wait(30)
        assert [order.claimed for order in it.desk.handed] == [False]


async def test_a_successor_is_announced_to_delivery(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
        await it.wait(60)
        await it.accept(webhook("B"))
        await it.wait(300)
        assert (len(it.desk.handed), it.desk.succeeded) == (1, [1])
        await it.engine.report(Ending(1, "superseded", "timeout", "", 3, clock.now()))
        await it.wait(0)
        assert it.told() == [(30, "first_notification", ["A"]), (330, "first_notification", ["A", "B"])]


async def test_requests_at_one_instant_are_decided_in_the_order_in_which_they_came(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await asyncio.gather(*(it.engine.accept(f"am-{n}", [webhook(f"A/{n}")]) for n in range(20)))
        await it.wait(0)
        assert [given.actor for given in it.inputs()[1:]] == [f"am-{n}" for n in range(20)]
        assert it.engine.consumed == it.engine.log.last_seq == 21


# -- commands ---------------------------------------------------------------------------------


async def test_a_command_is_answered_with_what_it_came_to(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        assert await it.command(DismissDelivery(7)) == Declined(
            404, "row 7 is not among the dead: see `responder delivery list --dead`"
        )
        await it.accept(webhook("A"))
        await it.wait(30)
        await it.engine.report(Ending(1, "dead", "client_error", "no", 1, clock.now()))
        await it.wait(0)
        assert await it.command(DismissDelivery(1)) == Accepted("row 1 is off the list")


async def test_a_command_that_is_not_decided_in_time_is_pending_and_decided_later(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.refuse("journal")
        body = DismissDelivery(7)
        assert await it.engine.command("somebody", body, wait=0.05) == Pending(2)
        await it.allow("journal")
        await it.wait(10)
        assert it.engine.consumed >= 2


async def test_a_command_is_answered_after_a_commit_that_failed_first(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.refuse("journal")
        answer = asyncio.create_task(it.engine.command("somebody", DismissDelivery(7), wait=20))
        await it.wait(1)
        await it.allow("journal")
        await it.wait(5)
        assert isinstance(await answer, Declined)


async def test_reading_ones_writes(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.engine.accept("somebody", [webhook("A")])
        assert await it.engine.caught_up() is True
        assert len(it.engine.state.by_id) == 1
        await it.refuse("journal")
        await it.engine.accept("somebody", [webhook("B")])
        assert await it.engine.caught_up(0.05) is False
        await it.allow("journal")
        await it.wait(10)


# -- a commit that fails ----------------------------------------------------------------------


@pytest.mark.parametrize("table", ["journal", "deliveries", "told"])
async def test_after_a_commit_that_failed_all_is_decided_again_and_nothing_told_twice(
    path: Path, clock: TimelineClock, table: str
) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
        await it.refuse(table)
        await it.wait(35)
        assert (it.desk.handed, it.engine.deciding) == ([], False)
        await it.accept(webhook("B"))  # the log itself can commit
        await it.wait(20)
        assert it.desk.handed == []
        await it.allow(table)
        await it.wait(5)
        assert it.engine.deciding
        assert it.engine.consumed == it.engine.log.last_seq
        assert it.told() == [(30, "first_notification", ["A"])]
        assert [alert.updated_at - MONDAY for alert in it.engine.state.by_id.values()] == [0, 35 * SECOND]
        await it.deliver(it.desk.handed[0])
        await it.wait(300)
        assert it.told()[1:] == [(330, "new_alerts", ["A", "B"])]


@pytest.mark.parametrize("count", [1, 17])
async def test_what_cannot_be_written_is_decided_again(path: Path, clock: TimelineClock, count: int) -> None:
    """Beside an append by the writer, else by the event loop."""
    given = webhook(*(f"A/{number}" for number in range(count)))
    unwritable = [replaced(alert, annotations=(("summary", "\ud800"),)) for alert in given.alerts]
    async with life(path, clock) as it:
        await it.accept(replaced(given, alerts=tuple(unwritable)))
        await it.wait(1)
        assert it.metrics.commit_failures._value.get() == 1
        assert it.engine.consumed == it.engine.log.last_seq  # as the log has it
        await it.wait(30)
        assert [len(names) for _, _, names in it.told()] == [count]


async def test_what_delivery_reported_during_the_failure_is_not_handed_again(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
        await it.wait(30)
        await it.refuse("journal")
        await it.deliver(it.desk.handed[0])
        await it.wait(5)
        await it.allow("journal")
        await it.wait(5)
        rows = [order.row for order in it.desk.handed]
        assert rows == [1]
        assert it.rows("SELECT state FROM deliveries") == [("delivered",)]


async def test_a_commit_that_is_tried_again_alone_closes_what_it_closed(
    path: Path, clock: TimelineClock
) -> None:
    """Jobs share a transaction; one that spoils it makes the others run a second time."""
    lacking = rules(supported=False, wait="0s", interval="1m")
    async with life(path, clock, lacking) as it:
        for number in range(5):
            spoilt = [it.database.submit(lambda w: w.execute("SELECT nonsense")) for _ in range(2)]
            await it.engine.accept("somebody", [webhook(f"A/{number}")])
            spoilt.append(it.database.submit(lambda w: w.execute("SELECT nonsense")))
            await it.wait(60)
            assert [type(one.exception()) for one in spoilt] == [StorageError] * 3
        assert it.rows("SELECT DISTINCT state FROM deliveries") == [("dead",)]


# -- what cannot be decided -------------------------------------------------------------------


async def test_a_poison_input_is_journaled_told_and_stops_nothing_behind_it(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await asyncio.gather(
            it.engine.accept("one", [webhook("A")]),
            it.engine.accept("two", [poison()]),
            it.engine.accept("three", [webhook("B")]),
        )
        await it.wait(0)
        assert it.engine.consumed == it.engine.log.last_seq == 4
        assert it.noted() == ["started", "undecidable"]
        assert it.metrics.undecidable._value.get() == 1
        await it.wait(30)
        assert it.told() == [
            (30, "first_notification", ["A", "B"]),
            (30, "first_notification", ["ResponderUndecidable"]),
        ]


async def test_a_group_that_cannot_be_decided_is_put_off_and_the_others_are_told(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock, rules(by=["alertname"])) as it:
        await it.accept(webhook("A"), webhook("B"))
    connection = sqlite3.connect(path)
    (body,) = connection.execute("SELECT body FROM groups WHERE id = 1").fetchone()
    group = msgspec.json.decode(body)
    group[1] = "a route that does not exist"
    connection.execute("UPDATE groups SET body = ? WHERE id = 1", (msgspec.json.encode(group),))
    connection.commit()
    connection.close()
    async with life(path, clock, rules(by=["alertname"]), check=False) as it:
        await it.wait(31)
        assert it.told()[0] == (30, "first_notification", ["B"])
        assert it.noted() == ["started", "started", "undecidable"]
        await it.wait(60)
        assert it.told()[1][2] == ["ResponderUndecidable"]


def breaking(value: str) -> bool:
    """A matcher's condition with a bug in it."""
    if value == "Poison":
        raise ZeroDivisionError
    return False


async def test_a_decision_that_cannot_be_applied_is_undecidable_and_stops_nothing_behind_it(
    path: Path, clock: TimelineClock
) -> None:
    rule = inhibit("alertname=~P.+", "alertname=Target")
    object.__setattr__(rule.source_matchers[0], "matches", breaking)
    async with life(path, clock, rules(inhibits=[rule])) as it:
        await it.accept(webhook("Poison"))
        await it.accept(webhook("B"))
        await it.wait(10)
        assert it.engine.consumed == it.engine.log.last_seq
        assert it.noted() == ["started", "undecidable"]
        assert it.metrics.undecidable._value.get() == 1
        known = [name_of(labels) for labels in it.engine.state.alerts]
        assert sorted(known) == ["B", "ResponderUndecidable"]


async def test_rows_of_the_log_that_cannot_be_read_are_undecidable_at_the_start(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
    connection = sqlite3.connect(path)
    (at,) = connection.execute("SELECT max(at) FROM inputs").fetchone()
    rows = [
        (3, "alerts_webhook", b'{"version": "4", "alerts": ['),
        (4, "from_the_future", b'{"type": "from_the_future"}'),
        (5, "started", b"\xff"),
        (6, "alerts_webhook", webhook("B").raw),
    ]
    for seq, kind, body in rows:
        connection.execute(
            "INSERT INTO inputs (seq, at, kind, actor, body) VALUES (?, ?, ?, 'x', ?)", (seq, at, kind, body)
        )
    connection.commit()
    connection.close()
    async with life(path, clock) as it:
        assert it.noted() == ["started", "undecidable", "undecidable", "undecidable", "started"]
        assert it.engine.consumed == it.engine.log.last_seq == 7
        await it.wait(30)
        assert it.told()[0] == (30, "first_notification", ["A", "B"])


# -- overload and deafness --------------------------------------------------------------------


async def test_deciding_that_falls_behind_refuses_tells_and_resumes(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(api("A", "2026-01-05T00:00:20Z"))
        await it.refuse("journal")
        await it.accept(webhook("B"))
        await it.wait(9)
        await it.accept(webhook("C"))
        assert it.engine.lag() == 9 * SECOND
        await it.wait(2)
        with pytest.raises(Overloaded):
            await it.accept(webhook("D"))
        await it.wait(30)
        await it.allow("journal")
        await it.wait(5)
        kinds = [type(given.body) for given in it.inputs()]
        assert kinds.count(Lagging) == kinds.count(Resumed) == 1
        await it.accept(webhook("D"))
        (a,) = [alert for alert in it.engine.state.by_id.values() if name_of(alert.labels) == "A"]
        assert a.ends_at >= MONDAY + 5 * MINUTE
        assert it.engine.lag() == 0


async def test_a_backlog_over_its_bound_refuses(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock, limits=Limits(backlog=150)) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"), webhook("B"), webhook("C"))
        assert it.engine.backlog() > 150
        with pytest.raises(Overloaded):
            await it.accept(webhook("D"))
        await it.allow("journal")
        await it.wait(5)
        assert (it.engine.backlog(), it.engine.undecided_alerts) == (0, 0)
        await it.accept(webhook("D"))


async def test_a_log_that_cannot_be_written_refuses_until_it_can(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.refuse("inputs")
        for _ in range(3):
            with pytest.raises(Overloaded):
                await it.accept(webhook("A"))
            await it.wait(1)
        assert it.engine.log.last_seq == 1
        await it.allow("inputs")
        await it.wait(1)
        await it.accept(webhook("A"))
        assert [(g.seq, type(g.body)) for g in it.inputs()] == [
            (1, Started),
            (2, Resumed),
            (3, AlertsReceived),
        ]


async def test_timers_wait_while_nothing_can_be_heard(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(api("A", "2026-01-05T00:02:00Z"))
        await it.wait(31)
        await it.deliver(it.desk.handed[0])
        await it.refuse("inputs")
        with pytest.raises(Overloaded):
            await it.accept(webhook("B"))
        await it.wait(600)
        assert len(it.desk.handed) == 1
        await it.allow("inputs")
        await it.wait(1)
        assert it.told()[1:] == []
        (a,) = it.engine.state.by_id.values()
        assert a.ends_at - MONDAY >= (631 + 300) * SECOND


async def test_what_delivery_reports_first_after_an_outage_does_not_end_alerts(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.accept(api("A", "2026-01-05T00:02:00Z"))
        await it.wait(31)
        await it.refuse("inputs")
        with pytest.raises(Overloaded):
            await it.accept(webhook("B"))
        await it.wait(600)
        await it.allow("inputs")
        reported = asyncio.create_task(it.engine.report(Ending(1, "delivered", None, "", 1, clock.now())))
        await it.wait(2)
        if reported.done() and reported.exception():  # it was asked to say it again
            await it.deliver(it.desk.handed[0])
        assert [len(order.notification.resolved) for order in it.desk.handed] == [0]
        (a,) = it.engine.state.by_id.values()
        assert a.ends_at - MONDAY >= (631 + 300) * SECOND


async def test_a_process_that_was_stopped_could_not_hear_either(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(api("A", "2026-01-05T00:02:00Z"))
        await it.wait(31)
        await it.deliver(it.desk.handed[0])
        clock._pass(clock.monotonic() + 10 * MINUTE)
        await it.wait(1)
        assert [type(given.body) for given in it.inputs()].count(Resumed) == 1
        (a,) = it.engine.state.by_id.values()
        assert a.ends_at - MONDAY >= 900 * SECOND


async def test_what_is_posted_first_after_a_pause_does_not_end_alerts(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.accept(api("A", "2026-01-05T00:02:00Z"))
        await it.wait(31)
        await it.deliver(it.desk.handed[0])
        clock._pass(clock.monotonic() + 10 * MINUTE)
        await it.accept(webhook("B"))
        await it.wait(2)
        # The look that was overdue comes right after Resumed: B, a moment later, is told at the next.
        assert [len(order.notification.resolved) for order in it.desk.handed] == [0]
        (a, b) = it.engine.state.by_id.values()
        assert (a.firing_at(clock.now()), b.firing_at(clock.now())) == (True, True)


async def test_a_pause_does_not_bring_back_what_had_ended_before_it(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(api("A", "2026-01-05T00:02:00Z"))
        await it.wait(30)
        await it.deliver(it.desk.handed[0])
        await it.wait(300)  # its end is owed, and the receiver does not answer
        await it.wait(600)
        clock._pass(clock.monotonic() + 11 * SECOND)
        await it.wait(1)
        (a,) = it.engine.state.by_id.values()
        assert a.resolved_at(clock.now())


# -- clocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("jumps", [[-HOUR], [HOUR, -HOUR], [HOUR, -2 * HOUR], [-10 * SECOND, 5 * SECOND]])
async def test_a_clock_that_is_set_never_makes_a_timer_late_by_more_than_its_length(
    path: Path, clock: TimelineClock, jumps: list[Nanoseconds]
) -> None:
    async with life(path, clock) as it:
        await it.wait(5)
        for jump in jumps:
            clock.jump(jump)
            await it.wait(0.5)
        began = clock.monotonic()
        await it.accept(webhook("A"))
        await it.wait(70)
        assert 29 * SECOND <= it.desk.at[0] - began <= 60 * SECOND + ROUNDING


async def test_a_clock_that_is_set_while_a_timer_runs(path: Path, clock: TimelineClock) -> None:
    for number, jump in enumerate((-HOUR, HOUR)):
        async with life(path.with_name(f"{number}.db"), clock) as it:
            began = clock.monotonic()
            await it.accept(webhook("A"))
            await it.wait(10)
            clock.jump(jump)
            await it.wait(70)
            assert it.desk.at[0] - began <= 60 * SECOND + ROUNDING


async def test_time_never_runs_backwards_across_a_restart(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
    clock.jump(-HOUR)
    async with life(path, clock) as it:
        await it.accept(webhook("B"))
        ats = [given.at for given in it.inputs()]
        assert ats == sorted(ats)
        began = clock.monotonic()
        await it.wait(70)
        assert it.desk.at[0] - began <= 60 * SECOND + ROUNDING


# -- stop and start ---------------------------------------------------------------------------


async def test_what_was_claimed_is_handed_over_again_as_attempted(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
        await it.wait(30)
    async with life(path, clock) as it:
        (order,) = it.desk.handed
        assert (order.row, order.attempts, order.claimed) == (1, 1, True)
        assert [name_of(alert.labels) for alert in order.notification.firing] == ["A"]


async def test_inputs_that_were_accepted_and_not_decided_are_decided_at_the_start(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        await it.die()
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER refuse_journal")
    connection.close()
    await clock.advance(10 * MINUTE)
    async with life(path, clock) as it:
        assert it.engine.consumed == it.engine.log.last_seq == 3
        await it.wait(1)
        assert it.told() == [(600, "first_notification", ["A"])] or it.told() == [
            (30, "first_notification", ["A"])
        ]


async def test_a_timer_that_was_due_while_there_was_hearing_is_decided_at_its_time(
    path: Path, clock: TimelineClock
) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
        await it.die()
        await it.sql(f"UPDATE meta SET value = '{MONDAY + 35 * SECOND}' WHERE name = 'clock'")
    await clock.advance(10 * MINUTE)
    async with life(path, clock) as it:
        await it.wait(1)
        assert it.told() == [(30, "first_notification", ["A"])]


async def test_what_was_down_is_distrusted_by_the_next_process(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        assert it.desk.distrusted == set()
        await it.engine.breaker_turned(BreakerTurned("http://team", True, "timeout", 3))
        await it.wait(1)
    async with life(path, clock) as it:
        assert it.desk.distrusted == {"http://team"}


async def test_a_journal_older_than_its_anchor_is_a_restored_backup(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
        head = it.engine.head
    anchor = journal.HeadFile(path)
    assert anchor.read() == head
    anchor.write(journal.Head(head.n + 5, "a" * 64))
    anchor.close()
    async with life(path, clock) as it:
        assert it.noted() == ["started", "started", "restored"]
        await it.wait(30)
        assert it.told()[-1] == (30, "first_notification", ["ResponderChainBroken"])


async def test_a_reload_is_an_input_and_answered(path: Path, clock: TimelineClock) -> None:
    async with life(path, clock) as it:
        await it.accept(webhook("A"))
        answer = asyncio.create_task(it.engine.load_rules("admin", rules(route(to="ops"), name="two")))
        await it.wait(0)
        assert await answer == Accepted("two")
        assert (it.engine.state.rules, it.engine.ruleset.hash) == ("two", "two")
        assert isinstance(it.inputs()[-1].body, RulesLoaded)
        await it.wait(30)
        assert [order.notification.receiver for order in it.desk.handed] == ["ops"]
        assert sorted(it.rows("SELECT hash FROM rulesets")) == [("rules",), ("two",)]


async def test_inputs_left_undecided_are_decided_under_the_rules_of_their_time(
    path: Path, clock: TimelineClock
) -> None:
    old = rules(name="old")
    old = replace(old, source={"name": "old"})
    async with life(path, clock, old) as it:
        await it.refuse("journal")
        await it.accept(webhook("A"))
        await it.die()
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER refuse_journal")
    connection.close()
    async with life(path, clock, rules(route(to="ops"), name="new")) as it:
        assert it.recompiled == [{"name": "old"}]
        assert it.engine.state.rules == "new"
        await it.wait(31)
        assert [order.notification.receiver for order in it.desk.handed] == ["ops"]


# -- the same inputs, the same journal (law 8) ------------------------------------------------


def replayed(inputs: list[Input], ruleset: Ruleset, until: Nanoseconds) -> list[bytes]:
    """The journal bodies that the inputs log alone leads to."""
    state, bodies = State(ruleset), list[bytes]()

    def timers(limit: Nanoseconds) -> None:
        while (due := state.next_due()) and due[0] <= limit:
            decision = decide_timer(state, ruleset, due[1], due[0])
            apply(state, decision, ruleset)
            bodies.append(journal_entry(decision, due[0], None))

    for given in inputs:
        timers(given.body.heard_at if isinstance(given.body, Started | Resumed) else given.at)
        decision = decide(state, ruleset, given)
        apply(state, decision, ruleset)
        bodies.append(journal_entry(decision, given.at, given))
    timers(until)
    return [body for body in bodies if body]


async def test_the_inputs_log_gives_the_same_journal(path: Path, clock: TimelineClock) -> None:
    ruleset = rules(by=["alertname"], interval="1m", repeat="2m")
    stored: list[bytes] = []
    inputs: list[Input] = []
    upto = 0
    for _ in range(2):
        async with life(path, clock, ruleset) as it:
            for number in range(6):
                await it.accept(webhook("A", f"B/{number}"), webhook(f"B/{number - 1}", status="resolved"))
                await it.wait(17)
                for order in [o for o in it.desk.handed if o.row % 2]:
                    await it.deliver(order)
                await it.engine.breaker_turned(BreakerTurned("http://team", number % 2 == 0))
                await it.accept(BadRequest("x", 400, "y"))
                await it.wait(40)
        stored = [bytes(body) for (body,) in it.rows("SELECT body FROM journal ORDER BY n")]
        inputs, upto = it.inputs(), it.engine.log.now()
    assert replayed(inputs, ruleset, upto) == stored


def test_labels_of_the_poison_are_what_no_entrance_lets_through() -> None:
    assert labels_from({"alertname": "5"}) != poison().alerts[0].labels
