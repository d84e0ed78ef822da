"""Time intervals as they are written: what is read, and what is refused in which words."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.core.intervalparse import IntervalError, parse_interval
from responder.core.model import SECOND
from responder.core.timeintervals import TimeInterval, contains, next_change
from tests.core.words import times

OFFICE = TimeInterval(times=((540, 1020),), weekdays=((1, 5),))


@pytest.mark.parametrize(
    ("raw", "interval"),
    [
        ({}, TimeInterval()),
        (
            {"weekdays": ["monday:friday"], "times": times("09:00-17:00")},
            TimeInterval(weekdays=((1, 5),), times=((540, 1020),)),
        ),
        (
            {
                "weekdays": ["monday:friday", "sunday"],
                "months": ["january:march"],
                "days_of_month": ["-7:-1"],
                "years": ["2020:2025", "2030:2035"],
                "times": times("09:00-17:00"),
            },
            TimeInterval(
                weekdays=((1, 5), (0, 0)),
                times=((540, 1020),),
                months=((1, 3),),
                days_of_month=((-7, -1),),
                years=((2020, 2025), (2030, 2035)),
            ),
        ),
        ({"times": times("00:00-24:00")}, TimeInterval(times=((0, 1440),))),
        ({"times": times("01:35-17:39")}, TimeInterval(times=((95, 1059),))),
        ({"times": times("09:35-09:39")}, TimeInterval(times=((575, 579),))),
        ({"weekdays": ["SATURDAY", "Sunday:sAturday"]}, TimeInterval(weekdays=((6, 6), (0, 6)))),
        ({"days_of_month": ["1:-1"]}, TimeInterval(days_of_month=((1, -1),))),
        (
            {"days_of_month": ["27:-1", "31", "-31", "+5"]},
            TimeInterval(days_of_month=((27, -1), (31, 31), (-31, -31), (5, 5))),
        ),
        ({"months": ["January:december"]}, TimeInterval(months=((1, 12),))),
        ({"months": ["1:3", "december", "13"]}, TimeInterval(months=((1, 3), (12, 12), (13, 13)))),
        ({"months": ["may:7"]}, TimeInterval(months=((5, 7),))),
        ({"years": ["2020:2022", "2030"]}, TimeInterval(years=((2020, 2022), (2030, 2030)))),
        ({"location": "Australia/Sydney"}, TimeInterval(location="Australia/Sydney")),
        ({"location": "UTC"}, TimeInterval()),
        ({"location": ""}, TimeInterval()),
        ({"location": "Local"}, TimeInterval(location="Local")),
        # null is as good as none; an empty list is not
        ({"weekdays": None, "times": None, "location": None}, TimeInterval()),
        (
            {"weekdays": [], "times": [], "days_of_month": [], "months": [], "years": []},
            TimeInterval((), (), (), (), ()),
        ),
    ],
)
def test_reading(raw: Mapping[str, Any], interval: TimeInterval) -> None:
    assert parse_interval(raw) == interval


@pytest.mark.parametrize(
    ("raw", "interval"),
    [
        ({"times": times("22:00-06:00")}, TimeInterval(times=((1320, 360),))),
        ({"times": times("22:00-00:00")}, TimeInterval(times=((1320, 0),))),
        ({"times": times("00:00-24:00", "00:01-00:00")}, TimeInterval(times=((0, 1440), (1, 0)))),
        ({"weekdays": ["saturday:monday"]}, TimeInterval(weekdays=((6, 6), (0, 1)))),
        (
            {"weekdays": ["Friday:monday", "wednesday"]},
            TimeInterval(weekdays=((5, 6), (0, 1), (3, 3))),
        ),
        ({"weekdays": ["monday:sunday"]}, TimeInterval(weekdays=((1, 6), (0, 0)))),
        ({"weekdays": ["monday:friday"], "times": times("09:00-17:00")}, OFFICE),
    ],
)
def test_nights_and_weekends(raw: Mapping[str, Any], interval: TimeInterval) -> None:
    assert parse_interval(raw, wraps=True) == interval
    if interval != OFFICE:
        with pytest.raises(IntervalError):
            parse_interval(raw)


RANGE = "are no range of times; a whole day is 00:00 to 24:00, a night 22:00 to 06:00"


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"times": times("17:31-17:31")}, f"start_time 17:31 and end_time 17:31 {RANGE}"),
        ({"times": times("24:00-06:00")}, f"start_time 24:00 and end_time 06:00 {RANGE}"),
        (
            {"months": ["december:january"]},
            "'december:january' runs backwards: the year begins in January; write two entries",
        ),
        (
            {"years": ["2022:2020"]},
            "'2022:2020' runs backwards: the first year must not lie after the last",
        ),
    ],
)
def test_what_is_refused_all_the_same(raw: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(IntervalError) as caught:
        parse_interval(raw, wraps=True)
    ((path, message),) = caught.value.problems
    assert (path, message) == ((next(iter(raw)), 0), problem)


CLOCK = "is not a time of day such as 09:00 (two-digit hours, up to 24:00)"
NIGHT = "for a night write two entries, one up to 24:00 and one from 00:00"
DAY_RANGE = "is not a day of the month: 1 to 31, or -31 to -1 from its end"


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        ({"times": times("01:99-23:59")}, [(("times", 0, "start_time"), f"'01:99' {CLOCK}")]),
        ({"times": times("00:00-99:99")}, [(("times", 0, "end_time"), f"'99:99' {CLOCK}")]),
        ({"times": times("12:30-24:01")}, [(("times", 0, "end_time"), f"'24:01' {CLOCK}")]),
        ({"times": times("9:00-17:00")}, [(("times", 0, "start_time"), f"'9:00' {CLOCK}")]),
        ({"times": times("09:00-17:00\n")}, [(("times", 0, "end_time"), f"'17:00\\n' {CLOCK}")]),
        (
            {"times": [{"start_time": "09:00", "end_time": 1020}]},
            [(("times", 0, "end_time"), f"1020 {CLOCK}")],
        ),
        (
            {"times": times("00:00-01:00", "17:31-17:31")},
            [
                (
                    ("times", 1),
                    f"start_time 17:31 must lie before end_time 17:31; {NIGHT}",
                )
            ],
        ),
        (
            {"times": times("24:00-17:41")},
            [
                (
                    ("times", 0),
                    f"start_time 24:00 must lie before end_time 17:41; {NIGHT}",
                )
            ],
        ),
        (
            {"times": [{"start_time": "14:03"}]},
            [(("times", 0, "end_time"), "missing; both start_time and end_time must be given")],
        ),
        (
            {"times": [{"start_time": "14:03", "end_time": "15:00", "zone": "UTC"}]},
            [(("times", 0, "zone"), "unknown key; the keys here are start_time, end_time")],
        ),
        (
            {"times": ["09:00-17:00"]},
            [
                (
                    ("times", 0),
                    "expected start_time and end_time, such as {start_time: 09:00, end_time: 17:00}",
                )
            ],
        ),
        (
            {"weekdays": ["friday:monday"]},
            [
                (
                    ("weekdays", 0),
                    "'friday:monday' runs backwards: the week begins on Sunday; write two entries",
                )
            ],
        ),
        (
            {"weekdays": ["saturday:sunday"]},
            [
                (
                    ("weekdays", 0),
                    "'saturday:sunday' runs backwards: the week begins on Sunday; write two entries",
                )
            ],
        ),
        (
            {"weekdays": ["blurgsday:x"]},
            [(("weekdays", 0), "'blurgsday' is not a day of the week such as monday")],
        ),
        ({"weekdays": ["1:3"]}, [(("weekdays", 0), "'1' is not a day of the week such as monday")]),
        ({"weekdays": ["mon"]}, [(("weekdays", 0), "'mon' is not a day of the week such as monday")]),
        ({"weekdays": [" monday"]}, [(("weekdays", 0), "' monday' is not a day of the week such as monday")]),
        ({"weekdays": ["monday:"]}, [(("weekdays", 0), "'' is not a day of the week such as monday")]),
        ({"weekdays": ""}, [(("weekdays",), "expected a list such as [monday:friday]")]),
        ({"location": {}}, [(("location",), "expected the name of a time zone such as Europe/Berlin")]),
        ({"weekdays": [""]}, [(("weekdays", 0), "'' is not a day of the week such as monday")]),
        (
            {"weekdays": ["monday:tuesday:friday"]},
            [(("weekdays", 0), "'monday:tuesday:friday' is not a range such as a:b")],
        ),
        ({"weekdays": [["monday"]]}, [(("weekdays", 0), "expected a text such as a or a:b")]),
        ({"weekdays": "monday"}, [(("weekdays",), "expected a list such as [monday:friday]")]),
        ({"months": {"may": "june"}}, [(("months",), "expected a list such as [january:march]")]),
        ({"days_of_month": ["0"]}, [(("days_of_month", 0), f"0 {DAY_RANGE}")]),
        ({"days_of_month": ["-50:-20"]}, [(("days_of_month", 0), f"-50 {DAY_RANGE}")]),
        ({"days_of_month": ["1:50"]}, [(("days_of_month", 0), f"50 {DAY_RANGE}")]),
        ({"days_of_month": ["-31:0"]}, [(("days_of_month", 0), f"0 {DAY_RANGE}")]),
        ({"days_of_month": ["x"]}, [(("days_of_month", 0), "'x' is not a day of the month such as 1 or -1")]),
        (
            {"days_of_month": ["1.5"]},
            [(("days_of_month", 0), "'1.5' is not a day of the month such as 1 or -1")],
        ),
        (
            {"days_of_month": ["-15:5"]},
            [(("days_of_month", 0), "'-15:5': a range that begins at a negative day must end at one")],
        ),
        (
            {"days_of_month": ["-31:31"]},
            [(("days_of_month", 0), "'-31:31': a range that begins at a negative day must end at one")],
        ),
        (
            {"days_of_month": ["10:-25"]},
            [(("days_of_month", 0), "'10:-25': the last day lies before the first, at least in February")],
        ),
        (
            {"days_of_month": ["28:-1"]},
            [(("days_of_month", 0), "'28:-1': the last day lies before the first, at least in February")],
        ),
        ({"months": ["martius:june"]}, [(("months", 0), "'martius' is not a month such as january or 1")]),
        ({"months": ["march:junius"]}, [(("months", 0), "'junius' is not a month such as january or 1")]),
        (
            {"months": ["december:january"]},
            [
                (
                    ("months", 0),
                    "'december:january' runs backwards: the year begins in January; write two entries",
                )
            ],
        ),
        (
            {"years": ["2022:2020"]},
            [(("years", 0), "'2022:2020' runs backwards: the first year must not lie after the last")],
        ),
        ({"years": ["９９"]}, [(("years", 0), "'９９' is not a year such as 2026")]),
        ({"years": ["1" * 30]}, [(("years", 0), f"'{'1' * 30}' is not a year such as 2026")]),
        *(
            (
                {"location": zone},
                [(("location",), f"{zone!r} is not a time zone such as Europe/Berlin or UTC")],
            )
            for zone in ("Mars/Olympus", "America", "/etc/passwd", "../x", "Europe/Berlin\0")
        ),
        ({"location": ["UTC"]}, [(("location",), "expected the name of a time zone such as Europe/Berlin")]),
        (
            {"time_zone": "UTC"},
            [
                (
                    ("time_zone",),
                    "unknown key; the keys here are times, weekdays, days_of_month, months, years, location",
                )
            ],
        ),
    ],
)
def test_what_is_refused(raw: Mapping[str, Any], problems: list[tuple[tuple[str | int, ...], str]]) -> None:
    with pytest.raises(IntervalError) as caught:
        parse_interval(raw)
    assert list(caught.value.problems) == problems


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(IntervalError) as caught:
        parse_interval(
            {
                "times": [{"start_time": "9:00", "end_time": "25:00"}, {}],
                "weekdays": ["monday", "fri"],
                "location": "Nowhere",
                "day": ["1"],
            }
        )
    assert [path for path, _ in caught.value.problems] == [
        ("times", 0, "start_time"),
        ("times", 0, "end_time"),
        ("times", 1, "start_time"),
        ("times", 1, "end_time"),
        ("weekdays", 1),
        ("location",),
        ("day",),
    ]
    assert str(caught.value).startswith(f"times[0].start_time: '9:00' {CLOCK}; times[0].end_time: '25:00'")


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=6),
    st.sampled_from(
        ["22:00", "06:00", "24:00", "00:00", "24:01", "7:00", "friday:monday", "SATURDAY", "1:-1"]
    ),
    st.sampled_from(
        ["-1", "31", "0", "12:1", "january:3", "2026", "9999999999", "1:2:3", ":", "Europe/Berlin"]
    ),
    st.sampled_from(["America/../UTC", "../../etc/passwd", "\x00", "Local", ""]),
)
RANGES = st.lists(LEAVES, max_size=3) | LEAVES
TIMES = st.lists(
    st.fixed_dictionaries({"start_time": LEAVES, "end_time": LEAVES}, optional={"x": LEAVES}) | LEAVES,
    max_size=3,
)
RAW = st.fixed_dictionaries(
    {},
    optional={
        "times": TIMES | LEAVES,
        "weekdays": RANGES,
        "days_of_month": RANGES,
        "months": RANGES,
        "years": RANGES,
        "location": LEAVES,
        "x": LEAVES,
    },
)


@settings(max_examples=150)
@given(raw=RAW, wraps=st.booleans(), at=st.integers(1, 4_000_000_000).map(lambda seconds: seconds * SECOND))
def test_anything_is_an_interval_or_says_where_it_is_wrong(raw: dict[str, Any], wraps: bool, at: int) -> None:
    try:
        interval = parse_interval(raw, wraps=wraps)
    except IntervalError as error:
        for path, message in error.problems:
            assert path[0] in raw
            assert message
        return
    assert wraps or parse_interval(raw, wraps=True) == interval
    change = next_change([(interval,)], at)
    if change is not None:
        assert contains(interval, change) != contains(interval, at)
        assert contains(interval, change - 1) == contains(interval, at)
