"""The books: the ledger, deliveries, the journal, why an alert is told, and how the rules were read.

Routes of `web.api`. Answers are made from committed rows (or the state that equals them); a GET
first waits until what was accepted before it is decided.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from responder.core.explain import explain_alert
from responder.core.messages import Command, DismissDelivery, ResendDelivery
from responder.core.model import fingerprint, labels_from
from responder.errors import NotFound, UsageError
from responder.store import journal, outbox
from responder.web.api.corridor import Corridor, answer, done
from responder.web.paging import Listing, next_page, page_of, whole

_DELIVERIES: Final = Listing("deliveries", (int,), 100, 1000)
_AUDIT: Final = Listing("audit", (str, int), 100, 10_000)
"""Its key: `forward` or `back`, and the row at which the next page begins, itself left out."""


class Records:
    """`/api/v1/ledger`, `/deliveries`, `/audit`, `/explain`, `/reload`."""

    def __init__(self, corridor: Corridor, rules: Callable[[], dict[str, Any]]) -> None:
        """Ask through `corridor`; `rules`: how they were last read."""
        self._corridor = corridor
        self._rules = rules

    async def ledger(self, request: web.Request) -> web.Response:
        """The sums: owed = delivered + suppressed + superseded + dead + pending."""
        await self._corridor.reading(request)
        sums = await self._corridor.rows(outbox.sums)
        return answer({"balanced": sums.balanced, **msgspec.structs.asdict(sums)})

    async def deliveries(self, request: web.Request) -> web.Response:
        """Ledger rows, newest first, in pages; `?dead=1`: what was refused and nobody dealt with."""
        await self._corridor.reading(request)
        dead = request.query.get("dead", "") in ("1", "true")
        page = page_of(request, _DELIVERIES)
        limit = page.limit or 0
        before = int(page.after[0]) if page.after else None
        rows = await self._corridor.rows(
            lambda c: outbox.list_rows(c, dead=dead, limit=limit + 1, before=before)
        )
        shown, more = rows[:limit], len(rows) > limit > 0
        headers = next_page(request, _DELIVERIES, (shown[-1].id,)) if more else None
        return answer([outbox.as_shown(row) for row in shown], headers)

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
        """Journal rows, oldest first: `?since=N&limit=M`; without `since`, the newest.

        The next page goes on in the same direction: forward from `since`, else further into the past.
        """
        await self._corridor.reading(request)
        page, since = page_of(request, _AUDIT), whole(request, "since", 0, 1 << 62) or 0
        limit, newest = page.limit or 0, self._corridor.newest
        way, at = page.after or (("forward", since - 1) if since else ("back", newest + 1))
        forward, mark = way == "forward", int(at)
        first = mark + 1 if forward else max(mark - limit, 1)
        last = first + limit - 1 if forward else mark - 1

        def query(connection: sqlite3.Connection) -> tuple[list[journal.Entry], int]:
            return list(journal.entries(connection, first, last)), journal.checkpoint(connection).n

        entries, pruned = await self._corridor.rows(query)
        headers = {}
        if forward and limit > 0 and last < newest:
            headers = next_page(request, _AUDIT, ("forward", max(last, pruned)))
        elif not forward and limit > 0 and first > pruned + 1:
            headers = next_page(request, _AUDIT, ("back", first))
        body = b"[" + b",".join(entry.line() for entry in entries) + b"]"
        return web.Response(body=body, content_type="application/json", headers=headers)

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

    async def reload(self, request: web.Request) -> web.Response:
        """When and how the rules were last read, what is wrong with them, and which are in force."""
        self._corridor.may(request, "read")
        return answer(self._rules())
