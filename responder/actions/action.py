"""What every action can do: look, plan, apply, settle, and look again.

`worker` and its rooms drive Actions by this protocol and know none of them; each line of
`core.actioncatalogue` has one implementation. An Action never decides whether it may act, and applies
nothing twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from responder.core.messages import Execute, LookAgain, StepResult
from responder.core.model import Nanoseconds
from responder.core.plan import ObjectFacts, TargetRef


class CannotTell(Exception):
    """A look that found nothing out. Its words are for people."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A target as it was looked at. `target` has its uid.

    `state`: what this action's plan depends on, its own business. `notes`: what people should know.
    """

    target: TargetRef
    facts: ObjectFacts
    state: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """What would be done, see core.plan.PlannedStep."""

    calls: tuple[str, ...]
    intended: Mapping[str, Any]
    observed: Mapping[str, Any] = field(default_factory=dict)
    bounds: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a step, or its first half, went; see core.messages.StepFinished."""

    result: StepResult
    detail: str = ""
    touched: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a step. `applied` None: it cannot be told."""

    applied: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Steady:
    """Whether a target is as it should be after an action. `ok` None: nobody could be asked."""

    ok: bool | None
    detail: str = ""


class Action(Protocol):
    """One action. Times are the clock's monotonic ones; no method waits on another clock."""

    async def inspect(self, target: TargetRef, run: str) -> Seen:
        """The target as it is, for the run with this id. Raises CannotTell."""
        ...

    def plan(self, target: TargetRef, seen: Seen | None, run: str) -> Intent:
        """What would be done; without asking anybody. `seen` None: its facts do not exist yet."""
        ...

    async def apply(self, order: Execute, until: Nanoseconds) -> Ended:
        """Do it, once. `applied`: the change is made, and `settle` waits for what follows from it."""
        ...

    async def settle(self, order: Execute, until: Nanoseconds) -> Ended:
        """Wait until what was applied has taken effect, or `until`."""
        ...

    async def look(self, order: LookAgain) -> Looked:
        """Find out whether a step was applied, of which nobody knows. Changes nothing."""
        ...

    async def steady(self, target: TargetRef) -> Steady:
        """Whether the target has come to rest after an action. Changes nothing."""
        ...
