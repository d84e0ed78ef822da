"""Rows of the journal in words: what a decision was about and what it did.

`cli.audit` prints them. Rows name alerts by their ids; the labels stand where an alert began to
fire, so rows must be learned in order. It reads loosely: what it does not know, it shows as it is.
"""

from collections.abc import Iterable
from typing import Any, Final, get_args

import msgspec

from responder.cli.journalruns import run_event, steering_event, verdict_lines
from responder.core.messages import Command, Event
from responder.core.model import format_labels, labels_from

_FEW: Final = 5
"""Alerts that are named; of the others it says how many."""


def _tags(union: Any) -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in get_args(union))


KINDS: Final = _tags(Command) | _tags(Event) | {"alerts_received", "tick"}
"""What a decision can be on (an input, a timer) and what it can come to (events)."""

_SAID_BY_EVENTS: Final = frozenset(
    {
        *("started", "resumed", "rules_loaded", "delivery_ended", "create_silence", "expire_silence"),
        *("acknowledge", "unacknowledge", "put_freeze", "lift_freeze", "sign_runbook", "reset_runbook"),
        *(
            "start_run",
            "approve",
            "deny_run",
            "cancel_run",
            "facts_gathered",
            "step_finished",
            "verified",
            "probed",
        ),
    }
)
"""Inputs of which the events repeat all that people want to know."""

_LONG: Final = frozenset({"type", "facts", "plan"})
"""Parts of an input that no line has room for."""


