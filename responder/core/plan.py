"""What a run would do, exactly: the target, the calls, and the facts that they rest on.

`actions` makes Plans and Facts from what it sees, `core` judges them, people approve a plan's hash.
Nothing here asks anybody anything; a fact that is not known is None, never a guess.
"""

from hashlib import sha256
from typing import Any, Literal

import msgspec

from responder.core.model import Nanoseconds
from responder.core.runbook import Risk


class TargetRef(msgspec.Struct, frozen=True):
    """One object. `uid` is "" until it was looked at."""

    cluster: str
    namespace: str
    kind: str
    name: str
    uid: str = ""

    @property
    def key(self) -> str:
        """What budgets and leases count by: the same for every life of the object."""
        return f"{self.cluster}/{self.namespace}/{self.kind}/{self.name}"

    @property
    def service(self) -> str:
        """What the service-wide rate counts by."""
        return f"{self.cluster}/{self.namespace}/{self.name}"


class PlannedStep(msgspec.Struct, frozen=True):
    """One step as it would be carried out.

    `calls` are for people, one line each, and exact (`PATCH .../deployments/checkout: ...`).
    A Plan has one for each step of its runbook, in order. A step that only waits has the action `wait` and
    intends {"nanoseconds": N}, one that only tells has `notify` and intends {"receiver": NAME}; these do
    not mutate. `intended` are absolute values, `observed` the values that the intent depends on; neither
    holds a resourceVersion, a status or a time.
    `undo`: the action that takes it back, "" if there is none.
    `bounds`: what it may do, where its facts do not exist yet.
    """

    action: str
    target: TargetRef | None = None
    calls: tuple[str, ...] = ()
    intended: dict[str, Any] = {}
    observed: dict[str, Any] = {}
    timeout: Nanoseconds = 0
    risk: Risk = "low"
    mutates: bool = True
    undo: str = ""
    bounds: str = ""
    arguments: dict[str, str] = {}


class Plan(msgspec.Struct, frozen=True):
    """Everything that a person approves. `on_failure`: what is done if it does not help."""

    runbook: str
    runbook_hash: str
    parameters: dict[str, str]
    target: TargetRef
    steps: tuple[PlannedStep, ...]
    on_failure: tuple[PlannedStep, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of the plan: equal as long as the same things would be done for the same reasons."""
        return sha256(msgspec.json.encode(msgspec.to_builtins(self), order="sorted")).hexdigest()

    @property
    def risk(self) -> Risk:
        """The greatest risk of its steps."""
        order: tuple[Risk, ...] = ("low", "medium", "high")
        return max((step.risk for step in (*self.steps, *self.on_failure)), key=order.index, default="low")


# -- what is known ----------------------------------------------------------------------------

Firing = Literal["yes", "no", "unknown"]


class ObjectFacts(msgspec.Struct, frozen=True):
    """What a target was like when it was looked at. None: not known, which is never good news.

    `healthy`: parts (pods) that serve. `desired`: how many there should be. `takes`: how many healthy
    ones the step itself takes away at once. `busy`: why it is not to be touched now (a rollout is
    under way, it is paused), "" if nothing speaks against it.
    """

    desired: int | None = None
    healthy: int | None = None
    takes: int | None = None
    busy: str = ""


class Probe(msgspec.Struct, frozen=True):
    """One read-only question and its answer. `ok` only where the answer was clearly good."""

    question: str
    ok: bool
    detail: str = ""


class Facts(msgspec.Struct, frozen=True):
    """What was found out before a decision about a run.

    `at`: when the oldest of it was asked. `object`: the target as it was, None if it could not be
    looked at, and then `problem` says why. `firing`: whether the alert fires, asked at `firing_asked`
    ("prometheus"; "" where there is nobody to ask). `probes`: the runbook's preconditions.
    `notes`: what people should know of the target, and nothing is decided by.
    """

    at: Nanoseconds
    object: ObjectFacts | None = None
    firing: Firing = "unknown"
    firing_asked: str = ""
    probes: tuple[Probe, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()
