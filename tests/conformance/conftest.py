"""What the conformance suites share: their seed, their size, and a summary of how much they compared.

CONFORMANCE_SEED (default: always the same) and CONFORMANCE_SCALE (default 1: what CI has time for) come
from `make conformance SEED=7 SCALE=10`. A failure names the seed, and shows a case that was shrunk.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

import pytest

SUMMARY: Final = pytest.StashKey[list[str]]()


@dataclass(frozen=True, slots=True)
class Dice:
    """Where random cases come from; the same seed throws the same."""

    seed: int
    scale: int

    def random(self, *what: object) -> Random:
        """A generator of its own for each use, so that one more case changes no other."""
        return Random(f"{self.seed} {what}")


Tally: TypeAlias = Callable[[str], None]


@pytest.fixture(scope="session")
def dice() -> Dice:
    return Dice(int(os.environ.get("CONFORMANCE_SEED", "1")), int(os.environ.get("CONFORMANCE_SCALE", "1")))


@pytest.fixture
def tally(request: pytest.FixtureRequest, dice: Dice) -> Tally:
    """Adds a line to the summary at the end of the run."""
    lines = request.config.stash.setdefault(SUMMARY, [])
    return lambda line: lines.append(f"{line} (seed {dice.seed})")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = terminalreporter.config.stash.get(SUMMARY, [])
    if lines:
        terminalreporter.section("conformance")
        for line in lines:
            terminalreporter.line(line)
