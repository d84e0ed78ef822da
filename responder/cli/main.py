"""`responder`: finds the command that is asked for, runs it, and shows what went wrong.

The console script calls `main`. A command is imported when it is called, so that `--help` is
immediate; what Responder raises on purpose becomes a message and an exit status, never a traceback.
"""

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import click

from responder import __version__
from responder.errors import ResponderError

# Garbage is rarely looked for, since nearly everything is a value, and while modules are imported not at all:
# the default, every 700 new objects, takes a seventh of the start. The service chooses anew once it is up.
gc.set_threshold(500_000, 20, 100)


class Entry(NamedTuple):
    """Where a command is (`module:attribute`) and what `--help` says of it."""

    at: str
    summary: str


COMMANDS: Final[Mapping[str, Entry]] = {
    "serve": Entry("responder.cli.serve:serve", "Run Responder."),
    "check": Entry("responder.cli.check:check", "Say what is wrong in rules and settings."),
    "migrate": Entry("responder.cli.migrate:migrate", "Make rules of an alertmanager.yml."),
    "route": Entry("responder.cli.route:route", "Show the route tree, or who would hear of an alert."),
    "simulate": Entry("responder.cli.simulate:simulate", "Say whom rules would tell of what and when."),
    "backtest": Entry("responder.cli.backtest:backtest", "Play what was recorded under other rules."),
    "test": Entry("responder.cli.ruletests:test", "Hold rules against their tests."),
    "explain": Entry("responder.cli.explain:explain", "Say why an alert is told or not."),
    "audit": Entry("responder.cli.audit:audit", "The journal: list, verify, export."),
    "ledger": Entry("responder.cli.ledger:ledger", "Say whether all that was owed was told or closed."),
    "delivery": Entry("responder.cli.delivery:delivery", "Notifications: list, resend, dismiss."),
    "silence": Entry("responder.cli.silence:silence", "Silences: add, list, expire."),
    "incidents": Entry("responder.cli.incidents:incidents", "What fires now, and who has taken it on."),
    "ack": Entry("responder.cli.incidents:ack", "Take incidents on."),
    "unack": Entry("responder.cli.incidents:unack", "Give incidents back."),
    "runbook": Entry("responder.cli.runbook:runbook", "Runbooks: list, lint, show; plan, run, sign, reset."),
    "runs": Entry("responder.cli.runs:runs", "Runs: what is, or was, done about alerts."),
    "approve": Entry("responder.cli.approval:approve", "Say yes to a run's plan."),
    "deny": Entry("responder.cli.approval:deny", "Say no to a run."),
    "cancel": Entry("responder.cli.approval:cancel", "Let a run go no further."),
    "resolve": Entry("responder.cli.approval:resolve", "Say how a run of unknown outcome went."),
    "freeze": Entry("responder.cli.freeze:freeze", "Let nothing be done for a while: put, list."),
    "unfreeze": Entry("responder.cli.freeze:unfreeze", "End a freeze."),
    "doctor": Entry("responder.cli.doctor:doctor", "Say whether destinations and clusters can be reached."),
    "sandbox": Entry("responder.cli.sandbox:sandbox", "Run on loopback with stand-ins, and tell a story."),
}
"""Every command, in the order in which `--help` lists them."""


class Commands(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name in the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, if there is one of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.at.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises on purpose becomes a message and an exit status."""
        try:
            return super().invoke(ctx)
        except ResponderError as error:
            click.echo(str(error), err=True)
            raise click.exceptions.Exit(error.exit_code) from None


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="responder %(version)s")
def main() -> None:
    """Decide who hears about an alert, and what is done about it: safely, with proof.

    Exit status: 0 fine, 1 the answer is no, 2 wrong usage or an unreadable file.
    """
