"""Commands to the engine, as Slack's users give them.

`commands` and `presses` ask with it. What the decision declines is raised with the decision's reason.
"""

from typing import Final

from responder.core.messages import Accepted, Body, Declined
from responder.engine import Engine, Pending
from responder.errors import Refused

PATIENCE: Final = 60.0
"""Seconds for which a decision is waited for; the answer to Slack does not wait for as long."""


async def ask(engine: Engine, actor: str, body: Body) -> str:
    """What came of it, in the decision's words. Raises Refused and Overloaded."""
    reply = await engine.command(actor, body, PATIENCE)
    match reply:
        case Accepted():
            return reply.detail
        case Declined():
            raise Refused(reply.reason)
        case Pending():
            return "It was accepted, and is not decided yet: look again in a while."
        case _:
            raise AssertionError(f"{reply!r} is no reply to a command")
