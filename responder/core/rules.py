"""What the rules come to: the compiled, frozen Ruleset that every decision is given.

`ruleset` builds one from files, `core.decide` reads it, `notify` reads its integrations.
Nothing here reads a file or keeps state; two Rulesets with the same hash decide the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import msgspec

from responder.core.guardrules import GuardRules
from responder.core.inhibition import InhibitRule
from responder.core.model import HOUR, MINUTE, Labels, Nanoseconds, label
from responder.core.routing import Router
from responder.core.runbook import Runbook
from responder.core.suppression import Suppression
from responder.core.timeintervals import TimeInterval

Compatibility: TypeAlias = Literal["responder", "alertmanager"]
"""`alertmanager` brings back the faults of Alertmanager that Responder mends by default."""


class Integration(msgspec.Struct, frozen=True):
    """One way to tell: an entry of `webhook_configs`, `slack_configs`...

    `id` is stable: it comes from what the integration *is* (kind and destination), not from its
    position or its receiver's name, so that editing a file re-notifies nobody.
    `destination` names what is paced and what breaks as one (scheme and host, a channel); no secret.
    `settings` is `notify`'s own; the core never looks inside.
    `supported` False: an integration that we lack; what it is owed ends `dead(unsupported)`.
    `shows`: what it told can be brought up to date in its place, as who took an incident on.
    """

    id: str
    kind: str
    send_resolved: bool
    destination: str
    settings: Any = None
    max_alerts: int = 0
    supported: bool = True
    shows: bool = False


class Receiver(msgspec.Struct, frozen=True):
    """A named list of integrations, all of which are told.

    `fallback`: the receiver that is told as well where this one cannot be reached; "": none.
    """

    name: str
    integrations: tuple[Integration, ...] = ()
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Everything that decisions depend on beside the state.

    `source` maps each file name to the text it was read from, and `hash` is the SHA-256 over
    them and over the settings that decisions depend on.
    `stale_after`: a webhook alert that nobody renewed for so long is stale.
    `clusters`: the names of those that are configured. `asks_prometheus`: whether an alert can be
    asked about there.
    """

    hash: str
    router: Router
    receivers: Mapping[str, Receiver]
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    suppression: Suppression = field(default_factory=Suppression)
    compatibility: Compatibility = "responder"
    resolve_timeout: Nanoseconds = 5 * MINUTE
    stale_after: Nanoseconds = 24 * HOUR
    source: Mapping[str, str] = field(default_factory=dict)
    runbooks: Mapping[str, Runbook] = field(default_factory=dict)
    guards: GuardRules = field(default_factory=GuardRules)
    clusters: tuple[str, ...] = ()
    asks_prometheus: bool = False
    _by_name: dict[str, list[Runbook]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for runbook in self.runbooks.values():
            for name in runbook.alert_names:
                self._by_name.setdefault(name, []).append(runbook)

    def runbooks_for(self, labels: Labels) -> list[Runbook]:
        """The runbooks that match an alert, in the order of their names."""
        named = self._by_name.get(label(labels, "alertname"), ())
        found = [one for one in (*named, *self._by_name.get("", ())) if one.matches(labels)]
        return sorted(found, key=lambda one: one.name) if len(found) > 1 else found

    @property
    def mends(self) -> bool:
        """Whether Alertmanager's known faults are mended (the default)."""
        return self.compatibility == "responder"
