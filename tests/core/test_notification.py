"""A notification's own status."""

from typing import Any

import pytest

from responder.core.model import Alert
from responder.core.notification import Notification


def notification(**parts: Any) -> Notification:
    values: dict[str, Any] = {"firing": (), "resolved": (), "stale": ()}
    return Notification(1, 2, "repeat", "team", "x", 3, "{}:{}", (), **values | parts)


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([], "resolved"),
        (["resolved"], "resolved"),
        (["firing"], "firing"),
        (["firing", "resolved"], "firing"),
        (["stale"], "firing"),  # it may still fire: nobody said that it does not
        (["stale", "resolved"], "firing"),
    ],
)
def test_it_is_firing_while_anything_in_it_fires_or_may_still_fire(parts: list[str], status: str) -> None:
    alert = Alert(1, (), (), 1, 0, 1)
    assert notification(**dict.fromkeys(parts, (alert,))).status == status
