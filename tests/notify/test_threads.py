"""Blocking calls in threads that nobody has to wait for."""

import asyncio
import subprocess
import sys
import threading

import pytest

from responder.notify.threads import Threads


async def test_what_a_call_returns_and_what_it_raises() -> None:
    threads = Threads()
    assert await threads.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


async def test_no_more_at_once_than_allowed_and_an_abandoned_one_counts() -> None:
    threads, stuck = Threads(1), threading.Event()
    first = asyncio.create_task(threads.run(lambda: stuck.wait(30)))
    second = asyncio.create_task(threads.run(lambda: "second"))
    await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await asyncio.sleep(0.01)
    assert not second.done()
    stuck.set()
    assert await second == "second"


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    script = """
import asyncio, threading
from responder.notify.threads import Threads
async def main():
    async with asyncio.timeout(0.05):
        await Threads().run(lambda: threading.Event().wait(60))
try:
    asyncio.run(main())
except TimeoutError:
    print("out")
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("out\n", "")
