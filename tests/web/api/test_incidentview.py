"""Incidents as the API writes them: what is counted as what; `test_incidents` has whole answers."""

import msgspec

from responder.core.model import HOUR, MINUTE, Alert
from responder.core.notification import Acknowledgement
from responder.core.state import Changes, Group, State
from responder.web.api.incidentview import IncidentView, shown_acknowledgement
from tests.clock import MONDAY
from tests.core.words import labels_of, rules

RULES = rules()


def alert(key: int, name: str, *, ends_at: int = 0, stale: bool = False, group: int = 1) -> Alert:
    return Alert(key, labels_of(name), (), MONDAY, ends_at, MONDAY, stale=stale, groups=(group,))


def seen(*alerts: Alert, muted: dict[int, str] | None = None) -> tuple[IncidentView, Group]:
    state = State(RULES)
    group = Group(1, "{}", (), MONDAY, MONDAY + MINUTE, muted=muted or {})
    state.apply(Changes(groups={1: group}, alerts={one.id: one for one in alerts}))
    return IncidentView(state, RULES, MONDAY + MINUTE), group


def test_every_alert_is_counted_once_and_what_is_hidden_besides() -> None:
    view, group = seen(
        alert(1, "A!"),
        alert(2, "B?"),
        alert(3, "C!", ends_at=MONDAY + 1),
        alert(4, "D!", stale=True),
        muted={2: "silence s", 3: "silence s"},
    )
    brief = view.brief(group)
    assert brief["alerts"] == {"firing": 2, "resolved": 1, "stale": 1, "hidden": 1}
    assert (brief["status"], brief["severity"], brief["alertnames"]) == ("firing", "critical", ["A", "B"])
    members = [
        (one["labels"]["alertname"], one["status"], one["hidden_by"]) for one in view.whole(group)["members"]
    ]
    assert members == [
        ("A", "firing", None),
        ("B", "firing", "silence s"),
        ("C", "resolved", "silence s"),
        ("D", "stale", None),
    ]


def test_an_incident_is_open_while_something_in_it_is_not_over() -> None:
    over = alert(1, "A!", ends_at=MONDAY + 1)
    for alerts, status, is_open in (
        ([over], "resolved", False),
        ([over, alert(2, "B?", stale=True)], "firing", True),
        ([over, alert(2, "B?", ends_at=MONDAY + HOUR)], "firing", True),
    ):
        view, group = seen(*alerts)
        assert (view.brief(group)["status"], view.is_open(group)) == (status, is_open)
    view, group = seen(over)
    assert (view.brief(group)["severity"], view.brief(group)["alertnames"]) == ("critical", ["A"])


def test_names_are_few_and_each_once() -> None:
    alerts = [alert(key, f"N{key // 2:02}/{key}") for key in range(1, 60)]
    view, group = seen(*alerts)
    assert view.brief(group)["alertnames"] == [f"N{number:02}" for number in range(10)]


def test_a_group_whose_route_is_gone_is_still_an_incident() -> None:
    view, group = seen(alert(1, "A!"))
    gone = msgspec.structs.replace(group, route="nosuch")
    assert (view.brief(gone)["receiver"], view.whole(gone)["group_key"]) == ("", "")


def test_an_acknowledgement_has_an_end_or_none() -> None:
    assert shown_acknowledgement(None) is None
    assert shown_acknowledgement(Acknowledgement("alice", MONDAY, note="mine")) == {
        "by": "alice",
        "at": "2026-01-05T00:00:00Z",
        "until": None,
        "note": "mine",
    }
