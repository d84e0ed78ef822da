import pytest
from msgspec.structs import replace

from responder.core.guardrules import GuardRules
from responder.core.model import DAY, HOUR, MINUTE, SECOND
from responder.core.plan import TargetRef
from responder.core.run import Episode, Run, RunState
from responder.core.runbook import Tightening
from tests.core.guards.situations import (
    EPISODE,
    NOW,
    OTHER,
    PLAN,
    RULES,
    RUNBOOK,
    TARGET,
    acted,
    answer,
    run,
    said,
    verdict,
)

NAME = RUNBOOK.name


def tightened(**guards: int) -> object:
    return replace(RUNBOOK, guards=Tightening(**guards))


# -- cooldown -----------------------------------------------------------------------------------


def same(number: int, ago: int, state: RunState = "succeeded") -> Run:
    """A run of the same runbook on the same target."""
    return acted(number, ago, state, runbook=NAME, target=TARGET)


def test_a_target_rests_from_the_end_of_the_last_run() -> None:
    assert verdict("cooldown", runs=(same(2, 15 * MINUTE - 1),)) == "deny"
    assert verdict("cooldown", runs=(same(2, 15 * MINUTE),)) == "allow"
    long = replace(same(2, HOUR), ended_at=NOW - MINUTE)
    assert verdict("cooldown", runs=(long,)) == "deny"


def test_a_cooldown_says_what_ended_when_and_until_when_it_lasts() -> None:
    last = same(3, 4 * MINUTE)
    result = answer("cooldown", runs=(same(2, HOUR), last))
    assert result.reason == f"the last run {last.id} ended 4m ago, the target rests 15m; again at 03:11:00Z"
    assert (result.retry_at, result.data) == (0, {"last": last.id})


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "rolled_back", "rollback_failed"])
def test_every_run_that_acted_counts_however_it_ended(state: RunState) -> None:
    assert verdict("cooldown", runs=(same(2, MINUTE, state),)) == "deny"


@pytest.mark.parametrize("state", ["executing", "waiting", "verifying", "unknown", "rolling_back"])
def test_one_that_goes_on_counts_as_now(state: RunState) -> None:
    assert verdict("cooldown", runs=(same(2, DAY, state),)) == "deny"


def test_a_run_that_never_acted_does_not_count() -> None:
    denied = replace(same(2, MINUTE, "denied"), acted_at=0)
    for guard in ("cooldown", "attempts", "rate", "concurrency"):
        assert answer(guard, runs=(denied,) * 50).verdict == "allow"


def test_another_runbook_or_another_target_does_not_count() -> None:
    others = (acted(2, MINUTE, target=TARGET), acted(3, MINUTE, runbook=NAME, target=OTHER))
    assert verdict("cooldown", runs=others) == "allow"


def test_a_target_that_was_made_anew_is_the_same_target() -> None:
    anew = acted(2, MINUTE, runbook=NAME, target=replace(TARGET, uid="uid-0"))
    assert verdict("cooldown", runs=(anew,)) == "deny"


def test_a_page_may_ask_for_more_rest_and_not_for_less() -> None:
    runs = (same(2, 20 * MINUTE),)
    assert verdict("cooldown", runs=runs, runbook=tightened(cooldown=30 * MINUTE)) == "deny"
    assert verdict("cooldown", runs=(same(2, MINUTE),), runbook=tightened(cooldown=0)) == "deny"
    assert verdict("cooldown", runs=runs, rules=replace(RULES, cooldown={"restart": 21 * MINUTE})) == "deny"


# -- attempts -----------------------------------------------------------------------------------


def test_what_did_not_help_twice_is_not_tried_again() -> None:
    once, twice = (acted(n, DAY, episodes=(EPISODE,)) for n in (2, 3))
    assert verdict("attempts", runs=(once,)) == "allow"
    result = answer("attempts", runs=(once, twice))
    assert (result.verdict, result.data) == ("deny", {"episode": 2, "target": 0})
    assert result.reason == (
        "2 runs have acted on this alert since it fires, the limit is 2; what they did has not ended it"
    )


def test_another_life_of_the_alert_is_another_episode() -> None:
    before = Episode(EPISODE.fingerprint, EPISODE.starts_at - HOUR, 1)
    runs = tuple(acted(n, DAY, episodes=(before,)) for n in (2, 3))
    assert verdict("attempts", runs=runs) == "allow"


