"""A run in words."""

from typing import Any

from responder.cli.runtext import run_lines
from tests.cli.runsamples import HASH, RUN, STEP, TEXT


def test_a_run_that_waits_for_a_person() -> None:
    assert list(run_lines(RUN)) == TEXT


def test_a_run_that_could_not_be_planned() -> None:
    verdict: dict[str, Any] = {
        "guard": "target",
        "verdict": "deny",
        "reason": "it is gone",
        "data": {},
        "retry_at": None,
        "approvals": 0,
    }
    run = {
        **RUN,
        "state": "denied",
        "reason": "target",
        "open": False,
        "plan": None,
        "facts": {"problem": "no such Deployment"},
        "target": None,
        "parameters": {},
        "incidents": [],
        "needed": 0,
        "verdicts": [verdict],
        "story": [],
        "ended_at": "2026-01-05T00:00:03Z",
    }
    assert list(run_lines(run)) == [
        "r1-695aff00  pod-restarts  denied (target)",
        "  asked for by an alert of alertmanager at 2026-01-05T00:00:00Z",
        "  risk medium, mode approve",
        "  could not look: no such Deployment",
        "  over since 2026-01-05T00:00:03Z",
        "guards",
        "  DENY  target: it is gone",
    ]


def test_a_run_that_a_person_asked_for_and_others_approved() -> None:
    approvals = [
        {"person": "bob", "at": "2026-01-05T00:01:00Z", "plan": HASH, "via": "slack", "counts": True},
        {"person": "eve", "at": "2026-01-05T00:00:30Z", "plan": "0" * 64, "via": "api", "counts": False},
    ]
    wait = {
        **STEP,
        "action": "wait",
        "target": "",
        "mutates": False,
        "timeout": "",
        "undo": "",
        "calls": [],
        "observed": {},
        "intended": {"nanoseconds": 5},
        "arguments": {"to": "3"},
        "bounds": "at most 5",
    }
    run = {
        **RUN,
        "requested_by": "alice-laptop",
        "person": "alice",
        "why": "it is slow",
        "approvals": approvals,
        "plan": {**RUN["plan"], "steps": [], "on_failure": [wait]},
        "verdicts": [{**RUN["verdicts"][0], "verdict": "deny", "reason": "nothing is frozen"}],
        "story": [{"at": "2026-01-05T00:00:00Z", "state": "proposed", "text": "asked for", "by": "alice"}],
    }
    assert list(run_lines(run))[2:] == [
        "  asked for by alice-laptop (alice) at 2026-01-05T00:00:00Z: it is slow",
        "  risk medium, mode approve",
        "  parameters deployment=checkout namespace=shop",
        "  incidents 1-695aff00",
        "  persons needed in all: 1 (who asked counts: alice); approved by bob at 2026-01-05T00:01:00Z, "
        "eve at 2026-01-05T00:00:30Z (to another plan); expires 2026-01-05T00:15:00Z",
        f"plan {HASH}",
        "  and if that does not help",
        "  1. wait  (changes nothing)",
        "       arguments to: 3",
        "       intended nanoseconds: 5",
        "       bounds at most 5",
        "guards",
        "  DENY  freeze: nothing is frozen",
        "story",
        "  2026-01-05T00:00:00Z  proposed: asked for by alice",
    ]
