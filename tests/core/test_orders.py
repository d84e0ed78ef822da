"""Which of two orders for one destination goes first."""

from typing import Any

import pytest

from responder.core.model import Alert, labels_from
from responder.core.notification import Notification
from responder.core.orders import Rank, rank_of

CRITICAL = (Alert(1, labels_from({"severity": "critical"}), (), 1, 0, 1),)
WARNING = (Alert(2, labels_from({"severity": "warning"}), (), 1, 0, 1),)


@pytest.mark.parametrize(
    ("parts", "rank"),
    [
        ({"firing": WARNING + CRITICAL, "first": True}, Rank.FIRST_CRITICAL),
        ({"firing": WARNING, "first": True}, Rank.FIRST),
        ({"firing": CRITICAL}, Rank.LATER_CRITICAL),
        ({"stale": CRITICAL}, Rank.LATER_CRITICAL),
        ({"firing": WARNING, "resolved": CRITICAL}, Rank.LATER),
        ({"resolved": CRITICAL}, Rank.END),
        ({"resolved": CRITICAL, "first": True}, Rank.END),
    ],
)
def test_what_nobody_knows_of_goes_first_and_what_is_over_last(parts: dict[str, Any], rank: Rank) -> None:
    values: dict[str, Any] = {"firing": (), "resolved": (), "stale": ()}
    assert rank_of(Notification(1, 2, "repeat", "team", "x", 3, "{}:{}", (), **values | parts)) == rank


def test_the_ranks_are_in_the_order_in_which_they_go() -> None:
    assert sorted(Rank) == [Rank.FIRST_CRITICAL, Rank.FIRST, Rank.LATER_CRITICAL, Rank.LATER, Rank.END]
