"""Which destinations are configured, by kind: those of the rules, else what the settings name for them.

`cli.doctor` asks. It reads the files of secrets that the settings name, and contacts nobody.
"""

from pathlib import Path
from typing import TypeVar

from responder.core.catalogue import EmailSettings, PagerdutySettings, Secret, SlackSettings, Tls
from responder.core.rules import Ruleset
from responder.errors import FileError
from responder.settings import Settings

S = TypeVar("S")


def slack(settings: Settings, ruleset: Ruleset) -> list[tuple[str, SlackSettings]]:
    """(receiver, settings) of each `slack_configs` entry. Raises FileError, as the others do."""
    found, section = _entries(ruleset, SlackSettings), settings.slack
    if _names(ruleset, "slack") or section is None or section.bot_token_file is None:
        return found
    token = _secret("slack.bot_token_file", section.bot_token_file)
    return [("slack", SlackSettings("", token, section.api_url))]


def pagerduty(settings: Settings, ruleset: Ruleset) -> list[tuple[str, PagerdutySettings]]:
    """(receiver, settings) of each `pagerduty_configs` entry."""
    found, section = _entries(ruleset, PagerdutySettings), settings.pagerduty
    if _names(ruleset, "pagerduty") or section.routing_key_file is None:
        return found
    key = _secret("pagerduty.routing_key_file", section.routing_key_file)
    return [("pagerduty", PagerdutySettings(key, section.events_url))]


def smtp(settings: Settings, ruleset: Ruleset) -> list[tuple[str, EmailSettings]]:
    """(receiver, settings) of each `email_configs` entry; that of the settings has no recipients."""
    found, section = _entries(ruleset, EmailSettings), settings.smtp
    if _names(ruleset, "email") or section is None or not section.smarthost:
        return found
    host, _, port = section.smarthost.rpartition(":")
    password = section.auth_password_file
    made = EmailSettings(
        to=(),
        sender=section.sender,
        host=host.strip("[]"),
        port=int(port),
        hello=section.hello or "localhost",
        username=section.auth_username,
        password=_secret("smtp.auth_password_file", password) if password else None,
        identity=section.auth_identity,
        require_tls=section.require_tls,
        implicit_tls=section.implicit_tls,
        tls=Tls(ca=_read("smtp.ca_file", section.ca_file)) if section.ca_file else None,
    )
    return [("smtp", made)]


def unusable(ruleset: Ruleset, kind: str | None) -> list[tuple[str, str]]:
    """(receiver, kind) of each integration, of one kind or of all, that can tell nobody as it stands."""
    return [
        (receiver.name, integration.kind)
        for receiver in ruleset.receivers.values()
        for integration in receiver.integrations
        if kind in (None, integration.kind) and not (integration.supported and integration.settings)
    ]


def _names(ruleset: Ruleset, kind: str) -> bool:
    """Whether the rules have such integrations, usable or not."""
    return any(each.kind == kind for receiver in ruleset.receivers.values() for each in receiver.integrations)


def _entries(ruleset: Ruleset, kind: type[S]) -> list[tuple[str, S]]:
    return [
        (receiver.name, integration.settings)
        for receiver in ruleset.receivers.values()
        for integration in receiver.integrations
        if isinstance(integration.settings, kind)
    ]


def _secret(key: str, path: Path) -> Secret:
    return Secret(_read(key, path).strip())


def _read(key: str, path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise FileError(f"{key}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileError(f"{key}: {path} is not a text") from None
