"""Receipts, and what a thread says: what has changed, and nothing twice."""

import pytest

from responder.core.model import HOUR, MINUTE, Alert
from responder.core.notification import ToldReason
from responder.notify.slackthread import Receipt, Told, read, receipt, reply, told
from tests.notify.notices import MONDAY
from tests.notify.workspace import incident, pod

NOW = MONDAY + MINUTE
LATER = MONDAY + 42 * MINUTE


def test_a_receipt_is_read_as_it_was_written() -> None:
    said = told(incident(firing=(pod(1), pod(2)), resolved=(pod(3, ended=NOW),)))
    kept = receipt("C1", "1.000001", said)
    assert str(kept) == '{"v":1,"channel":"C1","ts":"1.000001","told":{"firing":"1,2","resolved":"3"}}'
    assert read(str(kept)) == kept
    assert read(str(receipt("C1", "1.000001", None))) == Receipt(1, "C1", "1.000001")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "C1 1.0",
        "[]",
        '{"v":2,"channel":"C1","ts":"1.0"}',
        '{"v":1,"channel":"","ts":"1.0"}',
        '{"v":1,"channel":"C1","ts":1.0}',
    ],
)
def test_what_is_not_a_receipt_is_none(text: str) -> None:
    assert read(text) is None


def test_a_receipt_of_ten_thousand_alerts_stays_small() -> None:
    everything = told(
        incident(firing=tuple(pod(n) for n in range(10_000)), resolved=(pod(10_001, ended=NOW),))
    )
    assert everything == Told(counts=(10_000, 0, 1))
    ids = tuple(pod(10**9 + n) for n in range(272))
    assert len(str(receipt("C" * 20, "1767571200.000000", told(incident(firing=ids))))) < 4_096


def again(number: int, episode: int) -> Alert:
    fields = {name: getattr(pod(number), name) for name in Alert.__struct_fields__}
    return Alert(**{**fields, "episode": episode})


BEFORE = told(incident(firing=(pod(1), pod(2))))


def test_new_alerts() -> None:
    now = incident(firing=(pod(1), pod(2), pod(3)), reason="new_alerts")
    assert reply(BEFORE, now, NOW) == "More: web-3 fails 7% of requests (pod=web-3)"


def test_many_new_alerts_are_counted() -> None:
    now = incident(firing=tuple(pod(n) for n in range(1, 10)), reason="new_alerts")
    assert reply(BEFORE, now, NOW).splitlines() == [
        "More (7):",
        *(f"• web-{n} fails 7% of requests (pod=web-{n})" for n in range(3, 8)),
        "and 2 more",
    ]


def test_some_are_over_and_one_fires_again() -> None:
    now = incident(firing=(again(2, 2),), resolved=(pod(1, ended=NOW),), reason="some_resolved")
    assert reply(BEFORE, now, NOW).splitlines() == [
        "Fires again: web-2 fails 7% of requests (pod=web-2)",
        "Over: web-1 fails 7% of requests (pod=web-1)",
    ]


def test_the_end() -> None:
    both = (pod(1, ended=LATER), pod(2, ended=LATER - MINUTE))
    assert (
        reply(BEFORE, incident(resolved=both, reason="all_resolved", at=LATER), LATER)
        == "All over after 42m."
    )
    one = incident(resolved=both[:1], reason="all_resolved", at=LATER)
    assert reply(told(incident(firing=(pod(1),))), one, LATER) == "Over after 42m."


def test_nobody_renews_it() -> None:
    now = incident(stale=(pod(1), pod(2)), reason="stale", at=LATER)
    assert reply(BEFORE, now, LATER).splitlines() == [
        "Nobody renews it any more (2):",
        "• web-1 fails 7% of requests (pod=web-1)",
        "• web-2 fails 7% of requests (pod=web-2)",
    ]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("repeat", "Still so after 4h: 2 firing."),
        ("unmuted", "Not muted any more: 2 firing."),
        ("escalated", "Escalated: 2 firing."),
        ("test", ""),
        ("new_alerts", ""),
        ("first_notification", ""),
    ],
)
def test_nothing_has_changed(reason: ToldReason, said: str) -> None:
    at = MONDAY + 4 * HOUR
    assert reply(BEFORE, incident(firing=(pod(1), pod(2)), reason=reason, at=at), at) == said


def test_a_repeat_that_brings_news_says_only_the_news() -> None:
    now = incident(firing=(pod(1), pod(2), pod(3)), reason="repeat")
    assert reply(BEFORE, now, NOW) == "More: web-3 fails 7% of requests (pod=web-3)"


def test_what_was_said_is_not_said_again() -> None:
    over = incident(firing=(pod(1),), resolved=(pod(2, ended=NOW),), reason="some_resolved")
    assert reply(told(over), over, NOW) == ""
    end = incident(resolved=(pod(1, ended=LATER),), reason="all_resolved")
    assert reply(told(end), end, LATER) == ""


@pytest.mark.parametrize(
    ("reason", "firing", "said"),
    [
        ("new_alerts", 3, "More alerts: now 3 firing."),
        ("new_alerts", 2, "More alerts: still 2 firing."),
        ("repeat", 2, "Still so after 1m: 2 firing."),
        ("unmuted", 2, "Not muted any more: 2 firing."),
    ],
)
def test_where_only_numbers_are_known(reason: ToldReason, firing: int, said: str) -> None:
    before = Told(counts=(2, 0, 0))
    now = incident(firing=tuple(pod(n) for n in range(firing)), reason=reason)
    assert reply(before, now, NOW) == said


def test_where_nothing_is_known() -> None:
    assert reply(None, incident(firing=(pod(1),), reason="new_alerts"), NOW) == "More alerts: now 1 firing."
    end = incident(resolved=(pod(1, ended=LATER),), at=LATER)
    assert reply(None, end, LATER) == "All over after 42m."


def test_a_late_reply_says_so() -> None:
    now = incident(firing=(pod(1), pod(2), pod(3)), reason="new_alerts", skipped=1)
    assert reply(BEFORE, now, LATER) == (
        "More: web-3 fails 7% of requests (pod=web-3)\n(41m late, 1 earlier state skipped)"
    )
