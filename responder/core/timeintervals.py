"""Alertmanager's time intervals: reading one, asking whether it contains an instant, and when that changes.

`ruleset` reads them, `core.decide` asks about the mute and active intervals of a route. The local
time zone of the machine must never matter here: the same rules decide the same everywhere.
"""

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from responder.core.model import SECOND, Nanoseconds

Ranges: TypeAlias = tuple[tuple[int, int], ...]
FieldPath: TypeAlias = tuple[str | int, ...]
"""Where in the raw mapping: `("times", 0, "end_time")`."""


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """An instant is inside if every field that is not None has a range that holds it.

    A field that is None allows anything; an empty one never matches. `times` are minutes of the
    day, end exclusive; the other ranges include both ends. Weekdays count from Sunday = 0; a
    negative day of the month counts from the month's end. `location` is an IANA name; `Local`
    means UTC, so that a decision does not depend on the machine that took it.
    """

    times: Ranges | None = None
    weekdays: Ranges | None = None
    days_of_month: Ranges | None = None
    months: Ranges | None = None
    years: Ranges | None = None
    location: str = "UTC"


class IntervalError(ValueError):
    """A time interval that cannot be read, with every problem: (path in the mapping, message)."""

    def __init__(self, problems: Iterable[tuple[FieldPath, str]]) -> None:
        self.problems: tuple[tuple[FieldPath, str], ...] = tuple(problems)
        super().__init__("; ".join(f"{_dotted(path)}: {message}" for path, message in self.problems))


def _dotted(path: FieldPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


# -- reading ----------------------------------------------------------------------------------

_WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_CLOCK: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_ENDS: Final = ("start_time", "end_time")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,9}")


def parse_interval(raw: Mapping[str, Any]) -> TimeInterval:
    """One entry of `time_intervals`, its scalars still text (a YAML loader makes 17:00 a number).

    Alertmanager's grammar: names are whole English words in any case; ranges are `a:b` and do not
    wrap around midnight, the week or the year. A null field is as good as none; an empty list
    never matches. Raises IntervalError with every problem.
    """
    problems: list[tuple[FieldPath, str]] = []
    ranges: dict[str, Ranges | None] = {}
    for name, parse in _FIELDS.items():
        ranges[name] = _ranges(raw.get(name), (name,), parse, problems)
    location = raw.get("location")
    if location is None or location == "":
        location = "UTC"
    if not isinstance(location, str):
        problems.append((("location",), "expected the name of a time zone such as Europe/Berlin"))
    elif (problem := _location_problem(location)) is not None:
        problems.append((("location",), problem))
    known = (*_FIELDS, "location")
    problems += [
        ((key,), f"unknown key; the keys here are {', '.join(known)}") for key in raw if key not in known
    ]
    if problems:
        raise IntervalError(problems)
    return TimeInterval(location=location, **ranges)


_Parse: TypeAlias = Callable[[Any], tuple[int, int]]


