"""Who hears of an alert: `amtool config routes test` and we, given the same trees and labels.

Many trees stand side by side below one root, each of which lets its siblings try too, so that amtool
answers for all of them at once.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
import yaml

from responder.core.model import labels_from
from responder.ruleset import load_ruleset
from responder.settings import Settings
from tests.conformance.conftest import Dice, Tally
from tests.conformance.trees import Tree, label_set, receivers, smaller, tree
from tests.peers.binaries import peer
from tests.peers.process import environment

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1200)]

ROUNDS: Final = 12
TREES: Final = 50
LABEL_SETS: Final = 10


def configuration(trees: Sequence[Tree]) -> str:
    names = ["root", *dict.fromkeys(name for one in trees for name in receivers(one))]
    return yaml.safe_dump(
        {
            "route": {"receiver": "root", "routes": list(trees)},
            "receivers": [{"name": name} for name in names],
        },
        sort_keys=False,
        allow_unicode=True,
    )


class Both:
    """Amtool and our router, over one file."""

    def __init__(self, directory: Path, amtool: str, trees: Sequence[Tree]) -> None:
        self.path = directory / "routing.yml"
        self.path.write_text(configuration(trees))
        self.amtool = amtool
        self.router = load_ruleset(self.path, Settings(), read_files=False).ruleset.router

    def theirs(self, labels: dict[str, str]) -> list[str]:
        argv = [self.amtool, "config", "routes", "test", f"--config.file={self.path}"]
        argv += [f"{name}={quoted(value)}" for name, value in labels.items()]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment())
        assert done.returncode == 0, f"amtool: {done.stderr}\n{self.path.read_text()}"
        return done.stdout.strip("\n").split(",")

    def ours(self, labels: dict[str, str]) -> list[str]:
        return [route.receiver for route in self.router.match(labels_from(labels))]


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def test_an_alert_goes_where_amtool_says(dice: Dice, tally: Tally, tmp_path: Path) -> None:
    amtool = peer("amtool")
    cases = inside = 0
    for turn in range(ROUNDS * dice.scale):
        trees = [tree(dice.random(turn, number), f"t{number}") for number in range(TREES)]
        both = Both(tmp_path, amtool, trees)
        for number in range(LABEL_SETS):
            labels = label_set(dice.random(turn, "labels", number))
            theirs, ours = both.theirs(labels), both.ours(labels)
            if theirs != ours:
                report(tmp_path, amtool, trees, labels)
            cases += TREES
            inside += sum(not name.endswith("r0") for name in theirs)
    assert inside > cases // 4  # enough of them get below the first level
    tally(f"routing: {cases} trees with a label set each, no difference")


def report(directory: Path, amtool: str, trees: Sequence[Tree], labels: dict[str, str]) -> None:
    """Fail with the smallest case that still differs."""

    def differs(one: Tree, labels: dict[str, str]) -> bool:
        both = Both(directory, amtool, [one])
        return both.theirs(labels) != both.ours(labels)

    guilty = next((one for one in trees if differs(one, labels)), None)
    if guilty is None:
        pytest.fail(f"only all together differ, for {labels}\n{configuration(trees)}")
    while True:
        less = next((one for one in smaller(guilty) if differs(one, labels)), None)
        if less is not None:
            guilty = less
            continue
        fewer = [{n: v for n, v in labels.items() if n != name} for name in labels if len(labels) > 1]
        found = next((one for one in fewer if differs(guilty, one)), None)
        if found is None:
            break
        labels = found
    both = Both(directory, amtool, [guilty])
    pytest.fail(
        f"{labels}\namtool: {both.theirs(labels)}\nours:   {both.ours(labels)}\n{configuration([guilty])}"
    )
