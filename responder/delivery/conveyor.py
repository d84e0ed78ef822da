"""Group commit for what delivery must write: one batch at a time, kept until it is written.

`dispatch` sends claims, attempts and endings through one Conveyor each. What cannot be written
waits and is tried again; a Conveyor never loses what it was given while the process lives.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Final, Generic, TypeAlias, TypeVar

import structlog

from responder.clock import Clock
from responder.core.model import MILLISECOND, SECOND
from responder.errors import ResponderError

K = TypeVar("K")
V = TypeVar("V")

Writes: TypeAlias = Sequence[tuple[Sequence[K], Awaitable[None]]]
"""Which keys each write is for, and the write."""

_MOST: Final = 512
_FIRST_PAUSE: Final = 100 * MILLISECOND
_LONGEST_PAUSE: Final = 5 * SECOND

_log = structlog.get_logger(__name__)


class Conveyor(Generic[K, V]):
    """What was put while a batch is being written goes with the next one."""

    def __init__(self, name: str, clock: Clock, writes: Callable[[Mapping[K, V]], Writes[K]]) -> None:
        """`writes` turns a batch into one or several writes, which may fail apart from each other."""
        self._name = name
        self._clock = clock
        self._writes = writes
        self._waiting: dict[K, V] = {}
        self._carried: dict[K, V] = {}
        self._task: asyncio.Task[None] | None = None

    def put(self, key: K, value: V) -> None:
        """Write `value`; it replaces one under the same key that has not been written yet."""
        self._waiting[key] = value
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"delivery {self._name}")

    def drop(self, key: K) -> None:
        """What waits under `key` is out of date."""
        self._waiting.pop(key, None)

    def __contains__(self, key: K) -> bool:
        """Whether something under `key` is not known to be written."""
        return key in self._waiting or key in self._carried

    def __len__(self) -> int:
        """How much is not known to be written."""
        return len(self._waiting) + len(self._carried)

    @property
    def task(self) -> "asyncio.Task[None] | None":
        """The work under way; None when there is nothing to write."""
        return self._task

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while self._waiting:
            self._carried = dict(islice(self._waiting.items(), _MOST))
            for key in self._carried:
                del self._waiting[key]
            if await self._carry():
                pause = _FIRST_PAUSE
            else:
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        self._task = None

    async def _carry(self) -> bool:
        writes = self._writes(self._carried)
        results = await asyncio.gather(*(write for _, write in writes), return_exceptions=True)
        failed: BaseException | None = None
        kept: dict[K, V] = {}
        for (keys, _), result in zip(writes, results, strict=True):
            if result is not None:
                failed = result
                kept |= {key: self._carried[key] for key in keys if key not in self._waiting}
        self._waiting = kept | self._waiting
        self._carried = {}
        if failed is None:
            return True
        # A bug in what we write to must not lose an ending either: it is told and tried again.
        told = str(failed) if isinstance(failed, ResponderError) else type(failed).__name__
        _log.error("delivery_write_failed", what=self._name, kept=len(kept), detail=told)
        return False
