"""What people ask for and wait for: which module decides each command.

`core.decide` calls `command`. Nothing is decided here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from responder.core import acknowledging, approving, deadletters, freezing, propose, signing, silencing
from responder.core.draft import Draft
from responder.core.messages import (
    Accepted,
    Acknowledge,
    Approve,
    Asked,
    CancelRun,
    CreateSilence,
    Declined,
    DenyRun,
    DismissDelivery,
    ExpireSilence,
    LiftFreeze,
    PutFreeze,
    ResendDelivery,
    ResetRunbook,
    ResolveRun,
    SignRunbook,
    StartRun,
    Unacknowledge,
)

_Decide: TypeAlias = Callable[[Draft, str, Any], Accepted | Declined]

COMMANDS: Final[Mapping[type[Asked], _Decide]] = {
    ResendDelivery: deadletters.resend,
    DismissDelivery: deadletters.dismiss,
    CreateSilence: silencing.create,
    ExpireSilence: silencing.expire,
    Acknowledge: acknowledging.acknowledge,
    Unacknowledge: acknowledging.unacknowledge,
    StartRun: propose.start,
    Approve: approving.approve,
    DenyRun: approving.deny,
    CancelRun: approving.cancel,
    ResolveRun: approving.resolve,
    PutFreeze: freezing.put,
    LiftFreeze: freezing.lift,
    SignRunbook: signing.sign,
    ResetRunbook: signing.reset,
}
"""A function (draft, actor, what was asked) for each."""


def command(draft: Draft, actor: str, asked: Asked) -> Accepted | Declined:
    """What a command comes to."""
    return COMMANDS[type(asked)](draft, actor, asked)