def test_one_of_several_alerts_that_was_tried_too_often_is_enough() -> None:
    joined = run(episodes=(Episode("fp-9", NOW - HOUR, 9), EPISODE))
    runs = tuple(acted(n, DAY, episodes=(EPISODE,)) for n in (2, 3))
    assert verdict("attempts", runs=runs, run=joined) == "deny"


def test_a_target_bears_three_runs_a_day_whatever_their_runbook() -> None:
    runs = tuple(acted(n, DAY - n * MINUTE, target=TARGET) for n in (2, 3, 4))
    assert verdict("attempts", runs=runs[:2]) == "allow"
    result = answer("attempts", runs=runs)
    assert result.verdict == "deny"
    assert result.reason == "3 runs have acted on this target in 1d, the limit is 3; again at 03:02:00Z"
    at_the_edge = (acted(5, DAY, target=TARGET), *runs[1:])
    assert verdict("attempts", runs=at_the_edge) == "allow"


def test_a_page_may_allow_fewer_attempts_and_not_more() -> None:
    episode = (acted(2, DAY, episodes=(EPISODE,)),)
    assert verdict("attempts", runs=episode, runbook=tightened(attempts_per_episode=1)) == "deny"
    assert verdict("attempts", runs=episode * 2, runbook=tightened(attempts_per_episode=9)) == "deny"
    target = (acted(2, HOUR, target=TARGET),)
    assert verdict("attempts", runs=target, runbook=tightened(attempts_per_target=1)) == "deny"
    assert verdict("attempts", runs=target * 3, runbook=tightened(attempts_per_target=9)) == "deny"


# -- rate ---------------------------------------------------------------------------------------


def of_runbook(n: int, ago: int) -> Run:
    return acted(n, ago, runbook=NAME)


def for_service(n: int, ago: int) -> Run:
    return acted(n, ago, target=TargetRef("prod", "shop", "StatefulSet", "cart"))


@pytest.mark.parametrize(
    ("made", "limit", "window", "reason"),
    [
        (of_runbook, 3, HOUR, "3 runs of this runbook in 1h, the limit is 3"),
        (for_service, 5, HOUR, "5 runs for this service in 1h, the limit is 5"),
        (acted, 10, HOUR, "10 runs in all in 1h, the limit is 10"),
        (acted, 30, DAY, "30 runs in all in 1d, the limit is 30"),
    ],
)
def test_a_rate_is_a_sliding_log(made: object, limit: int, window: int, reason: str) -> None:
    assert callable(made)
    # In a day, but not in an hour, where it is the day that is asked about.
    newest = 2 * HOUR if window == DAY else MINUTE
    runs = tuple(made(n + 2, newest + n * SECOND) for n in range(limit - 1))
    assert verdict("rate", runs=runs) == "allow"
    result = answer("rate", runs=(*runs, made(99, window - 1)))
    assert result.verdict == "deny"
    assert result.reason == f"{reason}; again at 03:00:01Z"
    assert result.retry_at == 0
    assert verdict("rate", runs=(*runs, made(99, window))) == "allow"


def test_a_page_may_ask_for_a_lower_rate_and_not_for_a_higher_one() -> None:
    runs = tuple(of_runbook(n, MINUTE) for n in range(2, 5))
    assert verdict("rate", runs=runs[:1], runbook=tightened(rate_per_hour=1)) == "deny"
    assert verdict("rate", runs=runs, runbook=tightened(rate_per_hour=9)) == "deny"


# -- concurrency --------------------------------------------------------------------------------


def test_a_target_is_acted_on_by_one_run_at_a_time() -> None:
    holder = acted(2, HOUR, "verifying", target=TARGET)
    result = answer("concurrency", runs=(holder,))
    assert (result.verdict, result.retry_at) == ("deny", 0)
    assert result.reason == f"the run {holder.id} has this target and is verifying"
    assert verdict("concurrency", runs=(acted(2, HOUR, target=TARGET),)) == "allow"
    waiting = replace(holder, state="awaiting_approval", acted_at=0)
    assert verdict("concurrency", runs=(waiting,)) == "allow"


def test_a_few_runs_act_at_once() -> None:
    runs = tuple(acted(n, HOUR, "executing") for n in (2, 3, 4))
    assert verdict("concurrency", runs=runs[:2]) == "allow"
    result = answer("concurrency", runs=runs)
    assert (result.verdict, result.reason) == ("deny", "3 runs act now, the limit is 3")


