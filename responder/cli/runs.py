"""`responder runs`, and what is asked of a runbook by people: plan, run, sign, reset.

Called by the CLI's table and by the group in `cli.runbook`. A service plans, judges and does;
nothing is decided or carried out here.
"""

import time
from pathlib import Path
from typing import Any, Final, Literal, get_args
from urllib.parse import quote

import click

from responder.cli.approval import path_of
from responder.cli.client import (
    DEFAULT_URL,
    Client,
    output_option,
    print_json,
    print_reply,
    printable,
    seconds,
    url_options,
)
from responder.cli.intent import intent_lines, intent_of, page_of
from responder.cli.runtext import run_lines, run_target
from responder.cli.table import print_table
from responder.core.run import RunState
from responder.errors import Refused, UsageError

_LOOK_AGAIN: Final = 0.2
_LOOKS: Final = 300
"""Seconds between two looks at a run, and how many until it is left to itself."""

_WAITS: Final = frozenset({"awaiting_approval", "unknown"})
"""States that only a person ends."""

_GOOD: Final = frozenset(
    {"proposed", "awaiting_approval", "approved", "executing", "waiting", "verifying", "succeeded"}
)


# -- looking ----------------------------------------------------------------------------------


@click.command(
    "runs",
    help="Runs that are open or recent, newest first; or with RUN everything about one: its plan, what every "
    "guard said, who approved, and its story.",
)
@click.argument("run", required=False)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(get_args(RunState)),
    metavar="STATE",
    help="Only runs in this state; may be repeated.",
)
@click.option("--runbook", "runbooks", multiple=True, metavar="NAME", help="Only this runbook's.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="At most so many.")
@url_options
@output_option
def runs(
    run: str | None,
    states: tuple[str, ...],
    runbooks: tuple[str, ...],
    limit: int,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Print runs as a table, or one in full."""
    client = Client(url or DEFAULT_URL, token)
    if run is not None:
        if states or runbooks:
            raise UsageError("--state and --runbook are for the list: leave RUN out")
        _print(client.get(path_of(run)), output)
        return
    query = [("limit", str(limit)), *(("state", state) for state in states)]
    query += [("runbook", name) for name in runbooks]
    found = client.get("/api/v1/runs", query)
    if output == "json":
        print_json(found)
    elif found:
        print_table(_HEADINGS, map(_cells, found))
    else:
        click.echo("no run" if states or runbooks else "nothing was run lately")


_HEADINGS: Final = ("RUN", "RUNBOOK", "STATE", "WHY", "TARGET", "ASKED BY", "SINCE")


def _cells(run: dict[str, Any]) -> tuple[str, ...]:
    return (
        run["id"],
        run["runbook"],
        run["state"],
        run["reason"],
        run_target(run),
        run["person"] or run["requested_by"] or run["via"],
        seconds(run["created_at"]),
    )


def _print(run: dict[str, Any], output: str) -> None:
    if output == "json":
        print_json(run)
        return
    for line in run_lines(run):
        click.echo(printable(line))


# -- asking for one ---------------------------------------------------------------------------

_PAIRS: Final = (
    "NAME=VALUE are the runbook's parameters (`responder runbook show` lists them). The target's cluster is "
    "one of them; it may be left out where only one is configured."
)


@click.command(
    "plan",
    help="Say what the runbook NAME would do, exactly, and what every guard says; nothing is done. With "
    "--rules only what the page in DIR says: no service is asked, no target looked at.\n\n"
    f"{_PAIRS}\n\nExit status 1: a guard denies it.",
)
@click.argument("name")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--rules", type=click.Path(path_type=Path), metavar="DIR", help="A rules directory.")
@url_options
@output_option
@click.pass_context
def plan(
    context: click.Context,
    name: str,
    parameters: tuple[str, ...],
    rules: Path | None,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Have a plan made and judged, or say what the page intends."""
    if rules is not None:
        if url and context.get_parameter_source("url") is click.core.ParameterSource.COMMANDLINE:
            raise UsageError("--rules reads files and --url asks a service: give one of them")
        intent = intent_of(page_of(rules, name), _pairs(parameters))
        if output == "json":
            print_json(intent)
            return
        for line in intent_lines(intent):
            click.echo(printable(line))
        return
    client = Client(url or DEFAULT_URL, token)
    asked = {"runbook": name, "parameters": _pairs(parameters), "plan_only": True}
    run = _asked(client, asked)
    _print(run, output)
    context.exit(1 if any(one["verdict"] == "deny" for one in run["verdicts"]) else 0)


@click.command(
    "run",
    help="Ask for the runbook NAME to be run. It is done when every guard allows it; if persons have to "
    f"approve, it waits for them.\n\n{_PAIRS}\n\n"
    "Exit status 1: it was denied, or did not succeed.",
)
@click.argument("name")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--reason", "why", default="", help="Why it is to be run; who approves reads it.")
@click.option("--wait", is_flag=True, help="Look on until it is over, or waits for a person.")
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the page that you read is: nothing is asked for if the service has another text in force.",
)
@url_options
@output_option
@click.pass_context
def run(
    context: click.Context,
    name: str,
    parameters: tuple[str, ...],
    why: str,
    wait: bool,
    rules: Path | None,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Ask for a run."""
    client = Client(url or DEFAULT_URL, token)
    if rules is not None:
        _same_text(client, name, rules)
    found = _asked(client, {"runbook": name, "parameters": _pairs(parameters), "why": why}, wait=wait)
    _print(found, output)
    if output == "text" and found["state"] == "awaiting_approval":
        click.echo(f"it waits for an approval: responder approve {found['id']}")
    context.exit(0 if found["state"] in _GOOD else 1)


def _asked(client: Client, asked: dict[str, Any], *, wait: bool = False) -> dict[str, Any]:
    """The run that was asked for, once it is judged; with `wait`, once nothing more happens by itself."""
    reply = client.post("/api/v1/runs", asked)
    if reply.accepted:
        raise Refused(
            f"accepted as input {reply.document.get('input')}, not decided yet; look later: responder runs"
        )
    found: dict[str, Any] = client.get(path_of(reply.document["id"]))
    looks = 0
    while not _settled(found, wait=wait):
        looks += 1
        if looks == _LOOKS and not wait:
            raise Refused(f"{found['id']} is not judged yet; look later: responder runs {found['id']}")
        time.sleep(_LOOK_AGAIN)
        found = client.get(path_of(found["id"]))
    return found


def _settled(run: dict[str, Any], *, wait: bool) -> bool:
    if not run["open"] or run["state"] in _WAITS:
        return True
    return not wait and (run["state"] != "proposed" or bool(run["verdicts"]))


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"{text!r} is not NAME=VALUE")
        if found.setdefault(name, value) != value:
            raise UsageError(f"{name} is given twice: a parameter has one value")
    return found


# -- vouching for a page ----------------------------------------------------------------------


@click.command(
    "sign",
    help="Vouch for the text of the runbook NAME as it is in force, so that its `mode: auto` may count: an "
    "edited page needs a person's approval for each run until somebody has signed it. A token with the role "
    "`admin` is needed.",
)
@click.argument("name")
@click.option("--reason", required=True, help="Why this text may be trusted.")
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the page that you read is: nothing is signed if the service has another text in force.",
)
@url_options
@output_option
def sign(
    name: str,
    reason: str,
    rules: Path | None,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Sign a runbook."""
    client = Client(url or DEFAULT_URL, token)
    digest = _same_text(client, name, rules) if rules else client.get(_page(name))["hash"]
    reply = client.post(f"{_page(name)}/sign", {"hash": digest, "reason": reason})
    print_reply(reply, output, f"responder runbook show {name}")


@click.command(
    "reset",
    help="Let the runbook NAME, which was demoted after failures, go by itself again. A token with the role "
    "`admin` is needed.",
)
@click.argument("name")
@click.option("--reason", required=True, help="What was mended.")
@url_options
@output_option
def reset(name: str, reason: str, url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Reset a runbook."""
    reply = Client(url or DEFAULT_URL, token).post(f"{_page(name)}/reset", {"reason": reason})
    print_reply(reply, output, f"responder runbook show {name}")


def _page(name: str) -> str:
    return f"/api/v1/runbooks/{quote(name, safe='')}"


def _same_text(client: Client, name: str, rules: Path) -> str:
    """The hash of the page in `rules`, which is the one in force. Raises Refused if it is not."""
    read = page_of(rules, name)
    in_force = client.get(_page(name))["hash"]
    if in_force != read.hash:
        raise Refused(
            f"{client.url} has another text of {name} in force ({in_force[:12]}...) than {rules} "
            f"({read.hash[:12]}...): reload it, or read the other one"
        )
    return read.hash
