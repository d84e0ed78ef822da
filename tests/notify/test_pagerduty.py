"""PagerDuty through pdpyras and real HTTP: one request for each send, and what each answer means."""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from responder.core.catalogue import Secret, Template, Tls
from responder.core.model import MILLISECOND, SECOND, Alert
from responder.core.notification import (
    Acknowledgement,
    Attempt,
    Delivered,
    Notification,
    Outcome,
    Rejected,
    Retry,
    Unknown,
)
from responder.notify.integration import Senders
from responder.notify.pagerduty import KEY_ADVICE
from responder.notify.pagerdutyevent import dedup_key
from tests.notify.notices import alert, notification
from tests.notify.pager import KEY, Pager, closed_port, pagerduty, serving_pagerduty
from tests.notify.runs import BY_ANA, WAITS, update
from tests.notify.sink import Sink, garbage

TLS = Path(__file__).parent / "tls"
CA = (TLS / "ca.pem").read_text()
UNTRUSTED = Retry("network", "certificate: unable to get local issuer certificate")
NO_FILE = Retry("network", "TLS settings: No such file or directory")

FIRING = notification()
OVER = notification(resolved=(alert(),), reason="all_resolved")


@pytest.fixture
async def pager() -> AsyncIterator[Pager]:
    async with serving_pagerduty() as running:
        yield running


async def send(
    senders: Senders, url: str, what: Notification = FIRING, *, within: int = 10 * SECOND, **settings: Any
) -> Outcome:
    return await senders(pagerduty(url, **settings)).send(what, Attempt(within))


async def test_an_incident_begins_goes_on_and_ends_under_one_key(pager: Pager, senders: Senders) -> None:
    partly = notification(firing=(alert(1),), resolved=(alert(2),), reason="some_resolved")
    for what in (FIRING, partly, OVER, FIRING):
        assert await send(senders, pager.url, what) == Delivered()
    first, second = pager.incidents
    assert [entry.action for entry in first.log] == ["trigger", "trigger", "resolve"]
    assert (first.status, second.status) == ("resolved", "triggered")
    assert first.dedup_key == second.dedup_key == dedup_key("{}:{}")
    assert pager.requests == 4


async def test_an_acknowledgement_is_told_once(pager: Pager, senders: Senders) -> None:
    assert await send(senders, pager.url) == Delivered()
    taken = update(FIRING, acknowledged=BY_ANA)
    once = Delivered(f"acknowledged {BY_ANA.at}")
    assert await send(senders, pager.url, taken) == once
    assert await send(senders, pager.url, replace(taken, runs=(WAITS,), shown=once.receipt)) == once
    [incident] = pager.incidents
    assert ([entry.action for entry in incident.log], incident.status) == (
        ["trigger", "acknowledge"],
        "acknowledged",
    )
    later = replace(taken, acknowledged=replace_at(1), shown=once.receipt)
    assert await send(senders, pager.url, later) == Delivered(f"acknowledged {BY_ANA.at + 1}")
    assert pager.requests == 3


def replace_at(later: int) -> Acknowledgement:
    return Acknowledgement("ben", BY_ANA.at + later)


async def test_pagerduty_hears_of_no_other_update(pager: Pager, senders: Senders) -> None:
    for what in (
        update(FIRING, shown="acknowledged 1"),  # given back: its API has no way to say so
        update(FIRING, runs=(WAITS,)),
        update(OVER, acknowledged=BY_ANA),
        update(FIRING, acknowledged=BY_ANA, first=True),  # it was never told of it
    ):
        assert await send(senders, pager.url, what) == Delivered()
    assert pager.requests == 0


async def test_an_acknowledgement_that_is_refused_is_no_receipt(pager: Pager, senders: Senders) -> None:
    wrong = await send(senders, pager.url, update(FIRING, acknowledged=BY_ANA), key="x" * 32)
    assert isinstance(wrong, Rejected)


