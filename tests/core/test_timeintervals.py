from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from responder.core.intervalparse import parse_interval
from responder.core.model import DAY, MINUTE, SECOND, Nanoseconds, parse_time
from responder.core.timeintervals import TimeInterval, contains, mutes, next_change
from tests.core.words import times


def at(text: str) -> Nanoseconds:
    """An instant written as `04 May 20 15:04 +0000` or as RFC 3339."""
    if text[4:5] == "-":
        return parse_time(text)
    moment = parsedate_to_datetime(text)
    return int(moment.timestamp()) * SECOND


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
        (  # a night belongs to the day on which it begins
            TimeInterval(times=((1320, 360),), weekdays=((1, 5),)),
            ["2026-01-05T22:00:00Z", "2026-01-06T05:59:59Z", "2026-01-09T23:00:00Z", "2026-01-10T05:00:00Z"],
            ["2026-01-05T05:00:00Z", "2026-01-05T21:59:59Z", "2026-01-06T06:00:00Z", "2026-01-10T22:00:00Z"],
        ),
        (  # also the last one of a month and a year
            TimeInterval(times=((1320, 360),), days_of_month=((-1, -1),), years=((2026, 2026),)),
            ["2026-12-31T23:00:00Z", "2027-01-01T05:00:00Z"],
            ["2026-01-01T05:00:00Z", "2026-12-31T05:00:00Z", "2027-01-31T23:00:00Z"],
        ),
        (  # the night in which clocks go forward, and the one in which they go back
            TimeInterval(times=((1320, 150),), location="Europe/Berlin"),
            ["2026-03-28T21:00:00Z", "2026-03-29T00:59:00Z", "2026-10-25T00:29:00Z", "2026-10-25T01:29:00Z"],
            ["2026-03-28T20:59:00Z", "2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
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


def inside(raw: Mapping[str, Any], *moments: str) -> list[bool]:
    interval = parse_interval(raw)
    return [contains(interval, at(text)) for text in moments]


def test_s66_what_falls_into_the_hour_that_spring_skips_does_not_happen() -> None:
    night = {"times": times("02:00-03:00"), "location": "Europe/Berlin"}
    every_minute = [
        moment * MINUTE
        for moment in range(at("2026-03-29T00:00:00Z") // MINUTE, at("2026-03-29T22:00:00Z") // MINUTE)
    ]
    assert [moment for moment in every_minute if contains(parse_interval(night), moment)] == []
    assert inside(night, "2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z") == [True, True]


def test_s66_the_hour_that_autumn_repeats_counts_twice() -> None:
    night = {"times": times("02:00-03:00"), "location": "Europe/Berlin"}
    hours = ("2026-10-24T23:59:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:59:00Z", "2026-10-25T02:00:00Z")
    assert inside(night, *hours) == [False, True, True, False]


def test_s67_days_from_the_end_count_by_the_months_real_length() -> None:
    last = {"days_of_month": ["-1"], "location": "America/New_York"}
    days = (
        "31 Mar 21 12:00 -0400",
        "30 Mar 21 12:00 -0400",
        "30 Jun 21 12:00 -0400",
        "28 Feb 21 12:00 -0500",
        "28 Feb 20 12:00 -0500",
    )
    assert inside(last, *days) == [True, False, True, True, False]


def test_s68_ranges_of_days_are_clamped_to_the_month_and_skipped_if_they_begin_after_its_end() -> None:
    assert inside({"days_of_month": ["1:31"]}, "01 Feb 21 00:00 +0000", "28 Feb 21 23:59 +0000") == [
        True,
        True,
    ]
    assert inside({"days_of_month": ["31"]}, "30 Jun 21 12:00 +0000", "01 Jul 21 12:00 +0000") == [
        False,
        False,
    ]
    assert inside({"days_of_month": ["29:31"]}, "28 Feb 21 12:00 +0000", "01 Mar 21 12:00 +0000") == [
        False,
        False,
    ]


def test_s69_a_time_range_holds_its_start_and_not_its_end() -> None:
    moments = (
        "08 Jul 20 08:59:59 +0000",
        "08 Jul 20 09:00:00 +0000",
        "08 Jul 20 16:59:59 +0000",
        "08 Jul 20 17:00:00 +0000",
    )
    assert inside({"times": times("09:00-17:00")}, *moments) == [False, True, True, False]


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
        (  # what is left of a night, and the whole of the next; Friday's reaches into Saturday
            [(TimeInterval(times=((1320, 360),), weekdays=((4, 5),)),)],
            [
                "2026-01-02T02:00:00Z",  # a Friday
                "2026-01-02T06:00:00Z",
                "2026-01-02T22:00:00Z",
                "2026-01-03T06:00:00Z",
                "2026-01-08T22:00:00Z",
            ],
        ),
        ([(TimeInterval(times=((1, 0), (0, 1))),)], ["2026-01-01T00:00:00Z", None]),
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


any_times = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda pair: pair[0] != pair[1])
any_interval = st.builds(
    TimeInterval,
    times=ranges(0, 1440, least=1) | st.lists(any_times, max_size=3).map(tuple),
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
    """Alertmanager's check, read from the wall clock's own fields; of a night, what the day before says."""
    local = moment.astimezone(ZoneInfo(interval.location))
    minute = local.hour * 60 + local.minute
    today = [pair[0] <= minute < (pair[1] if pair[0] < pair[1] else 1440) for pair in interval.times or ()]
    nights = [minute < end < start for start, end in interval.times or ()]
    return (_on_day(interval, local.date()) and (interval.times is None or any(today))) or (
        any(nights) and _on_day(interval, local.date() - timedelta(days=1))
    )


def _on_day(interval: TimeInterval, day: date) -> bool:
    length = monthrange(day.year, day.month)[1]

    def within(allowed: tuple[tuple[int, int], ...] | None, value: int) -> bool:
        return allowed is None or any(low <= value <= high for low, high in allowed)

    def day_of_month() -> bool:
        for low, high in interval.days_of_month or ():
            low, high = (end + length + 1 if end < 0 else end for end in (low, high))
            if low <= length and max(low, -length) <= day.day <= min(high, length):
                return True
        return interval.days_of_month is None

    return (
        within(interval.weekdays, (day.weekday() + 1) % 7)
        and within(interval.months, day.month)
        and within(interval.years, day.year)
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
@example(
    [(TimeInterval(times=((1320, 150),), weekdays=((6, 6),), location="Europe/Berlin"),)], BASES[0], 0, 0
)
@example([(TimeInterval(times=((1380, 165),), location="Europe/Berlin"),)], BASES[1], 0, 0)
@example([(TimeInterval(times=((1200, 1199),), years=((2011, 2026),)),)], BASES[6], 0, 0)
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


def test_a_change_that_is_known_holds_until_it_comes_and_not_before_it_was_sought() -> None:
    hour = TimeInterval(times=((60, 120),))
    instants = [minutes * MINUTE for minutes in (90, 30, 119, 59, 60, 120, 0, 1500, 1499)]
    found = [next_change([(hour,)], new_year + at) for at in instants for new_year in (0, 366 * DAY)]
    expected = [120, 60, 120, 60, 120, 1500, 60, 1560, 1500]
    assert found == [change * MINUTE + begin for change in expected for begin in (0, 366 * DAY)]
