"""The sandbox's pages in a real browser: they follow what happens, and nothing hostile becomes theirs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from playwright.async_api import Browser, Page

from tests.notify.test_emailbody import chromium
from tests.sandbox.process import Sandbox

pytestmark = pytest.mark.peers

PAGES = ("/", "/slack", "/pagerduty", "/mail")

HARM = "</pre></main><script>document.title='harm'</script><img src=x onerror=alert(1)> <!channel> *b* &amp;"
HOSTILE = {
    "labels": {"alertname": f"X{HARM}", "severity": "critical", "service": HARM, "pod": "<b>\x1b[2J\u202e"},
    "annotations": {
        "summary": HARM,
        "description": "<https://evil.example|click> <javascript:alert(1)|click>",
        "runbook_url": "javascript:alert(1)",
        "dashboard_url": 'https://x.example/"onmouseover="alert(1)',
    },
    "generatorURL": "javascript:alert(2)",
}

TAGS = {
    *("html", "head", "meta", "title", "link", "script", "noscript", "body", "header", "h1", "nav", "a"),
    *("main", "footer", "p", "b", "ul", "ol", "li", "time", "span", "div", "details", "summary", "pre"),
    *("section", "article", "h2", "h3", "br", "iframe", "form", "input", "button"),
}
ATTRIBUTES = {
    *("lang", "charset", "name", "content", "rel", "href", "src", "defer", "id", "class", "role", "hidden"),
    *("aria-current", "data-keyed", "style", "open", "sandbox", "title", "referrerpolicy", "srcdoc"),
    *("aria-label", "autocomplete", "maxlength", "placeholder", "type"),
    *(f"data-{name}" for name in ("action", "channel", "confirm", "ts", "user", "value")),
}

_FINDINGS = """() => {
  const all = [...document.querySelectorAll('*')];
  return {
    tags: [...new Set(all.map(e => e.tagName.toLowerCase()))],
    attributes: [...new Set(all.flatMap(e => e.getAttributeNames()))],
    schemes: [...new Set([...document.querySelectorAll('a')].map(e => e.protocol))].sort(),
    scripts: [...document.scripts].map(e => e.getAttribute('src')),
    sandboxes: [...new Set([...document.querySelectorAll('iframe')].map(e => e.getAttribute('sandbox')))],
    overflow: document.documentElement.scrollWidth - innerWidth,
  }
}"""


@asynccontextmanager
async def watched(
    browser: Browser, width: int = 1100, scheme: Literal["light", "dark"] = "light"
) -> AsyncIterator[Page]:
    """A page that may complain of nothing and ask nobody but the sandbox."""
    complaints: list[str] = []
    asked_for: list[str] = []
    context = await browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
    page = await context.new_page()
    page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    page.on("request", lambda asked: asked_for.append(asked.url))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    yield page
    await context.close()
    assert complaints == []
    assert [url for url in asked_for if not url.startswith(("http://127.0.0.1:", "data:", "about:"))] == []


async def test_a_hostile_alert_becomes_no_part_of_a_page(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--no-story")
    await asyncio.to_thread(sandbox.start)
    await asyncio.to_thread(sandbox.post, HOSTILE)
    await asyncio.to_thread(sandbox.wait_for, lambda: len(sandbox.received()) == 3)
    async with chromium() as browser:
        for width, scheme in ((1100, "light"), (390, "dark")):
            async with watched(browser, width, scheme) as page:  # type: ignore[arg-type]
                for path in PAGES:
                    await page.goto(f"{sandbox.site}{path}")
                    await page.wait_for_selector("main >> text=document.title='harm'")
                    await page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
                    found = await page.evaluate(_FINDINGS)
                    assert set(found["tags"]) - TAGS == set()
                    assert set(found["attributes"]) - ATTRIBUTES == set()
                    assert set(found["schemes"]) <= {"http:", "https:"}
                    assert found["scripts"] == ["/page.js"]
                    assert found["sandboxes"] == ([""] if path == "/mail" else [])
                    assert found["overflow"] <= 0
                    assert (await page.title()).endswith(" · Responder's sandbox")


async def test_a_page_follows_and_leaves_alone_what_a_reader_has_opened(
    make: Callable[..., Sandbox],
) -> None:
    sandbox = make("--no-story")
    await asyncio.to_thread(sandbox.start)
    async with chromium() as browser, watched(browser) as page:
        await page.goto(sandbox.site)
        assert "Nothing has arrived here yet." in await page.inner_text("main")
        await asyncio.to_thread(sandbox.post, {"labels": {"alertname": "First", "severity": "warning"}})
        await page.wait_for_selector("#a2")
        assert await page.locator("#empty").count() == 0
        assert await page.inner_text("nav") == "Everything 2\nSlack 1\nPagerDuty 0\nMail 1\nCluster 0"
        await page.click("#a1 summary")
        await page.evaluate("document.getElementById('a1').marked = true")
        await asyncio.to_thread(sandbox.post, {"labels": {"alertname": "Second", "severity": "warning"}})
        await page.wait_for_selector("#a4")
        order = "[...document.querySelectorAll('.arrivals li')].map(e => e.id)"
        assert await page.evaluate(order) == ["a4", "a3", "a2", "a1"]
        assert await page.evaluate("document.querySelector('#a1 details').open") is True
        assert await page.evaluate("document.getElementById('a1').marked") is True


async def test_a_page_says_that_the_sandbox_was_stopped(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--no-story")
    await asyncio.to_thread(sandbox.start)
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(sandbox.site)
        assert await page.is_hidden("#away")
        assert await asyncio.to_thread(sandbox.stop) == 0
        await page.wait_for_selector("#away", state="visible")
        assert "Nothing has arrived here yet." in await page.inner_text("main")


async def test_on_slacks_page_people_type_and_press(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--no-story")
    await asyncio.to_thread(sandbox.start)
    await asyncio.to_thread(sandbox.post, {"labels": {"alertname": "Mine", "severity": "critical"}})
    await asyncio.to_thread(sandbox.wait_for, lambda: len(sandbox.received()) == 3)
    async with chromium() as browser:
        async with watched(browser) as page:
            await page.goto(f"{sandbox.site}/slack")
            field = page.locator("section", has_text="# critical-alerts").locator("form.typing input")
            await field.fill("/ack")
            await field.press("Enter")
            await page.wait_for_selector("text=Only visible to you")
            await page.wait_for_selector("text=Acknowledged by newcomer")
            assert await field.input_value() == ""
            await page.click("text=Give it back")
            await page.wait_for_selector("text=given back")
            await settled(page)
        async with watched(browser) as page:
            await page.goto(f"{sandbox.site}/slack?as=U0GUEST")
            await page.wait_for_selector("text=Acknowledge")
            assert await page.locator("text=Only visible to you").count() == 0
            await settled(page)


async def settled(page: Page) -> None:
    """The page has just looked whether something is new, and looks again in a second."""
    async with page.expect_request_finished(lambda asked: "/slack" in asked.url):
        pass
