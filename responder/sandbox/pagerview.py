"""PagerDuty's incidents as a piece of a page.

`page` shows them. Every text in them came from somebody else and is escaped.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import Final

from responder.core.model import MILLISECOND, Nanoseconds, format_time
from responder.sandbox.pagerduty import Incident
from responder.sandbox.terminal import printable

_SHOWN: Final = 100
"""Incidents on the page, and lines of one log."""

_DETAILS: Final = 10_000
"""Characters of an incident's details."""


def as_html(incidents: Sequence[Incident]) -> str:
    """The incidents as a piece of a page, the newest first; "" if there is none."""
    return "\n".join(map(_incident, list(incidents)[-_SHOWN:][::-1]))


def _incident(incident: Incident) -> str:
    log = "".join(
        f"<li><time>{_time(entry.at)}</time> <b>{_safe(entry.action)}</b>"
        f"{'' if entry.summary == incident.summary else f' {_safe(entry.summary)}'}</li>"
        for entry in incident.log[-_SHOWN:]
    )
    details = json.dumps(incident.log[-1].details or incident.log[0].details, ensure_ascii=False, indent=2)
    return (
        f'<article class="incident {incident.status}" id="i{incident.number}">'
        f'<p class="dim">#{incident.number} <b class="status">{incident.status}</b> '
        f'<b class="severity">{_safe(incident.severity)}</b> {_safe(incident.source)}</p>'
        f"<h2>{_safe(incident.summary)}</h2><ol>{log}</ol>"
        f"<details><summary>Details</summary><pre>{escape(details[:_DETAILS])}</pre></details></article>"
    )


def _safe(text: str) -> str:
    return escape(printable(text))


def _time(at: Nanoseconds) -> str:
    return format_time(at // MILLISECOND * MILLISECOND)[11:-1]
