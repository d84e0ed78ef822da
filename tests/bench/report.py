"""Figures into tables: ratios against their targets, accepted beside decided, plain figures.

The runner prints what this returns. Nothing here measures.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TypeAlias

from tests.bench.cases import Bound, Case, Figures, Row
from tests.bench.subjects import Name

Measured: TypeAlias = Mapping[Name, Sequence[Figures]]
"""The figures of one case's rounds, for each subject."""

LATE: float = 2.0
"""Seconds within which everything accepted must be decided after a load."""


def middle(rounds: Sequence[Figures], figure: str) -> float:
    """The median of one figure over the rounds."""
    return median(figures[figure] for figures in rounds)


def verdict(holds: bool) -> str:
    """The word for a target met or not."""
    return "pass" if holds else "MISS"


def shown(value: float, unit: str) -> str:
    """A figure as people read it."""
    number = f"{value:,.0f}" if value >= 1_000 or value == int(value) else f"{value:.3g}"
    return f"{number} {unit}".strip()


def ratio_line(row: Row, measured: Measured) -> tuple[list[str], bool]:
    """One line of the table of ratios, and whether its target is met."""
    ours = middle(measured["responder"], row.figure)
    theirs = middle(measured["alertmanager"], row.figure)
    ratio = ours / theirs
    sign = ">=" if row.at_least else "<="
    holds = row.holds(ratio)
    return [
        row.title,
        f"{sign} {row.target:g}",
        f"{ratio:.2f}",
        verdict(holds),
        shown(ours, row.unit),
        shown(theirs, row.unit),
        f"{middle(measured['responder'], 'fdatasync'):.2f} ms",
    ], holds


def decided_line(case: Case, measured: Measured) -> tuple[list[str], bool]:
    """One line of accepted beside decided, and whether they met in time in every round."""
    rounds = measured["responder"]
    late = max(figures["late"] for figures in rounds)
    return [
        case.name,
        shown(middle(rounds, "alerts"), "/s"),
        shown(middle(rounds, "decided"), "/s"),
        f"{late:.2f} s",
        verdict(late <= LATE),
        f"{sum(figures['refused'] for figures in rounds):.0f}",
    ], late <= LATE


def bound_line(bound: Bound, measured: Measured) -> tuple[list[str], bool]:
    """One line of plain figures, and whether its bound is kept."""
    ours = middle(measured["responder"], bound.figure)
    holds = bound.at_most is None or ours <= bound.at_most
    theirs = measured.get("alertmanager")
    return [
        bound.title,
        "" if bound.at_most is None else f"<= {bound.at_most:g}",
        "" if bound.at_most is None else verdict(holds),
        shown(ours, bound.unit),
        shown(middle(theirs, bound.figure), bound.unit) if theirs else "",
        f"{middle(measured['responder'], 'fdatasync'):.2f} ms",
    ], holds


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lines in columns: the first to the left, the others to the right."""
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in [head, *lines]
    )


def report(results: Sequence[tuple[Case, Measured]]) -> tuple[str, list[str]]:
    """Every table there is something for, and the titles of the targets that were missed."""
    missed: list[str] = []
    ratios, decided, bounds = [], [], []
    for case, measured in results:
        for row in case.rows:
            line, holds = ratio_line(row, measured)
            ratios.append(line)
            missed += [] if holds else [row.title]
        for bound in case.bounds:
            line, holds = bound_line(bound, measured)
            bounds.append(line)
            missed += [] if holds else [bound.title]
        if "late" in measured["responder"][0]:
            line, holds = decided_line(case, measured)
            decided.append(line)
            missed += [] if holds else [f"{case.name}: accepted and decided meet"]
    parts = []
    if ratios:
        head = ["ratio to Alertmanager", "target", "ratio", "", "responder", "alertmanager", "fdatasync"]
        parts.append(table(head, ratios))
    if decided:
        head = ["accepted and decided", "accepted", "decided", f"met after (<= {LATE:g})", "", "refused"]
        parts.append(table(head, decided))
    if bounds:
        head = ["plain figures", "bound", "", "responder", "alertmanager", "fdatasync"]
        parts.append(table(head, bounds))
    return "\n\n".join(parts), missed
