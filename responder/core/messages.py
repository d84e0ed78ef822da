"""The vocabularies: Inputs (asked or observed), Events (what was done), Effects (to be done), replies.

`web`, `engine` and `delivery` make Inputs, `core.decide` answers with Events and Effects, the
journal keeps the Events. Names are imperative or past for Inputs, past tense for Events; an Input
carries everything random that its decision will need, and nothing here has behaviour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from responder.core.guardrules import VerifyRules
from responder.core.matcherparse import Triple
from responder.core.model import Labels, Nanoseconds, Source
from responder.core.notification import FailureReason, Notification, ToldReason
from responder.core.plan import Facts, Plan, PlannedStep, TargetRef
from responder.core.rules import Integration
from responder.core.run import GuardResult
from responder.core.runbook import Runbook

# -- Inputs -----------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class AlertsReceived:
    """Alerts from an entrance. `raw` is the body as it is kept in the inputs log.

    `lines`: it holds several requests of one sender, one a line.
    """

    source: Source
    raw: bytes
    alerts: tuple[ReceivedAlert, ...]
    rejected: tuple[RejectedAlert, ...] = ()
    lines: bool = False


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
    """

    rules: str
    heard_at: Nanoseconds
    attempted: tuple[int, ...] = ()
    restored: bool = False
    version: str = ""
    begun: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Input:
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


# -- Events -----------------------------------------------------------------------------------


class AlertsFired(msgspec.Struct, frozen=True, tag="alerts_fired"):
    """Alerts that began to fire: [id, labels, group ids] each."""

    alerts: list[tuple[int, dict[str, str], tuple[int, ...]]]


class AlertsResolved(msgspec.Struct, frozen=True, tag="alerts_resolved"):
    """Alerts that were said to be over."""

    alerts: list[int]


class AlertsChanged(msgspec.Struct, frozen=True, tag="alerts_changed"):
    """Alerts renewed with other annotations or times."""

    alerts: list[int]


class AlertsIgnored(msgspec.Struct, frozen=True, tag="alerts_ignored"):
    """Late or stale updates that would have killed or resurrected an alert."""

    alerts: list[int]
    why: str


class AlertsStale(msgspec.Struct, frozen=True, tag="alerts_stale"):
    """Webhook alerts that nobody renewed."""

    alerts: list[int]


class AlertsMuted(msgspec.Struct, frozen=True, tag="alerts_muted"):
    """Alerts of a group that fire and are hidden from now on, by which rule, until when if known."""

    group: int
    alerts: list[int]
    reason: str
    by: str


class AlertsUnmuted(msgspec.Struct, frozen=True, tag="alerts_unmuted"):
    """Alerts of a group that nothing hides any more."""

    group: int
    alerts: list[int]


class AlertsLeft(msgspec.Struct, frozen=True, tag="alerts_left"):
    """Resolved alerts that left a group: everyone who had to hear of it has."""

    group: int
    alerts: list[int]
    never_told: list[int]


class AlertsDropped(msgspec.Struct, frozen=True, tag="alerts_dropped"):
    """Alerts that are forgotten: over, and in no group any more."""

    alerts: list[int]


class AlertsRejected(msgspec.Struct, frozen=True, tag="alerts_rejected"):
    """Alerts of a request that could not be used."""

    alerts: list[tuple[int, str]]


class GroupOpened(msgspec.Struct, frozen=True, tag="group_opened"):
    """A route's first alert with these group labels."""

    group: int
    key: str
    receiver: str


class GroupClosed(msgspec.Struct, frozen=True, tag="group_closed"):
    """A group with nobody left in it."""

    group: int


class Owed(msgspec.Struct, frozen=True, tag="owed"):
    """A ledger row was opened: one integration of one group is to be told."""

    row: int
    group: int
    receiver: str
    integration: str
    reason: ToldReason
    firing: list[int]
    resolved: list[int]
    stale: list[int]


