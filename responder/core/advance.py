"""How runs go on: what was found out, what people say, what was done, what time brings.

`core.decide` calls it for each of these. Every step that changes something is ordered here and nowhere else,
in the decision that journals its intent, after every guard was asked; nothing is ever ordered twice.
"""

from typing import Final

import msgspec

from responder.core.draft import Draft
from responder.core.guardrules import PATIENCE, VerifyRules
from responder.core.judging import asks, denials, judge
from responder.core.messages import (
    Accepted,
    Act,
    Approve,
    CancelRun,
    Declined,
    DenyRun,
    Escalated,
    Execute,
    FactsGathered,
    LookAgain,
    Probed,
    ResolveRun,
    RunApproved,
    RunPlanned,
    StepEnded,
    StepFinished,
    StepIntended,
    Verified,
    VerifyRun,
)
from responder.core.model import SECOND, Nanoseconds, format_time
from responder.core.plan import Plan, PlannedStep
from responder.core.propose import (
    ANSWER_WAIT,
    give_up_if_over,
    inspect,
    looking,
    refuse,
    shift,
)
from responder.core.run import Approval, Run, note
from responder.core.runbook import Runbook
from responder.core.state import Group

NOT_AFTER: Final = 30 * SECOND
"""A step is not begun later than this after it was ordered."""

_GRACE: Final = 90 * SECOND
"""Over a step's own time, until its silence counts as an unknown outcome."""

_MOST_LAPS: Final = 60
"""Questions about one run; one that goes round for longer than that ends."""


def answered(draft: Draft, body: FactsGathered | StepFinished | Verified | Probed) -> None:
    """`actions` answers."""
    match body:
        case FactsGathered():
            gathered(draft, body)
        case StepFinished():
            finished(draft, body)
        case Verified():
            verified(draft, body)
        case Probed():
            probed(draft, body)


# -- what was found out -----------------------------------------------------------------------


def gathered(draft: Draft, body: FactsGathered) -> None:
    """`actions` has looked: judge, and go on, wait, or end."""
    run = _current(draft, body.run, body.lap)
    if (
        run is None
        or run.ordered_at
        or run.state not in ("proposed", "approved", "executing", "rolling_back")
    ):
        return
    runbook = draft.ruleset.runbooks.get(run.runbook)
    run = msgspec.structs.replace(run, facts=body.facts, due_at=0)
    if run.state == "proposed" and runbook is not None:
        run = msgspec.structs.replace(run, runbook_hash=runbook.hash)
    if runbook is None or (runbook.hash != run.runbook_hash and not run.rolling):
        _stop(draft, run, "the runbook was changed or taken away", "stale_plan")
        return
    if give_up_if_over(draft, run):
        return
    if body.plan is not None and run.rolling:
        _roll(draft, run, runbook, body.plan)
        return
    if body.plan is not None:
        if _is_void(run, body.plan):
            _void(draft, run, runbook, body.plan)
            return
        if run.plan != body.plan:
            draft.events.append(RunPlanned(run.id, body.plan.hash, body.plan))
        run = msgspec.structs.replace(run, plan=body.plan, target=body.plan.target)
    elif run.rolling:
        _rolled(draft, run, "rollback_failed", body.facts.problem)
        return
    if run.state == "proposed":
        _judge_proposal(draft, run, runbook)
    else:
        _judge_step(draft, run, runbook)


def _is_void(run: Run, plan: Plan) -> bool:
    """Whether what a person said yes to is not what would be done now."""
    if not run.approvals or run.plan is None or run.state == "proposed":
        return False
    if run.step == 0:
        return plan.hash != run.plan.hash
    then, now = run.plan.steps, plan.steps
    if len(then) != len(now) or run.plan.target.uid != plan.target.uid:
        return True
    return any(_intent(then[n]) != _intent(now[n]) for n in range(run.step, len(now)))


