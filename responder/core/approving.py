"""What people decide about a run: yes, no, no further, and what came of a step that nobody saw end.

`core.commands` calls it. Who may decide what was settled at the entrance; here only that they are persons,
and distinct ones where two are needed.
"""

import msgspec

from responder.core.advance import applied, fail, stop
from responder.core.draft import Draft
from responder.core.judging import denials, judge
from responder.core.messages import (
    Accepted,
    Approve,
    CancelRun,
    Declined,
    DenyRun,
    ResolveRun,
    RunApproved,
)
from responder.core.propose import (
    give_up_if_over,
    inspect,
    refuse,
    shift,
)
from responder.core.run import Approval, Run, note


def find(draft: Draft, text: str) -> Run | None:
    """The run that people call so: its id, or its number with or without the r."""
    number = text.removeprefix("r").partition("-")[0]
    run = draft.run(int(number)) if number.isdecimal() and len(number) < 19 else None
    return run if run is not None and text in (run.id, number, f"r{number}") else None


def _unknown(text: str) -> Declined:
    return Declined(404, f"there is no run {text[:64]!r}")


def approve(draft: Draft, actor: str, asked: Approve) -> Accepted | Declined:
    """A person's yes to what is planned."""
    run = find(draft, asked.run)
    if run is None:
        return _unknown(asked.run)
    if not asked.person:
        return Declined(403, f"only a person may approve: {actor} is none")
    if run.state != "awaiting_approval" or run.plan is None:
        said = ", ".join(one.person for one in run.approvals)
        why = f" (approved by {said})" if said else f" ({run.reason})" if run.reason else ""
        return Declined(409, f"run {run.id} is {run.state}{why}: there is nothing to approve")
    if (asked.nonce and asked.nonce != run.nonce) or not run.plan.hash.startswith(asked.plan_hash):
        return Declined(409, f"run {run.id} has another plan by now: look at it again")
    if run.via != "alert" and asked.person == run.person:
        return Declined(409, f"you asked for run {run.id}: another person must approve it")
    if any(one.person == asked.person for one in run.approvals):
        return Declined(409, f"you have approved run {run.id} already: another person must")
    if give_up_if_over(draft, run):
        return Declined(409, f"run {run.id} is over: every alert that it answers is resolved")
    plan = run.plan
    given = Approval(asked.person, draft.at, plan.hash, asked.via)
    run = msgspec.structs.replace(run, approvals=(*run.approvals, given))
    have = len({one.person for one in run.approvals} | ({run.person} if run.person else set()))
    draft.events.append(RunApproved(run.id, asked.person, plan.hash, have, run.needed, asked.via))
    runbook = draft.ruleset.runbooks.get(run.runbook)
    if runbook is not None:
        run = judge(draft, run, runbook, "approval")
        if not all(one.retry_at for one in denials(run)):
            run = refuse(draft, run)
            return Declined(409, f"run {run.id} is denied all the same: {run.story[-1].text}")
    if have < run.needed:
        run = note(run, draft.at, f"approved: {have} of {run.needed} persons", asked.person)
        draft.put_run(run)
        draft.outdated.update(run.groups)
        return Accepted(f"{run.id}: {have} of {run.needed} persons have approved")
    run = shift(draft, run, "approved", "approved", by=asked.person)
    if runbook is None:
        stop(draft, run, "the runbook was taken away", "stale_plan")
        return Declined(409, f"run {run.id}: its runbook was taken away")
    inspect(draft, run, runbook)
    return Accepted(f"{run.id} approved")


def deny(draft: Draft, actor: str, asked: DenyRun) -> Accepted | Declined:
    """Somebody's no."""
    run = find(draft, asked.run)
    if run is None:
        return _unknown(asked.run)
    if run.state not in ("proposed", "awaiting_approval", "approved") or not run.open:
        return Declined(409, f"run {run.id} is {run.state}: it cannot be denied")
    by = asked.person or actor
    shift(draft, run, "denied", asked.why or "denied", by=by, reason="approval")
    return Accepted(f"{run.id} denied")


def cancel(draft: Draft, actor: str, asked: CancelRun) -> Accepted | Declined:
    """Somebody wants it to go no further. A step that is under way ends first."""
    run = find(draft, asked.run)
    if run is None:
        return _unknown(asked.run)
    before = run.open and run.state in ("proposed", "awaiting_approval", "approved", "waiting")
    if not before and not (run.state == "executing" and not run.ordered_at):
        return Declined(409, f"run {run.id} is {run.state}: it cannot be cancelled now")
    by = asked.person or actor
    shift(draft, run, "cancelled", asked.why or "cancelled", by=by, reason="cancelled")
    return Accepted(f"{run.id} cancelled")


def resolve(draft: Draft, actor: str, asked: ResolveRun) -> Accepted | Declined:
    """A person has looked what came of a step of unknown outcome."""
    run = find(draft, asked.run)
    if run is None:
        return _unknown(asked.run)
    if run.state != "unknown":
        return Declined(409, f"run {run.id} is {run.state}: nothing is unknown")
    run = note(
        run, draft.at, asked.why or ("it was done" if asked.applied else "it was not done"), asked.person
    )
    if asked.applied:
        applied(draft, run)
    else:
        fail(draft, run, "it was not done", touched=False)
    return Accepted(f"{run.id} goes on" if asked.applied else f"{run.id} failed")
