"""How much was done already: what a target, an alert, a runbook and everybody may come to.

The guards `cooldown`, `attempts`, `rate`, `concurrency` and `unknown`. They count runs that acted,
the judged one left out; a run that has begun keeps the share that it took at its first step.
"""

from collections import Counter
from collections.abc import Iterable

from responder.core.guards.answers import allow, deny, moment, not_before, span
from responder.core.guards.situation import Situation, kind, known
from responder.core.model import DAY, HOUR, Nanoseconds
from responder.core.run import GuardResult, Run
from responder.core.runbook import ActionStep

BEGUN = "this run has begun, and took its share then"


def cooldown(situation: Situation) -> GuardResult:
    """G7: rest after the last run of the same runbook on the same target."""
    if situation.run.acted_at:
        return allow(BEGUN)
    now, name, key = situation.now, situation.runbook.name, situation.target.key
    rest = _rest(situation)
    same = [run for run in situation.others if run.runbook == name and run.target_key == key]
    if going := [run for run in same if run.open]:
        return deny(
            f"the run {going[0].id} is still {going[0].state}; after it the target rests {span(rest)}"
        )
    last = max(same, key=lambda run: run.ended_at, default=None)
    if last is None:
        return allow("it has not acted on this target lately")
    again, shown = last.ended_at + rest, f"the last run {last.id} ended {span(now - last.ended_at)} ago"
    if now < again:
        return deny(f"{shown}, the target rests {span(rest)}; again at {moment(again, now)}", last=last.id)
    return allow(f"{shown}, the target has rested {span(rest)}", last=last.id)


def _rest(situation: Situation) -> Nanoseconds:
    """The longest rest that an action of the run or its page asks for."""
    families = {kind(step.action).family for step in situation.planned.steps if step.mutates} | {
        kind(step.action).family for step in situation.runbook.steps if isinstance(step, ActionStep)
    }
    asked = (
        known(situation.rules.cooldown.get(family), f"how long to rest after a {family}")
        for family in sorted(families)
    )
    return max(*asked, situation.runbook.guards.cooldown or 0, 0)


def attempts(situation: Situation) -> GuardResult:
    """G8: what did not help twice is not tried a third time."""
    if situation.run.acted_at:
        return allow(BEGUN)
    now, rules, own, key = situation.now, situation.rules, situation.runbook.guards, situation.target.key
    per_episode = _least(rules.attempts_per_episode, own.attempts_per_episode)
    per_target = _least(rules.attempts_per_target, own.attempts_per_target)
    before = Counter(life for run in situation.others for life in _lives(run))
    tried = max((before[life] for life in _lives(situation.run)), default=0)
    window = span(rules.attempts_within)
    on_target = _within(
        (run for run in situation.others if run.target_key == key), now, rules.attempts_within
    )
    data = {"episode": tried, "target": len(on_target)}
    if tried >= per_episode:
        return deny(
            f"{tried} runs have acted on this alert since it fires, the limit is {per_episode};"
            " what they did has not ended it",
            **data,
        )
    if len(on_target) >= per_target:
        again = on_target[per_target - 1] + rules.attempts_within
        return deny(
            f"{len(on_target)} runs have acted on this target in {window}, the limit is {per_target};"
            f" again at {moment(again, now)}",
            **data,
        )
    return allow(
        f"{tried} of {per_episode} for the alert,"
        f" {len(on_target)} of {per_target} for the target in {window}",
        **data,
    )


def rate(situation: Situation) -> GuardResult:
    """G9: so many runs in an hour and a day. What is over is refused, not queued: it would be stale."""
    if situation.run.acted_at:
        return allow(BEGUN)
    now, rules, others = situation.now, situation.rules, situation.others
    service = situation.target.service
    counted: tuple[tuple[str, int, Nanoseconds, Iterable[Run]], ...] = (
        (
            "of this runbook",
            _least(rules.rate_runbook, situation.runbook.guards.rate_per_hour),
            HOUR,
            (run for run in others if run.runbook == situation.runbook.name),
        ),
        (
            "for this service",
            rules.rate_service,
            HOUR,
            (run for run in others if run.target is not None and run.target.service == service),
        ),
        ("in all", rules.rate_global, HOUR, others),
        ("in all", rules.rate_day, DAY, others),
    )
    spent: list[str] = []
    for what, most, window, runs in counted:
        acted = _within(runs, now, window)
        spent.append(f"{len(acted)} of {most} {what} in {span(window)}")
        if len(acted) >= most:
            again = acted[most - 1] + window
            return deny(
                f"{len(acted)} runs {what} in {span(window)}, the limit is {most};"
                f" again at {moment(again, now)}"
            )
    return allow(", ".join(spent))


def concurrency(situation: Situation) -> GuardResult:
    """G10: one run at a time on a target, a few in all, and a while between two beginnings."""
    now, rules, key = situation.now, situation.rules, situation.target.key
    acting = [run for run in situation.others if run.open]
    if held := [run for run in acting if run.target_key == key]:
        return deny(f"the run {held[0].id} has this target and is {held[0].state}")
    if len(acting) >= rules.together:
        return deny(f"{len(acting)} runs act now, the limit is {rules.together}", acting=len(acting))
    last = max((run.acted_at for run in situation.others), default=None)
    if last is not None and not situation.run.acted_at and now < last + rules.gap:
        again = last + rules.gap
        return not_before(
            situation,
            again,
            f"another run began {span(now - last)} ago, {span(rules.gap)} lie between two;"
            f" again at {moment(again, now)}",
        )
    return allow(f"{len(acting)} of {rules.together} runs act now, none on this target", acting=len(acting))


def unknown(situation: Situation) -> GuardResult:
    """G21: where nobody knows what a run has done, nothing more is done until somebody has looked.

    And what takes too long is not gone on with.
    """
    key, run_timeout = situation.target.key, situation.rules.run_timeout
    took = situation.now - situation.run.acted_at if situation.run.acted_at else 0
    if took >= run_timeout and not situation.run.rolling:
        return deny(f"the run began {span(took)} ago: after {span(run_timeout)} it begins no further step")
    for run in situation.runs:
        if run.number == situation.run.number or not run.open or run.state != "unknown":
            continue
        if run.target_key == key:
            return deny(f"what the run {run.id} did to this target is not known: somebody must look")
        if run.runbook == situation.runbook.name and not situation.run.rolling:
            return deny(f"what the run {run.id} of this runbook did is not known: somebody must look")
    return allow("no run of this runbook or on this target is of unknown outcome")


def _lives(run: Run) -> frozenset[tuple[str, Nanoseconds]]:
    """The lives of alerts that a run answers."""
    return frozenset((one.fingerprint, one.starts_at) for one in run.episodes)


def _least(floor: int, own: int | None) -> int:
    return floor if own is None else min(floor, own)


def _within(runs: Iterable[Run], now: Nanoseconds, window: Nanoseconds) -> list[Nanoseconds]:
    """When those acted that did within the window, the newest first."""
    return sorted((run.acted_at for run in runs if run.acted_at + window > now), reverse=True)