def _intent(step: PlannedStep) -> tuple[object, ...]:
    """What of a later step was approved: its facts did not exist yet."""
    return step.action, step.target and step.target.key, step.arguments, step.bounds


def _judge_proposal(draft: Draft, run: Run, runbook: Runbook) -> None:
    run = judge(draft, run, runbook, "proposal")
    if run.only_plan:
        shift(draft, run, "cancelled", "only the plan was asked for", reason="cancelled")
    elif denials(run):
        _wait_or(draft, run)
    elif asks(run):
        _ask(draft, run, runbook)
    else:
        run = shift(draft, run, "approved", "every guard allows it")
        inspect(draft, run, runbook)


def _ask(draft: Draft, run: Run, runbook: Runbook) -> None:
    """Wait for people. What they are shown carries a nonce that no other plan has."""
    assert run.plan is not None
    digest = run.plan.hash
    expires = min(draft.ruleset.guards.expires, runbook.guards.expires or draft.ruleset.guards.expires)
    people = "a person" if run.needed <= 1 else f"{run.needed} persons in all"
    run = shift(draft, run, "awaiting_approval", f"waits for {people}")
    at = draft.at + expires
    nonce = f"{run.lap}-{digest[:12]}"
    draft.put_run(msgspec.structs.replace(run, due_at=at, expires_at=at, nonce=nonce))


def _judge_step(draft: Draft, run: Run, runbook: Runbook) -> None:
    run = judge(draft, run, runbook, "step")
    if denials(run):
        _wait_or(draft, run)
    elif asks(run) or run.plan is None:
        _stop(draft, run, "an approval is missing for what would be done now", "approval")
    else:
        _order(draft, run, run.plan.steps[run.step])


def _wait_or(draft: Draft, run: Run) -> None:
    """A guard says no: wait where time will change that, for a while; else it ends."""
    said = denials(run)
    since = run.approvals[-1].at if run.approvals else run.created_at
    patient = all(one.retry_at for one in said) and draft.at < since + PATIENCE and not run.applied
    if patient:
        again = min(max(one.retry_at for one in said), since + PATIENCE)
        run = note(run, draft.at, f"waits: {said[0].reason}")
        draft.put_run(msgspec.structs.replace(run, due_at=max(again, draft.at + SECOND)))
        draft.outdated.update(run.groups)
    elif run.state in ("proposed", "approved"):
        refuse(draft, run)
    else:
        reason = "frozen" if said[0].guard == "freeze" else said[0].guard
        _stop(draft, run, said[0].reason, reason)


def _stop(draft: Draft, run: Run, text: str, reason: str) -> None:
    """It goes no further: nothing was done yet, or it failed half way."""
    if run.state in ("proposed", "approved", "awaiting_approval"):
        shift(draft, run, "denied", text, reason=reason)
    elif run.state == "rolling_back":
        _rolled(draft, run, "rollback_failed", text)
    elif run.applied:
        _fail(draft, run, text, touched=True, reason=reason)
    else:
        shift(draft, run, "cancelled", text, reason=reason)


def _void(draft: Draft, run: Run, runbook: Runbook, plan: Plan) -> None:
    """The approval is for another plan: a new run is proposed to the same people."""
    _stop(draft, run, "what would be done now is not what was approved", "stale_plan")
    if run.applied:
        return
    successor = msgspec.structs.replace(
        run,
        number=draft.new_run_number(),
        state="proposed",
        created_at=draft.at,
        plan=plan,
        approvals=(),
        needed=0,
        lap=0,
        acted_at=0,
        due_at=0,
        expires_at=0,
        reason="",
        story=(),
        hold_until=0,
        nonce="",
    )
    successor = note(successor, draft.at, f"in place of {run.id}, whose plan is out of date")
    draft.events.append(RunPlanned(successor.id, plan.hash, plan))
    draft.put_run(successor)
    _judge_proposal(draft, successor, runbook)


