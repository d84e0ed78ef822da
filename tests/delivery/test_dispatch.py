"""Orders in, attempts out, endings back: on a virtual clock, to the last attempt."""

import asyncio
import time
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from responder.core.messages import BreakerTurned
from responder.core.model import HOUR, MINUTE, SECOND
from responder.core.notification import Delivered, Outcome, Rejected, Retry, Unknown
from responder.delivery import Attempted, Ending
from responder.errors import Overloaded, StorageError
from responder.settings.values import Pace
from tests.delivery.desk import Desk, open_desk, order
from tests.notify.notices import MONDAY

MICROSECOND = 1_000
REFUSED = Retry("refused", "connection refused")


def hanging(desk: Desk) -> dict[int, asyncio.Future[Outcome]]:
    """Make every attempt wait for its future."""
    futures: dict[int, asyncio.Future[Outcome]] = {}

    def answer(row: int) -> asyncio.Future[Outcome]:
        futures[row] = asyncio.get_running_loop().create_future()
        return futures[row]

    desk.answer = answer
    return futures


# -- claims -----------------------------------------------------------------------------------


async def test_a_claimed_order_goes_out_at_once_and_its_ending_comes_back() -> None:
    async with open_desk() as (desk, delivery):
        assert delivery.start_now([order(1)]) == {1}
        delivery.hand([order(1, claimed=True)])
        await desk.clock.settle()
        assert desk.sent == [(0.0, 1)]
        assert desk.endings == [Ending(1, "delivered", None, "", 1, MONDAY)]
        assert (desk.claims, desk.attempts) == ([], [])


async def test_nothing_is_sent_before_its_claim_is_durable() -> None:
    async with open_desk() as (desk, delivery):
        desk.claiming = asyncio.Event()
        delivery.hand([order(1), order(2)])
        await desk.clock.advance(MINUTE)
        assert desk.sent == []
        desk.claiming.set()
        await desk.clock.settle()
        assert (desk.claims, desk.rows) == ([[1, 2]], [1, 2])


async def test_what_queues_while_a_claim_is_written_goes_with_the_next() -> None:
    async with open_desk() as (desk, delivery):
        desk.claiming = asyncio.Event()
        delivery.hand([order(1)])
        await desk.clock.settle()
        for row in (2, 3, 4):
            delivery.hand([order(row, f"d{row}")])
        await desk.clock.settle()
        desk.claiming.set()
        await desk.clock.settle()
        assert desk.claims == [[1], [2, 3, 4]]


async def test_a_row_that_cannot_be_claimed_is_forgotten() -> None:
    async with open_desk() as (desk, delivery):
        desk.unclaimable = {1}
        delivery.hand([order(1), order(2)])
        await desk.clock.settle()
        assert (desk.rows, desk.ended) == ([2], [(2, "delivered", None)])
        desk.unclaimable = set()
        delivery.hand([order(1)])
        await desk.clock.settle()
        assert desk.rows == [2, 1]


async def test_claims_are_tried_again_while_the_store_is_broken() -> None:
    async with open_desk() as (desk, delivery):
        desk.broken = StorageError("disk full")
        delivery.hand([order(1)])
        await desk.clock.advance(MINUTE)
        assert desk.sent == []
        desk.broken = None
        await desk.clock.advance(6 * SECOND)
        assert desk.ended == [(1, "delivered", None)]


async def test_start_now_says_whose_turn_it_is() -> None:
    async with open_desk(per_destination=2) as (desk, delivery):
        hanging(desk)
        orders = [order(row) for row in range(1, 7)]
        # two may be under way, and as many are claimed ahead
        assert delivery.start_now([*orders, order(9, "other")]) == {1, 2, 3, 4, 9}
        delivery.hand([order(row, claimed=True) for row in (1, 2, 3)])
        await desk.clock.settle()
        assert desk.rows == [1, 2]
        assert delivery.start_now([order(1), order(4), order(5)]) == {4}
        desk.claiming = asyncio.Event()
        delivery.hand([order(7)])  # is being claimed: those behind it queue
        assert delivery.start_now([order(8)]) == set()


