"""What is owed to whom: the dedup decision, and how each ledger row changes what was told.

`core.flush` and `core.decide` call it with what a group holds now; it answers with a reason to
tell, or none. A notification is *owed* when one of the rules below says that one integration of
one group would be told if nothing suppressed it; it never knows how telling works.
"""

from collections.abc import Container, Mapping
from typing import Final, TypeAlias

import msgspec

from responder.core.model import Labels, Nanoseconds
from responder.core.notification import FailureReason, ToldReason

Episodes: TypeAlias = dict[int, int]
"""Alert id to the episode meant: the same alert firing again is not the same news."""


class View(msgspec.Struct, frozen=True, array_like=True):
    """What somebody was told at `at` (the tick that decided it; 0: nothing yet)."""

    firing: Episodes = {}
    resolved: Episodes = {}
    stale: Episodes = {}
    at: Nanoseconds = 0


NOTHING: Final = View()


class OpenRow(msgspec.Struct, frozen=True, array_like=True):
    """A ledger row that is not closed yet.

    `skipped`: how many rows before it said what nobody was told and this one says in their stead;
    `since` is when the oldest of them was decided (0: there was none). `labels`: those of the route, as
    they were written in the rules that opened the row.
    """

    id: int
    reason: ToldReason
    view: View
    since: Nanoseconds = 0
    skipped: int = 0
    labels: Labels = ()

    def instead_of(self, since: Nanoseconds, skipped: int) -> "OpenRow":
        """This row, once it also stands for `skipped` others, the oldest decided at `since`."""
        if not skipped:
            return self
        oldest = min(since, self.since) if self.since else since
        return msgspec.structs.replace(self, since=oldest, skipped=self.skipped + skipped)


class Told(msgspec.Struct, frozen=True, array_like=True):
    """Everything known about one (group, integration).

    `told` is the last delivered view and `owed` the one that would have been told had nothing
    suppressed it. `hidden` fire but were suppressed at a look since a row that shows them was delivered.
    `perhaps` were in a row whose outcome nobody knows: they may have been told.
    `refused` is the view of a row that ended in a way that only people can mend: it is not
    owed again before the alert set changes. `head` is with delivery; `behind` waits for it.
    `receipt` is what the integration gave with the last delivered row. `since` and `skipped` are
    of rows that ended otherwise with nothing behind them: the next one to open stands for them.
    `showing`: the number under which its place is being brought up to date (0: it is not); `outdated`:
    that must be done once more, or first of all; `shown` is the receipt that it gave last.
    """

    told: View = NOTHING
    owed: View = NOTHING
    hidden: Episodes = {}
    perhaps: Episodes = {}
    refused: View | None = None
    head: OpenRow | None = None
    behind: OpenRow | None = None
    receipt: str = ""
    since: Nanoseconds = 0
    skipped: int = 0
    showing: int = 0
    outdated: bool = False
    shown: str = ""

    @property
    def newest(self) -> View:
        """What the receiver will have been told once every open row is delivered."""
        row = self.behind or self.head
        return row.view if row else self.told

    def names(self, alert: int) -> bool:
        """Whether an open row names the alert."""
        return any(
            alert in part
            for row in (self.head, self.behind)
            if row
            for part in (row.view.firing, row.view.resolved, row.view.stale)
        )

    def alerts(self) -> set[int]:
        """Every alert that an open row names."""
        views = [row.view for row in (self.head, self.behind) if row]
        return {
            alert for view in views for part in (view.firing, view.resolved, view.stale) for alert in part
        }


FRESH: Final = Told()


class Sets(msgspec.Struct, frozen=True):
    """A group's alerts at one instant, after every verdict.

    `muted` fire and are suppressed; `resolved` holds those whose end this integration may hear.
    """

    firing: Episodes
    resolved: Episodes
    stale: Episodes
    muted: Episodes


def _fresh(now: Mapping[int, int], known: Mapping[int, int], by_episode: bool) -> list[int]:
    if now == known:  # at most looks, and cheaply found out
        return []
    if by_episode:
        return [alert for alert, episode in now.items() if known.get(alert) != episode]
    return [alert for alert in now if alert not in known]


def reason_to_tell(
    sets: Sets,
    base: View,
    hidden: Mapping[int, int],
    perhaps: Mapping[int, int],
    *,
    now: Nanoseconds,
    repeat_interval: Nanoseconds,
    send_resolved: bool,
    mends: bool,
) -> ToldReason | None:
    """Why the integration is told now, or None.

    Alertmanager's order: nothing told yet and something fires; something new fires; nothing
    fires any more and something did; something more is resolved; the last time is longer ago
    than repeat_interval. With `mends`, an alert that fires again after it was resolved is new
    although its labels are not, one that comes out from under a mute is told as `unmuted`, and
    a repeat goes out on the tick on which it falls due (Alertmanager: on the one after).
    """
    fresh = _fresh(sets.firing, base.firing, mends)
    if fresh:
        if mends and all(alert in hidden for alert in fresh):
            return "unmuted"
        return "new_alerts" if base.firing else "first_notification"
    if mends and hidden and any(alert in hidden for alert in sets.firing):
        return "unmuted"
    if not mends:
        return _reason_as_alertmanager(sets, base, now, repeat_interval, send_resolved)
    news = _fresh(sets.resolved, base.resolved, by_episode=True)
    if not sets.firing:
        still = any(alert in base.firing or alert in perhaps for alert in (*sets.muted, *sets.stale))
        if news and not still:
            return "all_resolved"
    if _fresh(sets.stale, base.stale, by_episode=True):
        return "stale"
    if send_resolved and news:
        return "some_resolved"
    if sets.firing and base.at <= now - repeat_interval:
        return "repeat"
    return None


