"""Files of rule tests: what they say, and every problem with its place."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.core.messages import AlertsReceived, CreateSilence, ReceivedAlert
from responder.core.model import HOUR, MINUTE, SECOND
from responder.document.tree import Place, Problems
from responder.errors import FileError
from responder.replay.ruletest import Expected, TestFile, check_names, read_tests
from responder.replay.script import Entry
from tests.clock import MONDAY
from tests.replay.scenes import ruleset

HEAD = "tests:\n  - name: one\n    until: 1h\n"


def read(directory: Path, text: str) -> tuple[TestFile, list[str]]:
    """What a file says, and its problems without the file's name."""
    path = directory / "t.yaml"
    path.write_text(text)
    problems = Problems()
    found = read_tests(path, problems)
    check_names(found, ruleset(), problems)
    return found, [str(problem).removeprefix(f"{path}:") for problem in problems.listed()]


def test_a_test_with_everything(tmp_path: Path) -> None:
    found, problems = read(
        tmp_path,
        """\
rules: ../routing.yaml
tests:
  - name: all
    start: 2026-02-01T10:00:00Z
    until: 1h
    exact: false
    alerts:
      - {labels: {alertname: A, n: 17:00, empty: ''}, annotations: {summary: s}, at: 1m, for: 10m}
      - {labels: {alertname: B}, at: 1m}
      - {labels: {alertname: C}, until: 1m}
    silences:
      - {matchers: ['alertname="A"', 'n!="x", m=~"y|"'], at: 1m, until: 30m, comment: why}
    expect:
      - {at: 30s, receiver: team, reason: first_notification, firing: [B, {n: 17:00}], status: firing}
      - within: [1m, 2m]
        receiver: [team, pager]
        reason: inhibition
        by: rule
        firing: []
        resolved: [A]
      - {at: 1h, receiver: pager, integration: pagerduty, reason: repeat, firing: [B]}
""",
    )
    assert problems == []
    (test,) = found.tests
    start = MONDAY + 27 * 24 * HOUR + 10 * HOUR
    file = str(tmp_path / "t.yaml")
    a, b, c = (("alertname", name) for name in "ABC")
    said = (("summary", "s"),)

    def alert(*labels: tuple[str, str], at: int, ends: int = 0, notes: bool = False) -> ReceivedAlert:
        return ReceivedAlert(labels, said if notes else (), start + at, ends and start + ends, "", False)

    n = ("n", "17:00")
    assert test.entries == (
        Entry(start, AlertsReceived("api", b"", (alert(c, at=0),)), f"{file}:10:9"),
        Entry(
            start + MINUTE,
            CreateSilence(
                "silence-1",
                (("alertname", "=", "A"), ("n", "!=", "x"), ("m", "=~", "y|")),
                start + MINUTE,
                start + 30 * MINUTE,
                "a rule test",
                "why",
            ),
            f"{file}:12:9",
        ),
        Entry(
            start + MINUTE,
            AlertsReceived(
                "api",
                b"",
                (alert(a, n, at=MINUTE, notes=True), alert(b, at=MINUTE), alert(c, at=0, ends=MINUTE)),
            ),
            f"{file}:8:9",
        ),
        Entry(
            start + 11 * MINUTE,
            AlertsReceived("api", b"", (alert(a, n, at=MINUTE, ends=11 * MINUTE, notes=True),)),
            f"{file}:8:9",
        ),
    )
    assert test.expected == (
        Expected(
            30 * SECOND,
            30 * SECOND,
            (("team", Place(file, 14, 29)),),
            "",
            "first_notification",
            "",
            "firing",
            ((b,), (n,)),
            (),
            Place(file, 14, 9),
        ),
        Expected(
            MINUTE,
            2 * MINUTE,
            (("team", Place(file, 16, 20)), ("pager", Place(file, 16, 26))),
            "",
            "inhibition",
            "rule",
            "",
            (),
            ((a,),),
            Place(file, 15, 9),
        ),
        Expected(
            HOUR,
            HOUR,
            (("pager", Place(file, 21, 28)),),
            "pagerduty",
            "repeat",
            "",
            "",
            ((b,),),
            (),
            Place(file, 21, 9),
        ),
    )
    assert (test.name, test.start, test.until, test.exact) == ("all", start, HOUR, False)
    assert found.rules == tmp_path / "../routing.yaml"


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    found, problems = read(tmp_path, f"{HEAD}    alerts: [{{labels: {{alertname: A}}}}]\n    expect: []\n")
    assert problems == []
    (test,) = found.tests
    assert (found.rules, test.start, test.exact, test.expected) == (None, MONDAY, True, ())
    assert [entry.at for entry in test.entries] == [MONDAY]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", ["1:1: error: a file of rule tests needs tests"]),
        ("tests: []", ["1:8: error: tests: there is no test in it"]),
        (
            "test: []",
            [
                "1:1: error: a file of rule tests needs tests",
                '1:1: error: unknown key "test" in a file of rule tests; did you mean "tests"?',
            ],
        ),
        (
            "tests: [{}]",
            [f"1:9: error: a test needs {key}" for key in ("alerts", "expect", "name", "until")],
        ),
        (
            f"{HEAD}    alerts: []\n    expect: []\n    exact: false\n",
            [
                "4:13: error: alerts: a test without alerts tests nothing",
                "6:12: error: exact: false, and nothing is expected: such a test cannot fail",
            ],
        ),
        (
            f"{HEAD}    alerts: [{{labels: {{a: b}}}}]\n    expect: []\n"
            "  - {name: one, until: 1h, alerts: [{labels: {a: b}}], expect: []}\n",
            ["6:5: error: name: 'one' is given twice: first at FILE:2:5"],
        ),
    ],
)
def test_problems_of_a_file(tmp_path: Path, text: str, expected: list[str]) -> None:
    _, problems = read(tmp_path, text)
    assert [each.replace(str(tmp_path / "t.yaml"), "FILE") for each in problems] == expected


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        ("{}", ["an alert needs labels"]),
        ("{labels: {}}", ["labels: at least one label with a value is needed"]),
        ("{labels: {a: }}", ["labels: at least one label with a value is needed"]),
        ("{labels: {a: ''}}", ["labels: at least one label with a value is needed"]),
        ("{labels: {a: [b]}}", ["a: must be a text, not a list"]),
        ("{labels: {'': b}}", ["labels: a name is empty"]),
        ("{labels: {a: b}, at: 2h}", ["at: lies after the end of the test, which goes on until 1h"]),
        ("{labels: {a: b}, for: 0s}", ["for: cannot be zero"]),
        ("{labels: {a: b}, for: 1m, until: 1m}", ["until: for is set already; at most one of for, until"]),
        ("{labels: {a: b}, at: 5m, until: 5m}", ["until: must lie after its beginning at 5m"]),
        (
            "{labels: {a: b}, endsAt: 1m}",
            ['unknown key "endsAt" in an alert; it may have annotations, at, for, labels, until'],
        ),
    ],
)
def test_problems_of_an_alert(tmp_path: Path, alert: str, expected: list[str]) -> None:
    _, problems = read(tmp_path, f"{HEAD}    alerts: [{alert}]\n    expect: []\n")
    assert [each.partition("error: ")[2] for each in problems] == expected


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        ("{for: 1h}", ["a silence needs matchers"]),
        ("{matchers: ['a=b']}", ["a silence needs for or until: how long it lasts"]),
        (
            "{matchers: ['a=~\"b*\"'], for: 1h}",
            ["a silence: at least one matcher must not match the empty string"],
        ),
        ("{matchers: [], for: 1h}", ["a silence: at least one matcher required"]),
    ],
)
def test_problems_of_a_silence(tmp_path: Path, silence: str, expected: list[str]) -> None:
    rest = f"    alerts: [{{labels: {{a: b}}}}]\n    expect: []\n    silences: [{silence}]\n"
    _, problems = read(tmp_path, HEAD + rest)
    assert [each.partition("error: ")[2] for each in problems] == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"receiver": "taem"}, ['receiver: the rules have no "taem"; did you mean "team"?']),
        ({"receiver": "[]"}, ["receiver: at least one is needed"]),
        (
            {"integration": "email"},
            ['integration: "pager" has no email; it has opsgenie, pagerduty'],
        ),
        ({"at": "2h"}, ["at: lies after the end of the test, which goes on until 1h"]),
        ({"at": None}, ["an expectation needs at (such as 30s) or within (such as [25s, 35s])"]),
        ({"within": "[1m, 2m]"}, ["within: at is set already; at most one of at, within"]),
        (
            {"at": None, "within": "[2m, 1m]"},
            ["within: must be two times, the earlier first, such as [25s, 35s]"],
        ),
        ({"at": None, "within": "[1m, 2h]"}, ["within: ends after the test, which goes on until 1h"]),
        ({"firing": None}, ["an expectation says which alerts it is about: firing, resolved or both"]),
        ({"firing": "[{}]"}, ["firing: at least one label with a value is needed"]),
        ({"status": "open"}, ["status: 'open' is not one of firing, resolved"]),
        ({"by": "x"}, ["by: says what hides an alert, and repeat is a reason to tell"]),
        (
            {"reason": "paged"},
            [
                "reason: 'paged' is no reason; told: all_resolved, escalated, first_notification, "
                "new_alerts, repeat, some_resolved, stale, test, unmuted; not told: "
                "active_time_interval, held, inhibition, maintenance, mute_time_interval, no_change, "
                "resolved_before_told, send_resolved_false, silence, "
                "superseded, unsupported"
            ],
        ),
    ],
)
def test_problems_of_an_expectation(
    tmp_path: Path, change: dict[str, str | None], expected: list[str]
) -> None:
    sound: dict[str, str | None] = {"at": "1m", "receiver": "pager", "reason": "repeat", "firing": "[A]"}
    entry = ", ".join(f"{key}: {value}" for key, value in (sound | change).items() if value is not None)
    _, problems = read(tmp_path, f"{HEAD}    alerts: [{{labels: {{a: b}}}}]\n    expect: [{{{entry}}}]\n")
    assert [each.partition("error: ")[2] for each in problems] == expected


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError) as raised:
        read_tests(tmp_path / "none.yaml", Problems())
    assert str(raised.value) == f"{tmp_path / 'none.yaml'} cannot be read: No such file or directory"


SHIPPED = (Path(__file__).parents[2] / "rules" / "tests" / "routing.yaml").read_text()


@settings(max_examples=25)
@given(
    st.integers(0, len(SHIPPED)),
    st.integers(0, 12),
    st.sampled_from(["", "\n", "  ", "- ", ": ", "{", "]", "'", "&a ", "*a", "0", "9y", "\x85", "<<: "]),
)
def test_any_file_is_read_or_its_problems_are_told(start: int, length: int, put: str) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "t.yaml"
        path.write_text(SHIPPED[:start] + put + SHIPPED[start + length :])
        problems = Problems()
        found = read_tests(path, problems)
    assert problems.failed or found.tests
    assert all(problem.line and problem.column for problem in problems.listed())
