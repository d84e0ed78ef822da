"""What the disk and the processor can do just now: the figures beside every other.

The runner asks the disk before each measurement, since durable figures drift with it by a quarter within
hours, and the processor once: plain figures (a start, say) mean little without it. It leaves nothing behind.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

_BLOCK: Final = b"\0" * 4096


def fdatasync_ms(directory: Path, times: int = 40) -> float:
    """Milliseconds that appending 4 KiB and fdatasync take in this directory: the median."""
    path = directory / "fdatasync.probe"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(_BLOCK)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1e3)
    path.unlink()
    return median(taken)


def import_ms(module: str, times: int = 3) -> float:
    """Milliseconds that a fresh interpreter takes to import a module beyond its own start: the best."""

    def run(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return (time.perf_counter() - began) * 1e3

    return min(run(f"import {module}") - run("pass") for _ in range(times))
