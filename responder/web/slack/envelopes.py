"""What comes over Socket Mode: the same commands and presses, in envelopes instead of signed requests.

`service` hands the connection's envelopes to it. Who opened the connection is proved by the app-level
token; each envelope counts once, as a signed request does.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from responder.clock import Clock
from responder.errors import ResponderError
from responder.store.database import Database
from responder.store.slackseen import first_time
from responder.telemetry import Metrics, logger
from responder.web.slack.desk import Desk

log = logger("slack")


class Envelopes:
    """What the connection delivers."""

    def __init__(self, desk: Desk, database: Database, clock: Clock, metrics: Metrics) -> None:
        """Answered by `desk`."""
        self._desk = desk
        self._database = database
        self._clock = clock
        self._counted = metrics.slack_requests

    async def take(self, kind: str, envelope: str, payload: Any) -> Mapping[str, Any] | None:
        """What is said in answer to an envelope, if anything is."""
        try:
            if not await first_time(self._database, f"envelope {envelope}", self._clock.now()):
                self._counted.labels("replayed").inc()
                return None
            self._counted.labels("accepted").inc()
            if kind == "slash_commands" and isinstance(payload, dict):
                fields = {name: value for name, value in payload.items() if isinstance(value, str)}
                return (await self._desk.command(fields)).document()
            if kind == "interactive":
                await self._desk.interaction(msgspec.json.encode(payload).decode())
        except ResponderError as error:
            log.warning("slack_envelope_refused", kind=kind[:32], reason=str(error))
        return None
