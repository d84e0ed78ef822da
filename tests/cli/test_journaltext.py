"""What a journal row says, in words."""

from responder.cli.journaltext import Names, describe


def test_who_is_told_in_whose_stead() -> None:
    event = {
        "type": "fallback_engaged",
        "group": 7,
        "receiver": "slack",
        "fallback": "mail",
        "why": "breaker_open slack.test",
    }
    assert describe({"tick": "2026-01-05T00:00:00Z", "events": [event]}, Names()) == [
        "timer",
        "group 7: mail is told from now on, slack is not reached (breaker_open slack.test)",
    ]


def test_who_silenced_what_why_and_until_when() -> None:
    made = {
        "type": "silence_created",
        "silence": "new",
        "matchers": '{alertname="A"}',
        "starts_at": "2026-01-05T00:00:00Z",
        "ends_at": "2026-01-05T01:00:00Z",
        "author": "alice-laptop",
        "created_by": "the boss",
        "comment": "deploying",
        "replaces": "old",
    }
    ended = {"type": "silence_expired", "silence": "old", "matchers": '{alertname="B"}', "by": "alice-laptop"}
    asked = {"kind": "create_silence", "actor": "alice-laptop", "input": 7, "asked": {"id": "new"}}
    assert describe(asked | {"events": [ended, made]}, Names()) == [
        "create_silence  by alice-laptop  (input 7)",
        'silence old ends, by alice-laptop: {alertname="B"}',
        'silence new is made in place of old: {alertname="A"} from 2026-01-05T00:00:00Z to '
        "2026-01-05T01:00:00Z, by alice-laptop, as the boss: deploying",
    ]


def test_a_silence_that_was_changed_and_those_that_are_forgotten() -> None:
    changed = {
        "type": "silence_updated",
        "silence": "s",
        "matchers": '{alertname="A"}',
        "starts_at": "2026-01-05T00:00:00Z",
        "ends_at": "2026-01-05T02:00:00Z",
        "author": "bob",
        "created_by": "bob",
        "comment": "still",
    }
    gone = {"type": "silences_forgotten", "silences": ["s", "t"]}
    assert describe({"tick": "2026-01-05T00:00:00Z", "events": [changed, gone]}, Names()) == [
        "timer",
        'silence s is changed: {alertname="A"} from 2026-01-05T00:00:00Z to 2026-01-05T02:00:00Z, '
        "by bob: still",
        "forgotten: 2 silences that were over for long",
    ]


def test_what_was_declined_shows_what_was_asked() -> None:
    asked = {"kind": "expire_silence", "actor": "bob", "input": 7, "asked": {"type": "x", "id": "s"}}
    assert describe(asked | {"events": []}, Names()) == [
        "expire_silence  by bob  (input 7)  id=s",
        "nothing changed",
    ]
