"""What is decided about a runbook's text and its record: somebody vouches for it, somebody forgives failures.

`core.commands` calls it for the two commands, `core.decide` to forget what is old. A
signature is for one text: an edit makes it void.
"""

from typing import Final

import msgspec

from responder.core.draft import Draft
from responder.core.messages import (
    Accepted,
    Declined,
    ResetRunbook,
    RunbookReset,
    RunbookSigned,
    SignRunbook,
)
from responder.core.model import DAY
from responder.core.run import Run
from responder.core.state import Signature

KEPT: Final = 30 * DAY
"""How long a run that acted is remembered: guards look back as far."""

KEPT_IDLE: Final = DAY
"""How long one that did nothing is."""


def sign(draft: Draft, actor: str, asked: SignRunbook) -> Accepted | Declined:
    """Vouch for a runbook's text as it is now."""
    runbook = draft.ruleset.runbooks.get(asked.runbook)
    if runbook is None:
        return Declined(404, f"there is no runbook {asked.runbook[:64]!r}")
    if runbook.hash != asked.hash:
        return Declined(409, f"{runbook.name} has another text by now: read it again")
    if not asked.reason.strip():
        return Declined(400, "a reason is required: say why it may go by itself")
    by = asked.person or actor
    known = _known(draft, runbook.name)
    draft.changes.signatures[runbook.name] = msgspec.structs.replace(
        known, hash=runbook.hash, by=by, at=draft.at, reason=asked.reason
    )
    draft.events.append(RunbookSigned(runbook.name, runbook.hash, asked.reason, by))
    return Accepted(f"{runbook.name} signed: {runbook.hash[:12]}")


def reset(draft: Draft, actor: str, asked: ResetRunbook) -> Accepted | Declined:
    """Let earlier failures of a runbook not count any more."""
    if asked.runbook not in draft.ruleset.runbooks:
        return Declined(404, f"there is no runbook {asked.runbook[:64]!r}")
    if not asked.reason.strip():
        return Declined(400, "a reason is required: say what was mended")
    known = _known(draft, asked.runbook)
    draft.changes.signatures[asked.runbook] = msgspec.structs.replace(known, reset_at=draft.at)
    draft.events.append(RunbookReset(asked.runbook, asked.reason, asked.person or actor))
    return Accepted(f"{asked.runbook} reset")


def forget_old_runs(draft: Draft) -> None:
    """Runs that have been over for so long that nothing depends on them any more."""
    draft.changes.forgotten_runs.extend(
        run.number for run in draft.state.runs.values() if run.ended_at and _is_old(draft, run)
    )


def _is_old(draft: Draft, run: Run) -> bool:
    return run.ended_at + (KEPT if run.acted_at else KEPT_IDLE) <= draft.at


def _known(draft: Draft, runbook: str) -> Signature:
    given = draft.changes.signatures.get(runbook) or draft.state.signatures.get(runbook)
    return given or Signature(runbook)
