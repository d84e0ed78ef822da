"""Where a page asks for less than the floors, or for what does not go together: it works, as said.

`pages` calls this once a whole page was read without an error. The floors hold in any case; its
author is told what will count.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from responder.core.actioncatalogue import ACTIONS, ActionKind
from responder.core.guardrules import GuardRules
from responder.core.model import format_duration
from responder.core.runbook import RISKS, ActionStep, Risk, Runbook, WaitStep, greater
from responder.document.fields import Fields


def risk_of(runbook: Runbook) -> Risk:
    """The risk that counts: the greatest of the page's and its actions'."""
    return greater((runbook.risk, *(action.risk for action in _actions(runbook))))


def warn(runbook: Runbook, front: Fields, verified: list[Fields], floors: GuardRules) -> None:
    """Record what its author may not have meant."""
    _warn_start(runbook, front)
    actions = list(_actions(runbook))
    if actions and not runbook.verify:
        front.problems.warning(
            front.where, "it changes something and has no verify block: nobody will know whether it helped"
        )
    waits = 0
    for step in runbook.steps:
        waits += step.duration if isinstance(step, WaitStep) else 0
        if isinstance(step, ActionStep) and waits >= floors.run_timeout:
            front.problems.warning(
                front.where,
                f"{step.action} comes after waits of {format_duration(waits)} and will not be done: "
                f"after {format_duration(floors.run_timeout)} a run begins no further step",
            )
    least = risk_of(runbook)
    if "risk" in front and RISKS.index(runbook.risk) < RISKS.index(least):
        front.problems.warning(
            front.place("risk"), f"risk: its actions are of {least} risk, which is what counts"
        )
    if runbook.hold and runbook.mode != "auto":
        front.problems.warning(
            front.key_place("hold"), f"hold: nothing is held back for a run that is not auto ({runbook.mode})"
        )
    _warn_guards(runbook, front, floors)
    for verify, fields in zip(runbook.verify, verified, strict=True):
        if 0 < verify.good < floors.verify.good:
            _laxer(fields, "for", f"{floors.verify.good} probes")
        if 0 < verify.settle < floors.verify.settle:
            _laxer(fields, "settle", format_duration(floors.verify.settle))


def _actions(runbook: Runbook) -> Iterator[ActionKind]:
    for step in (*runbook.steps, *runbook.on_failure):
        if isinstance(step, ActionStep):
            yield ACTIONS[step.action]


def _warn_start(runbook: Runbook, front: Fields) -> None:
    """Parameters that an alert cannot give."""
    if not runbook.matchers:
        if runbook.mode != "observe":
            front.problems.warning(front.place("mode"), "mode: only people start it, since it has no match")
        return
    for parameter in runbook.parameters:
        if not parameter.label and parameter.default is None:
            front.problems.warning(
                front.key_place("parameters"),
                f"parameters: no alert can give {parameter.name}, which has neither from nor default",
            )


class _Floor(NamedTuple):
    """What holds anyway. `shown`: how people write it."""

    value: float
    higher_is_laxer: bool
    shown: Callable[[float], str]


def _warn_guards(runbook: Runbook, front: Fields, floors: GuardRules) -> None:
    guards = front.fields("guards", "guards")
    if guards is None:
        return
    families = {action.family for action in _actions(runbook)}
    cooldown = max((floors.cooldown.get(family, 0) for family in families), default=0)
    holding = {
        "min_age": _Floor(floors.min_age, False, _time),
        "cooldown": _Floor(cooldown, False, _time),
        "attempts_per_episode": _Floor(floors.attempts_per_episode, True, str),
        "attempts_per_target": _Floor(floors.attempts_per_target, True, str),
        "rate_per_hour": _Floor(floors.rate_runbook, True, str),
        "min_healthy": _Floor(floors.min_healthy, False, lambda share: f"{share:.0%}"),
        "min_healthy_count": _Floor(floors.min_healthy_count, False, str),
        "approvals": _Floor(floors.approvals[risk_of(runbook)], False, str),
        "expires": _Floor(floors.expires, True, _time),
    }
    for key, floor in holding.items():
        asked = getattr(runbook.guards, key)
        if asked is not None and (asked > floor.value if floor.higher_is_laxer else asked < floor.value):
            _laxer(guards, key, floor.shown(floor.value))


def _time(length: float) -> str:
    return format_duration(int(length))


def _laxer(fields: Fields, key: str, floor: str) -> None:
    fields.problems.warning(fields.place(key), f"{key}: the floor is stricter and holds: {floor}")
