"""Silences on a timeline: made, changed, ended, and what they hide while they last."""

import pytest

from responder.core.decide import decide, decide_timer_undecidable
from responder.core.matching import parse_matchers
from responder.core.messages import (
    Accepted,
    AlertsMuted,
    AlertsUnmuted,
    CreateSilence,
    Declined,
    ExpireSilence,
    Input,
    SilenceCreated,
    SilenceExpired,
    SilencesForgotten,
    SilenceUpdated,
)
from responder.core.model import HOUR, SECOND, format_time
from responder.core.silence import Silence
from responder.core.state import State
from tests.clock import MONDAY
from tests.core.timeline import Timeline
from tests.core.words import firing, inhibit, resolved, route, rules, seconds

FAILED = "Failed to create silence"


def quiet(
    name: str,
    what: str,
    until: str,
    *,
    since: str = "",
    replaces: str = "",
    comment: str = "why",
    by: str = "me",
) -> CreateSilence:
    """A silence of what matches, until so long after the timeline's start."""
    matchers = tuple((one.name, one.op, one.value) for one in parse_matchers(what).matchers)
    starts_at = MONDAY + seconds(since or "0s")
    return CreateSilence(name, matchers, starts_at, MONDAY + seconds(until), by, comment, replaces=replaces)


def phases(t: Timeline) -> dict[str, str]:
    return {key: silence.phase(t.now) for key, silence in t.state.silences.all.items()}


# -- what is answered, kept and journaled -----------------------------------------------------


def test_who_made_it_is_kept_beside_whom_they_said_they_are() -> None:
    with Timeline(rules()) as t:
        t.at("1m")
        assert t.give(quiet("s", "alertname=A", "1h", by="the boss"), "alice-laptop") == Accepted("s")
        assert t.state.silences.all == {
            "s": Silence(
                "s",
                (("alertname", "=", "A"),),
                t.now,  # what has passed cannot be silenced
                MONDAY + HOUR,
                "the boss",
                "alice-laptop",
                "why",
                t.now,
            )
        }
        times = (format_time(t.now), "2026-01-05T01:00:00Z")
        assert t.events_of(SilenceCreated) == [
            SilenceCreated("s", '{alertname="A"}', *times, "alice-laptop", "the boss", "why")
        ]


def test_who_claims_no_name_is_called_by_their_token() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h", by=""), "alice-laptop")
        assert t.state.silences.all["s"].created_by == "alice-laptop"


@pytest.mark.parametrize(
    ("asked", "reply"),
    [
        (quiet("s", "", "1h"), Declined(400, "silence invalid: at least one matcher required")),
        (
            quiet("s", "alertname=A", "0s"),
            Declined(400, f"{FAILED}: start time must be before end time"),
        ),
        (
            quiet("s", "alertname=A", "59s"),
            Declined(400, f"{FAILED}: end time can't be in the past"),
        ),
        (
            quiet("s", "alertname=A", "1h", comment=" "),
            Declined(400, "a comment is required: say why it is to be quiet"),
        ),
        (quiet("s", "alertname=A", "1h", replaces="none"), Declined(404, "silence not found")),
        (ExpireSilence("none"), Declined(404, "silence not found")),
    ],
)
def test_what_cannot_be_had_is_declined_and_changes_nothing(
    asked: CreateSilence | ExpireSilence, reply: Declined
) -> None:
    with Timeline(rules()) as t:
        t.at("1m")
        assert t.give(asked) == reply
        assert t.state.silences.all == {}


def test_alertmanager_asks_for_no_comment() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        assert t.give(quiet("s", "alertname=A", "1h", comment="")) == Accepted("s")


def test_there_may_be_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responder.core.silencing.MOST", 2)
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h"))
        t.give(quiet("t", "alertname=A", "1h"))
        full = Declined(400, "there are 2 silences already: expire some that are not needed")
        assert t.give(quiet("u", "alertname=A", "1h")) == full
        assert t.give(quiet("u", "alertname=A", "2h", replaces="s")) == Accepted("s")
        t.give(ExpireSilence("s"))
        assert t.give(quiet("u", "alertname=A", "1h")) == Accepted("u")


def test_a_start_in_the_past_becomes_now() -> None:
    with Timeline(rules()) as t:
        t.at("10m")
        t.give(quiet("s", "alertname=A", "1h"))
        assert t.state.silences.all["s"].starts_at == t.now


def test_an_edit_that_changes_nothing_of_the_past_keeps_the_id() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h"), "alice")
        t.at("10m")
        assert t.give(quiet("t", "alertname=A", "2h", replaces="s", comment="still"), "bob") == Accepted("s")
        known = t.state.silences.all["s"]
        assert list(t.state.silences.all) == ["s"]
        assert (known.starts_at, known.ends_at, known.author, known.comment, known.updated_at) == (
            MONDAY,
            MONDAY + 2 * HOUR,
            "bob",
            "still",
            t.now,
        )
        assert t.events_of(SilenceUpdated) == [
            SilenceUpdated(
                "s",
                '{alertname="A"}',
                "2026-01-05T00:00:00Z",
                "2026-01-05T02:00:00Z",
                "bob",
                "me",
                "still",
            )
        ]


