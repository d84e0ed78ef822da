"""The script of a simulation: JSON lines, each saying what arrives when.

`cli.simulate` reads one before it lets time pass. Every problem is reported with its line; nothing
of a script is evaluated.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from responder.core.messages import AlertsReceived, CreateSilence, ReceivedAlert
from responder.core.model import (
    DAY,
    Labels,
    Nanoseconds,
    format_time,
    labels_from,
    parse_duration,
    parse_time,
)
from responder.core.silence import BadSilence, fault, read_silence
from responder.errors import UsageError

ENDLESS: Final = 100 * 365 * DAY
"""The resolve_timeout of a simulation in which an alert lives until an entry says otherwise."""

_ENTRY: Final = frozenset({"at", "alerts", "silence"})
_SILENCE: Final = frozenset({"id", "matchers", "startsAt", "endsAt", "createdBy", "comment", "annotations"})
_ALERT: Final = frozenset({"labels", "annotations", "startsAt", "endsAt", "generatorURL"})


@dataclass(frozen=True, slots=True)
class Entry:
    """Alerts that arrive together at `at`, or a silence that somebody makes then.

    `place`: where it stands, `file:line`.
    """

    at: Nanoseconds
    body: AlertsReceived | CreateSilence
    place: str


class ScriptError(UsageError):
    """A script that cannot be read: every problem, as `file:line: message`."""


def read_script(name: str, lines: Iterable[str], start: Nanoseconds) -> list[Entry]:
    """The entries of a script in order of time; those of one moment in order of lines.

    Times in it count from `start`. Raises ScriptError.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    silences: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        wrong: list[str] = []
        place = f"{name}:{number}"
        found = _object(line, wrong)
        at = _moment(found, start, wrong) if found else 0
        body = _body(found, at, start, silences, wrong) if found else None
        problems += [f"{place}: {message}" for message in wrong]
        if body and not wrong:
            entries.append(Entry(at, body, place))
    if problems:
        raise ScriptError("\n".join(problems))
    return sorted(entries, key=lambda entry: entry.at)


def _object(line: str, wrong: list[str]) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        wrong.append(f"not JSON: {error}")
        return None
    if not isinstance(found, dict) or not found:
        wrong.append('must be an object such as {"at": "90s", "alerts": [{"labels": {"alertname": "X"}}]}')
        return None
    _unknown_keys(found, _ENTRY, "", wrong)
    return found


def _moment(found: Mapping[str, Any], start: Nanoseconds, wrong: list[str]) -> Nanoseconds:
    if found.get("at") is None:
        wrong.append("at: is missing; such as 90s, counted from the start")
        return 0
    before = len(wrong)
    at = _time(found, "at", "", start, wrong)
    if at < start and len(wrong) == before:
        wrong.append("at: lies before the start")
    return at


def _body(
    found: Mapping[str, Any], at: Nanoseconds, start: Nanoseconds, silences: set[str], wrong: list[str]
) -> AlertsReceived | CreateSilence | None:
    if ("silence" in found) == ("alerts" in found):
        wrong.append("an entry has either alerts or a silence")
        return None
    if "silence" in found:
        return _silence(found["silence"], at, start, silences, wrong)
    alerts = found["alerts"]
    if not isinstance(alerts, list):
        wrong.append("alerts: must be a list of alerts")
        return None
    read = [_alert(alert, f"alerts[{index}]", start, wrong) for index, alert in enumerate(alerts)]
    return AlertsReceived("api", b"", tuple(alert for alert in read if alert))


def _silence(
    found: Any, at: Nanoseconds, start: Nanoseconds, silences: set[str], wrong: list[str]
) -> CreateSilence | None:
    """A silence as Alertmanager's API has it; what only people need may be left out.

    An `id` that no entry before has names a new silence, so that a later one can change it.
    """
    if not isinstance(found, dict):
        wrong.append("silence: must be an object with matchers and endsAt")
        return None
    _unknown_keys(found, _SILENCE, "silence", wrong)
    starts_at = _time(found, "startsAt", "silence.", start, wrong) or at
    ends_at = _time(found, "endsAt", "silence.", start, wrong)
    if "endsAt" not in found:
        wrong.append("silence.endsAt: is missing")
    if wrong:
        return None
    wire = {"createdBy": "simulation", "comment": "simulated", **found}
    times = {"startsAt": format_time(starts_at), "endsAt": format_time(ends_at)}
    try:
        asked = read_silence(json.dumps(wire | times).encode(), f"silence-{len(silences) + 1}")
    except BadSilence as error:
        wrong.append(f"silence: {error}")
        return None
    if problem := fault(asked):
        wrong.append(f"silence: {problem}")
    if asked.replaces not in silences:
        asked = msgspec.structs.replace(asked, id=asked.replaces or asked.id, replaces="")
    silences.add(asked.id)
    return asked


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
            wrong.append(f"{where}.{key}.{_shown(name)}: must be a text, in quotes")
        elif not _is_unicode(name + value):
            wrong.append(f"{where}.{key}: half a character, such as \\ud800 alone")
    return labels_from({name: value for name, value in texts.items() if isinstance(value, str)})


def _shown(text: str) -> str:
    """A name from the script as a message can have it."""
    return text[:64] if text.isprintable() else json.dumps(text)[:64]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _time(
    found: Mapping[str, Any], key: str, where: str, start: Nanoseconds, wrong: list[str]
) -> Nanoseconds:
    """The moment under `key`: a duration from the start (`-5m`: before it), or RFC 3339; 0 if absent."""
    text = found.get(key)
    if text is None:
        return 0
    if isinstance(text, str):
        try:
            at = start - parse_duration(text[1:]) if text[:1] == "-" else start + parse_duration(text)
            return max(at, 1)  # 0 stands for no time
        except ValueError:
            pass
        try:
            return parse_time(text)
        except (ValueError, IndexError):
            pass
    wrong.append(
        f"{where}{key}: {json.dumps(text)[:64]} is neither a duration from the start, "
        "such as 90s or 1h30m, nor a time such as 2026-01-05T08:00:00Z"
    )
    return 0


def _unknown_keys(found: Mapping[str, Any], known: frozenset[str], where: str, wrong: list[str]) -> None:
    for key in found:
        if key not in known:
            place = f"{where}.{_shown(key)}" if where else _shown(key)
            wrong.append(f"{place}: unknown key; known are {', '.join(sorted(known))}")
