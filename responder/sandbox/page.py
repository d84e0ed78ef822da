"""What arrived, as a page for a browser.

`sink` serves it. Every text in it came from somebody else and is escaped.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from responder.core.model import format_labels, labels_from
from responder.sandbox.arrival import Arrival

_SHOWN: Final = 100
"""Notifications on the page, and alerts of one of them."""


def render(arrivals: Sequence[Arrival]) -> str:
    """The page: the newest first."""
    newest = list(arrivals)[-_SHOWN:][::-1]
    rows = "\n".join(map(_row, newest)) or '<tr><td colspan="4">Nothing has arrived yet.</td></tr>'
    return _PAGE.format(count=len(arrivals), rows=rows)


def _row(arrival: Arrival) -> str:
    alerts = [("firing", labels) for labels in arrival.firing]
    alerts += [("resolved", labels) for labels in arrival.resolved]
    items = "".join(
        f'<li><b class="{status}">{status}</b> <code>{escape(format_labels(labels_from(labels)))}</code></li>'
        for status, labels in alerts[:_SHOWN]
    )
    more = f"<li>and {len(alerts) - _SHOWN} more</li>" if len(alerts) > _SHOWN else ""
    return (
        f"<tr><td>{arrival.clock_time}</td><td>{escape(arrival.receiver)}</td>"
        f"<td>{escape(arrival.reason)}</td><td><ul>{items}{more}</ul></td></tr>"
    )


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The sandbox's sink</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="3">
<style>
:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}}
table{{border-collapse:collapse;width:100%}}
th,td{{text-align:left;vertical-align:top;padding:.4em .8em;border-top:1px solid #8886}}
ul{{margin:0;padding:0;list-style:none}}
code{{overflow-wrap:anywhere}}
.firing{{color:#b3261e}}.resolved{{color:#1b6e3c}}
@media (prefers-color-scheme:dark){{
body{{background:#111;color:#ddd}}.firing{{color:#ff8a80}}.resolved{{color:#7ddc9a}}}}
</style></head>
<body><h1>What arrived</h1>
<p>This sink stands in for Slack, PagerDuty and mail. It keeps the newest notifications ({count} now); as
JSON: <a href="/received">/received</a>. The page reloads every 3 seconds.</p>
<table><thead><tr><th>UTC</th><th>receiver</th><th>why</th><th>alerts</th></tr></thead>
<tbody>
{rows}
</tbody></table></body></html>
"""
