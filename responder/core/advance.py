"""How runs go on: what was found out, what people say, what was done, what time brings.

`core.decide` calls it for each of these. Every step that changes something is ordered here and nowhere else,
in the decision that journals its intent, after every guard was asked; nothing is ever ordered twice.
"""

from typing import Final, Literal

import msgspec

from responder.core.draft import Draft
from responder.core.escalating import escalate
from responder.core.guardrules import PATIENCE, VerifyRules, floored
from responder.core.judging import asks, denials, judge, reason_of
from responder.core.messages import (
    Execute,
    FactsGathered,
    LookAgain,
    Probed,
    RunPlanned,
    StepEnded,
    StepFinished,
    StepIntended,
    Verified,
    VerifyRun,
)
from responder.core.model import SECOND, format_time
from responder.core.plan import Plan, PlannedStep
from responder.core.propose import (
    ANSWER_WAIT,
    give_up_if_over,
    inspect,
    refuse,
    shift,
)
from responder.core.run import Run, note
from responder.core.runbook import Runbook

NOT_AFTER: Final = 30 * SECOND
"""A step is not begun later than this after it was ordered."""

_GRACE: Final = 90 * SECOND
"""Over a step's own time, until its silence counts as an unknown outcome."""

MOST_LAPS: Final = 60
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
        stop(draft, run, "the runbook was changed or taken away", "stale_plan")
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
        rolled(draft, run, "rollback_failed", body.facts.problem)
        return
    if run.state == "proposed":
        _judge_proposal(draft, run, runbook)
    else:
        _judge_step(draft, run, runbook)


def _is_void(run: Run, plan: Plan) -> bool:
    """Whether what a person said yes to is not what would be done now."""
    if not run.approvals or run.plan is None or run.state == "proposed":
        return False
    if not run.applied:
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
        stop(draft, run, "an approval is missing for what would be done now", "approval")
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
        stop(draft, run, said[0].reason, reason_of(said[0]))


def stop(draft: Draft, run: Run, text: str, reason: str) -> None:
    """It goes no further: nothing was done yet, or it failed half way."""
    if run.state in ("proposed", "approved", "awaiting_approval"):
        shift(draft, run, "denied", text, reason=reason)
    elif run.state == "rolling_back":
        rolled(draft, run, "rollback_failed", text)
    elif run.applied:
        fail(draft, run, text, touched=True, reason=reason)
    else:
        shift(draft, run, "cancelled", text, reason=reason)


def _void(draft: Draft, run: Run, runbook: Runbook, plan: Plan) -> None:
    """The approval is for another plan: a new run is proposed to the same people."""
    stop(draft, run, "what would be done now is not what was approved", "stale_plan")
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
        step=0,
        key="",
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
    effect = execute(run, step)
    draft.changes.ordered.append(effect)
    target = step.target.key if step.target else run.target_key
    not_after = format_time(effect.not_after)
    draft.events.append(StepIntended(run.id, run.step, step.action, target, key, not_after))
    draft.effects.append(effect)


def execute(run: Run, step: PlannedStep) -> Execute:
    """The order to carry a step out, as it was recorded."""
    at = run.ordered_at
    return Execute(run.number, run.id, run.lap, step, run.key, at, at + NOT_AFTER, run.runbook, run.rolling)


def planned(run: Run) -> PlannedStep:
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
    next_step(draft, msgspec.structs.replace(run, step=run.step + 1))


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
            applied(draft, note(run, draft.at, body.detail or "done"))
        case "failed":
            fail(draft, run, body.detail or "the step failed", touched=body.touched)
        case "unknown":
            lose_sight(draft, run, body.detail or "nobody knows whether it was done")
        case "frozen":
            run = msgspec.structs.replace(run, ordered_at=0)
            stop(draft, run, body.detail or "a freeze is in force", "frozen")
        case "conflict" | "withdrawn" | "too_late":
            ask_again(draft, run, f"{body.result}: {body.detail}".rstrip(": "))


