"""What the disk can do just now: the figure beside every durable one.

The runner asks before each measurement: durable figures drift with the disk by a quarter within hours. It
leaves nothing behind.
"""

import os
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