def test_the_key_is_alertmanagers() -> None:
    expected = "40e5ad762244a928de808f0d86f2916d44cdc7f75fc104dcc42c74d0c520e7d1"
    assert dedup_key('{}:{alertname="test"}') == expected


async def test_what_is_stale_still_needs_somebody(pager: Pager, senders: Senders) -> None:
    assert await send(senders, pager.url, notification(stale=(alert(),), reason="stale")) == Delivered()
    assert [event["event_action"] for event in pager.events] == ["trigger"]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("429", Retry("rate_limited", "HTTP 429", 30 * SECOND)),
        ("429:7", Retry("rate_limited", "HTTP 429", 7 * SECOND)),
        ("500", Retry("server_error", "HTTP 500: error 500")),
        ("502", Retry("server_error", "HTTP 502: error 502")),
        ("503:9", Retry("server_error", "HTTP 503: error 503", 9 * SECOND)),
        ("504", Retry("server_error", "HTTP 504: error 504")),
        (
            "html_500",
            Retry("server_error", "HTTP 500: <html><body><h1>Internal Server Error</h1></body></html>"),
        ),
        ("400:'summary' is odd", Rejected("client_error", "HTTP 400: 'summary' is odd")),
        ("401", Rejected("auth_error", "HTTP 401: error 401")),
        ("403", Rejected("auth_error", "HTTP 403: error 403")),
        ("404", Rejected("client_error", "HTTP 404: error 404")),
        ("302", Rejected("client_error", "HTTP 302: error 302")),
        (
            "bad_json",
            Unknown("HTTP 202, and not PagerDuty's answer: is pagerduty.events_url (127.0.0.1) right?"),
        ),
        ("reset", Unknown("the connection ended before an answer came")),
        ("reset_after", Unknown("the connection ended before an answer came")),
    ],
)
async def test_one_send_is_one_request_and_its_answer_is_named(
    pager: Pager, senders: Senders, fault: str, outcome: Outcome
) -> None:
    pager.fault(fault)
    assert await send(senders, pager.url) == outcome
    assert pager.requests == 1
    assert len(pager.events) == (fault in ("bad_json", "reset_after"))
    assert await send(senders, pager.url) == Delivered()
    assert [incident.status for incident in pager.incidents] == ["triggered"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (KEY[::-1], "Invalid routing key"),
        (KEY[:-1], "Length of 'routing_key' is incorrect (should be 32 characters)"),
        (f"{KEY[:-1]}-", "'routing_key' cannot contain non-alphanumeric characters."),
    ],
)
async def test_a_wrong_key_is_said_with_what_to_do_and_without_the_key(
    pager: Pager, senders: Senders, key: str, said: str
) -> None:
    outcome = await send(senders, pager.url, key=key)
    assert outcome == Rejected("auth_error", f"{said}: {KEY_ADVICE}")


