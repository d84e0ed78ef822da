"""A receiver of Alertmanager's webhooks on loopback, for receivers that a newcomer points at it.

`site` mounts it at `POST /hooks/NAME`. It tells `on_payload` what came, keeps nothing and sends
nothing anywhere.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    status: str = ""


class Payload(msgspec.Struct):
    """What is read of a webhook's payload."""

    alerts: list[_Alert]
    notification_reason: str = ""

    def counted(self) -> str:
        """`HighCPU: 2 firing, 1 resolved`."""
        names = sorted({alert.labels.get("alertname", "(no name)") for alert in self.alerts})
        ended = sum(alert.status == "resolved" for alert in self.alerts)
        parts = ((len(self.alerts) - ended, "firing"), (ended, "resolved"))
        said = ", ".join(f"{count} {word}" for count, word in parts if count) or "no alerts"
        return f"{', '.join(names)}: {said}" if names else said


class Hooks:
    """The receiver. `on_payload` hears the hook's name, the payload, and its JSON."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self.on_payload: Callable[[str, Payload, Any], None] = lambda name, payload, document: None

    def add_routes(self, app: web.Application, prefix: str = "/hooks") -> None:
        """Serve `PREFIX/NAME`."""
        app.router.add_post(f"{prefix}/{{name}}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            payload = msgspec.json.decode(body, type=Payload)
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return web.Response(status=400, text=f"not an Alertmanager webhook: {error}\n")
        self.on_payload(request.match_info["name"], payload, document)
        return web.Response()
