import pytest

from responder.core.guardrules import GuardRules, VerifyRules
from responder.core.model import DAY, HOUR, MINUTE, SECOND
from responder.core.runbook import ActionStep, Runbook
from responder.ruleset.runbooks import risk_of
from tests.ruleset.runbooks.writing import HEAD, STEP, VERIFY, page, warned

FLOORS = GuardRules(
    min_age=2 * MINUTE,
    cooldown={"restart": 15 * MINUTE, "scale": DAY},
    attempts_per_episode=2,
    attempts_per_target=3,
    rate_runbook=4,
    min_healthy=0.51,
    min_healthy_count=2,
    approvals={"low": 0, "medium": 1, "high": 2},
    expires=15 * MINUTE,
    verify=VerifyRules(settle=30 * SECOND, good=2),
)


@pytest.mark.parametrize(
    ("guard", "strict", "lax", "floor"),
    [
        ("min_age", "2m", "119s", "2m"),
        ("cooldown", "15m", "14m", "15m"),
        ("attempts_per_episode", "2", "3", "2"),
        ("attempts_per_target", "3", "4", "3"),
        ("rate_per_hour", "4", "5", "4"),
        ("min_healthy", "51%", "50%", "51%"),
        ("min_healthy_count", "2", "1", "2"),
        ("approvals", "1", "0", "1"),
        ("expires", "15m", "16m", "15m"),
    ],
)
def test_what_is_laxer_than_the_floor_is_said_with_the_floor(
    guard: str, strict: str, lax: str, floor: str
) -> None:
    assert warned(page(f"guards: {{{guard}: {strict}}}\n"), FLOORS) == []
    column = 12 + len(guard)
    assert warned(page(f"guards: {{{guard}: {lax}}}\n"), FLOORS) == [
        f"9:{column}: {guard}: the floor is stricter and holds: {floor}"
    ]


def test_the_cooldown_is_that_of_what_the_page_does() -> None:
    floors = GuardRules(cooldown={"restart": HOUR})
    assert warned(page("guards: {cooldown: 59m}\n"), floors) == [
        "9:20: cooldown: the floor is stricter and holds: 1h"
    ]
    assert warned(page("guards: {cooldown: 59m}\n", "---\n"), floors) == []


@pytest.mark.parametrize(("first", "late"), [("14m", False), ("15m", True)])
def test_an_action_that_comes_too_late_is_said(first: str, late: bool) -> None:
    head, wait = "---\n# A page\n", f"## Wait\n```wait\nfor: {first}\n```\n"
    said = (
        "2:1: kubernetes.rollout_restart comes after waits of 15m and will not be done: "
        "after 15m a run begins no further step"
    )
    assert warned(page("", head + wait + STEP + VERIFY), FLOORS) == ([said] if late else [])
    assert warned(page("", head + STEP + wait + VERIFY), FLOORS) == []


def test_approvals_are_those_of_the_risk_that_counts() -> None:
    assert warned(page("risk: high\nguards: {approvals: 1}\n"), FLOORS) == [
        "10:21: approvals: the floor is stricter and holds: 2"
    ]


def test_a_page_cannot_say_that_its_actions_are_harmless() -> None:
    assert warned(page("risk: low\n")) == ["9:7: risk: its actions are of medium risk, which is what counts"]
    assert warned(page("risk: medium\n")) == []
    restart = ActionStep("kubernetes.rollout_restart")
    assert [
        risk_of(Runbook("r", "R", "h", risk="low", steps=(restart,))),
        risk_of(Runbook("r", "R", "h", risk="low", on_failure=(restart,))),
        risk_of(Runbook("r", "R", "h", risk="high", steps=(restart,))),
        risk_of(Runbook("r", "R", "h", risk="low")),
    ] == ["medium", "medium", "high", "low"]


def test_who_changes_something_should_look_whether_it_helped() -> None:
    assert warned(page(body=f"---\n{STEP}")) == [
        "2:1: it changes something and has no verify block: nobody will know whether it helped"
    ]
    assert warned(page(body="---\n```wait\nfor: 1m\n```\n")) == []


def test_a_hold_is_for_runs_that_go_by_themselves() -> None:
    hold = "hold: {receivers: [pager], for: 5m}\n"
    assert warned(page(f"mode: auto\n{hold}")) == []
    assert warned(page(f"mode: approve\n{hold}")) == [
        "10:1: hold: nothing is held back for a run that is not auto (approve)"
    ]


@pytest.mark.parametrize(
    ("said", "warnings"),
    [
        ("for: 2 of 2 probes\nsettle: 30s", []),
        ("for: 1 of 1 probe", ["16:6: for: the floor is stricter and holds: 2 probes"]),
        ("settle: 29s", ["16:9: settle: the floor is stricter and holds: 30s"]),
    ],
)
def test_a_verification_that_looks_less_than_the_floor(said: str, warnings: list[str]) -> None:
    verify = VERIFY.replace("== 1\n", f"== 1\n{said}\n")
    assert warned(f"{HEAD}---\n# Page\n{STEP}{verify}", FLOORS) == warnings
