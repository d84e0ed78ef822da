"""Incidents over HTTP: which there are, who has taken them on, and taking one on or giving it back.

Routes of `web.api`. It makes the Inputs Acknowledge and Unacknowledge; what these spread to is
`core`'s to say.
"""

import asyncio
from typing import Final

from aiohttp import web

from responder.core.messages import Acknowledge, Unacknowledge
from responder.core.state import Group
from responder.errors import NotFound, UsageError
from responder.web.api.body import read_body
from responder.web.api.corridor import Corridor, answer, done
from responder.web.api.incidentview import IncidentView
from responder.web.api.query import flag, known
from responder.web.paging import Listing, next_page, page_of

_LOOK: Final = "/api/v1/incidents"
_INCIDENTS: Final = Listing("incidents", (int, int), 200, 1000)
_FIRST: Final = 1 << 63
"""No incident is newer."""

_AT_ONCE: Final = 64
"""Incidents that are looked at before others get their turn."""


class Incidents:
    """`/api/v1/incidents`, `/api/v1/ack` and `/unack`."""

    def __init__(self, corridor: Corridor) -> None:
        """Ask through `corridor`."""
        self._corridor = corridor

    # -- what is --------------------------------------------------------------------------

    async def all(self, request: web.Request) -> web.Response:
        """Incidents in which something fires, newest first, in pages; `?all=1`: those too that are ending."""
        await self._corridor.reading(request)
        known(request, "all", "limit", "cursor")
        every, page, view = flag(request, "all"), page_of(request, _INCIDENTS), self._view()
        limit, after = page.limit or 0, page.after or (_FIRST, 0)
        found: list[Group] = []
        for count, group in enumerate(sorted(self._corridor.state.groups.values(), key=_key, reverse=True)):
            if _key(group) < after and (every or view.is_open(group)):
                found.append(group)
            if len(found) > limit:
                break
            if not count % _AT_ONCE:
                await asyncio.sleep(0)
        shown = found[:limit]
        more = next_page(request, _INCIDENTS, _key(shown[-1])) if shown and len(found) > limit else {}
        return answer([view.brief(group) for group in shown], more)

    async def one(self, request: web.Request) -> web.Response:
        """Everything about an incident."""
        await self._corridor.reading(request)
        return answer(self._view().whole(self._find(request.match_info["id"])))

    def _view(self) -> IncidentView:
        return IncidentView(self._corridor.state, self._corridor.ruleset, self._corridor.now())

    def _find(self, incident: str) -> Group:
        number = incident.partition("-")[0]
        group = self._corridor.state.groups.get(int(number)) if number.isdecimal() else None
        if group is None or group.incident != incident:
            raise NotFound(f"no incident {incident[:40]!r} is open; see GET /api/v1/incidents")
        return group

    # -- what is asked for ----------------------------------------------------------------

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Take an incident on: `{for? | until?, note?}`; without an end until it resolves."""
        return await self._acknowledge(request, (request.match_info["id"][:64],))

    async def acknowledge_some(self, request: web.Request) -> web.Response:
        """Take on those of `{incidents?, matchers?, for? | until?, note?}`."""
        return await self._acknowledge(request, ())

    async def unacknowledge(self, request: web.Request) -> web.Response:
        """Give an incident back."""
        return await self._unacknowledge(request, (request.match_info["id"][:64],))

    async def unacknowledge_some(self, request: web.Request) -> web.Response:
        """Give back those of `{incidents?, matchers?}`."""
        return await self._unacknowledge(request, ())

    async def _acknowledge(self, request: web.Request, incidents: tuple[str, ...]) -> web.Response:
        identity = self._corridor.may(request, "acknowledge")
        body = await read_body(request)
        matchers = () if incidents else body.matchers("matchers")
        incidents = incidents or body.texts("incidents")
        until, note = body.end(self._corridor.now()), body.text("note")
        body.close()
        _something(incidents, matchers)
        asked = Acknowledge(incidents, matchers, until, identity.person, note, "api")
        return done(await self._corridor.command(identity, asked, _LOOK), **self._now(incidents))

    async def _unacknowledge(self, request: web.Request, incidents: tuple[str, ...]) -> web.Response:
        identity = self._corridor.may(request, "acknowledge")
        body = await read_body(request)
        matchers = () if incidents else body.matchers("matchers")
        incidents = incidents or body.texts("incidents")
        body.close()
        _something(incidents, matchers)
        asked = Unacknowledge(incidents, matchers, identity.person, "api")
        return done(await self._corridor.command(identity, asked, _LOOK), **self._now(incidents))

    def _now(self, incidents: tuple[str, ...]) -> dict[str, object]:
        """A single incident as it is now."""
        if len(incidents) != 1:
            return {}
        try:
            group = self._find(incidents[0])
        except NotFound:  # it has ended meanwhile
            return {}
        return {"incident": self._view().brief(group)}


def _key(group: Group) -> tuple[int, int]:
    return group.created_at, group.id


def _something(incidents: tuple[str, ...], matchers: tuple[object, ...]) -> None:
    if not incidents and not matchers:
        raise UsageError("say which: `incidents`, a list of IDs, or `matchers`, such as alertname=HighCPU")