class _Wrong(ValueError):
    """What is wrong with one element: as a whole, or by the keys of its parts."""

    def __init__(self, message: str = "", parts: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.problems: list[tuple[FieldPath, str]] = [((), message)] if message else []
        self.problems += [((key,), text) for key, text in (parts or {}).items()]


def _ranges(raw: Any, path: FieldPath, parse: _Parse, problems: list[tuple[FieldPath, str]]) -> Ranges | None:
    if raw is None:
        return None
    if not isinstance(raw, list | tuple):
        problems.append((path, f"expected a list such as [{_EXAMPLES[str(path[0])]}]"))
        return None
    found: list[tuple[int, int]] = []
    for index, element in enumerate(raw):
        try:
            found.append(parse(element))
        except _Wrong as wrong:
            problems += [((*path, index, *part), message) for part, message in wrong.problems]
    return tuple(found)


def _time_range(raw: Any) -> tuple[int, int]:
    if not isinstance(raw, Mapping):
        raise _Wrong("expected start_time and end_time, such as {start_time: 09:00, end_time: 17:00}")
    parts = {key: "unknown key; the keys here are start_time, end_time" for key in raw if key not in _ENDS}
    for key in _ENDS:
        text = raw.get(key)
        if not text:
            parts[key] = "missing; both start_time and end_time must be given"
        elif not isinstance(text, str) or _CLOCK.fullmatch(text) is None:
            parts[key] = f"{text!r} is not a time of day such as 09:00 (two-digit hours, up to 24:00)"
    if parts:
        raise _Wrong(parts=parts)
    start, end = (int(raw[key][:2]) * 60 + int(raw[key][3:]) for key in _ENDS)
    if start >= end:
        raise _Wrong(
            f"start_time {raw['start_time']} must lie before end_time {raw['end_time']}; "
            "for a night write two entries, one up to 24:00 and one from 00:00"
        )
    return start, end


def _weekday_range(raw: Any) -> tuple[int, int]:
    begin, end = _pair(raw, _weekday)
    if begin > end:
        raise _Wrong(f"{raw!r} runs backwards: the week begins on Sunday; write two entries")
    return begin, end


def _weekday(text: str) -> int:
    if text not in _WEEKDAYS:
        raise _Wrong(f"{text!r} is not a day of the week such as monday")
    return _WEEKDAYS.index(text)


def _month_range(raw: Any) -> tuple[int, int]:
    begin, end = _pair(raw, _month)
    if begin > end:
        raise _Wrong(f"{raw!r} runs backwards: the year begins in January; write two entries")
    return begin, end


def _month(text: str) -> int:
    if text in _MONTHS:
        return _MONTHS.index(text) + 1
    return _integer(text, "a month such as january or 1")


def _year_range(raw: Any) -> tuple[int, int]:
    begin, end = _pair(raw, lambda text: _integer(text, "a year such as 2026"))
    if begin > end:
        raise _Wrong(f"{raw!r} runs backwards: the first year must not lie after the last")
    return begin, end


def _day_range(raw: Any) -> tuple[int, int]:
    begin, end = _pair(raw, lambda text: _integer(text, "a day of the month such as 1 or -1"))
    for day in (begin, end):
        if day == 0 or abs(day) > 31:
            raise _Wrong(f"{day} is not a day of the month: 1 to 31, or -31 to -1 from its end")
    if begin < 0 < end:
        raise _Wrong(f"{raw!r}: a range that begins at a negative day must end at one")
    # Alertmanager counts from the shortest month here, so 28:-1 is refused and 27:-1 is not.
    if (begin if begin > 0 else 28 + begin) > (end if end > 0 else 28 + end):
        raise _Wrong(f"{raw!r}: the last day lies before the first, at least in February")
    return begin, end


def _pair(raw: Any, parse: Callable[[str], int]) -> tuple[int, int]:
    if not isinstance(raw, str):
        raise _Wrong("expected a text such as a or a:b")
    parts = raw.lower().split(":")
    if len(parts) > 2:
        raise _Wrong(f"{raw!r} is not a range such as a:b")
    values = [parse(part) for part in parts]
    return values[0], values[-1]


def _integer(text: str, what: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise _Wrong(f"{text!r} is not {what}")
    return int(text)


_FIELDS: Final[dict[str, _Parse]] = {
    "times": _time_range,
    "weekdays": _weekday_range,
    "days_of_month": _day_range,
    "months": _month_range,
    "years": _year_range,
}
_EXAMPLES: Final = {
    "times": "{start_time: 09:00, end_time: 17:00}",
    "weekdays": "monday:friday",
    "days_of_month": "1:5, -1",
    "months": "january:march",
    "years": "2026:2028",
}


# -- time zones -------------------------------------------------------------------------------


def _location_problem(name: str) -> str | None:
    try:
        _zone(name)
    except (ValueError, OSError, LookupError, ImportError):
        return f"{name!r} is not a time zone such as Europe/Berlin or UTC"
    return None


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    return UTC if name in ("UTC", "Local") else ZoneInfo(name)


def _offset(zone: tzinfo, seconds: int) -> int:
    """Seconds that clocks in the zone are ahead of UTC at an instant."""
    if zone is UTC:
        return 0
    offset = datetime.fromtimestamp(seconds, zone).utcoffset()
    return offset.days * _DAY + offset.seconds if offset else 0


# -- asking -----------------------------------------------------------------------------------

_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()


class _Civil(NamedTuple):
    year: int
    month: int
    day: int
    weekday: int
    days_in_month: int


@lru_cache(maxsize=4096)
def _civil(days: int) -> _Civil:
    """The calendar's view of a day, given in days since 1970-01-01."""
    day = date.fromordinal(_EPOCH + days)
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    length = (following - day.replace(day=1)).days
    return _Civil(day.year, day.month, day.day, day.isoweekday() % 7, length)


def _within(ranges: Ranges | None, value: int) -> bool:
    return ranges is None or any(begin <= value <= end for begin, end in ranges)


def _day_matches(interval: TimeInterval, days: int) -> bool:
    """Whether every field but `times` holds on a day."""
    civil = _civil(days)
    return (
        _within(interval.weekdays, civil.weekday)
        and _within(interval.months, civil.month)
        and _within(interval.years, civil.year)
        and (interval.days_of_month is None or _day_of_month(interval.days_of_month, civil))
    )


def _day_of_month(ranges: Ranges, civil: _Civil) -> bool:
    """Negative days count from the month's end; a range that begins beyond it does not occur."""
    for begin, end in ranges:
        first = begin if begin > 0 else civil.days_in_month + begin + 1
        last = end if end > 0 else civil.days_in_month + end + 1
        if first <= civil.day <= last:
            return True
    return False


def contains(interval: TimeInterval, at: Nanoseconds) -> bool:
    """Whether an instant lies inside, by the wall clock of the interval's time zone.

    A window in the hour that a spring change skips does not occur that day; one in the hour that
    an autumn change repeats occurs twice.
    """
    seconds = at // SECOND
    days, rest = divmod(seconds + _offset(_zone(interval.location), seconds), _DAY)
    if not _day_matches(interval, days):
        return False
    minute = rest // 60
    return interval.times is None or any(start <= minute < end for start, end in interval.times)


def mutes(
    names: Iterable[str], intervals: Mapping[str, tuple[TimeInterval, ...]], at: Nanoseconds
) -> tuple[str, ...]:
    """Those of the named intervals that contain `at`, in the order given.

    Alertmanager: a name stands for the union of its entries. A route is muted inside any of its
    mute intervals, and outside all of its active ones. Raises KeyError for an unknown name.
    """
    return tuple(name for name in names if any(contains(interval, at) for interval in intervals[name]))


# -- what comes next --------------------------------------------------------------------------

_HORIZON: Final = 366 * _DAY
_WHOLE_DAY: Final[Ranges] = ((0, 1440),)


def next_change(intervals: Iterable[tuple[TimeInterval, ...]], at: Nanoseconds) -> Nanoseconds | None:
    """The first instant after `at` at which being inside any of the intervals begins or ends.

    None if that does not happen within 366 days.
    """
    now = at // SECOND
    windows = heapq.merge(*(_windows(interval, now) for entries in intervals for interval in entries))
    covered_until: int | None = None
    for start, end in windows:
        if covered_until is None:
            if start > now:
                return start * SECOND
            covered_until = end
        elif start > covered_until:
            break
        else:
            covered_until = max(covered_until, end)
    if covered_until is None or covered_until > now + _HORIZON:
        return None
    return covered_until * SECOND


def _windows(interval: TimeInterval, now: int) -> Iterator[tuple[int, int]]:
    """When the interval holds, as (start, end) in seconds, in order: what ends after `now`.

    Goes a little beyond the horizon, so that a window that touches it does not seem to end there.
    """
    times = interval.times if interval.times is not None else _WHOLE_DAY
    for first, last, offset in _stretches(_zone(interval.location), now):
        begin, end = first + offset, last + offset
        for days in range(begin // _DAY, (end - 1) // _DAY + 1):
            if not _day_matches(interval, days):
                continue
            for start_minute, end_minute in sorted(times):
                start = max(days * _DAY + start_minute * 60, begin) - offset
                stop = min(days * _DAY + end_minute * 60, end) - offset
                if max(start, now) < stop and start <= now + _HORIZON:
                    yield start, stop


def _stretches(zone: tzinfo, now: int) -> Iterator[tuple[int, int, int]]:
    """Consecutive (from, to, offset from UTC) that cover the horizon, a day long at most."""
    start = now - now % _DAY
    offset = _offset(zone, start)
    while start <= now + _HORIZON:
        end = start + _DAY
        following = _offset(zone, end)
        if following != offset:
            change = _change(zone, start, end, offset)
            yield start, change, offset
            start = change
        yield start, end, following
        start, offset = end, following


def _change(zone: tzinfo, low: int, high: int, offset: int) -> int:
    """The second at which the zone's offset stops being `offset`, known to lie in (low, high]."""
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high
