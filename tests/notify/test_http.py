"""TLS, proxies and Retry-After, as every sender that speaks HTTP has them."""

import ssl
from base64 import b64encode
from pathlib import Path

import pytest
from yarl import URL

from responder.core.catalogue import Secret, Tls
from responder.core.model import HOUR, SECOND
from responder.core.notification import Delivered, Retry
from responder.notify.http import Redactor, retry_after, url_secrets
from responder.notify.integration import Senders
from tests.notify.notices import MONDAY, tell
from tests.notify.sink import Sink, serving

TLS = Path(__file__).parent / "tls"


def server_context(client_certificate: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(TLS / "ca.pem")
    return context


CA = (TLS / "ca.pem").read_text()


async def test_tls_with_a_server_name_and_an_authority(senders: Senders) -> None:
    async with serving(server_context()) as sink:
        trusted = Tls(ca=CA, server_name="hooks.test", min_version="TLS12", max_version="TLS13")
        assert await tell(senders, sink.url, tls=trusted) == Delivered()


@pytest.mark.parametrize("tls", [None, Tls(), Tls(ca=CA), Tls(server_name="hooks.test")])
async def test_a_certificate_that_does_not_fit(senders: Senders, tls: Tls | None) -> None:
    async with serving(server_context()) as sink:
        outcome = await tell(senders, sink.url, tls=tls)
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.detail.partition(":")[0]) == ("network", "certificate")
    assert sink.received == []


async def test_verification_can_be_left_out(senders: Senders) -> None:
    async with serving(server_context()) as sink:
        assert await tell(senders, sink.url, tls=Tls(insecure_skip_verify=True)) == Delivered()


async def test_client_certificates_are_shown_and_read_again_when_they_change(
    senders: Senders, tmp_path: Path
) -> None:
    key, cert = tmp_path / "key", tmp_path / "cert"
    tls = Tls(ca=CA, cert_file=str(cert), key_file=str(key), server_name="hooks.test")
    async with serving(server_context(client_certificate=True)) as sink:
        assert await tell(senders, sink.url, tls=tls) == Retry(
            "network", "TLS settings: No such file or directory"
        )
        key.write_text((TLS / "server.key").read_text())
        cert.write_text((TLS / "server.pem").read_text())
        refused = await tell(senders, sink.url, tls=tls)  # a server's certificate is no client's
        assert not isinstance(refused, Delivered)
        key.unlink()
        cert.unlink()
        key.write_text((TLS / "client.key").read_text())
        cert.write_text((TLS / "client.pem").read_text())
        assert await tell(senders, sink.url, tls=tls) == Delivered()
    assert len(sink.received) == 1


async def test_a_proxy_is_used_with_its_credentials(sink: Sink, senders: Senders) -> None:
    proxy = Secret(sink.url.replace("//", "//pu:pp@"))
    assert await tell(senders, "http://hooks.test/in?x=1", proxy_url=proxy) == Delivered()
    received = sink.received[0]
    assert received.path == "http://hooks.test/in?x=1"
    assert received.headers["Proxy-Authorization"] == "Basic " + b64encode(b"pu:pp").decode()


async def test_a_proxy_that_refuses(sink: Sink, senders: Senders) -> None:
    # A server that knows no CONNECT.
    outcome = await tell(senders, "https://hooks.test/in", proxy_url=Secret(sink.url))
    assert outcome == Retry("network", "the proxy answered HTTP 404")


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({}, 0),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": " 120 "}, 120 * SECOND),
        ({"Retry-After": "1.5"}, 0),
        ({"Retry-After": "٣"}, 0),
        ({"Retry-After": "Mon, 05 Jan 2026 01:00:00 GMT"}, HOUR),
        (
            {"Retry-After": "Mon, 05 Jan 2026 01:00:00 GMT", "Date": "Mon, 05 Jan 2026 00:59:50 GMT"},
            10 * SECOND,
        ),
        ({"Retry-After": "Mon, 05 Jan 2026 01:00:00 GMT", "Date": "yesterday"}, HOUR),
        ({"Retry-After": "Sun, 04 Jan 2026 23:00:00 GMT"}, 0),
        ({"Retry-After": "Mon, 99 Jan 2026 01:00:00 GMT"}, 0),
    ],
)
def test_what_retry_after_asks_for(headers: dict[str, str], after: int) -> None:
    assert retry_after(headers, MONDAY) == after


def test_the_longest_secret_is_taken_out_first() -> None:
    redactor = Redactor(["pass", "password1", "abc", ""])
    assert redactor.clean("abc password1\npass\x00word") == "abc <secret> <secret> word"


def test_no_part_of_a_url_is_shown_alone() -> None:
    redactor = Redactor(url_secrets(URL("https://hooks.test/services/T0/0123456789abcdef?key=a%20b%20c&v=1")))
    for text in ("0123456789abcdef", "a b c", "a%20b%20c", "/services/T0/0123456789abcdef"):
        assert redactor.clean(f"no {text}") == "no <secret>"
    assert redactor.clean("no services at hooks.test") == "no services at hooks.test"
