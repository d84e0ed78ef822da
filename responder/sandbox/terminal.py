"""How the sandbox looks in a terminal: the same lines with colours where there is one, plain where not.

`cli.sandbox` makes one. It prints and nothing else; what it prints of alerts cannot steer a terminal.
"""

import os
import sys
from typing import Final

from rich.console import Console
from rich.text import Text

from responder.sandbox.arrival import Arrival, Tone
from responder.sandbox.stage import Kind

_SHOWN: Final[dict[Kind, tuple[str, str]]] = {
    "heading": ("", "bold"),
    "said": ("  -> ", "cyan"),
    "run": ("  .. ", "blue"),
    "arrived": ("  <- ", ""),
    "why": ("     why: ", "dim"),
    "good": ("  ok ", "green"),
    "bad": ("  !! ", "bold red"),
    "paste": ("  $ ", "yellow"),
}
_TONES: Final[dict[Tone, str]] = {"firing": "red", "resolved": "green", "plain": ""}


class _Console(Console):
    """A Console that goes quiet when nobody reads it any more: the service goes on."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on."""
        self.quiet = True
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)


class Terminal:
    """Standard output."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` instead of standard output, for tests."""
        self._console = console or _Console(highlight=False, markup=False, emoji=False)
        self._begun = False

    def tell(self, kind: Kind, text: str) -> None:
        """Print a line, after a blank one if it is a further heading."""
        prefix, style = _SHOWN[kind]
        if kind == "heading" and self._begun:
            self._console.print()
        self._begun = True
        line = Text.assemble((prefix, "dim" if kind == "why" else style), (printable(text), style))
        self._console.print(line, soft_wrap=True)

    def arrival(self, arrival: Arrival) -> None:
        """Print what arrived, as one line."""
        line = Text.assemble(
            (_SHOWN["arrived"][0], "magenta"),
            (f"{arrival.clock_time} ", "dim"),
            (f"{arrival.place:<9} ", "bold"),
            (f"{printable(arrival.where):<25} ", ""),
            (f"{printable(arrival.how):<11} ", "dim"),
            (printable(arrival.what), _TONES[arrival.tone]),
        )
        self._console.print(line, soft_wrap=True)


def printable(text: str) -> str:
    """`text` on one line, with what could steer a terminal written as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
