from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from responder.core.model import DAY, MINUTE, SECOND, Nanoseconds, parse_time
from responder.core.timeintervals import (
    IntervalError,
    TimeInterval,
    contains,
    mutes,
    next_change,
    parse_interval,
)


def at(text: str) -> Nanoseconds:
    """An instant written as `04 May 20 15:04 +0000` or as RFC 3339."""
    if text[4:5] == "-":
        return parse_time(text)
    moment = parsedate_to_datetime(text)
    return int(moment.timestamp()) * SECOND


def times(*pairs: str) -> list[dict[str, str]]:
    return [dict(zip(("start_time", "end_time"), pair.split("-"), strict=True)) for pair in pairs]


# -- reading ----------------------------------------------------------------------------------


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


# -- containing -------------------------------------------------------------------------------

OFFICE = TimeInterval(times=((540, 1020),), weekdays=((1, 5),))
SYDNEY = TimeInterval(times=((540, 1020),), weekdays=((1, 5),), location="Australia/Sydney")


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        (TimeInterval(), ["02 Jan 06 15:04 +0000", "03 Jan 07 10:04 +0000", "04 Jan 06 09:04 +0000"], []),
        (
            OFFICE,
            ["04 May 20 15:04 +0000", "05 May 20 10:04 +0000", "09 Jun 20 09:04 +0000"],
            ["03 May 20 15:04 +0000", "04 May 20 08:59 +0000", "05 May 20 05:00 +0000"],
        ),
        (  # the start counts, the end does not, and a minute lasts until its last second
            OFFICE,
            ["2020-07-08T09:00:00Z", "2020-07-08T16:59:59.999999999Z"],
            ["2020-07-08T08:59:59.999999999Z", "2020-07-08T17:00:00Z"],
        ),
        (  # Easter 2020
            TimeInterval(days_of_month=((4, 6),), months=((4, 4),), years=((2020, 2020),)),
            ["04 Apr 20 15:04 +0000", "05 Apr 20 00:00 +0000", "06 Apr 20 23:05 +0000"],
            [
                "03 May 18 15:04 +0000",
                "03 Apr 20 23:59 +0000",
                "04 Jun 20 23:59 +0000",
                "06 Apr 19 23:59 +0000",
                "07 Apr 20 00:00 +0000",
            ],
        ),
        (  # the last three days of each month
            TimeInterval(days_of_month=((-3, -1),)),
            [
                "31 Jan 20 15:04 +0000",
                "30 Jan 20 15:04 +0000",
                "29 Jan 20 15:04 +0000",
                "30 Jun 20 00:00 +0000",
                "29 Feb 20 23:05 +0000",
            ],
            [
                "03 May 18 15:04 +0000",
                "27 Jan 20 15:04 +0000",
                "28 Jan 20 15:04 +0000",
                "04 Jun 20 23:59 +0000",
                "07 Apr 20 00:00 +0000",
                "01 Mar 20 00:00 +0000",
            ],
        ),
        (  # clamped to the month
            TimeInterval(months=((6, 6),), days_of_month=((-31, 31),)),
            ["30 Jun 20 00:00 +0000", "01 Jun 20 00:00 +0000"],
            ["31 May 20 00:00 +0000", "1 Jul 20 00:00 +0000"],
        ),
        (
            TimeInterval(days_of_month=((1, 31),)),
            ["01 Feb 21 00:00 +0000", "28 Feb 21 23:59 +0000"],
            [],
        ),
        (TimeInterval(days_of_month=((31, 31),)), ["31 May 21 00:00 +0000"], ["30 Jun 21 12:00 +0000"]),
        (  # a range that begins beyond the month's end does not occur
            TimeInterval(days_of_month=((29, 31),)),
            ["29 Feb 20 12:00 +0000", "30 Mar 21 12:00 +0000"],
            ["28 Feb 21 12:00 +0000"],
        ),
        (TimeInterval(days_of_month=((27, -1),)), ["28 Feb 21 12:00 +0000"], ["26 Feb 21 12:00 +0000"]),
        (TimeInterval(days_of_month=((-31, -31),)), ["01 May 21 12:00 +0000"], ["01 Jun 21 12:00 +0000"]),
        (TimeInterval(months=((13, 13),)), [], ["01 Jan 21 00:00 +0000", "01 Dec 21 00:00 +0000"]),
        (TimeInterval(weekdays=()), [], ["01 Jan 21 00:00 +0000"]),
        (TimeInterval(times=()), [], ["01 Jan 21 00:00 +0000"]),
        (TimeInterval(times=((0, 1440),)), ["01 Jan 21 00:00 +0000", "01 Jan 21 23:59 +0000"], []),
        (SYDNEY, ["06 Apr 21 13:00 +1000"], ["06 Apr 21 13:00 +0000"]),
        (
            TimeInterval(
                times=((540, 1020),), weekdays=((1, 5),), months=((11, 11),), location="Australia/Sydney"
            ),
            ["01 Nov 21 09:00 +1100", "31 Oct 21 22:00 +0000"],
            ["31 Oct 21 21:00 +0000"],
        ),
        (  # days from the end count in the zone's own calendar, also in a month of 743 hours
            TimeInterval(days_of_month=((-1, -1),), location="America/New_York"),
            ["31 Mar 21 12:00 -0400", "31 Mar 21 00:00 -0400", "31 Mar 21 23:59 -0400"],
            ["30 Mar 21 12:00 -0400", "31 Mar 21 00:00 +0000", "01 Apr 21 00:00 -0400"],
        ),
        (  # Local is UTC, wherever the machine stands
            TimeInterval(times=((540, 600),), location="Local"),
            ["06 Apr 21 09:00 +0000"],
            ["06 Apr 21 10:00 +0000"],
        ),
        (  # 02:00 to 03:00 does not exist on the day that clocks go forward, and is twice as long in autumn
            TimeInterval(times=((120, 180),), location="Europe/Berlin"),
            ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
            ["2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z", "2026-10-24T23:59:00Z", "2026-10-25T02:00:00Z"],
        ),
    ],
)
def test_containing(interval: TimeInterval, inside: list[str], outside: list[str]) -> None:
    assert [text for text in inside if not contains(interval, at(text))] == []
    assert [text for text in outside if contains(interval, at(text))] == []


