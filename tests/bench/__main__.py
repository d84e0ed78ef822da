"""`python -m tests.bench`: Responder and Debian's Alertmanager side by side in one run, interleaved.

`make bench` calls it. It talks to loopback only, is bounded in time, and exits 1 where a target is missed.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.bench.alerts import write_templates
from tests.bench.cases import CASES, Case, Figures, Stage
from tests.bench.probe import fdatasync_ms, import_ms
from tests.bench.report import report
from tests.bench.sink import SinkProcess
from tests.bench.subjects import Name
from tests.peers.binaries import DEBIAN_PACKAGE, found
from tests.peers.process import ProcessFailed

ROOT: Final = Path(__file__).parents[2]


def arguments(words: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [case.name for case in CASES]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (default: 3)")
    parser.add_argument("--seconds", type=float, default=4, help="how long each load lasts (default: 4)")
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it run at all?")
    asked = parser.parse_args(words)
    if asked.quick:
        asked.rounds, asked.seconds = 1, 1.0
    return asked


def measure(case: Case, stage: Stage, rounds: int) -> dict[Name, list[Figures]]:
    """Every round of a case: the subjects take turns, and take turns at being first."""
    measured: dict[Name, list[Figures]] = {name: [] for name in case.subjects}
    for number in range(min(rounds, case.rounds or rounds)):
        order = case.subjects if number % 2 == 0 else case.subjects[::-1]
        for name in order:
            disk = fdatasync_ms(stage.directory)
            figures = case.run(stage, name) | {"fdatasync": disk}
            shutil.rmtree(stage.directory / name)
            measured[name].append(figures)
            shown = ", ".join(f"{key} {value:,.4g}" for key, value in figures.items())
            print(f"  {case.name} {number + 1} {name}: {shown}", flush=True)
    return measured


def main(words: list[str]) -> int:
    """Measure, print, and say whether every target is met."""
    asked = arguments(words)
    programs = {program: found(program) for program in ("prometheus-alertmanager", "wrk")}
    for program, path in programs.items():
        if path is None:
            print(f"{program} is missing: apt-get install {DEBIAN_PACKAGE[program]}", file=sys.stderr)
            return 2
    # Below the checkout, not in /tmp, which may be no disk at all.
    (ROOT / "var").mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "var"))
    sink = SinkProcess(directory)
    try:
        sink.start()
        templates = directory / "templates"
        write_templates(templates)
        stage = Stage(
            directory,
            sink,
            alertmanager=str(programs["prometheus-alertmanager"]),
            wrk=str(programs["wrk"]),
            templates=templates,
            seconds=asked.seconds,
        )
        version = subprocess.run(
            [stage.alertmanager, "--version"], capture_output=True, text=True, check=True
        ).stdout.split()[2]
        print(
            f"{os.cpu_count()} cores that import aiohttp in {import_ms('aiohttp'):.0f} ms, "
            f"Python {platform.python_version()}, Alertmanager {version} in memory, "
            f"Responder durable; medians of {asked.rounds} interleaved rounds of {asked.seconds:g} s",
            flush=True,
        )
        cases = [case for case in CASES if not asked.only or case.name in asked.only]
        results = [(case, measure(case, stage, asked.rounds)) for case in cases]
    except ProcessFailed as failed:
        print(failed, file=sys.stderr)
        return 2
    finally:
        sink.kill9()
        shutil.rmtree(directory)
    tables, missed = report(results)
    print(f"\n{tables}")
    if missed:
        print("\nmissed: " + "; ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
