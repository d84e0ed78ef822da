"""The message that shows an incident in Slack, within the limits of a post and of an update.

`slack` sends what `message` makes. Texts out of an alert stand in plain_text objects, which Slack
parses for nothing; where Slack knows only mrkdwn they are escaped, and nothing in them is a link.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from responder.core.model import Alert, Labels, Nanoseconds, label
from responder.core.notification import Notification
from responder.core.truncation import Verdict, truncate_runes
from responder.notify import content, runs
from responder.notify.slackmarkup import (
    MRKDWN,
    SECTION,
    Block,
    Page,
    button,
    buttons,
    context,
    cut_mrkdwn,
    date,
    escape,
    mrkdwn,
    plain,
    section,
)

TEXT_BYTES: Final = 4_000
"""The longest top-level text that chat.update takes; chat.postMessage takes ten times as much."""

_ALERTS: Final = 8
"""Alerts that are shown one by one; the others are counted."""

_FOOT: Final = 3
"""Blocks that come after the alerts: how many more, links, and what belongs to all."""

_SUMMARY: Final = 300
_LABELS: Final = 300
_LINE: Final = 600
_DESCRIPTION: Final = 600
_ALERT_LINKS: Final = 700
_LINKS: Final = 2_900

_RED, _AMBER, _BLUE, _GREEN, _GREY = "#c62828", "#ef9f1c", "#7b8fa6", "#2e8b57", "#9e9e9e"
_COLORS: Final = {"critical": _RED, "error": _AMBER, "warning": _AMBER, "info": _BLUE}
_MARKS: Final = {_RED: "🔴", _AMBER: "🟠", _BLUE: "🔵", _GREEN: "🟢", _GREY: "⚪"}
"""The colour again for a phone's preview, which shows the text and nothing else."""


@dataclass(frozen=True, slots=True)
class Message:
    """What chat.postMessage and chat.update are given: the preview's text, blocks, the coloured part."""

    text: str
    blocks: list[Block]
    attachments: list[Block]


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote instead of ours: the headline as plain text, the body as mrkdwn."""

    title: str | None = None
    body: str | None = None


def message(
    notification: Notification,
    now: Nanoseconds,
    words: Words | None = None,
    *,
    continues: bool = False,
    pressable: bool = False,
) -> Message:
    """The incident as it is now. `continues`: an earlier message about it cannot be edited any more.

    `pressable`: there is somebody to hear of it when a button is pressed.
    """
    words = words or Words()
    title = truncate_runes(content.one_line(words.title or ""), 150) or content.headline(notification)
    page = Page()
    page.add(context(mrkdwn(" · ".join(_facts(notification, now)))))
    notes = [content.lateness(notification, now)]
    if continues:
        notes.append("continues an earlier message, which cannot be edited any more")
    if note := ", ".join(filter(None, notes)):
        page.add(context(plain(note[0].upper() + note[1:])))
    for line in filter(None, (runs.acknowledged(notification, MRKDWN), *runs.lines(notification, MRKDWN))):
        page.add(context(mrkdwn(cut_mrkdwn(line, _LINE))))
    if words.body is None:
        _body(page, notification, now, _FOOT + pressable)
    else:
        if body := cut_mrkdwn(content.visible(words.body).strip(), SECTION):
            page.add(section(mrkdwn(body)))
        _add_links(page, _common_links(_entries(notification)))
    page.add(_foot(notification))
    if pressable and notification.status == "firing":
        page.add(buttons(_take_on(notification)))
    color = _color(notification)
    return Message(
        text=f"{_MARKS[color]} {escape(title)}",
        blocks=[{"type": "header", "text": plain(title)}],
        attachments=[{"color": color, "blocks": page.blocks}],
    )


def _take_on(notification: Notification) -> Block:
    """Somebody takes the incident on, or gives it back."""
    if notification.acknowledged:
        return button("Give it back", "unacknowledge", notification.incident)
    return button("Acknowledge", "acknowledge", notification.incident)


def plain_message(notification: Notification, external_url: str, now: Nanoseconds) -> Message:
    """The same as text alone, for when Slack refuses our blocks."""
    told = escape(content.plain(notification, external_url, now))
    lines = [told, runs.acknowledged(notification, MRKDWN), *runs.lines(notification, MRKDWN)]
    text = f"{_MARKS[_color(notification)]} " + "\n".join(filter(None, lines))
    return Message(cut_mrkdwn(text, TEXT_BYTES), [], [])


# -- parts of it ------------------------------------------------------------------------------


def _add_links(page: Page, links: Sequence[tuple[str, str]]) -> None:
    if text := _link_text(links, _LINKS):
        page.add(section(mrkdwn(text)))


_Entry: TypeAlias = tuple[Alert, Verdict]


def _body(page: Page, notification: Notification, now: Nanoseconds, foot: int) -> None:
    entries = _entries(notification)
    state = content.state_of(notification)
    common = content.common_labels(notification)
    shared = {content.summary_of(alert) for alert, _ in entries}
    summary = shared.pop() if len(shared) == 1 else None
    if summary is not None:
        description = dict(content.common_annotations(notification)).get("description", "").strip()
        texts = [truncate_runes(content.visible(summary).strip(), _SUMMARY)]
        if description != summary:
            texts.append(truncate_runes(content.visible(description).strip(), _DESCRIPTION))
        if text := "\n".join(filter(None, texts)):
            page.add(section(plain(text)))
    links = _common_links(entries)
    shown = 0
    if len(entries) > 1:
        for entry in entries[:_ALERTS]:
            lead = "" if entry[1] == state else _LEADS[entry[1]]
            line = _line(entry[0], lead, common) if summary is None else None
            if not page.add(
                line, _detail(entry, common, links, now), reserve=foot, characters=_LINKS + 2 * _LABELS
            ):
                break
            shown += 1
        if text := _more(entries[shown:]):
            page.add(context(plain(text)))
    _add_links(page, links)


_LEADS: Final[dict[Verdict, str]] = {"firing": "", "stale": "Stale: ", "resolved": "Over: "}


def _line(alert: Alert, lead: str, common: Labels) -> Block:
    """What the rule says of the alert, or else what it is called."""
    own = content.differing(alert, common)
    names = (content.summary_of(alert), label(alert.labels, "alertname"), own, "Alert without a name")
    what = next(filter(None, map(content.one_line, names)))
    return section(plain(lead + truncate_runes(what, _SUMMARY)))


def _detail(entry: _Entry, common: Labels, links: list[tuple[str, str]], now: Nanoseconds) -> Block:
    """Its own labels, since when, and its own links."""
    alert, verdict = entry
    own = truncate_runes(content.one_line(content.differing(alert, common)), _LABELS)
    when = [_when(alert, verdict, now)]
    if text := _link_text([link for link in content.links(alert) if link not in links], _ALERT_LINKS):
        when.append(text)
    return context(plain(own) if own else None, mrkdwn(" · ".join(when)))


def _when(alert: Alert, verdict: Verdict, now: Nanoseconds) -> str:
    if verdict == "resolved":
        return f"over after {content.lasted(alert, now)}" if alert.starts_at else "over"
    if verdict == "stale":
        return f"stale, last heard of {date(alert.updated_at)}"
    return f"since {date(alert.starts_at)}" if alert.starts_at else "firing"


def _facts(notification: Notification, now: Nanoseconds) -> list[str]:
    """State, severity, counts, since when. Nothing in it comes from an alert's texts."""
    state = content.state_of(notification)
    severity = content.worst(notification)
    facts = []
    if state == "resolved":
        facts.append(f"*{over_after(notification, now)}*")
    elif state == "stale":
        facts.append("*Nobody renews it*")
    facts += [f"*{severity}*" if state == "firing" else severity, content.counts(notification)]
    alerts = notification.firing or notification.stale
    began = min((alert.starts_at for alert in alerts if alert.starts_at), default=0)
    if began:
        facts.append(f"since {date(began)}")
    if state == "stale":
        facts.append(f"last heard of {date(max(alert.updated_at for alert in alerts))}")
    return [fact for fact in facts if fact]