# -- people -----------------------------------------------------------------------------------


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
        _stop(draft, run, "the runbook was taken away", "stale_plan")
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
        _applied(draft, run)
    else:
        _fail(draft, run, "it was not done", touched=False)
    return Accepted(f"{run.id} goes on" if asked.applied else f"{run.id} failed")


# -- what was done ----------------------------------------------------------------------------


def _order(draft: Draft, run: Run, step: PlannedStep) -> None:
    """Record the intent and order one step; or wait, or tell, if that is the step."""
    at = draft.at
    if not step.mutates:
        _pause_or_tell(draft, run, step)
        return
    rolling = run.state == "rolling_back"
    count = len(run.plan.on_failure if rolling else run.plan.steps) if run.plan else 0
    text = f"step {run.step + 1} of {count}: {step.action}"
    run = note(run, at, text) if rolling else shift(draft, run, "executing", text)
    lap = run.lap + 1
    key = f"{run.id}-{run.step}-{lap}"  # another lap has another: what was withdrawn stays withdrawn
    due_at = at + step.timeout + _GRACE
    run = msgspec.structs.replace(run, lap=lap, key=key, ordered_at=at, due_at=due_at)
    draft.put_run(run)
    effect = _execute(run, step)
    draft.changes.ordered.append(effect)
    target = step.target.key if step.target else run.target_key
    not_after = format_time(effect.not_after)
    draft.events.append(StepIntended(run.id, run.step, step.action, target, key, not_after))
    draft.effects.append(effect)


def _execute(run: Run, step: PlannedStep) -> Execute:
    at = run.ordered_at
    return Execute(run.number, run.id, run.lap, step, run.key, at, at + NOT_AFTER, run.runbook)


def _planned(run: Run) -> PlannedStep:
    """The step that is under way."""
    assert run.plan is not None
    return (run.plan.on_failure if run.rolling else run.plan.steps)[run.step]


def _pause_or_tell(draft: Draft, run: Run, step: PlannedStep) -> None:
    if step.action == "wait":
        if run.state != "executing":
            run = shift(draft, run, "executing", "the first step waits")
        run = shift(draft, run, "waiting", "waits, as its runbook says")
        wait = int(step.intended["nanoseconds"])
        draft.put_run(msgspec.structs.replace(run, due_at=draft.at + wait))
        return
    escalate(draft, run, (str(step.intended["receiver"]),), f"run {run.id} says so")
    if run.state == "approved":
        run = shift(draft, run, "executing", f"told {step.intended['receiver']}")
    _next(draft, msgspec.structs.replace(run, step=run.step + 1))


def finished(draft: Draft, body: StepFinished) -> None:
    """How a step ended."""
    run = _current(draft, body.run, body.lap)
    if run is None or not run.ordered_at or run.state not in ("executing", "rolling_back"):
        return
    draft.events.append(StepEnded(run.id, run.step, body.result, body.detail))
    run = msgspec.structs.replace(run, due_at=0)
    if run.state == "rolling_back":
        _finished_rolling(draft, run, body)
        return
    match body.result:
        case "applied":
            _applied(draft, note(run, draft.at, body.detail or "done"))
        case "failed":
            _fail(draft, run, body.detail or "the step failed", touched=body.touched)
        case "unknown":
            _lose_sight(draft, run, body.detail or "nobody knows whether it was done")
        case "frozen":
            run = msgspec.structs.replace(run, ordered_at=0)
            _stop(draft, run, body.detail or "a freeze is in force", "frozen")
        case "conflict" | "withdrawn" | "too_late":
            _ask_again(draft, run, f"{body.result}: {body.detail}".rstrip(": "))


def _ask_again(draft: Draft, run: Run, why: str) -> None:
    """Nothing was done: look again, and ask every guard again."""
    runbook = draft.ruleset.runbooks.get(run.runbook)
    run = note(msgspec.structs.replace(run, ordered_at=0), draft.at, why)
    if runbook is None or run.lap > _MOST_LAPS:
        _stop(draft, run, why, "stale_plan")
    else:
        inspect(draft, run, runbook)


