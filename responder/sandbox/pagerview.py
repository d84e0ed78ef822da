"""PagerDuty's incidents as a piece of a page, and as lines for a terminal.

The sandbox serves and prints them. Every text came from somebody else: it is escaped in HTML, and
cannot steer a terminal.
"""

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from rich.text import Text

from responder.core.model import MILLISECOND, Nanoseconds, format_time
from responder.sandbox.pagerduty import Entry, Incident
from responder.sandbox.terminal import printable

_SHOWN: Final = 100
"""Incidents on the page, and lines of one log."""

_STYLES: Final = {"triggered": "red", "acknowledged": "yellow", "resolved": "green"}


def as_html(incidents: Sequence[Incident]) -> str:
    """The incidents as a piece of a page, the newest first; "" if there is none."""
    return "\n".join(map(_incident, list(incidents)[-_SHOWN:][::-1]))


def lines(incidents: Iterable[Incident]) -> list[Text]:
    """A line for each incident, the oldest first: `#1 triggered critical  Firing: HighCPU`."""
    return [
        Text.assemble(
            (f"#{incident.number} ", "dim"),
            (f"{incident.status:<12}", _STYLES[incident.status]),
            (f" {printable(incident.severity):<8} ", "bold"),
            printable(incident.summary),
            (f"  ({len(incident.log)} in its log)", "dim"),
        )
        for incident in incidents
    ]


def entry_line(incident: Incident, entry: Entry) -> Text:
    """What just happened: `PagerDuty #1 trigger  Firing: HighCPU`."""
    return Text.assemble(
        (f"PagerDuty #{incident.number} ", "bold"),
        (f"{printable(entry.action)} ", _STYLES[incident.status]),
        printable(entry.summary or incident.summary),
    )


def _incident(incident: Incident) -> str:
    log = "".join(
        f"<li><time>{_time(entry.at)}</time> <b>{_safe(entry.action)}</b> {_safe(entry.summary)}</li>"
        for entry in incident.log[-_SHOWN:]
    )
    details = json.dumps(incident.log[-1].details or incident.log[0].details, ensure_ascii=False, indent=2)
    return (
        f'<article class="incident {incident.status}" id="i{incident.number}">'
        f'<p class="dim">#{incident.number} <b class="status">{incident.status}</b> '
        f'<b class="severity">{_safe(incident.severity)}</b> {_safe(incident.source)}</p>'
        f"<h2>{_safe(incident.summary)}</h2><ol>{log}</ol>"
        f"<details><summary>Details</summary><pre>{escape(details)}</pre></details></article>"
    )


def _safe(text: str) -> str:
    return escape(printable(text))


def _time(at: Nanoseconds) -> str:
    return format_time(at // MILLISECOND * MILLISECOND)[11:-1]
