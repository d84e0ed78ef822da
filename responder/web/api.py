"""Responder's own API, `/api/v1`: the ledger, deliveries, the journal, and why.

Routes of `web.app`, read by the CLI. Answers are made from committed rows (or the state that
equals them); a GET first waits until what was accepted before it is decided.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from responder.core.explain import explain_alert
from responder.core.messages import Accepted, Command, Declined, DismissDelivery, ResendDelivery
from responder.core.model import fingerprint, labels_from
from responder.engine import Engine, Pending
from responder.errors import NotFound, Refused, UsageError
from responder.store import journal, outbox
from responder.store.database import Database
from responder.web.access import Access
from responder.web.paging import Listing, next_page, page_of, whole

_DELIVERIES: Final = Listing("deliveries", (int,), 100, 1000)
_AUDIT: Final = Listing("audit", (str, int), 100, 10_000)
"""Its key: `forward` or `back`, and the row at which the next page begins, itself left out."""


class Declination(Refused):
    """A command that the decision declined; carries the decision's own status."""

    def __init__(self, declined: Declined) -> None:
        """Answer as the decision says."""
        super().__init__(declined.reason)
        self.status = declined.status


class Api:
    """`/api/v1`."""

    def __init__(
        self, engine: Engine, database: Database, access: Access, rules: Callable[[], dict[str, Any]]
    ) -> None:
        """Read from `database`, command through `engine`; `rules`: how they were last read."""
        self._engine = engine
        self._database = database
        self._access = access
        self._rules = rules

    def add_routes(self, app: web.Application) -> None:
        """Put the paths of this version into `app`."""
        app.router.add_get("/api/v1/ledger", self.ledger)
        app.router.add_get("/api/v1/deliveries", self.deliveries)
        app.router.add_post("/api/v1/deliveries/{row:\\d+}/resend", self.resend)
        app.router.add_post("/api/v1/deliveries/{row:\\d+}/dismiss", self.dismiss)
        app.router.add_get("/api/v1/audit", self.audit)
        app.router.add_get("/api/v1/explain", self.explain)
        app.router.add_get("/api/v1/reload", self.reload)

    async def _read(self, query: Callable[[sqlite3.Connection], Any]) -> Any:
        await self._engine.caught_up()
        return await self._database.read(query)

    async def ledger(self, request: web.Request) -> web.Response:
        """The sums: owed = delivered + suppressed + superseded + dead + pending."""
        self._access.check(request, "read")
        sums = await self._read(outbox.sums)
        return _json({"balanced": sums.balanced, **_fields(sums)})

    async def deliveries(self, request: web.Request) -> web.Response:
        """Ledger rows, newest first, in pages; `?dead=1`: what was refused and nobody dealt with."""
        self._access.check(request, "read")
        dead = request.query.get("dead", "") in ("1", "true")
        page = page_of(request, _DELIVERIES)
        limit = page.limit or 0
        before = int(page.after[0]) if page.after else None
        rows = await self._read(lambda c: outbox.list_rows(c, dead=dead, limit=limit + 1, before=before))
        shown, more = rows[:limit], len(rows) > limit > 0
        headers = next_page(request, _DELIVERIES, (shown[-1].id,)) if more else {}
        return _json([outbox.as_shown(row) for row in shown], headers=headers)

    async def resend(self, request: web.Request) -> web.Response:
        """Tell again what a dead row would have told, as things are now."""
        return await self._command(request, ResendDelivery(int(request.match_info["row"])))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Take a dead row off the list."""
        return await self._command(request, DismissDelivery(int(request.match_info["row"])))

    async def audit(self, request: web.Request) -> web.Response:
        """Journal rows, oldest first: `?since=N&limit=M`; without `since`, the newest.

        The next page goes on in the same direction: forward from `since`, else further into the past.
        """
        self._access.check(request, "read")
        page = page_of(request, _AUDIT)
        await self._engine.caught_up()
        limit, since = page.limit or 0, whole(request, "since", 0, 1 << 62) or 0
        way, at = page.after or (("forward", since - 1) if since else ("back", self._engine.head.n + 1))
        forward, mark = way == "forward", int(at)
        first = mark + 1 if forward else max(mark - limit, 1)
        last = first + limit - 1 if forward else mark - 1

        def query(connection: sqlite3.Connection) -> tuple[list[journal.Entry], int]:
            return list(journal.entries(connection, first, last)), journal.checkpoint(connection).n

        entries, pruned = await self._database.read(query)
        headers = {}
        if forward and limit > 0 and last < self._engine.head.n:
            headers = next_page(request, _AUDIT, ("forward", max(last, pruned)))
        elif not forward and limit > 0 and first > pruned + 1:
            headers = next_page(request, _AUDIT, ("back", first))
        body = b"[" + b",".join(entry.line() for entry in entries) + b"]"
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def explain(self, request: web.Request) -> web.Response:
        """Why an alert is told or not: `?fingerprint=HEX`, or `?label=NAME=VALUE` repeated."""
        self._access.check(request, "read")
        await self._engine.caught_up()
        state, now = self._engine.state, self._engine.log.now()
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
        return _json(explain_alert(state, self._engine.ruleset, found, now))

    async def reload(self, request: web.Request) -> web.Response:
        """When and how the rules were last read, what is wrong with them, and which are in force."""
        self._access.check(request, "read")
        return _json(self._rules())

    async def _command(self, request: web.Request, body: Command) -> web.Response:
        identity = self._access.check(request, "respond")
        reply = await self._engine.command(identity.name, body)
        match reply:
            case Accepted():
                return _json({"status": "done", "detail": reply.detail})
            case Declined():
                raise Declination(reply)
            case Pending():
                where = {"status": "accepted", "input": reply.seq, "look": "/api/v1/audit"}
                return _json(where, 202)
            case _:
                raise AssertionError(f"{reply!r} is no reply to a command")


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
