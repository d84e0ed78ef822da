"""The guards: one pure function each, all of them asked, every time.

`core.advance` asks them at the proposal, after an approval and before every step that changes something.
A guard that cannot tell denies; none of them knows a clock, and none may raise into an allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from responder.core.freeze import Freeze
from responder.core.guardrules import GuardRules
from responder.core.model import HOUR, Nanoseconds
from responder.core.plan import Facts, Plan
from responder.core.run import GuardResult, Run
from responder.core.runbook import Mode, Runbook

When: TypeAlias = Literal["proposal", "approval", "step"]


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that guards may depend on.

    `run`: the one that is judged, `runs` every other one that is open, or acted within the longest
    window that a guard looks back (30 days). `problems`: why its parameters could not be bound.
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
    signed: Mapping[str, str] = field(default_factory=dict)
    reset_at: Mapping[str, Nanoseconds] = field(default_factory=dict)
    fires_since: Nanoseconds | None = None
    seen_at: Nanoseconds = 0
    flaps: int = 0
    hidden: str = ""
    trusted: bool = False
    durable: bool = True
    asks_prometheus: bool = False
    stale_after: Nanoseconds = 24 * HOUR


def evaluate(situation: Situation) -> tuple[GuardResult, ...]:
    """What every guard says, in the order of their names in the documentation. Never raises."""
    raise NotImplementedError


def effective_mode(situation: Situation) -> tuple[Mode, str]:
    """What the alert may start by itself, and what of it is the limit.

    The lowest of: the page's own, `approve` while its text is not signed, `approve` until it has shown
    enough, the ceiling of the configuration, `approve` after failures in a row.
    """
    raise NotImplementedError
