"""Whatever happens in whatever order: the invariants hold, and who was told is told the end."""

from typing import Any, TypeAlias

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from responder.core.addressing import addressees
from responder.core.matcherparse import Triple
from responder.core.messages import (
    BadRequest,
    BreakerTurned,
    Command,
    CreateSilence,
    DismissDelivery,
    ExpireSilence,
    Lagging,
    LimitReached,
    ResendDelivery,
    Unreadable,
)
from responder.core.model import HOUR, Labels, parse_duration
from responder.core.rules import Compatibility, Receiver, Ruleset
from responder.core.silence import Silence
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, inhibit, resolved, route, rules

NAMES = ("A!", "A?", "A/1?", "B", "B/1", "C!", "C?", "D")
TOLD_TO = ("team", "both/one", "both/mute", "ops", "lacking/there", "spare", "last")
OUTCOMES = ("delivered", "held", "sending", "partly", "client_error", "auth_error", "refused", "timeout")
DESTINATIONS = ("http://team", "http://one", "http://spare", "http://ops")
TURNS = {"opened": True, "closed": False}

SETTLED = {"repeat", "stale", "some_resolved", "all_resolved"}

Act: TypeAlias = tuple[Any, ...]

PHASES = set(Phase) - {Phase.explain}
"""An explanation traces every line of every example: minutes for these."""


def ruleset(name: str, compatibility: Compatibility = "responder") -> Ruleset:
    """`other` differs in what mutes, `moved` in the routes as well."""
    moved = name == "moved"
    return rules(
        route(
            'alertname="C"' if moved else 'alertname=~"A|C"',
            to="both",
            by=["instance"] if moved else ["alertname"],
            interval="1m",
            repeat="10m",
            mute=["hour"] if name == "one" else [],
            go_on=True,
        ),
        route("alertname=B", to="lacking" if moved else "team", by=["..."], wait="0s", interval="50s"),
        route("alertname=D", to="lacking", wait="10s"),
        receivers=[
            Receiver("both", (hook("one"), hook("mute", resolved=False)), fallback="spare"),
            Receiver("spare", (hook("spare"),), fallback="last"),
            Receiver("last", (hook("last"), hook("one"))),
            Receiver("lacking", (hook("lacking", supported=False), hook("there")), fallback="spare"),
        ],
        inhibits=[inhibit("severity=critical", "severity=warning", "alertname")] if name == "one" else [],
        intervals={"hour": {"times": [{"start_time": "01:00", "end_time": "02:00"}]}},
        repeat="1h",
        stale_after="2h",
        compatibility=compatibility,
        name=f"{name} {compatibility}",
    )


SOME = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)
TIMES = st.sampled_from(["", "0s", "-1h", "1m", "1h"])
WAITS = st.sampled_from(["0s", "1s", "10s", "30s", "1m", "5m", "7m", "1h", "4h"])

WHOM = st.sampled_from(
    [
        ("alertname", "=", "A"),
        ("severity", "=", "warning"),
        ("alertname", "=~", "B|C|D"),
        ("instance", "!=", ""),
    ]
)

