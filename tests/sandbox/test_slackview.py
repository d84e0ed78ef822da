"""A channel as people would see it: escaped, in a real browser, and on a terminal."""

import os
from dataclasses import asdict
from pathlib import Path

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright

from responder.core.model import HOUR, MINUTE
from responder.notify.slackblocks import message
from responder.notify.slackcard import card
from responder.sandbox import slackview
from responder.sandbox.slack import Slack
from responder.sandbox.slackroom import Channel, Message
from responder.sandbox.slackview import Piece, as_html, message_lines, parse
from tests.clock import ManualClock
from tests.notify.notices import MONDAY
from tests.notify.runs import RUNS
from tests.notify.slackscenes import SCENES
from tests.notify.workspace import Workspace, incident, pod
from tests.peers.binaries import peer

STYLE = (Path(slackview.__file__).with_name("static") / "page.css").read_text()
TAGS = ["MAIN", "SECTION", "H2", "P", "ARTICLE", "DIV", "SPAN", "B", "TIME", "H3", "BR", "A", "PRE", "BUTTON"]
ATTRIBUTES = ["class", "id", "data-keyed", "style", "href", "rel", "type"]
ATTRIBUTES += [f"data-{name}" for name in ("channel", "ts", "action", "value", "confirm")]
GOLDEN = Path(__file__).parents[1] / "notify" / "golden" / "slack"


def scene(name: str) -> Channel:
    """A channel in which that message alone stands."""
    notification, now = SCENES[name]
    channel = Slack(ManualClock(now)).add_channel("ops")
    stamp = f"{now // 1_000_000_000}.000000"
    channel.messages.append(Message(stamp, "Responder", **asdict(message(notification, now))))
    return channel


def run_card(name: str) -> Channel:
    """A channel in which the card of that run alone stands."""
    channel = Slack(ManualClock(MONDAY)).add_channel("ops")
    stamp = f"{MONDAY // 1_000_000_000}.000000"
    made = asdict(card(RUNS[name], pressable=True))
    channel.messages.append(Message(stamp, "Responder", **made))
    return channel


async def story(workspace: Workspace) -> Channel:
    """An incident's life in one message and its thread."""
    clock = workspace.clock
    clock.jump(MINUTE)
    first, second = pod(1), pod(2, began=MONDAY + 5 * MINUTE)
    receipt = await workspace.tell(incident(1, firing=(first,), at=clock.now()))
    clock.jump(5 * MINUTE)
    receipt = await workspace.tell(
        incident(2, firing=(first, second), reason="new_alerts", receipt=receipt, at=clock.now())
    )
    clock.jump(4 * HOUR)
    receipt = await workspace.tell(
        incident(3, firing=(first, second), reason="repeat", receipt=receipt, at=clock.now())
    )
    clock.jump(6 * MINUTE)
    over = pod(1, ended=clock.now() - MINUTE)
    receipt = await workspace.tell(
        incident(
            4, firing=(second,), resolved=(over,), reason="some_resolved", receipt=receipt, at=clock.now()
        )
    )
    clock.jump(8 * MINUTE)
    both = (over, pod(2, began=MONDAY + 5 * MINUTE, ended=clock.now()))
    await workspace.tell(incident(5, resolved=both, reason="all_resolved", receipt=receipt, at=clock.now()))
    return workspace.slack.room.channel("ops")


async def test_the_main_messages_in_a_browser(workspace: Workspace) -> None:
    program = peer("chromium")
    pictures = {name: as_html(scene(name)) for name in SCENES}
    pictures["thread"] = as_html(await story(workspace))
    pictures |= {f"run-{name}": as_html(run_card(name)) for name in RUNS}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=[
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
            ],
        )
        page = await browser.new_page(viewport={"width": 720, "height": 200})
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if _is_error(said) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(request.url))
        for name, html in pictures.items():
            await page.set_content(f"<!doctype html><style>{STYLE}</style><main>{html}</main>")
            assert (name, await foreign(page)) == (name, [])
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            if os.environ.get("UPDATE_GOLDEN") == "1" and name != "run-hostile":
                await page.screenshot(path=GOLDEN / f"{name}.png", full_page=True)
        await browser.close()
    assert problems == []


def _is_error(said: ConsoleMessage) -> bool:
    return said.type in ("error", "warning")


