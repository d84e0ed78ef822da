"""Receivers and their integrations: every `*_configs` entry, checked, and compiled if we deliver it.

`load` calls it with the receivers of the file and with those that override them. An integration's
id comes from the destination it stands for, never from where it stands or what it is called.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256

from responder.core.catalogue import Secret, WebhookSettings
from responder.core.rules import Integration, Receiver
from responder.document.fields import Fields, flag, go_duration, name, split_url, whole
from responder.document.tree import MappingNode, Node, Place, Problems, ScalarNode, to_plain
from responder.ruleset.entries import incoming_webhook, read_keys
from responder.ruleset.httpconfig import HttpConfig, read_http_config
from responder.ruleset.kinds import KINDS, SERVED, Kind, Shape
from responder.ruleset.secrets import Reading


@dataclass(frozen=True, slots=True)
class Defaults:
    """What integrations inherit from `global`: its `http_config` and whom Slack's URL identifies."""

    http_config: Node | None = None
    slack: str = ""


def read_receivers(
    root: Fields, defaults: Defaults, overrides: Mapping[str, Node], reading: Reading
) -> tuple[dict[str, Receiver], dict[str, Place]]:
    """The receivers by name, and where each is named.

    Those that `overrides` names have its integrations instead of their own.
    """
    found: dict[str, Receiver] = {}
    places: dict[str, Place] = {}
    for fields in root.each("receivers", "a receiver"):
        called = fields.read("name", name, "") if fields.require("name") else ""
        if called in places:
            fields.error("name", f"{called!r} is given twice: first at {places[called]}")
        elif called:
            places[called] = fields.place("name")
        if called in overrides:
            integrations = _overridden(fields, overrides[called], reading)
        else:
            integrations = _integrations(fields, defaults, reading)
        if labels := fields.take("labels"):
            reading.problems.warning(labels.place, "labels: labels of receivers are not used by this version")
        fields.close()
        found.setdefault(called, Receiver(called, integrations))
    for called, override in overrides.items():
        if called not in found:
            near = get_close_matches(called, found, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            reading.problems.error(override.place, f'overrides: the rules have no receiver "{called}"{hint}')
    return found, places


def _overridden(fields: Fields, override: Node, reading: Reading) -> tuple[Integration, ...]:
    """The integrations of an override, which inherit nothing from the file.

    The receiver's own are checked too, and not warned about: they are not used.
    """
    own = replace(reading, problems=Problems(), unsupported=Problems(), read_files=False)
    _integrations(Fields(fields.node, fields.what, own.problems), Defaults(), own)
    for kind in KINDS:
        fields.take(kind.section)
    for problem in own.problems.found:
        if problem.severity == "error":
            reading.problems.found[problem] = None
    other = Fields(override, "a receiver", reading.problems)
    integrations = _integrations(other, Defaults(), reading)
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
    served = kind.name in SERVED
    lacking, withheld = reading.lacking, reading.withheld
    if not served:
        reading.unsupport(
            node.place,
            f"{kind.section}: not delivered by this version: what is owed here ends as unsupported",
        )
    # What we do not deliver needs no secrets, and what needs them is read below.
    read_keys(fields, kind.keys, replace(reading, read_files=False))
    if isinstance(node, MappingNode):
        for group in kind.needs:
            if not any(key in fields for key in group):
                reading.problems.error(node.place, f"{kind.section} needs {' or '.join(group)}")
    settings, destination = None, _destination(kind, fields)
    if served:
        settings, destination = _webhook(fields, defaults, reading)
        if reading.withheld > withheld:
            settings = None
    elif kind.name == "slack" and (api_url := fields.scalar("api_url")):
        incoming_webhook(api_url, "api_url", reading)
    fields.close()
    identity = _identity(kind, fields, defaults, reading)
    return Integration(
        id=f"{kind.name}:{sha256(f'{kind.name} {identity}'.encode()).hexdigest()[:12]}",
        kind=kind.name,
        send_resolved=fields.read("send_resolved", flag, kind.send_resolved),
        destination=f"{kind.name} {destination}".rstrip(),
        settings=settings,
        max_alerts=fields.read("max_alerts", whole, 0) if kind.name == "webhook" else 0,
        supported=reading.lacking == lacking,
    )


def _identity(kind: Kind, fields: Fields, defaults: Defaults, reading: Reading) -> str:
    """What makes it the same destination as before, whatever else is edited."""
    if kind.name == "webhook":
        return reading.identity(fields, "url")
    if not kind.identity:
        plain = to_plain(fields.node, reading.masks) if fields.node else None
        if isinstance(plain, dict):
            plain = {key: plain[key] for key in plain if key not in ("http_config", "send_resolved")}
        return json.dumps(plain, sort_keys=True)
    parts: list[str] = []
    for key in kind.identity:
        if kind.keys[key] is Shape.TEXT:
            node = fields.scalar(key)
            parts.append(f"{key}={node.text}" if node else "")
        else:
            inherited = defaults.slack if kind.name == "slack" else ""
            parts.append(reading.identity(fields, key) or inherited)
    return " ".join(part for part in parts if part)


def _destination(kind: Kind, fields: Fields) -> str:
    """What is paced and breaks as one, as far as the entry says it; never a secret."""
    key = {"slack": "channel", "email": "to", "pagerduty": "url"}.get(kind.name)
    node = fields.scalar(key) if key else None
    return node.text if node else ""


# -- webhook ------------------------------------------------------------------------------------


def _webhook(fields: Fields, defaults: Defaults, reading: Reading) -> tuple[WebhookSettings | None, str]:
    """Its settings, with secrets read, and where it leads: scheme, host and port."""
    if payload := fields.take("payload"):
        reading.problems.warning(payload.place, "payload: not used; Alertmanager's own body is sent")
    url = _url(fields, reading)
    node = fields.take("http_config") or defaults.http_config
    http = HttpConfig() if node is None else read_http_config(node, reading)
    if url is None:
        named = fields.scalar("url_file")
        return None, named.text if named else ""
    parts = split_url(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    settings = WebhookSettings(
        url=Secret(url),
        timeout=fields.read("timeout", go_duration, 0),
        basic_auth=http.basic_auth,
        authorization=http.authorization,
        oauth2=http.oauth2,
        tls=http.tls,
        follow_redirects=http.follow_redirects,
        proxy_url=http.proxy_url,
        headers=http.headers,
    )
    return settings, f"{parts.scheme}://{host}:{port}"


def _url(fields: Fields, reading: Reading) -> str | None:
    """The URL, or None if there is none that could be called."""
    node: ScalarNode | None
    if node := fields.scalar("url"):
        key, url = "url", node.text
        if "{{" in url:
            reading.unsupport(node.place, "url: a Go template; this version needs a plain URL")
            return None
        reading.given(url)
    elif node := fields.scalar("url_file"):
        key, url = "url_file", reading.file(node, "url_file").strip()
    else:
        return None
    try:
        parts = split_url(url)
    except ValueError as error:
        if url:  # an empty file is recorded already
            fields.error(key, f"{'' if key == 'url' else 'the content is '}{error}")
        return None
    if key == "url" and (parts.password or parts.query):
        reading.warn_inline(node, "url", has_file=True)
    return url


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
