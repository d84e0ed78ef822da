"""Runs over HTTP: which there are, their whole story, asking for one, and what people decide about it.

Routes of `web.api`. It makes the Inputs StartRun, Approve, DenyRun, CancelRun and ResolveRun; guards
and moves are `core`'s. What a person approves is the hash of a plan, never a run as such.
"""

import re
from typing import Final, get_args

from aiohttp import web

from responder.core.messages import Approve, CancelRun, DenyRun, ResolveRun, StartRun
from responder.core.run import Run, RunState
from responder.errors import NotFound
from responder.store import journal
from responder.web.access import Identity
from responder.web.api.body import read_body
from responder.web.api.corridor import Corridor, answer, done
from responder.web.api.query import known, some_of
from responder.web.api.runview import journaled, run_order, whole_run
from responder.web.paging import Listing, next_page, page_of

_LOOK: Final = "/api/v1/runs"
_RUNS: Final = Listing("runs", (int,), 50, 500)
_STATES: Final[tuple[str, ...]] = get_args(RunState)
_RUN: Final = re.compile(r"r?([1-9][0-9]{0,17})(-[0-9a-f]+)?")
"""A run's id, or its number alone as people type it."""

_ROWS: Final = 500
"""Journal rows that a run is shown with."""


class Runs:
    """`/api/v1/runs`."""

    def __init__(self, corridor: Corridor) -> None:
        """Ask through `corridor`."""
        self._corridor = corridor

    # -- what is --------------------------------------------------------------------------

    async def all(self, request: web.Request) -> web.Response:
        """Runs that are open or recent, newest first, in pages.

        `?state=S`, `?runbook=NAME`: only those; each may be repeated.
        """
        await self._corridor.reading(request)
        known(request, "state", "runbook", "limit", "cursor")
        states, page = some_of(request, "state", _STATES), page_of(request, _RUNS)
        runbooks = frozenset(request.query.getall("runbook", []))
        limit, last = page.limit or 0, int(page.after[0]) if page.after else 1 << 63
        found = [
            run
            for run in sorted(self._corridor.state.runs.values(), key=run_order)
            if run.number < last
            and (not states or run.state in states)
            and (not runbooks or run.runbook in runbooks)
        ]
        shown = found[:limit]
        more = next_page(request, _RUNS, (shown[-1].number,)) if shown and len(found) > limit else {}
        return answer([self._shown(run) for run in shown], more)

    async def one(self, request: web.Request) -> web.Response:
        """A run with the journal's rows about it."""
        await self._corridor.reading(request)
        run = self._find(request.match_info["id"])
        rows = await self._corridor.rows(
            lambda c: journal.naming(c, run.id, since=run.created_at, until=run.ended_at, limit=_ROWS)
        )
        return answer({**self._shown(run), "journal": [journaled(row, run.id) for row in rows]})

    def _shown(self, run: Run) -> dict[str, object]:
        groups = self._corridor.state.groups
        return whole_run(run, [groups[key].incident for key in run.groups if key in groups])

    def _find(self, text: str) -> Run:
        match = _RUN.fullmatch(text)
        run = self._corridor.state.runs.get(int(match[1])) if match else None
        if run is None or (match and match[2] and run.id != text):
            raise NotFound(
                f"no run {text[:40]!r} is remembered; an older one is in the journal: "
                "responder audit list --run ID"
            )
        return run

    # -- what is asked for ----------------------------------------------------------------

    async def start(self, request: web.Request) -> web.Response:
        """Ask for a run: `{runbook, parameters?, why?, plan_only?}`."""
        identity = self._corridor.may(request, "respond")
        body = await read_body(request)
        runbook = body.text("runbook", needed="which runbook is to be run", longest=253)
        parameters, why = body.values("parameters"), body.text("why")
        only_plan = body.flag("plan_only")
        body.close()
        asked = StartRun(runbook, parameters, identity.person, why, "api", only_plan)
        detail = await self._corridor.command(identity, asked, _LOOK)
        return done(detail, **self._now(detail))

    async def approve(self, request: web.Request) -> web.Response:
        """A person's yes to the plan with this hash: `{plan?}`; without, to the one that is there now."""
        identity = self._corridor.person(request, "approve")
        body = await read_body(request)
        plan = body.digest("plan", "a plan's hash")
        body.close()
        return await self._decide(identity, Approve(_named(request), identity.person, plan, via="api"))

    async def deny(self, request: web.Request) -> web.Response:
        """A no to a run that has not begun: `{reason?}`."""
        identity = self._corridor.may(request, "respond")
        why = await _reason(request)
        return await self._decide(identity, DenyRun(_named(request), identity.person, why, "api"))

    async def cancel(self, request: web.Request) -> web.Response:
        """Let a run go no further: `{reason?}`. What is under way ends first."""
        identity = self._corridor.may(request, "respond")
        why = await _reason(request)
        return await self._decide(identity, CancelRun(_named(request), identity.person, why, "api"))

    async def resolve(self, request: web.Request) -> web.Response:
        """Say how a run of unknown outcome went, after looking: `{applied, reason}`."""
        identity = self._corridor.person(request, "respond")
        body = await read_body(request)
        applied = body.flag("applied", needed="true if what the step does was done, false if it was not")
        why = body.text("reason", needed="what was seen, and where")
        body.close()
        asked = ResolveRun(_named(request), applied, identity.person, why, "api")
        return await self._decide(identity, asked)

    async def _decide(
        self, identity: Identity, asked: Approve | DenyRun | CancelRun | ResolveRun
    ) -> web.Response:
        detail = await self._corridor.command(identity, asked, f"{_LOOK}/{asked.run}")
        return done(detail, **self._now(asked.run))

    def _now(self, text: str) -> dict[str, object]:
        """A run as it is now."""
        run = self._find(text)
        return {"id": run.id, "run": self._shown(run)}


def _named(request: web.Request) -> str:
    return request.match_info["id"][:64]


async def _reason(request: web.Request) -> str:
    body = await read_body(request)
    why = body.text("reason")
    body.close()
    return why
