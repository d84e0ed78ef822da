"""`responder approve`, `deny`, `cancel`, `resolve`: what a person decides about a run.

Called by the CLI's table. Approving shows the plan first and then says yes to the hash that was
shown, so that nobody approves what they did not see; whether it counts is decided by the service.
"""

from typing import Any, Literal
from urllib.parse import quote

import click

from responder.cli.client import (
    DEFAULT_URL,
    Client,
    output_option,
    print_reply,
    printable,
    url_options,
)
from responder.cli.runtext import run_lines
from responder.errors import Refused, UsageError


@click.command(
    "approve",
    help="Say yes to what RUN is about to do. Its plan and every guard's verdict are printed, and what is "
    "approved is the hash of that plan: if the service would do anything else meanwhile, the approval does "
    "not count. A token with the role `approve` that names a person is needed.\n\n"
    "Exit status 1: it cannot be approved (any more), and why.",
)
@click.argument("run")
@url_options
@output_option
def approve(run: str, url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Show the plan, then approve its hash."""
    client = Client(url or DEFAULT_URL, token)
    seen = client.get(path_of(run))
    if output == "text":
        for line in run_lines(seen):
            click.echo(printable(line))
    if seen["plan"] is None:
        raise Refused(f"{seen['id']} is {seen['state']}: there is no plan that could be approved")
    reply = client.post(path_of(run, "approve"), {"plan": seen["plan"]["hash"]})
    print_reply(reply, output, f"responder runs {seen['id']}")


@click.command("deny", help="Say no to RUN, which waits for an approval or has not begun.")
@click.argument("run")
@click.option("--reason", default="", help="Why not; everybody who sees the run sees it.")
@url_options
@output_option
def deny(run: str, reason: str, url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Deny a run."""
    _decide(Client(url or DEFAULT_URL, token), run, "deny", {"reason": reason}, output)


@click.command(
    "cancel", help="Let RUN go no further. A step that is under way ends first; nothing is taken back."
)
@click.argument("run")
@click.option("--reason", default="", help="Why; everybody who sees the run sees it.")
@url_options
@output_option
def cancel(run: str, reason: str, url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Cancel a run."""
    _decide(Client(url or DEFAULT_URL, token), run, "cancel", {"reason": reason}, output)


@click.command(
    "resolve",
    help="Say how RUN went, whose outcome is unknown, after looking: a step was under way when Responder "
    "or the network went away, and no probe could tell. The step is never done a second time. "
    "A token that names a person is needed.",
)
@click.argument("run")
@click.option("--applied/--not-applied", default=None, help="Whether what the step does was done.")
@click.option("--reason", required=True, help="What was seen, and where.")
@url_options
@output_option
def resolve(
    run: str, applied: bool | None, reason: str, url: str | None, token: str, output: Literal["text", "json"]
) -> None:
    """Resolve a run of unknown outcome."""
    if applied is None:
        raise UsageError("say --applied or --not-applied: whether what the step does was done")
    body = {"applied": applied, "reason": reason}
    _decide(Client(url or DEFAULT_URL, token), run, "resolve", body, output)


def _decide(client: Client, run: str, what: str, body: dict[str, Any], output: str) -> None:
    print_reply(client.post(path_of(run, what), body), output, f"responder runs {run}")


def path_of(run: str, what: str = "") -> str:
    """The path of a run, or of what is decided about it."""
    path = f"/api/v1/runs/{quote(run, safe='')}"
    return f"{path}/{what}" if what else path
