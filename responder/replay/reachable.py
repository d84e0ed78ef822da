"""Rules as a replay has them: every integration of which this version knows how can be reached.

The commands that replay ask for it, since a replay has neither secrets nor a network. Nothing but that
is changed.
"""

import dataclasses

import msgspec

from responder.core.model import Nanoseconds
from responder.core.rules import Receiver, Ruleset
from responder.ruleset.kinds import SERVED


def reachable(ruleset: Ruleset, resolve_timeout: Nanoseconds | None = None) -> Ruleset:
    """The rules as they are where the settings say how to reach everybody (a bot token, a mail server).

    `resolve_timeout`: another one than theirs.
    """
    receivers = {name: _served(receiver) for name, receiver in ruleset.receivers.items()}
    timeout = ruleset.resolve_timeout if resolve_timeout is None else resolve_timeout
    return dataclasses.replace(ruleset, receivers=receivers, resolve_timeout=timeout)


def _served(receiver: Receiver) -> Receiver:
    integrations = tuple(
        msgspec.structs.replace(each, supported=each.kind in SERVED) for each in receiver.integrations
    )
    return msgspec.structs.replace(receiver, integrations=integrations)
