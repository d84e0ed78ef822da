"""What a mail says: one view of a notification, written as plain text and as HTML.

`letter` puts both into a mail. The two say the same; nothing in them is loaded from anywhere, and
every text of an alert is escaped in the HTML and cut to a length that a phone can show.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined

from responder.core.model import SECOND, Alert, Labels, Nanoseconds, label
from responder.core.notification import Notification
from responder.core.truncation import Verdict, shown, truncate_runes
from responder.notify import content, runs

MOST_ALERTS: Final = 20
"""Alerts that are written out; the others are counted. Gmail cuts a mail at 102 kB."""

_LINE: Final = 300
_PARAGRAPH: Final = 1_200
_LABELS: Final = 20

_COLOURS: Final = {
    "critical": "#b3261e",
    "error": "#b04a00",
    "warning": "#8a6100",
    "info": "#1a5fb4",
    "resolved": "#1b6e3c",
    "stale": "#5b636c",
}
"""Readable on the light ground, and still after a mail program has turned light into dark."""


@dataclass(frozen=True, slots=True)
class Item:
    """One alert: what, in more words, which of the group's, since when, and where to look."""

    what: str
    more: str
    own: str
    when: str
    links: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Section:
    """The alerts of one state. `title` is empty where one alert is all there is."""

    title: str
    tone: str
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all alerts that are shown have in common, so that it is said once; empty where one is alone."""

    what: str
    more: str
    links: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Mail:
    """Everything that a mail says. `tone` is the state's or the severity's name.

    `done`: who took the incident on, and what is or was done about it.
    """

    title: str
    state: str
    tone: str
    news: str
    late: str
    done: list[str]
    shared: Shared
    sections: list[Section]
    more: str
    common: Labels
    foot: list[str]


def topic_of(notification: Notification) -> str:
    """What its first mail calls the incident: by what its group shares for good, where that says where."""
    labels = notification.group_labels
    name = label(labels, "alertname") or content.name_of(notification)
    return content.titled(name, content.place_in(labels) or content.place_of(notification))


def view(notification: Notification, external_url: str, now: Nanoseconds, max_alerts: int = 0) -> Mail:
    """What the mail says. At most `max_alerts` alerts (0: the mail's own limit) are written out."""
    state = content.state_of(notification)
    severity = content.worst(notification)
    alerts, cut = shown(notification, min(max_alerts or MOST_ALERTS, MOST_ALERTS))
    common = content.common_labels(notification)
    several = len(alerts) + cut > 1
    shared = _shared([alert for alert, _ in alerts]) if several else Shared("", "", [])
    sections = []
    for word in ("firing", "stale", "resolved"):
        items = [
            _item(alert, verdict, shared, common if several else alert.labels, now)
            for alert, verdict in alerts
            if verdict == word
        ]
        if items:
            title = f"{word.capitalize()} ({len(getattr(notification, word))})" if several else ""
            sections.append(Section(title, _tone(word, severity), items))
    late = content.lateness(notification, now)
    receiver = truncate_runes(content.one_line(notification.receiver), _LINE)
    labels = tuple(
        (name, truncate_runes(content.one_line(value), _LINE))
        for name, value in common
        if name not in ("alertname", "severity")
    )
    return Mail(
        title=content.title(notification),
        state=state.capitalize() if state == "resolved" else f"{state.capitalize()}, {severity}",
        tone=_tone(state, severity),
        news=f"{content.news(notification)}: {content.counts(notification)}.",
        late=f"{late[0].upper()}{late[1:]}." if late else "",
        done=[
            truncate_runes(line, _LINE)
            for line in (runs.acknowledged(notification), *runs.lines(notification))
            if line
        ],
        shared=shared,
        sections=sections,
        more=f"and {cut} more" if cut else "",
        common=labels[:_LABELS],
        foot=[f"Incident {notification.incident}, told to {receiver} ({notification.reason})", external_url],
    )


def _tone(state: str, severity: str) -> str:
    return severity if state == "firing" else state


def _item(alert: Alert, verdict: Verdict, shared: Shared, common: Labels, now: Nanoseconds) -> Item:
    own = truncate_runes(content.one_line(content.differing(alert, common)), _LINE)
    name = content.one_line(label(alert.labels, "alertname")) or "Alert without a name"
    what, more = _says(alert)
    if shared.what:
        what, own = own or name, ""
    return Item(
        what=truncate_runes(what or name, _LINE),
        more="" if more == shared.more else more,
        own=own,
        when=_when(alert, verdict, now),
        links=[link for link in content.links(alert) if link not in shared.links],
    )


def _says(alert: Alert) -> tuple[str, str]:
    """What its rule says of an alert: a line, and what more there is."""
    what = content.summary_of(alert)
    more = dict(alert.annotations).get("description", "").strip()
    return _cut(content.one_line(what), _LINE), "" if more == what else _cut(more, _PARAGRAPH)


def _shared(alerts: list[Alert]) -> Shared:
    (what, more), *others = [_says(alert) for alert in alerts]
    first, *rest = [content.links(alert) for alert in alerts]
    return Shared(
        what=what if all(other[0] == what for other in others) else "",
        more=more if all(other[1] == more for other in others) else "",
        links=[link for link in first if all(link in links for links in rest)],
    )


def _cut(text: str, most: int) -> str:
    return truncate_runes(content.visible(text).strip(), most)


def _when(alert: Alert, verdict: Verdict, now: Nanoseconds) -> str:
    if not alert.starts_at:
        return ""
    began, lasted = _moment(alert.starts_at), content.lasted(alert, now)
    if verdict == "resolved" and alert.ends_at:
        ended = _moment(alert.ends_at)
        day, _, time = ended.partition(" ")
        return f"{began} to {time if began.startswith(day) else ended} UTC ({lasted})"
    return f"since {began} UTC ({lasted})"


def _moment(at: Nanoseconds) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M}"


# -- as text and as HTML ----------------------------------------------------------------------


def as_text(mail: Mail) -> str:
    """The mail as plain text. What an alert says is indented, so that it cannot pass for ours."""
    lines = [mail.title, f"{mail.state}. {mail.news}"]
    if mail.late:
        lines.append(mail.late)
    lines += mail.done
    shared = [*_indented(mail.shared.what), *_indented(mail.shared.more)]
    shared += [f"  {what}: {url}" for what, url in mail.shared.links]
    if shared:
        lines += ["", *shared]
    for section in mail.sections:
        if section.title:
            lines += ["", section.title.upper()]
        for item in section.items:
            lines += ["", f"* {item.what}", *_indented(item.more)]
            lines += [f"  {text}" for text in (item.own, item.when) if text]
            lines += [f"  {what}: {url}" for what, url in item.links]
    if mail.more:
        lines += ["", mail.more]
    if mail.common:
        lines += ["", *(f"{name}: {value}" for name, value in mail.common)]
    return "\n".join([*lines, "", "-- ", *mail.foot, ""])


def _indented(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.splitlines()]


_ENVIRONMENT: Final = Environment(
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATE: Final = _ENVIRONMENT.from_string(
    files("responder.notify").joinpath("templates/email.html").read_text(encoding="utf-8")
)


def as_html(mail: Mail) -> str:
    """The mail as an HTML document."""
    return _TEMPLATE.render(mail=mail, colour=_COLOURS).lstrip()
