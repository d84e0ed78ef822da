"""Orders to those who are not there yet."""

from collections.abc import Sequence

from responder.actions.waiting import Waiting
from responder.core.messages import Act, Withdraw


class Taken:
    def __init__(self) -> None:
        self.acts: list[Act] = []

    def take(self, acts: Sequence[Act]) -> None:
        self.acts += acts


def test_what_was_ordered_before_is_carried_out_first_and_once() -> None:
    first, second, third = (Withdraw(number) for number in range(3))
    waiting, there = Waiting(), Taken()
    waiting.take([first])
    waiting.take([second])
    waiting.pass_to(there)
    waiting.take([third])
    assert there.acts == [first, second, third]
