"""What goes first where not everything can go at once, and what people are told of the rest."""

import asyncio

import pytest
from structlog.testing import capture_logs

from responder.core.messages import BreakerTurned
from responder.core.model import HOUR, MINUTE, SECOND
from responder.core.notification import Attempt, Delivered, Outcome, Partly, Rejected, Retry, Unknown
from responder.core.orders import Rank
from responder.delivery import Attempted, Ending
from responder.delivery.dispatch import LONGEST_RECEIPT
from responder.settings.values import Pace
from tests.delivery.desk import Desk, open_desk, order
from tests.delivery.test_dispatch import REFUSED, hanging
from tests.notify.notices import MONDAY


def one_a_second(kind: str) -> Pace:
    return Pace(1, 1)


# -- ranks ------------------------------------------------------------------------------------


async def test_three_hundred_incidents_on_a_lane_that_takes_one_a_second() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        desk.announces = True
        for second in range(60):  # five a second, every tenth critical
            rows = range(second * 5, second * 5 + 5)
            delivery.hand(
                [order(row, rank=Rank.FIRST_CRITICAL if row % 10 == 7 else Rank.FIRST) for row in rows]
            )
            await desk.clock.advance(SECOND)
        await desk.clock.advance(10 * MINUTE)
        went = sorted([when for when, _ in desk.sent] + [when for when, _ in desk.announcements])
        assert [round(when, 3) for when in went] == [float(n) for n in range(301)]
        assert desk.announcements == [(4.0, 21)]
        assert sorted(desk.rows) == list(range(300))
        # A critical one is never behind another that could have waited.
        told_at = {row: when for when, row in desk.sent}
        late = [told_at[row] - row // 5 for row in range(300) if row % 10 == 7]
        assert max(late) <= 1
        others = [row for row in desk.rows if row % 10 != 7]
        assert others == sorted(others)


async def test_the_order_in_which_rows_wait() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.hand(
            [
                order(2, rank=Rank.END),
                order(3, rank=Rank.LATER),
                order(4, rank=Rank.LATER_CRITICAL),
                order(5, rank=Rank.FIRST),
                order(6, rank=Rank.FIRST_CRITICAL),
                order(7, rank=Rank.FIRST),
            ]
        )
        await desk.clock.advance(MINUTE)
        assert desk.rows == [1, 6, 5, 7, 4, 3, 2]
        # One is claimed when it may go, and not before: a better one may come.
        assert desk.claims == [[row] for row in desk.rows]


async def test_a_newcomer_goes_before_what_waits_and_not_before_what_is_claimed() -> None:
    async with open_desk(per_destination=1) as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(row) for row in range(1, 6)])
        await desk.clock.settle()
        assert (desk.rows, desk.claims) == ([1], [[1, 2]])
        better, worse = order(9, rank=Rank.FIRST_CRITICAL), order(8)
        assert delivery.start_now([worse, better]) == {9}
        delivery.hand([order(9, rank=Rank.FIRST_CRITICAL, claimed=True), worse])
        desk.answer = lambda row: Delivered()
        futures[1].set_result(Delivered())
        await desk.clock.settle()
        assert desk.rows == [1, 9, 2, 3, 4, 5, 8]


async def test_the_best_of_a_commit_are_claimed_with_it() -> None:
    async with open_desk(pace=lambda kind: Pace(1, 2)) as (desk, delivery):
        await desk.clock.advance(MINUTE)
        orders = [order(row) for row in range(1, 5)]
        orders += [order(5, rank=Rank.FIRST), order(6, rank=Rank.FIRST_CRITICAL)]
        assert delivery.start_now(orders) == {5, 6}


