"""The inputs log: seq and time, failures, merging, and reading back what was accepted."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from responder.core.messages import (
    Acknowledge,
    AlertsReceived,
    Approve,
    BadRequest,
    Body,
    BreakerTurned,
    CancelRun,
    Command,
    CreateSilence,
    DeliveryEnded,
    DenyRun,
    DismissDelivery,
    ExpireSilence,
    FactsGathered,
    Input,
    Lagging,
    LiftFreeze,
    LimitReached,
    Probed,
    PutFreeze,
    ResendDelivery,
    ResetRunbook,
    ResolveRun,
    Resumed,
    RulesLoaded,
    SignRunbook,
    Started,
    StartRun,
    StepFinished,
    Unacknowledge,
    Unreadable,
    Verified,
)
from responder.core.model import HOUR, MILLISECOND, SECOND, Source
from responder.core.plan import Facts, ObjectFacts, Probe
from responder.core.receiving import Limits, parse_api, parse_webhook
from responder.core.tracecontext import TraceContext, Traced
from responder.errors import StorageError
from responder.store.database import Database, Writer
from responder.store.inputs import SPLIT, InputsLog, read_inputs
from responder.store.traces import of_inputs
from tests.clock import MONDAY, ManualClock

REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON inputs BEGIN SELECT RAISE(ABORT, 'no room'); END"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open database."""
    database = Database(tmp_path / "responder.db")
    database.open()
    yield database
    await database.close()


class Log:
    """An inputs log and what it said of itself."""

    def __init__(self, database: Database, clock: ManualClock, seq: int = 0, at: int = 0) -> None:
        self.database = database
        self.log = InputsLog(database, clock, seq, at)
        self.stamped: list[Input] = []
        self.heard: list[Input] = []
        self.failed: list[int] = []
        self.log.on_stamped = self.stamped.extend
        self.log.on_appended = self.heard.extend
        self.log.on_failed = self.failed.append

    async def stored(self, after: int = 0, upto: int | None = None) -> list[Input]:
        """What a process that starts would read."""
        return await self.database.read(lambda c: list(read_inputs(c, after, Limits(), upto)))


def api(*names: str, indent: int | None = None) -> AlertsReceived:
    """A request of a Prometheus."""
    raw = json.dumps([{"labels": {"alertname": name}} for name in names], indent=indent).encode()
    return AlertsReceived("api", raw, *parse_api(raw, Limits()))


def webhook(*names: str, indent: int | None = None) -> AlertsReceived:
    """A request of an Alertmanager."""
    alerts = [{"status": "firing", "labels": {"alertname": name, "note": 'a\n"b"'}} for name in names]
    raw = json.dumps({"version": "4", "alerts": alerts}, indent=indent).encode()
    return AlertsReceived("webhook", raw, *parse_webhook(raw, Limits()))


def names(body: Body) -> list[str]:
    """The alerts' names."""
    assert isinstance(body, AlertsReceived)
    return [dict(alert.labels)["alertname"] for alert in body.alerts]


async def appended_behind(log: Log, waiting: Sequence[tuple[str, list[Body]]]) -> list[Input]:
    """What becomes of appends that wait while another is under way."""
    tasks = [asyncio.create_task(log.log.append("first", [RulesLoaded("first")]))]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(log.log.append(actor, bodies)) for actor, bodies in waiting]
    await asyncio.gather(*tasks)
    assert log.heard == await log.stored()
    return log.heard[1:]


# -- seq --------------------------------------------------------------------------------------


async def test_seq_is_gapless_and_in_commit_order(database: Database) -> None:
    log = Log(database, ManualClock())

    async def sender(number: int) -> None:
        for count in range(4):
            body: list[Body] = [RulesLoaded(f"{number}.{count}.{part}") for part in range(number)]
            await log.log.append(f"sender {number}", body)

    await asyncio.gather(*[sender(number) for number in (1, 2, 3)])
    stored = await log.stored()
    assert stored == log.heard
    assert [given.seq for given in stored] == list(range(1, 25))
    assert log.log.last_seq == 24
    by_rowid = await database.read(lambda c: c.execute("SELECT seq FROM inputs ORDER BY rowid").fetchall())
    assert by_rowid == [(seq,) for seq in range(1, 25)]
    for number in (1, 2, 3):
        own = [given.body for given in stored if given.actor == f"sender {number}"]
        assert own == [RulesLoaded(f"{number}.{c}.{part}") for c in range(4) for part in range(number)]