async def test_a_row_is_never_worked_on_twice() -> None:
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(1, claimed=True)])
        await desk.clock.settle()
        delivery.hand([order(1), order(1, claimed=True)])
        assert delivery.start_now([order(1)]) == set()
        await desk.clock.settle()
        desk.broken = Overloaded("busy")
        futures[1].set_result(Delivered())
        await desk.clock.settle()
        delivery.hand([order(1)])  # delivered, and not reported yet
        desk.broken = None
        await desk.clock.advance(MINUTE)
        assert (desk.rows, desk.ended) == ([1], [(1, "delivered", None)])


# -- order and numbers ------------------------------------------------------------------------


async def test_rows_go_in_order_and_at_most_so_many_at_once() -> None:
    async with open_desk(per_destination=3) as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(row) for row in (5, 3, 9, 1, 7)])
        await desk.clock.settle()
        assert desk.rows == [1, 3, 5]
        futures[3].set_result(Delivered())
        await desk.clock.settle()
        assert desk.rows == [1, 3, 5, 7]
        for row in (1, 5, 7):
            futures[row].set_result(Delivered())
        await desk.clock.settle()
        futures[9].set_result(Delivered())
        await desk.clock.settle()
        assert sorted(desk.ended) == [(row, "delivered", None) for row in (1, 3, 5, 7, 9)]
        assert desk.most_at_once == {"one": 3}


async def test_a_hundred_go_out_together() -> None:
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(row, f"d{row % 8}") for row in range(100)])
        await desk.clock.settle()
        assert len(desk.sent) == 64
        for row in list(futures):
            futures[row].set_result(Delivered())
        await desk.clock.settle()
        assert len(desk.sent) == 100
        assert {seconds for seconds, _ in desk.sent} == {0.0}


async def test_destinations_that_hang_hold_back_no_other() -> None:
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(100 * lane + row, f"hangs-{lane}") for lane in range(1, 9) for row in range(20)])
        await desk.clock.settle()
        assert len(desk.sent) == 64
        desk.answer = lambda row: Delivered()
        delivery.hand([order(1, "well"), order(2, "well")])
        await desk.clock.settle()
        assert desk.ended == [(1, "delivered", None), (2, "delivered", None)]
        futures[100].set_result(Delivered())
        await desk.clock.settle()
        # the one that ended made room for the twelve behind it
        assert len(desk.ended) == 2 + 1 + 12


async def test_places_that_come_free_go_round() -> None:
    async with open_desk(per_destination=3, overall=3) as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(row, "busy", claimed=True) for row in (1, 2, 3, 4, 5)])
        delivery.hand([order(row, "other", claimed=True) for row in (11, 12, 13)])
        await desk.clock.settle()
        assert desk.rows == [1, 2, 3, 11]  # everyone may have one under way
        futures[1].set_result(Delivered())
        await desk.clock.settle()
        assert desk.rows == [1, 2, 3, 11]  # there were four for three places
        futures[2].set_result(Delivered())
        await desk.clock.settle()
        futures[3].set_result(Delivered())
        await desk.clock.settle()
        assert desk.rows == [1, 2, 3, 11, 4, 12]


async def test_ten_thousand_rows_wait_cheaply() -> None:
    asyncio.get_running_loop().set_debug(False)
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        orders = [order(row) for row in range(10_000)]
        tasks = len(asyncio.all_tasks())
        began = time.perf_counter()
        delivery.hand(orders)
        took = time.perf_counter() - began
        await desk.clock.settle()
        assert len(asyncio.all_tasks()) == tasks + 8
        assert delivery.snapshot().destinations[0].waiting == 9_992
        desk.answer = lambda row: Delivered()
        for future in futures.values():
            future.set_result(Delivered())
        with capture_logs():
            while len(desk.endings) < 10_000:
                await desk.clock.settle()
        assert sorted(desk.rows) == list(range(10_000))
        assert took < 2  # measured: 0.05 s


# -- trying again -----------------------------------------------------------------------------