def _reason_as_alertmanager(
    sets: Sets, base: View, now: Nanoseconds, repeat_interval: Nanoseconds, send_resolved: bool
) -> ToldReason | None:
    if not sets.firing:
        return "all_resolved" if base.firing else None
    if send_resolved and _fresh(sets.resolved, base.resolved, by_episode=False):
        return "some_resolved"
    return "repeat" if base.at < now - repeat_interval else None


def sayable(resolved: Episodes, told: Told) -> Episodes:
    """Those of the group's resolved alerts whose end the receiver should hear.

    An end is news only to who heard, may have heard, or is about to hear of the beginning.
    Alertmanager also announces the end of alerts that fired and resolved between two ticks.
    """
    base = told.newest
    return {
        alert: episode
        for alert, episode in resolved.items()
        if alert in base.firing
        or base.resolved.get(alert) == episode
        or alert in base.stale
        or alert in told.told.firing
        or alert in told.perhaps
    }


def open_row(told: Told, row: OpenRow) -> tuple[Told, int | None]:
    """`told` with a new row, and the id of the pending row that it replaces, if any.

    At most one row is with delivery (head) and one waits (behind).
    """
    if told.head is None:
        head = row.instead_of(told.since, told.skipped)
        return msgspec.structs.replace(told, head=head, refused=None, since=0, skipped=0), None
    replaced = told.behind
    if replaced is None:
        return msgspec.structs.replace(told, behind=row, refused=None), None
    behind = row.instead_of(*_untold(replaced))
    return msgspec.structs.replace(told, behind=behind, refused=None), replaced.id


def _untold(row: OpenRow) -> tuple[Nanoseconds, int]:
    """What a row leaves to the next one when nobody was told what it says."""
    return row.since or row.view.at, row.skipped + 1


def delivered(
    told: Told, row: OpenRow, members: Container[int], at: Nanoseconds, mends: bool, receipt: str = ""
) -> Told:
    """`told` after the receiver accepted `row`.

    `members` are the group's alerts: one that was told earlier and was left out of this row because
    it was muted stays told, even if it ended meanwhile (Alertmanager forgets it, and its end is
    never announced). `at`: when it was accepted; Alertmanager measures repeat_interval from there.
    `receipt`: what the integration gave; where it gave none, the earlier one goes on to hold.
    """
    view = row.view
    named = view.firing.keys() | view.resolved.keys() | view.stale.keys()
    perhaps = {a: e for a, e in told.perhaps.items() if a not in named}
    if mends:
        kept = {a: e for a, e in told.told.firing.items() if a in members and a not in named}
        view = View(kept | view.firing, view.resolved, view.stale, view.at)
    else:
        view = View(view.firing, view.resolved, view.stale, at)
    # What waits behind and leaves out an alert that this row shows was decided while it was muted.
    last = told.behind.view.firing if told.behind else view.firing
    hidden = {a: e for a, e in told.hidden.items() if a not in row.view.firing or a not in last}
    return msgspec.structs.replace(
        told,
        told=view,
        perhaps=perhaps,
        hidden=hidden,
        refused=None,
        head=told.behind,
        behind=None,
        receipt=receipt or told.receipt,
        since=0,
        skipped=0,
    )


MAYBE_TOLD: Final[frozenset[FailureReason]] = frozenset({"timeout", "network", "unknown"})
"""How an attempt may have failed after the receiver had understood it."""

ONLY_PEOPLE_MEND: Final[frozenset[FailureReason]] = frozenset({"unsupported", "auth_error"})
"""Failures for which trying again with the same alerts is pointless."""


def not_delivered(told: Told, row: OpenRow, reason: FailureReason | None, *, maybe_told: bool) -> Told:
    """`told` after `row` ended without having been accepted: it does not count as told."""
    perhaps = told.perhaps | row.view.firing if maybe_told else told.perhaps
    refused = row.view if reason in ONLY_PEOPLE_MEND else None
    since, skipped = _untold(row)
    if told.behind:
        head, since, skipped = told.behind.instead_of(since, skipped), 0, 0
    else:
        head = None
    return msgspec.structs.replace(
        told, perhaps=perhaps, refused=refused, head=head, behind=None, since=since, skipped=skipped
    )


def nothing_untold(told: Told) -> Told:
    """`told` when the receiver knows all that there is to know, whatever was skipped on the way."""
    return msgspec.structs.replace(told, since=0, skipped=0) if told.skipped else told


def forget_resolved(told: Told, resolved: Mapping[int, int]) -> Told:
    """For an integration that is not told of ends: what ended no longer counts as told.

    Alertmanager keeps it, so that the same alert firing again stays silent until repeat_interval.
    """
    view = told.told
    if not any(alert in part for alert in resolved for part in (view.firing, view.stale, told.perhaps)):
        return told
    firing, stale, perhaps = (
        {a: e for a, e in part.items() if a not in resolved}
        for part in (view.firing, view.stale, told.perhaps)
    )
    return msgspec.structs.replace(told, told=View(firing, view.resolved, stale, view.at), perhaps=perhaps)
