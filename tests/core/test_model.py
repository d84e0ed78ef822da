"""Times, durations, labels and what Go prints of them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core import model
from responder.core.model import (
    DAY,
    FAR_FUTURE,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    Alert,
    fingerprint,
    format_duration,
    format_labels,
    format_time,
    go_quote,
    label,
    labels_from,
    parse_duration,
    parse_time,
    share,
)

# -- identity ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "cbf29ce484222325"),
        ({"severity": "warning", "job": "foo"}, "9266ef3da838ad95"),
        ({"job": "foo", "severity": "critical"}, "3b15fd163d36582e"),
    ],
)
def test_s16_fingerprints_are_alertmanagers(labels: dict[str, str], expected: str) -> None:
    assert fingerprint(labels_from(labels)) == expected


def test_s31_a_label_set_is_sorted_and_has_no_empty_values() -> None:
    labels = labels_from({"b": "2", "a": "1", "none": ""})
    assert labels == (("a", "1"), ("b", "2"))
    assert [label(labels, name) for name in ("a", "b", "none", "x")] == ["1", "2", "", ""]


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_sharing_changes_no_value(mapping: dict[str, str]) -> None:
    labels = labels_from(mapping)
    assert share(labels) == labels
    assert dict(labels) == {name: value for name, value in mapping.items() if value}


def test_a_label_set_of_very_many_or_very_long_names_leaves_nothing_behind() -> None:
    known = len(model._SHAPES), len(model._POOLS)
    many = {f"never seen {number}": "1" for number in range(129)}
    long = {"n" * 4_097: "1"}
    for odd in (many, long):
        assert labels_from(odd | {"": ""}) == tuple(sorted(odd.items()))
        assert labels_from(odd)[0] is not labels_from(odd)[0]
    assert (len(model._SHAPES), len(model._POOLS)) == known
    value = "v" * 1_025
    assert labels_from({"long here": value})[0] is not labels_from({"long here": value})[0]


# -- an alert at an instant -------------------------------------------------------------------


def test_label_sets_are_made_of_pairs_that_others_have_too() -> None:
    one, other = (labels_from({"shared here": "a", "pod": pod}) for pod in ("x", "y"))
    assert one[1] is other[1]
    assert labels_from({"pod": "z", "shared here": "a"})[1] is one[1]


def test_a_name_with_very_many_values_is_read_like_any_other() -> None:
    """Its pairs are not kept, and it is no longer looked for them."""
    read = [labels_from({"varied here": str(number), "b": "2"}) for number in range(3_000)]
    assert read == [(("b", "2"), ("varied here", str(number))) for number in range(3_000)]
    assert labels_from({"varied here": "", "b": "2"}) == (("b", "2"),)
    assert labels_from({"varied here": "1"}) == (("varied here", "1"),)
    assert labels_from({"varied here": "1"})[0] is not labels_from({"varied here": "1"})[0]
    assert read[0][0] is read[-1][0]


@pytest.mark.parametrize(
    ("ends_at", "stale", "fires", "over"),
    [
        (0, False, True, False),
        (10, False, False, True),
        (11, False, True, False),
        (0, True, False, False),
        (9, True, False, True),
    ],
)
def test_an_alert_fires_until_its_end_and_not_when_stale(
    ends_at: int, stale: bool, fires: bool, over: bool
) -> None:
    alert = Alert(1, (), (), 1, ends_at, 1, stale=stale)
    assert (alert.firing_at(10), alert.resolved_at(10)) == (fires, over)


# -- times ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:01Z", SECOND),
        ("2026-01-05T00:00:00Z", 1_767_571_200 * SECOND),
        ("2026-01-05t00:00:00z", 1_767_571_200 * SECOND),
        ("2026-01-05T01:30:00.5+01:30", 1_767_571_200 * SECOND + SECOND // 2),
        ("2026-01-04T19:00:00.000000001-05:00", 1_767_571_200 * SECOND + 1),
        ("0001-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00+00:00", 0),
        ("0001-01-01T12:00:00+09:00", 0),
        ("2262-01-01T00:00:00Z", FAR_FUTURE),
        ("2262-01-02T00:00:00Z", FAR_FUTURE),
        ("9999-12-31T23:59:59.999999999Z", FAR_FUTURE),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, at: int) -> None:
    assert parse_time(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "Z",
        "2026-01-05",
        "2026-01-05T00:00:00",
        "2026-01-05 00:00:00Z",
        "2026-13-05T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-05T24:00:00Z",
        "2026-01-05T00:00:60Z",
        "2026-01-05T00:00:00.Z",
        "2026-01-05T00:00:00.1234567890Z",
        "2026-01-05T00:00:00.٣Z",
        "2026-01-05T00:00:00+0100",
        "2026-01-05T00:00:00+25:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "1767571200",
    ],
)
def test_what_is_no_time_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339 time such as 2026-01-05T08:00:00Z|lies before 1970"):
        parse_time(text)


@given(st.integers(1, FAR_FUTURE))
def test_a_time_that_is_printed_is_read_back(at: int) -> None:
    assert parse_time(format_time(at)) == at


@given(st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2261, 12, 31)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001 (the strategy adds the zone)
def test_any_zone_is_the_same_instant(moment: dt.datetime, minutes: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    here = moment.replace(tzinfo=zone)
    seconds = int((here - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)).total_seconds() // 1)
    assert parse_time(here.isoformat()) == seconds * SECOND + moment.microsecond * 1000


def test_nothing_is_printed_as_gos_zero_time() -> None:
    assert format_time(0) == "0001-01-01T00:00:00Z"
    assert format_time(SECOND + 120_000_000) == "1970-01-01T00:00:01.12Z"


# -- durations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0", 0),
        ("0s", 0),
        ("5m", 5 * MINUTE),
        ("1h30m", 90 * MINUTE),
        ("1d2h3m4s5ms", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 5 * MILLISECOND),
        ("2w", 14 * DAY),
        ("1y", 365 * DAY),
        ("90s", 90 * SECOND),
    ],
)
def test_durations_are_prometheus(text: str, duration: int) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "-5m",
        "5",
        "m",
        "1.5h",
        "5m1h",
        "5m5m",
        "1 h",
        "5M",
        "١m",
        "99999999999999999999s",
        "1000000d",
        "5us",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 30s, 5m, 1h30m or 4d"):
        parse_duration(text)


@given(st.integers(0, 290 * 365 * DAY // MILLISECOND))
def test_a_duration_that_is_printed_is_read_back(milliseconds: int) -> None:
    duration = milliseconds * MILLISECOND
    assert parse_duration(format_duration(duration)) == duration


def test_durations_are_printed_as_people_write_them() -> None:
    shown = [
        format_duration(d)
        for d in (0, SECOND, 90 * SECOND, HOUR, 26 * HOUR, 14 * DAY, 15 * DAY, 1_500 * MILLISECOND)
    ]
    assert shown == ["0s", "1s", "1m30s", "1h", "1d2h", "2w", "15d", "1s500ms"]


# -- Go's text --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\a\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'),
        ("\x00\x7f", '"\\x00\\x7f"'),
        ("ünï 🔥", '"ünï 🔥"'),
        ("\u2028\u200b\ufeff", '"\\u2028\\u200b\\ufeff"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("\xa0", '"\\u00a0"'),
    ],
)
def test_text_is_quoted_as_go_quotes_it(text: str, quoted: str) -> None:
    assert go_quote(text) == quoted


def test_s12_label_sets_are_printed_as_in_a_group_key() -> None:
    labels = labels_from({"service": "api", "alertname": 'Test"ing'})
    assert (format_labels(labels), format_labels(())) == ('{alertname="Test\\"ing", service="api"}', "{}")
