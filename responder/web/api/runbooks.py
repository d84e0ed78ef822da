"""Runbooks over HTTP: what they are for, what an alert may start by itself, signing and resetting.

Routes of `web.api`. It makes the Inputs SignRunbook and ResetRunbook. A page's text is shown as it
is; nothing in it is evaluated here.
"""

from typing import Any, Final

from aiohttp import web

from responder.core.messages import ResetRunbook, SignRunbook
from responder.errors import NotFound
from responder.web.api.body import read_body
from responder.web.api.corridor import Corridor, answer, done
from responder.web.api.query import known
from responder.web.api.runbookview import RunbookView

_LOOK: Final = "/api/v1/runbooks"


class Runbooks:
    """`/api/v1/runbooks`."""

    def __init__(self, corridor: Corridor) -> None:
        """Ask through `corridor`."""
        self._corridor = corridor

    async def all(self, request: web.Request) -> web.Response:
        """Every runbook in force, by name."""
        await self._corridor.reading(request)
        known(request)
        view = self._view()
        return answer([view.brief(runbook) for _, runbook in sorted(self._corridor.ruleset.runbooks.items())])

    async def one(self, request: web.Request) -> web.Response:
        """A runbook with its parameters, steps and text."""
        await self._corridor.reading(request)
        return answer(self._whole(request.match_info["name"]))

    async def sign(self, request: web.Request) -> web.Response:
        """Vouch for a runbook's text: `{hash, reason}`, the hash of what was read."""
        identity = self._corridor.may(request, "admin")
        body = await read_body(request)
        digest = body.digest("hash", "a page's SHA-256", needed="that of the page that was read")
        reason = body.text("reason", needed="why this text may be trusted")
        body.close()
        name = request.match_info["name"][:253]
        asked = SignRunbook(name, digest, reason, identity.person)
        return done(await self._corridor.command(identity, asked, f"{_LOOK}/{name}"), **self._now(name))

    async def reset(self, request: web.Request) -> web.Response:
        """Let a runbook that was demoted after failures go by itself again: `{reason}`."""
        identity = self._corridor.may(request, "admin")
        body = await read_body(request)
        reason = body.text("reason", needed="why it may go by itself again")
        body.close()
        name = request.match_info["name"][:253]
        asked = ResetRunbook(name, reason, identity.person)
        return done(await self._corridor.command(identity, asked, f"{_LOOK}/{name}"), **self._now(name))

    def _view(self) -> RunbookView:
        return RunbookView(self._corridor.state, self._corridor.ruleset, self._corridor.now())

    def _whole(self, name: str) -> dict[str, Any]:
        runbook = self._corridor.ruleset.runbooks.get(name)
        if runbook is None:
            raise NotFound(f"no runbook {name[:40]!r} is in force; see GET /api/v1/runbooks")
        return self._view().whole(runbook)

    def _now(self, name: str) -> dict[str, object]:
        runbook = self._corridor.ruleset.runbooks.get(name)
        return {"runbook": self._view().brief(runbook)} if runbook else {}