async def test_what_may_go_is_kept_for_a_better_row_that_is_being_claimed() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        answers: dict[int, Outcome] = {1: REFUSED}
        desk.answer = lambda row: answers.pop(row, Delivered())
        delivery.hand([order(1, claimed=True)])
        await desk.clock.advance(SECOND // 4)
        desk.claiming = asyncio.Event()
        delivery.hand([order(2, rank=Rank.FIRST_CRITICAL)])
        await desk.clock.advance(2 * SECOND)
        assert desk.sent == [(0.0, 1)]
        desk.claiming.set()
        await desk.clock.advance(2 * SECOND)
        assert [row for _, row in desk.sent] == [1, 2, 1]


async def test_criticals_ask_first_whether_a_destination_is_well_again() -> None:
    async with open_desk(breaker_after=1) as (desk, delivery):
        down = True
        desk.answer = lambda row: REFUSED if down else Delivered()
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.hand([order(2), order(3, rank=Rank.FIRST_CRITICAL), order(4, rank=Rank.END)])
        down = False
        await desk.clock.advance(5 * SECOND)
        assert desk.rows == [1, 3, 1, 2, 4]


# -- announcements ----------------------------------------------------------------------------


async def crowd(desk: Desk, delivery: object, first: int = 1, count: int = 22) -> None:
    delivery.hand([order(row) for row in range(first, first + count)])  # type: ignore[attr-defined]
    await desk.clock.settle()


async def test_that_much_waits_is_said_once_until_little_does() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        desk.announces = True
        with capture_logs() as logs:
            await crowd(desk, delivery, count=20)
            assert desk.announcements == []
            await crowd(desk, delivery, first=50, count=5)
            await desk.clock.advance(10 * SECOND)
            assert desk.announcements == [(1.0, 24)]
            await crowd(desk, delivery, first=100, count=20)
            await desk.clock.advance(MINUTE)
            assert desk.announcements == [(1.0, 24)]
            await crowd(desk, delivery, first=200, count=30)
            assert desk.announcements == [(1.0, 24), (70.0, 30)]
        assert delivery.snapshot().announced == 2
        crowded = [log for log in logs if log["event"] == "destination_crowded"]
        assert [(log["destination"], log["waiting"]) for log in crowded] == [("one", 24), ("one", 30)]


async def test_who_cannot_announce_is_not_asked_again() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        with capture_logs() as logs:
            await crowd(desk, delivery)
            await desk.clock.advance(5 * SECOND)
        assert [log["waiting"] for log in logs if log["event"] == "destination_crowded"] == [22]
        assert delivery.snapshot().announced == 0


async def test_without_a_pace_nothing_is_announced() -> None:
    async with open_desk() as (desk, delivery):
        desk.announces = True
        hanging(desk)
        await crowd(desk, delivery, count=100)
        assert desk.announcements == []


@pytest.mark.parametrize("outcome", [Retry("server_error"), Unknown("cut"), ZeroDivisionError()])
async def test_an_announcement_that_fails_is_made_once_more(outcome: object) -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        desk.announces = True

        def announced() -> object:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        desk.announced = announced
        with capture_logs() as logs:
            await crowd(desk, delivery)
            await desk.clock.advance(11 * SECOND)
        assert len(desk.announcements) == 2
        assert [log["event"] for log in logs].count("announcement_failed") == 2
        assert len(desk.endings) == 9
        assert delivery.snapshot().announced == 0


async def test_an_announcement_that_is_refused_is_not_made_again() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        desk.announces = True
        desk.announced = lambda: Rejected("auth_error", "token_revoked")
        await crowd(desk, delivery)
        await desk.clock.advance(10 * SECOND)
        assert len(desk.announcements) == 1


async def test_an_announcement_that_is_limited_pauses_what_it_is_about() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        desk.announces = True
        desk.announced = lambda: Retry("rate_limited", "HTTP 429", 30 * SECOND)
        await crowd(desk, delivery)
        await desk.clock.advance(29 * SECOND)
        assert (desk.sent, desk.announcements) == ([], [(0.0, 22)])


async def test_nothing_is_announced_while_the_breaker_is_open() -> None:
    async with open_desk(pace=one_a_second, breaker_after=1) as (desk, delivery):
        desk.announces = True
        desk.answer = lambda row: REFUSED
        delivery.hand([order(1)])
        await desk.clock.settle()
        await crowd(desk, delivery, first=2)
        await desk.clock.advance(MINUTE)
        assert desk.announcements == []


# -- in two parts -----------------------------------------------------------------------------


def in_two(desk: Desk, *rest: Outcome) -> None:
    """Every row is told at its first try; what is left has these outcomes, then is accepted."""
    left = list(rest)

    def answer(row: int) -> Outcome:
        if desk.tries[-1].receipt:
            return left.pop(0) if left else Delivered(f"end {row}")
        return Partly(f"part {row}")

    desk.answer = answer


async def test_what_is_left_is_told_once_everything_else_was() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        in_two(desk)
        delivery.hand([order(row) for row in (1, 2)])
        await desk.clock.settle()
        delivery.hand([order(3, rank=Rank.END)])
        await desk.clock.advance(MINUTE)
        assert desk.sent == [(0.0, 1), (1.0, 2), (2.0, 3), (3.0, 1), (4.0, 2), (5.0, 3)]
        assert desk.tries[3] == Attempt(10 * SECOND, 2, False, "part 1")
        at = desk.endings[0].at
        assert desk.endings[0] == Ending(1, "delivered", None, "", 2, at, receipt="end 1")
        assert desk.attempts[0][0] == Attempted(1, 1, MONDAY, None, "", "part 1")
        assert delivery.snapshot().outcomes == {("webhook", "web.hook", "delivered"): 3}


async def test_what_waits_to_tell_the_rest_does_not_count_as_waiting() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        in_two(desk)
        delivery.hand([order(1)])
        await desk.clock.settle()
        (status,) = delivery.snapshot().destinations
        assert (status.waiting, status.replies, status.in_flight) == (0, 1, 0)
        assert delivery.waiting_for(1) is None


async def test_a_row_of_which_people_were_told_is_delivered_when_a_successor_comes() -> None:
    async with open_desk(pace=one_a_second) as (desk, delivery):
        in_two(desk)
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.succeed(1)
        await desk.clock.advance(MINUTE)
        assert desk.endings == [Ending(1, "delivered", None, "", 1, MONDAY, receipt="part 1")]
        assert delivery.snapshot().outcomes == {("webhook", "web.hook", "delivered"): 1}


async def test_a_successor_that_came_while_the_first_part_was_told() -> None:
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(1)])
        await desk.clock.settle()
        delivery.succeed(1)
        futures[1].set_result(Partly("part 1"))
        await desk.clock.advance(MINUTE)
        assert (desk.rows, desk.ended, desk.endings[0].receipt) == ([1], [(1, "delivered", None)], "part 1")