def test_between_two_beginnings_lies_a_while() -> None:
    last = acted(2, 20 * SECOND)
    result = answer("concurrency", runs=(acted(3, HOUR), last))
    assert (result.verdict, result.retry_at) == ("deny", NOW + 40 * SECOND)
    assert result.reason == "another run began 20s ago, 1m lie between two; again at 03:00:40Z"
    assert verdict("concurrency", runs=(acted(2, 60 * SECOND),)) == "allow"


def test_who_has_waited_ten_minutes_for_others_waits_no_longer() -> None:
    old = run(created_at=NOW - 9 * MINUTE - 30 * SECOND)
    assert answer("concurrency", run=old, runs=(acted(2, 30 * SECOND),)).retry_at == NOW + 30 * SECOND
    result = answer("concurrency", run=old, runs=(acted(2, 30 * SECOND - 1),))
    assert (result.verdict, result.retry_at) == ("deny", 0)


def test_a_run_that_people_approved_waits_from_their_yes_on() -> None:
    approved = run(created_at=NOW - 14 * MINUTE, approvals=said(PLAN, "alice"))
    assert answer("concurrency", run=approved, runs=(acted(2, SECOND),)).retry_at == NOW + 59 * SECOND


# -- a run that has begun -----------------------------------------------------------------------


def test_a_run_that_has_begun_keeps_its_share() -> None:
    begun = run(state="executing", acted_at=NOW - HOUR)
    spent = tuple(acted(n, SECOND, runbook=NAME, episodes=(EPISODE,)) for n in range(2, 40))
    for guard in ("cooldown", "attempts", "rate"):
        assert verdict(guard, runs=spent) == ("allow" if guard == "cooldown" else "deny")
        assert verdict(guard, runs=spent, run=begun) == "allow"
    assert verdict("concurrency", runs=(acted(2, SECOND),), run=begun) == "allow"
    assert verdict("concurrency", runs=(acted(2, SECOND, "executing", target=TARGET),), run=begun) == "deny"


def test_the_run_itself_does_not_count() -> None:
    itself = acted(1, MINUTE, "unknown", runbook=NAME, target=TARGET, episodes=(EPISODE,))
    for guard in ("cooldown", "attempts", "rate", "concurrency", "unknown"):
        assert verdict(guard, runs=(itself,) * 9) == "allow"


# -- unknown ------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [{"target": TARGET}, {"runbook": NAME}])
def test_nothing_is_done_where_nobody_knows_what_was_done(changed: dict[str, object]) -> None:
    lost = acted(2, DAY, "unknown", **changed)
    assert verdict("unknown", runs=(lost,)) == "deny"
    assert lost.id in answer("unknown", runs=(lost,)).reason


def test_an_unknown_outcome_elsewhere_does_not_matter() -> None:
    assert verdict("unknown", runs=(acted(2, DAY, "unknown"),)) == "allow"
    assert verdict("unknown", runs=(acted(2, DAY, "executing", target=TARGET),)) == "allow"


def test_a_rollback_waits_only_for_what_is_unknown_about_its_own_target() -> None:
    rolling = run(rolling=True)
    assert verdict("unknown", run=rolling, runs=(acted(2, DAY, "unknown", runbook=NAME),)) == "allow"
    assert verdict("unknown", run=rolling, runs=(acted(2, DAY, "unknown", target=TARGET),)) == "deny"


def test_a_run_that_takes_too_long_begins_no_further_step() -> None:
    late = run(state="executing", acted_at=NOW - 15 * MINUTE)
    result = answer("unknown", run=late)
    assert result.reason == "the run began 15m ago: after 15m it begins no further step"
    assert (result.verdict, result.retry_at) == ("deny", 0)
    assert verdict("unknown", run=replace(late, rolling=True)) == "allow"
    assert verdict("unknown", run=replace(late, acted_at=late.acted_at + 1)) == "allow"


def test_the_default_budgets() -> None:
    rules = GuardRules()
    assert (rules.attempts_per_episode, rules.attempts_per_target, rules.attempts_within) == (2, 3, DAY)
    assert (rules.rate_runbook, rules.rate_service, rules.rate_global, rules.rate_day) == (3, 5, 10, 30)
    assert (rules.together, rules.gap) == (3, MINUTE)
