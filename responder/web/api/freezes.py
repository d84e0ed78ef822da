"""Freezes over HTTP: what is not to be done, where, why and until when.

Routes of `web.api`. It makes the Inputs PutFreeze and LiftFreeze; whether a freeze covers a run is
`core`'s to say.
"""

import secrets
from typing import Final

from aiohttp import web

from responder.core.freeze import LONGEST, Freeze, scope_fault
from responder.core.messages import LiftFreeze, PutFreeze
from responder.core.model import format_time
from responder.web.api.body import read_body
from responder.web.api.corridor import Corridor, answer, done
from responder.web.api.query import known

_LOOK: Final = "/api/v1/freezes"


class Freezes:
    """`/api/v1/freezes`."""

    def __init__(self, corridor: Corridor) -> None:
        """Ask through `corridor`."""
        self._corridor = corridor

    async def all(self, request: web.Request) -> web.Response:
        """Freezes in force, the one that ends first before others."""
        await self._corridor.reading(request)
        known(request)
        now = self._corridor.now()
        found = [freeze for freeze in self._corridor.state.freezes.values() if freeze.until > now]
        found.sort(key=lambda freeze: (freeze.until, freeze.id))
        return answer([shown_freeze(freeze) for freeze in found])

    async def put(self, request: web.Request) -> web.Response:
        """Freeze a scope: `{scope, reason, for | until, hard?}`."""
        identity = self._corridor.may(request, "respond")
        body = await read_body(request)
        scope = body.text("scope", needed="what is frozen", longest=300)
        reason = body.text("reason", needed="why it is frozen")
        until = body.end(self._corridor.now(), needed="a freeze has an end", longest=LONGEST)
        hard = body.flag("hard")
        if scope and (fault := scope_fault(scope)):
            body.problem("scope", fault)
        body.close()
        asked = PutFreeze(f"f-{secrets.token_hex(4)}", scope, reason, until, hard, identity.person)
        detail = await self._corridor.command(identity, asked, _LOOK)
        put = self._corridor.state.freezes.get(asked.id)
        return done(detail, id=asked.id, freeze=shown_freeze(put) if put else None)

    async def lift(self, request: web.Request) -> web.Response:
        """End a freeze before its time."""
        identity = self._corridor.may(request, "admin")
        asked = LiftFreeze(request.match_info["id"][:64], identity.person)
        return done(await self._corridor.command(identity, asked, _LOOK))


def shown_freeze(freeze: Freeze) -> dict[str, object]:
    """A freeze as JSON has it."""
    return {
        "id": freeze.id,
        "scope": freeze.scope,
        "reason": freeze.reason,
        "by": freeze.by,
        "at": format_time(freeze.at),
        "until": format_time(freeze.until),
        "hard": freeze.hard,
    }