def ask_again(draft: Draft, run: Run, why: str) -> None:
    """Nothing was done: look again, and ask every guard again."""
    runbook = draft.ruleset.runbooks.get(run.runbook)
    run = note(msgspec.structs.replace(run, ordered_at=0), draft.at, why)
    if runbook is None or run.lap > MOST_LAPS:
        stop(draft, run, why, "stale_plan")
    else:
        inspect(draft, run, runbook)


def applied(draft: Draft, run: Run) -> None:
    """A step was carried out: the next one, or whether it all helped."""
    run = msgspec.structs.replace(run, applied=run.applied + bool(run.ordered_at), ordered_at=0)
    if run.state == "unknown" and run.plan is not None and run.step + 1 < len(run.plan.steps):
        run = shift(draft, run, "executing", "it was done")
    next_step(draft, msgspec.structs.replace(run, step=run.step + 1))


def next_step(draft: Draft, run: Run) -> None:
    """Go on with the step that is next; after the last one, find out whether it helped."""
    runbook, plan = draft.ruleset.runbooks.get(run.runbook), run.plan
    assert plan is not None
    if run.state == "waiting":
        run = shift(draft, run, "executing", "goes on")
    if run.state == "executing" and run.step < len(plan.steps):
        if runbook is None:
            stop(draft, run, "the runbook was taken away", "stale_plan")
        elif plan.steps[run.step].mutates:
            inspect(draft, run, runbook)
        else:
            _order(draft, run, plan.steps[run.step])
        return
    run = shift(draft, run, "verifying", "is everything well again?")
    if runbook is not None and runbook.verify:
        verify(draft, run, runbook)
    elif runbook is None:
        lose_sight(draft, run, "the runbook was taken away: nobody can tell whether it helped")
    else:
        shift(draft, run, "succeeded", "done; its runbook does not say how to tell whether it helped")


def verify(draft: Draft, run: Run, runbook: Runbook) -> None:
    """Ask whether it helped."""
    rules = draft.ruleset.guards.verify
    longest = max(one.settle + one.within for one in (floored(block, rules) for block in runbook.verify))
    run = msgspec.structs.replace(run, lap=run.lap + 1, due_at=draft.at + longest + _GRACE)
    draft.put_run(run)
    draft.effects.append(verifying(run, runbook, rules))


def verifying(run: Run, runbook: Runbook, rules: VerifyRules) -> VerifyRun:
    """The order to find that out, for the run's present lap."""
    return VerifyRun(run.number, run.id, run.lap, runbook, run.parameters, rules)


def verified(draft: Draft, body: Verified) -> None:
    """Whether it helped."""
    run = _current(draft, body.run, body.lap)
    if run is None or run.state != "verifying":
        return
    if body.ok:
        shift(draft, run, "succeeded", body.detail or "verified")
    elif body.ok is None:
        lose_sight(draft, run, body.detail or "nobody can tell whether it helped", look=False)
    else:
        fail(draft, run, body.detail or "it did not help", touched=True, reason="verify")


def lose_sight(draft: Draft, run: Run, why: str, *, look: bool = True) -> None:
    """Nobody knows: a probe looks, and where that cannot tell, a person decides."""
    run = shift(draft, run, "unknown", why, reason="unknown")
    if look and run.ordered_at:
        look_into(draft, run)
    else:
        escalate(draft, run, (), f"run {run.id}: {why}")


def look_into(draft: Draft, run: Run) -> None:
    """Ask once more what came of the step of which nobody knows."""
    run = msgspec.structs.replace(run, lap=run.lap + 1, due_at=draft.at + ANSWER_WAIT)
    draft.put_run(run)
    draft.effects.append(look_again(run))


def look_again(run: Run) -> LookAgain:
    """The order to look, for the run's present lap."""
    effect = execute(run, planned(run))
    return LookAgain(run.number, run.id, run.lap, effect.step, effect.key, effect.at)


