"""`responder ledger`: was everything that was owed told, or closed with a reason?

Called by the CLI's table. It adds up and compares; it changes nothing.
"""

from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from responder.cli.client import (
    DEFAULT_CONFIG,
    Client,
    config_option,
    output_option,
    place_to_look,
    print_json,
    printable,
    storage_of,
    stored,
    url_options,
)


@click.command(
    "ledger",
    help="The sums of the ledger: owed = delivered + suppressed + superseded + dead + pending. "
    f"Without --config and --url the storage of {DEFAULT_CONFIG} is read. "
    "Exit status: 0 they agree, 1 they differ, 2 they cannot be read.",
)
@config_option
@url_options
@output_option
@click.pass_context
def ledger(
    context: click.Context,
    config: Path | None,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Print the sums, from a service or from the rows."""
    place = place_to_look(config, url, token, otherwise=DEFAULT_CONFIG)
    sums = place.get("/api/v1/ledger") if isinstance(place, Client) else _read(place)
    if output == "json":
        print_json(sums)
    else:
        _print(sums)
    context.exit(0 if sums["balanced"] else 1)


def _read(config: Path) -> dict[str, Any]:
    from responder.store import outbox

    with stored(storage_of(config)) as connection:
        sums = outbox.sums(connection)
    return {"balanced": sums.balanced} | msgspec.structs.asdict(sums)


def _print(sums: dict[str, Any]) -> None:
    if sums["balanced"] and not sums["owed"]:
        click.echo("nothing was owed yet")
        return
    counts = {**sums["closed"], "pending": sums["pending"]}
    width = len(str(max(sums["owed"], *counts.values())))
    click.echo(f"owed        {sums['owed']:>{width}}")
    for state, count in counts.items():
        why = [
            f"{reason.removeprefix(f'{state}(').removesuffix(')')} {number}"
            for reason, number in sums["reasons"].items()
            if reason.startswith(f"{state}(")
        ]
        click.echo(f"{state:<11} {count:>{width}}   {printable(', '.join(why))}".rstrip())
    if sums["balanced"]:
        click.echo(f"balanced: {sums['owed']} = {' + '.join(map(str, counts.values()))}")
    for problem in sums["problems"]:
        click.echo(f"NOT BALANCED: {printable(problem)}")
