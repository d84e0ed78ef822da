"""The floors that guards hold to, as `responder.yaml` sets them under `guards:`.

`settings` fills a GuardRules, `core.guards` judges by it. A runbook may ask for more, never for less.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from responder.core.model import DAY, HOUR, MINUTE, SECOND, Nanoseconds
from responder.core.runbook import Mode, Risk, Verify

MOST_TARGETS: Final = 1
"""Per run."""

PATIENCE: Final = 10 * MINUTE
"""How long a proposal waits for a guard that denies by time alone; a longer age or gap would let no
alert start anything."""

LONGEST_LOOK: Final = 30 * DAY
"""How far back any guard looks, and so how long runs are remembered for them."""


class Allowed(msgspec.Struct, frozen=True):
    """One line of the allow-list. `*`: any cluster, namespace or name; an action is always named."""

    action: str
    cluster: str = "*"
    namespace: str = "*"
    name: str = "*"


class Evidence(msgspec.Struct, frozen=True):
    """What a runbook must have shown before it may go by itself.

    `runs` that a person approved, `within` a time, of which a share was `verified`. 0: nothing.
    """

    runs: int = 10
    verified: float = 0.95
    within: Nanoseconds = 30 * DAY


class VerifyRules(msgspec.Struct, frozen=True):
    """How it is found out whether a run helped."""

    settle: Nanoseconds = 30 * SECOND
    every: Nanoseconds = 15 * SECOND
    within: Nanoseconds = 5 * MINUTE
    good: int = 2


def floored(block: Verify, rules: VerifyRules) -> Verify:
    """A page's question with the floors in it.

    A page can ask for more good answers and a longer wait before the first, not for less; there is time
    for as many answers as it takes.
    """
    good, every = max(block.good, rules.good), block.every or rules.every
    within = max(block.within or rules.within, every * (good - 1))
    return replace(block, good=good, every=every, within=within, settle=max(block.settle, rules.settle))


class GuardRules(msgspec.Struct, frozen=True):
    """Every floor. Durations in nanoseconds, shares as fractions.

    `allow` empty: nothing is allowed. `triggers`: the tokens whose alerts may start a run (`anonymous`
    for callers without one); empty: every authenticated one. `mode`: the ceiling.
    `cooldown` by the action's family (`restart`, `scale`...), see `core.actions`.
    `attempts_*`: runs that acted, per life of an alert, and per target in a day.
    `rate_*`: runs that acted, in an hour (or a day), of a runbook, for a service, of all.
    `together`: runs that act at once; `gap`: between two beginnings.
    `min_healthy` (share) and `min_healthy_count`: what must serve while the action goes on.
    `approvals` by risk: persons in all. `expires`: how long an approval is waited for, and is good.
    `run_timeout`: so long after its first step a run begins no other.
    """

    allow: tuple[Allowed, ...] = ()
    triggers: tuple[str, ...] = ()
    mode: Mode = "auto"
    evidence: Evidence = msgspec.field(default_factory=Evidence)
    min_age: Nanoseconds = 120 * SECOND
    fresh: Nanoseconds = 30 * SECOND
    flaps: int = 4
    flaps_within: Nanoseconds = 30 * MINUTE
    cooldown: Mapping[str, Nanoseconds] = msgspec.field(
        default_factory=lambda: {
            "restart": 15 * MINUTE,
            "scale": 10 * MINUTE,
            "traffic": 30 * MINUTE,
            "failover": 60 * MINUTE,
            "backup": 6 * HOUR,
        }
    )
    attempts_per_episode: int = 2
    attempts_per_target: int = 3
    attempts_within: Nanoseconds = DAY
    rate_runbook: int = 3
    rate_service: int = 5
    rate_global: int = 10
    rate_day: int = 30
    together: int = 3
    gap: Nanoseconds = 60 * SECOND
    min_healthy: float = 0.51
    min_healthy_count: int = 2
    approvals: Mapping[Risk, int] = msgspec.field(default_factory=lambda: {"low": 0, "medium": 1, "high": 2})
    expires: Nanoseconds = 15 * MINUTE
    precondition_fresh: Nanoseconds = 5 * SECOND
    run_timeout: Nanoseconds = 15 * MINUTE
    failures_in_row: int = 2
    failures_of_ten: int = 3
    verify: VerifyRules = msgspec.field(default_factory=VerifyRules)
