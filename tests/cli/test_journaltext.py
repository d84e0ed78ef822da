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