def _applied(draft: Draft, run: Run) -> None:
    """A step was carried out: the next one, or whether it all helped."""
    run = msgspec.structs.replace(run, applied=run.applied + bool(run.ordered_at), ordered_at=0)
    if run.state == "unknown" and run.plan is not None and run.step + 1 < len(run.plan.steps):
        run = shift(draft, run, "executing", "it was done")
    _next(draft, msgspec.structs.replace(run, step=run.step + 1))


def _next(draft: Draft, run: Run) -> None:
    runbook, plan = draft.ruleset.runbooks.get(run.runbook), run.plan
    assert plan is not None
    if run.state == "waiting":
        run = shift(draft, run, "executing", "goes on")
    if run.state == "executing" and run.step < len(plan.steps):
        if runbook is None:
            _stop(draft, run, "the runbook was taken away", "stale_plan")
        elif plan.steps[run.step].mutates:
            inspect(draft, run, runbook)
        else:
            _order(draft, run, plan.steps[run.step])
        return
    run = shift(draft, run, "verifying", "is everything well again?")
    if runbook is not None and runbook.verify:
        _verify(draft, run, runbook)
    elif runbook is None:
        _lose_sight(draft, run, "the runbook was taken away: nobody can tell whether it helped")
    else:
        shift(draft, run, "succeeded", "done; its runbook does not say how to tell whether it helped")


def _verify(draft: Draft, run: Run, runbook: Runbook) -> None:
    rules = draft.ruleset.guards.verify
    longest = max(_span(one.settle or rules.settle, one.within or rules.within) for one in runbook.verify)
    run = msgspec.structs.replace(run, lap=run.lap + 1, due_at=draft.at + longest + _GRACE)
    draft.put_run(run)
    draft.effects.append(_verifying(run, runbook, rules))


def _span(settle: Nanoseconds, within: Nanoseconds) -> Nanoseconds:
    return settle + within


def _verifying(run: Run, runbook: Runbook, rules: VerifyRules) -> VerifyRun:
    return VerifyRun(run.number, run.id, run.lap, runbook, run.parameters, rules)


def verified(draft: Draft, body: Verified) -> None:
    """Whether it helped."""
    run = _current(draft, body.run, body.lap)
    if run is None or run.state != "verifying":
        return
    if body.ok:
        shift(draft, run, "succeeded", body.detail or "verified")
    elif body.ok is None:
        _lose_sight(draft, run, body.detail or "nobody can tell whether it helped", look=False)
    else:
        _fail(draft, run, body.detail or "it did not help", touched=True)


def _lose_sight(draft: Draft, run: Run, why: str, *, look: bool = True) -> None:
    """Nobody knows: a probe looks, and where that cannot tell, a person decides."""
    run = shift(draft, run, "unknown", why, reason="unknown")
    if look and run.ordered_at:
        _look(draft, run)
    else:
        escalate(draft, run, (), f"run {run.id}: {why}")


def _look(draft: Draft, run: Run) -> None:
    run = msgspec.structs.replace(run, lap=run.lap + 1, due_at=draft.at + ANSWER_WAIT)
    draft.put_run(run)
    draft.effects.append(_look_again(run))


def _look_again(run: Run) -> LookAgain:
    effect = _execute(run, _planned(run))
    return LookAgain(run.number, run.id, run.lap, effect.step, effect.key, effect.at)


def probed(draft: Draft, body: Probed) -> None:
    """What a look at a step of unknown outcome found."""
    run = _current(draft, body.run, body.lap)
    if run is None:
        return
    if run.state == "rolling_back":
        ended = "rolled_back" if body.applied else "rollback_failed"
        _rolled(draft, run, ended, body.detail or "looked")
        return
    if run.state != "unknown":
        return
    run = note(msgspec.structs.replace(run, due_at=0), draft.at, body.detail or "looked")
    if body.applied is None:
        draft.put_run(run)
        draft.outdated.update(run.groups)
        escalate(draft, run, (), f"run {run.id}: nobody knows what came of it")
    elif body.applied:
        _applied(draft, run)
    else:
        _fail(draft, run, "it was not done", touched=False)