async def test_backoff_grows_by_half_up_to_its_longest() -> None:
    async with open_desk(breaker_after=1_000) as (desk, delivery):
        desk.answer = lambda row: REFUSED
        delivery.hand([order(1)])
        await desk.clock.advance(6 * MINUTE)
        waits = [round(b - a, 3) for (a, _), (b, _) in pairwise(desk.sent)]
        growing = [round(0.5 * 1.5**n, 3) for n in range(11)]
        assert waits[:11] == growing
        assert set(waits[11:]) == {40.0}  # 60 s is the longest with the jitter of half
        assert [(a.attempts, a.reason, a.detail) for a in desk.attempts[1]] == [
            (2, "refused", "connection refused")
        ]
        assert desk.attempts[0] == [Attempted(1, 1, MONDAY + SECOND // 2, "refused", "connection refused")]


@pytest.mark.parametrize(("drawn", "first", "longest"), [(0.0, 0.25, 20.0), (0.999999, 0.75, 60.0)])
async def test_jitter_is_half_either_way(drawn: float, first: float, longest: float) -> None:
    async with open_desk(breaker_after=1_000, random=lambda: drawn) as (desk, delivery):
        desk.answer = lambda row: REFUSED
        delivery.hand([order(1)])
        await desk.clock.advance(10 * MINUTE)
        times = [seconds for seconds, _ in desk.sent]
        assert (round(times[1], 2), round(times[-1] - times[-2], 2)) == (first, longest)


async def test_what_the_service_asked_for_is_waited_out_and_no_more() -> None:
    async with open_desk() as (desk, delivery):
        answers: list[Outcome] = [
            Retry("server_error", "HTTP 503", 90 * SECOND),
            Retry("server_error", "HTTP 503", 5 * HOUR),
            Delivered(),
        ]
        desk.answer = lambda row: answers.pop(0)
        delivery.hand([order(1)])
        await desk.clock.advance(2 * HOUR)
        assert [seconds for seconds, _ in desk.sent] == [0.0, 90.0, 90.0 + 3600]


async def test_not_knowing_is_tried_again_and_remembered() -> None:
    async with open_desk() as (desk, delivery):
        answers: list[Outcome] = [Unknown("cut"), REFUSED, Rejected("client_error", "HTTP 400")]
        desk.answer = lambda row: answers.pop(0)
        delivery.hand([order(1, attempts=4)])
        await desk.clock.advance(MINUTE)
        (ending,) = desk.endings
        assert ending == Ending(1, "dead", "client_error", "HTTP 400", 7, ending.at, maybe_told=True)
        assert [written[0].reason for written in desk.attempts] == ["unknown", "refused"]


async def test_dead_at_the_first_refusal() -> None:
    async with open_desk() as (desk, delivery):
        desk.answer = lambda row: Rejected("auth_error", "HTTP 403")
        delivery.hand([order(1)])
        await desk.clock.advance(HOUR)
        assert desk.endings == [Ending(1, "dead", "auth_error", "HTTP 403", 1, MONDAY)]
        assert desk.rows == [1]


async def test_a_bug_in_a_sender_is_told_by_name_and_tried_again() -> None:
    async with open_desk() as (desk, delivery):

        def answer(row: int) -> Outcome:
            if len(desk.sent) == 1:
                raise ZeroDivisionError("canary-secret")
            return Delivered()

        desk.answer = answer
        with capture_logs() as logs:
            delivery.hand([order(1)])
            await desk.clock.advance(SECOND)
        assert desk.attempts[0][0].reason == "unknown"
        assert desk.attempts[0][0].detail == "ZeroDivisionError"
        assert desk.ended == [(1, "delivered", None)]
        assert [log["event"] for log in logs] == ["sender_bug", "delivery_failed", "notification_delivered"]
        assert "canary" not in repr(logs)


async def test_a_cancellation_out_of_nowhere_does_not_lose_the_row() -> None:
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(1)])
        await desk.clock.settle()
        futures[1].cancel()
        desk.answer = lambda row: Delivered()
        await desk.clock.advance(SECOND)
        assert desk.ended == [(1, "delivered", None)]


# -- successors -------------------------------------------------------------------------------


async def test_a_row_that_waits_is_superseded_at_once() -> None:
    async with open_desk(per_destination=1) as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(row, claimed=row < 3) for row in (1, 2, 3, 4, 5)])
        await desk.clock.settle()
        for row in (2, 4, 77):  # claimed, waiting for its claim, unknown
            delivery.succeed(row)
        await desk.clock.settle()
        assert desk.ended == [(2, "superseded", None), (4, "superseded", None)]
        desk.answer = lambda row: Delivered()
        futures[1].set_result(Delivered())
        await desk.clock.settle()
        assert desk.rows == [1, 3, 5]
        assert delivery.snapshot().destinations[0].waiting == 0


