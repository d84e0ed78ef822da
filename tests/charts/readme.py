"""The table of values in charts/responder/README.md, from values.yaml.

`python -m tests.charts.readme` writes it; a test holds the page to what this says. It must never hold a
default or a reason of its own: they stand in values.yaml, in the comment above each key.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.charts.helm import CHARTS

CHART: Final = CHARTS / "responder"
PAGE: Final = CHART / "README.md"
_BEGIN: Final = "| value | default | meaning |\n|---|---|---|\n"


@dataclass(frozen=True)
class Value:
    """One key of values.yaml: path, comment above it, default; `section`: it has keys of its own."""

    path: tuple[str, ...]
    comment: str
    default: Any
    section: bool


def values(text: str) -> Iterator[Value]:
    """Every key that is written on a line of its own, in order."""
    comment: list[str] = []
    path: list[str] = []
    whole = yaml.safe_load(text)
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            comment.append(bare.lstrip("# "))
            continue
        if bare:
            depth = (len(line) - len(line.lstrip())) // 2
            key, _, rest = bare.partition(":")
            path = [*path[:depth], key]
            default = whole
            for step in path:
                default = default[step]
            yield Value(tuple(path), " ".join(comment), default, not rest)
        comment = []


def text() -> str:
    """The page: as it is, up to the table, which ends it."""
    head = PAGE.read_text(encoding="utf-8").partition(_BEGIN)[0]
    rows = []
    for value in values((CHART / "values.yaml").read_text(encoding="utf-8")):
        default = "" if value.section else f"`{json.dumps(value.default, ensure_ascii=False)}`"
        cells = (f"`{'.'.join(value.path)}`", default, value.comment)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n")
    return head + _BEGIN + "".join(rows)


def write(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write()
