"""What a mail says, in words and in a browser: light, dark, on a phone, without styles."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace
from playwright.async_api import Browser, Page, Route, async_playwright

from responder.core.model import MINUTE
from responder.notify.emailbody import as_html, as_text, view
from tests.notify.incidents import FIRST, HOSTILE, MAILS, MANY, MORE, NOW, OVER, STALE, error_rate
from tests.notify.notices import MONDAY, alert, notification
from tests.notify.runs import BY_ANA, DENIED
from tests.notify.runs import HOSTILE as HARMFUL
from tests.peers.binaries import peer

GOLDEN = Path(__file__).parent / "golden" / "email"
URL = "https://responder.example.com"


def text(told: Any, now: int = NOW) -> str:
    return as_text(view(told, URL, now))


# -- words --------------------------------------------------------------------------------------


def test_one_alert_says_everything_once() -> None:
    assert text(FIRST) == (
        "HighErrorRate, prod-eu-1 / shop / checkout / checkout-7d9f\n"
        "Firing, critical. Began: 1 firing.\n"
        "\n"
        "* 12% of the requests to checkout fail\n"
        "  More than 5% of the requests were answered with 5xx for five minutes.\n"
        "  Customers cannot pay.\n"
        "  since 2026-01-05 00:01 UTC (9m)\n"
        "  Runbook: https://runbooks.example.com/high-error-rate\n"
        "  Dashboard: https://grafana.example.com/d/checkout?var-pod=checkout-7d9f\n"
        "  Source: https://prometheus.example.com/graph?g0.expr=errors%3A1\n"
        "\n"
        "cluster: prod-eu-1\n"
        "namespace: shop\n"
        "pod: checkout-7d9f\n"
        "service: checkout\n"
        "\n"
        "-- \n"
        "Incident 1-695aff3c, told to platform-mail (first_notification)\n"
        "https://responder.example.com\n"
    )


def test_what_all_alerts_say_is_said_once() -> None:
    both = view(MORE, URL, NOW)
    assert (both.shared.what, both.shared.links) == (
        "",
        [("Runbook", "https://runbooks.example.com/high-error-rate")],
    )
    assert both.shared.more.endswith("\nCustomers cannot pay.")
    same = view(replace(MORE, firing=(error_rate(1, "a", 7), error_rate(2, "b", 7)), resolved=()), URL, NOW)
    assert same.shared.what == "7% of the requests to checkout fail"
    assert [item.what for item in same.sections[0].items] == ["pod=a", "pod=b"]


def test_states_have_sections_and_tones() -> None:
    found = {
        name: [(section.title, section.tone) for section in view(told, URL, NOW).sections]
        for name, told in (("more", MORE), ("over", OVER), ("stale", STALE))
    }
    assert found == {
        "more": [("Firing (3)", "critical"), ("Resolved (1)", "resolved")],
        "over": [("", "resolved")],
        "stale": [("", "stale")],
    }


def test_lateness_is_said_in_a_line_of_its_own() -> None:
    assert "\n5m late, 2 earlier states skipped.\n" in text(MORE)
    assert view(replace(MORE, since=NOW), URL, NOW).late == "2 earlier states skipped."
    assert view(FIRST, URL, NOW).late == ""


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "when"),
    [
        (0, 0, ""),
        (MONDAY, 0, "since 2026-01-05 00:00 UTC (10m)"),
        (MONDAY, NOW - MINUTE, "2026-01-05 00:00 to 00:09 UTC (9m)"),
        (MONDAY - MINUTE, NOW, "2026-01-04 23:59 to 2026-01-05 00:10 UTC (11m)"),
    ],
)
def test_when(starts_at: int, ends_at: int, when: str) -> None:
    one = alert(1, starts_at=starts_at, ends_at=ends_at, alertname="A")
    told = notification(resolved=(one,)) if ends_at else notification(firing=(one,))
    (section,) = view(told, URL, NOW).sections
    assert section.items[0].when == when


def test_many_alerts_are_counted() -> None:
    mail = view(MANY, URL, NOW)
    assert [len(section.items) for section in mail.sections] == [20]
    assert (mail.sections[0].title, mail.more) == ("Firing (60)", "and 40 more")


def test_an_alert_cannot_pass_for_us() -> None:
    """What it says stands behind a mark or an indentation; only our own words begin a line."""
    own = (
        "Alert Subject",
        "Firing",
        "FIRING",
        "* ",
        "  ",
        "cluster: ",
        "namespace: ",
        "-- ",
        "Incident ",
        URL,
    )
    assert [line for line in text(HOSTILE).splitlines() if line and not line.startswith(own)] == []


def test_the_two_parts_say_the_same() -> None:
    for told in MAILS.values():
        mail = view(told, URL, NOW)
        html = as_html(mail)
        said = [mail.title, mail.state, mail.news, mail.late, mail.shared.what, mail.more, *mail.foot]
        said += [one for section in mail.sections for item in section.items for one in (item.what, item.when)]
        said += [value for pair in mail.common for value in pair]
        for words in filter(None, said):
            assert words in as_text(mail)
            assert escape(words).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in html


# -- in a browser -------------------------------------------------------------------------------

Scheme = Literal["light", "dark"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=peer("chromium"),
            args=[
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
            ],
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def a_page(
    browser: Browser, width: int, scheme: Scheme, *, expected: tuple[str, ...] = ()
) -> AsyncIterator[Page]:
    """A page that has nowhere to go, and fails the test if it asks for anything or complains unexpectedly."""
    complaints: list[str] = []

    async def refuse(route: Route) -> None:
        complaints.append(f"asked for {route.request.url}")
        await route.abort()

    context = await browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
    await context.route("**/*", refuse)
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    yield page
    await context.close()
    assert [complaint for complaint in complaints if not complaint.startswith(expected or "-")] == []


_FINDINGS = """() => ({
  tags: [...new Set([...document.querySelectorAll('*')].map(e => e.tagName.toLowerCase()))].sort(),
  attributes: [...new Set([...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()))].sort(),
  links: [...document.querySelectorAll('[href]')].map(e => e.protocol + e.textContent),
  overflow: document.documentElement.scrollWidth - window.innerWidth,
  ground: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.querySelector('h1')).color,
  dim: getComputedStyle(document.querySelector('.dim')).color,
})"""

_TAGS = frozenset(
    {"a", "body", "br", "div", "h1", "h2", "head", "html", "meta", "p", "style", "title"}
    | {"table", "tbody", "td", "tr"}
)
_ATTRIBUTES = frozenset(
    {"align", "border", "cellpadding", "cellspacing", "charset", "class", "content", "dir", "href"}
    | {"lang", "name", "role", "style", "valign", "width"}
)
_PICTURES = {("more", 390, "light"), ("more", 390, "dark"), ("over", 390, "light"), ("hostile", 390, "dark")}
"""Which are kept, to be looked at: drawn with another machine's fonts they would differ."""