# -- when it did not help ---------------------------------------------------------------------


def _fail(draft: Draft, run: Run, text: str, *, touched: bool, reason: str = "") -> None:
    """It failed: what its runbook says for that case, and people hear of it in any case."""
    steps = run.plan.on_failure if run.plan else ()
    undoes = touched and any(step.mutates for step in steps)
    run = shift(draft, run, "failed", text, reason=reason, final=not undoes)
    told = tuple(str(step.intended["receiver"]) for step in steps if step.action == "notify")
    if not undoes:
        escalate(draft, run, told, f"run {run.id}: {text}")
        return
    run = shift(draft, run, "rolling_back", "takes back what it did")
    run = msgspec.structs.replace(run, rolling=True, step=0, ordered_at=0)
    _next_rolling(draft, run)


def _next_rolling(draft: Draft, run: Run) -> None:
    """The next step of `on_failure`. Those that tell do it at the end, when there is something to tell."""
    assert run.plan is not None
    step = next(
        (n for n in range(run.step, len(run.plan.on_failure)) if run.plan.on_failure[n].mutates), None
    )
    runbook = draft.ruleset.runbooks.get(run.runbook)
    if step is None:
        _rolled(draft, run, "rolled_back", "taken back")
    elif runbook is None:
        _rolled(draft, run, "rollback_failed", "the runbook was taken away")
    else:
        inspect(draft, msgspec.structs.replace(run, step=step), runbook)


def _roll(draft: Draft, run: Run, runbook: Runbook, plan: Plan) -> None:
    """Take back what was done, unless that is frozen hard, is not allowed, or would make it worse."""
    assert run.plan is not None
    run = msgspec.structs.replace(run, plan=msgspec.structs.replace(run.plan, on_failure=plan.on_failure))
    run = judge(draft, run, runbook, "step")
    if said := denials(run):
        _rolled(draft, run, "rollback_failed", f"{said[0].guard}: {said[0].reason}")
    else:
        _order(draft, run, _planned(run))


def _finished_rolling(draft: Draft, run: Run, body: StepFinished) -> None:
    if body.result == "applied":
        run = note(
            msgspec.structs.replace(run, ordered_at=0, step=run.step + 1), draft.at, body.detail or "done"
        )
        _next_rolling(draft, run)
    elif body.result == "unknown":
        _look(draft, note(run, draft.at, body.detail or "nobody knows"))
    elif body.result in ("conflict", "withdrawn", "too_late"):
        _ask_again(draft, run, body.detail or body.result)
    else:
        _rolled(draft, run, "rollback_failed", body.detail or body.result)


def _rolled(draft: Draft, run: Run, to: str, text: str) -> None:
    assert to in ("rolled_back", "rollback_failed")
    steps = run.plan.on_failure if run.plan else ()
    told = tuple(str(step.intended["receiver"]) for step in steps if step.action == "notify")
    run = shift(draft, run, "rolled_back" if to == "rolled_back" else "rollback_failed", text)
    escalate(draft, run, told, f"run {run.id}: {to}: {text}")


def escalate(draft: Draft, run: Run, receivers: tuple[str, ...], why: str) -> None:
    """People hear of the incidents of a run, whatever they were told before; `receivers` as well."""
    groups = [group for key in run.groups if (group := draft.group(key)) is not None]
    known = {group.id: _receivers(draft, group) for group in groups}
    told = set[str]().union(*known.values())
    more = tuple(name for name in receivers if name not in told and name in draft.ruleset.receivers)
    for group in groups:
        everybody = (*known[group.id], *more)
        draft.changes.groups[group.id] = msgspec.structs.replace(
            group, fallbacks=(*group.fallbacks, *more), escalate=everybody
        )
        draft.look_now(group.id)
        draft.events.append(Escalated(group.id, list(everybody), why))
        more = ()  # one incident tells them


