"""Reading time intervals: Alertmanager's grammar, and nights and weekends that it cannot say.

`ruleset` reads what files say, tests what they mean to say. Scalars come as the text that was written;
every problem is found at once, and nothing here knows what time it is.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from responder.core.timeintervals import Ranges, TimeInterval, zone

FieldPath: TypeAlias = tuple[str | int, ...]
"""Where in the raw mapping: `("times", 0, "end_time")`."""


class IntervalError(ValueError):
    """A time interval that cannot be read, with every problem: (path in the mapping, message)."""

    def __init__(self, problems: Iterable[tuple[FieldPath, str]]) -> None:
        self.problems: tuple[tuple[FieldPath, str], ...] = tuple(problems)
        super().__init__("; ".join(f"{_dotted(path)}: {message}" for path, message in self.problems))


def _dotted(path: FieldPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""A week, as time intervals count its days."""

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
_SUNDAY: Final = 0
_SATURDAY: Final = 6
_MIDNIGHT: Final = 24 * 60
_CLOCK: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_ENDS: Final = ("start_time", "end_time")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,9}")


def parse_interval(raw: Mapping[str, Any], *, wraps: bool = False) -> TimeInterval:
    """One entry of `time_intervals`, its scalars still text (a YAML loader makes 17:00 a number).

    Alertmanager's grammar: names are whole English words in any case; ranges are `a:b` and do not
    wrap around midnight, the week or the year. With `wraps` they do around the first two: 22:00 to
    06:00, `saturday:monday`. A null field is as good as none; an empty list never matches.
    Raises IntervalError with every problem.
    """
    problems: list[tuple[FieldPath, str]] = []
    ranges: dict[str, Ranges | None] = {}
    for name, parse in (_FIELDS | _WRAPPING if wraps else _FIELDS).items():
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


_Parse: TypeAlias = Callable[[Any], Ranges]


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
            found += parse(element)
        except _Wrong as wrong:
            problems += [((*path, index, *part), message) for part, message in wrong.problems]
    return tuple(found)


def _time_range(raw: Any) -> Ranges:
    start, end = _times(raw)
    if start >= end:
        raise _Wrong(
            f"start_time {raw['start_time']} must lie before end_time {raw['end_time']}; "
            "for a night write two entries, one up to 24:00 and one from 00:00"
        )
    return ((start, end),)


def _time_range_or_night(raw: Any) -> Ranges:
    start, end = _times(raw)
    if start in (end, _MIDNIGHT):
        raise _Wrong(
            f"start_time {raw['start_time']} and end_time {raw['end_time']} are no range of times; "
            "a whole day is 00:00 to 24:00, a night 22:00 to 06:00"
        )
    return ((start, end),)


def _times(raw: Any) -> tuple[int, int]:
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
    return start, end


def _weekday_range(raw: Any) -> Ranges:
    begin, end = _pair(raw, _weekday)
    if begin > end:
        raise _Wrong(f"{raw!r} runs backwards: the week begins on Sunday; write two entries")
    return ((begin, end),)


def _weekday_range_or_weekend(raw: Any) -> Ranges:
    begin, end = _pair(raw, _weekday)
    return ((begin, end),) if begin <= end else ((begin, _SATURDAY), (_SUNDAY, end))


def _weekday(text: str) -> int:
    if text not in WEEKDAYS:
        raise _Wrong(f"{text!r} is not a day of the week such as monday")
    return WEEKDAYS.index(text)


def _month_range(raw: Any) -> Ranges:
    begin, end = _pair(raw, _month)
    if begin > end:
        raise _Wrong(f"{raw!r} runs backwards: the year begins in January; write two entries")
    return ((begin, end),)


def _month(text: str) -> int:
    if text in _MONTHS:
        return _MONTHS.index(text) + 1
    return _integer(text, "a month such as january or 1")


def _year_range(raw: Any) -> Ranges:
    begin, end = _pair(raw, lambda text: _integer(text, "a year such as 2026"))
    if begin > end:
        raise _Wrong(f"{raw!r} runs backwards: the first year must not lie after the last")
    return ((begin, end),)


def _day_range(raw: Any) -> Ranges:
    begin, end = _pair(raw, lambda text: _integer(text, "a day of the month such as 1 or -1"))
    for day in (begin, end):
        if day == 0 or abs(day) > 31:
            raise _Wrong(f"{day} is not a day of the month: 1 to 31, or -31 to -1 from its end")
    if begin < 0 < end:
        raise _Wrong(f"{raw!r}: a range that begins at a negative day must end at one")
    # Alertmanager counts from the shortest month here, so 28:-1 is refused and 27:-1 is not.
    if (begin if begin > 0 else 28 + begin) > (end if end > 0 else 28 + end):
        raise _Wrong(f"{raw!r}: the last day lies before the first, at least in February")
    return ((begin, end),)


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
_WRAPPING: Final[dict[str, _Parse]] = {
    "times": _time_range_or_night,
    "weekdays": _weekday_range_or_weekend,
}
_EXAMPLES: Final = {
    "times": "{start_time: 09:00, end_time: 17:00}",
    "weekdays": "monday:friday",
    "days_of_month": "1:5, -1",
    "months": "january:march",
    "years": "2026:2028",
}


def _location_problem(name: str) -> str | None:
    try:
        zone(name)
    except (ValueError, OSError, LookupError, ImportError):
        return f"{name!r} is not a time zone such as Europe/Berlin or UTC"
    return None
