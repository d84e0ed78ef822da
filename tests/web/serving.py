"""One service in this process, and whoever calls its API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import aiohttp
import yaml

from responder.service import Service
from responder.settings import load_settings
from tests.clock import ManualClock
from tests.peers.ports import free_port

RULES: Final = {
    "route": {
        "receiver": "team",
        "group_by": ["alertname"],
        "routes": [
            {"receiver": "night", "matchers": ["job=night"], "mute_time_intervals": ["always"]},
            {"receiver": "other", "matchers": ["job=both"], "continue": True},
            {"receiver": "team", "matchers": ["job=both"]},
        ],
    },
    "receivers": [{"name": "team"}, {"name": "other"}, {"name": "night"}],
    "inhibit_rules": [
        {
            "source_matchers": ["severity=critical"],
            "target_matchers": ["severity=warning"],
            "equal": ["alertname"],
        }
    ],
    "time_intervals": [{"name": "always", "time_intervals": [{"years": ["2000:2100"]}]}],
}
NOW: Final = "2026-01-05T00:00:00.000Z"
LATER: Final = "2026-01-05T01:00:00.000Z"
UNKNOWN: Final = "8e4b0a5c-7e0a-4a0b-9d8e-3a5a8e1f0a11"


class Caller:
    """Whoever calls the API of one running service."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: ManualClock) -> None:
        self.session, self.url, self.clock = session, url, clock

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        sent = {} if body is None else {"Content-Type": "application/json"}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self.session.request(
            method, f"{self.url}{path}", data=data, headers=sent | (headers or {})
        ) as response:
            text = await response.read()
            return response.status, json.loads(text) if text else None, dict(response.headers)

    async def get(self, path: str) -> Any:
        status, document, _ = await self.ask("GET", f"/api/v2/{path}")
        assert status == 200, document
        return document

    async def refused(self, path: str) -> tuple[int, Any]:
        return (await self.ask("GET", f"/api/v2/{path}"))[:2]

    async def post_alerts(self, *alerts: dict[str, str]) -> None:
        bodies = [{"labels": labels, "annotations": {"summary": "s"}} for labels in alerts]
        assert (await self.ask("POST", "/api/v2/alerts", bodies))[0] == 200

    async def silence(self, *matchers: str, **more: Any) -> str:
        status, document, _ = await self.ask("POST", "/api/v2/silences", silence(*matchers, **more))
        assert (status, list(document)) == (200, ["silenceID"]), document
        return str(UUID(document["silenceID"]))

    async def names(self, path: str) -> list[str]:
        return sorted(alert["labels"]["alertname"] for alert in await self.get(path))


def silence(*matchers: str, **more: Any) -> dict[str, Any]:
    given = [
        {"name": name, "value": value, "isRegex": False, "isEqual": True}
        for name, _, value in (matcher.partition("=") for matcher in matchers)
    ]
    times = {"startsAt": NOW, "endsAt": LATER}
    return {"matchers": given, **times, "createdBy": "me", "comment": "why", **more}


@asynccontextmanager
async def serving(directory: Path, *, rules: Any = RULES, **config: Any) -> AsyncIterator[Caller]:
    """Run a service under `rules`: what routing.yaml says, or the path of a directory."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    routing = directory / "routing.yaml"
    routing.write_text(yaml.safe_dump(RULES if isinstance(rules, Path) else rules))
    path = directory / "responder.yaml"
    given = {
        "listen": f"127.0.0.1:{port}",
        "storage": f"sqlite:///{directory}/responder.db",
        "rules": str(rules if isinstance(rules, Path) else routing),
        "reload": {"watch": "off"},  # hours pass here
    }
    path.write_text(yaml.safe_dump(given | config))
    clock = ManualClock()
    service = Service(load_settings(path, {}), clock)
    await service.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Caller(session, url, clock)
    finally:
        await service.stop()