async def test_it_goes_on_after_what_an_earlier_process_left(database: Database) -> None:
    clock = ManualClock()
    log = Log(database, clock, seq=41, at=MONDAY + HOUR)
    assert await log.log.append("a", [Lagging(1)]) == MONDAY + HOUR
    assert await log.stored() == [Input(42, MONDAY + HOUR, "a", Lagging(1))]


async def test_an_append_that_fails_gives_its_seqs_back(database: Database) -> None:
    log = Log(database, ManualClock())
    await log.log.append("a", [Lagging(1)])
    await database.submit(lambda w: w.execute(REFUSE))
    first = asyncio.create_task(log.log.append("a", [Lagging(2), Lagging(3)]))
    await asyncio.sleep(0)
    second = asyncio.create_task(log.log.append("b", [Lagging(4)]))
    errors = await asyncio.gather(first, second, return_exceptions=True)
    expected = f"the inputs log cannot be written: {database.path}: no room"
    assert [(type(error), str(error)) for error in errors] == [(StorageError, expected)] * 2
    assert log.log.last_seq == 1
    assert log.failed == [2, 2]
    assert [given.seq for given in log.stamped] == [1, 2, 3, 2]
    await database.submit(lambda w: w.execute("DROP TRIGGER refuse"))
    await log.log.append("b", [Lagging(5)])
    assert await log.stored() == [Input(1, MONDAY, "a", Lagging(1)), Input(2, MONDAY, "b", Lagging(5))]
    assert log.heard == await log.stored()


async def test_inputs_are_known_before_they_are_durable_and_a_commit_follows_them(database: Database) -> None:
    """What is decided on them at once gets into the transaction of their append, after it."""
    log = Log(database, ManualClock())
    query = "SELECT seq FROM inputs"
    seen: list[asyncio.Future[list[tuple[int]]]] = []
    log.log.on_stamped = lambda inputs: seen.append(database.submit(lambda w: w.query(query)))
    before = database.commits
    task = asyncio.create_task(log.log.append("a", [Lagging(1), Lagging(2)]))
    await asyncio.sleep(0)
    assert (len(seen), log.heard, log.log.in_flight) == (1, [], True)
    await task
    assert await seen[0] == [(1,), (2,)]
    assert database.commits == before + 1
    assert log.log.in_flight is False


async def test_what_waits_behind_a_failed_append_is_not_lost_with_it(database: Database) -> None:
    """The second is given seqs after the first gave its own back."""
    log = Log(database, ManualClock())
    await database.submit(lambda w: w.execute(REFUSE.replace("ON inputs", "ON inputs WHEN NEW.seq > 1")))
    first = asyncio.create_task(log.log.append("a", [Lagging(1), Lagging(2)]))
    await asyncio.sleep(0)
    second = asyncio.create_task(log.log.append("b", [Lagging(3)]))
    lost, kept = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(lost, StorageError)
    assert kept == MONDAY
    assert await log.stored() == [Input(1, MONDAY, "b", Lagging(3))]


async def test_a_caller_that_goes_away_takes_nothing_with_it(database: Database) -> None:
    log = Log(database, ManualClock())
    gone = asyncio.create_task(log.log.append("a", [Lagging(1)]))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(log.log.append("b", [Lagging(2)]))
    await asyncio.sleep(0)
    gone.cancel()
    waiting.cancel()
    await log.log.append("c", [Lagging(3)])
    expected = [Input(n, MONDAY, actor, Lagging(n)) for n, actor in enumerate("abc", start=1)]
    assert log.heard == expected == await log.stored()


# -- time -------------------------------------------------------------------------------------


