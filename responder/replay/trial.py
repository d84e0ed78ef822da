"""One rule test, tried: the real core decides, and what came of it is held against what was expected.

`cli.ruletests` tries each test of a file under its rules. Nothing is sent or kept, and nothing here
knows how a result is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from responder.core.messages import Declined
from responder.core.model import Labels
from responder.core.rules import Ruleset
from responder.replay.course import Course
from responder.replay.lines import Line, Lines
from responder.replay.ruletest import TOLD, Expected, RuleTest, addressed

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One integration of one receiver, as one line of `expect` has it."""

    expected: Expected
    receiver: str
    integration: str

    @property
    def told(self) -> bool:
        """Whether it is to be told, rather than not to be."""
        return self.expected.reason in TOLD


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a test. It passed if nothing is `missing` and nothing `unexpected`.

    `pairs`: a missing one and an unexpected line that may be meant to be the same, with what differs
    between them; they are in the two lists as well. `refused`: a silence that could not be made.
    """

    test: RuleTest
    lines: tuple[Line, ...]
    missing: tuple[Wanted, ...]
    unexpected: tuple[Line, ...]
    pairs: tuple[tuple[Wanted, Line, tuple[str, ...]], ...]
    refused: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all came as expected."""
        return not (self.missing or self.unexpected or self.refused)


def run(test: RuleTest, ruleset: Ruleset) -> Result:
    """Let the test happen under `ruleset`, whose receivers it must know (`check_names`)."""
    lines: list[Line] = []
    gathered = Lines(ruleset, test.start)
    course = Course(ruleset, test.start, lambda decision, at: lines.extend(gathered.of(decision, at)))
    refused: list[str] = []
    end = test.start + test.until
    for entry in test.entries:
        if entry.at > end:
            continue
        course.advance(entry.at)
        reply = course.give(entry.body, "a rule test")
        if isinstance(reply, Declined):
            refused.append(f"{entry.place}: {reply.reason}")
    course.advance(end)
    wanted = [
        Wanted(expected, receiver, integration)
        for expected in test.expected
        for receiver, _ in expected.receivers
        for integration in addressed(expected.integration, receiver, ruleset)
    ]
    pairs = _paired(wanted, lines, _fits)
    missing = [one for index, one in enumerate(wanted) if index not in pairs]
    taken = set(pairs.values())
    rest = [line for index, line in enumerate(lines) if index not in taken]
    return Result(
        test,
        tuple(lines),
        tuple(missing),
        tuple(rest) if test.exact else (),
        _near_misses(missing, rest),
        tuple(refused),
    )


def _paired(left: Sequence[A], right: Sequence[B], fits: Callable[[A, B], bool]) -> dict[int, int]:
    """As many pairs as there can be, each of two that fit: positions on the left to those on the right."""
    owner: dict[int, int] = {}

    def place(one: int, tried: set[int]) -> bool:
        for other, candidate in enumerate(right):
            if other in tried or not fits(left[one], candidate):
                continue
            tried.add(other)
            if other not in owner or place(owner[other], tried):
                owner[other] = one
                return True
        return False

    for one in range(len(left)):
        place(one, set())
    return {one: other for other, one in owner.items()}


def _fits(wanted: Wanted, line: Line) -> bool:
    return _same_way(wanted, line) and not _differences(wanted, line)


def _same_way(wanted: Wanted, line: Line) -> bool:
    return wanted.receiver == line.receiver and wanted.integration == line.integration


def _differences(wanted: Wanted, line: Line) -> list[str]:
    """In which respects a line is not what was wanted, of those that a person would name."""
    expected, found = wanted.expected, []
    if not expected.earliest <= line.at <= expected.latest:
        found.append("at")
    if expected.reason != line.reason or wanted.told != (line.type == "notification"):
        found.append("reason")
    if expected.by and not (line.by == expected.by or line.by.startswith(f"{expected.by} ")):
        found.append("by")
    if expected.status and expected.status != line.status:
        found.append("status")
    if not _all_named(expected.firing, line.firing):
        found.append("firing")
    if not _all_named(expected.resolved, line.resolved):
        found.append("resolved")
    return found


def _all_named(named: tuple[Labels, ...], alerts: tuple[Labels, ...]) -> bool:
    """Whether each alert is named once and nothing else is."""
    if len(named) != len(alerts):
        return False
    return len(_paired(named, alerts, lambda wanted, labels: set(wanted) <= set(labels))) == len(alerts)


_APART: Final = 2
"""In so many respects two may differ and still be meant to be the same."""


def _near_misses(
    missing: Sequence[Wanted], rest: Sequence[Line]
) -> tuple[tuple[Wanted, Line, tuple[str, ...]], ...]:
    """What was probably meant: for one integration, what differs least comes together first."""
    close = sorted(
        (len(differences), abs(line.at - wanted.expected.earliest), i, j)
        for i, wanted in enumerate(missing)
        for j, line in enumerate(rest)
        if _same_way(wanted, line) and len(differences := _differences(wanted, line)) <= _APART
    )
    found: dict[int, int] = {}
    for _, _, i, j in close:
        if i not in found and j not in found.values():
            found[i] = j
    return tuple(
        (missing[i], rest[j], tuple(_differences(missing[i], rest[j]))) for i, j in sorted(found.items())
    )
