"""The queue of undecided inputs: order, sums, refilling after a failure."""

from responder.core.messages import AlertsReceived, Body, DeliveryEnded, Input, Lagging, ReceivedAlert
from responder.engine.backlog import Backlog
from tests.clock import MONDAY
from tests.core.words import firing


def alerts(count: int, raw: bytes = b"12345") -> AlertsReceived:
    """A request of so many alerts."""
    given: tuple[ReceivedAlert, ...] = tuple(firing(f"A/{n}") for n in range(count))
    return AlertsReceived("webhook", raw, given)


def given(seq: int, body: Body | None = None) -> Input:
    """An input."""
    return Input(seq, MONDAY + seq, "a", body or Lagging(seq))


def filled(*inputs: Input) -> Backlog:
    """A backlog of these."""
    backlog = Backlog()
    for one in inputs:
        backlog.put(one)
    return backlog


def drain(backlog: Backlog) -> list[int]:
    """The seqs in it, in the order in which they would be decided."""
    found = []
    while backlog.front is not None:
        front = backlog.front
        assert backlog.take() is front
        found.append(front.seq)
    assert (len(backlog), backlog.bytes, backlog.alerts) == (0, 0, 0)
    return found


def test_first_in_first_out() -> None:
    backlog = filled(given(1), given(2), given(3))
    assert len(backlog) == 3
    assert drain(backlog) == [1, 2, 3]
    assert backlog.front is None
    assert not backlog


def test_what_they_carry_is_counted() -> None:
    backlog = filled(given(1, alerts(3, b"abc")), given(2), given(3, alerts(2, b"defgh")))
    assert (backlog.bytes, backlog.alerts) == (8, 5)
    backlog.take()
    assert (backlog.bytes, backlog.alerts) == (5, 2)
    backlog.take()
    assert (backlog.bytes, backlog.alerts) == (5, 2)
    assert drain(backlog) == [3]


def test_an_input_that_is_here_or_was_is_not_put_again() -> None:
    backlog = filled(given(1, alerts(1)), given(2))
    backlog.put(given(1, alerts(1)))
    backlog.put(given(2))
    assert (len(backlog), backlog.bytes, backlog.alerts) == (2, 5, 1)
    backlog.take()
    backlog.put(given(1))
    assert drain(backlog) == [2]


def test_rows_that_delivery_is_done_with() -> None:
    ended = [DeliveryEnded(7, "delivered"), DeliveryEnded(9, "dead", "timeout")]
    backlog = filled(given(1, ended[0]), given(2, alerts(1)), given(3, ended[1]))
    assert backlog.ended_rows() == {7, 9}
    backlog.take()
    assert backlog.ended_rows() == {9}


def test_refilling_takes_what_the_log_holds_and_then_what_came_since() -> None:
    """Taken and not committed: 3 and 4. Stamped since: 5, which the log had as well, and 6."""
    backlog = filled(given(3), given(4), given(5, alerts(1)), given(6, alerts(2)))
    backlog.take()
    backlog.take()
    backlog.refill(2, [given(3, alerts(4)), given(4), given(5, alerts(1))])
    assert (len(backlog), backlog.bytes, backlog.alerts) == (4, 15, 7)
    assert drain(backlog) == [3, 4, 5, 6]


def test_refilling_leaves_out_what_is_consumed() -> None:
    backlog = filled(given(1), given(2), given(3))
    backlog.refill(2, [])
    assert drain(backlog) == [3]
    backlog.put(given(2))
    assert drain(backlog) == []


def test_inputs_that_did_not_get_into_the_log_are_forgotten_and_their_seqs_used_again() -> None:
    backlog = filled(given(1, alerts(1)), given(2, alerts(2)), given(3, alerts(4)))
    backlog.drop_from(2)
    assert (len(backlog), backlog.bytes, backlog.alerts) == (1, 5, 1)
    again = given(2, alerts(3))
    backlog.put(again)
    backlog.put(given(1))
    assert backlog.alerts == 4
    assert drain(backlog) == [1, 2]


def test_forgetting_all_of_them() -> None:
    backlog = filled(given(5))
    backlog.take()
    backlog.put(given(6))
    backlog.drop_from(6)
    backlog.put(given(6))
    assert drain(backlog) == [6]


def test_forgetting_what_was_taken_already_lets_its_seq_come_again() -> None:
    backlog = filled(given(1), given(2))
    backlog.take()
    backlog.take()
    backlog.drop_from(2)
    backlog.put(given(1))
    backlog.put(given(2))
    assert drain(backlog) == [2]
