"""Values as people type and read them at a terminal: durations, times, alerts.

Commands use the first two as types of their options. A value that is none is wrong usage, said by click.
"""

from typing import Any, Final

import click

from responder.core.model import Labels, Nanoseconds, format_labels, parse_duration, parse_time


class _Duration(click.ParamType[Nanoseconds]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Nanoseconds:
        try:
            return value if isinstance(value, int) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Time(click.ParamType[Nanoseconds]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Nanoseconds:
        try:
            at = value if isinstance(value, int) else parse_time(value)
        except (ValueError, IndexError):
            at = 0
        if not at:
            self.fail(f"{value[:64]!r} is not a time such as 2026-01-05T08:00:00Z", param, ctx)
        return at


DURATION: Final = _Duration()
"""`90s`, `1h30m`."""

TIME: Final = _Time()
"""RFC 3339."""


def called(labels: Labels) -> str:
    """An alert as people call it: its name, then its other labels."""
    name = dict(labels).get("alertname", "")
    others = tuple(pair for pair in labels if pair[0] != "alertname")
    return f"{name} {format_labels(others) if others else ''}".strip()
