"""What PagerDuty is told of one notification: the event, as its Events API v2 takes it.

`pagerduty` makes one for each attempt. Nothing here is sent, and everything keeps to the service's
limits, because what is too long is refused there and not cut.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

import msgspec

from responder.core.catalogue import PagerdutySettings, Templates
from responder.core.model import MILLISECOND, Alert, Labels, Nanoseconds, format_labels, format_time, label
from responder.core.notification import Notification
from responder.core.severity import severity_named
from responder.core.truncation import truncate_runes
from responder.notify import content, runs
from responder.telemetry import logger
from responder.templating import TemplateFailed, context_of, render

MOST_BYTES: Final = 512_000
"""A larger event is refused (Alertmanager's number; PagerDuty says 512 KB)."""

CLIENT: Final = "Responder"

Detail: TypeAlias = Literal["full", "short", "none"]
"""How much of what explains the event goes with it; less where the whole would be too large."""

DETAILS: Final[tuple[Detail, ...]] = ("full", "short", "none")

_SUMMARY: Final = 1_024
_HEADLINE: Final = 300
_FIELD: Final = 255
_LINKS: Final = 20
_ALERTS: Final[Mapping[Detail, int]] = {"full": 100, "short": 10, "none": 0}
_LINE: Final[Mapping[Detail, int]] = {"full": 1_000, "short": 200, "none": 0}
_TEXT: Final[Mapping[Detail, int]] = {"full": 40_000, "short": 200, "none": 0}

_SOURCE: Final = ("instance", "node", "host", "pod", "deployment", "service", "job", "namespace", "cluster")
_COMPONENT: Final = ("component", "service", "deployment", "job")
_GROUP: Final = ("cluster", "namespace")

log = logger("notify")


def dedup_key(group_key: str) -> str:
    """What all events about one group share, in Alertmanager too: moving over opens nothing twice."""
    return sha256(group_key.encode()).hexdigest()


class Events:
    """Makes the events of one integration."""

    def __init__(self, settings: PagerdutySettings, external_url: str) -> None:
        """`external_url` is where people reach Responder."""
        self._settings = settings
        self._external_url = external_url

    def encode(self, notification: Notification, now: Nanoseconds, detail: Detail = "full") -> bytes:
        """The event as JSON, with `detail` or as much less as it takes to be accepted.

        Of an update PagerDuty can hear one thing: that somebody took the incident on.
        """
        if notification.update:
            return msgspec.json.encode(self._head(notification, "acknowledge"))
        if notification.status == "resolved":
            return msgspec.json.encode(self._head(notification, "resolve"))
        own = _Texts(self._settings.templates, notification, self._external_url, now)
        body = b""
        for level in DETAILS[DETAILS.index(detail) :]:
            body = msgspec.json.encode(self._trigger(notification, now, own, level))
            if len(body) <= MOST_BYTES:
                break
        return body

    def _head(self, notification: Notification, action: str) -> dict[str, Any]:
        return {
            "routing_key": self._settings.routing_key.reveal(),
            "event_action": action,
            "dedup_key": dedup_key(notification.group_key),
        }

    def _trigger(
        self, notification: Notification, now: Nanoseconds, own: "_Texts", detail: Detail
    ) -> dict[str, Any]:
        common = content.common_labels(notification)
        severity = own.line("severity")
        source = own.line("source") or _first(common, _SOURCE) or content.name_of(notification)
        component = own.line("component") or _first(common, _COMPONENT)
        group = own.line("group") or " / ".join(_values(common, _GROUP))
        kind = own.line("class") or label(common, "alertname")
        payload = {
            "summary": own.line("description", _SUMMARY) or _summary(notification),
            "source": _field(source) or CLIENT,
            "severity": severity_named(severity) if severity else content.worst(notification),
            "timestamp": _began(notification),
            "component": _field(component),
            "group": _field(group),
            "class": _field(kind),
            "custom_details": _filled(_details(notification, now, common, detail) | own.details(detail)),
        }
        client_url = own.line("client_url", _SUMMARY) or self._external_url
        event = self._head(notification, "trigger") | {
            "payload": _filled(payload),
            "client": own.line("client") or CLIENT,
            "client_url": client_url if content.is_link(client_url) else "",
            "links": self._links(notification),
            "images": self._images(),
        }
        return _filled(event)

    def _links(self, notification: Notification) -> list[dict[str, str]]:
        """The integration's own, then the alerts', each URL once."""
        found = {href: text for href, text in self._settings.links if content.is_link(href)}
        for alert in (*notification.firing, *notification.stale):
            if len(found) >= _LINKS:
                break
            for text, href in content.links(alert):
                found.setdefault(href, text)
        return [_filled({"href": href, "text": text}) for href, text in list(found.items())[:_LINKS]]

    def _images(self) -> list[dict[str, str]]:
        """Those that PagerDuty would show: it loads nothing but https."""
        return [
            _filled({"src": src, "href": href if content.is_link(href) else "", "alt": alt})
            for src, href, alt in self._settings.images
            if content.is_link(src) and src.startswith("https:")
        ]


class _Texts:
    """The texts that the rules bring, each rendered once."""

    def __init__(
        self, templates: Templates, notification: Notification, external_url: str, now: Nanoseconds
    ) -> None:
        self._context = context_of(notification, external_url, now) if templates else {}
        self._texts = {name: self._render(name, templates) for name in templates}

    def line(self, name: str, most: int = _FIELD) -> str:
        """One line; "" if the rules have none, or it came to nothing: then ours is used."""
        return truncate_runes(content.one_line(self._texts.get(name) or ""), most)

    def details(self, detail: Detail) -> dict[str, str]:
        """Custom details by name; one that is empty takes ours of that name away."""
        if detail == "none":
            return {}
        return {
            name.removeprefix("details."): truncate_runes(content.visible(text), _TEXT[detail])
            for name, text in self._texts.items()
            if name.startswith("details.") and text is not None
        }

    def _render(self, name: str, templates: Templates) -> str | None:
        try:
            return render(templates[name], self._context)
        except TemplateFailed as error:
            log.warning("template_failed", integration="pagerduty", text=name, error=str(error))
            return None


# -- parts ------------------------------------------------------------------------------------


def _summary(notification: Notification) -> str:
    """The title, and what the rule says if it says one thing: it is all that a phone shows.

    Without the state: an incident is called for good as its first event called it.
    """
    head = content.title(notification, _HEADLINE)
    said = {
        content.one_line(content.summary_of(alert)) for alert in notification.firing or notification.stale
    }
    text = said.pop() if len(said) == 1 else ""
    return truncate_runes(f"{head}: {text}", _SUMMARY) if text else head


def _began(notification: Notification) -> str:
    """When the oldest of what fires began, to the millisecond; "" if nobody said."""
    began = [alert.starts_at for alert in notification.firing or notification.stale if alert.starts_at]
    return format_time(min(began) // MILLISECOND * MILLISECOND) if began else ""


def _details(notification: Notification, now: Nanoseconds, common: Labels, detail: Detail) -> dict[str, Any]:
    """What somebody who was woken reads next."""
    most = _TEXT[detail]
    details: dict[str, Any] = {
        "incident": notification.incident,
        "why": f"{content.news(notification)}: {content.counts(notification)}",
        "late": content.lateness(notification, now),
        "acknowledged": truncate_runes(runs.acknowledged(notification), _SUMMARY),
        "receiver": notification.receiver,
        "left_out": _LEFT_OUT[detail],
    }
    if detail == "none":
        return details
    details["runs"] = [truncate_runes(line, _LINE[detail]) for line in runs.lines(notification)]
    for state in ("firing", "stale", "resolved"):
        details[state] = list(_lines(getattr(notification, state), now, common, detail))
    details["runbook"] = _runbook(notification)
    for name, pairs in (("labels", common), ("annotations", content.common_annotations(notification))):
        details[name] = {key: truncate_runes(content.visible(value), most) for key, value in pairs}
    return details


_LEFT_OUT: Final[Mapping[Detail, str]] = {
    "full": "",
    "short": "The event would be too large for PagerDuty: texts are shortened, most alerts not named.",
    "none": "The event would be too large for PagerDuty: all details are left out.",
}


def _lines(alerts: tuple[Alert, ...], now: Nanoseconds, common: Labels, detail: Detail) -> Iterator[str]:
    """A line for each alert, `Disk is full (instance=db-1), for 5m`, up to a number."""
    most = _ALERTS[detail]
    for alert in alerts[:most]:
        what = content.summary_of(alert) or label(alert.labels, "alertname") or format_labels(alert.labels)
        own = content.differing(alert, common)
        text = content.one_line(f"{what} ({own})" if own else what)
        lasted = content.lasted(alert, now)
        yield truncate_runes(text, _LINE[detail]) + (f", for {lasted}" if lasted else "")
    if len(alerts) > most:
        yield f"and {len(alerts) - most} more"


def _runbook(notification: Notification) -> str:
    """The first runbook that what fires has."""
    alerts = notification.firing or notification.stale
    return next((url for alert in alerts for what, url in content.links(alert) if what == "Runbook"), "")


def _field(text: str) -> str:
    return truncate_runes(content.one_line(text), _FIELD)


def _values(labels: Labels, names: tuple[str, ...]) -> list[str]:
    return [value for name in names if (value := label(labels, name))]


def _first(labels: Labels, names: tuple[str, ...]) -> str:
    return next(iter(_values(labels, names)), "")


def _filled(mapping: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in mapping.items() if value}