def test_another_edit_ends_it_and_makes_another() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h"))
        t.at("10m")
        assert t.give(quiet("t", "alertname=B", "1h", replaces="s"), "bob") == Accepted("t")
        assert phases(t) == {"s": "expired", "t": "active"}
        assert t.events_of(SilenceExpired) == [SilenceExpired("s", '{alertname="A"}', "bob")]
        made = t.events_of(SilenceCreated)[-1]
        assert isinstance(made, SilenceCreated)
        assert (made.silence, made.replaces) == ("t", "s")


def test_an_edit_of_one_that_is_over_makes_another_and_leaves_it_as_it_was() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1m"))
        t.at("10m")
        before = t.state.silences.all["s"]
        assert t.give(quiet("t", "alertname=A", "1h", replaces="s")) == Accepted("t")
        assert t.state.silences.all["s"] == before
        assert phases(t) == {"s": "expired", "t": "active"}


def test_an_edit_that_is_declined_does_not_end_it() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h"))
        bad = CreateSilence("t", (("a", "=", ""),), MONDAY, MONDAY + HOUR, "me", "why", replaces="s")
        narrow = "silence invalid: at least one matcher must not match the empty string"
        assert t.give(bad) == Declined(400, narrow)
        assert phases(t) == {"s": "active"}


def test_one_that_has_not_begun_can_be_moved_and_ended() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "3h", since="2h"))
        assert t.give(quiet("t", "alertname=A", "3h", since="1h", replaces="s")) == Accepted("s")
        t.at("10m")
        assert phases(t) == {"s": "pending"}
        assert t.give(ExpireSilence("s")) == Accepted("s")
        known = t.state.silences.all["s"]
        assert (known.starts_at, known.ends_at, known.ended) == (t.now, t.now, True)


def test_ending_it_again_changes_nothing() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h"))
        t.at("1m").give(ExpireSilence("s"), "bob")
        before = t.state.silences.all["s"]
        t.at("2m")
        assert t.give(ExpireSilence("s"), "eve") == Accepted("s")
        assert t.state.silences.all["s"] == before
        assert t.events_of(SilenceExpired) == [SilenceExpired("s", '{alertname="A"}', "bob")]


def test_its_end_by_time_is_journaled_when_it_comes() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h"))
        t.give(quiet("t", "alertname=B", "1h"))
        t.at("59m59s")
        assert t.events_of(SilenceExpired) == []
        t.at("1h")
        assert t.events_of(SilenceExpired) == [
            SilenceExpired("s", '{alertname="A"}', "time"),
            SilenceExpired("t", '{alertname="B"}', "time"),
        ]


def test_an_end_that_came_while_nobody_was_there_is_journaled_at_the_start() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h"))
        t.stop().wait("2h").start()
        assert t.events_of(SilenceExpired) == [SilenceExpired("s", '{alertname="A"}', "time")]
        assert t.state.silences.all["s"].ends_at == MONDAY + HOUR


def test_what_is_over_is_forgotten_after_five_days() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h"))
        t.at("120h59m")
        assert list(t.state.silences.all) == ["s"]
        t.at("121h")
        assert t.state.silences.all == {}
        assert t.events_of(SilencesForgotten) == [SilencesForgotten(["s"])]


def test_of_too_many_that_are_over_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responder.core.silencing.MOST", 2)
    with Timeline(rules()) as t:
        for minute in range(1, 5):
            t.give(quiet(f"s{minute}", "alertname=A", f"{minute}m"))
            t.at(f"{minute}m")
        t.at("30m")
        assert list(t.state.silences.all) == ["s3", "s4"]


def test_ends_that_cannot_be_decided_do_not_come_again() -> None:
    ruleset = rules()
    state = State(ruleset)
    state.apply(decide(state, ruleset, Input(1, MONDAY, "me", quiet("s", "alertname=A", "1h"))).changes)
    assert state.next_due() == (MONDAY + HOUR, 0)
    state.apply(decide_timer_undecidable(state, ruleset, 0, MONDAY + HOUR, "bug").changes)
    assert state.silences.all["s"].ended
    assert state.next_due() == (MONDAY + HOUR + 30 * SECOND, 1)  # people are told of it


# -- what it hides ----------------------------------------------------------------------------


def test_silenced_from_the_start_it_is_told_when_the_silence_ends() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "17m"))
        t.post(firing("A")).at("16m").expect("30s team first_notification +A = suppressed silence")
        t.at("17m").expect("17m team unmuted +A")
        assert t.events_of(AlertsMuted) == [AlertsMuted(1, [1], "silence", "s")]
        assert t.events_of(AlertsUnmuted) == [AlertsUnmuted(1, [1])]


