"""Scripts of simulations: what they say, and every problem with its line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core.messages import AlertsReceived, CreateSilence, ReceivedAlert
from responder.core.model import HOUR, MINUTE, SECOND
from responder.replay.script import Entry, ScriptError, read_script
from tests.clock import MONDAY
from tests.core.words import labels_of


def read(*entries: Any) -> list[Entry]:
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    return read_script("script", lines, MONDAY)


def alert(name: str, starts_at: int = 0, ends_at: int = 0) -> ReceivedAlert:
    return ReceivedAlert(labels_of(name), (), starts_at, ends_at, "", resolved=False)


def received(*alerts: ReceivedAlert) -> AlertsReceived:
    return AlertsReceived("api", b"", alerts)


def silence(**more: Any) -> dict[str, Any]:
    matchers = [{"name": "a", "value": "b", "isRegex": False}]
    return {"at": "1m", "silence": {"matchers": matchers, "endsAt": "1h"} | more}


def one(**more: Any) -> dict[str, Any]:
    return {"at": "0s", "alerts": [{"labels": {"alertname": "A"}} | more]}


def test_entries_come_in_order_of_time_and_then_of_lines() -> None:
    a, b, c = ({"alerts": [{"labels": {"alertname": name}}]} for name in "ABC")
    found = read({"at": "90s", **a}, "", {"at": "0s", **b}, {"at": "1m30s", **c})
    assert found == [
        Entry(MONDAY, received(alert("B")), "script:3"),
        Entry(MONDAY + 90 * SECOND, received(alert("A")), "script:1"),
        Entry(MONDAY + 90 * SECOND, received(alert("C")), "script:4"),
    ]


def test_times_count_from_the_start_or_are_times() -> None:
    (found,) = read(one(startsAt="-5m", endsAt="2026-01-05T01:00:00Z"))
    assert found.body == received(alert("A", MONDAY - 5 * MINUTE, MONDAY + HOUR))
    (found,) = read(one(startsAt="0001-01-01T00:00:00Z", endsAt=None))
    assert found.body == received(alert("A"))


def test_annotations_and_labels_without_values() -> None:
    (found,) = read(
        {"at": "0", "alerts": [{"labels": {"alertname": "A", "b": ""}, "annotations": {"c": "d"}}]}
    )
    assert found.body == received(ReceivedAlert(labels_of("A"), (("c", "d"),), 0, 0, "", resolved=False))


def test_a_silence_begins_when_it_is_made_and_needs_no_name() -> None:
    (found,) = read(silence())
    at = MONDAY + MINUTE
    asked = CreateSilence("silence-1", (("a", "=", "b"),), at, MONDAY + HOUR, "simulation", "simulated")
    assert found == Entry(at, asked, "script:1")


def test_a_silence_with_a_name_can_be_changed_by_a_later_entry() -> None:
    first, second, third = read(silence(id="x"), silence(id="x", comment="longer", endsAt="2h"), silence())
    bodies = [entry.body for entry in (first, second, third)]
    assert [(body.id, body.replaces) for body in bodies if isinstance(body, CreateSilence)] == [
        ("x", ""),
        ("silence-2", "x"),
        ("silence-3", ""),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[1]", 'must be an object such as {"at": "90s", "alerts": [{"labels": {"alertname": "X"}}]}'),
        ({"alerts": []}, "at: is missing; such as 90s, counted from the start"),
        ({"at": "0s"}, "an entry has either alerts or a silence"),
        ({"at": "0s", "alerts": [], "silence": {}}, "an entry has either alerts or a silence"),
        ({"at": None, "alerts": []}, "at: is missing; such as 90s, counted from the start"),
        ({"at": "-1s", "alerts": []}, "at: lies before the start"),
        ({"at": "0001-01-01T00:00:00Z", "alerts": []}, "at: lies before the start"),
        (
            {"at": "0s", "alerts": [{"labels": {"a": "\ud800"}}]},
            "alerts[0].labels: half a character, such as \\ud800 alone",
        ),
        (
            {"at": 90, "alerts": []},
            "at: 90 is neither a duration from the start, such as 90s or 1h30m, nor a time such as "
            "2026-01-05T08:00:00Z",
        ),
        ({"at": "0s", "silence": []}, "silence: must be an object with matchers and endsAt"),
        ({"at": "0s", "silence": {"matchers": []}}, "silence.endsAt: is missing"),
        ({"at": "0s", "silence": {"endsAt": "1h"}}, "silence: Object missing required field `matchers`"),
        (silence(matchers=[]), "silence: silence invalid: at least one matcher required"),
        (silence(endsAt="1m"), "silence: Failed to create silence: start time must be before end time"),
        (
            silence(state="active"),
            "silence.state: unknown key; known are annotations, comment, createdBy, endsAt, id, matchers, "
            "startsAt",
        ),
        ({"at": "0s", "alerts": {}}, "alerts: must be a list of alerts"),
        ({"at": "0s", "alerts": [1]}, 'alerts[0]: must be an object such as {"labels": {"alertname": "X"}}'),
        ({"at": "0s", "alerts": [{}]}, "alerts[0].labels: at least one label with a value is needed"),
        (
            {"at": "0s", "alerts": [{"labels": {"a": ""}}]},
            "alerts[0].labels: at least one label with a value is needed",
        ),
        ({"at": "0s", "alerts": [{"labels": []}]}, "alerts[0].labels: must be an object of names and texts"),
        (one(annotations={"a": 1}), "alerts[0].annotations.a: must be a text, in quotes"),
        (one(annotations={"": "a"}), "alerts[0].annotations: a name is empty"),
        (one(generatorURL=1), "alerts[0].generatorURL: must be a text"),
        (one(startsAt="2m", endsAt="1m"), "alerts[0].endsAt: lies before startsAt"),
        (
            one(endsAt="x"),
            'alerts[0].endsAt: "x" is neither a duration from the start, such as 90s or 1h30m, nor a time '
            "such as 2026-01-05T08:00:00Z",
        ),
        (
            one(status="resolved"),
            "alerts[0].status: unknown key; known are annotations, endsAt, generatorURL, labels, startsAt",
        ),
    ],
)
def test_a_problem_has_its_line(line: Any, message: str) -> None:
    with pytest.raises(ScriptError) as raised:
        read(one(), line)
    assert str(raised.value) == f"script:2: {message}"


def test_every_problem_is_reported() -> None:
    with pytest.raises(ScriptError) as raised:
        read({"at": "0s"}, one(), {"alerts": []})
    assert str(raised.value).splitlines() == [
        "script:1: an entry has either alerts or a silence",
        "script:3: at: is missing; such as 90s, counted from the start",
    ]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["1m", "-9y"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "at",
                    "alerts",
                    "silence",
                    "labels",
                    "annotations",
                    "startsAt",
                    "endsAt",
                    "matchers",
                    "name",
                    "value",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(values | st.fixed_dictionaries({"at": st.just("1m"), "alerts": st.lists(values, max_size=2)}))
def test_any_line_is_read_or_its_problems_are_told(line: Any) -> None:
    entries: list[Entry] = []
    problems: list[str] = []
    try:
        entries = read(line)
    except ScriptError as error:
        problems = str(error).split("\n")
    blank = isinstance(line, str) and not line.strip()
    assert bool(entries) != bool(problems) or (blank and not problems)
    assert all(entry.at >= MONDAY for entry in entries)
    assert all(problem.startswith("script:1: ") and problem.isprintable() for problem in problems)
