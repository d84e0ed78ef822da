"""Decisions on their way to one commit: the journal's rows, the orders, the sums of what is in it."""

from typing import Any

import msgspec
import pytest

from responder.core.catalogue import Secret
from responder.core.draft import Decision
from responder.core.messages import AlertsReceived, Deliver, Event, Input, Noted, RulesLoaded, Succeed
from responder.core.model import SECOND
from responder.core.notification import Notification
from responder.core.orders import Earlier, Order, Rank
from responder.core.rules import Integration
from responder.core.state import Changes
from responder.engine.slice import Slice
from responder.store.journal import Chain, Head, link
from responder.store.vocabulary import Vocabulary
from tests.clock import MONDAY
from tests.core.words import firing

HOOK = Integration("team", "webhook", True, "http://team", settings=Secret("s3cret"))


def decision(*effects: Any, events: tuple[Event, ...] = (), rules: str = "") -> Decision:
    """What an input or a timer came to."""
    return Decision(Changes(rules=rules), list(events), list(effects))


def deliver(row: int, reason: Any = "repeat") -> Deliver:
    """Tell a row."""
    return Deliver(Notification(row, MONDAY, reason, "team", "team", 1, "key", (), (), ()), HOOK)


def bodies(piece: Slice) -> list[Any]:
    """What the journal will say."""
    return [msgspec.json.decode(body) for *_, body, _ in piece.journal]


def test_an_input_is_journaled_with_what_was_asked() -> None:
    piece, chain = Slice(), Chain(Head(4, "a" * 64))
    piece.take(decision(events=(Noted("x"),)), MONDAY, Input(7, MONDAY, "admin", RulesLoaded("h")))
    piece.encode(Vocabulary(), chain)
    assert bodies(piece) == [
        {
            "input": 7,
            "kind": "rules_loaded",
            "actor": "admin",
            "asked": {"type": "rules_loaded", "hash": "h"},
            "events": [{"type": "noted", "what": "x", "detail": ""}],
        }
    ]
    ((n, at, seq, body, digest),) = piece.journal
    assert (n, at, seq) == (5, MONDAY, 7)
    assert digest == link("a" * 64, 5, MONDAY, body)
    assert chain.head == Head(5, digest)


def test_alerts_are_in_the_inputs_log_and_not_in_the_journal_again() -> None:
    piece = Slice()
    body = AlertsReceived("webhook", b"raw", (firing("A"), firing("B")))
    piece.take(decision(), MONDAY, Input(1, MONDAY, "am", body))
    piece.encode(Vocabulary(), Chain(Head()))
    assert bodies(piece) == [{"input": 1, "kind": "alerts_received", "actor": "am", "events": []}]
    assert (piece.decisions, piece.inputs, piece.alerts, piece.consumed) == (1, 1, 2, 1)


def test_a_timer_is_journaled_only_if_something_happened() -> None:
    piece, chain = Slice(), Chain(Head())
    piece.take(decision(rules="changed"), MONDAY + SECOND, None)
    piece.encode(Vocabulary(), chain)
    assert (piece.journal, chain.head) == ([], Head())
    # It is written all the same.
    assert (piece.decisions, piece.inputs, piece.consumed) == (1, 0, 0)
    assert piece.batch.meta["rules"] == "changed"
    piece.take(decision(events=(Noted("y", "z"),)), MONDAY + 2 * SECOND, None)
    for _ in range(2):  # a job is run again when another in its transaction fails
        piece.encode(Vocabulary(), chain)
    assert piece.head == chain.head
    noted = {"type": "noted", "what": "y", "detail": "z"}
    assert bodies(piece) == [{"tick": "2026-01-05T00:00:02Z", "events": [noted]}]
    assert [(n, at, seq) for n, at, seq, *_ in piece.journal] == [(1, MONDAY + 2 * SECOND, 0)]


def test_several_decisions() -> None:
    piece, chain = Slice(), Chain(Head())
    for seq in (3, 4):
        given = Input(seq, MONDAY + seq, "a", RulesLoaded(str(seq)))
        piece.take(decision(Succeed(seq), events=(Noted(str(seq)),)), given.at, given)
    piece.take(decision(events=(Noted("tick"),)), MONDAY + 9, None)
    piece.encode(Vocabulary(), chain)
    assert (piece.decisions, piece.inputs, piece.consumed) == (3, 2, 4)
    assert piece.at == MONDAY + 3  # of the oldest: what waits for this commit waits since then
    assert piece.events == [Noted("3"), Noted("4"), Noted("tick")]
    assert piece.effects == [Succeed(3), Succeed(4)]
    assert [n for n, *_ in piece.journal] == [1, 2, 3]


def test_a_row_of_the_journal_that_could_not_be_made_at_once_leaves_no_gap() -> None:
    class Stumbling(Chain):
        stumbles = True

        def next_row(self, at: int, seq: int, body: object) -> tuple[int, int, int, bytes, str]:
            if at == MONDAY + 1 and self.stumbles:
                self.stumbles = False
                raise MemoryError
            return super().next_row(at, seq, body)

    piece, chain = Slice(), Stumbling(Head())
    for number in range(3):
        piece.take(decision(events=(Noted(str(number)),)), MONDAY + number, None)
    with pytest.raises(MemoryError):
        piece.encode(Vocabulary(), chain)
    piece.encode(Vocabulary(), chain)
    assert [(n, at) for n, at, *_ in piece.journal] == [(1, MONDAY), (2, MONDAY + 1), (3, MONDAY + 2)]
    assert piece.head == chain.head == Head(3, piece.journal[-1][-1])


def test_effects_become_orders() -> None:
    piece = Slice(effects=[deliver(1), Succeed(2), deliver(5), Succeed(1)])
    attempted = {5: Earlier(3, "C1 17.4", MONDAY), 8: Earlier(1)}
    piece.make_orders(attempted)
    assert piece.orders == [
        Order(deliver(1).notification, HOOK, rank=Rank.END),
        # an earlier process claimed it
        Order(deliver(5).notification, HOOK, 3, True, Rank.END, "C1 17.4", MONDAY),
    ]
    assert piece.superseded == {1, 2}
    # What an earlier process did is said once.
    assert attempted == {8: Earlier(1)}


def test_a_row_that_is_ordered_twice_is_told_once_with_its_last_words() -> None:
    piece = Slice(effects=[deliver(1, "first_notification"), deliver(2), deliver(1, "new_alerts")])
    piece.make_orders({})
    assert [(o.row, o.notification.reason) for o in piece.orders] == [(1, "new_alerts"), (2, "repeat")]