def over_after(notification: Notification, now: Nanoseconds) -> str:
    """`Over after 42m`: from the first beginning to the last end."""
    ended = [alert for alert in notification.resolved if alert.starts_at]
    if not ended:
        return "Over"
    first, last = min(alert.starts_at for alert in ended), max(alert.ends_at or now for alert in ended)
    return f"Over after {content.rounded(max(last - first, 0))}"


def _foot(notification: Notification) -> Block:
    """Labels that all alerts have and that stand nowhere else, and where the message comes from."""
    said = {"", *content.place_of(notification).split(" / ")}
    rest = ", ".join(
        f"{name}={value}"
        for name, value in content.common_labels(notification)
        if name not in ("alertname", "severity") and value not in said
    )
    origin = f"{notification.receiver} · incident {notification.incident}"
    texts = [truncate_runes(content.one_line(text), _LABELS) for text in (rest, origin)]
    return context(*(plain(text) for text in texts if text))


def _entries(notification: Notification) -> list[_Entry]:
    entries: list[_Entry] = [(alert, "firing") for alert in notification.firing]
    entries += [(alert, "stale") for alert in notification.stale]
    return entries + [(alert, "resolved") for alert in notification.resolved]


def _more(entries: Sequence[_Entry]) -> str:
    if not entries:
        return ""
    verdicts = [verdict for _, verdict in entries]
    counts = [(verdicts.count(verdict), verdict) for verdict in ("firing", "stale", "resolved")]
    said = ", ".join(f"{number} {verdict}" for number, verdict in counts if number)
    return (
        f"And {len(entries)} more: {said}"
        if len(set(verdicts)) > 1
        else f"And {len(entries)} more {verdicts[0]}"
    )


def _common_links(entries: Sequence[_Entry]) -> list[tuple[str, str]]:
    """Links that every alert which may be shown has."""
    alerts = [alert for alert, _ in entries[:_ALERTS]]
    if not alerts:
        return []
    others = [set(content.links(alert)) for alert in alerts[1:]]
    return [link for link in content.links(alerts[0]) if all(link in other for other in others)]


def _color(notification: Notification) -> str:
    state = content.state_of(notification)
    if state == "firing":
        return _COLORS[content.worst(notification)]
    return _GREY if state == "stale" else _GREEN


def _link_text(links: Sequence[tuple[str, str]], most: int) -> str:
    """As many of the links as there is room for. What `content.links` gives cannot break out."""
    text = ""
    for what, url in links:
        more = (" · " if text else "") + f"<{url.replace('&', '&amp;')}|{what}>"
        if len(text) + len(more) <= most:
            text += more
    return text
