"""Text and alert truncation, and the order in which alerts are shown."""

from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core.model import Alert, Labels, labels_from
from responder.core.notification import Notification
from responder.core.truncation import common_pairs, shown, truncate_bytes, truncate_runes


@pytest.mark.parametrize(
    ("text", "limit", "runes", "in_bytes"),
    [
        ("", 0, "", ""),
        ("abcde", 2, "ab", ".."),
        ("abcde", 3, "abc", "…"),
        ("abcde", 4, "abc…", "a…"),
        ("abcde", 5, "abcde", "abcde"),
        ("abcdefgh", 5, "abcd…", "ab…"),
        ("a⌘cde", 5, "a⌘cde", "a…"),
        ("a⌘cdef", 5, "a⌘cd…", "a…"),
        ("世界cdef", 3, "世界c", "…"),
        ("🔥" * 19 + "!", 19, "🔥" * 18 + "…", "🔥" * 4 + "…"),
    ],
)
def test_texts_are_cut_as_alertmanager_cuts_them(text: str, limit: int, runes: str, in_bytes: str) -> None:
    assert truncate_runes(text, limit) == runes
    assert truncate_bytes(text, limit) == in_bytes


@given(st.text(), st.integers(0, 40))
def test_a_cut_text_fits(text: str, limit: int) -> None:
    assert len(truncate_runes(text, limit)) <= limit
    assert len(truncate_bytes(text, limit).encode()) <= limit


def alert(number: int = 1, /, **labels: str) -> Alert:
    return Alert(number, labels_from(labels), (), 0, 0, 0)


def told(*firing: Alert, resolved: tuple[Alert, ...] = (), stale: tuple[Alert, ...] = ()) -> Notification:
    return Notification(1, 0, "new_alerts", "r", "i", 1, "{}:{}", (), firing, resolved, stale)


def numbers(notification: Notification, limit: int = 0, mends: bool = True) -> list[int]:
    return [alert.id for alert, _ in shown(notification, limit, mends)[0]]


def test_job_comes_first_then_instance_then_the_label_set() -> None:
    alerts = (
        alert(1, alertname="A"),
        alert(2, alertname="A", instance="b"),
        alert(3, alertname="A", instance="a"),
        alert(4, alertname="A", job="y", instance="a"),
        alert(5, alertname="A", job="y"),
        alert(6, alertname="A", job="x", instance="z"),
        alert(7, alertname="B", job="x", instance="z"),
        alert(8, alertname="B", job="x", instance="z", more="1"),
        alert(9, job="x", instance="z", zone="1"),
    )
    assert numbers(told(*alerts)) == [9, 6, 7, 8, 4, 5, 3, 2, 1]


def less(one: Labels, other: Labels) -> bool:
    """Alertmanager's order, spelled out."""
    a, b = dict(one), dict(other)
    for name in ("job", "instance"):
        if (name in a) != (name in b):
            return name in a
        if a.get(name) != b.get(name):
            return a[name] < b[name]
    if len(a) != len(b):
        return len(a) < len(b)
    for name in sorted(a | b):
        if name not in a or name not in b:
            return name not in a
        if a[name] != b[name]:
            return a[name] < b[name]
    return False


label_sets = st.dictionaries(
    st.sampled_from(["job", "instance", "a", "b", "c", "ä"]), st.sampled_from(["x", "y", "ž"]), max_size=4
)


@given(st.lists(label_sets, max_size=12, unique_by=labels_from))
def test_the_order_is_alertmanagers(sets: list[dict[str, str]]) -> None:
    alerts = [Alert(index, labels_from(labels), (), 0, 0, 0) for index, labels in enumerate(sets)]

    def compare(one: Alert, other: Alert) -> int:
        return -1 if less(one.labels, other.labels) else 1

    right = sorted(alerts, key=cmp_to_key(compare))
    assert numbers(told(*alerts)) == [alert.id for alert in right]


FIRING = (alert(3, instance="c"), alert(5, instance="e"))
RESOLVED = (alert(1, instance="a"), alert(4, instance="d"))
STALE = (alert(2, instance="b"),)
MIXED = told(*FIRING, resolved=RESOLVED, stale=STALE)


def test_nothing_is_cut_without_a_limit_or_below_it() -> None:
    everything = [
        (RESOLVED[0], "resolved"),
        (STALE[0], "stale"),
        (FIRING[0], "firing"),
        (RESOLVED[1], "resolved"),
        (FIRING[1], "firing"),
    ]
    assert shown(MIXED) == (everything, 0)
    assert shown(MIXED, 5) == (everything, 0)


@pytest.mark.parametrize(
    ("limit", "left"), [(1, [3]), (2, [3, 5]), (3, [2, 3, 5]), (4, [1, 2, 3, 5]), (9, [1, 2, 3, 4, 5])]
)
def test_resolved_alerts_are_cut_first_and_then_stale_ones(limit: int, left: list[int]) -> None:
    alerts, cut = shown(MIXED, limit)
    assert [alert.id for alert, _ in alerts] == left
    assert cut == 5 - len(left)


def test_alertmanager_cuts_what_is_last_whatever_it_is() -> None:
    alerts, cut = shown(MIXED, 2, mends=False)
    assert [(alert.id, verdict) for alert, verdict in alerts] == [(1, "resolved"), (2, "stale")]
    assert cut == 3


def test_s89_common_pairs_are_those_of_all_alerts_that_are_sent() -> None:
    assert common_pairs([]) == ()
    assert common_pairs([labels_from({"a": "1", "b": "2"})]) == (("a", "1"), ("b", "2"))
    sets = [{"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "x", "c": "3"}, {"c": "3", "a": "1"}]
    assert common_pairs(map(labels_from, sets)) == (("a", "1"), ("c", "3"))
    assert common_pairs(map(labels_from, [{"a": "1"}, {"b": "1"}, {"a": "1"}])) == ()
