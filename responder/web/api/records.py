"""The books: the ledger, deliveries, the journal, and why an alert is told.

Routes of `web.api`. Answers are made from committed rows (or the state that equals them); a GET
first waits until what was accepted before it is decided.
"""

import sqlite3
from typing import Any

from aiohttp import web

from responder.core.explain import explain_alert
from responder.core.messages import Command, DismissDelivery, ResendDelivery
from responder.core.model import fingerprint, labels_from
from responder.errors import NotFound, UsageError
from responder.store import journal, outbox
from responder.web.api.corridor import Corridor, answer, done
from responder.web.api.query import number


class Records:
    """`/api/v1/ledger`, `/deliveries`, `/audit`, `/explain`."""

    def __init__(self, corridor: Corridor) -> None:
        """Ask through `corridor`."""
        self._corridor = corridor

    async def ledger(self, request: web.Request) -> web.Response:
        """The sums: owed = delivered + suppressed + superseded + dead + pending."""
        await self._corridor.reading(request)
        sums = await self._corridor.rows(outbox.sums)
        return answer({"balanced": sums.balanced, **_fields(sums)})

    async def deliveries(self, request: web.Request) -> web.Response:
        """Ledger rows, newest first; `?dead=1`: what was refused and nobody dealt with."""
        await self._corridor.reading(request)
        dead = request.query.get("dead", "") in ("1", "true")
        limit = number(request, "limit", 100, 1000)
        rows = await self._corridor.rows(lambda c: outbox.list_rows(c, dead=dead, limit=limit))
        return answer([outbox.as_shown(row) for row in rows])

    async def resend(self, request: web.Request) -> web.Response:
        """Tell again what a dead row would have told, as things are now."""
        return await self._command(request, ResendDelivery(int(request.match_info["row"])))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Take a dead row off the list."""
        return await self._command(request, DismissDelivery(int(request.match_info["row"])))

    async def _command(self, request: web.Request, body: Command) -> web.Response:
        identity = self._corridor.may(request, "respond")
        return done(await self._corridor.command(identity, body, "/api/v1/audit"))

    async def audit(self, request: web.Request) -> web.Response:
        """Journal rows, oldest first: `?since=N&limit=M`; without `since`, the newest."""
        await self._corridor.reading(request)
        limit = number(request, "limit", 100, 10_000)
        since = number(request, "since", 0, 1 << 62)

        def query(connection: sqlite3.Connection) -> list[journal.Entry]:
            first = since or max(self._corridor.newest - limit + 1, 1)
            return list(journal.entries(connection, first, first + limit - 1))

        entries = await self._corridor.rows(query)
        body = b"[" + b",".join(entry.line() for entry in entries) + b"]"
        return web.Response(body=body, content_type="application/json")

    async def explain(self, request: web.Request) -> web.Response:
        """Why an alert is told or not: `?fingerprint=HEX`, or `?label=NAME=VALUE` repeated."""
        await self._corridor.reading(request)
        state, now = self._corridor.state, self._corridor.now()
        wanted = request.query.get("fingerprint")
        if wanted is not None:
            found = next((a.labels for a in state.by_id.values() if fingerprint(a.labels) == wanted), None)
            if found is None:
                raise NotFound(f"no alert with fingerprint {wanted[:32]!r} is known")
        else:
            pairs = [text.partition("=") for text in request.query.getall("label", [])]
            if not pairs or not all(name and equals for name, equals, _ in pairs):
                raise UsageError("say ?fingerprint=HEX or ?label=NAME=VALUE, once per label")
            found = labels_from({name: value for name, _, value in pairs})
        return answer(explain_alert(state, self._corridor.ruleset, found, now))


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
