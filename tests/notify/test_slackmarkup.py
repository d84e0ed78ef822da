"""Slack's way of writing: any text shown as it is, cut where it may be cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.notify.slackmarkup import code, cut_mrkdwn, date, escape
from responder.sandbox.slackview import Piece, parse
from tests.notify.notices import MONDAY


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a < b & c > d", "a < b & c > d"),
        ("&lt;!channel&gt;", "&lt;!channel&gt;"),
        ("<!channel>", "<!channel>"),
        ("\u202eabc\u0000\x1b[31m", "abc[31m"),
    ],
)
def test_escaped_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert list(parse(escape(text))) == [Piece("text", shown)]


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("plain", 5, "plain"),
        ("plain text", 8, "plain…"),
        ("a &amp; b", 8, "a …"),
        ("see <https://x.example|this>", 20, "see …"),
        ("ééééé", 8, "éé…"),
    ],
)
def test_mrkdwn_is_cut_between_entities_and_links(text: str, most: int, cut: str) -> None:
    assert cut_mrkdwn(text, most) == cut


def test_a_date_reads_as_utc_where_slack_is_not() -> None:
    assert date(MONDAY) == "<!date^1767571200^{date_short_pretty} {time}|2026-01-05 00:00 UTC>"
    assert next(parse(date(MONDAY))).text == "2026-01-05 00:00 UTC"


@given(st.text(max_size=400))
def test_code_ends_where_it_ends_and_mentions_nobody(text: str) -> None:
    made = code(text, 200)
    assert (made.count("```"), len(made) <= 200) == (2, True)
    assert [piece.kind for piece in parse(made) if piece.kind != "text"] == []


def test_code_is_shown_as_it_is() -> None:
    assert code("a <b> & `c`") == "```\na &lt;b&gt; &amp; \u2060`c\u2060`\n```"
