"""Alertmanager's API, version 2, over our own state: Prometheus, amtool and dashboards speak it.

Routes of `web.app`; `POST /api/v2/alerts` is `web.intake`'s. A GET waits for what was accepted
before it; a command is answered when it is decided. Answers and refusals are shaped as
Alertmanager shapes them, and no error that a caller can cause is a 500.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, TypeVar
from uuid import uuid4

import msgspec
from aiohttp import web

from responder import LIKE, __version__
from responder.core.messages import Accepted, Command, Declined, ExpireSilence
from responder.core.model import Alert, Labels, Nanoseconds, fingerprint
from responder.core.routing import Route
from responder.core.rules import Ruleset
from responder.core.silence import BadSilence, fault, read_silence
from responder.core.silencing import NOT_FOUND
from responder.core.state import Group
from responder.engine import Engine, Pending
from responder.errors import TooLarge
from responder.ruleset.plain import plain_text
from responder.web.access import Access, Identity
from responder.web.alertquery import AlertQuery, filters, flag, has_matchers, mistyped
from responder.web.alertview import (
    Named,
    ShownAlert,
    ShownGroup,
    View,
    shown_silence,
    silence_order,
    wire_time,
)
from responder.web.answer import Answered, as_json, refusal
from responder.web.paging import Key, Listing, Page, next_page, page_of
from responder.web.response import response_of

T = TypeVar("T")

_ALERTS: Final = Listing("alerts", (str, int), None, 10_000)
_SILENCES: Final = Listing("silences", (str,), None, 10_000)

LARGEST_SILENCE: Final = 64 << 10
"""Bytes of a silence's body."""

