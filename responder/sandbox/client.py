"""What the story asks of the service, over HTTP like anybody else.

`story` uses it. It shows a token as Alertmanager would, or the newcomer's; it never retries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import msgspec

from responder.clock import Clock
from responder.core.model import MILLISECOND, ZERO_TIME, Nanoseconds, format_time
from responder.errors import Refused
from responder.sandbox.newcomer import Badges


@dataclass(frozen=True, slots=True)
class Posted:
    """How a request was answered: the status, and after how many milliseconds."""

    status: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Said:
    """What Alertmanager says of an alert. `ends_at` 0: it fires."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: Nanoseconds
    ends_at: Nanoseconds = 0

    def wire(self) -> dict[str, Any]:
        """It as in a webhook payload."""
        return {
            "status": "resolved" if self.ends_at else "firing",
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": format_time(self.starts_at),
            "endsAt": format_time(self.ends_at) if self.ends_at else ZERO_TIME,
            "generatorURL": "",
        }


class Client:
    """The service at `url`. An async context manager."""

    def __init__(self, url: str, badges: Badges, clock: Clock) -> None:
        """Nothing is connected yet."""
        self.url = url
        self._badges = badges
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def say(self, alerts: Sequence[Said]) -> Posted:
        """Call the webhook as Alertmanager does. Raises Refused with what the answer was."""
        body = {
            "version": "4",
            "receiver": "responder",
            "status": "firing" if any(not alert.ends_at for alert in alerts) else "resolved",
            "alerts": [alert.wire() for alert in alerts],
        }
        began = self._clock.monotonic()
        status, answer = await self._ask(
            "POST", "/webhooks/alertmanager", self._badges.sender, data=msgspec.json.encode(body)
        )
        took = (self._clock.monotonic() - began) / MILLISECOND
        if status != 200:
            raise Refused(f"POST /webhooks/alertmanager was answered with {status}: {answer[:200]!r}")
        return Posted(status, took)

    async def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """A document, shown to the newcomer. Raises Refused."""
        status, answer = await self._ask("GET", path, self._badges.newcomer, params=list(query))
        if status != 200:
            raise Refused(f"GET {path} was answered with {status}: {answer[:200]!r}")
        return msgspec.json.decode(answer)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Something the newcomer asks for. Raises Refused."""
        status, answer = await self._ask("POST", path, self._badges.newcomer, data=msgspec.json.encode(body))
        if status not in (200, 202):
            raise Refused(f"POST {path} was answered with {status}: {answer[:200]!r}")
        return msgspec.json.decode(answer)

    async def _ask(self, method: str, path: str, token: str, **more: Any) -> tuple[int, bytes]:
        assert self._session is not None
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with self._session.request(method, f"{self.url}{path}", headers=headers, **more) as reply:
                return reply.status, await reply.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Refused(f"{self.url} does not answer: {type(error).__name__}") from None