def _receivers(draft: Draft, group: Group) -> tuple[str, ...]:
    route = draft.ruleset.router.by_id.get(group.route)
    return (route.receiver, *group.fallbacks) if route else group.fallbacks


# -- what time brings -------------------------------------------------------------------------


def due(draft: Draft, number: int) -> None:
    """A run's time has come."""
    run = draft.state.runs[number]
    runbook = draft.ruleset.runbooks.get(run.runbook)
    run = msgspec.structs.replace(run, due_at=0)
    match run.state:
        case "awaiting_approval":
            shift(draft, run, "expired", "nobody approved it in time", reason="expired")
        case "proposed" | "approved" | "executing" | "rolling_back" if not run.ordered_at:
            waited = draft.at - (run.approvals[-1].at if run.approvals else run.created_at)
            if runbook is None or run.lap > _MOST_LAPS:
                _stop(draft, run, "the runbook was taken away", "stale_plan")
            elif waited > PATIENCE and run.state in ("proposed", "approved"):
                late = run.verdicts and refuse(draft, run) if denials(run) else None
                if late is None:
                    shift(draft, run, "expired", "nothing could be found out in time", reason="expired")
            elif not give_up_if_over(draft, run):
                inspect(draft, run, runbook)
        case "executing":
            _lose_sight(draft, run, "no answer in time")
        case "rolling_back":
            _rolled(draft, run, "rollback_failed", "no answer in time")
        case "waiting":
            _next(draft, msgspec.structs.replace(run, step=run.step + 1))
        case "verifying":
            _lose_sight(draft, run, "no answer in time", look=False)
        case "unknown" if run.ordered_at and run.lap <= _MOST_LAPS:
            _look(draft, run)
        case _:
            draft.put_run(run)


def restart(draft: Draft, begun: frozenset[str]) -> None:
    """After a start: what had not begun is asked about again, what may have begun is looked at."""
    for run in list(draft.state.runs.values()):
        runbook = draft.ruleset.runbooks.get(run.runbook)
        if not run.open or runbook is None:
            continue  # its time, or the next answer, ends it
        if run.ordered_at and run.state in ("executing", "rolling_back"):
            if run.key not in begun:
                draft.changes.withdrawn.append(run.number)
                _ask_again(draft, run, "withdrawn at a restart: it had not begun")
            elif run.state == "executing":
                _lose_sight(draft, run, "a restart came while it was carried out")
            else:
                _look(draft, note(run, draft.at, "a restart came while it was taken back"))
        elif run.state in ("proposed", "approved", "executing", "rolling_back"):
            inspect(draft, run, runbook)
        elif run.state == "verifying":
            _verify(draft, run, runbook)
        elif run.state == "unknown" and run.ordered_at:
            _look(draft, run)


def acts_again(draft: Draft) -> list[Act]:
    """What is asked of `actions` now, for an engine whose memory was built anew; it ignores what it has."""
    found: list[Act] = []
    for run in draft.state.runs.values():
        runbook = draft.ruleset.runbooks.get(run.runbook)
        if not run.open or runbook is None or not run.lap:
            continue
        if run.ordered_at and run.state in ("executing", "rolling_back"):
            found.append(_execute(run, _planned(run)))
        elif run.ordered_at and run.state == "unknown":
            found.append(_look_again(run))
        elif run.state == "verifying":
            found.append(_verifying(run, runbook, draft.ruleset.guards.verify))
        elif run.state in ("proposed", "approved", "executing", "rolling_back"):
            found.append(looking(draft, run, runbook))
    return found


def _current(draft: Draft, number: int, lap: int) -> Run | None:
    """The run that an answer is about, if it is the answer to the last question."""
    run = draft.run(number)
    return run if run is not None and run.open and run.lap == lap else None