class Revised(msgspec.Struct, frozen=True, tag="revised"):
    """A waiting row came to its turn and says less than when it was opened."""

    row: int
    reason: ToldReason
    firing: list[int]
    resolved: list[int]
    stale: list[int]


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """A ledger row was closed; `state` and `reason` say how and why."""

    row: int
    state: Literal["delivered", "suppressed", "superseded", "dead"]
    reason: str
    detail: str = ""
    by: str = ""


class FallbackEngaged(msgspec.Struct, frozen=True, tag="fallback_engaged"):
    """A receiver could not be reached: for the rest of the incident `fallback` is told as well.

    `why`: a delivery's reason, with the destination or the integration that it is about.
    """

    group: int
    receiver: str
    fallback: str
    why: str


class SilenceCreated(msgspec.Struct, frozen=True, tag="silence_created"):
    """A silence was made. `author` is who it was, `created_by` what was claimed; times as RFC 3339.

    `replaces`: the silence that was to be changed and could not stay the same one.
    """

    silence: str
    matchers: str
    starts_at: str
    ends_at: str
    author: str
    created_by: str
    comment: str
    replaces: str = ""


class SilenceUpdated(msgspec.Struct, frozen=True, tag="silence_updated"):
    """A silence was changed and is the same one: how it is now, and who changed it."""

    silence: str
    matchers: str
    starts_at: str
    ends_at: str
    author: str
    created_by: str
    comment: str


class SilenceExpired(msgspec.Struct, frozen=True, tag="silence_expired"):
    """A silence is over. `by`: who ended it, or `time`."""

    silence: str
    matchers: str
    by: str


class SilencesForgotten(msgspec.Struct, frozen=True, tag="silences_forgotten"):
    """Silences that were over for long."""

    silences: list[str]


class IncidentAcknowledged(msgspec.Struct, frozen=True, tag="incident_acknowledged"):
    """Somebody took incidents on: [group, incident] each, the spread ones included."""

    incidents: list[tuple[int, str]]
    by: str
    until: str
    note: str = ""


class AcknowledgementEnded(msgspec.Struct, frozen=True, tag="acknowledgement_ended"):
    """An incident is nobody's again. `by`: who gave it back, or `time`, or `resolved`."""

    incidents: list[tuple[int, str]]
    by: str


class RunProposed(msgspec.Struct, frozen=True, tag="run_proposed"):
    """A run began its life. `asked`: the alert's id, or who asked."""

    run: str
    runbook: str
    runbook_hash: str
    target: str
    parameters: dict[str, str]
    asked: str
    alerts: list[int]


class RunJoined(msgspec.Struct, frozen=True, tag="run_joined"):
    """More alerts are answered by a run that is open."""

    run: str
    alerts: list[int]


class RunJudged(msgspec.Struct, frozen=True, tag="run_judged"):
    """What every guard said. `when`: proposal, approval or step N. `plan`: its hash."""

    run: str
    when: str
    plan: str
    verdicts: list[GuardResult]


class RunPlanned(msgspec.Struct, frozen=True, tag="run_planned"):
    """What would be done, exactly."""

    run: str
    hash: str
    plan: Plan


class RunMoved(msgspec.Struct, frozen=True, tag="run_moved"):
    """A run is in another state. `by`: who moved it, "" for what happened by itself."""

    run: str
    was: str
    now: str
    reason: str = ""
    detail: str = ""
    by: str = ""


class RunApproved(msgspec.Struct, frozen=True, tag="run_approved"):
    """A person said yes to a plan; `have` of `needed` persons have."""

    run: str
    person: str
    plan: str
    have: int
    needed: int
    via: str = ""


class StepIntended(msgspec.Struct, frozen=True, tag="step_intended"):
    """A step is to be carried out: written before anything is done."""

    run: str
    step: int
    action: str
    target: str
    key: str
    not_after: str


class StepEnded(msgspec.Struct, frozen=True, tag="step_ended"):
    """How a step went."""

    run: str
    step: int
    result: str
    detail: str = ""