async def test_time_never_goes_back_and_runs_at_half_speed_until_the_clock_caught_up(
    database: Database,
) -> None:
    clock = ManualClock()
    log = Log(database, clock)
    at = [await log.log.append("a", [Lagging(0)])]
    clock.jump(-HOUR)
    for pause in (0, 10 * SECOND, HOUR, HOUR, SECOND):
        await clock.advance(pause)
        at.append(await log.log.append("a", [Lagging(0)]))
    # An hour behind: after two hours at half speed the clock has caught up.
    half = [0, 0, 5 * SECOND, HOUR // 2 + 5 * SECOND, HOUR + 10 * SECOND, HOUR + 11 * SECOND]
    assert at == [MONDAY + one for one in half]
    assert [given.at for given in await log.stored()] == at


async def test_looking_at_the_time_often_does_not_change_it(database: Database) -> None:
    clock = ManualClock()
    log = Log(database, clock).log
    assert log.now() == MONDAY
    clock.jump(-HOUR)
    for _ in range(100):
        await clock.advance(100 * MILLISECOND)
        log.now()
    assert log.now() == MONDAY + 5 * SECOND


async def test_a_clock_set_ahead_is_believed_at_once(database: Database) -> None:
    clock = ManualClock()
    log = Log(database, clock).log
    clock.jump(HOUR)
    assert log.now() == MONDAY + HOUR
    clock.jump(-HOUR)
    assert log.now() == MONDAY + HOUR


async def test_time_goes_on_at_half_speed_across_a_restart(database: Database) -> None:
    clock = ManualClock()
    log = Log(database, clock, 1, MONDAY + HOUR).log
    await clock.advance(10 * SECOND)
    assert log.now() == MONDAY + HOUR + 5 * SECOND


async def test_the_horizon_stands_still_while_an_append_is_under_way(database: Database) -> None:
    clock = ManualClock()
    log = Log(database, clock).log
    await clock.advance(SECOND)
    assert log.horizon() == MONDAY + SECOND
    task = asyncio.create_task(log.append("a", [Lagging(0)]))
    await asyncio.sleep(0)
    clock.jump(HOUR)
    assert log.horizon() == MONDAY + SECOND
    assert log.now() == MONDAY + SECOND + HOUR
    assert await task == MONDAY + SECOND
    assert log.horizon() == MONDAY + SECOND + HOUR


async def test_bytes_that_wait_are_counted_until_their_append_begins(database: Database) -> None:
    log = Log(database, ManualClock()).log
    body = api("A")
    tasks = [asyncio.create_task(log.append("a", [one])) for one in (api("X"), body, body, Lagging(0))]
    await asyncio.sleep(0)
    assert log.waiting_bytes == 2 * len(body.raw)
    await asyncio.gather(*tasks)
    assert log.waiting_bytes == 0


# -- small requests together ------------------------------------------------------------------


@pytest.mark.parametrize("request_of", [api, webhook])
async def test_small_requests_of_one_sender_become_one_input(database: Database, request_of: type) -> None:
    log = Log(database, ManualClock())
    three = [request_of("A"), request_of("B", "C", indent=2), request_of("D")]
    (merged,) = await appended_behind(log, [("prometheus", [body]) for body in three])
    assert isinstance(merged.body, AlertsReceived)
    assert (merged.seq, merged.body.lines, merged.body.rejected) == (2, True, ())
    assert merged.body.alerts == tuple(alert for body in three for alert in body.alerts)
    assert [json.loads(line) for line in merged.body.raw.split(b"\n")] == [
        json.loads(body.raw) for body in three
    ]


async def test_one_request_alone_stays_as_it_came(database: Database) -> None:
    log = Log(database, ManualClock())
    body = webhook("A", indent=2)
    assert await appended_behind(log, [("a", [body])]) == [Input(2, MONDAY, "a", body)]
    await log.log.append("b", [body, body])  # what one caller gives at once may be merged as well
    (both,) = await log.stored(2)
    assert names(both.body) == ["A", "A"]


async def test_only_requests_of_one_sender_and_entrance_are_merged(database: Database) -> None:
    log = Log(database, ManualClock())
    waiting: list[tuple[str, list[Body]]] = [
        ("a", [api("1")]),
        ("b", [api("2")]),
        ("a", [webhook("3")]),
        ("a", [RulesLoaded("x")]),
        ("a", [api("4")]),
        ("b", [api("5")]),
    ]
    found = await appended_behind(log, waiting)
    shown = [(g.actor, names(g.body) if isinstance(g.body, AlertsReceived) else g.body) for g in found]
    assert shown == [("a", ["1", "4"]), ("b", ["2", "5"]), ("a", ["3"]), ("a", RulesLoaded("x"))]


@pytest.mark.parametrize("source", ["api", "webhook"])
async def test_a_request_with_a_rejected_alert_stays_alone(database: Database, source: Source) -> None:
    alerts = [{"labels": {}, "status": "firing"}, {"labels": {"alertname": "C"}, "status": "firing"}]
    envelope = alerts if source == "api" else {"version": "4", "alerts": alerts}
    raw = json.dumps(envelope).encode()
    parse, good = (parse_api, api) if source == "api" else (parse_webhook, webhook)
    bad = AlertsReceived(source, raw, *parse(raw, Limits()))
    assert len(bad.rejected) == 1
    log = Log(database, ManualClock())
    first, alone = await appended_behind(log, [("a", [good("A")]), ("a", [bad]), ("a", [good("B")])])
    assert names(first.body) == ["A", "B"]
    assert alone.body == bad


@pytest.mark.parametrize(
    ("sizes", "found"),
    [([100, 28, 1, 127, 1], [128, 128, 1]), ([1, 200, 1, 1], [1, 200, 2]), ([SPLIT, SPLIT], [SPLIT, SPLIT])],
)
async def test_only_small_requests_are_merged(database: Database, sizes: list[int], found: list[int]) -> None:
    """Up to 128 alerts in all: a larger request stays alone, up to a thousand of them."""
    log = Log(database, ManualClock())
    bodies: list[Body] = [api(*[f"{n}/{m}" for m in range(size)]) for n, size in enumerate(sizes)]
    merged = await appended_behind(log, [("a", [body]) for body in bodies])
    assert [len(names(given.body)) for given in merged] == found
    assert [name for given in merged for name in names(given.body)] == [
        name for body in bodies for name in names(body)
    ]


async def test_the_pieces_of_one_large_request_are_accepted_together(database: Database) -> None:
    log = Log(database, ManualClock())
    before = database.commits
    pieces: list[Body] = [api(*[f"{n}.{m}" for m in range(SPLIT)]) for n in range(3)]
    await log.log.append("a", pieces)
    assert database.commits == before + 1
    assert [given.body for given in log.heard] == pieces
    assert [given.body for given in await log.stored()] == pieces


# -- reading back -----------------------------------------------------------------------------

COMMANDS: tuple[Command, ...] = (
    BadRequest("s\u00e4nder", 400, "nope\n"),
    LimitReached("active_alerts", "a"),
    Unreadable("kind", "error"),
    Started("hash", 5, (1, 2), True, "0.1"),
    Resumed(7, "lag"),
    Lagging(9),
    RulesLoaded("hash"),
    DeliveryEnded(3, "dead", "timeout", "no answer", 4, True),
    BreakerTurned("http://x", True, "network", 2),
    ResendDelivery(1),
    DismissDelivery(2),
    CreateSilence("id", (("a", "=~", "b|c"), ("d", "!=", "")), 5, 6, "me", "why", (("n", "v"),), "old"),
    ExpireSilence("id"),
    Acknowledge(("1-2",), (("a", "=", "b"),), 5, "ann", "mine", "slack"),
    Unacknowledge(("1-2",), (), "ann", "api"),
    StartRun("restart", {"namespace": "shop"}, "ann", "why", "slack", True),
    Approve("r1-2", "ann", "abc", "1-abc", "slack"),
    DenyRun("r1-2", "ann", "no", "api"),
    CancelRun("r1-2", "ann", "no", "api"),
    ResolveRun("r1-2", True, "ann", "seen", "api"),
    PutFreeze("f", "cluster=prod", "deploy", 9, True, "ann"),
    LiftFreeze("f", "ann"),
    SignRunbook("restart", "abc", "read", "ann"),
    ResetRunbook("restart", "mended", "ann"),
    FactsGathered(1, 2, Facts(3, ObjectFacts(3, 2, 1, "busy"), "yes", "prometheus", (Probe("q", True),))),
    StepFinished(1, 2, "failed", "no", True),
    Verified(1, 2, None, "why"),
    Probed(1, 2, True, "seen"),
)


async def test_every_command_is_read_back_as_it_was(database: Database) -> None:
    log = Log(database, ManualClock())
    await log.log.append("s\u00e4nder", list(COMMANDS))
    assert {type(command) for command in COMMANDS} == set(get_args(Command))
    assert await log.stored() == [
        Input(seq, MONDAY, "s\u00e4nder", body) for seq, body in enumerate(COMMANDS, start=1)
    ]


async def test_a_part_of_the_log(database: Database) -> None:
    log = Log(database, ManualClock())
    await log.log.append("a", list(COMMANDS))
    assert [given.seq for given in await log.stored(3, 6)] == [4, 5, 6]
    assert [given.seq for given in await log.stored(len(COMMANDS) - 2)] == [len(COMMANDS) - 1, len(COMMANDS)]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("alerts_webhook", b"{"),
        ("alerts_webhook", b'{"version":"5","alerts":[]}'),
        ("alerts_api", b'{"not": "a list"}'),
        ("alerts_api_lines", b"[]\nnope"),
        ("teleport", b'{"type":"teleport","to":"moon"}'),
        ("lagging", b'{"type":"lagging","lag":"long"}'),
        ("lagging", b"\xff\xfe"),
        ("lagging", b'{"type":"resumed","heard_at":1,"why":"\xff"}'),
    ],
)
async def test_what_cannot_be_read_is_an_input_of_its_own_and_hides_nothing(
    database: Database, kind: str, body: bytes
) -> None:
    def job(writer: Writer) -> None:
        rows = [
            (1, MONDAY, "lagging", "a", b'{"type":"lagging","lag":1}'),
            (2, MONDAY + 1, kind, "b", body),
            (3, MONDAY + 2, "lagging", "c", b'{"type":"lagging","lag":3}'),
        ]
        writer.insert("inputs", ("seq", "at", "kind", "actor", "body"), rows)

    await database.submit(job)
    first, second, third = await Log(database, ManualClock()).stored()
    assert first == Input(1, MONDAY, "a", Lagging(1))
    assert third == Input(3, MONDAY + 2, "c", Lagging(3))
    assert (second.seq, second.at, second.actor) == (2, MONDAY + 1, "b")
    assert isinstance(second.body, Unreadable)
    assert second.body.kind == kind
    assert second.body.error != ""


