"""The workspace of the stand-in: channels by name, stamps, threads, and who hears of changes."""

import pytest

from responder.core.model import SECOND
from responder.sandbox.slackroom import Channel, Message, Room
from tests.clock import ManualClock


def test_a_channel_is_found_by_name_and_id_and_a_living_one_before_an_archived_one() -> None:
    room = Room(ManualClock())
    old = room.add_channel("ops", archived=True)
    assert room.channel("#ops") is old
    new = room.add_channel("ops")
    assert [room.channel(name) for name in ("#ops", "ops", old.id, new.id)] == [new, new, old, new]
    with pytest.raises(KeyError):
        room.channel("nowhere")


def test_no_stamp_is_given_twice() -> None:
    clock = ManualClock()
    room = Room(clock)
    first = [room.stamp() for _ in range(3)]
    clock.jump(-5 * SECOND)
    assert [*first, room.stamp()] == [
        "1767571200.000000",
        "1767571200.000001",
        "1767571200.000002",
        "1767571200.000003",
    ]


def test_replies_stand_in_their_thread_and_everything_new_is_heard_of() -> None:
    room = Room(ManualClock())
    channel = room.add_channel("ops")
    heard: list[tuple[Channel, Message]] = []
    room.on_change = lambda where, message: heard.append((where, message))
    first = room.say("ops", "one")
    second = room.say("ops", "two", thread_ts=first.ts)
    assert (room.messages("ops"), first.replies) == ([first], [second])
    assert heard == [(channel, first), (channel, second)]
    assert channel.find(second.ts) == (second, [second])
    with pytest.raises(KeyError):
        room.say("ops", "three", thread_ts=second.ts)
    room.delete("ops", second.ts)
    assert first.replies == []
    with pytest.raises(KeyError):
        room.delete("ops", second.ts)
