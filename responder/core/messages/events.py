"""Events: what was done, in the past tense. They are what the journal keeps.

`core.decide` and what it calls make them; log lines and metrics are made of the same ones. They have no
behaviour.
"""

from typing import Literal, TypeAlias

import msgspec

from responder.core.notification import ToldReason
from responder.core.plan import Plan
from responder.core.run import GuardResult


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
