"""Keeps the event loop and the database's writer on different CPUs.

`serve` calls it before anything else is started; `store.database` puts its writer where it says.
What other threads and processes do is left to the operating system.
"""

import os


def keep_apart() -> frozenset[int]:
    """Take this thread, and threads that it starts, off half of its CPUs; return that half.

    While the disk flushes, the event loop decides what follows from it. A scheduler that places both
    threads on one CPU, as those do that pack work to save power or vCPUs, lets the disk's answer wait
    until the loop pauses: a flush then takes as much longer as deciding does.

    Empty, with nothing done, where there is only one CPU or none can be chosen.
    """
    if not hasattr(os, "sched_setaffinity"):
        return frozenset()
    try:
        cpus = sorted(os.sched_getaffinity(0))
        ours, others = cpus[::2], cpus[1::2]
        if others:
            os.sched_setaffinity(0, ours)
    except OSError:  # forbidden, or the CPUs were taken away a moment ago
        return frozenset()
    return frozenset(others)