async def foreign(page: Page) -> list[str]:
    """Elements that the view does not make, and links that lead elsewhere than http or https."""
    found: list[str] = await page.evaluate(
        """([allowed, attributes]) => [...document.body.querySelectorAll("*")]
            .filter(e => !allowed.includes(e.tagName)
                || [...e.attributes].some(a => !attributes.includes(a.name))
                || (e.tagName == "A" && !/^https?:$/.test(e.protocol)))
            .map(e => e.outerHTML)""",
        [TAGS, ATTRIBUTES],
    )
    return found


@pytest.mark.parametrize("name", [*SCENES, "thread", *(f"run-{name}" for name in RUNS if name != "hostile")])
def test_each_picture_is_there_and_small(name: str) -> None:
    picture = (GOLDEN / f"{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000


async def test_a_terminal_shows_the_message_and_its_thread(workspace: Workspace) -> None:
    (told,) = (await story(workspace)).messages
    assert message_lines(told) == [
        "00:01 Responder",
        "  Resolved (2): HighErrorRate, prod / shop / web",
        "  ▌ Over after 4h20m · critical · 2 resolved",
        "  ▌ web-1 fails 7% of requests",
        "  ▌ pod=web-1  over after 4h11m",
        "  ▌ web-2 fails 7% of requests",
        "  ▌ pod=web-2  over after 4h15m",
        "  ▌ Runbook (https://runbooks.example/high-error-rate)"
        " · Dashboard (https://grafana.example/d/shop?var-service=web&from=now-1h)"
        " · Source (https://prometheus.example/graph?g0.expr=rate%28errors%5B5m%5D%29&g0.tab=1)",
        "  ▌ team=checkout  slack-critical · incident 7-695aff00",
        "    00:06 Responder",
        "      More: web-2 fails 7% of requests (pod=web-2)",
        "    04:06 Responder",
        "      Still so after 4h6m: 2 firing.",
        "    04:12 Responder",
        "      Over: web-1 fails 7% of requests (pod=web-1)",
        "    04:20 Responder",
        "      All over after 4h20m.",
    ]


def test_a_terminal_obeys_nothing() -> None:
    room = Slack(ManualClock()).room
    channel = room.add_channel("ops")
    room.say("ops", "\x1b[2J<!channel> &lt;b&gt;\nsecond", author="an\x07a")
    assert message_lines(channel.messages[0]) == ["00:00 an a", "   [2J!channel <b>", "  second"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a &lt;b&gt;", [Piece("text", "a <b>")]),
        ("<!here>", [Piece("mention", "!here", "!here")]),
        ("<@U1|ana> hi", [Piece("mention", "ana", "@U1"), Piece("text", " hi")]),
        ("<https://x.example/?a=1&amp;b|X>", [Piece("link", "X", "https://x.example/?a=1&b")]),
        ("<javascript:alert(1)|X>", [Piece("link", "X", "javascript:alert(1)")]),
        ("<!date^0^{time}|then>", [Piece("date", "then", "!date^0^{time}")]),
        ("1 < 2", [Piece("text", "1 < 2")]),
    ],
)
def test_mrkdwn_as_slack_reads_it(text: str, pieces: list[Piece]) -> None:
    assert list(parse(text)) == pieces


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<javascript:alert(1)|X>", "X"),
        ('<https://x.example/"|X>', '<a href="https://x.example/&quot;" rel="noopener noreferrer">X</a>'),
        ("*b* _i_ ~s~ `c`", "<b>b</b> <i>i</i> <s>s</s> <code>c</code>"),
        ("a*b*c 2*3*4", "a*b*c 2*3*4"),
        ("<!channel>", '<span class="mention">!channel</span>'),
        ("<script>", "script"),
        ("&lt;script&gt;", "&lt;script&gt;"),
    ],
)
def test_mrkdwn_as_html(text: str, html: str) -> None:
    room = Slack(ManualClock()).room
    channel = room.add_channel("ops")
    room.say("ops", text)
    assert f'<div class="section">{html}</div>' in as_html(channel)


def test_a_color_is_a_color_or_nothing() -> None:
    channel = Slack(ManualClock()).add_channel("ops")
    for color in ('red"><script>', "#12345", "#aabbcc"):
        channel.messages.append(Message("1.0", "x", "t", attachments=[{"color": color, "blocks": []}]))
    page = as_html(channel)
    assert page.count('<div class="attachment">') == 2
    assert page.count('<div class="attachment" style="border-color:#aabbcc">') == 1


def test_an_empty_channel_says_so() -> None:
    assert "Nothing has been said yet." in as_html(Slack(ManualClock()).add_channel("<ops>"))
