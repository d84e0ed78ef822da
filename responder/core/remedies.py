"""What runbooks would do about an alert, what is being done about it, and what every guard says of it.

`core.explain` asks. A run is proposed by `core.propose` and judged by `core.judging`, on a draft that is
thrown away: nothing begins here, and nobody is asked to look at anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from responder.core import propose
from responder.core.draft import Draft
from responder.core.guards import effective_mode, lacking
from responder.core.judging import judge, situation
from responder.core.messages import ReceivedAlert
from responder.core.model import Alert, Labels, Nanoseconds, fingerprint
from responder.core.receive import receive
from responder.core.rules import Ruleset
from responder.core.run import Episode, GuardResult, Run
from responder.core.runbook import Mode, Runbook, bind
from responder.core.state import State

Would: TypeAlias = Literal["begin", "be_refused", "join", "nothing"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """One runbook that is about an alert.

    `would`: what comes of it when the alert's sender says again that it fires. `run` is then the one that
    would begin, the one that it would join, or the one that answered this life of the alert already.
    `mode` is the effective one now and `why_mode` what limits it. `verdicts`: where `run` was judged, what
    was said then; else what can be said now. `open`: the guards among them that nobody can answer before
    somebody has looked.
    """

    runbook: Runbook
    would: Would
    run: Run
    mode: Mode
    why_mode: str
    verdicts: tuple[GuardResult, ...]
    open: frozenset[str] = frozenset()


def remedies(state: State, ruleset: Ruleset, labels: Labels, now: Nanoseconds) -> Iterator[Remedy]:
    """Every runbook that is about an alert with these labels; one that does not fire counts as if it did.

    It is sent by somebody whose alerts may start runs.
    """
    runbooks = ruleset.runbooks_for(labels)
    if not runbooks:
        return
    draft = Draft(state, ruleset, now)
    sender = next(iter(ruleset.guards.triggers), "explain")
    known = state.alerts.get(labels)
    if known is not None and known.firing_at(now):
        propose.propose(draft, sender, [known])
    else:
        receive(draft, "api", [ReceivedAlert(labels, (), 0, 0, "", False)], sender)
    alert = draft.alert(labels)
    for runbook in runbooks if alert else ():
        assert alert is not None
        found = _answer(draft, alert, runbook)
        if found is not None:
            yield _remedy(draft, runbook, *found)


def _answer(draft: Draft, alert: Alert, runbook: Runbook) -> tuple[Would, Run] | None:
    """What was proposed, and the run that it is about; None where the alert may not begin anything."""
    for run in draft.changes.runs.values():
        if run.runbook == runbook.name:
            earlier = draft.state.runs.get(run.number)
            if earlier is not None:
                return "join", earlier
            return ("begin" if run.open else "be_refused"), run
    bound = bind(runbook, alert.labels, {}, draft.ruleset.clusters)
    episode = Episode(fingerprint(alert.labels), alert.starts_at, alert.id)
    last = draft.last_run(runbook.name, episode, "; ".join(bound.problems))
    return ("nothing", last) if last is not None else None


def _remedy(draft: Draft, runbook: Runbook, would: Would, run: Run) -> Remedy:
    seen = situation(draft, run, runbook, "proposal")
    mode, why = effective_mode(seen)
    if run.verdicts:
        return Remedy(runbook, would, run, mode, why, run.verdicts)
    said = judge(draft, run, runbook, "proposal").verdicts
    return Remedy(runbook, would, run, mode, why, said, lacking(seen))
