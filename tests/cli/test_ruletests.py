"""`responder test`: the shipped rules keep what their tests say, and what a failure looks like."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cli.story import run
from tests.replay.recorded import ROUTING

ROOT: Final = Path(__file__).parents[2]

TESTS: Final = """\
tests:
  - name: a page
    until: 10m
    alerts:
      - {labels: {alertname: A, severity: critical, pod: '1'}}
      - {labels: {alertname: A, severity: critical, pod: '2'}}
    expect:
      - {at: 30s, receiver: [pager, team], reason: first_notification, firing: [A, {pod: '1'}]}
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with `rules/`, a test that passes beside them, and nothing else."""
    monkeypatch.chdir(tmp_path)
    Path("rules/tests").mkdir(parents=True)
    Path("rules/routing.yaml").write_text(ROUTING)
    Path("rules/tests/a.yaml").write_text(TESTS)
    return tmp_path


def test_the_shipped_rules_do_what_their_tests_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = run("test", "--output", "json")
    found = json.loads(result.stdout)
    assert [test["name"] for test in found["tests"] if not test["passed"]] == []
    assert (result.exit_code, found["failed"]) == (0, 0)
    assert found["passed"] > 10


def test_every_route_of_the_shipped_rules_is_tried_by_a_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Take any route out of the file, or any inhibition, and a test fails."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "rules" / "tests", "tests")
    text = (ROOT / "rules" / "routing.yaml").read_text()
    survived = []
    for index in range(_each_route(yaml.safe_load(text)["route"])):
        changed = yaml.safe_load(text)
        _each_route(changed["route"], remove=index)
        Path("routing.yaml").write_text(yaml.safe_dump(changed))
        if run("test", "tests", "--rules", "routing.yaml").exit_code != 1:
            survived.append(index)
    Path("routing.yaml").write_text(yaml.safe_dump(yaml.safe_load(text) | {"inhibit_rules": []}))
    assert run("test", "tests", "--rules", "routing.yaml").exit_code == 1
    assert survived == []


def _each_route(route: Any, remove: int = -1, before: int = 0) -> int:
    """Count the routes below one, each before its own; the one of that number is removed."""
    for each in list(route.get("routes", ())):
        if before == remove:
            route["routes"].remove(each)
        before = _each_route(each, remove, before + 1)
    return before


@pytest.mark.usefixtures("rules")
def test_what_passes_is_said_in_a_line() -> None:
    result = run("test")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "rules/tests/a.yaml",
        "  ok      a page",
        "1 test: 1 passed, 0 failed",
    ]


@pytest.mark.usefixtures("rules")
def test_what_fails_says_what_was_expected_and_what_came() -> None:
    Path("rules/routing.yaml").write_text(
        ROUTING.replace("  group_by: [alertname]", "  group_by: [alertname]\n  group_wait: 1m").replace(
            "receiver: pager, continue", "receiver: team, continue"
        )
    )
    result = run("test", "--timeline")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "rules/tests/a.yaml",
        "  FAILED  a page  (rules/tests/a.yaml:2:5)",
        "    - expected      30s  pager (pagerduty) is told: first_notification  "
        '+ A, + {pod="1"}  (a.yaml:8)',
        '    - expected      30s  team (slack) is told: first_notification  + A, + {pod="1"}  (a.yaml:8)',
        '    + got            1m  team (slack) is told: first_notification  + A {pod="1"}, + A {pod="2"}'
        "  (not the same: at)",
        '    + got            1m  team (slack) is told: first_notification  + A {pod="1"}, + A {pod="2"}'
        "  (not expected)",
        '                   1m  team (slack) is told: first_notification  + A {pod="1"}, + A {pod="2"}',
        '                   1m  team (slack) is told: first_notification  + A {pod="1"}, + A {pod="2"}',
        "1 test: 0 passed, 1 failed",
    ]


@pytest.mark.usefixtures("rules")
def test_maintenance_windows_are_part_of_the_rules() -> None:
    nights = "{name: nights, time_intervals: [{times: [{start_time: '22:00', end_time: '06:00'}]}]}"
    Path("rules/routing.yaml").write_text(f"{ROUTING}time_intervals: [{nights}]\n")
    window = (
        "name: w, matchers: [alertname=A], time_intervals: [nights], owner: o, reason: r, until: 2030-01-01"
    )
    Path("rules/suppression.yaml").write_text(f"maintenance: [{{{window}}}]\n")
    assert run("test").exit_code == 1
    hidden = "reason: maintenance, by: w, firing: [A, A]"
    Path("rules/tests/a.yaml").write_text(
        TESTS.replace("reason: first_notification, firing: [A, {pod: '1'}]", hidden)
    )
    result = run("test")
    assert (result.stdout.splitlines()[-1], result.exit_code) == ("1 test: 1 passed, 0 failed", 0)


@pytest.mark.usefixtures("rules")
def test_for_programs() -> None:
    Path("rules/tests/a.yaml").write_text(TESTS.replace("30s", "31s").replace("[pager, team]", "team"))
    found = json.loads(run("test", "--output", "json").stdout)
    (test,) = found.pop("tests")
    assert found == {"passed": 0, "failed": 1}
    (missing,) = test.pop("missing")
    assert missing.pop("integration").startswith("slack:")
    assert missing == {
        "earliest": 31.0,
        "latest": 31.0,
        "type": "notification",
        "receiver": "team",
        "reason": "first_notification",
        "firing": [{"alertname": "A"}, {"pod": "1"}],
        "resolved": [],
        "line": 8,
    }
    assert [(line["at"], line["receiver"]) for line in test.pop("unexpected")] == [
        (30, "pager"),
        (30, "team"),
    ]
    assert test == {"name": "a page", "file": "rules/tests/a.yaml", "line": 2, "passed": False, "refused": []}


def test_rules_are_those_beside_unless_others_are_named(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.yaml").write_text(ROUTING.replace("receiver: team", "receiver: pager", 1))
    other = TESTS.replace("[pager, team]", "pager").replace("severity: critical", "other: x")
    Path("named.yaml").write_text(f"rules: other.yaml\n{other}")
    monkeypatch.chdir(rules / "rules" / "tests")
    assert run("test", "a.yaml").exit_code == 0
    monkeypatch.chdir(rules)
    Path("other.yaml").write_text(
        "route: {receiver: pager, group_by: [alertname]}\n"
        "receivers: [{name: pager, pagerduty_configs: [{routing_key: k}]}]\n"
    )
    assert run("test", "named.yaml", "rules/tests").exit_code == 0
    assert run("test", "rules/tests", "--rules", "other.yaml").exit_code == 1


@pytest.mark.usefixtures("rules")
def test_only_some_tests() -> None:
    assert run("test", "rules", "--only", "page").exit_code == 0
    result = run("test", "--only", "nosuch")
    assert (result.exit_code, result.stderr) == (2, "no test has 'nosuch' in its name\n")


@pytest.mark.usefixtures("rules")
def test_every_problem_of_every_file_is_said_at_once() -> None:
    Path("rules/tests/b.yaml").write_text(TESTS.replace("a page", "b").replace("pager,", "pagre,"))
    Path("rules/tests/c.yaml").write_text("tests: 1\n")
    result = run("test")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        'rules/tests/b.yaml:8:30: error: receiver: the rules have no "pagre"; did you mean "pager"?',
        "rules/tests/c.yaml:1:8: error: tests: must be a list, not a text",
    ]


@pytest.mark.usefixtures("rules")
def test_rules_that_do_not_load_are_told_of_as_by_check() -> None:
    Path("rules/routing.yaml").write_text("route: {receiver: x}\n")
    result = run("test")
    assert (result.exit_code, result.stderr) == (
        1,
        'rules/routing.yaml:1:19: error: receiver: there is no receiver "x"\n',
    )


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.yaml"], "none.yaml cannot be read: No such file or directory\n"),
        (["bare"], "bare/tests is not here: these rules have no tests beside them\n"),
        (["empty"], "empty has no file of tests (*.yaml)\n"),
        (["--rules", "empty"], "empty/tests is not here: name a file of tests, or a directory with some\n"),
    ],
)
def test_nothing_to_read(arguments: list[str], message: str) -> None:
    Path("empty").mkdir()
    shutil.copytree("rules", "bare", ignore=shutil.ignore_patterns("tests"))
    result = run("test", *arguments)
    assert (result.exit_code, result.stderr) == (2, message)


@pytest.mark.usefixtures("rules")
def test_alertmanagers_faults_on_request() -> None:
    text = TESTS.replace("until: 10m", "until: 1h").replace("[A, {pod: '1'}]}", "[{pod: '1'}, {pod: '2'}]}")
    Path("rules/tests/a.yaml").write_text(text)
    assert run("test", "--compatibility", "alertmanager").exit_code == 0


def test_the_example_of_the_page_is_one_that_the_shipped_rules_pass(rules: Path) -> None:
    page = (ROOT / "docs" / "rule-tests.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```\n")[0]
    assert example.startswith("rules: ..")
    shutil.copy(ROOT / "rules" / "routing.yaml", "rules/routing.yaml")
    Path("rules/tests/a.yaml").write_text(example)
    assert run("test", rules / "rules" / "tests" / "a.yaml").exit_code == 0


@pytest.mark.usefixtures("rules")
def test_the_failure_that_the_page_shows_is_what_is_printed() -> None:
    page = (ROOT / "docs" / "rule-tests.md").read_text()
    shown = page.partition("```text\n")[2].partition("```\n")[0].splitlines()
    Path("rules/routing.yaml").write_text(
        "route:\n  receiver: chat\n"
        "  routes: [{receiver: db, group_wait: 1m, continue: true}, {receiver: chat}]\n"
        "receivers:\n  - {name: chat, slack_configs: [{channel: x}]}\n"
        "  - {name: db, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}\n"
    )
    Path("rules/tests/a.yaml").unlink()
    test = (
        "  - name: the database team hears of its alerts\n    until: 10m\n    alerts:\n"
        "      - labels: {alertname: Full, team: db}\n    expect:\n"
        "      - {at: 30s, receiver: db, reason: first_notification, firing: [Full]}\n"
    )
    Path("rules/tests/promises.yaml").write_text("tests:\n" + "\n" * 10 + test)
    assert run("test").stdout.splitlines()[:-1] == shown
