"""The actions that exist: what rules, guards and people must know of each before it is ever used.

`ruleset.runbooks` refuses a step whose action is not here, `core.guards` judges by it, `actions` has one
implementation for each line (a test compares). Nothing here does anything.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from responder.core.model import MINUTE, Nanoseconds
from responder.core.parameters import ParameterType
from responder.core.runbook import Risk


class ActionKind(msgspec.Struct, frozen=True):
    """One action. `kinds`: what it can act on; `arguments`: those that a step may set, with their types.

    `family`: which cooldown counts. `idempotent`: doing it twice is doing it once. `undo`: the action
    that takes it back, "" if there is none. `timeout`: of a step that sets none.
    """

    name: str
    kinds: tuple[str, ...]
    risk: Risk
    family: str
    summary: str
    idempotent: bool = False
    undo: str = ""
    timeout: Nanoseconds = 5 * MINUTE
    arguments: Mapping[str, ParameterType] = msgspec.field(default_factory=dict)


ACTIONS: Final[Mapping[str, ActionKind]] = {
    action.name: action
    for action in (
        ActionKind(
            name="kubernetes.rollout_restart",
            kinds=("Deployment",),
            risk="medium",
            family="restart",
            summary="replace every pod of a Deployment, by its own rolling update",
            undo="kubernetes.rollout_undo",
        ),
        ActionKind(
            name="kubernetes.rollout_undo",
            kinds=("Deployment",),
            risk="medium",
            family="restart",
            summary="go back to the pods from before this run restarted them",
        ),
    )
}
