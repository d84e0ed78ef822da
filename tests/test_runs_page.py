"""The page on runs is true: its states are the table's, its commands and its paths exist."""

import re
import shlex
from pathlib import Path
from typing import Any, Final, cast

import click
import pytest
from aiohttp import web

from responder.cli.main import main
from responder.core.run import ENDS, MOVES
from responder.web.api import Api

PAGE: Final = (Path(__file__).parents[1] / "docs" / "runs.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


def test_the_states_and_their_moves_are_those_of_the_core() -> None:
    shown = {row[0].strip("`"): re.findall("`([a-z_]+)`", row[2]) for row in rows("States")}
    assert shown == {state: sorted(moves) for state, moves in MOVES.items()}
    assert {state for state, moves in shown.items() if not moves} == ENDS - {"failed"}


def test_the_paths_are_those_of_the_api() -> None:
    app = web.Application()
    Api(*cast("tuple[Any, Any, Any, Any]", (None, None, None, None))).add_routes(app)
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    books = re.compile(r".*/api/v1/(ledger|deliveries|audit|explain|reload)")
    assert {row[0].strip("`") for row in rows("Over HTTP")} == {
        path for path in served if not books.match(path)
    }


@pytest.mark.parametrize("line", re.findall(r"^(responder .*?)(?: {2,}#.*)?$", PAGE, re.MULTILINE))
def test_a_command_takes_what_the_page_gives_it(line: str) -> None:
    """Parsed by the real commands; nothing is asked of anybody."""
    words = shlex.split(line, comments=True)[1:]
    context = click.Context(main)
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, line
        command, words = found, words[1:]
        context = click.Context(command, parent=context)
    command.make_context(command.name, words)
