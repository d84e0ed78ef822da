"""Pressed buttons: approve, deny, acknowledge, give back.

`entrance` calls it with Slack's payload. A button says what was shown when it was made: one whose run has
gone on is answered with how it stands, and does nothing.
"""

import msgspec

from responder.core.messages import Acknowledge, Approve, Body, DenyRun, Unacknowledge
from responder.core.run import Run
from responder.engine import Engine
from responder.errors import Refused
from responder.notify import runs
from responder.web.slack.asking import ask
from responder.web.slack.caller import Caller
from responder.web.slack.reply import Reply, plainly


class User(msgspec.Struct, frozen=True):
    """Who pressed."""

    id: str


class Action(msgspec.Struct, frozen=True):
    """Which button, and what it carries."""

    action_id: str = ""
    value: str = ""


class Payload(msgspec.Struct, frozen=True):
    """What of an interaction matters; Slack sends much more."""

    type: str
    user: User
    actions: tuple[Action, ...] = ()
    response_url: str = ""


class Presses:
    """What can be pressed."""

    def __init__(self, engine: Engine) -> None:
        """Command and read through `engine`."""
        self._engine = engine

    async def run(self, caller: Caller, action: Action) -> Reply:
        """Do what the button says. Raises what `responder.errors` has."""
        match action.action_id:
            case "acknowledge":
                caller.check("acknowledge", "acknowledging")
                body: Body = Acknowledge(incidents=(action.value,), person=caller.person, via="slack")
            case "unacknowledge":
                caller.check("respond", "giving an incident back")
                body = Unacknowledge(incidents=(action.value,), person=caller.person, via="slack")
            case "approve":
                caller.check("approve", "approving")
                run, plan_hash = await self._shown(action.value)
                body = Approve(run.id, caller.person, plan_hash, run.nonce, "slack")
            case "deny":
                caller.check("respond", "denying a run")
                run, _ = await self._shown(action.value)
                body = DenyRun(run.id, caller.person, via="slack")
            case _:
                raise Refused("nobody knows this button any more: it is of another version")
        return plainly(await ask(self._engine, caller.actor, body))

    async def _shown(self, value: str) -> tuple[Run, str]:
        """The run as the button shows it, and its plan's hash. Raises Refused: it is not so any more."""
        await self._engine.caught_up()
        name, _, rest = value.partition(" ")
        start, _, nonce = rest.partition(" ")
        run = next((one for one in self._engine.state.runs.values() if one.id == name), None)
        if run is None or not start:
            raise Refused("this run is not known any more")
        if run.state != "awaiting_approval":
            said = ", ".join(approval.person for approval in run.approvals)
            by = f", approved by {said}" if said else ""
            raise Refused(f"run {run.id} {_is(run)}{by}: this button is out of date")
        if run.plan is None or not run.plan.hash.startswith(start) or nonce != run.nonce:
            raise Refused(f"run {run.id} has another plan by now: look at its newest card")
        return run, run.plan.hash


def _is(run: Run) -> str:
    return f"is {runs.STATES[run.state]}" if run.state != "succeeded" else "has succeeded"
