"""PagerDuty's incidents as a page for a browser, and as lines for a terminal.

The sandbox serves and prints them. Every text came from somebody else: it is escaped in HTML, and
cannot steer a terminal.
"""

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


def render(incidents: Sequence[Incident]) -> str:
    """The page: the newest first."""
    newest = list(incidents)[-_SHOWN:][::-1]
    rows = "\n".join(map(_row, newest)) or '<tr><td colspan="5">No incident yet.</td></tr>'
    return _PAGE.format(count=len(incidents), rows=rows)


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


def _row(incident: Incident) -> str:
    log = "".join(
        f"<li>{_time(entry.at)} {_safe(entry.action)} {_safe(entry.summary)}</li>"
        for entry in incident.log[-_SHOWN:]
    )
    return (
        f'<tr><td>#{incident.number}</td><td class="{incident.status}">{incident.status}</td>'
        f"<td>{_safe(incident.severity)}</td><td>{_safe(incident.source)}</td>"
        f"<td><b>{_safe(incident.summary)}</b><ul>{log}</ul></td></tr>"
    )


def _safe(text: str) -> str:
    return escape(printable(text))


def _time(at: Nanoseconds) -> str:
    return format_time(at // MILLISECOND * MILLISECOND)[11:-1]


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The sandbox's PagerDuty</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="3">
<style>
:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}}
table{{border-collapse:collapse;width:100%}}
th,td{{text-align:left;vertical-align:top;padding:.4em .8em;border-top:1px solid #8886}}
td{{overflow-wrap:anywhere}}
ul{{margin:0;padding:0;list-style:none}}
.triggered{{color:#b3261e}}.acknowledged{{color:#8a5a00}}.resolved{{color:#1b6e3c}}
@media (prefers-color-scheme:dark){{
body{{background:#111;color:#ddd}}
.triggered{{color:#ff8a80}}.acknowledged{{color:#ffcf70}}.resolved{{color:#7ddc9a}}}}
</style></head>
<body><h1>PagerDuty's incidents</h1>
<p>A stand-in: nobody is paged. It keeps the newest incidents ({count} now). The page reloads every 3
seconds.</p>
<table><thead><tr><th>incident</th><th>status</th><th>severity</th><th>source</th><th>what</th></tr></thead>
<tbody>
{rows}
</tbody></table></body></html>
"""