async def test_a_row_that_waits_for_its_next_try_is_superseded_with_its_reason() -> None:
    async with open_desk() as (desk, delivery):
        answers: list[Outcome] = [Retry("timeout", "no answer"), REFUSED]
        desk.answer = lambda row: answers.pop(0)
        delivery.hand([order(1)])
        await desk.clock.advance(SECOND)
        delivery.succeed(1)
        await desk.clock.advance(HOUR)
        # the first attempt may have been understood: that is what its successor must know
        assert desk.endings == [
            Ending(1, "superseded", "timeout", "no answer", 2, MONDAY + SECOND, maybe_told=True)
        ]
        assert desk.rows == [1, 1]


@pytest.mark.parametrize(
    ("outcome", "ended"),
    [
        (Delivered(), (1, "delivered", None)),
        (Rejected("client_error"), (1, "dead", "client_error")),
        (REFUSED, (1, "superseded", "refused")),
        (Unknown("cut"), (1, "superseded", "unknown")),
        (Retry("rate_limited", "HTTP 429", HOUR), (1, "superseded", "rate_limited")),
    ],
)
async def test_a_row_under_way_ends_as_its_attempt_does_or_superseded(
    outcome: Outcome, ended: tuple[int, str, str | None]
) -> None:
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.succeed(1)
        await desk.clock.settle()
        assert desk.ended == []
        futures[1].set_result(outcome)
        await desk.clock.advance(MINUTE)
        assert (desk.ended, desk.rows) == ([ended], [1])


async def test_a_row_superseded_while_it_is_claimed_is_not_sent() -> None:
    async with open_desk() as (desk, delivery):
        desk.claiming = asyncio.Event()
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.succeed(1)
        desk.claiming.set()
        await desk.clock.settle()
        assert (desk.ended, desk.rows) == ([(1, "superseded", None)], [])


async def test_a_row_superseded_while_it_cannot_be_claimed_is_not_claimed() -> None:
    async with open_desk() as (desk, delivery):
        desk.broken = StorageError("disk full")
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.succeed(1)
        desk.broken = None
        await desk.clock.advance(SECOND)
        assert (desk.ended, desk.rows, desk.claims) == ([(1, "superseded", None)], [], [])


# -- the breaker ------------------------------------------------------------------------------


async def test_an_hour_without_the_service() -> None:
    async with open_desk() as (desk, delivery):
        down = True
        desk.answer = lambda row: REFUSED if down else Delivered()
        delivery.hand([order(1)])
        await desk.clock.advance(30 * MINUTE)
        delivery.hand([order(2), order(3)])
        await desk.clock.advance(30 * MINUTE)
        opened = BreakerTurned("one", opened=True, reason="refused", waiting=1)
        assert desk.turns == [opened]
        assert [delivery.waiting_for(row) for row in (1, 2, 3, 4)] == ["breaker_open"] * 3 + [None]
        assert delivery.start_now([order(4)]) == set()
        times = [seconds for seconds, _ in desk.sent]
        waits = [round(b - a, 3) for a, b in pairwise(times)]
        assert waits[:9] == [round(0.5 * 1.5**n, 3) for n in range(9)]  # ten failures in a row
        assert waits[9:14] == [5, 10, 20, 40, 60]
        assert set(waits[14:]) == {60}
        assert {row for _, row in desk.sent} == {1, 2, 3}  # each gets its turn to ask
        assert (desk.endings, desk.most_at_once) == ([], {"one": 1})
        down = False
        await desk.clock.advance(MINUTE)
        assert sorted(desk.ended) == [(row, "delivered", None) for row in (1, 2, 3)]
        assert desk.turns == [opened, BreakerTurned("one", opened=False, reason="refused", waiting=2)]


@pytest.mark.parametrize("reason", ["timeout", "network", "refused", "server_error", "unknown"])
async def test_what_opens_the_breaker(reason: str) -> None:
    async with open_desk(breaker_after=3) as (desk, delivery):
        outcome: Outcome = Unknown("cut") if reason == "unknown" else Retry(reason)  # type: ignore[arg-type]
        desk.answer = lambda row: outcome
        delivery.hand([order(row) for row in (1, 2, 3)])
        await desk.clock.settle()
        assert [(turn.opened, turn.reason, turn.waiting) for turn in desk.turns] == [(True, reason, 3)]


