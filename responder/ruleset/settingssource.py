"""The settings that decisions depend on, as they are kept beside the rules, and back.

`load` writes them into `Ruleset.source` and reads those that were stored with old rules. They name
files with secrets and hold none.
"""

from dataclasses import replace
from typing import Final

from responder.core.model import format_duration, go_quote
from responder.document.fields import Fields, choice, duration, flag
from responder.document.tree import Problems, parse, to_flow
from responder.ruleset.secrets import Reading
from responder.settings.destinations import read_destinations
from responder.settings.guards import guards_flow, read_guards
from responder.settings.load import read_overrides
from responder.settings.values import (
    Cluster,
    Intake,
    Pagerduty,
    Prometheus,
    RunbookTimers,
    Settings,
    Slack,
    Smtp,
    Timers,
)

SETTINGS: Final = "(settings)"
"""The name in `Ruleset.source`."""


def settings_source(settings: Settings, reading: Reading) -> str:
    """What is kept. The rules must have been read: they find out which files are missing."""
    lines = [
        f"compatibility: {settings.compatibility}",
        f"stale_after: {format_duration(settings.intake.stale_after)}",
    ]
    for section, value in (
        ("slack", settings.slack),
        ("pagerduty", settings.pagerduty),
        ("smtp", settings.smtp),
    ):
        if value is not None and value != Pagerduty():
            lines.append(f"{section}: {_flow(value)}")
    if guards := guards_flow(settings.guards):
        lines.append(f"guards: {guards}")
    if settings.kubernetes:
        lines.append(f"clusters: [{', '.join(go_quote(one.cluster) for one in settings.kubernetes)}]")
    if settings.prometheus is not None:
        lines.append("asks_prometheus: true")
    if reading.missing:
        lines.append(f"missing: [{', '.join(sorted(reading.missing))}]")
    if settings.overrides is not None:
        timers, runbooks = _times(settings.overrides.timers), _times(settings.overrides.runbooks)
        receivers = (
            f"{go_quote(name)}: {to_flow(node, reading.masks)}"
            for name, node in settings.overrides.receivers.items()
        )
        lines.append(
            f"overrides: {{timers: {timers}, receivers: {{{', '.join(receivers)}}}, runbooks: {runbooks}}}"
        )
    return "\n".join(lines) + "\n"


def _times(times: Timers | RunbookTimers) -> str:
    """Those that are set, as they would be written."""
    set_ = ((name, getattr(times, name)) for name in times.__struct_fields__)
    said = (f"{name}: {format_duration(value)}" for name, value in set_ if value is not None)
    return f"{{{', '.join(said)}}}"


def _flow(section: Slack | Pagerduty | Smtp) -> str:
    """One section: what differs from its defaults, as it would be written."""
    default, said = type(section)(), []
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if value == getattr(default, name) or name in _ELSEWHERE:
            continue
        key = "from" if name == "sender" else name
        shown = str(value).lower() if isinstance(value, bool) else go_quote(str(value))
        said.append(f"{key}: {shown}")
    return f"{{{', '.join(said)}}}"


_ELSEWHERE: Final = frozenset({"signing_secret_file", "app_token_file", "webhook_secret_file"})
"""What they are for, no rule depends on."""


def stored_settings(text: str, settings: Settings, problems: Problems) -> tuple[Settings, set[str]]:
    """The settings with what was stored in place of what is configured now, and the missing files."""
    fields = Fields(parse(text, SETTINGS, problems), "the stored settings", problems)
    compatibility = fields.read("compatibility", choice("responder", "alertmanager"), "responder")
    destinations = read_destinations(fields)
    stored = replace(
        settings,
        compatibility="alertmanager" if compatibility == "alertmanager" else "responder",
        intake=Intake(fields.read("stale_after", duration, settings.intake.stale_after)),
        slack=destinations.slack,
        pagerduty=destinations.pagerduty,
        smtp=destinations.smtp,
        kubernetes=tuple(map(Cluster, fields.texts("clusters"))),
        # Which one it was, no rule depends on.
        prometheus=Prometheus("") if fields.read("asks_prometheus", flag, False) else None,
        guards=read_guards(fields),
        overrides=read_overrides(fields),
    )
    missing = set(fields.texts("missing"))
    fields.close()
    return stored, missing