@pytest.mark.parametrize(
    ("raw", "inside", "outside"),
    [
        (
            {
                "weekdays": ["monday:wednesday", "saturday", "sunday"],
                "times": times("13:00-15:00"),
                "days_of_month": ["1", "10", "20:-1"],
                "years": ["2020:2023"],
                "months": ["january:march"],
            },
            ["10 Jan 21 13:00 +0000", "30 Jan 21 14:24 +0000"],
            ["09 Jan 21 13:00 +0000", "20 Jan 21 12:59 +0000", "02 Feb 21 13:00 +0000"],
        ),
        (
            {
                "weekdays": ["monday:friday", "sunday"],
                "months": ["january:march"],
                "days_of_month": ["-7:-1"],
                "years": ["2020:2025", "2030:2035"],
                "times": times("09:00-17:00"),
            },
            [
                "27 Jan 21 09:00 +0000",
                "28 Jan 21 16:59 +0000",
                "29 Jan 21 13:00 +0000",
                "31 Mar 25 13:00 +0000",
                "31 Jan 35 13:00 +0000",
            ],
            [
                "30 Jan 21 13:00 +0000",
                "01 Apr 21 13:00 +0000",
                "30 Jan 26 13:00 +0000",
                "31 Jan 35 17:01 +0000",
            ],
        ),
        (
            {"days_of_month": ["30:31"], "years": ["2020:2023"], "months": ["february"]},
            [],
            ["28 Feb 21 13:00 +0000"],
        ),
    ],
)
def test_reading_and_containing(raw: Mapping[str, Any], inside: list[str], outside: list[str]) -> None:
    test_containing(parse_interval(raw), inside, outside)


