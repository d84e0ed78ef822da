"""Tables for people: aligned columns that wrap in a terminal and stay on one line in a file.

Commands that list things print through it. Programs are given JSON instead; nothing here decides
what is shown.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Final

import click

from responder.cli.client import printable

_WIDE: Final = 10_000
"""Columns of what is no terminal: nothing is wrapped there."""


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under their headings. A column in which nothing stands is left out; cells are made printable."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines = [tuple(map(printable, row)) for row in rows]
    used = [index for index in range(len(headings)) if any(line[index] for line in lines)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for index in used:
        table.add_column(headings[index], overflow="fold")
    for line in lines:
        table.add_row(*(Text(line[index]) for index in used))
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _WIDE, highlight=False)
    if terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for text in captured.get().splitlines():
        click.echo(text.rstrip())
