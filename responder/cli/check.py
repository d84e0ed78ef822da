"""`responder check`: every problem of the rules and the settings, with its place.

People and CI call it before rules are put in force. It changes nothing and needs no running service.
"""

import json
import os
from pathlib import Path

import click
from msgspec.structs import asdict

from responder.cli.client import DEFAULT_CONFIG
from responder.errors import Problem, ProblemsError
from responder.ruleset import load_ruleset
from responder.settings import Settings, load_settings


@click.command("check")
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    metavar="DIR_OR_FILE",
    help="A rules directory, or one file: an alertmanager.yml will do. Default: what --config says, or rules",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also check these settings (and RESPONDER__ variables), and the rules under them. "
    "Default: config/responder.yaml, if it is there",
)
@click.option(
    "--allow-unsupported",
    is_flag=True,
    help="An integration that this version lacks is a warning, as in serve, not an error.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(rules: Path | None, config: Path | None, allow_unsupported: bool, output: str) -> None:
    """Say what is wrong in the rules and the settings.

    Prints every problem as file:line:column: error|warning: message. Exits 1 if any is an error, and
    2 if there is nothing to read.
    """
    if config is None and DEFAULT_CONFIG.is_file():
        config = DEFAULT_CONFIG
    problems, settings = _check_settings(config)
    path = rules or settings.rules
    try:
        loaded = load_ruleset(path, settings, allow_unsupported=allow_unsupported)
        problems += [*loaded.warnings, *loaded.unsupported, *loaded.broken]
    except ProblemsError as error:
        problems += error.problems
    problems.sort()
    errors = sum(problem.severity == "error" for problem in problems)
    if output == "json":
        click.echo(
            json.dumps({"ok": not errors, "problems": [asdict(problem) for problem in problems]}, indent=2)
        )
    else:
        for problem in problems:
            click.echo(str(problem))
        click.echo(
            f"{path}: {_counted(errors, 'error')}, {_counted(len(problems) - errors, 'warning')}", err=True
        )
    if errors:
        raise click.exceptions.Exit(1)


def _check_settings(config: Path | None) -> tuple[list[Problem], Settings]:
    """What is wrong in the settings; the rules are then checked under the defaults."""
    if config is None:
        return [], Settings()
    try:
        settings = load_settings(config, os.environ)
    except ProblemsError as error:
        return list(error.problems), Settings()
    return list(settings.warnings), settings


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
