"""Runs as people are shown them: one that waits, others that helped or were denied, one that means harm."""

from typing import Any, Final

from msgspec.structs import replace

from responder.core.model import MINUTE, SECOND
from responder.core.notification import Acknowledgement, Notification
from responder.core.plan import Plan, PlannedStep, TargetRef
from responder.core.run import Approval, GuardResult, Moment, Run
from tests.notify.notices import MONDAY

TARGET: Final = TargetRef("prod", "shop", "Deployment", "checkout", "6f1c0000-0000-0000-0000-000000000001")

RESTART: Final = PlannedStep(
    action="kubernetes.rollout_restart",
    target=TARGET,
    calls=('PATCH /apis/apps/v1/namespaces/shop/deployments/checkout: {"restartedAt": "<time>"}',),
    intended={"restartedAt": "<time>", "replicas": 3},
    observed={"replicas": 3, "restartedAt": "2026-01-01T00:00:00Z"},
    timeout=5 * MINUTE,
    risk="medium",
    undo="kubernetes.rollout_undo",
)
UNDO: Final = PlannedStep(action="kubernetes.rollout_undo", target=TARGET, bounds="to the revision before")
TELL: Final = PlannedStep(action="notify", intended={"receiver": "pagerduty-critical"}, mutates=False)
WAIT: Final = PlannedStep(action="wait", intended={"nanoseconds": 5 * MINUTE}, mutates=False)

PLAN: Final = Plan(
    "pod-restarts",
    "a" * 64,
    {"namespace": "shop", "deployment": "checkout"},
    TARGET,
    (RESTART, WAIT),
    (UNDO, TELL),
)

ALLOWED: Final = (
    GuardResult("allow-list", "allow", "kubernetes.rollout_restart on prod/shop/checkout is listed"),
    GuardResult("cooldown", "allow", "nothing was done to it within 15m"),
)
ASKS: Final = GuardResult("approval", "ask", "medium risk needs 1 person", approvals=1)


def run(number: int = 1, **more: Any) -> Run:
    given: dict[str, Any] = {
        "number": number,
        "runbook": "pod-restarts",
        "runbook_hash": "a" * 64,
        "parameters": {"namespace": "shop", "deployment": "checkout"},
        "target": TARGET,
        "state": "proposed",
        "created_at": MONDAY + MINUTE,
        "mode": "auto",
        "risk": "medium",
        "nonce": "n1",
        "story": (Moment(MONDAY + MINUTE, "proposed", "proposed for alert 1"),),
    }
    return Run(**given | more)


WAITS: Final = run(
    state="awaiting_approval",
    plan=PLAN,
    verdicts=(ALLOWED[0], ASKS, ALLOWED[1]),
    needed=1,
    expires_at=MONDAY + 16 * MINUTE,
    story=(
        Moment(MONDAY + MINUTE, "proposed", "proposed for alert 1"),
        Moment(MONDAY + MINUTE + 2 * SECOND, "awaiting_approval", "every guard allows it; it needs 1 person"),
    ),
)
HELPED: Final = replace(
    WAITS,
    state="succeeded",
    approvals=(Approval("ana", MONDAY + 2 * MINUTE, PLAN.hash, "slack"),),
    acted_at=MONDAY + 2 * MINUTE,
    applied=1,
    ended_at=MONDAY + 5 * MINUTE,
    story=(
        *WAITS.story,
        Moment(MONDAY + 2 * MINUTE, "approved", "approved", "ana"),
        Moment(MONDAY + 2 * MINUTE + SECOND, "executing", "step 1 begins"),
        Moment(MONDAY + 3 * MINUTE, "verifying", "step 1 is done: 3 of 3 pods are new"),
        Moment(MONDAY + 5 * MINUTE, "succeeded", "2 of 2 probes are good"),
    ),
)
DENIED: Final = run(
    2,
    state="denied",
    reason="cooldown",
    plan=PLAN,
    verdicts=(
        ALLOWED[0],
        ASKS,
        GuardResult("cooldown", "deny", "restarted 3m ago; once in 15m", retry_at=MONDAY + 13 * MINUTE),
    ),
    ended_at=MONDAY + MINUTE + 3 * SECOND,
)
REQUESTED: Final = replace(
    WAITS, number=3, risk="high", needed=2, requested_by="ana", person="ana", via="slack", why="it is slow"
)
HOSTILE: Final = run(
    4,
    state="awaiting_approval",
    runbook="<!channel> *loud*",
    parameters={"namespace": "x" * 1_000},
    target=TargetRef("<!here>", "n" * 300, "Deployment", "`c` <@U0BOSS>" + "d" * 300),
    plan=replace(
        PLAN,
        steps=tuple(
            PlannedStep(
                action="a" * 300 + "<!everyone>",
                calls=("```<!channel>" + "c" * 10_000, "\u202eevil"),
                intended={"<b>": "<@U0BOSS>" * 500},
            )
            for _ in range(20)
        ),
        on_failure=(UNDO,) * 50,
    ),
    verdicts=tuple(GuardResult(f"guard-{n}", "allow", "<!channel> " + "r" * 500) for n in range(50)),
    needed=2,
    requested_by="<!channel>",
    person="<@U0BOSS>",
    via="slack",
    why="w" * 5_000,
    reason="<!subteam^S1>",
    expires_at=MONDAY + MINUTE,
    story=tuple(Moment(MONDAY, "proposed", "<!channel> " + "s" * 500, "b" * 300) for _ in range(100)),
)


RUNS: Final = {"waits": WAITS, "helped": HELPED, "denied": DENIED, "requested": REQUESTED, "hostile": HOSTILE}

BY_ANA: Final = Acknowledgement("ana", MONDAY + 3 * MINUTE)


def update(notification: Notification, row: int = 900, **more: Any) -> Notification:
    """What brings a place where the incident was told up to date."""
    return replace(notification, row=row, update=True, **more)
