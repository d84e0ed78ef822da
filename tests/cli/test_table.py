"""Tables: aligned, without empty columns, and with nothing in them that could steer a terminal."""

import pytest

from responder.cli.table import print_table


def test_columns_are_aligned_and_empty_ones_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("ID", "WHY", "NAME", "東"), [("1", "", "é" * 3, "x"), ("22", "", "京都", "[bold]y[/bold]")])
    assert capsys.readouterr().out.splitlines() == [
        "ID  NAME  東",
        "1   ééé   x",
        "22  京都  [bold]y[/bold]",
    ]


def test_a_long_cell_stays_on_its_line_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "B"), [("a" * 300, "b\x1b[2J\n")])
    assert capsys.readouterr().out.splitlines() == [f"A{' ' * 301}B", f"{'a' * 300}  b\\x1b[2J\\n"]