@pytest.mark.parametrize(
    "outcome", [Rejected("client_error"), Rejected("unsupported"), Retry("rate_limited", "", SECOND)]
)
async def test_what_does_not_open_it(outcome: Outcome) -> None:
    async with open_desk(breaker_after=3) as (desk, delivery):
        desk.answer = lambda row: outcome
        delivery.hand([order(row) for row in range(1, 30)])
        await desk.clock.advance(MINUTE)
        assert desk.turns == []


async def test_our_own_bugs_do_not_open_it() -> None:
    async with open_desk(breaker_after=3) as (desk, delivery):

        def answer(row: int) -> Outcome:
            raise ZeroDivisionError

        desk.answer = answer
        with capture_logs():
            delivery.hand([order(row) for row in range(1, 9)])
            await desk.clock.advance(MINUTE)
        assert desk.turns == []


async def test_failures_must_be_in_a_row() -> None:
    async with open_desk(breaker_after=3, per_destination=1, max_retry=HOUR, first_retry=HOUR) as (
        desk,
        delivery,
    ):
        desk.answer = lambda row: Delivered() if row % 3 == 0 else REFUSED
        delivery.hand([order(row) for row in range(1, 30)])
        await desk.clock.settle()
        assert desk.turns == []


async def test_a_refusal_closes_it_since_the_service_answers() -> None:
    async with open_desk(breaker_after=1) as (desk, delivery):
        answers: list[Outcome] = [REFUSED, Rejected("client_error", "HTTP 400"), Delivered()]
        desk.answer = lambda row: answers.pop(0)
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.hand([order(2)])
        await desk.clock.advance(5 * SECOND)
        assert [turn.opened for turn in desk.turns] == [True, False]
        assert desk.ended == [(2, "dead", "client_error"), (1, "delivered", None)]


async def test_a_row_that_the_service_chokes_on_does_not_block_the_others() -> None:
    async with open_desk(breaker_after=3) as (desk, delivery):
        desk.answer = lambda row: Retry("server_error", "HTTP 500") if row == 1 else Delivered()
        delivery.hand([order(1)])
        await desk.clock.advance(10 * SECOND)
        assert [turn.opened for turn in desk.turns] == [True]
        delivery.hand([order(2), order(3)])
        await desk.clock.advance(20 * SECOND)
        assert desk.ended == [(2, "delivered", None), (3, "delivered", None)]
        assert [turn.opened for turn in desk.turns][:2] == [True, False]


async def test_rows_under_way_when_it_opened_do_not_prolong_it() -> None:
    async with open_desk(breaker_after=2) as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(row) for row in range(1, 9)])
        await desk.clock.settle()
        for row in range(1, 9):
            futures[row].set_result(REFUSED)
            await desk.clock.settle()
        desk.answer = lambda row: Delivered()
        await desk.clock.advance(5 * SECOND)
        assert len(desk.endings) == 8
        assert [turn.opened for turn in desk.turns] == [True, False]


async def test_a_wait_that_was_asked_for_holds_while_it_is_open() -> None:
    async with open_desk(breaker_after=1) as (desk, delivery):
        answers: list[Outcome] = [Retry("server_error", "HTTP 503", 100 * SECOND), Delivered()]
        desk.answer = lambda row: answers.pop(0)
        delivery.hand([order(1)])
        await desk.clock.advance(99 * SECOND)
        assert desk.sent == [(0.0, 1)]
        await desk.clock.advance(SECOND)
        assert desk.sent == [(0.0, 1), (100.0, 1)]


# -- rate limits and pace ---------------------------------------------------------------------


async def test_429_pauses_the_destination_and_only_that() -> None:
    async with open_desk() as (desk, delivery):
        answers: dict[int, Outcome] = {1: Retry("rate_limited", "HTTP 429", 30 * SECOND)}
        desk.answer = lambda row: answers.pop(row, Delivered())
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.hand([order(2), order(3, "other")])
        assert delivery.start_now([order(9)]) == set()
        await desk.clock.settle()
        assert desk.rows == [1, 3]
        assert [status.paused for status in delivery.snapshot().destinations] == [True, False]
        await desk.clock.advance(30 * SECOND - 1)
        assert desk.rows == [1, 3]
        await desk.clock.advance(1)
        assert desk.sent == [(0.0, 1), (0.0, 3), (30.0, 1), (30.0, 2)]
        assert delivery.snapshot().outcomes == {
            ("webhook", "web.hook", "rate_limited"): 1,
            ("webhook", "web.hook", "delivered"): 3,
        }