# -- traces -----------------------------------------------------------------------------------


async def test_a_traced_input_is_kept_as_any_other_and_its_context_beside_it(database: Database) -> None:
    log = Log(database, ManualClock())
    traces = (Traced(TraceContext("1" * 32, "2" * 16, 1, "v=1"), 0, 1),)
    await log.log.append("a", [api("Plain")])
    await log.log.append("a", [replace(api("Traced"), traces=traces)])
    plain, traced = await log.stored()
    assert (plain.body, traced.body) == (api("Plain"), api("Traced"))  # whatever is replayed is the same
    rows = await database.read(lambda c: c.execute("SELECT about, id, part FROM traces").fetchall())
    assert rows == [("input", 2, 0)]
    assert await database.read(lambda c: of_inputs(c, 0)) == {2: traces}
    assert await database.read(lambda c: of_inputs(c, 2)) == {}


async def test_a_context_goes_with_its_input_when_that_cannot_be_kept(database: Database) -> None:
    log = Log(database, ManualClock())
    await database.submit(lambda writer: writer.execute(REFUSE))
    traces = (Traced(TraceContext("1" * 32, "2" * 16), 0, 1),)
    with pytest.raises(StorageError):
        await log.log.append("a", [replace(api("Traced"), traces=traces)])
    assert await database.read(lambda c: of_inputs(c, 0)) == {}


async def test_it_is_known_when_the_append_under_way_has_ended(database: Database) -> None:
    log, go_on, answers = Log(database, ManualClock()), threading.Event(), []
    blocked = database.submit(lambda writer: go_on.wait(10))
    database.hand_over()
    log.log.append_then("somebody", [RulesLoaded("first")], lambda at, error: answers.append(error))
    waiting = asyncio.create_task(log.log.settled())
    await asyncio.sleep(0.01)
    assert (waiting.done(), log.heard, await log.stored()) == (False, [], [])
    go_on.set()
    await waiting
    assert log.heard == await log.stored()
    assert len(log.heard) == 1
    await asyncio.gather(blocked, log.log.settled())  # nothing is under way


async def test_a_caller_that_raises_keeps_nobody_s_jobs_held(database: Database) -> None:
    log = Log(database, ManualClock())
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)

    def raises(at: int, error: StorageError | None) -> None:
        raise RuntimeError("whoever asked is gone")

    held = database.submit(lambda writer: "done", held=True)
    log.log.append_then("somebody", [RulesLoaded("first")], raises)
    assert await asyncio.wait_for(held, 10) == "done"