ACTS: st.SearchStrategy[Act] = st.one_of(
    st.tuples(st.just("wait"), WAITS),
    st.tuples(st.just("wait"), st.sampled_from(["10s", "30s", "1m", "5m"])),
    st.tuples(st.just("post"), SOME, TIMES),
    st.tuples(st.just("post"), SOME, st.just("")),
    st.tuples(st.just("resolve"), SOME, TIMES, st.sampled_from(["", "30s", "5m", "2h"])),
    st.tuples(st.just("resolve"), SOME, st.just(""), st.just("")),
    st.tuples(st.just("api"), SOME, TIMES, st.sampled_from(["", "2m", "10m", "1h", "2h", "30h"])),
    st.tuples(st.just("answer"), st.sampled_from(TOLD_TO), st.sampled_from(OUTCOMES)),
    st.tuples(st.just("answer"), st.sampled_from(["team", "both/one"]), st.sampled_from(OUTCOMES[1:5])),
    st.tuples(st.just("fail"), st.sampled_from(TOLD_TO), st.booleans()),
    st.tuples(st.just("load"), st.sampled_from(["one", "other"])),
    st.tuples(st.just("restart"), WAITS, st.sampled_from(["one", "other"])),
    st.tuples(st.just("deaf"), WAITS),
    st.tuples(st.just("resend"), st.integers(0, 3)),
    st.tuples(st.just("own"), st.sampled_from(["bad", "limit", "lag", "unreadable"])),
    st.tuples(st.just("own"), st.sampled_from([f"{turn} {d}" for d in DESTINATIONS for turn in TURNS])),
    st.tuples(st.just("reject"), SOME),
    st.tuples(st.just("quiet"), WHOM, WAITS, st.sampled_from(["1s", "30s", "7m", "1h"])),
    st.tuples(st.just("edit"), st.integers(0, 3), WHOM, WAITS),
    st.tuples(st.just("end"), st.integers(0, 3)),
)
# What follows may cost a receiver the end: its route is gone, or somebody waived it.
MOVES: st.SearchStrategy[Act] = st.one_of(
    ACTS,
    st.tuples(st.just("dismiss"), st.integers(0, 3)),
    st.tuples(st.just("load"), st.just("moved")),
    st.tuples(st.just("restart"), WAITS, st.just("moved")),
    st.tuples(st.just("load"), st.sampled_from(["one!", "moved!"])),
    st.tuples(st.just("restart"), WAITS, st.sampled_from(["one!", "moved!"])),
)


OWN: dict[str, Command] = {
    "bad": BadRequest("somebody", 400, "no JSON"),
    "limit": LimitReached("active_alerts", "somebody"),
    "lag": Lagging(HOUR),
    "unreadable": Unreadable("alerts_webhook", "no JSON"),
}
OWN.update(
    (f"{turn} {d}", BreakerTurned(d, TURNS[turn], "timeout", 3)) for d in DESTINATIONS for turn in TURNS
)


def act(t: Timeline, what: Act) -> None:
    """One thing that may happen."""
    match what:
        case ("wait", duration):
            t.wait(duration)
        case ("post", names, since):
            t.post(*(firing(name, since) for name in names))
        case ("resolve", names, since, until):
            t.post(*(resolved(name, since, until) for name in names))
        case ("api", names, since, until):
            t.api(*(firing(name, since, until) for name in names))
        case ("answer", name, outcome):
            t.answer(name, outcome)
        case ("fail", name, maybe):
            t.fail(name, maybe=maybe)
        case ("load", name):
            t.load(another(t, name))
        case ("restart", duration, name):
            t.stop().wait(duration).start(another(t, name))
        case ("deaf", duration):
            t.deafen().wait(duration).resume()
        case ("resend", index):
            t.give(ResendDelivery(dead_row(t, index)))
        case ("dismiss", index):
            t.give(DismissDelivery(dead_row(t, index)))
        case ("reject", names):
            t.bad("labels: none", alerts=[firing(name) for name in names])
        case ("own", kind):
            t.give(OWN[kind])
        case _:
            silence_something(t, what)


def another(t: Timeline, name: str) -> Ruleset:
    """Other rules under the same compatibility, or with `!` under the other one."""
    turned: Compatibility = "alertmanager" if t.ruleset.mends else "responder"
    return ruleset(name.removesuffix("!"), turned if name.endswith("!") else t.ruleset.compatibility)


def dead_row(t: Timeline, index: int) -> int:
    rows = sorted(t.state.dead)
    return rows[index % len(rows)] if rows else 999


def silence_something(t: Timeline, what: Act) -> None:
    match what:
        case ("quiet", matcher, since, lasting):
            begin = t.now + parse_duration(since)
            make(t, matcher, begin, begin + parse_duration(lasting))
        case ("edit", index, matcher, more):
            known = silence(t, index)
            if known:
                make(t, matcher, known.starts_at, known.ends_at + parse_duration(more), known.id)
        case ("end", index):
            known = silence(t, index)
            t.give(ExpireSilence(known.id if known else "none"))
        case _:
            raise AssertionError(what)


def silence(t: Timeline, index: int) -> Silence | None:
    known = list(t.state.silences.all.values())
    return known[index % len(known)] if known else None


def make(t: Timeline, matcher: Triple, starts_at: int, ends_at: int, replaces: str = "") -> None:
    name = f"s{len(t.inputs)}"
    t.give(CreateSilence(name, (matcher,), starts_at, ends_at, "me", "why", replaces=replaces))