async def test_429_two_hundred_times_and_then_accepted() -> None:
    async with open_desk() as (desk, delivery):
        left = 200

        def answer(row: int) -> Outcome:
            nonlocal left
            left -= 1
            return Retry("rate_limited", "HTTP 429", SECOND) if left >= 0 else Delivered()

        desk.answer = answer
        delivery.hand([order(1)])
        await desk.clock.advance(200 * SECOND)
        assert [seconds for seconds, _ in desk.sent] == [float(n) for n in range(201)]
        assert desk.endings == [Ending(1, "delivered", None, "", 201, MONDAY + 200 * SECOND)]


async def test_429_without_a_time_backs_the_destination_off() -> None:
    async with open_desk() as (desk, delivery):
        desk.answer = lambda row: Retry("rate_limited", "HTTP 429")
        delivery.hand([order(row) for row in range(1, 9)])
        await desk.clock.advance(2 * SECOND)
        assert sorted({seconds for seconds, _ in desk.sent}) == [0.0, 0.5, 1.25]
        assert len(desk.sent) == 24


async def test_pace_is_a_burst_and_then_a_rate() -> None:
    async with open_desk(pace=lambda kind: Pace(rate=2, burst=3)) as (desk, delivery):
        assert delivery.start_now([order(1), order(2)]) == {1}  # what went before it may count as well
        await desk.clock.advance(SECOND)
        assert delivery.start_now([order(row) for row in range(1, 9)]) == {1, 2, 3}
        delivery.hand([order(row) for row in range(1, 8)])
        await desk.clock.advance(10 * SECOND)
        assert [round(seconds, 3) for seconds, _ in desk.sent] == [1, 1, 1, 1.5, 2, 2.5, 3]
        delivery.hand([order(row) for row in range(11, 16)])
        await desk.clock.advance(SECOND + MICROSECOND)
        assert [round(seconds, 3) for seconds, _ in desk.sent[7:]] == [11, 11, 11, 11.5, 12]


async def test_only_the_kind_that_has_a_pace_is_paced() -> None:
    def pace(kind: str) -> Pace | None:
        return Pace(1, 1) if kind == "slack" else None

    async with open_desk(pace=pace) as (desk, delivery):
        delivery.hand([order(row) for row in range(1, 9)])
        await desk.clock.settle()
        assert len(desk.sent) == 8


# -- reporting --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Overloaded("busy"), StorageError("disk full"), ZeroDivisionError()])
async def test_an_ending_is_kept_until_it_is_taken(error: Exception) -> None:
    async with open_desk(breaker_after=1) as (desk, delivery):
        desk.broken = error
        answers = {1: Delivered(), 2: REFUSED}
        desk.answer = lambda row: answers[row]
        with capture_logs() as logs:
            delivery.hand([order(row, claimed=True) for row in (1, 2)])
            await desk.clock.advance(MINUTE)
        assert (desk.endings, desk.turns, desk.attempts) == ([], [], [])
        assert delivery.snapshot().unreported == 2
        assert {log["event"] for log in logs if log["log_level"] == "error"} == {"delivery_write_failed"}
        desk.broken = None
        await desk.clock.advance(6 * SECOND)
        assert desk.ended == [(1, "delivered", None)]
        assert [turn.opened for turn in desk.turns] == [True]
        assert delivery.snapshot().unreported == 0


async def test_attempts_of_one_row_are_written_as_the_last() -> None:
    async with open_desk(breaker_after=100) as (desk, delivery):
        desk.answer = lambda row: REFUSED
        desk.broken = StorageError("disk full")
        delivery.hand([order(row, claimed=True) for row in (1, 2)])
        await desk.clock.advance(20 * SECOND)
        desk.broken = None
        tried = len(desk.sent) // 2
        await desk.clock.advance(5 * SECOND)
        assert [(a.row, a.attempts) for a in desk.attempts[0]] == [(1, tried), (2, tried)]


async def test_endings_are_reported_together() -> None:
    async with open_desk() as (desk, delivery):
        at_once, most = 0, 0

        async def report(ending: Ending) -> None:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await desk.clock.sleep(SECOND)
            at_once -= 1
            desk.endings.append(ending)

        delivery._report = report
        delivery.hand([order(row, claimed=True) for row in range(20)])
        await desk.clock.advance(3 * SECOND)
        assert len(desk.endings) == 20
        assert most >= 10


