"""A run and an acknowledgement in words."""

import pytest
from msgspec.structs import replace

from responder.core.notification import Acknowledgement
from responder.core.run import Run
from responder.notify import runs
from responder.notify.runs import Style
from tests.notify.notices import MONDAY, notification
from tests.notify.runs import DENIED, HELPED, REQUESTED, WAITS, run

SHOUTING = Style(str.upper, lambda at: f"t{at - MONDAY}")


def test_nobody_and_somebody() -> None:
    told = notification()
    assert runs.acknowledged(told) == ""
    taken = replace(told, acknowledged=Acknowledgement("ana\n<x>", MONDAY, MONDAY + 1, "on it"))
    assert runs.acknowledged(taken) == (
        "Acknowledged by ana <x> at 2026-01-05 00:00 UTC until 2026-01-05 00:00 UTC: on it"
    )
    assert runs.acknowledged(taken, SHOUTING) == "Acknowledged by ANA\n<X> at t0 until t1: ON IT"


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (run(), "proposed"),
        (WAITS, "waits for an approval (0 of 1) until 2026-01-05 00:16 UTC"),
        (REQUESTED, "waits for an approval (1 of 2) until 2026-01-05 00:16 UTC"),
        (DENIED, "denied (cooldown)"),
        (HELPED, "succeeded"),
        (run(state="expired", reason="expired"), "expired"),
    ],
)
def test_how_it_stands(one: Run, words: str) -> None:
    assert runs.stands(one) == words


def test_who_asked_and_for_what() -> None:
    assert [runs.asked(one) for one in (WAITS, REQUESTED)] == ["an alert", "ana (slack): it is slow"]
    assert [runs.target(one) for one in (WAITS, run(target=None))] == [
        "prod / shop / Deployment checkout",
        "",
    ]
    assert runs.line(run(target=None)) == "Run r1-695aff3c: pod-restarts: proposed"


def test_a_person_counts_once() -> None:
    approval = HELPED.approvals[0]
    twice = replace(REQUESTED, approvals=(approval, approval))
    assert [runs.have(one) for one in (WAITS, HELPED, REQUESTED, twice)] == [0, 1, 1, 1]
