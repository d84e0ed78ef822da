import subprocess
import sys
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from responder import __version__
from responder.cli.main import COMMANDS, main
from responder.errors import FileError, Overloaded, Problem, ProblemsError


def test_every_entry_is_a_command_of_that_name_with_that_summary() -> None:
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.at.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        assert (command.name, bool(command.help)) == (name, True)


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"], max_content_width=200, terminal_width=200)
    assert result.exit_code == 0
    listed = result.output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert [" ".join(line.split()[1:]) for line in listed] == [entry.summary for entry in COMMANDS.values()]


def test_help_imports_no_command() -> None:
    script = (
        "import sys\n"
        "from responder.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.split('.')[:2] in "
        "(['responder', 'core'], ['responder', 'ruleset'], ['aiohttp'], ['pydantic'], ['yaml'])])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"responder {__version__}\n"


@pytest.mark.parametrize("arguments", [["nosuch"], ["check", "--nosuch"], ["route"], ["check", "extra"]])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (FileError("rules cannot be read"), 2, "rules cannot be read\n"),
        (Overloaded("busy"), 1, "busy\n"),
        (
            ProblemsError([Problem("b", 2, 1, "wrong"), Problem("a", 1, 1, "hm", "warning")]),
            1,
            "a:1:1: warning: hm\nb:2:1: error: wrong\n",
        ),
    ],
)
def test_what_is_raised_on_purpose_is_a_message_and_a_status(
    error: Exception, status: int, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command("check")
    def failing() -> None:
        raise error

    monkeypatch.setattr("responder.cli.check.check", failing)
    result = CliRunner().invoke(main, ["check"])
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", shown)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("check")
    def failing() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("responder.cli.check.check", failing)
    assert isinstance(CliRunner().invoke(main, ["check"]).exception, RuntimeError)
