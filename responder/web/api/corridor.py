"""The way through which every path of `/api/v1` asks: who may, what is, and what came of a command.

The other modules of `web.api` hold a Corridor. It knows no subject, and decides nothing.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from aiohttp import web

from responder.core.messages import Accepted, Command, Declined
from responder.core.model import Nanoseconds
from responder.core.rules import Ruleset
from responder.core.state import State
from responder.engine import Engine, Pending
from responder.errors import Forbidden, Refused
from responder.store.database import Database
from responder.web.access import Access, Identity
from responder.web.answer import Answered, as_json

T = TypeVar("T")


class Declination(Refused):
    """A command that the decision declined; carries the decision's own status."""

    def __init__(self, declined: Declined) -> None:
        """Answer as the decision says."""
        super().__init__(declined.reason)
        self.status = declined.status


class Corridor:
    """The engine, the database and the rules of access, as the API uses them."""

    def __init__(self, engine: Engine, database: Database, access: Access) -> None:
        """Ask `engine` and `database`, for whom `access` lets in."""
        self._engine = engine
        self._database = database
        self._access = access

    @property
    def state(self) -> State:
        """What was decided. Ask `reading` first."""
        return self._engine.state

    @property
    def ruleset(self) -> Ruleset:
        """The rules in force."""
        return self._engine.ruleset

    @property
    def newest(self) -> int:
        """The number of the journal's newest row."""
        return self._engine.head.n

    def now(self) -> Nanoseconds:
        """The time that an input would have that is accepted now."""
        return self._engine.log.now()

    def may(self, request: web.Request, role: str) -> Identity:
        """Who is asking. Raises Forbidden, Unauthenticated and the other refusals of `web.access`."""
        return self._access.check(request, role)

    def person(self, request: web.Request, role: str) -> Identity:
        """As `may`, for what only a person may do: a token that names none is refused."""
        identity = self.may(request, role)
        if not identity.person:
            raise Forbidden(f"{identity.name} stands for no person: this needs a token with `person:`")
        return identity

    async def reading(self, request: web.Request) -> None:
        """Let readers in, once what was accepted before they came is decided."""
        self.may(request, "read")
        await self._engine.caught_up()

    async def rows(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """What a query finds in committed rows."""
        return await self._database.read(query)

    async def command(self, identity: Identity, body: Command, look: str) -> str:
        """Put a command in; what the decision says of it.

        Raises Declination with the decision's reason; Answered (202) where the decision is not there
        in time: `look` is the path where it can be seen later.
        """
        reply = await self._engine.command(identity.name, body)
        match reply:
            case Accepted():
                return reply.detail
            case Declined():
                raise Declination(reply)
            case Pending():
                where = {"status": "accepted", "input": reply.seq, "look": look}
                raise Answered(as_json(202, where))
            case _:
                raise AssertionError(f"{reply!r} is no reply to a command")


def answer(value: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """A document."""
    return web.Response(body=msgspec.json.encode(value), content_type="application/json", headers=headers)


def done(detail: str, **more: object) -> web.Response:
    """A command did what it was asked to; `more` says how things are now."""
    return answer({"status": "done", "detail": detail, **more})
