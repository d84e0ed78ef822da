"""What the sandbox prints, with and without a terminal."""

from io import StringIO

from rich.console import Console

from responder.core.model import MILLISECOND, SECOND
from responder.sandbox.arrival import Arrival
from responder.sandbox.terminal import Terminal

AT = 1_767_571_200 * SECOND + 1_950 * MILLISECOND


def arrival(firing: int = 0, resolved: int = 0, receiver: str = "mail-ops", **labels: str) -> Arrival:
    def alerts(count: int) -> tuple[dict[str, str], ...]:
        return tuple({"alertname": f"A{number}", **labels} for number in range(count))

    return Arrival(1, AT, receiver, "new_alerts", alerts(firing), alerts(resolved), b"")


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
    terminal.arrival(arrival(firing=1, resolved=1, severity="critical"))
    terminal.arrival(arrival(resolved=5))
    assert out.getvalue().splitlines() == [
        "  <- 00:00:01.9 mail-ops                 A0 critical firing, A0 critical resolved  (new_alerts)",
        "  <- 00:00:01.9 mail-ops                 A0 resolved, A1 resolved, A2 resolved, and 2 more"
        "  (new_alerts)",
    ]


def test_nothing_that_arrives_can_steer_the_terminal() -> None:
    terminal, out = plain()
    terminal.arrival(arrival(firing=1, receiver="\x1b[2Jr", severity="a\nb\u202e"))
    terminal.tell("bad", "\x1b]0;title\x07")
    shown = out.getvalue()
    assert shown.splitlines() == [
        r"  <- 00:00:01.9 \x1b[2Jr                 A0 a\nb\u202e firing  (new_alerts)",
        r"  !! \x1b]0;title\x07",
    ]


def test_a_terminal_has_colours() -> None:
    out = StringIO()
    terminal = Terminal(Console(file=out, force_terminal=True, color_system="standard", highlight=False))
    terminal.tell("good", "yes")
    assert out.getvalue() == "\x1b[32m  ok \x1b[0m\x1b[32myes\x1b[0m\n"
