"""How silences and times are written for Alertmanager's clients; `test_alertmanager` has whole answers."""

import msgspec
import pytest

from responder.core.model import SECOND
from responder.core.silence import Silence
from responder.web.alertview import shown_silence, silence_order, wire_time
from tests.clock import MONDAY


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "0001-01-01T00:00:00.000Z"),
        (MONDAY, "2026-01-05T00:00:00.000Z"),
        (MONDAY + 5_999_999, "2026-01-05T00:00:00.005Z"),
        (MONDAY + SECOND - 1, "2026-01-05T00:00:00.999Z"),
    ],
)
def test_times_have_milliseconds_and_are_never_rounded_up(at: int, text: str) -> None:
    assert wire_time(at) == text


def silence(name: str, starts: int, ends: int) -> Silence:
    return Silence(name, (("a", "=", "b"),), MONDAY + starts, MONDAY + ends, "me", "me", "why", MONDAY)


def test_what_ends_or_begins_soonest_comes_first_and_what_is_over_last() -> None:
    silences = [
        silence("long over", -9, -5),
        silence("just over", -9, -1),
        silence("far", 7, 8),
        silence("soon", 1, 9),
        silence("long", -9, 9),
        silence("b", -9, 2),
        silence("a", -9, 2),
    ]
    silences.sort(key=lambda one: silence_order(one, MONDAY))
    assert [one.id for one in silences] == ["a", "b", "long", "soon", "far", "just over", "long over"]


def test_annotations_are_left_out_where_there_are_none() -> None:
    bare = msgspec.to_builtins(shown_silence(silence("s", 0, 9), MONDAY))
    assert sorted(bare) == [
        "author",
        "comment",
        "createdBy",
        "endsAt",
        "id",
        "matchers",
        "startsAt",
        "status",
        "updatedAt",
    ]
