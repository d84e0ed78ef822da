"""The page on Alertmanager's behaviour is true: every statement stands once, and every proof exists."""

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from responder.core.rules import Ruleset

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "alertmanager-compatibility.md"


class Row(NamedTuple):
    number: int
    statement: str
    verdict: str
    proofs: list[str]


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text().splitlines():
        if line.startswith("| A"):
            number, statement, verdict, proof = (cell.strip() for cell in line.strip("|").split(" |", 3))
            found.append(
                Row(int(number.removeprefix("A")), statement, verdict, re.findall(r"`([^`]+)`", proof))
            )
    return found


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of a module's functions."""
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_statement_stands_once_and_in_order() -> None:
    assert [row.number for row in rows()] == list(range(1, 111))
    assert [row.number for row in rows() if not row.statement] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"A{row.number}")
def test_what_is_said_of_it_is_proved_or_explained(row: Row) -> None:
    verdict = re.match(r"kept|fixed|not applicable: \S", row.verdict)
    assert verdict is not None, row.verdict
    assert bool(row.proofs) == (verdict[0] in ("kept", "fixed"))
    missing = []
    for proof in row.proofs:
        path, _, name = proof.partition("::")
        if not (ROOT / path).is_file() or name not in functions(ROOT / path):
            missing.append(proof)
    assert missing == []


FAULTS: Final = {9, 14, 28, 29, 36, 53, 56, 79, 81, 82, 84, 87, 93, 94, 95, 100, 102}
"""Statements that describe what is known to be wrong with Alertmanager."""


def test_every_fault_is_mended_and_can_be_had_back_or_it_is_said_why_not() -> None:
    fixed = {row.number: row.verdict for row in rows() if row.verdict.startswith("fixed")}
    assert FAULTS - set(fixed) == set()
    said = re.compile(r"fixed \((old way|no old way: \S[^)]+)\)")
    assert [number for number, verdict in fixed.items() if not said.match(verdict)] == []


def mended() -> list[Row]:
    """All that `compatibility: alertmanager` brings back."""
    return [row for row in rows() if row.verdict.startswith("fixed (old way)")]


@pytest.mark.parametrize("row", mended(), ids=lambda row: f"A{row.number}")
def test_what_is_mended_fails_in_the_old_way(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one of its proofs at least; others may be about what holds in both ways, or in the old one alone."""
    assert any("alertmanager" in proof.partition("::")[2] for proof in row.proofs)
    monkeypatch.setattr(Ruleset, "mends", property(lambda _: False))
    failed = []
    for proof in row.proofs:
        path, _, name = proof.partition("::")
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        test = getattr(module, name)
        if "alertmanager" in name or inspect.signature(test).parameters:
            continue
        try:
            test()
        except AssertionError:
            failed.append(proof)
    assert failed != []
