"""`responder doctor`, as a person or a program calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from responder.cli.doctor import _print
from responder.cli.main import main
from responder.notify.doctor.finding import Finding

RULES = "route: {receiver: r}\nreceivers: [{name: r}]\n"


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments])


def configure() -> None:
    Path("routing.yaml").write_text(RULES)
    Path("responder.yaml").write_text("rules: routing.yaml\n")


def test_help_is_complete() -> None:
    text = " ".join(doctor("--help").stdout.split())
    for words in ("[slack|pagerduty|smtp]", "--config", "--send", "--output [text|json]", "Exit status: 0"):
        assert words in text


def test_there_is_nothing_to_read() -> None:
    result = doctor()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "config/responder.yaml is not here: give --config FILE\n"
    result = doctor("--config", "none.yaml")
    assert (result.exit_code, result.stderr) == (
        2,
        "none.yaml cannot be read: No such file or directory\n",
    )
    assert doctor("pigeon").exit_code == 2


def test_nothing_is_configured() -> None:
    configure()
    advice = "name a receiver with slack_configs, pagerduty_configs or email_configs in the rules"
    result = doctor("--config", "responder.yaml")
    assert (result.exit_code, result.stdout) == (
        0,
        f"warning  destinations: nothing is configured\n         -> {advice}\n0 problems, 1 warning, 0 ok\n",
    )
    for kind in ("slack", "pagerduty", "smtp"):
        result = doctor(kind, "--config", "responder.yaml", "--output", "json")
        finding = {"level": "warning", "about": kind, "found": "nothing is configured", "advice": advice}
        assert (result.exit_code, json.loads(result.stdout)) == (0, {"ok": True, "findings": [finding]})


def test_what_is_found_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _print(
        [
            Finding("ok", "slack #ops", "it exists, and the bot is a member [bold]"),
            Finding("problem", "smtp mx:25", "EHLO: 550 \x1b[31mno", "ask\nwhy"),
        ]
    )
    assert capsys.readouterr().out == (
        "ok       slack #ops: it exists, and the bot is a member [bold]\n"
        "problem  smtp mx:25: EHLO: 550 \\x1b[31mno\n"
        "         -> ask\\nwhy\n"
        "1 problem, 0 warnings, 1 ok\n"
    )