async def test_a_successor_that_came_while_the_rest_was_told_in_vain() -> None:
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        delivery.hand([order(1)])
        await desk.clock.settle()
        futures[1].set_result(Partly("part 1"))
        await desk.clock.settle()
        delivery.succeed(1)
        futures[1].set_result(REFUSED)
        await desk.clock.advance(MINUTE)
        assert (desk.rows, desk.ended) == ([1, 1], [(1, "delivered", None)])


async def test_the_rest_that_is_refused_for_good_leaves_the_row_delivered() -> None:
    async with open_desk() as (desk, delivery):
        in_two(desk, Rejected("client_error", "thread_not_found"))
        with capture_logs() as logs:
            delivery.hand([order(1)])
            await desk.clock.advance(MINUTE)
        assert desk.endings == [Ending(1, "delivered", None, "", 2, MONDAY, receipt="part 1")]
        (log,) = [log for log in logs if log["event"] == "rest_not_told"]
        assert (log["reason"], log["detail"]) == ("client_error", "thread_not_found")


async def test_the_rest_is_given_up_after_five_tries() -> None:
    async with open_desk() as (desk, delivery):
        in_two(desk, *[Retry("server_error", "HTTP 500")] * 9)
        delivery.hand([order(1)])
        await desk.clock.advance(MINUTE)
        assert (len(desk.sent), desk.ended) == (1 + 5, [(1, "delivered", None)])
        assert delivery.snapshot().outcomes == {
            ("webhook", "web.hook", "server_error"): 5,
            ("webhook", "web.hook", "delivered"): 1,
        }


async def test_the_rest_is_given_up_after_ten_minutes() -> None:
    async with open_desk() as (desk, delivery):
        in_two(desk, *[Retry("rate_limited", "HTTP 429", 4 * MINUTE)] * 9)
        delivery.hand([order(1)])
        await desk.clock.advance(HOUR)
        assert desk.sent == [(0.0, 1), (0.0, 1), (240.0, 1), (480.0, 1), (720.0, 1)]
        assert desk.ended == [(1, "delivered", None)]


