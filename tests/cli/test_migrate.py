"""`responder migrate`: what it writes, what it says, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from tests.cli.story import run

TEXT = """\
route: {receiver: a, routes: [{receiver: b, matchers: [x=y]}]}
receivers:
  - name: a
    webhook_configs:
      - url_file: hook
        http_config: {bearer_token: canary}
  - name: b
    opsgenie_configs: [{api_key_file: /k}]
inhibit_rules: [{source_matchers: [a=b], target_matchers: [c=d], equal: [e]}]
"""


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("am.yml").write_text(TEXT)
    Path("hook").write_text("https://h.example/x")


def test_it_says_what_was_kept_changed_and_is_for_a_person() -> None:
    result = run("migrate", "am.yml", "--into", "my rules")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "my rules/routing.yaml is written from am.yml. Kept as they were:",
        "  2 routes, 2 receivers (1 opsgenie, 1 webhook),",
        "  1 inhibit rule, no time intervals",
        "Changed: 1",
        "  my rules/routing.yaml:9:19: was hook: names of files count from my rules/",
        "For a person to look at: 2",
        "  my rules/routing.yaml:11:37: bearer_token: an inline secret; put it in a file and name that in "
        "bearer_token_file",
        "  my rules/routing.yaml:14:24: opsgenie_configs: not delivered by this version: what is owed here "
        "ends as unsupported",
        "Next:",
        "  responder check --rules 'my rules' --allow-unsupported",
        "  responder route show --rules 'my rules'",
        "  responder route test --rules 'my rules' alertname=Example severity=critical",
        '  echo \'{"at": "0s", "alerts": [{"labels": {"alertname": "Example", "severity": '
        "\"critical\"}}]}' | responder simulate --rules 'my rules' --input - --until 12h",
    ]
    assert Path("am.yml").read_text() == TEXT
    assert run("check", "--rules", "my rules", "--allow-unsupported").exit_code == 0


def test_for_programs() -> None:
    result = run("migrate", "am.yml", "--into", "rules", "--output", "json")
    found = json.loads(result.stdout)
    assert [found.pop(key) for key in ("from", "written", "kept")] == [
        "am.yml",
        ["rules/routing.yaml"],
        {
            "routes": 2,
            "receivers": 2,
            "integrations": {"opsgenie": 1, "webhook": 1},
            "inhibit_rules": 1,
            "time_intervals": 0,
        },
    ]
    assert found.pop("changed") == [
        {
            "file": "rules/routing.yaml",
            "line": 9,
            "column": 19,
            "was_line": 5,
            "message": "was hook: names of files count from rules/",
        }
    ]
    assert [note["was_line"] for note in found.pop("for_a_person")] == [6, 8]
    assert len(found.pop("next")) == 4
    assert found == {}


def test_nothing_is_overwritten_unless_it_is_asked_for() -> None:
    Path("rules").mkdir()
    Path("rules/routing.yaml").write_text("mine")
    result = run("migrate", "am.yml", "--into", "rules")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "rules/routing.yaml is there already: name another directory, or overwrite it with --force\n"
    )
    assert Path("rules/routing.yaml").read_text() == "mine"
    assert run("migrate", "am.yml", "--into", "rules", "--force").exit_code == 0
    assert Path("rules/routing.yaml").read_text() != "mine"
    assert [path.name for path in Path("rules").iterdir()] == ["routing.yaml"]


def test_who_could_not_read_the_original_cannot_read_the_rules() -> None:
    Path("am.yml").chmod(0o600)
    run("migrate", "am.yml", "--into", "rules")
    assert Path("rules/routing.yaml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("route: {}\nreceivers: []\n", 1, "am.yml:1:8: error: a route needs receiver\n"),
        (None, 2, "am.yml cannot be read: No such file or directory\n"),
    ],
)
def test_a_file_that_does_not_load_leaves_nothing_behind(text: str | None, status: int, message: str) -> None:
    if text is None:
        Path("am.yml").unlink()
    else:
        Path("am.yml").write_text(text)
    result = run("migrate", "am.yml", "--into", "a/b")
    assert (result.exit_code, result.stderr, Path("a").exists()) == (status, message, False)


def test_a_directory_that_cannot_be_written_leaves_nothing_behind() -> None:
    Path("plain").write_text("a file")
    result = run("migrate", "am.yml", "--into", "plain/rules")
    assert (result.exit_code, result.stderr) == (
        2,
        "plain/rules/routing.yaml cannot be written: Not a directory\n",
    )


def test_the_settings_that_the_rules_will_run_under_count() -> None:
    Path("am.yml").write_text("route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{channel: x}]}]\n")
    Path("responder.yaml").write_text("slack: {bot_token_file: token}\n")
    without = json.loads(run("migrate", "am.yml", "--into", "one", "--output", "json").stdout)
    under = json.loads(
        run("migrate", "am.yml", "--into", "two", "--config", "responder.yaml", "--output", "json").stdout
    )
    assert [len(found["for_a_person"]) for found in (without, under)] == [1, 0]
