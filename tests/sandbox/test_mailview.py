"""Mails as conversations, on a page and in a terminal; and that a mail cannot touch the page."""

from email.message import EmailMessage

import pytest

from responder.core.model import SECOND
from responder.notify.integration import Senders
from responder.sandbox.mailview import as_html, as_text, threads
from responder.sandbox.smtp import Mail
from tests.clock import MONDAY, ManualClock
from tests.notify.incidents import FIRST, HOSTILE, MORE, OVER
from tests.notify.mails import mail as tell
from tests.notify.mails import mail_server
from tests.notify.test_emailbody import a_page, chromium


def mail(number: int, references: str = "", html: str = "", subject: str = "s", text: str = "t") -> Mail:
    message = EmailMessage()
    message["Subject"] = subject
    message["Message-ID"] = f"<{number}@x>"
    if references:
        message["References"] = references
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return Mail(number, MONDAY + number * SECOND, "h", "a@x", ("b@x",), number % 2 == 0, "", b"", message)


def test_conversations_go_by_their_root_and_the_newest_comes_first() -> None:
    mails = [mail(1, "<r>"), mail(2), mail(3, "<r> <1@x>"), mail(4, "<q>"), mail(5)]
    assert [[one.number for one in thread.mails] for thread in threads(mails)] == [[5], [4], [1, 3], [2]]


def test_a_conversation_that_goes_on_comes_first() -> None:
    mails = [mail(1, "<r>"), mail(2, "<q>"), mail(3, "<r>")]
    assert [[one.number for one in thread.mails] for thread in threads(mails)] == [[1, 3], [2]]


def test_a_mail_as_lines() -> None:
    assert as_text(mail(2, subject="[Firing] x", text="one\ntwo")) == [
        "00:00:02 [Firing] x",
        "to b@x (over TLS)",
        "one",
        "two",
    ]


def test_nothing_yet() -> None:
    assert as_html([]) == "<p>No mail has come yet.</p>"


def test_many_conversations_are_counted() -> None:
    html = as_html([mail(number) for number in range(60)])
    assert (html.count("<section"), html.count("and 10 more conversations")) == (50, 1)


def test_a_long_conversation_shows_its_newest_mails() -> None:
    html = as_html([mail(number, "<r>") for number in range(12)])
    assert (html.count("<details"), html.count("12 mails, the newest 10 of them here")) == (10, 1)
    assert 'id="mail2"' in html
    assert '<details id="mail11" open>' in html


def test_a_mail_without_html_is_shown_as_text_and_escaped() -> None:
    html = as_html([mail(1, subject="<b>", text="<script>alert(1)</script>")])
    assert "<pre>&lt;script&gt;alert(1)&lt;/script&gt;\n</pre>" in html
    assert "<h2>&lt;b&gt;</h2>" in html
    assert "<script" not in html


def test_a_mail_that_cannot_be_read_is_shown_as_such() -> None:
    broken = mail(1)
    broken.message.replace_header("Content-Type", 'text/plain; charset="no-such-charset"')
    assert "<pre>(a mail that cannot be read)</pre>" in as_html([broken])


HARM = (
    "</body></iframe><h1 id=out>out</h1><script>parent.document.title='x'</script>"
    "<img src=http://evil.example/x.png><style>@import 'http://evil.example/x.css';</style>"
    "<form action=http://evil.example><button>go</button></form>"
)


@pytest.mark.peers
async def test_a_mails_html_stays_in_its_frame_and_loads_nothing() -> None:
    """The page has the policy that the sandbox's page is served with."""
    senders = Senders("http://responder:9095", True, ManualClock())
    async with mail_server() as server:
        for told in (FIRST, MORE, OVER, HOSTILE):
            await tell(senders, server, told)
        mails = [*server.mails, mail(99, html=HARM, subject='"><script>1</script>')]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    page_html = (
        f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{policy}"><title>t</title>'
        f"{as_html(mails)}"
    )
    refused = ("error: Blocked script execution in 'about:srcdoc'", "error: Loading the ")
    async with chromium() as browser, a_page(browser, 800, "light", expected=refused) as page:
        await page.set_content(page_html)
        assert await page.title() == "t"
        counted = await page.evaluate(
            "() => ['iframe', 'script', 'img', 'h1', 'form', 'section', 'details[open]']"
            ".map(name => document.querySelectorAll(name).length)"
        )
        assert counted == [5, 0, 0, 0, 0, 2, 1]
        shown = [await frame.locator("body").inner_text() for frame in page.frames[1:]]
        assert sum("Customers cannot pay." in text for text in shown) == 3
