"""Rules for timelines, made from the core's own values.

A timeline gives each receiver hooks at named sinks; where those listen is known when it runs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from responder.core.catalogue import Secret, WebhookSettings
from responder.core.inhibition import InhibitRule
from responder.core.intervalparse import parse_interval
from responder.core.matching import parse_matchers
from responder.core.model import Nanoseconds, parse_duration
from responder.core.routing import Router, RouteSpec
from responder.core.rules import Compatibility, Integration, Receiver, Ruleset
from responder.core.timeintervals import TimeInterval


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a receiver."""

    sink: str = "main"
    send_resolved: bool = True
    timeout: Nanoseconds = 0


def route(
    receiver: str,
    matchers: str = "",
    *routes: RouteSpec,
    group_by: tuple[str, ...] | None = None,
    wait: str | None = None,
    interval: str | None = None,
    repeat: str | None = None,
    go_on: bool = False,
    mute: tuple[str, ...] = (),
    active: tuple[str, ...] = (),
) -> RouteSpec:
    """A node of the route tree; what is not said is inherited, or Alertmanager's default."""
    return RouteSpec(
        receiver=receiver,
        matchers=parse_matchers(matchers).matchers if matchers else (),
        group_by=group_by,
        group_wait=parse_duration(wait) if wait else None,
        group_interval=parse_duration(interval) if interval else None,
        repeat_interval=parse_duration(repeat) if repeat else None,
        continue_=go_on,
        mute_time_intervals=mute,
        active_time_intervals=active,
        routes=routes,
    )


def inhibit(source: str, target: str, *equal: str) -> InhibitRule:
    """While an alert that matches `source` fires, those that match `target` are not told."""
    return InhibitRule(
        parse_matchers(source).matchers, parse_matchers(target).matchers, equal, "critical-over-warning"
    )


def rules(
    root: RouteSpec,
    hooks: Mapping[str, Iterable[Hook]] | None = None,
    *,
    inhibit_rules: Iterable[InhibitRule] = (),
    intervals: Mapping[str, Mapping[str, Any]] | None = None,
    compatibility: Compatibility = "responder",
    fallbacks: Mapping[str, str] | None = None,
) -> Callable[[Mapping[str, str]], Ruleset]:
    """A ruleset, once it is known where the sinks listen. Without `hooks` a receiver has one, at `main`."""

    def build(urls: Mapping[str, str]) -> Ruleset:
        router = Router(root)
        others = fallbacks or {}
        names = {one.receiver for one in router.routes} | {*others.values()}
        receivers = {
            name: _receiver(name, (hooks or {}).get(name, (Hook(),)), urls, others.get(name, ""))
            for name in names
        }
        parsed: dict[str, tuple[TimeInterval, ...]] = {
            name: (parse_interval(raw),) for name, raw in (intervals or {}).items()
        }
        text = repr((root, sorted(receivers), list(inhibit_rules), parsed, compatibility, others))
        return Ruleset(
            hash=sha256(text.encode()).hexdigest(),
            router=router,
            receivers=receivers,
            inhibit_rules=tuple(inhibit_rules),
            time_intervals=parsed,
            compatibility=compatibility,
            source={"routing.yaml": text},
        )

    return build


def _receiver(name: str, hooks: Iterable[Hook], urls: Mapping[str, str], fallback: str) -> Receiver:
    integrations = [
        Integration(
            id=f"webhook:{hook.sink}:{name}:{position}",
            kind="webhook",
            send_resolved=hook.send_resolved,
            destination=urls[hook.sink],
            settings=WebhookSettings(url=Secret(f"{urls[hook.sink]}/hooks/{name}"), timeout=hook.timeout),
        )
        for position, hook in enumerate(hooks)
    ]
    return Receiver(name, tuple(integrations), fallback)
