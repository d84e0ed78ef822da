"""Runs that somebody asked for in Slack: what comes of them is said where they asked.

`commands` has them followed. Only what has no incident of its own to be shown in is said here in full; a
run is looked at in the state, and a restart forgets that it was followed.
"""

import asyncio
from typing import Final

from responder.clock import Clock
from responder.core.model import SECOND
from responder.core.run import Run
from responder.engine import Engine
from responder.notify.slackcard import card, waits
from responder.web.slack.reply import as_reply
from responder.web.slack.responseurl import VALID, ResponseUrls

_LOOK: Final = SECOND
_MOST: Final = 100
"""Runs that are followed at once."""


class Following:
    """Every run that is followed."""

    def __init__(self, engine: Engine, urls: ResponseUrls, clock: Clock) -> None:
        """None yet."""
        self._engine = engine
        self._urls = urls
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, run: str, response_url: str) -> bool:
        """Say what comes of it at the URL; False: nobody will."""
        if len(self._tasks) >= _MOST or not self._urls.allowed(response_url):
            return False
        task = asyncio.create_task(self._follow(run, response_url), name=f"follow {run}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def stop(self) -> None:
        """Follow nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, name: str, url: str) -> None:
        until = self._clock.monotonic() + VALID
        asked = False
        while self._clock.monotonic() < until:
            run = self._run(name)
            if run is None:
                return
            if run.ended_at:
                # A plan is for whoever asked; what was done, or was not, everybody may know.
                await self._urls.post(url, as_reply(card(run), public=not run.only_plan))
                return
            if waits(run) and not asked and not run.groups:
                asked = True
                await self._urls.post(url, as_reply(card(run, pressable=True), public=True))
            await self._clock.sleep(_LOOK)

    def _run(self, name: str) -> Run | None:
        return next((run for run in self._engine.state.runs.values() if run.id == name), None)