def end_silences(t: Timeline) -> None:
    for key in list(t.state.silences.all):
        t.give(ExpireSilence(key))


def settle(t: Timeline) -> None:
    """All is over, everything is delivered, nobody mutes, and time goes on."""
    for name in TOLD_TO:
        t.answer(name, "sending").fail(name).answer(name, "delivered")
    t.post(*(resolved(name) for name in NAMES))
    for destination in DESTINATIONS:
        t.give(OWN[f"closed {destination}"])
    t.deafen().resume()
    end_silences(t)
    t.load(t.ruleset)
    t.wait("90m")
    for row in sorted(t.state.dead):
        t.give(DismissDelivery(row))
    t.wait("5h").skip()


def last_said(t: Timeline) -> dict[tuple[str, Labels], str]:
    """(integration, alert) to the last thing that was delivered of it."""
    said: dict[tuple[str, Labels], str] = {}
    for integration, *parts in t.told:
        for word, part in zip(("firing", "resolved", "stale"), parts, strict=True):
            said |= {(integration, labels): word for labels in part}
    return said


@settings(max_examples=100, phases=PHASES)
@given(st.lists(ACTS, min_size=5, max_size=40))
def test_who_was_told_it_fires_is_told_it_resolved(acts: list[Act]) -> None:
    with Timeline(ruleset("one"), check=False) as t:
        for what in acts:
            act(t, what)
            t.check()
        settle(t)
        never_told = {key: said for key, said in last_said(t).items() if key[0] != "mute"}
        assert set(never_told.values()) <= {"resolved", "stale"}
        assert (t.state.groups, t.state.by_id, t.state.rows) == ({}, {}, {})


TWO_THAT_END_AT_ONCE: list[Act] = [
    ("reject", ["A!"]),
    ("post", ["A!", "A?", "B", "C!"], ""),
    ("wait", "1m"),
    ("quiet", ("severity", "=", "warning"), "0s", "1s"),
    ("quiet", ("severity", "=", "warning"), "0s", "1s"),
]
"""Silences of which either may be named: a replay names the same."""


@pytest.mark.parametrize("compatibility", ["responder", "alertmanager"])
@settings(max_examples=60, phases=PHASES)
@given(acts=st.lists(MOVES, min_size=5, max_size=40))
@example(acts=TWO_THAT_END_AT_ONCE)
def test_nothing_is_lost_in_any_order(compatibility: Compatibility, acts: list[Act]) -> None:
    with Timeline(ruleset("one", compatibility), check=False) as t:
        for what in acts:
            act(t, what)
            t.check()
        settle(t)
        assert (t.state.groups, t.state.by_id, t.state.rows) == ({}, {}, {})
        sums = t.sums()
        assert sums.owed == sum(sums.closed.values())


@settings(max_examples=100, phases=PHASES)
@given(st.lists(ACTS, min_size=5, max_size=40))
def test_what_fires_and_nothing_hides_has_been_told(acts: list[Act]) -> None:
    with Timeline(ruleset("one"), check=False) as t:
        for what in acts:
            act(t, what)
        everything_is_let_through(t)
        assert unsaid(t) == []
        t.skip().wait("3h")  # from here on nothing is news
        assert {line.split()[2] for line in t.lines[t.seen :]} <= SETTLED
        t.skip()


def everything_is_let_through(t: Timeline) -> None:
    """Nothing mutes any more, every receiver takes what it is told, and each group was looked at."""
    for name in TOLD_TO:
        t.answer(name, "sending").fail(name).answer(name, "delivered")
    for destination in DESTINATIONS:
        t.give(OWN[f"closed {destination}"])
    t.deafen().resume()
    end_silences(t)
    t.load(ruleset("other"))
    t.wait("6m")


def unsaid(t: Timeline) -> list[tuple[str, str, int]]:
    """Alerts that fire and of which an integration that could be told does not know it."""
    return [
        (receiver, integration.id, key)
        for group, members in t.state.members.items()
        for receiver, integration in addressees(t.ruleset, t.state.groups[group])
        for told in [t.state.told_to(group, integration.id)]
        for key, alert in members.items()
        if integration.supported and alert.firing_at(t.now)
        if told.head or key in told.hidden or told.told.firing.get(key) != alert.episode
    ]
