"""What is shipped for Prometheus and Grafana, as the tests beside this one read it.

They hold alert rules, dashboards and the list of exporters against each other and against real peers;
`page` writes docs/alerts.md from it. Nothing here judges.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import promql_parser
import yaml

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "rules" / "prometheus"
FILES: Final = sorted(RULES.glob("*.yaml"))
DASHBOARDS: Final = sorted((ROOT / "config" / "dashboards").glob("*.json"))
EXPORTERS: Final = ROOT / "config" / "exporters.yaml"


@dataclass(frozen=True)
class AlertRule:
    """One rule of the kind `alert`; `reason` is the comment above it."""

    name: str
    expression: str
    holds_for: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    reason: str


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    dashboard: str
    panel: str
    expression: str
    legend: str


def _rules(path: Path) -> Iterator[Mapping[str, Any]]:
    for group in yaml.safe_load(path.read_text())["groups"]:
        yield from group["rules"]


@cache
def alerts() -> list[AlertRule]:
    """Every alert rule, in the order of the files."""
    found = []
    for path in FILES:
        rules = [rule for rule in _rules(path) if "alert" in rule]
        reasons = _reasons(path.read_text(), "- alert:")
        for rule, reason in zip(rules, reasons, strict=True):
            found.append(
                AlertRule(
                    rule["alert"],
                    rule["expr"].rstrip("\n"),
                    rule.get("for", ""),
                    rule["labels"],
                    rule["annotations"],
                    reason,
                )
            )
    return found


def _reasons(text: str, start: str) -> list[str]:
    """The comment directly above each line that begins like this, as one line."""
    found = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(start):
            found.append(" ".join(comment))
        comment = [*comment, stripped.removeprefix("#").strip()] if stripped.startswith("#") else []
    return found


@cache
def backup_ages() -> list[tuple[str, str, str]]:
    """Each backup that is expected, the seconds that it may be old, and why."""
    path = RULES / "backup.yaml"
    name = "backup_max_age_seconds"
    rules = [rule for rule in _rules(path) if rule.get("record") == name]
    reasons = _reasons(path.read_text(), f"- record: {name}")
    return [
        (rule["labels"]["backup"], rule["expr"].removeprefix("vector(").removesuffix(")"), reason)
        for rule, reason in zip(rules, reasons, strict=True)
    ]


@cache
def expressions() -> list[str]:
    """Every expression of the rules."""
    return [rule["expr"] for path in FILES for rule in _rules(path)]


@cache
def recorded() -> frozenset[str]:
    """The names of the series that recording rules make."""
    return frozenset(rule["record"] for path in FILES for rule in _rules(path) if "record" in rule)


def laps() -> list[list[Mapping[str, str]]]:
    """The recording rules in laps: each reads what exporters expose, or what an earlier lap has made.

    A rule that reads what it said before is in two laps.
    """
    rules = [rule for path in FILES for rule in _rules(path) if "record" in rule]
    reads: dict[str, set[str]] = {}
    for rule in rules:
        reads.setdefault(rule["record"], set()).update(metrics_of(rule["expr"]) & recorded())

    def lap(name: str) -> int:
        return max((lap(other) + 1 + (other in reads[other]) for other in reads[name] - {name}), default=0)

    found: list[list[Mapping[str, str]]] = [[] for _ in range(max(map(lap, reads)) + 1)]
    for rule in rules:
        name = rule["record"]
        for number in range(lap(name), lap(name) + 1 + (name in reads[name])):
            found[number].append(rule)
    return found


@cache
def exporters() -> Mapping[str, list[str]]:
    """What each exporter exposes."""
    return {entry["exporter"]: entry["metrics"] for entry in yaml.safe_load(EXPORTERS.read_text())}


@cache
def queries() -> list[Query]:
    """Every query of every panel."""
    return [
        Query(path.stem, panel["title"], target["expr"], target["legendFormat"])
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]


def filled(expression: str) -> str:
    """An expression of a dashboard as Grafana sends it with everything chosen."""
    return re.sub(r"\$(namespace|deployment|service)\b", ".*", expression.replace("$__rate_interval", "5m"))


def metrics_of(expression: str) -> set[str]:
    """The names of the series that an expression reads; a pattern gives each of its alternatives."""
    names: set[str] = set()

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            if node.name:
                names.add(node.name)
            for matcher in node.matchers.matchers:
                if matcher.name == "__name__":
                    names.update(_alternatives(matcher.value))
        return True

    promql_parser.walk(promql_parser.parse(expression), pre_visit=visit)
    return names


def _alternatives(pattern: str) -> list[str]:
    """`a|b_(c|d(_e|_f)_g)`: each name that it matches."""
    depth = 0
    branches = [""]
    for letter in pattern:
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and depth == 0:
            branches.append("")
        else:
            branches[-1] += letter
    if len(branches) > 1:
        return [name for branch in branches for name in _alternatives(branch)]
    inner = re.search(r"\(([^()]*)\)", pattern)
    if inner is None:
        return [pattern]
    before, after = pattern[: inner.start()], pattern[inner.end() :]
    return [name for choice in inner[1].split("|") for name in _alternatives(before + choice + after)]