class Names:
    """Which alerts stand behind the ids in the rows that were learned."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._alerts: dict[int, str] = {}
        self._labels: dict[int, str] = {}
        self._rows: dict[int, frozenset[int]] = {}
        self._groups: dict[int, set[int]] = {}
        self._groups_of: dict[int, set[int]] = {}
        self._group_of_row: dict[int, int] = {}
        self._runs: dict[str, set[int]] = {}
        self._runbooks: dict[str, str] = {}

    def learn(self, body: dict[str, Any]) -> None:
        """Note what a row says of alerts, ledger rows and groups."""
        for event in body["events"]:
            match event:
                case {"type": "alerts_fired", "alerts": alerts}:
                    for alert, labels, groups in alerts:
                        self._alerts[alert] = labels.get("alertname", "")
                        self._labels[alert] = _shown(labels)
                        for group in groups:
                            self._groups.setdefault(group, set()).add(alert)
                            self._groups_of.setdefault(alert, set()).add(group)
                case {"type": "owed" | "revised", "row": row}:
                    self._rows[row] = frozenset(_told(event))
                    if "group" in event:
                        self._group_of_row[row] = event["group"]
                case {"type": "run_proposed" | "run_joined", "run": run, "alerts": alerts}:
                    self._runs.setdefault(run, set()).update(alerts)
                    if "runbook" in event:
                        self._runbooks[run] = event["runbook"]
                case _:
                    pass

    def concerned(self, body: dict[str, Any]) -> set[str]:
        """The names of all alerts that the row has to do with."""
        return {self._alerts[alert] for alert in self._ids(body) if alert in self._alerts}

    def runs(self, body: dict[str, Any]) -> set[str]:
        """The runs that the row has to do with."""
        parts = (body.get("asked", {}), *body["events"])
        named = {part["run"] for part in parts if isinstance(part.get("run"), str)}
        return named.union(*(part.get("withdrawn", ()) for part in parts))

    def runbooks(self, body: dict[str, Any]) -> set[str]:
        """The runbooks that the row has to do with."""
        named = {part["runbook"] for part in (body.get("asked", {}), *body["events"]) if "runbook" in part}
        return named | {self._runbooks[run] for run in self.runs(body) if run in self._runbooks}

    def groups(self, body: dict[str, Any]) -> set[int]:
        """The groups that the row has to do with, itself or by an alert that is in them."""
        found = {group for alert in self._ids(body) for group in self._groups_of.get(alert, ())}
        for event in body["events"]:
            row = event.get("row", 0)
            found.update({event["group"]} if "group" in event else ())
            found.update({self._group_of_row[row]} if row in self._group_of_row else ())
            found.update(group for group, _ in event.get("incidents", ()))
        return found

    def _ids(self, body: dict[str, Any]) -> set[int]:
        ids: set[int] = set()
        for run in self.runs(body):
            ids.update(self._runs.get(run, ()))
        asked = body.get("asked", {})
        for part in (asked, *body["events"]):
            ids.update(self._rows.get(part.get("row", 0), ()))
            ids.update(_told(part))
            if part.get("type") == "alerts_fired":
                ids.update(alert for alert, _, _ in part["alerts"])
            elif part.get("type") != "alerts_rejected" and "alerts" in part:
                ids.update(part["alerts"])
            elif part.get("type") in ("group_opened", "group_closed", "fallback_engaged"):
                ids.update(self._groups.get(part["group"], ()))
        return ids

    def list(self, ids: Iterable[int]) -> str:
        """A few of the alerts by their labels, and how many more."""
        known = list(ids)
        shown = ", ".join(self._labels.get(alert, f"alert {alert}") for alert in known[:_FEW])
        return f"{shown} and {len(known) - _FEW} more" if len(known) > _FEW else shown


def describe(body: dict[str, Any], names: Names) -> list[str]:
    """A heading and one line for each event."""
    if "tick" in body:
        heading = "timer"
    else:
        heading = f"{body['kind']}  by {body['actor']}  (input {body['input']})"
        said = body["events"] and body["kind"] in _SAID_BY_EVENTS
        asked = {} if said else body.get("asked", {})
        heading += "".join(
            f"  {name}={_value(value)}"
            for name, value in asked.items()
            if name not in _LONG and value not in ("", None, 0, [], False)
        )
    lines = [line for event in body["events"] for line in (_event(event, names), *verdict_lines(event))]
    return [heading, *(lines or ["nothing changed"])]


def _event(event: dict[str, Any], names: Names) -> str:
    return (
        _of_alerts(event, names)
        or _of_rows(event, names)
        or _of_silences(event)
        or run_event(event, names.list(event.get("alerts", ())))
        or steering_event(event)
        or _value(event)
    )


def _of_alerts(event: dict[str, Any], names: Names) -> str:
    match event:
        case {"type": "alerts_fired", "alerts": alerts}:
            return f"fires: {names.list(alert for alert, _, _ in alerts)}"
        case {"type": "alerts_resolved", "alerts": alerts}:
            return f"is over: {names.list(alerts)}"
        case {"type": "alerts_changed", "alerts": alerts}:
            return f"changed: {names.list(alerts)}"
        case {"type": "alerts_ignored", "alerts": alerts, "why": why}:
            return f"ignored ({why}): {names.list(alerts)}"
        case {"type": "alerts_stale", "alerts": alerts}:
            return f"stale, nobody renewed it: {names.list(alerts)}"
        case {"type": "alerts_muted", "group": group, "alerts": alerts, "reason": reason, "by": by}:
            return f"hidden in group {group} ({reason} by {by}): {names.list(alerts)}"
        case {"type": "alerts_unmuted", "group": group, "alerts": alerts}:
            return f"no longer hidden in group {group}: {names.list(alerts)}"
        case {"type": "alerts_left", "group": group, "alerts": alerts, "never_told": never}:
            untold = f"; nobody was told of {names.list(never)}" if never else ""
            return f"left group {group}: {names.list(alerts)}{untold}"
        case {"type": "alerts_dropped", "alerts": alerts}:
            return f"forgotten: {names.list(alerts)}"
        case {"type": "alerts_rejected", "alerts": alerts}:
            some = "; ".join(f"number {index}: {reason}" for index, reason in alerts[:_FEW])
            return f"{len(alerts)} cannot be used: {some}"
        case _:
            return ""


def _of_rows(event: dict[str, Any], names: Names) -> str:
    match event:
        case {"type": "group_opened", "group": group, "key": key, "receiver": receiver}:
            return f"group {group} opens for {receiver}: {key}"
        case {"type": "group_closed", "group": group}:
            return f"group {group} closes: nobody is left in it"
        case {"type": "owed", "row": row, "receiver": receiver, "reason": reason}:
            return f"row {row}: {receiver} is to be told ({reason}): {_content(event, names)}"
        case {"type": "revised", "row": row, "reason": reason}:
            return f"row {row} says less now ({reason}): {_content(event, names)}"
        case {"type": "closed", "row": row, "state": state, "reason": reason, "detail": detail, "by": by}:
            return (
                f"row {row}: {state} ({reason}){f' by {by}' if by else ''}{f': {detail}' if detail else ''}"
            )
        case {
            "type": "fallback_engaged",
            "group": group,
            "receiver": receiver,
            "fallback": fallback,
            "why": why,
        }:
            return f"group {group}: {fallback} is told from now on, {receiver} is not reached ({why})"
        case {"type": "noted", "what": what, "detail": detail}:
            return f"{what}: {detail}" if detail else str(what)
        case _:
            return ""


def _of_silences(event: dict[str, Any]) -> str:
    match event:
        case {"type": "silence_created" | "silence_updated" as what, "silence": silence, **rest}:
            verb = "is made" if what == "silence_created" else "is changed"
            instead = f" in place of {rest['replaces']}" if rest.get("replaces") else ""
            claimed = "" if rest["created_by"] == rest["author"] else f", as {rest['created_by']}"
            return (
                f"silence {silence} {verb}{instead}: {rest['matchers']} from {rest['starts_at']} to "
                f"{rest['ends_at']}, by {rest['author']}{claimed}: {rest['comment']}"
            )
        case {"type": "silence_expired", "silence": silence, "matchers": matchers, "by": by}:
            return f"silence {silence} ends, by {by}: {matchers}"
        case {"type": "silences_forgotten", "silences": silences}:
            return f"forgotten: {len(silences)} silences that were over for long"
        case _:
            return ""


def _content(event: dict[str, Any], names: Names) -> str:
    parts = [(part, event[part]) for part in ("firing", "resolved", "stale")]
    return "; ".join(f"{part} {names.list(alerts)}" for part, alerts in parts if alerts)


def _told(part: dict[str, Any]) -> set[int]:
    return {alert for key in ("firing", "resolved", "stale") for alert in part.get(key, ())}


def _shown(labels: dict[str, str]) -> str:
    """`Name{other="labels"}`, as people write it."""
    others = labels_from({name: value for name, value in labels.items() if name != "alertname"})
    return f"{labels.get('alertname', '')}{format_labels(others) if others else ''}"


def _value(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
