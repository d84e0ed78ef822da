"""The sandbox's one address over real HTTP."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from responder.errors import UsageError
from responder.sandbox.site import POLICY, Site
from responder.sandbox.standins import StandIns
from responder.settings import Address
from tests.clock import ManualClock
from tests.sandbox.test_standins import KEYS

ANYWHERE = Address("127.0.0.1", 0)
PAGES = ("/", "/slack", "/pagerduty", "/mail")


def a_site(address: Address = ANYWHERE) -> Site:
    return Site(address, StandIns(KEYS, ANYWHERE, ManualClock()), "curl <here> -d '{}'")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = a_site()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("path", PAGES)
async def test_an_empty_page_says_what_to_do(site: Site, http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(f"{site.url}{path}") as answer:
        text = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert answer.headers["Content-Security-Policy"] == POLICY
    assert "Nothing has arrived here yet." in text
    assert "<pre>curl &lt;here&gt; -d &#x27;{}&#x27;</pre>" in text
    assert f'<a href="{path}" aria-current="page">' in text


def test_the_policy_lets_nothing_foreign_in() -> None:
    assert POLICY == (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def test_a_page_is_sent_again_when_something_has_arrived(
    site: Site, http: aiohttp.ClientSession
) -> None:
    async with http.get(site.url) as answer:
        known = {"If-None-Match": answer.headers["ETag"]}
    async with http.get(site.url, headers=known) as answer:
        assert (answer.status, await answer.text()) == (304, "")
    async with http.post(f"{site.url}/hooks/mine", json={"alerts": []}) as answer:
        assert answer.status == 200
    async with http.get(site.url, headers=known) as answer:
        assert answer.status == 200
        assert "no alerts" in await answer.text()


async def test_the_first_page_shows_the_newest(site: Site, http: aiohttp.ClientSession) -> None:
    for _ in range(201):
        async with http.post(f"{site.url}/hooks/mine", json={"alerts": []}) as answer:
            assert answer.status == 200
    async with http.get(site.url) as answer:
        text = await answer.text()
    assert (text.count('<li id="a'), text.count("Older ones are not shown.")) == (200, 1)
    assert 'id="a201"' in text
    assert 'id="a1"' not in text


async def test_what_a_webhook_is_told_is_listed(site: Site, http: aiohttp.ClientSession) -> None:
    alerts = [
        {"status": "firing", "labels": {"alertname": "B"}},
        {"status": "resolved", "labels": {"alertname": "A"}},
    ]
    body = {"alerts": alerts, "notification_reason": "some_resolved", "version": "4"}
    async with http.post(f"{site.url}/hooks/mine", json=body) as answer:
        assert answer.status == 200
    async with http.get(f"{site.url}/received") as answer:
        (arrival,) = await answer.json()
    assert '"version": "4"' in arrival.pop("text")
    assert arrival == {
        "number": 1,
        "at": "2026-01-05T00:00:00Z",
        "place": "webhook",
        "where": "mine",
        "how": "some_resolved",
        "what": "A, B: 1 firing, 1 resolved",
    }


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"alerts": [{}]}', b'{"alerts": [{"labels": {"a": 1}}]}']
)
async def test_what_is_no_webhook_is_refused(site: Site, http: aiohttp.ClientSession, body: bytes) -> None:
    async with http.post(f"{site.url}/hooks/x", data=body) as answer:
        assert answer.status == 400
    async with http.get(f"{site.url}/received") as answer:
        assert await answer.json() == []


async def test_slack_and_pagerduty_answer_under_it(site: Site, http: aiohttp.ClientSession) -> None:
    bearer = {"Authorization": f"Bearer {KEYS.slack}"}
    async with http.post(f"{site.url}/slack/api/auth.test", headers=bearer) as answer:
        assert (await answer.json())["ok"] is True
        assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")
    async with http.post(f"{site.url}/slack/api/auth.test") as answer:
        assert (await answer.json())["ok"] is False
        assert "x-oauth-scopes" not in answer.headers
    event = {"routing_key": "x" * 32, "event_action": "resolve", "dedup_key": "a"}
    async with http.post(f"{site.url}/pagerduty/v2/enqueue", json=event) as answer:
        assert answer.status == 400
    async with http.post(
        f"{site.url}/pagerduty/v2/enqueue", json=event | {"routing_key": KEYS.pagerduty}
    ) as answer:
        assert answer.status == 202


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:9096", 200),
        ("LOCALHOST", 200),
        ("[::1]:9096", 200),
        ("[::1]", 200),
        ("sandbox.example.com", 421),
        ("127.0.0.1.example.com:9096", 421),
    ],
)
async def test_it_answers_to_its_own_names_only(
    site: Site, http: aiohttp.ClientSession, host: str, status: int
) -> None:
    async with http.get(f"{site.url}/received", headers={"Host": host}) as answer:
        assert answer.status == status


async def test_a_port_in_use_is_said_in_one_line(site: Site) -> None:
    with pytest.raises(UsageError) as caught:
        await a_site(site.address).start()
    assert str(caught.value) == (
        f"{site.address} is in use by another program; the sandbox's stand-ins need it"
    )


async def test_stop_without_start_and_twice_is_nothing() -> None:
    made = a_site()
    await made.stop()
    await made.start()
    await made.stop()
    await made.stop()
