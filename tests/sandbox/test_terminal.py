"""What the sandbox prints, with and without a terminal."""

from io import StringIO
from typing import Any

from rich.console import Console

from responder.core.model import MILLISECOND, SECOND
from responder.sandbox.arrival import Arrival
from responder.sandbox.terminal import Terminal

AT = 1_767_571_200 * SECOND + 1_950 * MILLISECOND


def arrival(**more: Any) -> Arrival:
    fields = {"place": "Slack", "where": "#alerts", "how": "posted", "what": "Firing: HighCPU", **more}
    return Arrival(1, AT, **fields)


def plain() -> tuple[Terminal, StringIO]:
    out = StringIO()
    return Terminal(Console(file=out, highlight=False, markup=False, emoji=False)), out


def test_lines_are_plain_and_whole_where_there_is_no_terminal() -> None:
    terminal, out = plain()
    long = "word " * 60 + ":smile: [bold]"
    terminal.tell("heading", "First")
    terminal.tell("said", long)
    terminal.tell("why", "because")
    terminal.tell("heading", "Second")
    terminal.tell("good", "yes")
    terminal.tell("bad", "no")
    terminal.tell("paste", "curl")
    assert out.getvalue().splitlines() == [
        "First",
        f"  -> {long}",
        "     why: because",
        "",
        "Second",
        "  ok yes",
        "  !! no",
        "  $ curl",
    ]


def test_an_arrival_is_one_line() -> None:
    terminal, out = plain()
    terminal.arrival(arrival())
    terminal.arrival(arrival(place="PagerDuty", where="incident #1", how="resolved", what="Firing: HighCPU"))
    assert out.getvalue().splitlines() == [
        "  <- 00:00:01.9 Slack     #alerts                   posted      Firing: HighCPU",
        "  <- 00:00:01.9 PagerDuty incident #1               resolved    Firing: HighCPU",
    ]


def test_nothing_that_arrives_can_steer_the_terminal() -> None:
    terminal, out = plain()
    terminal.arrival(arrival(where="\x1b[2Jr", how="p\x07", what="a\nb\u202e"))
    terminal.tell("bad", "\x1b]0;title\x07")
    assert out.getvalue().splitlines() == [
        r"  <- 00:00:01.9 Slack     \x1b[2Jr                  p\x07       a\nb\u202e",
        r"  !! \x1b]0;title\x07",
    ]


def test_a_terminal_has_colours() -> None:
    out = StringIO()
    terminal = Terminal(Console(file=out, force_terminal=True, color_system="standard", highlight=False))
    terminal.tell("good", "yes")
    assert out.getvalue() == "\x1b[32m  ok \x1b[0m\x1b[32myes\x1b[0m\n"
