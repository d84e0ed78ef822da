"""What time and a new start bring to runs.

`core.decide` calls it for timers and for `Started`. What may have begun is looked at, never ordered again.
"""

import msgspec

from responder.core.advance import (
    MOST_LAPS,
    ask_again,
    execute,
    look_again,
    look_into,
    lose_sight,
    next_step,
    planned,
    rolled,
    stop,
    verify,
    verifying,
)
from responder.core.draft import Draft
from responder.core.escalating import escalate
from responder.core.guardrules import PATIENCE
from responder.core.judging import denials
from responder.core.messages import (
    Act,
)
from responder.core.propose import (
    give_up_if_over,
    inspect,
    looking,
    refuse,
    shift,
)
from responder.core.run import note


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
            if runbook is None:
                stop(draft, run, "the runbook was taken away", "stale_plan")
            elif waited > PATIENCE and run.state in ("proposed", "approved"):
                if denials(run):
                    refuse(draft, run)
                else:
                    shift(draft, run, "expired", "nothing could be found out in time", reason="expired")
            elif run.lap > MOST_LAPS:
                stop(draft, run, f"it was looked at {run.lap} times, and nothing came of it", "expired")
            elif not give_up_if_over(draft, run):
                inspect(draft, run, runbook)
        case "executing":
            lose_sight(draft, run, "no answer in time")
        case "rolling_back":
            rolled(draft, run, "rollback_failed", "no answer in time")
        case "waiting":
            next_step(draft, msgspec.structs.replace(run, step=run.step + 1))
        case "verifying":
            lose_sight(draft, run, "no answer in time", look=False)
        case "unknown" if run.ordered_at and run.lap <= MOST_LAPS:
            look_into(draft, run)
        case "unknown":
            draft.put_run(run)
            escalate(draft, run, (), f"run {run.id}: nobody knows what came of it")
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
                ask_again(draft, run, "withdrawn at a restart: it had not begun")
            elif run.state == "executing":
                lose_sight(draft, run, "a restart came while it was carried out")
            else:
                look_into(draft, note(run, draft.at, "a restart came while it was taken back"))
        elif run.state in ("proposed", "approved", "executing", "rolling_back"):
            inspect(draft, run, runbook)
        elif run.state == "verifying":
            verify(draft, run, runbook)
        elif run.state == "unknown" and run.ordered_at:
            look_into(draft, run)


def acts_again(draft: Draft) -> list[Act]:
    """What is asked of `actions` now, for an engine whose memory was built anew; it ignores what it has."""
    found: list[Act] = []
    for run in draft.state.runs.values():
        runbook = draft.ruleset.runbooks.get(run.runbook)
        if not run.open or runbook is None or not run.lap:
            continue
        if run.ordered_at and run.state in ("executing", "rolling_back"):
            found.append(execute(run, planned(run)))
        elif run.ordered_at and run.state == "unknown":
            found.append(look_again(run))
        elif run.state == "verifying":
            found.append(verifying(run, runbook, draft.ruleset.guards.verify))
        elif run.state in ("proposed", "approved", "executing", "rolling_back"):
            found.append(looking(draft, run, runbook))
    return found
