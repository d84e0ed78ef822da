"""Effects: what is to be done, let out after the commit that ordered it (some orders: before it).

`core.decide` and what it calls make them, `engine` hands them to `delivery` and `actions`. They have no
behaviour.
"""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from responder.core.guardrules import VerifyRules
from responder.core.model import Labels, Nanoseconds
from responder.core.notification import Notification
from responder.core.plan import PlannedStep, TargetRef
from responder.core.rules import Integration
from responder.core.runbook import Runbook


class Deliver(msgspec.Struct, frozen=True):
    """Tell: the row is the first open one of its (group, integration)."""

    notification: Notification
    integration: Integration


class Succeed(msgspec.Struct, frozen=True):
    """A newer row waits behind `row`: if that one is not being sent, it is out of date."""

    row: int


class Inspect(msgspec.Struct, frozen=True):
    """Look at a run's target, ask whether its alert fires, try its preconditions, plan.

    `step`: the first step to plan (the earlier ones are done); `rolling`: plan `on_failure` instead.
    `alert`: the labels to ask Prometheus for, None for a run that a person asked for.
    """

    run: int
    id: str
    lap: int
    runbook: Runbook
    parameters: Mapping[str, str]
    target: TargetRef
    alert: Labels | None
    rolling: bool = False


class Execute(msgspec.Struct, frozen=True):
    """Carry out one step, once. `key` is the same for every look at it, and for nothing else.

    `not_after`: it is not begun later. `at`: when the intent was recorded. `actions` and `runbook`:
    what freezes are asked about once more, in the transaction that claims it. `rolling`: it takes back
    what the run did, which only a hard freeze stops.
    """

    run: int
    id: str
    lap: int
    step: PlannedStep
    key: str
    at: Nanoseconds
    not_after: Nanoseconds
    runbook: str
    rolling: bool = False


class LookAgain(msgspec.Struct, frozen=True):
    """Find out what came of a step of which nobody knows."""

    run: int
    id: str
    lap: int
    step: PlannedStep
    key: str
    at: Nanoseconds


class VerifyRun(msgspec.Struct, frozen=True):
    """Find out whether a run helped, as its runbook says. `rules` are the floors."""

    run: int
    id: str
    lap: int
    runbook: Runbook
    parameters: Mapping[str, str]
    rules: VerifyRules


class Withdraw(msgspec.Struct, frozen=True):
    """Nothing that was ordered for this run and is not begun is to be done."""

    run: int


class Show(msgspec.Struct, frozen=True):
    """Bring the place where an incident was told up to date.

    `row` is one of the ledger's numbers, and yet nothing that is owed.
    """

    row: int
    notification: Notification
    integration: Integration


Act: TypeAlias = Inspect | Execute | LookAgain | VerifyRun | Withdraw
"""What `actions` is asked to do. All but Withdraw are answered by an Input with the same `lap`."""

Effect: TypeAlias = Deliver | Succeed | Show | Act
