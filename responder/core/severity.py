"""How bad an alert says it is: the label `severity`, in four words.

`core.orders` ranks what waits by it and `notify.content` shows it, so that what goes first is what
is shown as critical. It never looks at anything but that one label.
"""

from typing import Final, Literal, TypeAlias

from responder.core.model import Alert, label

Severity: TypeAlias = Literal["critical", "error", "warning", "info"]

_SEVERITIES: Final[dict[str, Severity]] = {
    "critical": "critical",
    "crit": "critical",
    "page": "critical",
    "emergency": "critical",
    "fatal": "critical",
    "error": "error",
    "high": "error",
    "major": "error",
    "warning": "warning",
    "warn": "warning",
    "minor": "warning",
    "info": "info",
    "informational": "info",
    "low": "info",
    "none": "info",
}


def severity_named(word: str) -> Severity:
    """What a word means; one that nobody knows is an `error`: better looked at than not."""
    return _SEVERITIES.get(word.strip().lower(), "error")


def severity_of(alert: Alert) -> Severity:
    """From the label `severity`."""
    return severity_named(label(alert.labels, "severity"))
