"""`responder delivery`: what was told or is on its way, and what nobody took.

Called by the CLI's table. It asks a service to tell again or to forget; it never writes to the
storage itself.
"""

from pathlib import Path
from typing import Any, Final, Literal

import click

from responder.cli.client import (
    DEFAULT_URL,
    Client,
    config_option,
    output_option,
    place_to_look,
    print_json,
    print_reply,
    printable,
    seconds,
    storage_of,
    stored,
    url_options,
)


@click.group(
    "delivery",
    help="Notifications: what was told or is on its way, and what nobody took. "
    f"Without --url, the service at {DEFAULT_URL} is asked.",
)
def delivery() -> None:
    """What the sub-commands share: nothing."""


@delivery.command(
    "list",
    help="Ledger rows, newest first. With --dead only those that were refused for good and that nobody has "
    "dealt with yet: one line for each group and integration, with the newest row's ID and how many there "
    "are.",
)
@click.option("--dead", is_flag=True, help="Only what was refused for good and is still to be dealt with.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many."
)
@config_option
@url_options
@output_option
def list_(
    dead: bool, limit: int, config: Path | None, url: str | None, token: str, output: Literal["text", "json"]
) -> None:
    """Print rows as a table."""
    place = place_to_look(config, url, token, otherwise=DEFAULT_URL)
    if isinstance(place, Client):
        rows = place.get("/api/v1/deliveries", [("limit", str(limit)), *([("dead", "1")] if dead else [])])
    else:
        rows = _read(place, dead=dead, limit=limit)
    if output == "json":
        print_json(rows)
    elif rows:
        _print(rows)
    else:
        click.echo(
            "nothing is dead: all was delivered, closed or is on its way" if dead else "nothing was owed yet"
        )


@delivery.command(
    "resend",
    help="Tell again what the dead row ID would have told, as things are now. "
    "Exit status 1: there is no such row, or nothing of it is left to tell.",
)
@click.argument("row", metavar="ID", type=click.IntRange(min=1))
@url_options
@output_option
def resend(row: int, url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Ask for a new row in the place of a dead one."""
    _command(Client(url or DEFAULT_URL, token), row, "resend", output)


@delivery.command("dismiss", help="Take the dead row ID off the list: somebody has seen to it.")
@click.argument("row", metavar="ID", type=click.IntRange(min=1))
@url_options
@output_option
def dismiss(row: int, url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Ask for a dead row to be forgotten."""
    _command(Client(url or DEFAULT_URL, token), row, "dismiss", output)


def _command(client: Client, row: int, what: str, output: str) -> None:
    print_reply(client.post(f"/api/v1/deliveries/{row}/{what}"), output, "responder audit list")


def _read(config: Path, *, dead: bool, limit: int) -> list[dict[str, object]]:
    from responder.store import outbox

    with stored(storage_of(config)) as connection:
        return [outbox.as_shown(row) for row in outbox.list_rows(connection, dead=dead, limit=limit)]


_HEADINGS: Final = ("ID", "AT", "RECEIVER", "TOLD BECAUSE", "STATE", "WHY", "TRIES", "GROUP")


def _print(rows: list[dict[str, Any]]) -> None:
    cells = zip(*map(_cells, rows), strict=True)
    columns = [(name, *column) for name, column in zip(_HEADINGS, cells, strict=True) if any(column)]
    widths = [max(map(len, column)) for column in columns]
    for line in zip(*columns, strict=True):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    reason = row.get("close_reason") or row.get("last_reason", "")
    detail = row.get("detail") or row.get("last_detail", "")
    why = "" if row["state"] == "delivered" else f"{reason}: {detail}" if detail else reason
    if row["state"] == "pending" and "next_at" in row:
        why = f"{why}; next try {seconds(row['next_at'])}".removeprefix("; ")
    number = f"{row['id']} (x{row['count']})" if row["count"] > 1 else str(row["id"])
    cells = (
        number,
        seconds(row["at"]),
        row["receiver"],
        row["reason"],
        row["state"],
        why,
        str(row["attempts"] or ""),
        row["group_key"],
    )
    return tuple(printable(cell) for cell in cells)
