"""A run's card in Slack: golden files, what stands in it, limits, and hostile texts."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from responder.core.run import MOVES, Moment
from responder.notify.runs import STATES
from responder.notify.slackcard import HASH, card, plain_card
from responder.sandbox.slackrules import check
from responder.sandbox.slackview import parse
from tests.notify.notices import MONDAY
from tests.notify.runs import DENIED, HELPED, HOSTILE, PLAN, RUNS, WAITS, run

GOLDEN = Path(__file__).parent / "golden" / "slackcard"


@pytest.mark.parametrize("name", RUNS)
def test_the_main_cards(name: str) -> None:
    made = asdict(card(RUNS[name], pressable=True))
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    assert made == json.loads(path.read_text())
    check(dict(made))
    check(dict(made), update=True)


def test_there_is_no_golden_file_that_nobody_compares() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(RUNS)


def test_every_state_has_its_words() -> None:
    assert set(STATES) == set(MOVES)


def elements(made: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = [*made["blocks"], *(block for one in made["attachments"] for block in one["blocks"])]
    return [element for block in blocks if block["type"] == "actions" for element in block["elements"]]


def test_buttons_carry_what_was_shown_and_are_there_only_while_it_waits() -> None:
    value = f"{WAITS.id} {PLAN.hash[:HASH]} n1"
    for made in (card(WAITS, pressable=True), plain_card(WAITS, pressable=True)):
        found = [(one["action_id"], one["value"], "confirm" in one) for one in elements(asdict(made))]
        assert found == [("approve", value, True), ("deny", value, False)]
    for state in sorted(set(MOVES) - {"awaiting_approval"}):
        other = msgspec.structs.replace(WAITS, state=state)
        assert elements(asdict(card(other, pressable=True))) == [], state
    assert elements(asdict(card(WAITS))) == []


def texts(made: Any) -> list[dict[str, Any]]:
    return [
        text
        for block in made.attachments[0]["blocks"]
        if block["type"] != "actions"
        for text in block.get("elements") or [block["text"]]
    ]


def test_what_denies_is_said_first() -> None:
    [verdicts] = [
        text["text"] for text in texts(card(DENIED)) if text["type"] == "plain_text" and "✗" in text["text"]
    ]
    assert verdicts.splitlines() == [
        "✗ cooldown: restarted 3m ago; once in 15m (until 2026-01-05 00:13 UTC)",
        "? approval: medium risk needs 1 person",
        "✓ allow-list: kubernetes.rollout_restart on prod/shop/checkout is listed",
    ]


def test_the_plan_is_a_diff_and_the_calls() -> None:
    assert [text["text"] for text in texts(card(WAITS)) if text["text"].startswith("```")] == [
        "```\n- restartedAt: 2026-01-01T00:00:00Z\n+ restartedAt: &lt;time&gt;\n  replicas: 3\n"
        'PATCH /apis/apps/v1/namespaces/shop/deployments/checkout: {"restartedAt": "&lt;time&gt;"}\n```'
    ]


def test_nothing_hostile_is_a_mention_or_a_link_and_the_buttons_stay() -> None:
    made = card(HOSTILE, pressable=True)
    parsed = [made.text, *(text["text"] for text in texts(made) if text["type"] == "mrkdwn")]
    assert {piece.kind for text in parsed for piece in parse(text)} == {"text", "date"}
    assert [one["action_id"] for one in elements(asdict(made))] == ["approve", "deny"]
    check(asdict(plain_card(HOSTILE, pressable=True)), update=True)


def test_a_long_story_shows_its_end_and_counts_what_came_before() -> None:
    story = tuple(Moment(MONDAY + n, "executing", f"moment {n}") for n in range(30))
    told = texts(card(run(state="executing", story=story)))[-1]["text"].splitlines()
    assert (told[0], len(told), told[-1].endswith(" moment 29")) == ("18 earlier", 13, True)


def test_the_same_run_gives_the_same_card() -> None:
    assert card(HELPED) == card(msgspec.structs.replace(HELPED))
