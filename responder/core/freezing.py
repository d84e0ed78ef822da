"""What is decided about freezes: put, lifted, ended by time; what was ordered and not begun is taken back.

`core.commands` calls it for the two commands, `core.decide` when time is up and for a restored database.
"""

from responder.core.draft import Draft
from responder.core.freeze import LONGEST, Freeze, scope_fault
from responder.core.messages import (
    Accepted,
    Declined,
    FreezeLifted,
    FreezePut,
    LiftFreeze,
    PutFreeze,
    Withdraw,
)
from responder.core.model import Nanoseconds, format_duration, format_time
from responder.core.run import Run


def put(draft: Draft, actor: str, asked: PutFreeze) -> Accepted | Declined:
    """Begin a freeze; the reply's detail is its id."""
    problem = scope_fault(asked.scope)
    if not problem and not asked.reason.strip():
        problem = "a reason is required: say why nothing is to be done"
    if not problem and not draft.at < asked.until <= draft.at + LONGEST:
        problem = f"a freeze ends in the future, and {format_duration(LONGEST)} from now at the latest"
    if problem:
        return Declined(400, problem)
    if asked.id in draft.state.freezes:
        return Declined(409, f"there is a freeze {asked.id} already")
    by = asked.person or actor
    freeze = Freeze(asked.id, asked.scope, asked.reason, by, draft.at, asked.until, asked.hard)
    begin(draft, freeze)
    return Accepted(freeze.id)


def begin(draft: Draft, freeze: Freeze) -> None:
    """Put it in force, and take back what was ordered in its scope and is not begun."""
    draft.changes.freezes[freeze.id] = freeze
    taken = []
    for run in draft.state.runs.values():
        ordered = run.ordered_at and run.state in ("executing", "rolling_back")
        if ordered and freeze.covers(run.runbook, actions_of(run), run.target):
            draft.changes.withdrawn.append(run.number)
            draft.effects.append(Withdraw(run.number))
            taken.append(run.id)
    until = format_time(freeze.until)
    draft.events.append(
        FreezePut(freeze.id, freeze.scope, freeze.reason, freeze.by, until, freeze.hard, taken)
    )


def lift(draft: Draft, actor: str, asked: LiftFreeze) -> Accepted | Declined:
    """End a freeze before its time."""
    freeze = draft.state.freezes.get(asked.id)
    if freeze is None:
        return Declined(404, f"there is no freeze {asked.id[:64]!r}")
    _end(draft, freeze, asked.person or actor)
    return Accepted(f"{freeze.id} lifted")


def end_due(draft: Draft) -> None:
    """Freezes whose time is up."""
    for freeze in sorted(draft.state.freezes.values(), key=_age):
        if freeze.until <= draft.at:
            _end(draft, freeze, "time")


def actions_of(run: Run) -> frozenset[str]:
    """Every action that a run's plan has."""
    if run.plan is None:
        return frozenset()
    return frozenset(step.action for step in (*run.plan.steps, *run.plan.on_failure))


def active(draft: Draft) -> tuple[Freeze, ...]:
    """Every freeze in force, as decided so far, the oldest first, however the state came into memory."""
    known = {**draft.state.freezes, **draft.changes.freezes}
    found = (f for key, f in known.items() if key not in draft.changes.lifted and f.until > draft.at)
    return tuple(sorted(found, key=_age))


def _age(freeze: Freeze) -> tuple[Nanoseconds, str]:
    return freeze.at, freeze.id


def _end(draft: Draft, freeze: Freeze, by: str) -> None:
    draft.changes.lifted.append(freeze.id)
    draft.events.append(FreezeLifted(freeze.id, freeze.scope, by))