def probed(draft: Draft, body: Probed) -> None:
    """What a look at a step of unknown outcome found."""
    run = _current(draft, body.run, body.lap)
    if run is None:
        return
    if run.state == "rolling_back":
        if body.applied:
            _took_back(draft, run, body.detail or "looked")
        else:
            rolled(draft, run, "rollback_failed", body.detail or "looked")
        return
    if run.state != "unknown":
        return
    run = note(msgspec.structs.replace(run, due_at=0), draft.at, body.detail or "looked")
    if body.applied is None:
        draft.put_run(run)
        draft.outdated.update(run.groups)
        escalate(draft, run, (), f"run {run.id}: nobody knows what came of it")
    elif body.applied:
        applied(draft, run)
    else:
        fail(draft, run, "it was not done", touched=False)


# -- when it did not help ---------------------------------------------------------------------


def fail(draft: Draft, run: Run, text: str, *, touched: bool, reason: str = "") -> None:
    """It failed: what its runbook says for that case, and people hear of it in any case."""
    steps = run.plan.on_failure if run.plan else ()
    undoes = (touched or run.applied > 0) and any(step.mutates for step in steps)
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
        rolled(draft, run, "rolled_back", "taken back")
    elif runbook is None:
        rolled(draft, run, "rollback_failed", "the runbook was taken away")
    else:
        inspect(draft, msgspec.structs.replace(run, step=step), runbook)


def _roll(draft: Draft, run: Run, runbook: Runbook, plan: Plan) -> None:
    """Take back what was done, unless that is frozen hard, is not allowed, or would make it worse."""
    assert run.plan is not None
    if [_way_back(step) for step in plan.on_failure] != [_way_back(step) for step in run.plan.on_failure]:
        rolled(draft, run, "rollback_failed", "the page says otherwise by now what is to be done")
        return
    run = msgspec.structs.replace(run, plan=msgspec.structs.replace(run.plan, on_failure=plan.on_failure))
    run = judge(draft, run, runbook, "step")
    if said := denials(run):
        text = f"{said[0].guard}: {said[0].reason}"
        rolled(draft, run, "rollback_failed", text, reason_of(said[0]))
    else:
        _order(draft, run, planned(run))


def _way_back(step: PlannedStep) -> tuple[object, ...]:
    """What of a step of `on_failure` was planned: what it rests on was not there yet."""
    return step.action, step.target and step.target.key, step.arguments


def _finished_rolling(draft: Draft, run: Run, body: StepFinished) -> None:
    if body.result == "applied":
        _took_back(draft, run, body.detail or "done")
    elif body.result == "unknown":
        look_into(draft, note(run, draft.at, body.detail or "nobody knows"))
    elif body.result in ("conflict", "withdrawn", "too_late"):
        ask_again(draft, run, body.detail or body.result)
    else:
        rolled(draft, run, "rollback_failed", body.detail or body.result)


def _took_back(draft: Draft, run: Run, text: str) -> None:
    _next_rolling(draft, note(msgspec.structs.replace(run, ordered_at=0, step=run.step + 1), draft.at, text))


def rolled(
    draft: Draft, run: Run, to: Literal["rolled_back", "rollback_failed"], text: str, reason: str = ""
) -> None:
    """Taking back ended. People hear of it. `reason`: the word for that, else the one for what failed."""
    steps = run.plan.on_failure if run.plan else ()
    told = tuple(str(step.intended["receiver"]) for step in steps if step.action == "notify")
    run = shift(draft, run, to, text, reason=reason or run.reason)
    escalate(draft, run, told, f"run {run.id}: {to}: {text}")


def _current(draft: Draft, number: int, lap: int) -> Run | None:
    """The run that an answer is about, if it is the answer to the last question."""
    run = draft.run(number)
    return run if run is not None and run.open and run.lap == lap else None