def test_silenced_from_the_start_and_over_before_it_ends_it_is_told_to_nobody() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "17m"))
        t.post(firing("A")).at("3m").post(resolved("A")).at("2h")
        t.expect("30s team first_notification +A = suppressed silence")
        assert t.state.groups == {}


def test_who_was_told_it_fires_is_told_it_resolved_although_it_is_silenced() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").expect("30s team first_notification +A")
        t.give(quiet("s", "alertname=A", "10h"))
        t.at("7m").post(resolved("A")).at("2h").expect("10m30s team all_resolved -A")


def test_alertmanager_swallows_that_end() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.post(firing("A")).at("1m").expect("30s team first_notification +A")
        t.give(quiet("s", "alertname=A", "10h"))
        t.at("7m").post(resolved("A")).at("2h").expect()


def test_a_silence_that_ends_by_hand_is_followed_by_what_still_fires() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").expect("30s team first_notification +A")
        t.give(quiet("s", "alertname=A", "10h"))
        t.at("7m").give(ExpireSilence("s"))
        t.at("8m").expect("7m team unmuted +A")


def test_one_that_is_shortened_ends_when_it_now_says() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "10h"))
        t.post(firing("A")).at("6m").skip()
        t.give(quiet("t", "alertname=A", "7m", replaces="s"))
        t.at("9m").expect("7m team unmuted +A")


def test_one_that_is_prolonged_does_not_end_when_it_first_said() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "7m"))
        t.post(firing("A")).at("6m").skip()
        t.give(quiet("t", "alertname=A", "13m", replaces="s"))
        t.at("12m").expect()
        t.at("14m").expect("13m team unmuted +A")


def test_of_two_silences_both_must_end() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "10h"))
        t.give(quiet("t", "alertname=A", "17m"))
        t.post(firing("A")).at("1m").skip()
        t.give(ExpireSilence("s"))
        t.at("16m").expect()
        assert t.events_of(AlertsMuted)[-1] == AlertsMuted(1, [1], "silence", "t")
        t.at("18m").expect("17m team unmuted +A")


def test_one_whose_matchers_change_lets_out_what_the_new_one_does_not_hide() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", 'alertname=~"A|B"', "10h"))
        t.post(firing("A"), firing("B")).at("7m").skip()
        t.give(quiet("t", "alertname=A", "10h", replaces="s"))
        t.at("8m").expect("7m team unmuted +B")


def test_what_is_silenced_leaves_the_message_and_does_not_stop_it() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "instance=2", "17m"))
        t.post(firing("A/1"), firing("A/2")).at("16m").expect("30s team first_notification +A/1")
        t.at("18m").expect("17m team unmuted +A/1 +A/2")


def test_one_that_has_not_begun_hides_nothing_yet() -> None:
    with Timeline(rules()) as t:
        t.give(quiet("s", "alertname=A", "1h", since="10m"))
        t.post(firing("A")).at("9m").expect("30s team first_notification +A")
        t.at("10h").expect("1h team unmuted +A", "5h30s team repeat +A", "9h30s team repeat +A")


def test_one_that_is_inhibited_and_silenced_counts_as_inhibited() -> None:
    with Timeline(rules(inhibits=[inhibit("alertname=B", "alertname=A")])) as t:
        t.give(quiet("s", "alertname=A", "10h"))
        t.post(firing("A"), firing("B")).at("1m").expect("30s team first_notification +B")
        assert [event.reason for event in t.events_of(AlertsMuted)] == ["inhibition"]


def test_while_its_route_is_muted_it_counts_as_muted() -> None:
    night: dict[str, dict[str, object]] = {"night": {"times": [{"start_time": "00:00", "end_time": "01:00"}]}}
    with Timeline(rules(mute=["night"], intervals=night)) as t:
        t.give(quiet("s", "alertname=A", "2h"))
        t.post(firing("A")).at("59m").expect("30s team first_notification +A = suppressed mute_time_interval")
        t.at("3h").expect("2h team unmuted +A")


def test_a_source_that_is_silenced_still_inhibits() -> None:
    with Timeline(rules(inhibits=[inhibit("alertname=B", "alertname=A")])) as t:
        t.give(quiet("s", "alertname=B", "10h"))
        t.post(firing("A"), firing("B")).at("1m").expect(
            "30s team first_notification +A +B = suppressed inhibition"
        )


def test_every_group_that_it_hid_something_in_is_looked_at() -> None:
    by = route('alertname=~"A|B|C"', by=["alertname"], to="team")
    with Timeline(rules(by)) as t:
        t.give(quiet("s", 'alertname=~"A|B"', "10h"))
        t.post(firing("A"), firing("B"), firing("C")).at("7m").skip()
        t.give(ExpireSilence("s"))
        t.at("8m").expect("7m team unmuted +A", "7m team unmuted +B")
