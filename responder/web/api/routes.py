"""Every path of `/api/v1`, subject by subject.

`web.app` calls `add_routes`. It answers nothing itself.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from responder.engine import Engine
from responder.store.database import Database
from responder.web.access import Access
from responder.web.api.corridor import Corridor
from responder.web.api.freezes import Freezes
from responder.web.api.incidents import Incidents
from responder.web.api.records import Records
from responder.web.api.runbooks import Runbooks
from responder.web.api.runs import Runs


class Api:
    """`/api/v1`."""

    def __init__(
        self, engine: Engine, database: Database, access: Access, rules: Callable[[], dict[str, Any]]
    ) -> None:
        """Read from `database` and `engine`'s state, command through `engine`.

        `rules`: how they were last read.
        """
        corridor = Corridor(engine, database, access)
        self._records = Records(corridor, rules)
        self._incidents = Incidents(corridor)
        self._runs = Runs(corridor)
        self._runbooks = Runbooks(corridor)
        self._freezes = Freezes(corridor)

    def add_routes(self, app: web.Application) -> None:
        """Put the paths of this version into `app`."""
        get, post = app.router.add_get, app.router.add_post
        get("/api/v1/ledger", self._records.ledger)
        get("/api/v1/deliveries", self._records.deliveries)
        post("/api/v1/deliveries/{row:\\d+}/resend", self._records.resend)
        post("/api/v1/deliveries/{row:\\d+}/dismiss", self._records.dismiss)
        get("/api/v1/audit", self._records.audit)
        get("/api/v1/explain", self._records.explain)
        get("/api/v1/reload", self._records.reload)
        get("/api/v1/incidents", self._incidents.all)
        get("/api/v1/incidents/{id}", self._incidents.one)
        post("/api/v1/incidents/{id}/ack", self._incidents.acknowledge)
        post("/api/v1/incidents/{id}/unack", self._incidents.unacknowledge)
        post("/api/v1/ack", self._incidents.acknowledge_some)
        post("/api/v1/unack", self._incidents.unacknowledge_some)
        get("/api/v1/runs", self._runs.all)
        post("/api/v1/runs", self._runs.start)
        get("/api/v1/runs/{id}", self._runs.one)
        post("/api/v1/runs/{id}/approve", self._runs.approve)
        post("/api/v1/runs/{id}/deny", self._runs.deny)
        post("/api/v1/runs/{id}/cancel", self._runs.cancel)
        post("/api/v1/runs/{id}/resolve", self._runs.resolve)
        get("/api/v1/runbooks", self._runbooks.all)
        get("/api/v1/runbooks/{name}", self._runbooks.one)
        post("/api/v1/runbooks/{name}/sign", self._runbooks.sign)
        post("/api/v1/runbooks/{name}/reset", self._runbooks.reset)
        get("/api/v1/freezes", self._freezes.all)
        post("/api/v1/freezes", self._freezes.put)
        app.router.add_delete("/api/v1/freezes/{id}", self._freezes.lift)
