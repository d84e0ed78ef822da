"""Runs as the API writes them; `test_runs` has whole answers."""

from typing import Any

import msgspec

from responder.core.model import SECOND
from responder.core.plan import Facts, Probe
from responder.core.run import Approval, Episode, GuardResult, Run
from responder.store.journal import Entry, canonical
from responder.web.api.runview import brief_run, journaled, whole_run
from tests.clock import MONDAY

RUN = Run(7, "pods", "a" * 64, {}, None, "denied", MONDAY, "auto", "low", nonce="s3cret")
NOW = "2026-01-05T00:00:00Z"


def test_what_is_not_known_is_null() -> None:
    shown = whole_run(RUN, [])
    nothing = {key for key, value in shown.items() if value is None}
    assert nothing == {
        *("target", "plan", "facts", "acted_at", "ended_at", "due_at", "expires_at", "hold_until"),
    }
    assert brief_run(RUN) == {
        "id": "r7-695aff00",
        "runbook": "pods",
        "state": "denied",
        "reason": "",
        "target": "",
        "created_at": NOW,
    }


def test_a_cards_nonce_is_shown_to_nobody() -> None:
    assert b"s3cret" not in msgspec.json.encode([whole_run(RUN, []), brief_run(RUN)])


def test_facts_verdicts_and_approvals() -> None:
    run = msgspec.structs.replace(
        RUN,
        facts=Facts(
            MONDAY, None, "unknown", "prometheus", (Probe("up", ok=False, detail="no sample"),), "gone"
        ),
        verdicts=(GuardResult("rate", "deny", "too often", {"runs": 3}, MONDAY + SECOND, 2),),
        approvals=(Approval("alice", MONDAY, "b" * 64, "slack"),),
        episodes=(Episode("0123456789abcdef", MONDAY, 3),),
    )
    shown = whole_run(run, ["1-695aff00"])
    assert shown["facts"] == {
        "at": NOW,
        "object": None,
        "firing": "unknown",
        "asked": "prometheus",
        "probes": [{"question": "up", "ok": False, "detail": "no sample"}],
        "problem": "gone",
    }
    assert shown["verdicts"] == [
        {
            "guard": "rate",
            "verdict": "deny",
            "reason": "too often",
            "data": {"runs": 3},
            "retry_at": "2026-01-05T00:00:01Z",
            "approvals": 2,
        }
    ]
    assert shown["approvals"] == [
        {"person": "alice", "at": NOW, "plan": "b" * 64, "via": "slack", "counts": False}
    ]
    assert (shown["alerts"], shown["incidents"]) == (
        [{"fingerprint": "0123456789abcdef", "startsAt": NOW}],
        ["1-695aff00"],
    )


def row(**body: Any) -> Entry:
    return Entry(3, NOW, canonical(body), "c" * 64)


def test_of_a_journal_row_only_what_is_about_the_run_is_shown() -> None:
    moved = {"type": "run_moved", "run": "r7-695aff00"}
    frozen = {"type": "freeze_put", "withdrawn": ["r6-1", "r7-695aff00"]}
    others = [{"type": "run_moved", "run": "r6-1"}, {"type": "alerts_fired", "alerts": []}]
    timer = row(tick=NOW, events=[moved, *others, frozen])
    assert journaled(timer, "r7-695aff00") == {
        "n": 3,
        "at": NOW,
        "kind": "tick",
        "actor": "",
        "asked": None,
        "events": [moved, frozen],
    }
    asked = {"type": "approve", "run": "r7-695aff00"}
    declined = row(kind="approve", actor="bob", input=9, asked=asked, events=[])
    assert journaled(declined, "r7-695aff00") == {
        "n": 3,
        "at": NOW,
        "kind": "approve",
        "actor": "bob",
        "asked": asked,
        "events": [],
    }
    assert journaled(declined, "r6-1")["asked"] is None
