"""Reading a long journal while somebody watches."""

import io
import sys

import pytest

from responder.cli.journalsource import watched


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "total", "shown"), [(True, 100, False), (True, 100_000, True), (False, 100_000, False)]
)
def test_a_bar_for_long_work_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, total: int, shown: bool
) -> None:
    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(watched([1, 2, 3], total, "verifying")) == [1, 2, 3]
    assert ("verifying" in stream.getvalue()) == shown
