"""`responder freeze` and `unfreeze`: that nothing is done, here or everywhere, until a time.

Called by the CLI's table. It asks a service; what a freeze covers and takes back is decided there.
"""

from typing import Any, Final, Literal
from urllib.parse import quote

import click

from responder.cli.client import (
    DEFAULT_URL,
    Client,
    output_option,
    print_json,
    print_reply,
    seconds,
    url_options,
)
from responder.cli.table import print_table
from responder.core.freeze import SCOPES, scope_fault
from responder.errors import UsageError


@click.group(
    "freeze",
    invoke_without_command=True,
    help="Let nothing be done within a scope for a while, 7 days at the most; print the freeze's ID. "
    "People are told of alerts as ever. What was ordered and is not begun is taken back; what is under way "
    "ends its step, or with --hard is cancelled as far as it can be.\n\n"
    f"SCOPE is {SCOPES}. Without --url, the service at {DEFAULT_URL} is asked.",
)
@click.option("--scope", default="", help="What is frozen.")
@click.option("--reason", default="", help="Why.")
@click.option("--for", "lasts", default="", metavar="DURATION", help="For how long, such as 2h or 3d.")
@click.option("--hard", is_flag=True, help="Cancel what is under way, too.")
@url_options
@output_option
@click.pass_context
def freeze(
    context: click.Context,
    scope: str,
    reason: str,
    lasts: str,
    hard: bool,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Put a freeze, unless a sub-command is asked for."""
    if context.invoked_subcommand is not None:
        if scope or reason or lasts or hard:
            raise UsageError(f"`responder freeze {context.invoked_subcommand}` takes no --scope and the like")
        return
    missing = [
        name
        for name, given in (("--scope", scope), ("--reason", reason), ("--for", lasts))
        if not given.strip()
    ]
    if missing:
        raise UsageError(f"{', '.join(missing)} is missing: a freeze has a scope, a reason and an end")
    if fault := scope_fault(scope):
        raise UsageError(f"--scope: {fault}")
    asked = {"scope": scope, "reason": reason, "for": lasts, "hard": hard}
    print_reply(
        Client(url or DEFAULT_URL, token).post("/api/v1/freezes", asked), output, "responder freeze list"
    )


@freeze.command("list", help="Freezes in force, the one that ends first before others.")
@url_options
@output_option
def list_(url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Print freezes as a table."""
    found = Client(url or DEFAULT_URL, token).get("/api/v1/freezes")
    if output == "json":
        print_json(found)
    elif found:
        print_table(_HEADINGS, map(_cells, found))
    else:
        click.echo("nothing is frozen")


_HEADINGS: Final = ("ID", "SCOPE", "", "UNTIL", "BY", "REASON")


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    hard = "hard" if one["hard"] else ""
    return one["id"], one["scope"], hard, seconds(one["until"]), one["by"], one["reason"]


@click.command("unfreeze", help="End the freeze ID before its time. A token with the role `admin` is needed.")
@click.argument("freeze_id", metavar="ID")
@url_options
@output_option
def unfreeze(freeze_id: str, url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Lift a freeze."""
    reply = Client(url or DEFAULT_URL, token).delete(f"/api/v1/freezes/{quote(freeze_id, safe='')}")
    print_reply(reply, output, "responder freeze list")
