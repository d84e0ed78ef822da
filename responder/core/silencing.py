"""What is decided about silences: made, changed, ended by hand or by time, forgotten.

`core.decide` calls it for the two commands and when time is up. It tells nobody: groups in which a
silence hid something are made due, and `core.flush` finds out whether that still fires.
"""

from typing import Final

import msgspec

from responder.core.draft import Draft
from responder.core.messages import (
    Accepted,
    CreateSilence,
    Declined,
    ExpireSilence,
    SilenceCreated,
    SilenceExpired,
    SilencesForgotten,
    SilenceUpdated,
)
from responder.core.model import HOUR, format_time
from responder.core.silence import Silence, fault, keeps_id, shown

KEPT: Final = 120 * HOUR
"""How long a silence that is over is kept, as Alertmanager's `--data.retention`."""

MOST: Final = 10_000
"""Silences that are not over. Of those that are, as many are kept again."""

NOT_FOUND: Final = "silence not found"


def create(draft: Draft, actor: str, asked: CreateSilence) -> Accepted | Declined:
    """Make a silence, or change the one that is named; the reply's detail is the id that it has now."""
    at, silences = draft.at, draft.state.silences
    problem = fault(asked)
    if problem:
        return Declined(400, problem)
    if asked.ends_at < at:
        return Declined(400, "Failed to create silence: end time can't be in the past")
    if draft.ruleset.mends and not asked.comment.strip():
        return Declined(400, "a comment is required: say why it is to be quiet")
    known = silences.all.get(asked.replaces) if asked.replaces else None
    if asked.replaces and known is None:
        return Declined(404, NOT_FOUND)
    silence = Silence(
        id=asked.id,
        matchers=asked.matchers,
        starts_at=max(asked.starts_at, at),
        ends_at=asked.ends_at,
        created_by=asked.created_by or actor,
        author=actor,
        comment=asked.comment,
        updated_at=at,
        annotations=asked.annotations,
    )
    if known and keeps_id(known, asked, at):
        # Its start may have been read with fewer digits than it has.
        starts_at = known.starts_at if known.phase(at) == "active" else asked.starts_at
        silence = msgspec.structs.replace(silence, id=known.id, starts_at=starts_at)
        _put(draft, silence)
        draft.events.append(SilenceUpdated(*_described(silence)))
        _wake(draft, silence)
        return Accepted(silence.id)
    if silences.lasting() >= MOST:
        return Declined(400, f"there are {MOST} silences already: expire some that are not needed")
    if known and not known.ended:
        _end(draft, known, actor)
    _put(draft, silence)
    draft.events.append(SilenceCreated(*_described(silence), replaces=asked.replaces))
    return Accepted(silence.id)


def expire(draft: Draft, actor: str, asked: ExpireSilence) -> Accepted | Declined:
    """End a silence now; one that is over already stays as it is."""
    known = draft.state.silences.all.get(asked.id)
    if known is None:
        return Declined(404, NOT_FOUND)
    if not known.ended:
        _end(draft, known, actor)
    return Accepted(asked.id)


def end_due(draft: Draft) -> None:
    """Note the end of silences whose time is up."""
    for silence in draft.state.silences.over(draft.at):
        _end(draft, silence, "time")


def forget_old(draft: Draft) -> None:
    """Forget silences that have been over for long, or of which there are too many."""
    ended = [silence for silence in draft.state.silences.all.values() if silence.ended]
    ended.sort(key=lambda silence: (silence.ends_at, silence.id))
    old = [silence.id for silence in ended if silence.ends_at + KEPT <= draft.at]
    excess = [silence.id for silence in ended[: max(len(ended) - MOST, 0)]]
    gone = max(old, excess, key=len)
    if gone:
        draft.changes.forgotten_silences.extend(gone)
        draft.events.append(SilencesForgotten(gone))


def _end(draft: Draft, silence: Silence, by: str) -> None:
    at = draft.at
    if silence.ends_at > at:
        starts_at = min(silence.starts_at, at)
        silence = msgspec.structs.replace(silence, starts_at=starts_at, ends_at=at, updated_at=at)
    silence = msgspec.structs.replace(silence, ended=True)
    _put(draft, silence)
    draft.events.append(SilenceExpired(silence.id, shown(silence.matchers), by))
    _wake(draft, silence)


def _put(draft: Draft, silence: Silence) -> None:
    draft.changes.silences[silence.id] = silence


def _described(silence: Silence) -> tuple[str, str, str, str, str, str, str]:
    times = format_time(silence.starts_at), format_time(silence.ends_at)
    return silence.id, shown(silence.matchers), *times, silence.author, silence.created_by, silence.comment


def _wake(draft: Draft, silence: Silence) -> None:
    """Groups in which it hides something are looked at when it ends, not a tick later."""
    if not draft.ruleset.mends:
        return
    verdict, wake_at = f"silence {silence.id}", max(silence.ends_at, draft.at)
    for group_id in draft.state.hiding.difference(draft.changes.closed_groups):
        group = draft.changes.groups.get(group_id) or draft.state.groups[group_id]
        if wake_at < group.due_at and verdict in group.muted.values():
            draft.changes.groups[group_id] = msgspec.structs.replace(group, wake_at=wake_at)
