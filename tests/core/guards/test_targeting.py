import pytest
from msgspec.structs import replace

from responder.core.guardrules import Allowed
from responder.core.plan import ObjectFacts, TargetRef
from responder.core.runbook import Tightening
from tests.core.guards.situations import (
    OTHER,
    PLAN,
    RESTART,
    RULES,
    RUNBOOK,
    TARGET,
    UNDO,
    answer,
    facts,
    run,
    verdict,
)

# -- target -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "*", ".", "..", ".*", "a*", "a b", "a|b", "-a", "a\n", "a,b"])
@pytest.mark.parametrize("part", ["cluster", "namespace", "kind", "name"])
def test_what_names_nothing_or_many_is_no_target(part: str, name: str) -> None:
    wrong = replace(TARGET, **{part: name})
    plan = replace(PLAN, target=wrong, steps=(), on_failure=())
    # Things that lie in no namespace exist.
    expected = "allow" if (part, name) == ("namespace", "") else "deny"
    assert verdict("target", run=run(target=wrong), plan=plan) == expected


def test_why_parameters_could_not_be_bound_is_said() -> None:
    result = answer("target", problems=("namespace: a value is missing", "cluster: not named"))
    assert (result.verdict, result.reason) == ("deny", "namespace: a value is missing; cluster: not named")


def test_a_plan_for_something_else_is_refused() -> None:
    assert verdict("target", run=run(target=OTHER)) == "deny"


def test_two_targets_are_refused() -> None:
    strange = replace(PLAN.steps[0], target=OTHER)
    assert verdict("target", plan=replace(PLAN, steps=(strange,))) == "deny"
    assert verdict("target", plan=replace(PLAN, on_failure=(strange,))) == "deny"


def test_a_step_without_a_target_of_its_own_is_about_the_plans() -> None:
    plain = replace(PLAN.steps[0], target=None)
    assert verdict("target", plan=replace(PLAN, steps=(plain,))) == "allow"


# -- allow_list ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (Allowed(RESTART), "allow"),
        (Allowed(RESTART, "prod", "shop", "cart"), "allow"),
        (Allowed(RESTART, "lab", "shop", "cart"), "deny"),
        (Allowed(RESTART, "prod", "other", "cart"), "deny"),
        (Allowed(RESTART, "prod", "shop", "web"), "deny"),
        (Allowed(RESTART, "", "shop", "cart"), "deny"),
        (Allowed("*"), "deny"),
        (Allowed("kubernetes.rollout"), "deny"),
    ],
)
def test_a_line_allows_what_it_names_and_nothing_else(line: Allowed, expected: str) -> None:
    assert verdict("allow_list", rules=replace(RULES, allow=(Allowed(UNDO), line))) == expected


def test_nothing_is_allowed_by_an_empty_list() -> None:
    result = answer("allow_list", rules=replace(RULES, allow=()))
    assert result.verdict == "deny"
    assert result.reason == (
        "kubernetes.rollout_restart on prod/shop/Deployment/cart is not allowed: guards.allow is empty"
    )


def test_the_way_back_must_be_allowed_too() -> None:
    result = answer("allow_list", rules=replace(RULES, allow=(Allowed(RESTART),)))
    assert result.verdict == "deny"
    assert result.reason == (
        "kubernetes.rollout_undo on prod/shop/Deployment/cart is not allowed: guards.allow does not list it"
    )


def test_a_step_that_changes_nothing_needs_no_line() -> None:
    waits = replace(PLAN.steps[0], action="wait", mutates=False)
    plan = replace(PLAN, steps=(waits,), on_failure=())
    assert verdict("allow_list", plan=plan, rules=replace(RULES, allow=())) == "allow"


# -- min_healthy --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("desired", "healthy", "takes", "expected"),
    [
        (4, 4, 1, "allow"),
        (4, 4, 2, "deny"),  # 2 left, 51% of 4 are 3
        (3, 3, 1, "allow"),  # 2 left, 51% of 3 are 2
        (3, 2, 0, "allow"),  # the third one is ill already: not taken
        (3, 2, 1, "deny"),
        (2, 2, 0, "allow"),
        (2, 2, 1, "deny"),  # two must be left
        (1, 1, 0, "deny"),
        (0, 0, 0, "deny"),
        (100, 100, 49, "allow"),  # 51% of 100 are 51, not 52
        (100, 100, 50, "deny"),
    ],
)
def test_enough_must_be_left_after_what_the_action_takes(
    desired: int, healthy: int, takes: int, expected: str
) -> None:
    assert verdict("min_healthy", facts=facts(object=ObjectFacts(desired, healthy, takes))) == expected


@pytest.mark.parametrize(
    ("object_facts", "expected"),
    [(ObjectFacts(1, 1, 0), "allow"), (ObjectFacts(1, 1, 1), "deny"), (ObjectFacts(0, 0, 0), "deny")],
)
def test_the_last_one_is_never_taken_whatever_is_configured(object_facts: ObjectFacts, expected: str) -> None:
    rules = replace(RULES, min_healthy=0.0, min_healthy_count=0)
    assert verdict("min_healthy", rules=rules, facts=facts(object=object_facts)) == expected


def test_a_page_may_ask_for_more_and_not_for_less() -> None:
    def under(guards: Tightening, healthy: int) -> str:
        page, found = replace(RUNBOOK, guards=guards), ObjectFacts(10, healthy, 0)
        return verdict("min_healthy", runbook=page, facts=facts(object=found))

    assert [under(Tightening(min_healthy=0.66), n) for n in (7, 6)] == ["allow", "deny"]
    assert [under(Tightening(min_healthy=0.1), n) for n in (6, 5)] == ["allow", "deny"]
    assert [under(Tightening(min_healthy_count=8), n) for n in (8, 7)] == ["allow", "deny"]
    assert [under(Tightening(min_healthy_count=0), n) for n in (6, 5)] == ["allow", "deny"]


def test_the_numbers_are_said() -> None:
    result = answer("min_healthy", facts=facts(object=ObjectFacts(4, 3, 1)))
    assert result.reason == "3 of 4 serve, the action takes 1: 2 would be left, 3 must"
    assert result.data == {"healthy": 3, "desired": 4, "takes": 1, "least": 3}


def test_a_busy_target_is_left_alone() -> None:
    result = answer("min_healthy", facts=facts(object=ObjectFacts(4, 4, 1, "a rollout is under way")))
    assert result.reason == "the target is not to be touched now: a rollout is under way"
    assert result.verdict == "deny"


@pytest.mark.parametrize(
    ("object_facts", "expected"),
    [
        (ObjectFacts(4, 1, 0, "a rollout is under way"), "allow"),
        (ObjectFacts(4, 1, 1), "deny"),
        (ObjectFacts(4, 4, 1, "a rollout is under way"), "allow"),
        (ObjectFacts(4, None, 0), "deny"),
    ],
)
def test_a_rollback_that_takes_nothing_away_goes_ahead(object_facts: ObjectFacts, expected: str) -> None:
    assert verdict("min_healthy", run=run(rolling=True), facts=facts(object=object_facts)) == expected


def test_things_in_no_namespace_have_a_key_of_their_own() -> None:
    node = TargetRef("prod", "", "Node", "n1", "uid-n1")
    plan = replace(PLAN, target=node, steps=(), on_failure=())
    assert answer("target", run=run(target=node), plan=plan).reason == "prod//Node/n1, nothing else"