class FreezePut(msgspec.Struct, frozen=True, tag="freeze_put"):
    """Nothing is done within this scope from now on. `withdrawn`: runs whose order was taken back."""

    freeze: str
    scope: str
    reason: str
    by: str
    until: str
    hard: bool = False
    withdrawn: list[str] = []


class FreezeLifted(msgspec.Struct, frozen=True, tag="freeze_lifted"):
    """A freeze is over. `by`: who ended it, or `time`."""

    freeze: str
    scope: str
    by: str


class RunbookSigned(msgspec.Struct, frozen=True, tag="runbook_signed"):
    """Somebody vouches for this text of a runbook."""

    runbook: str
    hash: str
    reason: str
    by: str


class RunbookReset(msgspec.Struct, frozen=True, tag="runbook_reset"):
    """A runbook that was demoted may go by itself again."""

    runbook: str
    reason: str
    by: str


class Escalated(msgspec.Struct, frozen=True, tag="escalated"):
    """A receiver is told of an incident, whatever it was told before."""

    group: int
    receivers: list[str]
    why: str


class Noted(msgspec.Struct, frozen=True, tag="noted"):
    """Something a reviewer will want to know that changed no alert: a start, a breaker, a reload."""

    what: str
    detail: str = ""


Event: TypeAlias = (
    AlertsFired
    | AlertsResolved
    | AlertsChanged
    | AlertsIgnored
    | AlertsStale
    | AlertsMuted
    | AlertsUnmuted
    | AlertsLeft
    | AlertsDropped
    | AlertsRejected
    | GroupOpened
    | GroupClosed
    | Owed
    | Revised
    | Closed
    | FallbackEngaged
    | SilenceCreated
    | SilenceUpdated
    | SilenceExpired
    | SilencesForgotten
    | IncidentAcknowledged
    | AcknowledgementEnded
    | RunProposed
    | RunJoined
    | RunJudged
    | RunPlanned
    | RunMoved
    | RunApproved
    | StepIntended
    | StepEnded
    | FreezePut
    | FreezeLifted
    | RunbookSigned
    | RunbookReset
    | Escalated
    | Noted
)

# -- Effects ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deliver:
    """Tell: the row is the first open one of its (group, integration)."""

    notification: Notification
    integration: Integration


@dataclass(frozen=True, slots=True)
class Succeed:
    """A newer row waits behind `row`: if that one is not being sent, it is out of date."""

    row: int


@dataclass(frozen=True, slots=True)
class Inspect:
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


@dataclass(frozen=True, slots=True)
class Execute:
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


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Find out what came of a step of which nobody knows."""

    run: int
    id: str
    lap: int
    step: PlannedStep
    key: str
    at: Nanoseconds


@dataclass(frozen=True, slots=True)
class VerifyRun:
    """Find out whether a run helped, as its runbook says. `rules` are the floors."""

    run: int
    id: str
    lap: int
    runbook: Runbook
    parameters: Mapping[str, str]
    rules: VerifyRules


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Nothing that was ordered for this run and is not begun is to be done."""

    run: int


@dataclass(frozen=True, slots=True)
class Show:
    """Bring the place where an incident was told up to date.

    `row` is one of the ledger's numbers, and yet nothing that is owed.
    """

    row: int
    notification: Notification
    integration: Integration


Act: TypeAlias = Inspect | Execute | LookAgain | VerifyRun | Withdraw
"""What `actions` is asked to do. All but Withdraw are answered by an Input with the same `lap`."""

Effect: TypeAlias = Deliver | Succeed | Show | Act

# -- Replies ----------------------------------------------------------------------------------


class Accepted(msgspec.Struct, frozen=True):
    """A command did what it was asked to."""

    detail: str = ""


class Declined(msgspec.Struct, frozen=True):
    """A command could not do what it was asked to: an HTTP status and the reason."""

    status: int
    reason: str