@pytest.mark.peers
async def test_mails_in_a_browser_on_a_phone_and_a_desk_light_and_dark() -> None:
    sizes: list[tuple[int, Scheme]] = [(390, "light"), (390, "dark"), (800, "light"), (800, "dark")]
    async with chromium() as browser:
        for width, scheme in sizes:
            async with a_page(browser, width, scheme) as page:
                for name, told in MAILS.items():
                    await page.set_content(as_html(view(told, URL, NOW)))
                    check(await page.evaluate(_FINDINGS), dark=scheme == "dark")
                    if os.environ.get("UPDATE_GOLDEN") and (name, width, scheme) in _PICTURES:
                        picture = GOLDEN / f"{name}-{width}-{scheme}.png"
                        await page.screenshot(path=picture, full_page=True)


def check(found: dict[str, Any], *, dark: bool) -> None:
    assert set(found["tags"]) - _TAGS == set()
    assert set(found["attributes"]) - _ATTRIBUTES == set()
    assert {link.partition(":")[0] for link in found["links"]} <= {"https"}
    assert found["overflow"] <= 0
    assert contrast(found["ink"], found["ground"]) > 10
    assert contrast(found["dim"], found["ground"]) > 4.5
    assert (luminance(found["ground"]) < 0.1) is dark


@pytest.mark.peers
async def test_a_mail_without_styles_reads_in_order() -> None:
    async with chromium() as browser, a_page(browser, 390, "light") as page:
        await page.set_content(as_html(view(MORE, URL, NOW)))
        await page.evaluate(
            "() => { document.querySelectorAll('style').forEach(e => e.remove());"
            " document.querySelectorAll('[style]').forEach(e => e.removeAttribute('style')); }"
        )
        shown = await page.inner_text("body")
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    assert lines[:4] == [
        "Firing, critical",
        "HighErrorRate, prod-eu-1 / shop / checkout",
        "More alerts: 3 firing, 1 resolved.",
        "5m late, 2 earlier states skipped.",
    ]
    assert lines[-1] == URL


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance of `rgb(r, g, b)`."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_who_took_it_on_and_what_was_done_are_said_in_both_parts() -> None:
    mail = view(replace(FIRST, acknowledged=BY_ANA, runs=(DENIED, HARMFUL)), "https://r.example", NOW)
    assert mail.done[:2] == [
        "Acknowledged by ana at 2026-01-05 00:03 UTC",
        "Run r2-695aff3c: pod-restarts on prod / shop / Deployment checkout: denied (cooldown)",
    ]
    assert [len(line) for line in mail.done] == [43, 85, 300]
    text, html = as_text(mail), as_html(mail)
    assert [line in text for line in mail.done] == [True, True, True]
    assert (mail.done[0] in html, mail.done[1] in html, "<!channel>" in html) == (True, True, False)
