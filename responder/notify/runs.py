"""A run and an acknowledgement in words, before any service's own form.

`slackblocks`, `slackcard`, `pagerdutyevent` and `emailbody` call it, and `web.slack` for what it answers.
Whatever an alert or a person said goes through the Style that the caller gives, which makes it harmless.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from responder.core.model import SECOND, Nanoseconds
from responder.core.notification import Notification
from responder.core.run import Run, RunState
from responder.notify.content import one_line


def utc(at: Nanoseconds) -> str:
    """A time where no reader's own zone is known."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Style:
    """How a place writes: `text` what somebody else said, `moment` a time."""

    text: Callable[[str], str]
    moment: Callable[[Nanoseconds], str]


PLAIN: Final = Style(one_line, utc)

STATES: Final[Mapping[RunState, str]] = {
    "proposed": "proposed",
    "awaiting_approval": "waits for an approval",
    "approved": "approved, about to begin",
    "executing": "under way",
    "waiting": "waits before its next step",
    "unknown": "nobody knows how a step ended",
    "verifying": "done; looking whether it helped",
    "succeeded": "succeeded",
    "failed": "failed",
    "rolling_back": "failed; being taken back",
    "rolled_back": "failed, and was taken back",
    "rollback_failed": "failed, and could not be taken back",
    "denied": "denied",
    "expired": "expired",
    "cancelled": "cancelled",
}

MOST: Final = 5
"""Runs that are named one by one, the newest; earlier ones are counted."""


def acknowledged(notification: Notification, style: Style = PLAIN) -> str:
    """`Acknowledged by ana at TIME`; "" if nobody took it on."""
    by = notification.acknowledged
    if by is None:
        return ""
    text = f"Acknowledged by {style.text(by.by)} at {style.moment(by.at)}"
    if by.until:
        text += f" until {style.moment(by.until)}"
    return text + (f": {style.text(by.note)}" if by.note else "")


def lines(notification: Notification, style: Style = PLAIN) -> list[str]:
    """What is or was done about an incident, a line for each run, the newest last."""
    runs = notification.runs
    earlier = len(runs) - MOST
    counted = [f"{earlier} earlier {'run' if earlier == 1 else 'runs'}"] if earlier > 0 else []
    return counted + [line(run, style) for run in runs[-MOST:]]


def line(run: Run, style: Style = PLAIN) -> str:
    """One run on one line: which, on what, how it stands, and why where that was said."""
    on = f" on {target(run, style)}" if run.target else ""
    return f"Run {run.id}: {style.text(run.runbook)}{on}: {stands(run, style)}"


def stands(run: Run, style: Style = PLAIN) -> str:
    """How it stands: `waits for an approval (0 of 1) until TIME`, `denied (cooldown)`."""
    text = STATES[run.state]
    if run.state == "awaiting_approval":
        text += f" ({have(run)} of {run.needed})"
        return text + (f" until {style.moment(run.expires_at)}" if run.expires_at else "")
    return text + (f" ({style.text(run.reason)})" if run.reason and run.reason != run.state else "")


def have(run: Run) -> int:
    """How many persons stand behind it: those who said yes, and whoever asked for it."""
    return len({run.person, *(approval.person for approval in run.approvals)} - {""})


def target(run: Run, style: Style = PLAIN) -> str:
    """What it acts on, `prod / shop / Deployment checkout`; "" if that is not known."""
    if run.target is None:
        return ""
    found = run.target
    parts = (found.cluster, found.namespace, f"{found.kind} {found.name}")
    return " / ".join(style.text(part) for part in parts if part)


def asked(run: Run, style: Style = PLAIN) -> str:
    """Who or what asked for it: `ana (slack): too slow`, `an alert`."""
    by_alert = run.via == "alert" and not run.person
    text = "an alert" if by_alert else f"{style.text(run.requested_by or run.person)} ({style.text(run.via)})"
    return text + (f": {style.text(run.why)}" if run.why else "")
