"""A stand-in for PagerDuty's Events API v2, as strict as the service and as silent about what it drops.

The sandbox and tests mount it on an application of theirs. It keeps what it was sent in memory, shows
the incidents that PagerDuty would show, and fails on demand; it never calls anybody.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import msgspec
from aiohttp import web

from responder.clock import Clock
from responder.core.model import MINUTE, Nanoseconds
from responder.sandbox.pagerrules import Event, problems

MOST_BYTES: Final = 512_000
PER_MINUTE: Final = 120
"""Events of one integration key in any 60 seconds (PagerDuty: about 120)."""

KEPT: Final = 1_000
"""How many events, and how many incidents, are kept."""

Status: TypeAlias = Literal["triggered", "acknowledged", "resolved"]

_STATUS: Final[Mapping[str, Status]] = {
    "trigger": "triggered",
    "acknowledge": "acknowledged",
    "resolve": "resolved",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of an incident's log."""

    at: Nanoseconds
    action: str
    summary: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Incident:
    """What PagerDuty would show: it keeps the summary and severity that opened it."""

    number: int
    routing_key: str
    dedup_key: str
    summary: str
    severity: str
    source: str
    status: Status = "triggered"
    log: list[Entry] = field(default_factory=list)


class Pagerduty:
    """The service. `keys` are the integration keys that exist; None: every well-formed one does."""

    def __init__(self, clock: Clock, keys: frozenset[str] | None = None) -> None:
        """No incident yet. `per_minute` 0 switches the rate limit off."""
        self.keys = keys
        self.per_minute = PER_MINUTE
        self.requests = 0
        self.events: deque[Event] = deque(maxlen=KEPT)
        self.incidents: deque[Incident] = deque(maxlen=KEPT)
        self.dropped: Counter[str] = Counter()
        self.on_entry: Callable[[Incident, Entry], None] = lambda incident, entry: None
        self._clock = clock
        self._faults: deque[str] = deque()
        self._recent: dict[str, deque[Nanoseconds]] = {}
        self._hanging: set[asyncio.Future[None]] = set()

    def add_routes(self, app: web.Application, prefix: str = "/pagerduty") -> None:
        """Serve `PREFIX/v2/enqueue`. The application must take bodies of 1 MiB."""
        app.router.add_post(f"{prefix}/v2/enqueue", self._enqueue)

    def fault(self, kind: str, times: int = 1) -> None:
        """Let the next requests fail, in the order of the calls.

        `STATUS` or `STATUS:RETRY_AFTER` (`429`, `503:7`), `400:ERROR`, `html_500`, `bad_json`, `hang` and
        `reset` (nothing was processed), `hang_after` and `reset_after` (it was); what hangs does so
        until `release`. `none`: goes well.
        """
        self._faults.extend([kind] * times)

    def release(self) -> None:
        """Let those that hang go, without an answer."""
        for waiter in self._hanging:
            if not waiter.done():
                waiter.set_result(None)
        self._hanging.clear()

    # -- requests -------------------------------------------------------------------------

    async def _enqueue(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        body = await request.read()
        kind = (self._faults.popleft() if self._faults else "none").removeprefix("none")
        if kind in ("hang", "reset"):
            return await self._cut(request, kind)
        if kind and kind not in ("hang_after", "reset_after", "bad_json"):
            return _failed(kind)
        answer = self._take(body)
        if kind in ("hang_after", "reset_after"):
            return await self._cut(request, kind)
        return web.Response(status=202, text='{"status": "succ') if kind == "bad_json" else answer

    async def _cut(self, request: web.Request, kind: str) -> web.Response:
        if kind.startswith("hang"):
            waiter = asyncio.get_running_loop().create_future()
            self._hanging.add(waiter)
            await waiter
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _take(self, body: bytes) -> web.Response:
        if len(body) > MOST_BYTES:
            return _invalid("Event object is too large", [f"event is {len(body)} bytes"], 413)
        try:
            event = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            event = None
        if not isinstance(event, dict):
            answer = {
                "status": "Unrecognized object",
                "message": "Event object format is unrecognized",
                "errors": ["JSON parse error"],
            }
            return web.json_response(answer, status=400)
        if found := problems(event):
            return _invalid("Event object is invalid", found)
        key: str = event["routing_key"]
        if self.keys is not None and key not in self.keys:
            return web.Response(status=400, text="Invalid routing key")
        if self._limited(key):
            return _failed("429")
        self.events.append(event)
        return self._answer(event)

    def _answer(self, event: Event) -> web.Response:
        dedup_key = event.get("dedup_key") or f"{len(self.events):032x}"
        self._apply(event, dedup_key)
        answer = {"status": "success", "message": "Event processed", "dedup_key": dedup_key}
        return web.json_response(answer, status=202)

    def _limited(self, key: str) -> bool:
        """Whether the key has had its events of the last minute; one that it has not is counted."""
        if not self.per_minute:
            return False
        now = self._clock.monotonic()
        recent = self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - MINUTE:
            recent.popleft()
        if len(recent) >= self.per_minute:
            return True
        recent.append(now)
        return False

    # -- incidents ------------------------------------------------------------------------

    def open_incident(self, routing_key: str, dedup_key: str) -> Incident | None:
        """The incident under a key that is not resolved."""
        for incident in reversed(self.incidents):
            if (incident.routing_key, incident.dedup_key) == (routing_key, dedup_key):
                return None if incident.status == "resolved" else incident
        return None

    def _apply(self, event: Event, dedup_key: str) -> None:
        action, key = event["event_action"], event["routing_key"]
        payload = event.get("payload") or {}
        incident = self.open_incident(key, dedup_key)
        if incident is None:
            if action != "trigger":
                self.dropped[action] += 1  # accepted with 202 all the same, as PagerDuty does
                return
            number = self.incidents[-1].number + 1 if self.incidents else 1
            about = (payload["summary"], payload["severity"], payload["source"])
            incident = Incident(number, key, dedup_key, *about)
            self.incidents.append(incident)
        elif action != "trigger":  # a further trigger leaves an acknowledged incident acknowledged
            incident.status = _STATUS[action]
        entry = Entry(
            self._clock.now(), action, payload.get("summary", ""), payload.get("custom_details") or {}
        )
        incident.log.append(entry)
        self.on_entry(incident, entry)


def _invalid(message: str, errors: list[str], status: int = 400) -> web.Response:
    answer = {"status": "invalid event", "message": message, "errors": errors}
    return web.json_response(answer, status=status)


def _failed(kind: str) -> web.Response:
    """What a fault answers."""
    if kind == "html_500":
        page = "<html><body><h1>Internal Server Error</h1></body></html>"
        return web.Response(status=500, text=page, content_type="text/html")
    status, _, more = kind.partition(":")
    if more and status == "400":
        return _invalid("Event object is invalid", [more])
    headers = {"Retry-After": more} if more else {}
    text = "429 - Request Limit Exceeded" if status == "429" else f"error {status}"
    return web.Response(status=int(status), text=text, headers=headers)
