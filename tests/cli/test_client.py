"""Asking a service over HTTP: what goes out, and what each answer means to a person."""

from collections.abc import Iterator

import pytest

from tests.cli.service import Service
from tests.cli.story import run
from tests.peers.ports import free_port

EMPTY = {"balanced": True, "owed": 0, "closed": {}, "pending": 0, "reasons": {}, "problems": []}


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(EMPTY) as started:
        yield started


def refused(status: int, message: str) -> Service:
    return Service({"code": status, "message": message}, status)


def test_url_and_token_from_the_environment(service: Service) -> None:
    result = run("ledger", env={"RESPONDER_URL": f"{service.url}/prefix/", "RESPONDER_TOKEN": "t0ken"})
    assert (result.exit_code, result.output) == (0, "nothing was owed yet\n")
    assert service.asked == [("GET", "/prefix/api/v1/ledger", "Bearer t0ken")]


def test_options_win_over_the_environment(service: Service) -> None:
    run(
        *("ledger", "--url", service.url, "--token", "mine"),
        env={"RESPONDER_URL": "http://127.0.0.1:1", "RESPONDER_TOKEN": "theirs"},
    )
    assert service.asked == [("GET", "/api/v1/ledger", "Bearer mine")]


def test_no_proxy_for_loopback(service: Service) -> None:
    result = run("ledger", "--url", service.url, env={"http_proxy": "http://127.0.0.1:1", "no_proxy": None})
    assert result.exit_code == 0


def test_nothing_listens() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = run("ledger", "--url", url)
    assert (result.exit_code, result.output) == (
        2,
        f"nothing listens at {url}; start `responder serve`, or say where it is: --url URL\n",
    )


@pytest.mark.parametrize(
    ("status", "arguments", "exit_code", "output"),
    [
        (401, [], 1, "the token is not valid; give it as RESPONDER_TOKEN or --token"),
        (401, ["--token", "x"], 1, "the token is not valid (it came from --token or RESPONDER_TOKEN)"),
        (403, [], 1, "the token is not valid"),
        (404, [], 1, "the token is not valid"),
        (409, [], 1, "the token is not valid"),
        (503, [], 1, "the token is not valid"),
        (400, [], 2, "the token is not valid"),
        (421, [], 2, "the token is not valid"),
    ],
)
def test_what_the_service_refuses(status: int, arguments: list[str], exit_code: int, output: str) -> None:
    with refused(status, "the token is not valid") as service:
        result = run("ledger", "--url", service.url, *arguments)
    assert (result.exit_code, result.output) == (exit_code, f"{output}\n")


def test_something_else_answers() -> None:
    with Service(b"<html>It works!</html>") as service:
        result = run("ledger", "--url", service.url)
    assert (result.exit_code, result.output) == (
        2,
        f"what answers at {service.url} is not Responder; is the URL right?\n",
    )


def test_a_redirect_does_not_take_the_token_along(service: Service) -> None:
    with Service(b"", 302, {"Location": f"{service.url}/api/v1/ledger"}) as first:
        result = run("ledger", "--url", first.url, "--token", "t0ken")
    assert (result.exit_code, result.output) == (
        2,
        f"{first.url} answers with a redirect (302); give the URL that it leads to\n",
    )
    assert service.asked == []


@pytest.mark.parametrize("url", ["127.0.0.1:9095", "file:///etc/passwd", "http://", "http://x/?a=b"])
def test_not_a_url(url: str) -> None:
    result = run("ledger", "--url", url)
    assert (result.exit_code, result.output) == (
        2,
        f"--url {url!r} is not a URL such as http://127.0.0.1:9095\n",
    )


def test_no_such_host() -> None:
    result = run("ledger", "--url", "http://responder.invalid")
    assert result.exit_code == 2
    assert result.output.startswith("http://responder.invalid does not answer: ")
