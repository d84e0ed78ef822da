"""Inputs: what is asked or observed, imperative or past, with everything random that its decision will need.

`web`, `engine`, `delivery` and `actions` make them, `store.inputs` keeps them, `core.decide` answers
them. They have no behaviour.
"""

from typing import Literal, TypeAlias

import msgspec

from responder.core.matcherparse import Triple
from responder.core.model import Labels, Nanoseconds, Source
from responder.core.notification import FailureReason
from responder.core.plan import Facts, Plan
from responder.core.tracecontext import Traced


class ReceivedAlert(msgspec.Struct, frozen=True, gc=False):
    """One alert as its sender gave it; 0 stands for a time that was not given.

    `resolved`: the sender's own status says so (webhook only).
    """

    labels: Labels
    annotations: Labels
    starts_at: Nanoseconds
    ends_at: Nanoseconds
    generator_url: str
    resolved: bool


class RejectedAlert(msgspec.Struct, frozen=True, gc=False):
    """An alert that cannot be used: where it stood, why, and the start of its text."""

    index: int
    reason: str
    text: str


class AlertsReceived(msgspec.Struct, frozen=True):
    """Alerts from an entrance. `raw` is the body as it is kept in the inputs log.

    `lines`: it holds several requests of one sender, one a line. `traces`: which of them are traced, for
    the engine's use; nothing is decided by it.
    """

    source: Source
    raw: bytes
    alerts: tuple[ReceivedAlert, ...]
    rejected: tuple[RejectedAlert, ...] = ()
    lines: bool = False
    traces: tuple[Traced, ...] = ()


class BadRequest(msgspec.Struct, frozen=True, tag="bad_request"):
    """An entrance was given something that it could not take at all (400, 413)."""

    sender: str
    status: int
    reason: str


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The process is up. Time in which it could not hear does not count.

    `heard_at`: when the last input before it was accepted (0: never).
    `attempted`: ledger rows that an earlier process may have sent.
    `restored`: the journal is older than the anchor beside it, so the database is a backup.
    `begun`: the keys of steps that an earlier process began, or may have.
    `unrecorded`: when the first alerts came that an earlier process had accepted and not decided for good;
    it may have sent the ledger rows of that moment (0: there were none).
    """

    rules: str
    heard_at: Nanoseconds
    attempted: tuple[int, ...] = ()
    restored: bool = False
    version: str = ""
    begun: tuple[str, ...] = ()
    unrecorded: Nanoseconds = 0


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """Accepting goes on after a time in which nothing was heard."""

    heard_at: Nanoseconds
    why: str


class Lagging(msgspec.Struct, frozen=True, tag="lagging"):
    """Deciding fell so far behind that accepting had to stop."""

    lag: Nanoseconds


class RulesLoaded(msgspec.Struct, frozen=True, tag="rules_loaded"):
    """The ruleset with this hash is in force from now on."""

    hash: str


class DeliveryEnded(msgspec.Struct, frozen=True, tag="delivery_ended"):
    """Delivery is done with a ledger row.

    `maybe_told`: not delivered as far as we know, and yet the receiver may have understood it.
    `receipt`: what the integration gave for the next time, of a delivered row.
    """

    row: int
    state: Literal["delivered", "dead", "superseded"]
    reason: FailureReason | None = None
    detail: str = ""
    attempts: int = 0
    maybe_told: bool = False
    receipt: str = ""


class BreakerTurned(msgspec.Struct, frozen=True, tag="breaker_turned"):
    """A destination's circuit breaker opened or closed."""

    destination: str
    opened: bool
    reason: str = ""
    waiting: int = 0


class ResendDelivery(msgspec.Struct, frozen=True, tag="resend_delivery"):
    """Somebody asks for a dead row to be told again, with the present state."""

    row: int


class DismissDelivery(msgspec.Struct, frozen=True, tag="dismiss_delivery"):
    """Somebody has seen a dead row and wants it off the list."""

    row: int


class CreateSilence(msgspec.Struct, frozen=True, tag="create_silence"):
    """Somebody wants alerts that all `matchers` match to be quiet for a while.

    `id` is for a new silence. `replaces`: the silence that is to be changed; it keeps its own id, or
    ends and the new one takes its place. `created_by` is what the caller claims.
    """

    id: str
    matchers: tuple[Triple, ...]
    starts_at: Nanoseconds
    ends_at: Nanoseconds
    created_by: str
    comment: str
    annotations: Labels = ()
    replaces: str = ""


class ExpireSilence(msgspec.Struct, frozen=True, tag="expire_silence"):
    """Somebody wants a silence to end now."""

    id: str


class Acknowledge(msgspec.Struct, frozen=True, tag="acknowledge"):
    """Somebody takes an incident on: no repeats until it resolves, or until `until` (0: no end by time).

    `incidents`: ids of incidents; `matchers`: every incident with a firing alert that all of them match.
    `person`: the person behind the actor, "" if there is none.
    """

    incidents: tuple[str, ...] = ()
    matchers: tuple[Triple, ...] = ()
    until: Nanoseconds = 0
    person: str = ""
    note: str = ""
    via: str = ""