async def test_when_the_breaker_opens_what_is_left_is_given_up_before_anybody_hears_of_it() -> None:
    async with open_desk(pace=lambda kind: Pace(2, 2), breaker_after=1) as (desk, delivery):
        heard: list[object] = []
        delivery._report = lambda ending: note(heard, (ending.row, ending.state))
        delivery._on_breaker = lambda turn: note(heard, turn.opened)
        desk.answer = lambda row: REFUSED if row == 2 else Partly("part")
        delivery.hand([order(1), order(2)])
        await desk.clock.advance(SECOND)
        assert heard == [(1, "delivered"), True]


async def note(heard: list[object], what: object) -> None:
    heard.append(what)


async def test_the_rest_goes_on_after_a_restart_under_the_next_number() -> None:
    async with open_desk() as (desk, delivery):
        in_two(desk)
        delivery.hand([order(1, claimed=True, attempts=3, receipt="part 1"), order(2, rank=Rank.END)])
        await desk.clock.settle()
        assert desk.rows == [2, 1, 2]
        assert desk.tries[1] == Attempt(10 * SECOND, 4, True, "part 1")


async def test_the_rest_is_given_up_where_the_destination_was_down() -> None:
    async with open_desk() as (desk, delivery):
        delivery.distrust(["one"])
        delivery.hand([order(1, claimed=True, attempts=3, receipt="part 1")])
        await desk.clock.settle()
        assert (desk.sent, desk.ended, desk.endings[0].receipt) == ([], [(1, "delivered", None)], "part 1")


async def test_a_receipt_that_is_too_long_is_dropped_and_logged() -> None:
    async with open_desk() as (desk, delivery):
        outcomes: list[Outcome] = [
            Partly("x" * (LONGEST_RECEIPT + 1)),
            Delivered("ü" * LONGEST_RECEIPT),
            Delivered("x" * LONGEST_RECEIPT),
        ]
        desk.answer = lambda row: outcomes[row]
        with capture_logs() as logs:
            delivery.hand([order(row) for row in range(3)])
            await desk.clock.settle()
        assert [(ending.state, len(ending.receipt)) for ending in desk.endings] == [
            ("delivered", 0),
            ("delivered", 0),
            ("delivered", LONGEST_RECEIPT),
        ]
        assert [log["size"] for log in logs if log["event"] == "receipt_too_long"] == [4097, 4096]


# -- restarts ---------------------------------------------------------------------------------


async def test_what_the_service_asked_an_earlier_process_for_is_kept() -> None:
    async with open_desk() as (desk, delivery):
        until = MONDAY + 30 * SECOND
        delivery.hand([order(1), order(2, claimed=True, attempts=1, not_before=until), order(3, "other")])
        await desk.clock.advance(30 * SECOND - 1)
        assert desk.sent == [(0.0, 3)]
        await desk.clock.advance(1)
        assert desk.sent[1:] == [(30.0, 2), (30.0, 1)]


async def test_an_hour_is_the_longest_that_is_kept_and_what_is_over_is_over() -> None:
    async with open_desk() as (desk, delivery):
        delivery.hand([order(1, claimed=True, attempts=1, not_before=MONDAY - SECOND)])
        delivery.hand([order(2, "other", claimed=True, attempts=1, not_before=MONDAY + 9 * HOUR)])
        await desk.clock.advance(2 * HOUR)
        assert desk.sent == [(0.0, 1), (3600.0, 2)]


async def test_a_destination_that_was_down_is_asked_with_one_row_first() -> None:
    async with open_desk() as (desk, delivery):
        futures = hanging(desk)
        delivery.distrust(["one"])
        delivery.hand([*(order(row) for row in (1, 2, 3)), order(9, "other")])
        await desk.clock.settle()
        assert desk.rows == [1, 9]
        desk.answer = lambda row: Delivered()
        futures[1].set_result(Delivered())
        await desk.clock.settle()
        assert desk.rows == [1, 9, 2, 3]
        assert desk.turns == [BreakerTurned("one", opened=False, waiting=2)]


async def test_a_destination_that_is_still_down_is_not_announced_again() -> None:
    async with open_desk() as (desk, delivery):
        delivery.distrust(["one"])
        desk.answer = lambda row: REFUSED
        delivery.hand([order(1)])
        await desk.clock.advance(16 * SECOND)
        assert (desk.sent, desk.turns) == ([(0.0, 1), (10.0, 1)], [])
