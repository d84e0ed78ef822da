"""What somebody else may write into an alert, told to Slack, PagerDuty and by mail: it stays text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.timeline.people import with_people
from tests.acceptance.timeline.timeline import Ledger, firing, resolved
from tests.peers.standins import receiver

pytestmark = pytest.mark.acceptance

HOSTILE: Final = {
    "cluster": "<!channel> <!everyone> <@U0000001> <#C000000001>",
    "namespace": "<https://evil.test/|Runbook> [Runbook](https://evil.test/)",
    "team": "*bold* _it_ ~gone~ `code` ```block``` > quote &lt;!here&gt; &amp;",
    "service": "<script>alert(1)</script><img src=x onerror=alert(1)>\"' onmouseover='x'",
    "job": "x\r\nBcc: evil@evil.test\r\n\r\nbody",
    "instance": "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7} {{ config }}",
    "shell": "$(touch /tmp/owned) `id` ; rm -rf / | cat",
    "direction": "\u202etxt.exe\u2066\u200b\u0000\u001b[31m",
    "surrogate": "\U0001f4a5" * 50,
    "long": "x" * 4000,
    "dots": ".\r\n.\r\nQUIT\r\n",
}
NAME: Final = "Down <!channel>\r\nBcc: evil@evil.test {{ 7 * 7 }}"
ONE_LINE: Final = "Down <!channel> Bcc: evil@evil.test {{ 7 * 7 }}"
SOURCE: Final = "http://127.0.0.1:9090/graph"
TAGS: Final = {
    "!doctype",
    "a",
    "body",
    "br",
    "div",
    "h",
    "head",
    "html",
    "meta",
    "p",
    "style",
    "table",
    "td",
    "title",
    "tr",
}


def texts(found: Any) -> Iterator[tuple[str, str]]:
    """Every text object of blocks: its type and its text."""
    if isinstance(found, dict):
        if found.get("type") in ("mrkdwn", "plain_text"):
            yield found["type"], found["text"]
        for value in found.values():
            yield from texts(value)
    elif isinstance(found, list):
        for value in found:
            yield from texts(value)


async def test_hostile_labels_stay_text(tmp_path: Path) -> None:
    line = with_people(tmp_path, receiver(), group_by=["alertname", "cluster", "service"])
    people = line.people
    assert people
    line.at("0s").post(firing(NAME, **HOSTILE), firing(NAME, **HOSTILE, pod="*b* <!here>"))
    line.at("10m").post(resolved(NAME, **HOSTILE), resolved(NAME, **HOSTILE, pod="*b* <!here>"))
    await line.let_pass("1h")
    assert line.ledger() == Ledger(6, {"delivered": 6})
    assert line.sinks["own"].told == []

    # Slack: in what is markup, nothing but our own link and time; the rest is plain text.
    assert [call.status for call in people.slack.calls] == [200, 200, 200]
    markup = [
        text
        for call in people.slack.calls
        for kind, text in [("mrkdwn", call.arguments["text"]), *texts(call.arguments)]
        if kind == "mrkdwn"
    ]
    began = "<!date^1767571200^{date_short_pretty} {time}|2026-01-05 00:00 UTC>"
    assert {tag for text in markup for tag in re.findall(r"<[^>]*>?", text)} == {f"<{SOURCE}|Source>", began}

    # PagerDuty: one incident, whose summary is one line; and nothing was computed.
    (incident,) = people.pagerduty.incidents
    assert [entry.action for entry in incident.log] == ["trigger", "resolve"]
    assert incident.summary.startswith(f"{ONE_LINE}, <!channel> <!everyone>")
    assert incident.summary.isprintable()

    # Mail: to nobody else, with no header of its own, and with no tag or link but ours.
    for mail, state in zip(people.mail.mails, ("[Firing 2, error]", "[Resolved 2]"), strict=True):
        assert mail.recipients == ("ops@example.com",)
        assert mail.message["Bcc"] is None
        assert mail.message["Subject"].startswith(f"{state} {ONE_LINE}, <!channel> <!everyone>")
        html = mail.message.get_body(("html",))
        assert html
        text = html.get_content()
        assert set(re.findall(r"<([a-z!]+)", text)) == TAGS
        assert set(re.findall(r'href="([^"]*)"', text)) == {SOURCE}
        assert re.findall(r"<[^>]*(?:evil|onmouseover|onerror)[^>]*>", text) == []