class Unacknowledge(msgspec.Struct, frozen=True, tag="unacknowledge"):
    """Somebody gives an incident back."""

    incidents: tuple[str, ...] = ()
    matchers: tuple[Triple, ...] = ()
    person: str = ""
    via: str = ""


class StartRun(msgspec.Struct, frozen=True, tag="start_run"):
    """A person asks for a runbook to be run. `only_plan`: nothing is done but the plan made and judged."""

    runbook: str
    parameters: dict[str, str]
    person: str = ""
    why: str = ""
    via: str = ""
    only_plan: bool = False


class Approve(msgspec.Struct, frozen=True, tag="approve"):
    """A person's yes. `plan_hash` and `nonce`: what was shown; "" means what is planned now."""

    run: str
    person: str
    plan_hash: str = ""
    nonce: str = ""
    via: str = ""


class DenyRun(msgspec.Struct, frozen=True, tag="deny_run"):
    """Somebody's no to a run that waits for an approval or has not begun."""

    run: str
    person: str = ""
    why: str = ""
    via: str = ""


class CancelRun(msgspec.Struct, frozen=True, tag="cancel_run"):
    """Somebody wants a run to go no further; what is under way ends first."""

    run: str
    person: str = ""
    why: str = ""
    via: str = ""


class ResolveRun(msgspec.Struct, frozen=True, tag="resolve_run"):
    """A person has looked how a run of unknown outcome went: `applied` or not."""

    run: str
    applied: bool
    person: str
    why: str = ""
    via: str = ""


class PutFreeze(msgspec.Struct, frozen=True, tag="put_freeze"):
    """Somebody wants nothing to be done within a scope, until a time."""

    id: str
    scope: str
    reason: str
    until: Nanoseconds
    hard: bool = False
    person: str = ""


class LiftFreeze(msgspec.Struct, frozen=True, tag="lift_freeze"):
    """Somebody ends a freeze before its time."""

    id: str
    person: str = ""


class SignRunbook(msgspec.Struct, frozen=True, tag="sign_runbook"):
    """Somebody vouches for a runbook's text as it is now. `hash`: of what they read."""

    runbook: str
    hash: str
    reason: str
    person: str = ""


class ResetRunbook(msgspec.Struct, frozen=True, tag="reset_runbook"):
    """A person lets a runbook that was demoted after failures go by itself again."""

    runbook: str
    reason: str
    person: str = ""


class FactsGathered(msgspec.Struct, frozen=True, tag="facts_gathered"):
    """`actions` has looked, for the question `lap` of a run. `plan` None: `facts.problem` says why."""

    run: int
    lap: int
    facts: Facts
    plan: Plan | None = None


StepResult: TypeAlias = Literal["applied", "failed", "conflict", "unknown", "withdrawn", "too_late", "frozen"]


class StepFinished(msgspec.Struct, frozen=True, tag="step_finished"):
    """How a step ended. `failed`: certainly without effect, or certainly not as intended.

    `touched`: something was changed all the same (a rollout that got stuck).
    """

    run: int
    lap: int
    result: StepResult
    detail: str = ""
    touched: bool = False


class Verified(msgspec.Struct, frozen=True, tag="verified"):
    """Whether a run helped. `ok` None: it could not be told."""

    run: int
    lap: int
    ok: bool | None
    detail: str = ""


class Probed(msgspec.Struct, frozen=True, tag="probed"):
    """A look at what came of a step of unknown outcome. None: it cannot be told."""

    run: int
    lap: int
    applied: bool | None
    detail: str = ""


class LimitReached(msgspec.Struct, frozen=True, tag="limit_reached"):
    """An entrance refused new alerts because there are too many."""

    limit: str
    sender: str


class Unreadable(msgspec.Struct, frozen=True, tag="unreadable"):
    """A row of the inputs log that this version cannot read; decided as undecidable."""

    kind: str
    error: str


Asked: TypeAlias = (
    ResendDelivery
    | DismissDelivery
    | CreateSilence
    | ExpireSilence
    | Acknowledge
    | Unacknowledge
    | StartRun
    | Approve
    | DenyRun
    | CancelRun
    | ResolveRun
    | PutFreeze
    | LiftFreeze
    | SignRunbook
    | ResetRunbook
)
"""What somebody asks for and waits for the answer to."""

Command: TypeAlias = (
    BadRequest
    | LimitReached
    | Unreadable
    | Started
    | Resumed
    | Lagging
    | RulesLoaded
    | DeliveryEnded
    | BreakerTurned
    | Asked
    | FactsGathered
    | StepFinished
    | Verified
    | Probed
)
"""Every Input body that is stored as its own JSON, told apart by its `type`."""

Body: TypeAlias = AlertsReceived | Command


class Input(msgspec.Struct, frozen=True):
    """One entry of the inputs log.

    `seq` is its place, gapless; `at` its time, never before that of an earlier one; `actor` who
    asked: a token's name, `anonymous`, or a part of Responder itself.
    """

    seq: int
    at: Nanoseconds
    actor: str
    body: Body


def kind_of(body: Body) -> str:
    """The name under which an Input's body is stored and counted."""
    if isinstance(body, AlertsReceived):
        return "alerts_received"
    tag = type(body).__struct_config__.tag
    assert isinstance(tag, str)
    return tag
