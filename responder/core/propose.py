"""How runs begin: an alert that has a runbook, a person who asks; and how they end before they did anything.

`core.receive` calls it for alerts that fire and end, `core.flush` for those that are over, `core.commands`
for people, `core.decide` for other rules. What is done about a run afterwards is in `core.advance`.
"""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from responder.core.actioncatalogue import ACTIONS
from responder.core.draft import Draft
from responder.core.guards import effective_mode
from responder.core.judging import alerts_of, denials, judge, reason_of, situation
from responder.core.messages import (
    Accepted,
    Declined,
    Inspect,
    RunJoined,
    RunMoved,
    RunProposed,
    StartRun,
)
from responder.core.model import MINUTE, Alert, Labels, Nanoseconds, fingerprint
from responder.core.plan import TargetRef
from responder.core.run import Episode, Moment, Run, RunState, end, move
from responder.core.runbook import CLUSTER, ActionStep, Bound, Runbook, bind

ANSWER_WAIT: Final = 2 * MINUTE
"""How long an answer of `actions` is waited for before it is asked again."""

_MOST_EPISODES: Final = 1_000
"""Alerts that one run names; more join it and are not listed."""

_UNBEGUN: Final[frozenset[RunState]] = frozenset({"proposed", "awaiting_approval", "approved"})


# -- by alerts --------------------------------------------------------------------------------


def propose(draft: Draft, actor: str, alerts: Iterable[Alert]) -> None:
    """Alerts fire, or are said to fire still: those that have a runbook begin a run, or join one."""
    if not draft.ruleset.runbooks:
        return  # most of all in a storm
    for alert in alerts:
        if alert.groups and alert.firing_at(draft.at):
            for runbook in draft.ruleset.runbooks_for(alert.labels):
                _propose(draft, actor, alert, runbook)


def _propose(draft: Draft, actor: str, alert: Alert, runbook: Runbook) -> None:
    if not runbook.steps:
        return  # a page for people alone
    episode = Episode(fingerprint(alert.labels), alert.starts_at, alert.id)
    last = draft.last_run(runbook.name, episode, "")
    if last is not None and (last.open or not _again(draft, runbook, last)):
        # Nearly always; binding costs more than all the rest.
        if joined := last if last.open else draft.open_run(runbook.name, last.target_key):
            _join(draft, joined, episode, alert)
        return
    bound = bind(runbook, alert.labels, {}, draft.ruleset.clusters)
    target = None if bound.problems else target_of(runbook, bound)
    joined = _open_run(draft, runbook.name, target)
    if joined is not None:
        _join(draft, joined, episode, alert)
        return
    why = "; ".join(bound.problems)
    if not _again(draft, runbook, draft.last_run(runbook.name, episode, why)):
        return
    run = _begin(draft, runbook, bound, target, "alert")
    run = msgspec.structs.replace(run, trigger=actor, episodes=(episode,), groups=alert.groups)
    _put_new(draft, run, runbook, bound, f"alert {alert.id}", alert.labels)


def _open_run(draft: Draft, runbook: str, target: TargetRef | None) -> Run | None:
    """The run that is open for this target; it belongs to (runbook, target), not to an alert."""
    return draft.open_run(runbook, target.key) if target else None


def _join(draft: Draft, run: Run, episode: Episode, alert: Alert) -> None:
    groups = tuple(group for group in alert.groups if group not in run.groups)
    known = draft.last_run(run.runbook, episode, "")
    new = (known is None or known.number != run.number) and len(run.episodes) < _MOST_EPISODES
    if not new and not groups:
        return
    episodes = (*run.episodes, episode) if new else run.episodes
    draft.put_run(msgspec.structs.replace(run, episodes=episodes, groups=(*run.groups, *groups)))
    draft.events.append(RunJoined(run.id, [alert.id]))
    draft.outdated.update(run.groups, groups)


def _again(draft: Draft, runbook: Runbook, last: Run | None) -> bool:
    """Whether a life of an alert may begin a run: once, and again only after one that acted is long over."""
    if last is None:
        return True
    return bool(last.acted_at and last.ended_at) and draft.at >= last.ended_at + cooldown(draft, runbook)


def cooldown(draft: Draft, runbook: Runbook) -> Nanoseconds:
    """How long after a run that acted the next one may come: the longest of its actions' and its own."""
    steps = [step for step in runbook.steps if isinstance(step, ActionStep) and step.action in ACTIONS]
    floors = draft.ruleset.guards.cooldown
    known = [floors.get(ACTIONS[step.action].family, 0) for step in steps]
    return max([runbook.guards.cooldown or 0, *known])


def follow(draft: Draft) -> None:
    """The rules are others: open runs are about the incidents in which their alerts are now."""
    for run in draft.state.runs.values():
        if run.open and run.episodes:
            now = (group for alert in alerts_of(draft, run) for group in alert.groups)
            groups = tuple(dict.fromkeys((*run.groups, *now)))
            if groups != run.groups:
                draft.put_run(msgspec.structs.replace(run, groups=groups))
                draft.outdated.update(groups)


def give_up_resolved(draft: Draft, group_id: int, resolved: Collection[int]) -> None:
    """Alerts are over: runs that answer nothing else and have not begun end as well."""
    for run in draft.runs_of(group_id):
        if run.state in _UNBEGUN and run.open and any(e.alert in resolved for e in run.episodes):
            give_up_if_over(draft, run)


