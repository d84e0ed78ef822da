"""What holds of every State at every time, and whether two States are the same."""

from typing import Final

from responder.core.model import Nanoseconds, label
from responder.core.run import RunIndex
from responder.core.silence import Silence
from responder.core.silenceindex import naive_silences_of
from responder.core.state import DEAD_LETTERS, DELIVERY_FAILING, State

_COMPARED: Final = (
    "alerts",
    "by_id",
    "collect_at",
    "dead",
    "dead_of",
    "freezes",
    "group_index",
    "groups",
    "hiding",
    "log",
    "members",
    "names",
    "next_alert",
    "next_group",
    "next_row",
    "next_run",
    "rows",
    "rules",
    "runs",
    "runs_of_group",
    "shows",
    "signatures",
    "told",
    "trouble",
)


def difference(one: State, other: State) -> list[str]:
    """The parts in which two states differ, except for the inhibition index."""
    assert set(_COMPARED) | {"index", "inhibitor", "silences", "timers"} == set(State.__slots__)
    parts = [name for name in _COMPARED if getattr(one, name) != getattr(other, name)]
    if one.silences.all != other.silences.all:
        parts.append("silences")
    if any(getattr(one.index, part) != getattr(other.index, part) for part in RunIndex.__slots__):
        parts.append("index")
    if timers_of(one) != timers_of(other):
        parts.append("timers")
    return parts


def timers_of(state: State) -> list[tuple[Nanoseconds, int]]:
    """The timers that will fire, without those that were replaced."""
    wanted = {(group.due_at, group.id) for group in state.groups.values()} | {(state.collect_at, 0)}
    wanted |= {(silence.ends_at, 0) for silence in lasting(state)}
    wanted |= {(run.due_at, -run.number) for run in state.runs.values() if run.due_at}
    wanted |= {(freeze.until, 0) for freeze in state.freezes.values()}
    return sorted(wanted & set(state.timers))


def lasting(state: State) -> list[Silence]:
    """Silences of which the end was not noted."""
    return [silence for silence in state.silences.all.values() if not silence.ended]


def consistent(state: State) -> None:
    """Alerts, groups, members, rows and indexes say the same."""
    assert list(state.alerts.values()) == [state.by_id[a.id] for a in state.alerts.values()]
    assert {alert.id for alert in state.alerts.values()} == set(state.by_id)
    for alert in state.by_id.values():
        assert len(set(alert.groups)) == len(alert.groups)
        for group in alert.groups:
            assert state.members[group][alert.id] is alert
    assert set(state.members) == set(state.groups)
    for key, members in state.members.items():
        assert all(key in alert.groups for alert in members.values())
    assert len(state.group_index) == len(state.groups)
    for known in state.groups.values():
        assert state.group_index[known.route, known.labels] == known.id
    names: dict[str, int] = {}
    for alert in state.by_id.values():
        name = label(alert.labels, "alertname")
        names[name] = names.get(name, 0) + 1
    assert names == state.names
    rows: dict[int, tuple[int, str]] = {}
    for key, tolds in state.told.items():
        assert key in state.groups
        for integration, told in tolds.items():
            assert told.head is not None or told.behind is None
            assert told.head is None or (told.since, told.skipped) == (0, 0)
            for row in (told.head, told.behind):
                if row:
                    assert row.id not in rows
                    rows[row.id] = (key, integration)
    assert rows == state.rows
    assert state.shows == {
        told.showing: (key, integration)
        for key, tolds in state.told.items()
        for integration, told in tolds.items()
        if told.showing
    }
    assert all(run.due_at == 0 for run in state.runs.values() if run.ended_at)
    of_group: dict[int, set[int]] = {}
    for run in state.runs.values():
        for group in run.groups:
            of_group.setdefault(group, set()).add(run.number)
    assert of_group == state.runs_of_group
    own = (alert for alert in state.by_id.values() if alert.source == "responder" and not alert.ends_at)
    assert state.trouble == {
        a.id: a for a in own if label(a.labels, "alertname") in (DEAD_LETTERS, DELIVERY_FAILING)
    }
    assert {(dead.group, dead.integration): row for row, dead in state.dead.items()} == state.dead_of
    assert len(state.dead) == len(state.dead_of)
    assert state.hiding == {
        key for key, tolds in state.told.items() if any(told.hidden for told in tolds.values())
    }
    ends = {silence.ends_at for silence in lasting(state)} | ({state.collect_at} - {0})
    ends |= {freeze.until for freeze in state.freezes.values()}
    runs = [run for run in state.runs.values() if run.due_at]
    assert len(timers_of(state)) == len(state.groups) + len(ends) + len(runs)
    assert state.silences.lasting() == len(lasting(state))
    for alert in state.by_id.values():
        assert state.silences.of_labels(alert.labels) == sorted(
            naive_silences_of(lasting(state), alert.labels), key=lambda silence: silence.id
        )
