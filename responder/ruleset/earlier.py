"""Rules as Alertmanager 0.25 takes them: what came later goes, and what it asks for is there.

`plain` calls it for the configuration that is shown. What is put in is `<secret>`, or what the settings
say: nobody is told anything by it.
"""

from collections.abc import Mapping
from typing import Final

import yaml

from responder.ruleset.yamlnodes import elements, items, keys, remove, sections, text, values

_TOP: Final = frozenset({"tracing", "event_recorder"})
_GLOBAL: Final = frozenset(
    {
        "jira_api_url",
        "mattermost_webhook_url",
        "mattermost_webhook_url_file",
        "rocketchat_api_url",
        "rocketchat_token",
        "rocketchat_token_file",
        "rocketchat_token_id",
        "rocketchat_token_id_file",
        "slack_app_token",
        "slack_app_token_file",
        "slack_app_url",
        "smtp_auth_secret_file",
        "smtp_force_implicit_tls",
        "smtp_tls_config",
        "telegram_bot_token",
        "telegram_bot_token_file",
        "wechat_api_secret_file",
    }
)
_INHIBIT_RULE: Final = frozenset({"name"})
_RECEIVER: Final = frozenset(
    {
        "labels",
        "incidentio_configs",
        "jira_configs",
        "mattermost_configs",
        "msteams_configs",
        "msteamsv2_configs",
        "rocketchat_configs",
    }
)
_INTEGRATION: Final[Mapping[str, frozenset[str]]] = {
    "discord_configs": frozenset({"avatar_url", "content", "username", "webhook_url_file"}),
    "email_configs": frozenset({"auth_secret_file", "force_implicit_tls", "threading"}),
    "pagerduty_configs": frozenset({"timeout"}),
    "pushover_configs": frozenset({"device", "monospace", "token_file", "ttl", "user_key_file"}),
    "slack_configs": frozenset(
        {"app_token", "app_token_file", "app_url", "message_text", "timeout", "update_message"}
    ),
    "telegram_configs": frozenset({"bot_token_file", "chat_id_file", "message_thread_id", "timeout"}),
    "webhook_configs": frozenset({"payload", "timeout", "url_file"}),
    "wechat_configs": frozenset({"api_secret_file"}),
}
_SECTION: Final[Mapping[str, frozenset[str]]] = {
    "basic_auth": frozenset({"username_file"}),
    "http_config": frozenset({"http_headers", "no_proxy", "proxy_connect_header", "proxy_from_environment"}),
    "oauth2": frozenset(
        {
            "audience",
            "claims",
            "client_certificate_key",
            "client_certificate_key_file",
            "client_certificate_key_id",
            "grant_type",
            "iss",
            "no_proxy",
            "proxy_connect_header",
            "proxy_from_environment",
            "signature_algorithm",
        }
    ),
    "sigv4": frozenset({"external_id", "secret_key_file"}),
    "tls_config": frozenset({"ca", "cert", "key"}),
}
"""Keys that it does not know, by what they are in."""

_SECRET: Final = "<secret>"  # noqa: S105 - how Alertmanager writes one that it does not show
_ASKED: Final[Mapping[str, Mapping[tuple[str, ...], str]]] = {
    "discord_configs": {("webhook_url",): _SECRET},
    "pagerduty_configs": {
        ("routing_key", "routing_key_file", "service_key", "service_key_file"): _SECRET,
    },
    "pushover_configs": {("user_key",): _SECRET, ("token",): _SECRET},
    "slack_configs": {("api_url", "api_url_file", "slack_api_url", "slack_api_url_file"): _SECRET},
    "telegram_configs": {("bot_token",): _SECRET, ("chat_id",): "1"},
    "webhook_configs": {("url",): f"http://localhost/{_SECRET}"},
}
"""Of each group of keys it wants one, in an entry or in `global`; the first is put in where there is none."""


def as_earlier(root: yaml.Node, smtp: Mapping[str, str]) -> None:
    """Change the document. `smtp`: what the settings say of the mail server, as they write it."""
    remove(root, _TOP)
    general = next(values(root, "global"), None)
    known = keys(general)
    if general is not None:
        remove(general, _GLOBAL)
        _remove_in_sections(general)
    for rule in items(root, "inhibit_rules"):
        remove(rule, _INHIBIT_RULE)
    mail: dict[tuple[str, ...], str] = {
        ("smarthost", "smtp_smarthost"): smtp.get("smarthost", "localhost:25"),
        ("from", "smtp_from"): smtp.get("from", "responder@localhost"),
    }
    for receiver in items(root, "receivers"):
        remove(receiver, _RECEIVER)
        for kind, section in sections(receiver):
            for entry in elements(section):
                remove(entry, _INTEGRATION.get(kind, frozenset()))
                _remove_in_sections(entry)
                _put_in(entry, known, mail if kind == "email_configs" else _ASKED.get(kind, {}))


def _put_in(entry: yaml.Node, known: set[str], asked: Mapping[tuple[str, ...], str]) -> None:
    if isinstance(entry, yaml.MappingNode):
        there = known | keys(entry)
        for group, value in asked.items():
            if there.isdisjoint(group):
                entry.value.append((text(group[0]), text(value)))


def _remove_in_sections(node: yaml.Node) -> None:
    """From what may be written in an entry and in `global` alike: how a server is reached."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value in _SECTION:
                remove(value, _SECTION[name.value])
                _remove_in_sections(value)
