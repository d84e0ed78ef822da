"""What the doctor finds about PagerDuty, at the stand-in."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from responder.core.catalogue import PagerdutySettings, Secret, Tls
from responder.finding import Finding
from responder.notify.doctor.asking import TEST
from responder.notify.doctor.pagerduty import examine
from responder.notify.http import Http
from tests.clock import ManualClock
from tests.notify.pager import KEY, Pager, closed_port, serving_pagerduty

TLS = Path(__file__).parents[1] / "tls"
KEY_IS_FINE = Finding(
    "ok",
    "pagerduty ops",
    "the integration key has the right form; whether it exists only an event can tell:"
    " --send opens and closes one",
)
KEY_IS_FORMED = Finding("ok", "pagerduty ops", "the integration key has the right form")
ANSWERS = Finding("ok", "pagerduty ops", "127.0.0.1 answers, without TLS")


@pytest.fixture
async def pager() -> AsyncIterator[Pager]:
    async with serving_pagerduty() as running:
        yield running


async def look(
    url: str, key: str = KEY, receiver: str = "ops", *, send: bool = False, **settings: Any
) -> list[Finding]:
    http = Http()
    wanted = [(receiver, PagerdutySettings(Secret(key), url, **settings))]
    try:
        return await examine(wanted, http, ManualClock(), send=send)
    finally:
        await http.close()


async def test_all_is_well_and_nothing_was_sent(pager: Pager) -> None:
    assert await look(pager.url) == [KEY_IS_FINE, ANSWERS]
    assert pager.requests == 0


async def test_a_test_is_opened_and_closed(pager: Pager) -> None:
    sent = Finding("ok", "pagerduty ops", "a test incident was opened and resolved: the key exists")
    assert await look(pager.url, send=True) == [KEY_IS_FORMED, ANSWERS, sent]
    (incident,) = pager.incidents
    assert (incident.summary, incident.severity, incident.status) == (TEST, "info", "resolved")
    assert [entry.action for entry in incident.log] == ["trigger", "resolve"]


async def test_a_key_that_does_not_exist_is_found_by_a_test_alone(pager: Pager) -> None:
    assert [each.level for each in await look(pager.url, KEY[::-1])] == ["ok", "ok"]
    found = await look(pager.url, KEY[::-1], send=True)
    assert [each.level for each in found] == ["ok", "ok", "problem"]
    assert found[-1].found.startswith("a test event was not taken: Invalid routing key")
    assert KEY[::-1] not in repr(found)


async def test_an_end_that_is_not_taken_is_for_a_person(pager: Pager) -> None:
    pager.per_minute = 1
    found = await look(pager.url, send=True)
    assert found[-1] == Finding(
        "problem",
        "pagerduty ops",
        "a test incident was opened, and its end was not taken: HTTP 429",
        f'resolve the incident "{TEST}" by hand',
    )


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("short", "has 5 characters"),
        ("-" * 32, "has characters other than letters and digits"),
        ("", "has 0 characters"),
    ],
)
async def test_a_malformed_key_is_never_sent(pager: Pager, key: str, wrong: str) -> None:
    found = await look(pager.url, key, send=True)
    assert found[0] == Finding(
        "problem",
        "pagerduty ops",
        f"the integration key {wrong}; PagerDuty refuses all but 32 letters and digits",
        "copy the key again: PagerDuty, Services, (the service), Integrations, Events API v2",
    )
    assert found[1:] == [ANSWERS]
    assert pager.requests == 0


async def test_nobody_is_there() -> None:
    found = await look(f"http://127.0.0.1:{closed_port()}/v2/enqueue", send=True)
    assert found == [
        KEY_IS_FORMED,
        Finding(
            "problem",
            "pagerduty ops",
            "127.0.0.1 cannot be reached: connection refused",
            "check host and port: nothing listens there, or a firewall refuses (looked at 127.0.0.1)",
        ),
    ]


async def test_certificates_are_verified() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    trusted = Tls(ca=(TLS / "ca.pem").read_text(), server_name="hooks.test")
    async with serving_pagerduty(tls=context) as pager:
        found = [
            (await look(pager.url, tls=tls))[1]
            for tls in (trusted, Tls(insecure_skip_verify=True), Tls(server_name="hooks.test"))
        ]
    assert found == [
        Finding("ok", "pagerduty ops", "127.0.0.1 answers, its certificate is verified"),
        Finding("ok", "pagerduty ops", "127.0.0.1 answers, its certificate is NOT verified"),
        Finding(
            "problem",
            "pagerduty ops",
            "127.0.0.1 cannot be reached: certificate: unable to get local issuer certificate",
            "trust the authority that signed 127.0.0.1's certificate (ca_file), or correct the name",
        ),
    ]


async def test_receivers_that_share_a_key_are_one(pager: Pager) -> None:
    settings = PagerdutySettings(Secret(KEY), pager.url)
    http = Http()
    found = await examine([("a", settings), ("b", settings)], http, ManualClock())
    await http.close()
    assert [each.about for each in found] == ["pagerduty a, b"] * 2
