"""The table of guards, and asking all of them.

`evaluate` is what `core.judging` calls; the order is that of the documentation. No guard is left out
after one that denied: the journal and people see every reason.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from responder.core.guards.answers import allow, deny
from responder.core.guards.autonomy import approval, auto_disable, mode, verify
from responder.core.guards.budgets import attempts, concurrency, cooldown, rate, unknown
from responder.core.guards.conditions import (
    blocking,
    freeze,
    plan_first,
    precondition,
    provenance,
    write_ahead,
)
from responder.core.guards.situation import CannotTell, Situation
from responder.core.guards.targeting import allow_list, min_healthy, target
from responder.core.guards.timing import flap, trigger_age
from responder.core.run import GuardResult

GUARDS: Final[Mapping[str, Callable[[Situation], GuardResult]]] = {
    "freeze": freeze,
    "mode": mode,
    "target": target,
    "allow_list": allow_list,
    "trigger_age": trigger_age,
    "flap": flap,
    "cooldown": cooldown,
    "attempts": attempts,
    "rate": rate,
    "concurrency": concurrency,
    "min_healthy": min_healthy,
    "blocking": blocking,
    "approval": approval,
    "precondition": precondition,
    "auto_disable": auto_disable,
    "unknown": unknown,
    "verify": verify,
    "plan_first": plan_first,
    "provenance": provenance,
    "write_ahead": write_ahead,
}

NOT_FOR_PERSONS: Final = frozenset({"mode", "trigger_age", "flap"})
"""What only an alert must pass: a person may know better than it."""

NOT_FOR_ROLLBACKS: Final = NOT_FOR_PERSONS | {
    "cooldown",
    "attempts",
    "rate",
    "blocking",
    "approval",
    "precondition",
    "auto_disable",
    "verify",
}
"""What was begun, and did not help, is taken back as people approved it: waiting makes nothing better."""


def evaluate(situation: Situation) -> tuple[GuardResult, ...]:
    """What every guard says, in the order of their names in the documentation. Never raises."""
    return tuple(
        msgspec.structs.replace(_answer(name, guard, situation), guard=name) for name, guard in GUARDS.items()
    )


def lacking(situation: Situation) -> frozenset[str]:
    """The guards that deny only because a fact is not known yet."""
    return frozenset(name for name, guard in GUARDS.items() if _lacks(guard, situation))


def _lacks(guard: Callable[[Situation], GuardResult], situation: Situation) -> bool:
    try:
        guard(situation)
    except CannotTell:
        return True
    except Exception:
        return False
    return False


def _answer(name: str, guard: Callable[[Situation], GuardResult], situation: Situation) -> GuardResult:
    try:
        if situation.run.rolling and name in NOT_FOR_ROLLBACKS:
            return allow("not asked of a rollback")
        if situation.by_person and name in NOT_FOR_PERSONS:
            return allow("a person asked for it")
        return guard(situation)
    except CannotTell as lack:
        return deny(f"cannot tell: {lack}")
    except Exception as fault:
        # A fault of ours must not open the door. Its text may hold anything, so only its kind is told.
        return deny(f"cannot tell: the guard failed ({type(fault).__name__})")