def give_up_if_over(draft: Draft, run: Run) -> bool:
    """End a run that has not begun and all of whose alerts are over; whether it ended."""
    if run.via != "alert" or run.state not in _UNBEGUN or not run.open:
        return False
    if any(alert.firing_at(draft.at) for alert in alerts_of(draft, run)):
        return False
    shift(draft, run, "cancelled", "every alert that it answers is resolved", reason="resolved")
    return True


# -- by people --------------------------------------------------------------------------------


def start(draft: Draft, actor: str, asked: StartRun) -> Accepted | Declined:
    """A person asks for a run; the reply's detail is its id."""
    runbook = draft.ruleset.runbooks.get(asked.runbook)
    if runbook is None:
        return Declined(404, f"there is no runbook {asked.runbook[:64]!r}: see `responder runbook list`")
    bound = bind(runbook, None, asked.parameters, draft.ruleset.clusters)
    if bound.problems:
        return Declined(400, "; ".join(bound.problems))
    target = target_of(runbook, bound)
    if target is None:
        return Declined(409, f"{runbook.name} has no steps that could be run")
    joined = _open_run(draft, runbook.name, target)
    if joined is not None:
        return Declined(409, f"run {joined.id} is {joined.state} for {target.key} already")
    run = _begin(draft, runbook, bound, target, asked.via or "api")
    run = msgspec.structs.replace(
        run, requested_by=actor, person=asked.person, why=asked.why, only_plan=asked.only_plan
    )
    _put_new(draft, run, runbook, bound, asked.person or actor, None)
    return Accepted(run.id)


# -- both -------------------------------------------------------------------------------------


def target_of(runbook: Runbook, bound: Bound) -> TargetRef | None:
    """The one object that a run acts on."""
    target = runbook.target
    if target is None:
        return None
    return TargetRef(
        bound.values[CLUSTER], bound.fill(target.namespace), target.kind, bound.fill(target.name)
    )


def _begin(draft: Draft, runbook: Runbook, bound: Bound, target: TargetRef | None, via: str) -> Run:
    at = draft.at
    return Run(
        number=draft.new_run_number(),
        runbook=runbook.name,
        runbook_hash=runbook.hash,
        parameters=dict(bound.values),
        target=target,
        state="proposed",
        created_at=at,
        mode=runbook.mode,
        risk=runbook.risk,
        via=via,
        why="; ".join(bound.problems),
    )


def _put_new(
    draft: Draft, run: Run, runbook: Runbook, bound: Bound, asked: str, labels: Labels | None
) -> None:
    text = (
        f"asked for by {asked}" if labels is None else f"{runbook.title}: {dict(labels).get('alertname', '')}"
    )
    run = msgspec.structs.replace(run, story=(Moment(draft.at, "proposed", text, run.person),))
    draft.events.append(
        RunProposed(
            run.id,
            run.runbook,
            run.runbook_hash,
            run.target_key,
            run.parameters,
            asked,
            [episode.alert for episode in run.episodes],
        )
    )
    draft.outdated.update(run.groups)
    if bound.problems or run.target is None:
        refuse(draft, judge(draft, run, runbook, "proposal", bound.problems or ("no target",)))
        return
    mode, _ = effective_mode(situation(draft, run, runbook, "proposal"))
    run = msgspec.structs.replace(run, mode=mode)
    if runbook.hold is not None and labels is not None and mode == "auto":
        run = msgspec.structs.replace(run, hold_until=draft.at + runbook.hold.duration)
    inspect(draft, run, runbook)


def inspect(draft: Draft, run: Run, runbook: Runbook) -> Run:
    """Ask `actions` how things are; the answer carries the lap."""
    assert run.target is not None
    run = msgspec.structs.replace(run, lap=run.lap + 1, due_at=draft.at + ANSWER_WAIT)
    draft.put_run(run)
    draft.effects.append(looking(draft, run, runbook))
    return run


def looking(draft: Draft, run: Run, runbook: Runbook) -> Inspect:
    """The order to look, for the run's present lap."""
    assert run.target is not None
    firing = next((alert for alert in alerts_of(draft, run) if alert.firing_at(draft.at)), None)
    return Inspect(
        run.number,
        run.id,
        run.lap,
        runbook,
        run.parameters,
        run.target,
        firing.labels if firing and run.via == "alert" else None,
        run.rolling,
    )


def refuse(draft: Draft, run: Run) -> Run:
    """A guard says no, and time will not change it: denied, or ended where it had begun."""
    first = denials(run)[0]
    return shift(draft, run, "denied", first.reason, reason=reason_of(first))


def shift(
    draft: Draft, run: Run, to: RunState, text: str, *, by: str = "", reason: str = "", final: bool = False
) -> Run:
    """Move a run, journal it, and let everybody see it. `final`: a failure that nothing takes back."""
    was = run.state
    run = move(run, to, draft.at, text, by, reason)
    if final:
        run = end(run, draft.at)
    if run.hold_until and (
        to in ("awaiting_approval", "unknown", "failed") or (run.ended_at and to != "succeeded")
    ):
        run = msgspec.structs.replace(run, hold_until=0)
        for group in run.groups:
            if draft.state.told.get(group):  # else its first look is still to come
                draft.look_now(group)
    draft.put_run(run)
    draft.events.append(RunMoved(run.id, was, to, run.reason, text, by))
    draft.outdated.update(run.groups)
    if run.ended_at:
        for group in run.groups:
            # It waited for the end of this run to close; one that is new waits for its first look.
            if group in draft.state.groups and not draft.state.members.get(group):
                draft.look_now(group)
    return run
