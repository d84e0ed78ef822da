"""Rule tests, tried: what passes, what is missing, what was not expected."""

from pathlib import Path

import pytest

from responder.document.tree import Problems
from responder.replay import ENDLESS, reachable
from responder.replay.ruletest import check_names, read_tests
from responder.replay.trial import Result, run
from tests.replay.scenes import ruleset

RULES = reachable(ruleset(), ENDLESS)
WARNING = "{labels: {alertname: A, severity: warning}}"
CRITICAL = "{labels: {alertname: A, severity: critical}}"


def tried(directory: Path, alerts: str, *expected: str, more: str = "") -> Result:
    path = directory / "t.yaml"
    lines = "".join(f"      - {{{each}}}\n" for each in expected)
    expect = f"    expect:\n{lines}" if expected else "    expect: []\n"
    path.write_text(f"tests:\n  - name: one\n    until: 10m\n    alerts: [{alerts}]\n{expect}{more}")
    problems = Problems()
    found = read_tests(path, problems)
    check_names(found, RULES, problems)
    assert problems.listed() == []
    (test,) = found.tests
    return run(test, RULES)


TOLD = "at: 30s, receiver: team, reason: first_notification, firing: [A]"


def test_what_comes_as_expected_passes(tmp_path: Path) -> None:
    result = tried(tmp_path, WARNING, TOLD)
    assert (result.passed, result.missing, result.unexpected, len(result.lines)) == (True, (), (), 1)


@pytest.mark.parametrize(
    ("expected", "differs"),
    [
        ("at: 31s, receiver: team, reason: first_notification, firing: [A]", ("at",)),
        ("within: [31s, 1m], receiver: team, reason: first_notification, firing: [A]", ("at",)),
        ("at: 30s, receiver: team, reason: new_alerts, firing: [A]", ("reason",)),
        ("at: 30s, receiver: team, reason: first_notification, firing: [B]", ("firing",)),
        ("at: 30s, receiver: team, reason: first_notification, firing: [A, A]", ("firing",)),
        ("at: 30s, receiver: team, reason: first_notification, firing: [{severity: x}]", ("firing",)),
        ("at: 30s, receiver: team, reason: first_notification, firing: [A], resolved: [A]", ("resolved",)),
        ("at: 30s, receiver: team, reason: first_notification, firing: [A], status: resolved", ("status",)),
    ],
)
def test_what_differs_is_missing_and_named(tmp_path: Path, expected: str, differs: tuple[str, ...]) -> None:
    result = tried(tmp_path, WARNING, expected)
    (wanted,) = result.missing
    assert not result.passed
    assert result.unexpected == result.lines
    assert result.pairs == ((wanted, result.lines[0], differs),)


def test_a_span_of_time_has_its_ends(tmp_path: Path) -> None:
    for span in ("[30s, 1m]", "[0s, 30s]"):
        expected = f"within: {span}, receiver: team, reason: first_notification, firing: [A]"
        assert tried(tmp_path, WARNING, expected).passed


def test_whatever_is_not_expected_fails_unless_the_test_is_not_exact(tmp_path: Path) -> None:
    other = "{labels: {alertname: B, severity: warning}}"
    result = tried(tmp_path, f"{WARNING}, {other}", TOLD)
    assert (result.passed, result.missing, [line.firing[0][0] for line in result.unexpected]) == (
        False,
        (),
        [("alertname", "B")],
    )
    assert tried(tmp_path, f"{WARNING}, {other}", TOLD, more="    exact: false\n").passed


def test_what_is_expected_twice_must_come_twice(tmp_path: Path) -> None:
    result = tried(tmp_path, WARNING, TOLD, TOLD)
    assert (len(result.missing), result.unexpected) == (1, ())


def test_nothing_is_expected_and_something_comes(tmp_path: Path) -> None:
    assert not tried(tmp_path, WARNING).passed


def test_a_receiver_stands_for_all_its_integrations_and_a_kind_for_its_own(tmp_path: Path) -> None:
    """The pager's second integration is one that cannot be delivered to."""
    result = tried(tmp_path, CRITICAL, "at: 30s, receiver: pager, reason: first_notification, firing: [A]")
    assert [(one.receiver, one.integration.partition(":")[0]) for one in result.missing] == [
        ("pager", "opsgenie")
    ]
    assert tried(
        tmp_path,
        CRITICAL,
        "at: 30s, receiver: pager, integration: pagerduty, reason: first_notification, firing: [A]",
        "at: 30s, receiver: pager, integration: opsgenie, reason: unsupported, firing: [A]",
    ).passed


def test_alerts_are_matched_so_that_all_find_their_own(tmp_path: Path) -> None:
    pods = ", ".join(f"{{labels: {{alertname: A, severity: warning, pod: '{n}'}}}}" for n in (1, 2))
    for named in ("[A, {pod: '1'}]", "[{pod: '1'}, A]", "[{pod: '2'}, {pod: '1'}]"):
        expected = f"at: 30s, receiver: team, reason: first_notification, firing: {named}"
        assert tried(tmp_path, pods, expected).passed
    expected = "at: 30s, receiver: team, reason: first_notification, firing: [{pod: '1'}, {pod: '1'}]"
    assert not tried(tmp_path, pods, expected).passed


@pytest.mark.parametrize(
    ("by", "passes"), [("routing.yaml:12", True), ("routing.yaml:1", False), ("other", False)]
)
def test_what_hides_an_alert_is_named_in_full(tmp_path: Path, by: str, passes: bool) -> None:
    hidden = f"at: 30s, receiver: team, reason: inhibition, by: '{by}', firing: [{{severity: warning}}]"
    told = (
        "at: 30s, receiver: pager, integration: pagerduty, reason: first_notification, firing: [A]",
        "at: 30s, receiver: pager, integration: opsgenie, reason: unsupported, firing: [A]",
    )
    assert tried(tmp_path, f"{CRITICAL}, {WARNING}", *told, hidden).passed is passes


def test_an_alert_ends_when_the_test_says_so(tmp_path: Path) -> None:
    over = "at: 5m30s, receiver: team, reason: all_resolved, resolved: [A]"
    assert tried(tmp_path, WARNING.replace("}}", "}, for: 2m}"), TOLD, over).passed


def test_a_silence_hides_and_ends(tmp_path: Path) -> None:
    silences = "    silences: [{matchers: [alertname=A], for: 2m}]\n"
    hidden = "at: 30s, receiver: team, reason: silence, firing: [A]"
    told = "at: 2m, receiver: team, reason: unmuted, firing: [A]"
    assert tried(tmp_path, WARNING, hidden, told, more=silences).passed


def test_a_silence_that_cannot_be_made_fails_the_test(tmp_path: Path) -> None:
    silences = "    silences: [{matchers: [alertname=X], for: 2m, comment: ' '}]\n"
    result = tried(tmp_path, WARNING, TOLD, more=silences)
    assert (result.passed, result.refused) == (
        False,
        (f"{tmp_path / 't.yaml'}:7:16: a comment is required: say why it is to be quiet",),
    )
