"""A webhook receiver that notes at which virtual instant each notification arrived.

A timeline's destinations are Sinks: real HTTP on loopback, answered as the timeline says. What a
notification should have said is the test's to know.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from aiohttp import web

from responder.core.model import Nanoseconds, format_duration
from tests.peers.ports import free_port

Mood = Literal["well", "limiting", "failing", "hanging"]


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """A notification that was accepted: when, by whom, why, and the alerts in it by name."""

    at: Nanoseconds
    receiver: str
    reason: str
    firing: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    def __str__(self) -> str:
        marked = (("+", self.firing), ("-", self.resolved), ("?", self.stale))
        names = " ".join(f"{mark}{name}" for mark, some in marked for name in some)
        return f"{format_duration(self.at)} {self.receiver} {self.reason} {names}"


def name_of(labels: Mapping[str, str]) -> str:
    """`HighCPU`, or `HighCPU/a` for an alert with an instance."""
    instance = labels.get("instance")
    return f"{labels['alertname']}/{instance}" if instance else labels["alertname"]


class Sink:
    """One destination. `POST /hooks/RECEIVER`."""

    def __init__(self, elapsed: Callable[[], Nanoseconds]) -> None:
        """`elapsed`: virtual time since the timeline began."""
        self.told: list[Told] = []
        self.payloads: list[Any] = []
        self.keys: Counter[str] = Counter()
        self.attempts = 0
        self.hanging = 0
        self.port = free_port()
        self._elapsed = elapsed
        self._mood: Mood = "well"
        self._retry_after = 0
        self._left = 0
        self._release = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # -- how it is ------------------------------------------------------------------------

    async def up(self) -> None:
        """Listen (again)."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/hooks/{receiver}", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        self._runner = runner

    async def down(self) -> None:
        """Refuse connections."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def behave(self, mood: Mood, *, times: int = 0, retry_after: int = 0) -> None:
        """Answer so from now on; `times`: the next so many requests, and then well again."""
        self._mood, self._left, self._retry_after = mood, times, retry_after
        if mood != "hanging":
            self._release.set()
            self._release = asyncio.Event()

    # -- requests -------------------------------------------------------------------------

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.attempts += 1
        mood = self._mood
        if self._left:
            self._left -= 1
            if not self._left:
                self._mood = "well"
        if mood == "limiting":
            return web.Response(status=429, headers={"Retry-After": str(self._retry_after)})
        if mood == "failing":
            return web.Response(status=500)
        if mood == "hanging":
            self.hanging += 1
            try:
                await self._release.wait()
            finally:
                self.hanging -= 1
        self.keys[request.headers["Idempotency-Key"]] += 1
        payload = msgspec.json.decode(body)
        self.payloads.append(payload)
        self.told.append(_told(self._elapsed(), request.match_info["receiver"], payload))
        return web.Response()


def _told(at: Nanoseconds, receiver: str, payload: Any) -> Told:
    names: dict[str, list[str]] = {"firing": [], "resolved": [], "stale": []}
    for alert in payload["alerts"]:
        names["stale" if alert.get("stale") else alert["status"]].append(name_of(alert["labels"]))
    return Told(
        at,
        receiver,
        payload["notification_reason"],
        tuple(sorted(names["firing"])),
        tuple(sorted(names["resolved"])),
        tuple(sorted(names["stale"])),
    )
