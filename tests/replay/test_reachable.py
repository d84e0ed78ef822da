"""Rules as a replay has them."""

from responder.core.model import HOUR
from responder.replay import reachable
from tests.replay.scenes import ruleset


def test_what_lacks_only_a_token_can_be_reached_and_what_we_lack_cannot() -> None:
    rules = ruleset()
    found = reachable(rules)
    before = {
        each.kind: each.supported for name in rules.receivers for each in rules.receivers[name].integrations
    }
    after = {
        each.kind: each.supported for name in found.receivers for each in found.receivers[name].integrations
    }
    assert before == {"webhook": True, "pagerduty": True, "opsgenie": False, "slack": False}
    assert after == {"webhook": True, "pagerduty": True, "opsgenie": False, "slack": True}


def test_nothing_else_is_changed_unless_it_is_asked_for() -> None:
    rules = ruleset()
    assert (reachable(rules).hash, reachable(rules).resolve_timeout) == (rules.hash, rules.resolve_timeout)
    assert reachable(rules, HOUR).resolve_timeout == HOUR
