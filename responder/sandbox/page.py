"""The sandbox's pages: what arrived where, Slack's channels, PagerDuty's incidents, mail, the cluster.

`site` serves them. Every text in them came from somebody else and is escaped; the parts with an id
are what the script compares, so that a page changes only where something has.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from html import escape
from typing import Final

from responder.sandbox import clusterview, mailview, pagerview, slackview
from responder.sandbox.arrival import Arrival, Place
from responder.sandbox.newcomer import SLACK_NEWCOMER, SLACK_USERS
from responder.sandbox.standins import StandIns
from responder.sandbox.terminal import printable

_SHOWN: Final = 200
"""Arrivals on the first page."""

_TEXT: Final = 4_000
"""Characters of the text of each."""

_PATHS: Final[Mapping[Place, str]] = {"Slack": "/slack", "PagerDuty": "/pagerduty", "mail": "/mail"}


def render(path: str, standins: StandIns, curl: str, user: str = "") -> str:
    """The page at `path`, one of PAGES. `curl` is what an empty page tells people to type.

    `user`: the Slack user as whom one looks.
    """
    title, body = PAGES[path]
    inner = body(standins, user) or _EMPTY.format(curl=escape(curl))
    return _PAGE.format(title=title, tabs=_tabs(path, standins), name=path[1:] or "all", inner=inner)


def _tabs(path: str, standins: StandIns) -> str:
    messages = sum(len(channel.messages) for channel in standins.slack.room.channels.values())
    counts = {
        "/": standins.count,
        "/slack": messages,
        "/pagerduty": len(standins.pagerduty.incidents),
        "/mail": standins.mail.count,
        "/cluster": sum(call.writes for call in standins.cluster.calls),
    }
    return "".join(
        f'<a href="{each}"{_CURRENT if each == path else ""}>{title} <b>{counts[each]}</b></a>'
        for each, (title, _) in PAGES.items()
    )


_CURRENT: Final = ' aria-current="page"'


def _arrivals(standins: StandIns, user: str) -> str:
    if not standins.arrivals:
        return ""
    incidents = Counter(incident.status for incident in standins.pagerduty.incidents)
    posts = Counter(arrival.how for arrival in standins.arrivals if arrival.place == "Slack")
    conversations = len(mailview.threads(standins.mail.mails))
    numbers = "".join(
        f"<li><b>{count}</b> {words}</li>"
        for count, words in (
            (posts["posted"], "posted in Slack"),
            (posts["edited"], "edited in place"),
            (posts["replied"], "replies in threads"),
            (incidents["triggered"] + incidents["acknowledged"], "open at PagerDuty"),
            (incidents["resolved"], "resolved there"),
            (standins.mail.count, "mails"),
            (conversations, "conversations"),
        )
    )
    rows = "\n".join(map(_row, [*standins.arrivals][-_SHOWN:][::-1]))
    older = '<p class="dim" id="older">Older ones are not shown.</p>' if standins.count > _SHOWN else ""
    return (
        f'<ul class="numbers" id="numbers">{numbers}</ul>\n'
        f'<ol class="arrivals" id="arrivals" data-keyed>{rows}</ol>{older}'
    )


def _row(arrival: Arrival) -> str:
    path = _PATHS.get(arrival.place)
    place = f'<a href="{path}">{arrival.place}</a>' if path else arrival.place
    more = arrival.text[:_TEXT].partition("\n")[2]
    said = f"<details><summary>{_safe(arrival.what)}</summary><pre>{escape(more)}</pre></details>"
    return (
        f'<li id="a{arrival.number}" class="{arrival.tone}"><time>{arrival.clock_time}</time>'
        f'<span class="place">{place}</span><span class="where">{_safe(arrival.where)}</span>'
        f'<span class="how">{_safe(arrival.how)}</span>'
        f'<div class="what">{said if more else _safe(arrival.what)}</div></li>'
    )


def _slack(standins: StandIns, user: str) -> str:
    channels = [*standins.slack.room.channels.values()]
    if not any(channel.messages or channel.ephemeral for channel in channels):
        return ""
    if standins.people is None:
        return "\n".join(map(slackview.as_html, channels))
    user = user if user in SLACK_USERS else SLACK_NEWCOMER
    people = " ".join(
        f'<a href="/slack?as={each}"{_CURRENT if each == user else ""}>{escape(name)}</a>'
        for each, name in SLACK_USERS.items()
    )
    shown = "\n".join(slackview.as_html(channel, user) for channel in channels)
    return (
        f'<p class="people" id="people" data-user="{user}">You look, type and press as: {people}</p>\n{shown}'
    )


def _pagerduty(standins: StandIns, user: str) -> str:
    return pagerview.as_html(standins.pagerduty.incidents)


def _mail(standins: StandIns, user: str) -> str:
    return mailview.as_html(standins.mail.mails) if standins.mail.mails else ""


def _cluster(standins: StandIns, user: str) -> str:
    return clusterview.as_html(standins.cluster)


def _safe(text: str) -> str:
    return escape(printable(text))


PAGES: Final[Mapping[str, tuple[str, Callable[[StandIns, str], str]]]] = {
    "/": ("Everything", _arrivals),
    "/slack": ("Slack", _slack),
    "/pagerduty": ("PagerDuty", _pagerduty),
    "/mail": ("Mail", _mail),
    "/cluster": ("Cluster", _cluster),
}
"""Each page's path, title, and what makes its body; "" where there is nothing to show."""

_EMPTY: Final = """<section class="empty" id="empty">
<h2>Nothing has arrived here yet.</h2>
<p>If the sandbox is telling its story, wait a moment. Else send a critical alert of your own, from the
directory in which the sandbox runs. It is told after 2 seconds:</p>
<pre>{curl}</pre>
</section>"""

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} · Responder's sandbox</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"><script src="/page.js" defer></script>
<noscript><meta http-equiv="refresh" content="3"></noscript></head>
<body>
<header id="head" data-keyed><h1 id="title">Responder's sandbox</h1><nav id="tabs">{tabs}</nav></header>
<p id="away" role="status" hidden>The sandbox does not answer: it was stopped. It showed this last.</p>
<main id="main" class="{name}" data-keyed>
{inner}
</main>
<footer id="foot">Stand-ins on this machine: nobody is called, nothing is sent on. Times are UTC.
As JSON: <a href="/received">/received</a></footer>
</body></html>
"""
