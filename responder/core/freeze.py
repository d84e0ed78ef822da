"""A freeze: somebody's order that nothing is to be done, for a while, here or everywhere.

`core.freezing` makes and ends them, the guard `freeze` and the claim of every action look at them. A freeze
has an owner, a reason and an end, always.
"""

from typing import Final

import msgspec

from responder.core.model import DAY, Nanoseconds
from responder.core.plan import TargetRef

LONGEST: Final = 7 * DAY

SCOPES: Final = "global, cluster=NAME, service=NAMESPACE/NAME, runbook=NAME or action=NAME"


class Freeze(msgspec.Struct, frozen=True):
    """`scope` is one of SCOPES. `hard`: what is under way is cancelled as well, as far as it can be."""

    id: str
    scope: str
    reason: str
    by: str
    at: Nanoseconds
    until: Nanoseconds
    hard: bool = False

    def covers(self, runbook: str, actions: frozenset[str], target: TargetRef | None) -> bool:
        """Whether it forbids this. Where the target is not known, a freeze of a place forbids it too."""
        kind, _, name = self.scope.partition("=")
        match kind:
            case "runbook":
                return name == runbook
            case "action":
                return name in actions
            case "cluster":
                return target is None or target.cluster == name
            case "service":
                return target is None or f"{target.namespace}/{target.name}" == name
            case _:
                return True


def scope_fault(scope: str) -> str:
    """Why `scope` is none, "" if it is one."""
    kind, equals, name = scope.partition("=")
    good = (kind == "global" and not equals) or (
        kind in ("cluster", "service", "runbook", "action") and name.strip() == name and name
    )
    if good and kind == "service":
        parts = name.split("/")
        good = len(parts) == 2 and all(parts)
    return "" if good and len(scope) <= 300 else f"{scope[:64]!r} is no scope: {SCOPES}"
