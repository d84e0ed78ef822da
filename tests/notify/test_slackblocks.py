"""The message in Slack: golden files of the main ones, limits, and hostile texts."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.core.model import HOUR, MINUTE, Alert, labels_from
from responder.notify.slackblocks import Message, Words, message, plain_message
from responder.sandbox.slackrules import check
from responder.sandbox.slackview import Piece, parse
from tests.notify.notices import MONDAY
from tests.notify.slackscenes import HOSTILE, LATER, SCENES
from tests.notify.workspace import incident, pod

GOLDEN = Path(__file__).parent / "golden" / "slack"


@pytest.mark.parametrize("name", SCENES)
def test_the_main_messages(name: str) -> None:
    made = asdict(message(*SCENES[name]))
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    assert made == json.loads(path.read_text())
    check(dict(made))
    check(dict(made), update=True)


def test_there_is_no_golden_file_that_nobody_compares() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(SCENES)


def texts(made: Message) -> list[dict[str, Any]]:
    blocks = [*made.blocks, *made.attachments[0]["blocks"]]
    return [text for block in blocks for text in block.get("elements") or [block["text"]]]


def pieces(made: Message) -> list[Piece]:
    """What Slack would parse out of the message, but for plain text."""
    parsed = [made.text, *(text["text"] for text in texts(made) if text["type"] == "mrkdwn")]
    return [piece for text in parsed for piece in parse(text) if piece.kind != "text"]


def test_nothing_hostile_becomes_a_mention_or_a_link() -> None:
    made = message(incident(firing=(HOSTILE,)), MONDAY)
    assert [(piece.kind, piece.text) for piece in pieces(made)] == [("date", "2026-01-05 00:00 UTC")]


def test_links_are_those_of_the_rule_with_their_ampersands() -> None:
    assert [
        (piece.text, piece.target)
        for piece in pieces(message(incident(firing=(pod(1),)), MONDAY))
        if piece.kind == "link"
    ] == [
        ("Runbook", "https://runbooks.example/high-error-rate"),
        ("Dashboard", "https://grafana.example/d/shop?var-service=web&from=now-1h"),
        ("Source", "https://prometheus.example/graph?g0.expr=rate%28errors%5B5m%5D%29&g0.tab=1"),
    ]


def test_a_link_of_one_alert_stands_with_that_alert() -> None:
    other = replace_url(pod(2), "https://prometheus.example/two")
    made = message(incident(firing=(pod(1), other)), MONDAY)
    links = [
        [piece.text for piece in parse(text["text"]) if piece.kind == "link"]
        for text in texts(made)
        if text["type"] == "mrkdwn"
    ]
    assert links == [[], ["Source"], ["Source"], ["Runbook", "Dashboard"]]


def replace_url(alert: Alert, url: str) -> Alert:
    fields = {name: getattr(alert, name) for name in alert.__struct_fields__}
    return Alert(**{**fields, "generator_url": url})


def test_one_summary_for_all_is_said_once() -> None:
    notes = labels_from({"summary": "The shop is slow", "description": "p99 above 2 s"})
    alerts = tuple(
        Alert(n, labels_from({"alertname": "Slow", "pod": f"web-{n}"}), notes, MONDAY, 0, MONDAY)
        for n in (1, 2)
    )
    made = message(incident(firing=alerts), MONDAY)
    said = [text["text"] for text in texts(made) if text["type"] == "plain_text"]
    assert said == [
        "Firing (2): Slow",
        "The shop is slow\np99 above 2 s",
        "pod=web-1",
        "pod=web-2",
        "slack-critical · incident 7-695aff00",
    ]


def test_what_fires_is_shown_before_what_is_over_and_the_rest_is_counted() -> None:
    made = message(
        incident(
            firing=tuple(pod(n) for n in range(6)),
            resolved=tuple(pod(n, ended=LATER) for n in range(6, 12)),
            at=LATER,
        ),
        LATER,
    )
    said = [text["text"] for text in texts(made)]
    assert [text for text in said if text.startswith(("web-", "Over"))] == [
        *(f"web-{n} fails 7% of requests" for n in range(6)),
        *(f"Over: web-{n} fails 7% of requests" for n in (6, 7)),
    ]
    assert "And 4 more resolved" in said


@pytest.mark.parametrize(
    ("severity", "color"),
    [
        ("critical", "#c62828"),
        ("error", "#ef9f1c"),
        ("warning", "#ef9f1c"),
        ("info", "#7b8fa6"),
        ("what?", "#ef9f1c"),
    ],
)
def test_the_color_is_the_worst_severity(severity: str, color: str) -> None:
    fine = pod(2, severity="info")
    made = message(incident(firing=(fine, pod(1, severity=severity))), MONDAY)
    assert made.attachments[0]["color"] == color


def test_what_is_over_is_green_and_what_nobody_renews_is_grey() -> None:
    assert message(incident(resolved=(pod(1, ended=LATER),)), LATER).attachments[0]["color"] == "#2e8b57"
    assert message(incident(stale=(pod(1),)), LATER).attachments[0]["color"] == "#9e9e9e"


def test_it_says_that_it_continues_and_how_late_it_is() -> None:
    made = message(incident(firing=(pod(1),), skipped=2), MONDAY + HOUR, continues=True)
    assert made.attachments[0]["blocks"][1]["elements"][0]["text"] == (
        "59m late, 2 earlier states skipped, continues an earlier message, which cannot be edited any more"
    )


def test_words_of_somebody_elses() -> None:
    made = message(
        incident(firing=(pod(1),)),
        MONDAY,
        Words("Shop & <co>\nis *down*", "*Look* at\u202e <https://x.example|this>\n"),
    )
    assert made.text == "🔴 Shop &amp; &lt;co&gt; is \u2060*down\u2060*"
    assert made.blocks[0]["text"]["text"] == "Shop & <co> is *down*"
    sections = [block for block in made.attachments[0]["blocks"] if block["type"] == "section"]
    assert sections[0]["text"] == {"type": "mrkdwn", "text": "*Look* at <https://x.example|this>"}


def test_empty_words_leave_our_headline_and_no_body() -> None:
    made = message(incident(firing=(pod(1),)), MONDAY, Words("", " "))
    assert made.text == "🔴 Firing: HighErrorRate, prod / shop / web / web-1"
    assert [block["type"] for block in made.attachments[0]["blocks"]] == ["context", "section", "context"]


# Long and hostile texts are made of short ones: to draw each character takes too long.
TEXTS = st.builds(str.__mul__, st.text(max_size=12), st.sampled_from([1, 1, 1, 40, 900]))
URLS = st.builds(
    "https://{}.example/{}".format,
    st.sampled_from("abc"),
    st.builds(str.__mul__, st.text("x&/%|>", max_size=4), st.sampled_from([1, 40, 480])),
)
ALERTS = st.builds(
    lambda number, labels, notes, url: Alert(
        number, labels_from(labels), labels_from(notes), MONDAY, 0, MONDAY, url
    ),
    st.integers(1, 10**9),
    st.dictionaries(st.sampled_from(["alertname", "severity", "pod", "namespace", "x"]), TEXTS, min_size=1),
    st.dictionaries(
        st.sampled_from(["summary", "description", "runbook_url", "dashboard_url"]),
        TEXTS | URLS,
    ),
    TEXTS | URLS,
)


@settings(max_examples=50)
@given(
    st.lists(ALERTS, max_size=10), st.lists(ALERTS, max_size=10), st.lists(ALERTS, max_size=2), st.booleans()
)
def test_any_message_can_be_posted_and_updated(
    firing: list[Alert], resolved: list[Alert], stale: list[Alert], continues: bool
) -> None:
    told = incident(firing=tuple(firing), resolved=tuple(resolved), stale=tuple(stale))
    made = message(told, LATER, continues=continues)
    check(asdict(made))
    check(asdict(made), update=True)
    assert len(made.text) <= 1_000
    assert {piece.kind for piece in pieces(made)} <= {"date", "link"}
    assert all(piece.target.startswith("http") for piece in pieces(made) if piece.kind == "link")
    plain = plain_message(told, "https://responder.example", LATER)
    check(asdict(plain), update=True)


def test_long_texts_and_links_leave_room_for_the_end() -> None:
    alerts = tuple(
        Alert(
            number,
            labels_from({"alertname": "Long", "pod": f"{number}" + "p" * 400}),
            labels_from(
                {"summary": f"{number}" + "s" * 400, "runbook_url": "https://x.example/" + "r" * 1_900}
            ),
            MONDAY,
            0,
            MONDAY,
            f"https://p.example/{number}" + "g" * 600,
        )
        for number in range(8)
    )
    made = message(incident(firing=alerts), MONDAY)
    check(asdict(made), update=True)
    said = [text["text"] for text in texts(made)]
    assert sum(map(len, said)) < 9_500
    shown = sum(text.endswith("s…") for text in said)
    assert (shown, said[-3]) == (4, "And 4 more firing")
    assert said[-2].startswith("<https://x.example/rrr")


def test_ten_thousand_alerts_are_one_message() -> None:
    made = message(incident(firing=tuple(pod(n) for n in range(10_000))), MONDAY + MINUTE)
    check(asdict(made), update=True)
    assert made.text == "🔴 Firing (10000): HighErrorRate, prod / shop / web"
