"""Receivers and their integrations: every `*_configs` entry, checked, and compiled if we deliver it.

`load` calls it with the receivers of the file and with those that override them. An integration's
id comes from the destination it stands for, never from where it stands or what it is called.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from responder.core.rules import Integration, Receiver
from responder.document.fields import Fields, flag, name, text, whole
from responder.document.tree import MappingNode, Node, Place, Problems, to_plain
from responder.ruleset.defaults import Defaults, Reached
from responder.ruleset.emailconfig import read_email
from responder.ruleset.entries import read_keys
from responder.ruleset.kinds import KINDS, SERVED, Kind
from responder.ruleset.pagerdutyconfig import read_pagerduty
from responder.ruleset.secrets import Reading
from responder.ruleset.slackconfig import read_slack
from responder.ruleset.webhookconfig import read_webhook


def read_receivers(
    root: Fields, defaults: Defaults, overrides: Mapping[str, Node], reading: Reading
) -> tuple[dict[str, Receiver], dict[str, Place]]:
    """The receivers by name, and where each is named.

    Those that `overrides` names have its integrations instead of their own.
    """
    found: dict[str, Receiver] = {}
    places: dict[str, Place] = {}
    fallbacks: list[Fields] = []
    for fields in root.each("receivers", "a receiver"):
        called = fields.read("name", name, "") if fields.require("name") else ""
        if called in places:
            fields.error("name", f"{called!r} is given twice: first at {places[called]}")
        elif called:
            places[called] = fields.place("name")
        if called in overrides:
            integrations = _overridden(fields, overrides[called], defaults, reading)
        else:
            integrations = _integrations(fields, defaults, reading)
        if labels := fields.take("labels"):
            reading.problems.warning(labels.place, "labels: labels of receivers are not used by this version")
        fallback = fields.read("fallback_receiver", name, "")
        if fallback:
            fallbacks.append(fields)
        fields.close()
        found.setdefault(called, Receiver(called, integrations, fallback))
    for called, override in overrides.items():
        if called not in found:
            reading.problems.error(
                override.place, f'overrides: the rules have no receiver "{called}"{_near(called, found)}'
            )
    _check_fallbacks(found, fallbacks)
    return found, places


def _near(called: str, known: Collection[str]) -> str:
    near = get_close_matches(called, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def _check_fallbacks(receivers: Mapping[str, Receiver], named: Iterable[Fields]) -> None:
    """Each fallback exists, and none leads back to where it began."""
    closed: set[str] = set()
    for fields in named:
        called = fields.read("name", text, "")
        path, at = [called], receivers[called].fallback
        while at in receivers and at not in path:
            path.append(at)
            at = receivers[at].fallback
        if len(path) == 1 and at and at not in receivers:
            fields.error("fallback_receiver", f'there is no receiver "{at[:64]}"{_near(at, receivers)}')
        elif at == called and not closed.intersection(path):
            closed.update(path)
            way = " -> ".join([*path, at])
            fields.error(
                "fallback_receiver",
                "a receiver cannot stand in for itself" if len(path) == 1 else f"a circle: {way}",
            )


def _overridden(
    fields: Fields, override: Node, defaults: Defaults, reading: Reading
) -> tuple[Integration, ...]:
    """The integrations of an override, which inherit from the settings and nothing from the file.

    The receiver's own are checked too, and not warned about: they are not used.
    """
    outside = Defaults(settings=defaults.settings)
    own = replace(reading, problems=Problems(), unsupported=Problems(), read_files=False)
    _integrations(Fields(fields.node, fields.what, own.problems), outside, own)
    for kind in KINDS:
        fields.take(kind.section)
    for problem in own.problems.found:
        if problem.severity == "error":
            reading.problems.found[problem] = None
    other = Fields(override, "a receiver", reading.problems)
    integrations = _integrations(other, outside, reading)
    other.close()
    return integrations


def _integrations(fields: Fields, defaults: Defaults, reading: Reading) -> tuple[Integration, ...]:
    by_section = {kind.section: kind for kind in KINDS}
    for section in by_section:
        fields.take(section)
    found: list[Integration] = []
    seen: dict[str, int] = {}
    for section in fields.written():
        for node in (fields.items(section) or ()) if section in by_section else ():
            integration = _integration(node, by_section[section], defaults, reading)
            count = seen[integration.id] = seen.get(integration.id, 0) + 1
            if count > 1:
                integration = replace(integration, id=f"{integration.id}#{count}")
            found.append(integration)
    return tuple(found)


def _integration(node: Node, kind: Kind, defaults: Defaults, reading: Reading) -> Integration:
    fields = Fields(node, kind.section, reading.problems)
    lacking, withheld = reading.lacking, reading.withheld
    # Keys are checked by one table for all kinds; files with secrets are read by those that serve.
    read_keys(fields, kind.keys, replace(reading, read_files=False))
    if isinstance(node, MappingNode):
        for group in kind.needs:
            if not any(key in fields for key in group):
                reading.problems.error(node.place, f"{kind.section} needs {' or '.join(group)}")
    read = _READERS.get(kind.name)
    if read is not None:
        reached = read(fields, defaults, reading)
    else:
        reading.unsupport(
            fields.where,
            f"{kind.section}: not delivered by this version: what is owed here ends as unsupported",
        )
        reached = Reached(None, "", _everything(fields, reading))
    fields.close()
    supported = reading.lacking == lacking
    return Integration(
        id=f"{kind.name}:{sha256(f'{kind.name} {reached.identity}'.encode()).hexdigest()[:12]}",
        kind=kind.name,
        send_resolved=fields.read("send_resolved", flag, kind.send_resolved),
        destination=f"{kind.name} {reached.destination}".rstrip(),
        settings=reached.settings if supported and reading.withheld == withheld else None,
        max_alerts=fields.read("max_alerts", whole, 0) if kind.name == "webhook" else 0,
        supported=supported,
        shows=supported and kind.name in ("slack", "pagerduty"),
    )


_READERS: Final[Mapping[str, Callable[[Fields, Defaults, Reading], Reached]]] = {
    "webhook": read_webhook,
    "slack": read_slack,
    "pagerduty": read_pagerduty,
    "email": read_email,
}
assert set(_READERS) == SERVED


def _everything(fields: Fields, reading: Reading) -> str:
    """What an integration that we lack is known by: all that it says, but how it is reached."""
    plain = to_plain(fields.node, reading.masks) if fields.node else None
    if isinstance(plain, dict):
        plain = {key: plain[key] for key in plain if key not in ("http_config", "send_resolved")}
    return json.dumps(plain, sort_keys=True)


def stored_secrets(receivers: Mapping[str, Receiver], live: Mapping[str, Receiver]) -> dict[str, Receiver]:
    """Receivers whose secrets were masked when they were stored, with those of the rules in force.

    Only how an integration is reached is taken over, nothing that a decision depends on.
    """
    known = {each.id: each for receiver in live.values() for each in receiver.integrations}

    def reached(each: Integration) -> Integration:
        now = known.get(each.id)
        return each if now is None else replace(each, settings=now.settings, destination=now.destination)

    return {
        called: replace(receiver, integrations=tuple(map(reached, receiver.integrations)))
        for called, receiver in receivers.items()
    }