_AT_ONCE: Final = 64
"""Alerts that are looked at before others get their turn."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")

_GONE: Final = {
    "status": "deprecated",
    "error": "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 "
    "- please use the equivalent route in the v2 API",
}
_VERSION_1: Final = ("status", "receivers", "alerts", "alerts/groups", "silences", "silence/{id}")


class AlertmanagerApi:
    """`/api/v2` but for posting alerts, and what is left of Alertmanager's `/api/v1`."""

    def __init__(self, engine: Engine, access: Access, started_at: Nanoseconds, external_url: str) -> None:
        """Answer from `engine`'s state; the process is up since `started_at`, and found at `external_url`."""
        self._engine = engine
        self._access = access
        self._started_at = started_at
        self._external_url = external_url
        self._original = ("", "")

    def add_routes(self, app: web.Application) -> None:
        """Put the paths into `app`."""
        router = app.router
        router.add_get("/api/v2/status", self.status)
        router.add_get("/api/v2/receivers", self.receivers)
        router.add_get("/api/v2/alerts", self.alerts)
        router.add_get("/api/v2/alerts/groups", self.groups)
        router.add_get("/api/v2/silences", self.silences)
        router.add_post("/api/v2/silences", self.put_silence)
        router.add_get("/api/v2/silence/{id}", self.silence)
        router.add_delete("/api/v2/silence/{id}", self.expire)
        for path in _VERSION_1:
            router.add_route("*", f"/api/v1/{path}", self.version_1)

    async def version_1(self, request: web.Request) -> web.Response:
        """Alertmanager's first API is gone, as it is there."""
        self._access.identify(request)
        return response_of(as_json(410, _GONE))

    # -- what is --------------------------------------------------------------------------

    async def status(self, request: web.Request) -> web.Response:
        """Version, uptime, the rules in force without secrets; never part of a cluster."""
        await self._reading(request)
        version = {
            "version": f"{LIKE}+responder.{__version__}",
            "revision": "",
            "branch": "responder",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
        answer = {
            "cluster": {"status": "disabled", "peers": []},
            "versionInfo": version,
            "config": {"original": self._configuration(self._engine.ruleset)},
            "uptime": wire_time(self._started_at),
        }
        return _json(answer)

    def _configuration(self, ruleset: Ruleset) -> str:
        if self._original[0] != ruleset.hash:
            self._original = (ruleset.hash, plain_text(ruleset.source))
        return self._original[1]

    async def receivers(self, request: web.Request) -> web.Response:
        """Every receiver, in the order of the file."""
        await self._reading(request)
        return _json([{"name": name} for name in self._engine.ruleset.receivers])

    async def alerts(self, request: web.Request) -> web.Response:
        """Alerts that fire, by fingerprint; with `limit` or `cursor`, in pages."""
        await self._reading(request)
        query, view = AlertQuery.of(request), self._view()
        page = page_of(request, _ALERTS)
        alerts = list(self._engine.state.by_id.values())
        if not page.whole:
            alerts = await _beyond(page.after, alerts)
        found: list[tuple[Key, bytes]] = []
        async for alert in _in_turns(alerts):
            if query.wants_receiver(view.receivers(alert.labels)):
                shown = view.alert(alert, query)
                if shown:
                    found.append(((shown.fingerprint, alert.id), msgspec.json.encode(shown)))
            if page.limit is not None and len(found) > page.limit:
                break
        return _page(request, _ALERTS, page, sorted(found))

    async def groups(self, request: web.Request) -> web.Response:
        """Groups with alerts that fire, by labels and receiver."""
        await self._reading(request)
        query, view, state = AlertQuery.of(request), self._view(), self._engine.state
        routes = self._engine.ruleset.router.by_id
        wanted: dict[int, tuple[Group, Route, tuple[str, ...]]] = {}
        for group in state.groups.values():
            route = routes.get(group.route)
            if route is not None and query.wants_receiver([route.receiver]):
                muted_by = view.muted_by(route)
                if query.muted or not muted_by:
                    wanted[group.id] = (group, route, muted_by)
        alerts: dict[int, list[ShownAlert]] = {}
        members = [(key, alert) for key in wanted for alert in state.members[key].values()]
        async for key, alert in _in_turns(members):
            shown = view.alert(alert, query, wanted[key][2])
            if shown:
                alerts.setdefault(key, []).append(shown)
        found: list[tuple[tuple[Labels, str, int], bytes]] = []
        async for key in _in_turns(list(alerts)):
            group, route, _ = wanted[key]
            some = sorted(alerts[key], key=lambda alert: alert.fingerprint)
            shown_group = ShownGroup(
                dict(group.labels), Named(route.receiver), some, view.route_labels(group, route)
            )
            body = msgspec.json.encode(shown_group)
            found.append(((group.labels, route.receiver, route.index), body))
        return _listed(found)

    async def silences(self, request: web.Request) -> web.Response:
        """Silences, active ones first; a filter must be one of a silence's matchers, word for word.

        With `limit` or `cursor`, in pages and by id: no silence changes its place while it is kept.
        """
        await self._reading(request)
        page = page_of(request, _SILENCES)
        wanted, now = filters(request), self._engine.log.now()
        phases = [phase for phase in ("active", "pending", "expired") if flag(request, phase)]
        found = [
            silence
            for silence in self._engine.state.silences.all.values()
            if silence.phase(now) in phases and has_matchers(silence, wanted)
        ]
        if page.whole:
            found.sort(key=lambda silence: silence_order(silence, now))
            return _json([shown_silence(silence, now) for silence in found])
        ordered = sorted((one.id, one) for one in found if page.after is None or (one.id,) > page.after)
        some = ordered if page.limit is None else ordered[: page.limit + 1]
        shown = [((key,), msgspec.json.encode(shown_silence(one, now))) for key, one in some]
        return _page(request, _SILENCES, page, shown)

    async def silence(self, request: web.Request) -> web.Response:
        """One silence."""
        await self._reading(request)
        found = self._engine.state.silences.all.get(_silence_id(request))
        if found is None:
            return response_of(as_json(404, NOT_FOUND))
        return _json(shown_silence(found, self._engine.log.now()))

    def _view(self) -> View:
        return View(self._engine.state, self._engine.ruleset, self._engine.log.now(), self._external_url)

    async def _reading(self, request: web.Request) -> None:
        self._access.check(request, "read")
        await self._engine.caught_up()

    # -- what is asked for ----------------------------------------------------------------

    async def put_silence(self, request: web.Request) -> web.Response:
        """Make a silence, or change the one whose id the body has."""
        identity = self._access.check(request, "silence")
        try:
            asked = read_silence(await _body(request), str(uuid4()))
        except BadSilence as error:
            answered = mistyped(str(error), 602) if error.schema else Answered(refusal(400, str(error)))
            raise answered from None
        if not asked.matchers:
            raise mistyped("matchers in body should have at least 1 items", 612)
        problem = fault(asked)
        if problem:
            return response_of(as_json(400, problem))
        return await self._command(identity, asked)

    async def expire(self, request: web.Request) -> web.Response:
        """End a silence now; one that is over already is fine."""
        identity = self._access.check(request, "silence")
        return await self._command(identity, ExpireSilence(_silence_id(request)))

    async def _command(self, identity: Identity, body: Command) -> web.Response:
        reply = await self._engine.command(identity.name, body)
        match reply:
            case Accepted() if isinstance(body, ExpireSilence):
                return web.Response()
            case Accepted():
                return _json({"silenceID": reply.detail})
            case Declined():
                return response_of(as_json(reply.status, reply.reason))
            case Pending():
                where = {"status": "accepted", "input": reply.seq, "look": "/api/v2/silences"}
                return response_of(as_json(202, where))
            case _:
                raise AssertionError(f"{reply!r} is no reply to a command")


async def _in_turns(values: Sequence[T]) -> AsyncIterator[T]:
    """The values; others get their turn now and then."""
    for number, value in enumerate(values, start=1):
        yield value
        if not number % _AT_ONCE:
            await asyncio.sleep(0)


def _listed(found: list[tuple[Any, bytes]]) -> web.Response:
    """A JSON list of what was encoded already, by its keys."""
    found.sort(key=lambda one: one[0])
    return _raw(b"[" + b",".join([body for _, body in found]) + b"]")


async def _beyond(after: Key | None, alerts: Sequence[Alert]) -> list[Alert]:
    """The alerts that come after this key, in order."""
    keys: list[tuple[Key, Alert]] = []
    async for alert in _in_turns(alerts):
        key: Key = (fingerprint(alert.labels), alert.id)
        if after is None or key > after:
            keys.append((key, alert))
    keys.sort(key=lambda one: one[0])
    return [alert for _, alert in keys]


def _page(
    request: web.Request, listing: Listing, page: Page, found: Sequence[tuple[Key, bytes]]
) -> web.Response:
    """A JSON list of what was encoded already, in order; one entry too many says that it goes on."""
    limit = len(found) if page.limit is None else page.limit
    response = _raw(b"[" + b",".join([body for _, body in found[:limit]]) + b"]")
    if len(found) > limit > 0:
        response.headers.update(next_page(request, listing, found[limit - 1][0]))
    return response


def _silence_id(request: web.Request) -> str:
    text = request.match_info["id"]
    if not _UUID.fullmatch(text):
        raise mistyped(f'silenceID in path must be of type uuid: "{text[:64]}"')
    return text.lower()


async def _body(request: web.Request) -> bytes:
    """The body, as far as it is no larger than a silence may be."""
    read = bytearray()
    async for chunk in request.content.iter_any():
        read += chunk
        if len(read) > LARGEST_SILENCE:
            raise TooLarge(f"a silence is at most {LARGEST_SILENCE} bytes")
    return bytes(read)


def _json(value: object) -> web.Response:
    return _raw(msgspec.json.encode(value))


def _raw(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")
