"""Time intervals: whether one contains an instant, and when that changes.

`core.intervalparse` reads them, `core.flush` asks about the mute and active intervals of a route. The
local time zone of the machine must never matter here: the same rules decide the same everywhere.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from responder.core.model import SECOND, Nanoseconds

Ranges: TypeAlias = tuple[tuple[int, int], ...]


class TimeInterval(msgspec.Struct, frozen=True):
    """An instant is inside if every field that is not None has a range that holds it.

    A field that is None allows anything; an empty one never matches. `times` are minutes of the
    day, end exclusive; one that ends before it starts goes on until the next morning, and belongs to
    the day on which it starts. The other ranges include both ends. Weekdays count from Sunday = 0; a
    negative day of the month counts from the month's end. `location` is an IANA name; `Local`
    means UTC, so that a decision does not depend on the machine that took it.
    """

    times: Ranges | None = None
    weekdays: Ranges | None = None
    days_of_month: Ranges | None = None
    months: Ranges | None = None
    years: Ranges | None = None
    location: str = "UTC"


# -- time zones -------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """The time zone of that name. Raises whatever the standard library does if there is none."""
    return UTC if name in ("UTC", "Local") else ZoneInfo(name)


def _offset(where: tzinfo, seconds: int) -> int:
    """Seconds that clocks in the zone are ahead of UTC at an instant."""
    if where is UTC:
        return 0
    offset = datetime.fromtimestamp(seconds, where).utcoffset()
    return offset.days * _DAY + offset.seconds if offset else 0


# -- asking -----------------------------------------------------------------------------------

_DAY: Final = 86_400
_MINUTES: Final = 1440
_WHOLE_DAY: Final[Ranges] = ((0, _MINUTES),)
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


def _minutes(interval: TimeInterval, days: int) -> list[tuple[int, int]]:
    """When on a day it holds: what begins on this day, and what is left of a night that began before."""
    times = interval.times if interval.times is not None else _WHOLE_DAY
    found: list[tuple[int, int]] = []
    if _day_matches(interval, days):
        found = [(start, end if start < end else _MINUTES) for start, end in times]
    nights = [(0, end) for start, end in times if start >= end]
    if nights and _day_matches(interval, days - 1):
        found += nights
    return sorted(found)


def contains(interval: TimeInterval, at: Nanoseconds) -> bool:
    """Whether an instant lies inside, by the wall clock of the interval's time zone.

    A window in the hour that a spring change skips does not occur that day; one in the hour that
    an autumn change repeats occurs twice.
    """
    seconds = at // SECOND
    days, rest = divmod(seconds + _offset(zone(interval.location), seconds), _DAY)
    minute = rest // 60
    return any(start <= minute < end for start, end in _minutes(interval, days))


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


_CHANGES: Final[dict[tuple[tuple[TimeInterval, ...], ...], tuple[Nanoseconds, Nanoseconds]]] = {}
_CHANGES_MOST: Final = 1024
"""Since when the next change of some intervals is known, and when it is: nothing else lies between."""


def next_change(intervals: Iterable[tuple[TimeInterval, ...]], at: Nanoseconds) -> Nanoseconds | None:
    """The first instant after `at` at which being inside any of the intervals begins or ends.

    None if that does not happen within 366 days.
    """
    watched = tuple(intervals)
    since, change = _CHANGES.get(watched, (0, 0))
    if since <= at < change:
        return change
    found = _first_change(watched, at)
    if found is not None:
        if len(_CHANGES) >= _CHANGES_MOST:
            _CHANGES.clear()
        _CHANGES[watched] = at, found
    return found


def _first_change(intervals: tuple[tuple[TimeInterval, ...], ...], at: Nanoseconds) -> Nanoseconds | None:
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
    for first, last, offset in _stretches(zone(interval.location), now):
        begin, end = first + offset, last + offset
        for days in range(begin // _DAY, (end - 1) // _DAY + 1):
            for start_minute, end_minute in _minutes(interval, days):
                start = max(days * _DAY + start_minute * 60, begin) - offset
                stop = min(days * _DAY + end_minute * 60, end) - offset
                if max(start, now) < stop and start <= now + _HORIZON:
                    yield start, stop


def _stretches(where: tzinfo, now: int) -> Iterator[tuple[int, int, int]]:
    """Consecutive (from, to, offset from UTC) that cover the horizon, a day long at most."""
    start = now - now % _DAY
    offset = _offset(where, start)
    while start <= now + _HORIZON:
        end = start + _DAY
        following = _offset(where, end)
        if following != offset:
            change = _change(where, start, end, offset)
            yield start, change, offset
            start = change
        yield start, end, following
        start, offset = end, following


def _change(where: tzinfo, low: int, high: int, offset: int) -> int:
    """The second at which the zone's offset stops being `offset`, known to lie in (low, high]."""
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(where, middle) == offset:
            low = middle
        else:
            high = middle
    return high