async def test_one_line_is_logged_for_each_notification() -> None:
    async with open_desk() as (desk, delivery):
        desk.answer = lambda row: Rejected("client_error", "HTTP 400") if row == 2 else Delivered()
        with capture_logs() as logs:
            delivery.hand([order(1), order(2)])
            await desk.clock.settle()
        names = {"receiver": "web.hook", "kind": "webhook", "destination": "one", "attempts": 1}
        assert logs == [
            {
                "event": "notification_delivered",
                "log_level": "info",
                "row": 1,
                "reason": None,
                "detail": "",
                **names,
            },
            {
                "event": "notification_dead",
                "log_level": "error",
                "row": 2,
                "reason": "client_error",
                "detail": "HTTP 400",
                **names,
            },
        ]


# -- time and stopping ------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_wall_clock_that_jumps_delays_nothing(jump: int) -> None:
    async with open_desk() as (desk, delivery):
        answers: list[Outcome] = [REFUSED, Delivered()]
        desk.answer = lambda row: answers.pop(0)
        delivery.hand([order(1)])
        await desk.clock.settle()
        desk.clock.jump(jump)
        await desk.clock.advance(SECOND // 2)
        assert desk.sent == [(0.0, 1), (0.5, 1)]


async def test_an_idle_delivery_sleeps() -> None:
    async with open_desk() as (desk, delivery):
        desk.answer = lambda row: REFUSED
        delivery.hand([order(row) for row in range(1, 200)])
        await desk.clock.settle()
        assert desk.clock.sleepers == 1


async def test_a_stop_lets_what_is_under_way_end_and_begins_nothing() -> None:
    async with open_desk(per_destination=2) as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(row) for row in range(1, 6)])
        await desk.clock.settle()
        stop = asyncio.create_task(delivery.stop())
        await desk.clock.advance(4 * SECOND)
        assert not stop.done()
        assert delivery.start_now([order(9)]) == set()
        delivery.hand([order(9, claimed=True)])
        futures[1].set_result(Delivered())
        futures[2].set_result(REFUSED)
        await desk.clock.settle()
        assert stop.done()
        assert (desk.rows, desk.ended) == ([1, 2], [(1, "delivered", None)])
        assert [a.row for a in desk.attempts[0]] == [2]


async def test_a_stop_does_not_wait_beyond_its_budget() -> None:
    async with open_desk() as (desk, delivery):
        hanging(desk)
        delivery.hand([order(1), order(2)])
        await desk.clock.settle()
        stop = asyncio.create_task(delivery.stop(2 * SECOND))
        await desk.clock.advance(2 * SECOND)
        assert stop.done()
        assert (desk.endings, desk.attempts) == ([], [])


async def test_a_stop_reports_what_it_can_while_the_store_is_broken() -> None:
    async with open_desk() as (desk, delivery):
        desk.broken = StorageError("disk full")
        delivery.hand([order(1, claimed=True)])
        await desk.clock.settle()
        stop = asyncio.create_task(delivery.stop())
        await desk.clock.settle()
        desk.broken = None
        await desk.clock.advance(SECOND)
        assert stop.done()
        assert desk.ended == [(1, "delivered", None)]


async def test_a_stop_with_nothing_to_do_is_immediate() -> None:
    async with open_desk() as (desk, delivery):
        await delivery.stop()
        assert desk.clock.sleepers == 0


# -- before senders are there -----------------------------------------------------------------


async def test_nothing_is_begun_until_those_who_send_are_there() -> None:
    async with open_desk() as (desk, delivery):
        delivery.pause()
        assert delivery.start_now([order(1)]) == set()
        delivery.prepare([order(1)])
        delivery.hand([order(1), order(2, "two", claimed=True)])
        await desk.clock.advance(MINUTE)
        assert (desk.claims, desk.sent) == ([], [])
        delivery.resume()
        await desk.clock.settle()
        assert desk.claims == [[1]]
        assert sorted(desk.sent) == [(60.0, 1), (60.0, 2)]


async def test_what_was_superseded_meanwhile_is_not_sent() -> None:
    async with open_desk() as (desk, delivery):
        delivery.pause()
        delivery.hand([order(1)])
        delivery.succeed(1)
        delivery.hand([order(2)])
        delivery.resume()
        await desk.clock.settle()
        assert desk.rows == [2]
        assert desk.ended == [(1, "superseded", None), (2, "delivered", None)]
