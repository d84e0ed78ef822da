"""The event loop and the database's writer on different CPUs, where there are two."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.peers.responder import ResponderProcess

CPUS: Final = sorted(os.sched_getaffinity(0))

CODE: Final = """
import os, sys
from responder.cli.cpus import keep_apart
os.sched_setaffinity(0, map(int, sys.argv[1:]))
print(sorted(keep_apart()))
print(sorted(os.sched_getaffinity(0)))
"""

two = pytest.mark.skipif(len(CPUS) < 2, reason="this machine lets the tests use one CPU only")


def kept_apart(cpus: list[int]) -> list[list[int]]:
    """What a process that may use `cpus` gives to the writer, and what it keeps."""
    words = [sys.executable, "-c", CODE, *map(str, cpus)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    return [[int(cpu) for cpu in line.strip("[]").split(",") if cpu] for line in done.stdout.splitlines()]


def allowed(status: Path) -> str:
    """The CPUs of a task, as the kernel writes them."""
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("Cpus_allowed_list:")]
    return line.split()[1]


@two
def test_each_gets_every_second_cpu() -> None:
    writer, loop = kept_apart(CPUS)
    assert (loop, writer) == (CPUS[::2], CPUS[1::2])


def test_with_one_cpu_nothing_is_done() -> None:
    assert kept_apart(CPUS[:1]) == [[], CPUS[:1]]


@two
def test_the_service_writes_beside_its_event_loop(tmp_path: Path) -> None:
    process = ResponderProcess(tmp_path, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    process.start()
    try:
        proc = Path(f"/proc/{process.pid}")
        loop = allowed(proc / "status")
        threads = [allowed(task / "status") for task in (proc / "task").iterdir()]
    finally:
        process.stop()
    assert loop != allowed(Path("/proc/self/status"))
    # The writer has what the loop has not; who moves its log into the database runs anywhere.
    assert len({cpus for cpus in threads if cpus != loop}) == 2
    assert threads.count(allowed(Path("/proc/self/status"))) == 1