def test_names_that_mute() -> None:
    intervals = {
        "night": (TimeInterval(times=((0, 360),)), TimeInterval(times=((1320, 1440),))),
        "weekend": (TimeInterval(weekdays=((0, 0),)), TimeInterval(weekdays=((6, 6),))),
        "never": (),
    }
    names = ("weekend", "never", "night")
    assert [
        mutes(names, intervals, at(text))
        for text in ("2026-01-04T23:00:00Z", "2026-01-05T05:59:00Z", "2026-01-05T12:00:00Z")
    ] == [("weekend", "night"), ("night",), ()]
    with pytest.raises(KeyError):
        mutes(("unknown",), intervals, at("2026-01-05T12:00:00Z"))


# -- what comes next --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intervals", "moments"),
    [
        (
            [(OFFICE,)],
            [
                "2026-01-02T12:00:30Z",  # a Friday
                "2026-01-02T17:00:00Z",
                "2026-01-05T09:00:00Z",
                "2026-01-05T17:00:00Z",
                "2026-01-06T09:00:00Z",
            ],
        ),
        (  # entries and names are taken together; what overlaps or abuts is one
            [
                (TimeInterval(times=((0, 360),)), TimeInterval(times=((1320, 1440),))),
                (TimeInterval(weekdays=((6, 6),)), TimeInterval(weekdays=((0, 0),))),
            ],
            ["2026-01-02T12:00:00Z", "2026-01-02T22:00:00Z", "2026-01-05T06:00:00Z", "2026-01-05T22:00:00Z"],
        ),
        (
            [(TimeInterval(times=((600, 720), (540, 660))),)],
            ["2026-01-02T00:00:00Z", "2026-01-02T09:00:00Z", "2026-01-02T12:00:00Z", "2026-01-03T09:00:00Z"],
        ),
        (  # clocks go forward: the window does not occur
            [(TimeInterval(times=((120, 180),), location="Europe/Berlin"),)],
            ["2026-03-28T02:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z"],
        ),
        (  # and back: 02:00 to 02:30 occurs twice
            [(TimeInterval(times=((120, 150),), location="Europe/Berlin"),)],
            [
                "2026-10-24T12:00:00Z",
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-26T01:00:00Z",
            ],
        ),
        (  # a whole day has 23 hours in spring
            [(TimeInterval(weekdays=((0, 0),), location="Europe/Berlin"),)],
            ["2026-03-28T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"],
        ),
        (  # Apia left out 2011-12-30 altogether
            [(TimeInterval(days_of_month=((30, 30),), location="Pacific/Apia"),)],
            ["2011-12-02T00:00:00Z", "2012-01-29T10:00:00Z"],
        ),
        (
            [(TimeInterval(months=((2, 2),), days_of_month=((29, 29),)),)],
            ["2027-03-01T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z", None],
        ),
        (
            [(TimeInterval(years=((2028, 2028),)),)],
            ["2027-06-01T00:00:00Z", "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z", None],
        ),
        ([(TimeInterval(years=((2035, 2035),)),)], ["2026-01-01T00:00:00Z", None]),
        ([(TimeInterval(),)], ["2026-01-01T00:00:00Z", None]),
        ([(TimeInterval(location="Europe/Berlin"), OFFICE)], ["2026-01-01T00:00:00Z", None]),
        ([(TimeInterval(weekdays=()),)], ["2026-01-01T00:00:00Z", None]),
        ([], ["2026-01-01T00:00:00Z", None]),
        ([()], ["2026-01-01T00:00:00Z", None]),
        (  # between them the two always hold
            [(TimeInterval(times=((0, 720),)),), (TimeInterval(times=((720, 1440),)),)],
            ["2026-01-01T00:00:00Z", None],
        ),
    ],
)
def test_what_comes_next(intervals: list[tuple[TimeInterval, ...]], moments: list[str | None]) -> None:
    found: list[Nanoseconds | None] = [at(moments[0] or "")]
    while len(found) < len(moments):
        found.append(next_change(intervals, found[-1] or 0))
    assert found == [at(moment) if moment else None for moment in moments]


