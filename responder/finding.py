"""What was found out about one destination or system, and what somebody should do about it.

The examinations of `notify.doctor` and of `actions` write Findings, `cli.doctor` shows them. Nothing is
decided here.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `advice` says what to do; it is there unless all is well."""

    level: Level
    about: str
    found: str
    advice: str = ""


class Findings:
    """What is found, in order. `about` begins each line until it is changed."""

    def __init__(self, about: str) -> None:
        """Nothing is found yet."""
        self.about = about
        self.found: list[Finding] = []

    def ok(self, found: str) -> None:
        """It is as it should be."""
        self.found.append(Finding("ok", self.about, found))

    def warning(self, found: str, advice: str) -> None:
        """It works, with something less."""
        self.found.append(Finding("warning", self.about, found, advice))

    def problem(self, found: str, advice: str) -> None:
        """Nobody would be told."""
        self.found.append(Finding("problem", self.about, found, advice))
