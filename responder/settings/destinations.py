"""The sections `slack`, `pagerduty` and `smtp`: where notifications go unless the rules say otherwise.

`settings.load` calls it. It remembers where files with secrets are named and does not open them:
whoever loads rules that need one reads it, at every reload anew.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from responder.document.addresses import address, greeting, host_port
from responder.document.fields import Fields, flag, name, split_url, text, url
from responder.document.tree import Place, ScalarNode
from responder.settings.values import Pagerduty, Slack, Smtp


class Destinations(msgspec.Struct, frozen=True):
    """The three sections, and the place of each file that they name: `slack.bot_token_file`."""

    slack: Slack | None
    pagerduty: Pagerduty
    smtp: Smtp | None
    places: Mapping[str, Place] = msgspec.field(default_factory=dict)


def read_destinations(fields: Fields) -> Destinations:
    """Read all three."""
    places: dict[str, Place] = {}
    return Destinations(_slack(fields, places), _pagerduty(fields, places), _smtp(fields, places), places)


def _slack(fields: Fields, places: dict[str, Place]) -> Slack | None:
    section = fields.fields("slack", "slack")
    if section is None:
        return None
    slack = Slack(
        bot_token_file=_file(section, "bot_token_file", places),
        signing_secret_file=_file(section, "signing_secret_file", places),
        app_token_file=_file(section, "app_token_file", places),
        api_url=section.read("api_url", _web_api, Slack().api_url),
    )
    section.close()
    return slack


def _pagerduty(fields: Fields, places: dict[str, Place]) -> Pagerduty:
    section = fields.fields("pagerduty", "pagerduty")
    if section is None:
        return Pagerduty()
    pagerduty = Pagerduty(
        events_url=section.read("events_url", url, Pagerduty().events_url),
        routing_key_file=_file(section, "routing_key_file", places),
        webhook_secret_file=_file(section, "webhook_secret_file", places, used=False),
    )
    section.close()
    return pagerduty


def _smtp(fields: Fields, places: dict[str, Place]) -> Smtp | None:
    section = fields.fields("smtp", "smtp")
    if section is None:
        return None
    smtp = Smtp(
        smarthost=section.read("smarthost", _smarthost, ""),
        sender=section.read("from", address, ""),
        hello=section.read("hello", greeting, ""),
        auth_username=section.read("auth_username", text, ""),
        auth_identity=section.read("auth_identity", text, ""),
        auth_password_file=_file(section, "auth_password_file", places),
        require_tls=section.read("require_tls", flag, True),
        implicit_tls=section.read("implicit_tls", flag, False),
        ca_file=_file(section, "ca_file", places),
    )
    section.close()
    return smtp


def _file(section: Fields, key: str, places: dict[str, Place], used: bool = True) -> Path | None:
    found = section.read(key, name, "")
    if not found:
        return None
    places[f"{section.what}.{key}"] = section.place(key)
    if not used:
        section.problems.warning(section.key_place(key), f"{section.what}.{key}: not used by this version")
    return Path(found)


def _web_api(node: ScalarNode) -> str:
    parts = split_url(node.text)
    if not parts.path.endswith("/api/") or parts.query or parts.fragment or parts.username:
        raise ValueError("must be the base of a Web API and end in /api/, such as https://slack.com/api/")
    return node.text


def _smarthost(node: ScalarNode) -> str:
    host_port(node)
    return node.text