def test_the_horizon_is_366_days() -> None:
    new_year = at("2028-01-01T00:00:00Z")
    interval = TimeInterval(years=((2028, 2028),))
    assert [next_change([(interval,)], new_year - days * DAY) for days in (366, 367)] == [new_year, None]
    until = TimeInterval(years=((2000, 2027),))
    assert [next_change([(until,)], new_year - days * DAY) for days in (366, 367)] == [new_year, None]


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Africa/Casablanca",
]


def ranges(low: int, high: int, least: int = 0) -> st.SearchStrategy[tuple[tuple[int, int], ...] | None]:
    pair = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    kept = pair.filter(lambda pair: pair[1] - pair[0] >= least).map(lambda pair: (pair[0], pair[1]))
    return st.none() | st.lists(kept, max_size=3).map(tuple)


any_interval = st.builds(
    TimeInterval,
    times=ranges(0, 1440, least=1),
    weekdays=ranges(0, 6),
    days_of_month=st.none() | st.sampled_from([((1, 15),), ((-3, -1),), ((28, 31),), ((10, -10), (25, 26))]),
    months=st.none() | st.sampled_from([((1, 6),), ((3, 4), (10, 12))]),
    years=st.none() | st.sampled_from([((2011, 2026),), ((2027, 2027),)]),
    location=st.sampled_from(ZONES),
)
# Around changes of the clocks, of the month and of the year.
BASES = [
    "2026-03-28T20:00:00Z",
    "2026-10-24T20:00:00Z",
    "2026-03-07T20:00:00Z",
    "2026-04-04T06:00:00Z",
    "2026-10-03T06:00:00Z",
    "2011-12-29T00:00:00Z",
    "2026-12-30T12:00:00Z",
    "2028-02-28T03:00:00Z",
    "2026-02-14T12:00:00Z",
]


def by_the_book(interval: TimeInterval, moment: datetime) -> bool:
    """Alertmanager's check, read from the wall clock's own fields."""
    local = moment.astimezone(ZoneInfo(interval.location))
    length = monthrange(local.year, local.month)[1]

    def within(allowed: tuple[tuple[int, int], ...] | None, value: int) -> bool:
        return allowed is None or any(low <= value <= high for low, high in allowed)

    def day_of_month() -> bool:
        for low, high in interval.days_of_month or ():
            low, high = (day + length + 1 if day < 0 else day for day in (low, high))
            if low <= length and max(low, -length) <= local.day <= min(high, length):
                return True
        return interval.days_of_month is None

    minute = local.hour * 60 + local.minute
    return (
        (interval.times is None or any(low <= minute < high for low, high in interval.times))
        and within(interval.weekdays, (local.weekday() + 1) % 7)
        and within(interval.months, local.month)
        and within(interval.years, local.year)
        and day_of_month()
    )


@settings(deadline=None, max_examples=60)
@given(
    intervals=st.lists(st.lists(any_interval, max_size=2).map(tuple), max_size=3),
    base=st.sampled_from(BASES),
    minutes=st.integers(0, 600),
    seconds=st.integers(0, 59),
)
@example([(TimeInterval(times=((120, 180),), location="Europe/Berlin"),)], BASES[0], 0, 0)
@example([(TimeInterval(times=((90, 105),), location="Australia/Lord_Howe"),)], BASES[3], 0, 0)
def test_next_change_is_what_a_scan_of_every_minute_finds(
    intervals: list[tuple[TimeInterval, ...]], base: str, minutes: int, seconds: int
) -> None:
    begin = at(base) + minutes * MINUTE
    flat = [interval for entries in intervals for interval in entries]

    def state(now: Nanoseconds) -> bool:
        moment = datetime.fromtimestamp(now // SECOND, UTC)
        verdicts = [by_the_book(interval, moment) for interval in flat]
        assert [contains(interval, now) for interval in flat] == verdicts
        return any(verdicts)

    before = state(begin)
    end = begin + 3 * DAY
    expected = next((now for now in range(begin + MINUTE, end, MINUTE) if state(now) != before), None)
    found = next_change(intervals, begin + seconds * SECOND)
    assert (found if found is None or found < end else None) == expected
