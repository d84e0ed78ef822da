"""The settings: what is configured outside the rules, from one file and the environment.

`load_settings` makes one frozen Settings, which `service` takes apart for everybody else.
Never import this from the core: what a decision needs comes to it as values.
"""

from responder.settings.load import load_settings
from responder.settings.values import (
    ROLES,
    Address,
    Auth,
    Breaker,
    Cluster,
    Delivery,
    Intake,
    Limits,
    Overrides,
    Pace,
    Pagerduty,
    Person,
    Prometheus,
    Reload,
    Retention,
    Role,
    RunbookTimers,
    Settings,
    Slack,
    Smtp,
    Storage,
    Timers,
    Token,
    Tracing,
)

__all__ = [
    "ROLES",
    "Address",
    "Auth",
    "Breaker",
    "Cluster",
    "Delivery",
    "Intake",
    "Limits",
    "Overrides",
    "Pace",
    "Pagerduty",
    "Person",
    "Prometheus",
    "Reload",
    "Retention",
    "Role",
    "RunbookTimers",
    "Settings",
    "Slack",
    "Smtp",
    "Storage",
    "Timers",
    "Token",
    "Tracing",
    "load_settings",
]
