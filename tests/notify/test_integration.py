"""Finding the Sender of an integration."""

from msgspec.structs import replace

from responder.core.catalogue import Secret
from responder.core.model import SECOND
from responder.core.notification import Attempt, Delivered, Rejected
from responder.core.rules import Receiver
from responder.notify.integration import Senders, needed
from tests.core.words import rules
from tests.notify.notices import notification, webhook
from tests.notify.sink import Sink


async def test_one_sender_for_an_integration_until_its_settings_change(sink: Sink, senders: Senders) -> None:
    one = webhook(f"{sink.url}/a")
    sender = senders(one)
    assert senders(one) is sender
    assert senders(webhook(f"{sink.url}/a")) is sender
    other = webhook(f"{sink.url}/a", headers=(("X-Team", Secret("sre")),))
    assert senders(other) is not sender
    for which in (sender, senders(other)):
        assert await which.send(notification(), Attempt(SECOND)) == Delivered()
    assert [received.headers.get("X-Team") for received in sink.received] == [None, "sre"]


async def test_what_waits_is_sent_as_the_newest_rules_say(sink: Sink, senders: Senders) -> None:
    old, new = (webhook(f"{sink.url}/a", headers=(("X-Key", Secret(key)),)) for key in ("old", "new"))
    assert await senders(old).send(notification(), Attempt(SECOND)) == Delivered()
    senders.renew(rules(receivers=[Receiver("team", (new,))]))
    assert senders(old) is senders(new)
    assert await senders(old).send(notification(), Attempt(SECOND)) == Delivered()
    assert [received.headers["X-Key"] for received in sink.received] == ["old", "new"]


async def test_what_we_lack_is_rejected(senders: Senders) -> None:
    lacking = replace(webhook("http://x"), kind="pushover", settings=None, supported=False)
    outcome = await senders(lacking).send(notification(), Attempt(SECOND))
    assert outcome == Rejected("unsupported", "Responder has no pushover integration")
    marked = replace(webhook("http://x"), supported=False)
    outcome = await senders(marked).send(notification(), Attempt(SECOND))
    assert outcome == Rejected("unsupported", "Responder has no webhook integration")


def test_what_rules_need_is_known_before_anything_is_sent() -> None:
    pager, mail = replace(webhook("http://x"), kind="pagerduty"), replace(webhook("http://x"), kind="email")
    lacking = replace(webhook("http://x"), kind="slack", supported=False)
    told = rules(receivers=[Receiver("team", (mail, pager)), Receiver("other", (pager, lacking))])
    assert needed(told) == [f"responder.notify.{kind}" for kind in ("pagerduty", "webhook", "email")]


async def test_closing_twice_and_without_use(senders: Senders) -> None:
    await senders.close()
    await senders.close()
