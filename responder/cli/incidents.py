"""`responder incidents`, `ack`, `unack`: what is wrong now, and who has taken it on.

Called by the CLI's table. It asks a service; whom an acknowledgement covers is decided there.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal
from urllib.parse import quote

import click

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
from responder.cli.matchers import matchers_of
from responder.cli.table import print_table
from responder.core.model import format_labels, labels_from
from responder.errors import UsageError

_INCIDENT: Final = re.compile("[0-9]+-[0-9a-f]+")
_WHICH: Final = (
    "WHICH is incidents' IDs (`responder incidents` lists them), or an ALERTNAME, or LABEL=VALUE (or another "
    "of Alertmanager's operators) once or several times: then it is every incident with a firing alert that "
    "all of them match."
)

# -- looking ----------------------------------------------------------------------------------


@click.command(
    "incidents",
    help="What fires now, newest first, as it is told: an incident is what one message is about. With "
    "INCIDENT everything about one: its alerts, who was told, who took it on, and what is done about it.",
)
@click.argument("incident", required=False)
@click.option("--all", "every", is_flag=True, help="Those as well in which nothing fires any more.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=200, show_default=True, help="At most so many."
)
@url_options
@output_option
def incidents(
    incident: str | None,
    every: bool,
    limit: int,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Print incidents as a table, or one in full."""
    client = Client(url or DEFAULT_URL, token)
    if incident is not None:
        found = client.get(f"/api/v1/incidents/{quote(incident, safe='')}")
        if output == "json":
            print_json(found)
            return
        for line in _lines(found):
            click.echo(printable(line))
        return
    query = [("limit", str(limit)), *([("all", "1")] if every else [])]
    listed = client.get("/api/v1/incidents", query)
    if output == "json":
        print_json(listed)
    elif listed:
        print_table(_HEADINGS, map(_cells, listed))
    else:
        click.echo("no incident is open")


_HEADINGS: Final = (
    "INCIDENT",
    "SEVERITY",
    "ALERTS",
    "FIRING",
    "RECEIVER",
    "SINCE",
    "TAKEN ON BY",
    "RUNS",
    "LABELS",
)


def _cells(incident: dict[str, Any]) -> tuple[str, ...]:
    counts = incident["alerts"]
    others = ", ".join(f"{counts[kind]} {kind}" for kind in ("resolved", "stale", "hidden") if counts[kind])
    taken = incident["acknowledged"]
    return (
        incident["id"],
        incident["severity"],
        ", ".join(incident["alertnames"]),
        f"{counts['firing']}{f' ({others})' if others else ''}",
        incident["receiver"],
        seconds(incident["since"]),
        taken["by"] if taken else "",
        ", ".join(f"{run['id']} {run['state']}" for run in incident["runs"]),
        format_labels(labels_from(incident["labels"])),
    )


def _lines(incident: dict[str, Any]) -> Iterator[str]:
    yield f"{incident['id']}  {incident['status']}  {incident['severity']}"
    labels = format_labels(labels_from(incident["labels"]))
    yield f"  {labels} for {incident['receiver']}, since {seconds(incident['since'])}"
    taken = incident["acknowledged"]
    if taken:
        until = f" until {seconds(taken['until'])}" if taken["until"] else " until it resolves"
        note = f": {taken['note']}" if taken["note"] else ""
        yield f"  taken on by {taken['by']} at {seconds(taken['at'])}{until}{note}"
    else:
        yield "  nobody has taken it on"
    yield f"  next look {seconds(incident['next_look'])}"
    yield "alerts"
    for alert in incident["members"]:
        ends = f" to {seconds(alert['endsAt'])}" if alert["endsAt"] else ""
        hidden = f", hidden by {alert['hidden_by']}" if alert["hidden_by"] else ""
        labels = format_labels(labels_from(alert["labels"]))
        yield f"  {labels}: {alert['status']} since {seconds(alert['startsAt'])}{ends}{hidden}"
    yield "told"
    for told in incident["told"]:
        last = f"last told {seconds(told['last_told'])}" if told["last_told"] else "was told nothing yet"
        yield f"  {told['integration']}: {last}{', more is on its way' if told['on_its_way'] else ''}"
    if not incident["told"]:
        yield "  nobody yet"
    if incident["runs"]:
        yield "runs"
        for run in incident["runs"]:
            reason = f" ({run['reason']})" if run["reason"] else ""
            yield f"  {run['id']}  {run['runbook']}  {run['state']}{reason}  {run['target']}"


# -- taking on and giving back ----------------------------------------------------------------


@click.command(
    "ack",
    help="Take incidents on: they are not repeated until they resolve, and everybody sees whose they are."
    f"\n\n{_WHICH}",
)
@click.argument("which", nargs=-1, required=True, metavar="WHICH...")
@click.option(
    "--for",
    "lasts",
    default="",
    metavar="DURATION",
    help="Only for so long, such as 2h; then it is told again.",
)
@click.option("--note", default="", help="For the others.")
@url_options
@output_option
def ack(
    which: tuple[str, ...],
    lasts: str,
    note: str,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Acknowledge incidents."""
    asked = {**_which(which), **({"for": lasts} if lasts else {}), **({"note": note} if note else {})}
    reply = Client(url or DEFAULT_URL, token).post("/api/v1/ack", asked)
    print_reply(reply, output, "responder incidents")


@click.command("unack", help=f"Give incidents back: they are nobody's, and are told again.\n\n{_WHICH}")
@click.argument("which", nargs=-1, required=True, metavar="WHICH...")
@url_options
@output_option
def unack(which: tuple[str, ...], url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """End acknowledgements."""
    reply = Client(url or DEFAULT_URL, token).post("/api/v1/unack", _which(which))
    print_reply(reply, output, "responder incidents")


def _which(texts: tuple[str, ...]) -> dict[str, Any]:
    """The body for what people name: incidents or matchers, never both."""
    ids = [text for text in texts if _INCIDENT.fullmatch(text)]
    if len(ids) == len(texts):
        return {"incidents": ids}
    if ids:
        raise UsageError(f"{ids[0]} is an incident and the others are matchers: give one or the other")
    return {"matchers": [str(matcher) for matcher in matchers_of(texts)]}
