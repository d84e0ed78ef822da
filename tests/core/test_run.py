from typing import get_args

import msgspec
import pytest

from responder.core.model import SECOND
from responder.core.plan import TargetRef
from responder.core.run import ENDS, MOVES, IllegalMove, Moment, Run, RunState, end, move, note
from tests.clock import MONDAY

STATES: tuple[RunState, ...] = get_args(RunState)
NOW = MONDAY + 60 * SECOND

# What the design draws, said a second time.
LEGAL = {
    "proposed": "awaiting_approval approved denied cancelled expired",
    "awaiting_approval": "approved denied expired cancelled",
    "approved": "executing denied expired cancelled",
    "executing": "executing waiting verifying failed unknown cancelled",
    "waiting": "executing expired cancelled",
    "unknown": "executing verifying failed",
    "verifying": "succeeded failed unknown",
    "failed": "rolling_back",
    "rolling_back": "rolled_back rollback_failed",
}


def in_state(state: RunState, **changed: object) -> Run:
    made = Run(
        number=7,
        runbook="pod-restarts",
        runbook_hash="page-1",
        parameters={},
        target=TargetRef("prod", "shop", "Deployment", "cart", "uid-1"),
        state=state,
        created_at=MONDAY,
        mode="auto",
        risk="low",
        reason="because",
        due_at=NOW + SECOND,
        story=(Moment(MONDAY, "proposed", "begins"),),
    )
    return msgspec.structs.replace(made, **changed)


def test_the_table_is_the_designs() -> None:
    assert {state: set(MOVES[state]) for state in STATES} == {
        state: set(LEGAL.get(state, "").split()) for state in STATES
    }
    assert {state for state in STATES if not MOVES[state]} | {"failed"} == ENDS


@pytest.mark.parametrize("to", STATES)
@pytest.mark.parametrize("state", STATES)
def test_a_legal_move_moves_and_an_illegal_one_changes_nothing(state: RunState, to: RunState) -> None:
    run = in_state(state)
    before = msgspec.json.encode(run)
    if to in MOVES[state]:
        moved = move(run, to, NOW, "goes on", by="alice", reason="a_reason")
        assert moved == msgspec.structs.replace(
            run,
            state=to,
            reason="a_reason",
            story=(*run.story, Moment(NOW, to, "goes on", "alice")),
            ended_at=NOW if to in ENDS - {"failed"} else 0,
            acted_at=NOW if to == "executing" else 0,
            due_at=0,
        )
    else:
        with pytest.raises(IllegalMove, match=f"^run {run.id} is {state}: it cannot become {to}$"):
            move(run, to, NOW, "goes on")
    assert msgspec.json.encode(run) == before


@pytest.mark.parametrize("state", STATES)
def test_nothing_moves_after_the_end(state: RunState) -> None:
    over = in_state(state, ended_at=NOW)
    for to in STATES:
        with pytest.raises(IllegalMove, match="and has ended: it cannot become"):
            move(over, to, NOW, "goes on")


def test_budgets_count_from_the_first_step() -> None:
    first = move(in_state("approved"), "executing", NOW, "first step")
    second = move(first, "executing", NOW + SECOND, "second step")
    assert (first.acted_at, second.acted_at) == (NOW, NOW)


def test_an_end_keeps_no_reason_but_its_own() -> None:
    assert move(in_state("approved"), "executing", NOW, "").reason == "because"
    assert move(in_state("approved"), "denied", NOW, "").reason == ""
    assert move(in_state("approved"), "denied", NOW, "", reason="freeze").reason == "freeze"


def test_a_failure_is_open_until_somebody_says_that_nothing_takes_it_back() -> None:
    failed = move(in_state("executing"), "failed", NOW, "no")
    assert failed.open
    rolled = move(move(failed, "rolling_back", NOW, ""), "rolled_back", NOW + SECOND, "")
    assert (rolled.open, rolled.ended_at) == (False, NOW + SECOND)
    over = end(failed, NOW + SECOND)
    assert (over.open, over.state, over.ended_at) == (False, "failed", NOW + SECOND)
    assert failed.open


@pytest.mark.parametrize("state", [state for state in STATES if state != "failed"])
def test_only_a_failure_ends_like_that(state: RunState) -> None:
    with pytest.raises(IllegalMove, match=f"is {state}: only a failed run ends like this"):
        end(in_state(state), NOW)


def test_a_note_moves_nothing() -> None:
    run = in_state("waiting")
    noted = note(run, NOW, "still waits", by="bob")
    line = Moment(NOW, "waiting", "still waits", "bob")
    assert noted == msgspec.structs.replace(run, story=(*run.story, line))


def test_its_id_and_what_budgets_count_by() -> None:
    run = in_state("proposed")
    assert run.id == "r7-695aff00"
    assert run.target_key == "prod/shop/Deployment/cart"
    assert msgspec.structs.replace(run, target=None).target_key == ""
    anew = TargetRef("prod", "shop", "Deployment", "cart", "uid-2")
    assert msgspec.structs.replace(run, target=anew).target_key == run.target_key
