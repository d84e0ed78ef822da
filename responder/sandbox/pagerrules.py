"""What PagerDuty's Events API v2 finds wrong in an event.

The stand-in asks for each event. Where the service's own words are known they are used, misspelt or
not; the others say the same in the same manner. Nothing is kept here.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeAlias

Event: TypeAlias = dict[str, Any]

_ACTIONS: Final = ("trigger", "acknowledge", "resolve")
_SEVERITIES: Final = ("critical", "warning", "error", "info")


def problems(event: Event) -> list[str]:
    """Everything that is wrong, in the order of the fields."""
    found = _key(event.get("routing_key"))
    action = event.get("event_action")
    if action not in _ACTIONS:
        found.append("'event_action' is invalid (must be one of 'trigger', 'acknowledge' or 'resolve')")
    dedup_key = event.get("dedup_key")
    if dedup_key is None and action in ("acknowledge", "resolve"):
        found.append("'dedup_key' is missing or blank")
    found += _text(event, "dedup_key", 255)
    if action == "trigger" or "payload" in event:
        payload = event.get("payload")
        found += _payload(payload) if isinstance(payload, dict) else ["'payload' is missing or blank"]
    for name in ("client", "client_url"):
        found += _text(event, name)
    found += _list(event, "links", "href", _is_link)
    found += _list(event, "images", "src", lambda url: url.startswith("https://"))
    return found


def _key(key: object) -> list[str]:
    if not isinstance(key, str) or not key:
        return ["'routing_key' is missing or blank"]
    found = []
    if len(key) != 32:
        found.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    if not re.fullmatch("[A-Za-z0-9]*", key):
        found.append("'routing_key' cannot contain non-alphanumeric characters.")
    return found


def _payload(payload: dict[str, Any]) -> list[str]:
    needed = ("summary", "source", "severity")
    found = [f"'{name}' is missing or blank" for name in needed if not payload.get(name)]
    summary, severity = payload.get("summary"), payload.get("severity")
    if isinstance(summary, str) and len(summary) > 1_024:
        found.append("'summary' is too long (maiximum is 1024 characters)")
    if severity and severity not in _SEVERITIES:
        found.append("'severity' is invalid (must be one of 'critical', 'warning', 'error' or 'info')")
    for name in ("summary", "source", "component", "group", "class"):
        found += _text(payload, name)
    if "timestamp" in payload and not _is_time(payload["timestamp"]):
        found.append("'timestamp' is invalid (must be in ISO 8601)")
    if not isinstance(payload.get("custom_details", {}), dict):
        found.append("'custom_details' must be an object")
    return found


def _text(mapping: dict[str, Any], name: str, most: int | None = None) -> list[str]:
    value = mapping.get(name, "")
    if not isinstance(value, str):
        return [f"'{name}' must be a string"]
    if most is not None and len(value) > most:
        return [f"'{name}' is too long (maximum is {most} characters)"]
    return []


def _list(event: Event, name: str, needs: str, fits: Callable[[str], bool]) -> list[str]:
    items = event.get(name, [])
    if not isinstance(items, list):
        return [f"'{name}' must be an array"]
    found = []
    for item in items:
        value = item.get(needs) if isinstance(item, dict) else None
        if not isinstance(value, str) or not fits(value):
            found.append(f"'{needs}' in '{name}' is missing or invalid")
    return found


def _is_link(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False
