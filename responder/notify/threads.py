"""Blocking client libraries, each call in a thread that nobody has to wait for.

Senders whose library blocks call it. It never keeps a stop waiting: a thread that is still at it
then dies with the process, which the interpreter's own executors do not allow.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

T = TypeVar("T")

MOST: Final = 8
"""Calls at once. One that was given up counts until its thread has ended."""


class Threads:
    """Runs calls, at most `most` at once."""

    def __init__(self, most: int = MOST) -> None:
        """No thread yet."""
        self._free = asyncio.Semaphore(most)

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns, or raises. After a cancellation its end is ignored."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        ended: Future[T] = Future()
        ended.set_running_or_notify_cancel()  # from now on a cancellation is its waiter's alone

        def work() -> None:
            try:
                ended.set_result(call())
            except BaseException as error:
                ended.set_exception(error)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for a thread
                loop.call_soon_threadsafe(self._free.release)

        try:
            threading.Thread(target=work, name="blocking call", daemon=True).start()
        except RuntimeError:
            self._free.release()
            raise
        return await asyncio.wrap_future(ended)
