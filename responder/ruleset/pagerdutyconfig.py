"""An entry of `pagerduty_configs`: the Events API v2.

`receivers` calls `read_pagerduty` after `entries` has checked every key. The routing key of the
settings goes to no host but the settings' own, whatever the rules say.
"""

from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from responder.core.catalogue import PagerdutySettings, Secret, Template
from responder.document.fields import Fields, go_duration, text, url
from responder.document.tree import MappingNode, ScalarNode
from responder.ruleset.defaults import Defaults, Reached, host, origin
from responder.ruleset.secrets import Reading, digest
from responder.ruleset.texts import literal, read_texts

_TEXTS: Final = ("description", "severity", "source", "class", "component", "group", "client", "client_url")
_KEY: Final = "pagerduty.routing_key_file"
_SEVERITIES: Final = ("critical", "error", "warning", "info")


def read_pagerduty(fields: Fields, defaults: Defaults, reading: Reading) -> Reached:
    """Its settings, and where it leads: host, and eight hex digits that stand for the routing key."""
    http = defaults.http(fields, reading, ("proxy_url", "tls_config"))
    general = defaults.general.read("pagerduty_url", url, "")
    target = fields.read("url", url, "") or general or defaults.settings.pagerduty.events_url
    key, identity, short = _routing_key(fields, target, defaults, reading)
    severity = fields.scalar("severity")
    if severity and "{{" not in severity.text and severity.text not in _SEVERITIES:
        reading.problems.warning(
            severity.place, f"severity: none of {', '.join(_SEVERITIES)}; PagerDuty is told error"
        )
    templates = read_texts(fields, {name: name for name in _TEXTS}, (*_TEXTS, "details.*"), reading)
    settings = PagerdutySettings(
        routing_key=key or Secret(""),
        url=target,
        templates=_details(fields, reading) | templates,
        images=tuple((src, href, alt) for src, href, alt in _entries(fields, "images", "src", "href", "alt")),
        links=tuple((href, shown) for href, shown in _entries(fields, "links", "href", "text")),
        timeout=fields.read("timeout", go_duration, 0),
        tls=http.tls,
        proxy_url=http.proxy_url,
    )
    return Reached(settings if key else None, f"{host(urlsplit(target))} {short}".strip(), identity)


def _routing_key(
    fields: Fields, target: str, defaults: Defaults, reading: Reading
) -> tuple[Secret | None, str, str]:
    """The key, what it is identified by, and eight hex digits for it.

    The digits of a key in a file are the file name's, so that they are known without reading it.
    """
    inline = fields.scalar("routing_key")
    if inline is not None and "{{" in inline.text:
        reading.unsupport(inline.place, "routing_key: a Go template; this version needs a plain key")
        return None, f"routing_key={digest(inline.text)}", digest(inline.text)[:8]
    key = reading.hidden(fields, "routing_key")
    if key is not None:
        reading.one_word(key, fields.where, "routing_key")
        named = fields.scalar("routing_key_file")
        short = digest(inline.text)[:8] if inline is not None else _short(named.text if named else "")
        return key, reading.identity(fields, "routing_key"), short
    old = fields.scalar("service_key") or fields.scalar("service_key_file")
    if old is not None:
        reading.unsupport(
            old.place,
            "service_key: PagerDuty's Events API v1 is not delivered to: create an integration of type "
            "Events API v2 and set routing_key_file",
        )
        return None, reading.identity(fields, "service_key"), ""
    return _settings_key(fields, target, defaults, reading)


def _settings_key(
    fields: Fields, target: str, defaults: Defaults, reading: Reading
) -> tuple[Secret | None, str, str]:
    pagerduty = defaults.settings.pagerduty
    file = pagerduty.routing_key_file
    if file is None:
        reading.unsupport(
            fields.where,
            "pagerduty_configs: no routing key: set routing_key_file here, or pagerduty.routing_key_file "
            "in responder.yaml",
        )
        return None, "", ""
    identity, short = f"routing_key_file={file}", _short(str(file))
    if origin(urlsplit(target)) != origin(urlsplit(pagerduty.events_url)):
        reading.unsupport(
            fields.where,
            f"pagerduty_configs: no routing key for {host(urlsplit(target))}: pagerduty.routing_key_file is "
            f"for {host(urlsplit(pagerduty.events_url))} alone; set routing_key_file here",
        )
        return None, identity, short
    key = reading.of_settings(file, _KEY)
    if key is not None:
        reading.one_word(key, reading.place_of(_KEY), _KEY)
    return key, identity, short


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def _details(fields: Fields, reading: Reading) -> dict[str, Template]:
    """Alertmanager's `details`, those without a Go template."""
    node, found = fields.take("details"), dict[str, Template]()
    if node is not None and not isinstance(node, MappingNode):
        fields.error("details", "must be a mapping of names and texts")
        return found
    for name, entry in node.entries.items() if node else ():
        if isinstance(entry.value, ScalarNode):
            literal(found, f"details.{name}", entry.value)
        else:
            reading.problems.warning(entry.key, f"details: {name}: not used; only texts are")
    return found


def _entries(fields: Fields, key: str, *names: str) -> list[tuple[str, ...]]:
    """A list of mappings of texts; those with a Go template, warned of already, are left out."""
    found = [tuple(entry.read(name, text, "") for name in names) for entry in fields.each(key, key)]
    return [values for values in found if values[0] and not any("{{" in value for value in values)]
