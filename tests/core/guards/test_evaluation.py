"""All guards at once: their order, what is missing, what is broken, and whom they exempt."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
from msgspec.structs import replace

from responder.core.guards import GUARDS, Situation, evaluate
from responder.core.plan import ObjectFacts
from tests.core.guards.situations import NOW, PLAN, RUNBOOK, but, facts, run, situation

NAMES = [
    "freeze",
    "mode",
    "target",
    "allow_list",
    "trigger_age",
    "flap",
    "cooldown",
    "attempts",
    "rate",
    "concurrency",
    "min_healthy",
    "blocking",
    "approval",
    "precondition",
    "auto_disable",
    "unknown",
    "verify",
    "plan_first",
    "provenance",
    "write_ahead",
]


@pytest.mark.parametrize("when", ["proposal", "approval", "step"])
def test_every_guard_is_asked_in_the_order_of_the_documentation(when: str) -> None:
    results = evaluate(situation(when=when))
    assert [result.guard for result in results] == NAMES == list(GUARDS)
    assert {result.verdict for result in results} == {"allow"}
    assert all(result.reason for result in results)
    page = (Path(__file__).parents[3] / "docs/guards.md").read_text()
    assert [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")] == NAMES


def test_one_that_denies_does_not_keep_others_from_being_asked() -> None:
    assert but(trusted=False, durable=False, flaps=9, hidden="silence s1") == {
        "deny provenance",
        "deny write_ahead",
        "deny flap",
        "deny blocking",
    }


# -- what is missing ----------------------------------------------------------------------------

WITHOUT_TARGET = {"target", "cooldown", "attempts", "rate", "concurrency", "unknown"}
WITHOUT_PLAN = {"target", "allow_list", "cooldown", "min_healthy", "approval", "plan_first"}
WITHOUT_FACTS = {"trigger_age", "min_healthy", "precondition"}

MISSING: dict[str, tuple[dict[str, Any], set[str]]] = {
    "target": ({"run": run(target=None)}, WITHOUT_TARGET),
    "plan": ({"plan": None}, WITHOUT_PLAN),
    "uid": (
        {"plan": replace(PLAN, target=replace(PLAN.target, uid=""))},
        {"target"},
    ),
    "facts": ({"facts": None}, WITHOUT_FACTS),
    "facts in time": ({"facts": facts(at=NOW - 31 * 10**9)}, WITHOUT_FACTS),
    "facts from the future": ({"facts": facts(at=NOW + 31 * 10**9)}, WITHOUT_FACTS),
    "object": ({"facts": facts(object=None, problem="403")}, {"min_healthy"}),
    "desired": ({"facts": facts(object=ObjectFacts(None, 4, 1))}, {"min_healthy"}),
    "healthy": ({"facts": facts(object=ObjectFacts(4, None, 1))}, {"min_healthy"}),
    "takes": ({"facts": facts(object=ObjectFacts(4, 4, None))}, {"min_healthy"}),
    "firing": ({"facts": facts(firing="unknown")}, {"trigger_age"}),
    "who was asked": ({"facts": facts(firing_asked="")}, {"trigger_age"}),
    "probes": ({"facts": facts(probes=())}, {"precondition"}),
    "fires_since": ({"fires_since": None}, {"trigger_age"}),
    "seen_at": ({"asks_prometheus": False, "facts": facts(firing_asked=""), "seen_at": 0}, {"trigger_age"}),
    "flaps": ({"flaps": None}, {"flap"}),
    "hidden": ({"hidden": None}, {"blocking"}),
    "cooldown": ({"rules": replace(situation().rules, cooldown={})}, {"cooldown"}),
    "approvals": ({"rules": replace(situation().rules, approvals={})}, {"approval"}),
}


@pytest.mark.parametrize("fact", MISSING)
def test_a_guard_that_misses_a_fact_denies(fact: str) -> None:
    changed, guards = MISSING[fact]
    denied = {result.guard: result for result in evaluate(situation(**changed)) if result.verdict == "deny"}
    assert set(denied) == guards
    told = {"fires_since"}  # No alert fires: that is known well enough.
    assert all(result.reason.startswith("cannot tell: ") for result in denied.values()) == (fact not in told)
    assert all(result.retry_at == 0 for result in denied.values())


def test_why_there_is_no_plan_is_said() -> None:
    result = next(
        one
        for one in evaluate(situation(plan=None, facts=facts(problem="no Deployment cart in shop")))
        if one.guard == "plan_first"
    )
    assert result.reason == "cannot tell: what would be done (no Deployment cart in shop)"


def test_nothing_known_at_all_is_denied_by_all_that_need_to_know() -> None:
    bare = Situation(NOW, "step", run(target=None), RUNBOOK, situation().rules)
    denied = {result.guard for result in evaluate(bare) if result.verdict == "deny"}
    assert denied == WITHOUT_TARGET | WITHOUT_PLAN | WITHOUT_FACTS | {"flap", "blocking", "provenance"}


# -- what is broken -----------------------------------------------------------------------------


class Broken:
    """Whoever looks at it fails."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError("canary")

    def _fail(self, *_: object) -> NoReturn:
        raise RuntimeError("canary")

    __iter__ = __eq__ = __lt__ = __le__ = __gt__ = __add__ = __radd__ = __sub__ = __rsub__ = __bool__ = _fail
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("name", Situation.__struct_fields__)
def test_a_fault_of_our_own_denies_and_is_not_repeated(name: str) -> None:
    one = situation(asks_prometheus=False, facts=facts(firing_asked="")) if name in OLD_WAY else situation()
    broken: dict[str, Any] = {name: Broken()}
    results = evaluate(replace(one, **broken))
    failed = [result for result in results if "RuntimeError" in result.reason]
    assert [result.guard for result in results] == NAMES
    assert failed
    assert {result.verdict for result in failed} == {"deny"}
    assert "canary" not in str(results)


OLD_WAY = frozenset({"seen_at", "stale_after"})
"""What is looked at only where nobody can be asked."""


# -- whom they exempt ---------------------------------------------------------------------------

WORST: dict[str, Any] = {
    "trusted": False,
    "durable": False,
    "flaps": 9,
    "hidden": "silence s1",
    "fires_since": None,
    "facts": facts(object=None, probes=(), firing="no"),
    "rules": replace(situation().rules, allow=(), mode="observe"),
}


def test_only_three_guards_are_not_asked_of_a_person() -> None:
    by_person = run(via="slack", requested_by="alice", person="alice")
    by_alert = {"mode", "trigger_age", "flap", "provenance"}
    others = {"allow_list", "min_healthy", "blocking", "precondition", "write_ahead"}
    assert but(**WORST) == {f"deny {name}" for name in by_alert | others} | {"ask approval"}
    assert but(**WORST, run=by_person) == {f"deny {name}" for name in others}


def test_a_rollback_is_held_up_only_by_what_would_make_it_worse() -> None:
    rolling = run(state="rolling_back", acted_at=NOW - 1, rolling=True)
    assert but(**WORST, run=rolling) == {
        "deny allow_list",
        "deny min_healthy",
        "deny provenance",
        "deny write_ahead",
    }
