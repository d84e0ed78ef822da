"""What guards judge: a run, what is known of its target, and everything that was done before.

`core.judging` makes a Situation from the state, the guards read it. It holds values alone: whoever
judges by it twice hears the same twice.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeVar

import msgspec

from responder.core.actioncatalogue import ACTIONS, ActionKind
from responder.core.freeze import Freeze
from responder.core.guardrules import GuardRules
from responder.core.model import HOUR, Nanoseconds
from responder.core.plan import Facts, Plan, PlannedStep, TargetRef
from responder.core.run import Run
from responder.core.runbook import ActionStep, Runbook

When: TypeAlias = Literal["proposal", "approval", "step"]

T = TypeVar("T")


class CannotTell(Exception):
    """A guard lacks a fact. Its text says which; the guard then denies."""


def known(value: T | None, what: str) -> T:
    """The value, if it is known. Raises CannotTell."""
    if value is None:
        raise CannotTell(what)
    return value


class Situation(msgspec.Struct, frozen=True):
    """Everything that guards may depend on. None: not known, and then a guard that needs it denies.

    `run`: the one that is judged, `runs` every other one that acted within the longest window that
    a guard looks back (30 days). `problems`: why its parameters could not be bound.
    `signed`: the hash that somebody vouched for, by runbook; `reset_at`: since when earlier failures of
    a runbook do not count.
    `fires_since`: when the oldest of its alerts began, None if none fires any more; `seen_at`: when one
    of them was last heard of. `flaps`: turns between firing and resolved in the window of `rules`.
    `hidden`: what silences, inhibits or mutes all of its alerts, "" if people hear of one.
    `trusted`: whether who sent the alert may start runs. `durable`: whether the journal can be written.
    """

    now: Nanoseconds
    when: When
    run: Run
    runbook: Runbook
    rules: GuardRules
    plan: Plan | None = None
    facts: Facts | None = None
    problems: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    signed: Mapping[str, str] = msgspec.field(default_factory=dict)
    reset_at: Mapping[str, Nanoseconds] = msgspec.field(default_factory=dict)
    fires_since: Nanoseconds | None = None
    seen_at: Nanoseconds = 0
    flaps: int | None = None
    hidden: str | None = None
    trusted: bool = False
    durable: bool = True
    asks_prometheus: bool = False
    stale_after: Nanoseconds = 24 * HOUR

    @property
    def by_person(self) -> bool:
        """Whether a person asked for the run, and not an alert."""
        return self.run.via != "alert"

    @property
    def target(self) -> TargetRef:
        """What the run acts on. Raises CannotTell."""
        return known(self.run.target, "what the target is")

    @property
    def planned(self) -> Plan:
        """What would be done. Raises CannotTell, with what stood in the plan's way."""
        why = self.facts.problem if self.facts is not None else ""
        return known(
            self.plan, f"what would be done ({why})" if why else "what would be done: there is no plan"
        )

    @property
    def changes(self) -> tuple[PlannedStep, ...]:
        """The planned steps that change something, those that take it back among them."""
        plan = self.planned
        return tuple(step for step in (*plan.steps, *plan.on_failure) if step.mutates)

    @property
    def actions(self) -> frozenset[str]:
        """The names of all actions that the plan or, where there is none, the page has."""
        written = (*self.runbook.steps, *self.runbook.on_failure)
        names = {step.action for step in written if isinstance(step, ActionStep)}
        return frozenset(names | ({step.action for step in self.changes} if self.plan else set()))

    @property
    def others(self) -> tuple[Run, ...]:
        """The other runs that acted: what budgets count."""
        return tuple(run for run in self.runs if run.acted_at and run.number != self.run.number)

    def facts_of(self, what: str, within: Nanoseconds) -> Facts:
        """The facts, which before a step must not be older than `within`. Raises CannotTell."""
        facts = known(self.facts, what)
        age = self.now - facts.at
        if self.when == "step" and abs(age) > within:
            raise CannotTell(f"{what}: it was asked {age / 1e9:.1f}s ago, the limit is {within / 1e9:g}s")
        return facts


def kind(action: str) -> ActionKind:
    """What the catalogue has on an action. Raises CannotTell."""
    return known(ACTIONS.get(action), f"what {action} is: there is no such action")