async def test_an_answer_that_repeats_the_key_is_masked(
    pager: Pager, senders: Senders, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pdpyras")
    pager.fault(f"400:no such thing as {KEY}")
    pager.fault("401")
    pager.fault("503")
    outcomes = [await send(senders, pager.url) for _ in range(3)]
    assert outcomes[0] == Rejected("client_error", "HTTP 400: no such thing as <secret>")
    assert KEY[-4:] not in repr(outcomes)
    assert [record for record in caplog.records if record.name == "pdpyras"] == []


async def test_a_silent_service_is_waited_for_within_the_limit(pager: Pager, senders: Senders) -> None:
    pager.fault("hang", 2)
    late = Retry("timeout", "no answer within 0.5s")
    assert await send(senders, pager.url, within=500 * MILLISECOND) == late
    assert await send(senders, pager.url, timeout=500 * MILLISECOND) == late
    assert pager.requests == 2


async def test_nothing_listens(senders: Senders) -> None:
    outcome = await send(senders, f"http://127.0.0.1:{closed_port()}/v2/enqueue")
    assert outcome == Retry("refused", "connection refused")


async def test_no_such_host(senders: Senders, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    outcome = await send(senders, "http://pager.invalid/v2/enqueue")
    assert outcome == Retry("network", "name resolution: Name or service not known")


async def test_a_proxy_that_is_not_there(senders: Senders) -> None:
    proxy = Secret(f"http://user:hunter22@127.0.0.1:{closed_port()}")
    outcome = await send(senders, "https://pager.invalid/v2/enqueue", proxy_url=proxy)
    assert outcome == Retry("refused", "connection refused")


@pytest.mark.parametrize(
    ("tls", "outcome"),
    [
        (Tls(ca=CA, server_name="hooks.test"), Delivered()),
        (Tls(insecure_skip_verify=True), Delivered()),
        (None, UNTRUSTED),
        (Tls(server_name="hooks.test"), UNTRUSTED),
        (
            Tls(ca=CA),
            Retry(
                "network",
                "certificate: IP address mismatch, certificate is not valid for '127.0.0.1'.",
            ),
        ),
        (Tls(ca=CA, cert_file="/nowhere", key_file="/nowhere"), NO_FILE),
    ],
)
async def test_tls_is_by_the_rules_and_trusts_nobody_else(
    senders: Senders, tls: Tls | None, outcome: Outcome
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    async with serving_pagerduty(tls=context) as pager:
        assert await send(senders, pager.url, tls=tls) == outcome
        assert pager.requests == (outcome == Delivered())


async def test_what_answers_is_not_http(sink: Sink, senders: Senders) -> None:
    sink.answers(garbage)
    outcome = await send(senders, f"{sink.url}/v2/enqueue")
    assert outcome == Unknown("the connection ended before an answer came")
    assert len(sink.received) == 1


async def test_a_redirect_is_not_followed(sink: Sink, senders: Senders) -> None:
    sink.answers(web.Response(status=302, headers={"Location": f"{sink.url}/elsewhere"}))
    assert await send(senders, f"{sink.url}/v2/enqueue") == Rejected("client_error", "HTTP 302")
    assert [received.path for received in sink.received] == ["/v2/enqueue"]


async def test_a_url_that_cannot_be_called(senders: Senders) -> None:
    outcome = await send(senders, "gopher://127.0.0.1/v2/enqueue")
    assert outcome == Rejected("client_error", "no request can be made of this URL or proxy")


async def test_the_environment_names_no_proxy_for_us(
    pager: Pager, senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert await send(senders, pager.url) == Delivered()


async def test_an_event_that_was_given_up_is_not_sent_later(
    pager: Pager, senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up, asked = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def slow(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        looked_up.wait(30)
        return look_up(*args, **kwargs)

    assert await send(senders, pager.url) == Delivered()  # what is imported on first use is there
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    threads = set(threading.enumerate())
    outcome = await send(senders, pager.url, within=200 * MILLISECOND)
    assert outcome == Retry("timeout", "the request could not be sent within 0.2s")
    assert asked.is_set()
    late = set(threading.enumerate()) - threads
    looked_up.set()
    for thread in late:
        await asyncio.to_thread(thread.join, 10)
    assert [thread.is_alive() for thread in late] == [False] * len(late)
    assert (pager.requests, len(pager.events)) == (1, 1)


async def test_cancelling_ends_at_once(pager: Pager, senders: Senders) -> None:
    pager.fault("hang")
    sending = asyncio.create_task(send(senders, pager.url, within=30 * SECOND))
    while not pager.requests:  # noqa: ASYNC110 (the stand-in has nothing to wait for)
        await asyncio.sleep(0.001)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert pager.requests == 1


async def test_a_prefix_of_the_url_is_kept(senders: Senders) -> None:
    async with serving_pagerduty(prefix="/a/b") as pager:
        assert await send(senders, pager.url) == Delivered()


def many(count: int, size: int = 100) -> tuple[Alert, ...]:
    return tuple(
        alert(n, alertname="A", pod=f"web-{n}", annotations={"summary": "é" * size}) for n in range(count)
    )


async def test_what_is_too_large_loses_its_details_first(pager: Pager, senders: Senders) -> None:
    notes = {f"n{n}": "é" * 4_000 for n in range(100)}
    large = notification(firing=tuple(alert(n, annotations=notes, pod=str(n)) for n in range(200)))
    assert await send(senders, pager.url, large) == Delivered()
    (event,) = pager.events
    details = event["payload"]["custom_details"]
    assert details["left_out"].startswith("The event would be too large for PagerDuty: texts are shortened")
    assert len(details["firing"]) == 11
    assert details["firing"][-1] == "and 190 more"


async def test_too_large_for_the_service_is_tried_once_without_details(
    pager: Pager, senders: Senders
) -> None:
    pager.fault("413")
    assert await send(senders, pager.url, notification(firing=many(3))) == Delivered()
    assert pager.requests == 2
    assert pager.events[0]["payload"]["custom_details"] == {
        "incident": "1-0",
        "why": "Began: 3 firing",
        "receiver": "web.hook",
        "left_out": "The event would be too large for PagerDuty: all details are left out.",
    }
    pager.fault("413", 2)
    outcome = await send(senders, pager.url, notification(firing=many(3)))
    assert outcome == Rejected("client_error", "HTTP 413: error 413")
    assert pager.requests == 4


async def test_a_long_summary_is_cut_because_the_service_would_refuse_it(
    pager: Pager, senders: Senders
) -> None:
    assert await send(senders, pager.url, notification(firing=many(1, 5_000))) == Delivered()
    assert len(pager.events[0]["payload"]["summary"]) == 1_024


async def test_texts_of_the_rules_replace_ours(pager: Pager, senders: Senders) -> None:
    texts = {
        "description": "It\nburns",
        "severity": "warn",
        "source": "db-1",
        "component": "disk",
        "group": "storage",
        "class": "full",
        "client": "SRE",
        "client_url": "javascript:alert(1)",
        "details.team": "storage\nand backup",
        "details.why": "",
    }
    templates = {name: Template(text, plain=True) for name, text in texts.items()}
    links, images = (
        (("https://wiki/x", "Wiki"), ("file:///etc", "no")),
        (
            ("https://img/x.png", "", "graph"),
            ("http://img/y.png", "", ""),
        ),
    )
    outcome = await send(senders, pager.url, templates=templates, links=links, images=images)
    assert outcome == Delivered()
    (event,) = pager.events
    payload = event["payload"]
    assert {name: payload[name] for name in ("summary", "severity", "source", "component")} == {
        "summary": "It burns",
        "severity": "warning",
        "source": "db-1",
        "component": "disk",
    }
    assert (payload["group"], payload["class"]) == ("storage", "full")
    assert (event["client"], "client_url" in event) == ("SRE", False)
    details = payload["custom_details"]
    assert (details["team"], "why" in details) == ("storage\nand backup", False)
    assert event["links"] == [{"href": "https://wiki/x", "text": "Wiki"}]
    assert event["images"] == [{"src": "https://img/x.png", "alt": "graph"}]


async def test_a_severity_that_nobody_knows_is_an_error(pager: Pager, senders: Senders) -> None:
    templates = {"severity": Template("apocalypse", plain=True)}
    assert await send(senders, pager.url, templates=templates) == Delivered()
    assert pager.events[0]["payload"]["severity"] == "error"


async def test_a_template_that_fails_is_replaced_by_our_text(
    pager: Pager, senders: Senders, capsys: pytest.CaptureFixture[str]
) -> None:
    templates = {
        "description": Template("{{ 1 // 0 }}", place="routing.yaml:3:5"),
        "details.x": Template("{{ 1 // 0 }}", place="routing.yaml:4:5"),
    }
    assert await send(senders, pager.url, templates=templates) == Delivered()
    assert pager.events[0]["payload"]["summary"] == "Alert1"
    assert "x" not in pager.events[0]["payload"]["custom_details"]
    assert capsys.readouterr().out.count("template_failed") == 2
