"""Rules and alerts in few words, for tests of the core and the store."""

from collections.abc import Iterable, Sequence
from typing import Final

from responder.core.inhibition import InhibitRule
from responder.core.intervalparse import parse_interval
from responder.core.matching import parse_matchers
from responder.core.messages import ReceivedAlert
from responder.core.model import Labels, Nanoseconds, label, labels_from, parse_duration
from responder.core.routing import Router, RouteSpec
from responder.core.rules import Compatibility, Integration, Receiver, Ruleset
from tests.clock import MONDAY

# -- rules ------------------------------------------------------------------------------------


def seconds(text: str) -> Nanoseconds:
    """A duration, or minus one: `-1h`."""
    return -parse_duration(text[1:]) if text.startswith("-") else parse_duration(text)


def route(
    when: str = "",
    *routes: RouteSpec,
    to: str | None = None,
    by: Sequence[str] | None = None,
    wait: str | None = None,
    interval: str | None = None,
    repeat: str | None = None,
    mute: Sequence[str] = (),
    active: Sequence[str] = (),
    go_on: bool = False,
    labels: dict[str, str] | None = None,
) -> RouteSpec:
    """A route for alerts that match `when`; what is left out is inherited."""
    return RouteSpec(
        receiver=to,
        matchers=parse_matchers(when).matchers if when else (),
        group_by=None if by is None else tuple(by),
        group_wait=None if wait is None else parse_duration(wait),
        group_interval=None if interval is None else parse_duration(interval),
        repeat_interval=None if repeat is None else parse_duration(repeat),
        continue_=go_on,
        mute_time_intervals=tuple(mute) or None,
        active_time_intervals=tuple(active) or None,
        labels=tuple((labels or {}).items()),
        routes=routes,
    )


def inhibit(source: str, target: str, *equal: str, name: str = "rule") -> InhibitRule:
    """Alerts that match `source` mute those that match `target`."""
    return InhibitRule(parse_matchers(source).matchers, parse_matchers(target).matchers, equal, name)


def hook(name: str, *, resolved: bool = True, supported: bool = True) -> Integration:
    """An integration that can be told anything."""
    return Integration(name, "webhook", resolved, f"http://{name}", supported=supported, shows=supported)


OWN: Final = route('alertname=~"Responder.*"', to="ops", by=["alertname"])
"""Responder's own alerts go to `ops`."""


def rules(
    *routes: RouteSpec,
    by: Sequence[str] = (),
    wait: str = "30s",
    interval: str = "5m",
    repeat: str = "4h",
    mute: Sequence[str] = (),
    active: Sequence[str] = (),
    receivers: Iterable[Receiver] = (),
    resolved: bool = True,
    supported: bool = True,
    inhibits: Sequence[InhibitRule] = (),
    intervals: dict[str, dict[str, object]] | None = None,
    compatibility: Compatibility = "responder",
    stale_after: str = "24h",
    resolve_timeout: str = "5m",
    name: str = "rules",
) -> Ruleset:
    """A root route to `team` that holds all alerts in one group, except Responder's own.

    Time intervals of the root are put on a child that takes everything: a root must not have any.
    """
    given = {receiver.name: receiver for receiver in receivers}
    standard = {
        "team": Receiver("team", (hook("team", resolved=resolved, supported=supported),)),
        "ops": Receiver("ops", (hook("ops"),)),
    }
    everything = (route(mute=mute, active=active, to="team"),) if mute or active else ()
    root = route("", OWN, *routes, *everything, to="team", by=by, wait=wait, interval=interval, repeat=repeat)
    return Ruleset(
        hash=name,
        router=Router(root),
        receivers=standard | given,
        inhibit_rules=tuple(inhibits),
        time_intervals={key: (parse_interval(value),) for key, value in (intervals or {}).items()},
        compatibility=compatibility,
        resolve_timeout=parse_duration(resolve_timeout),
        stale_after=parse_duration(stale_after),
    )


def times(*pairs: str) -> list[dict[str, str]]:
    """`09:00-17:00` as a time interval's `times` have it."""
    return [dict(zip(("start_time", "end_time"), pair.split("-"), strict=True)) for pair in pairs]


# -- alerts -----------------------------------------------------------------------------------


def labels_of(name: str, **labels: str) -> Labels:
    """`A` is alertname A; `A/1` has instance 1 as well; `A!` and `A?` are critical and a warning."""
    severity = {"!": "critical", "?": "warning"}.get(name[-1], "")
    alertname, _, instance = name.rstrip("!?").partition("/")
    return labels_from({"alertname": alertname, "instance": instance, "severity": severity} | labels)


def name_of(labels: Labels) -> str:
    """The name by which lines and tests call an alert."""
    name, instance = label(labels, "alertname"), label(labels, "instance")
    mark = {"critical": "!", "warning": "?"}.get(label(labels, "severity"), "")
    if name.startswith("Responder"):
        mark = ""
    return f"{name}/{instance}{mark}" if instance else name + mark


def firing(name: str, since: str = "", until: str = "", note: str = "", **labels: str) -> ReceivedAlert:
    """An alert as a sender gives it; times count from the timeline's start, left out: not given."""
    return ReceivedAlert(
        labels_of(name, **labels),
        labels_from({"summary": note}),
        MONDAY + seconds(since) if since else 0,
        MONDAY + seconds(until) if until else 0,
        "",
        resolved=False,
    )


def resolved(name: str, since: str = "", until: str = "", **labels: str) -> ReceivedAlert:
    """An alert whose sender says that it is over (webhook)."""
    given = firing(name, since, until, **labels)
    return ReceivedAlert(given.labels, given.annotations, given.starts_at, given.ends_at, "", resolved=True)
