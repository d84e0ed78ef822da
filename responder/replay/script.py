"""The script of a simulation: JSON lines, each saying what arrives when.

`cli.simulate` reads one before it lets time pass. Every problem is reported with its line; nothing
of a script is evaluated.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from responder.core.messages import ReceivedAlert
from responder.core.model import DAY, Labels, Nanoseconds, labels_from, parse_duration, parse_time
from responder.errors import UsageError

ENDLESS: Final = 100 * 365 * DAY
"""The resolve_timeout of a simulation in which an alert lives until an entry says otherwise."""

_ENTRY: Final = frozenset({"at", "alerts", "silence"})
_ALERT: Final = frozenset({"labels", "annotations", "startsAt", "endsAt", "generatorURL"})


@dataclass(frozen=True, slots=True)
class Entry:
    """Alerts that arrive together at `at`."""

    at: Nanoseconds
    alerts: tuple[ReceivedAlert, ...]


class ScriptError(UsageError):
    """A script that cannot be read: every problem, as `file:line: message`."""


def read_script(name: str, lines: Iterable[str], start: Nanoseconds) -> list[Entry]:
    """The entries of a script in order of time; those of one moment in order of lines.

    Times in it count from `start`. Raises ScriptError.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        wrong: list[str] = []
        entry = _entry(line, start, wrong)
        problems += [f"{name}:{number}: {message}" for message in wrong]
        if entry:
            entries.append(entry)
    if problems:
        raise ScriptError("\n".join(problems))
    return sorted(entries, key=lambda entry: entry.at)


def _entry(line: str, start: Nanoseconds, wrong: list[str]) -> Entry | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        wrong.append(f"not JSON: {error}")
        return None
    if not isinstance(found, dict):
        wrong.append('must be an object such as {"at": "90s", "alerts": [{"labels": {"alertname": "X"}}]}')
        return None
    _unknown_keys(found, _ENTRY, "", wrong)
    at = _time(found, "at", "", start, wrong)
    if "at" not in found:
        wrong.append("at: is missing; such as 90s, counted from the start")
    elif 0 < at < start:
        wrong.append("at: lies before the start")
    if "silence" in found:
        wrong.append("silence: silences are not supported by this version")
    elif "alerts" not in found:
        wrong.append("alerts: is missing")
    alerts = found.get("alerts", [])
    if not isinstance(alerts, list):
        wrong.append("alerts: must be a list of alerts")
        return None
    read = [_alert(alert, f"alerts[{index}]", start, wrong) for index, alert in enumerate(alerts)]
    return None if wrong else Entry(at, tuple(alert for alert in read if alert))


def _alert(found: Any, where: str, start: Nanoseconds, wrong: list[str]) -> ReceivedAlert | None:
    if not isinstance(found, dict):
        wrong.append(f'{where}: must be an object such as {{"labels": {{"alertname": "X"}}}}')
        return None
    _unknown_keys(found, _ALERT, where, wrong)
    labels = _texts(found, "labels", where, wrong)
    if not labels and isinstance(found.get("labels", {}), dict):
        wrong.append(f"{where}.labels: at least one label with a value is needed")
    starts_at = _time(found, "startsAt", f"{where}.", start, wrong)
    ends_at = _time(found, "endsAt", f"{where}.", start, wrong)
    if 0 < ends_at < starts_at:
        wrong.append(f"{where}.endsAt: lies before startsAt")
    url = found.get("generatorURL", "")
    if not isinstance(url, str):
        wrong.append(f"{where}.generatorURL: must be a text")
        url = ""
    annotations = _texts(found, "annotations", where, wrong)
    return ReceivedAlert(labels, annotations, starts_at, ends_at, url, resolved=False)


def _texts(found: Mapping[str, Any], key: str, where: str, wrong: list[str]) -> Labels:
    texts = found.get(key)
    if texts is None:
        return ()
    if not isinstance(texts, dict):
        wrong.append(f"{where}.{key}: must be an object of names and texts")
        return ()
    for name, value in texts.items():
        if not name:
            wrong.append(f"{where}.{key}: a name is empty")
        if not isinstance(value, str):
            wrong.append(f"{where}.{key}.{name}: must be a text, in quotes")
    return labels_from({name: value for name, value in texts.items() if isinstance(value, str)})


def _time(
    found: Mapping[str, Any], key: str, where: str, start: Nanoseconds, wrong: list[str]
) -> Nanoseconds:
    """The moment under `key`: a duration from the start (`-5m`: before it), or RFC 3339; 0 if absent."""
    text = found.get(key)
    if text is None:
        return 0
    if isinstance(text, str):
        try:
            return start - parse_duration(text[1:]) if text[:1] == "-" else start + parse_duration(text)
        except ValueError:
            pass
        try:
            return parse_time(text)
        except (ValueError, IndexError):
            pass
    wrong.append(
        f"{where}{key}: {json.dumps(text, ensure_ascii=False)[:64]} is neither a duration from the start, "
        "such as 90s or 1h30m, nor a time such as 2026-01-05T08:00:00Z"
    )
    return 0


def _unknown_keys(found: Mapping[str, Any], known: frozenset[str], where: str, wrong: list[str]) -> None:
    for key in found:
        if key not in known:
            place = f"{where}.{key}" if where else key
            wrong.append(f"{place[:80]}: unknown key; known are {', '.join(sorted(known))}")
