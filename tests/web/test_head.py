"""Heads that the short way serves: what they say, and what is kept of them."""

import pytest

from responder.web.head import LONGEST, Head, Heads, may_become


def head(start: str = "POST /api/v2/alerts", *more: str, length: int | None = 2) -> bytes:
    lines = [f"{start} HTTP/1.1", "Host: one", *more]
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join((*lines, "", "")).encode()


def test_what_a_head_says() -> None:
    read = Heads().read(head("POST /webhooks/alertmanager", "X-Ä: ö", "Connection: Close"))
    assert read is None  # no such name in HTTP
    read = Heads().read(head("POST /webhooks/alertmanager", "X-A: ö", "Connection: Close"))
    fields = {"host": "one", "x-a": "ö", "connection": "Close", "content-length": "2"}
    assert read == Head("POST", "webhook", fields, 2, True, False)
    assert Heads().read(head("HEAD /-/ready", length=None)) == Head(
        "HEAD", "ready", {"host": "one"}, 0, False, True
    )


@pytest.mark.parametrize(
    "odd",
    [
        head("GET /api/v2/alerts", length=None),
        head("POST /api/v2/alerts", length=None),
        head("POST /api/v2/alerts?a=b"),
        head("GET /-/ready"),
        head("GET /-/ready", length=None).replace(b"1.1", b"1.0"),
        head("POST /-/ready"),
        head("POST /api/v2/alerts", "Content-Length: 2"),
        head("POST /api/v2/alerts", "Host: two"),
        head("POST /api/v2/alerts", "Connection: close", "Connection: keep-alive"),
        head("POST /api/v2/alerts", "Connection: keep-alive, TE"),
        head("POST /api/v2/alerts", "Expect: 100-continue"),
        head("GET /-/ready", "Transfer-Encoding: chunked", length=None),
        head("POST /api/v2/alerts", "X: a\0b"),
        head("POST /api/v2/alerts", "X : a"),
    ],
)
def test_what_is_odd_is_somebody_elses(odd: bytes) -> None:
    assert Heads().read(odd) is None


def test_a_head_is_known_again_by_its_bytes() -> None:
    heads = Heads()
    assert heads.read(head()) is heads.read(head())
    assert heads.read(head(length=3)) != heads.read(head())


def test_few_and_short_ones_are_kept() -> None:
    heads = Heads()
    long = head("POST /api/v2/alerts", f"X: {'x' * 1_024}")
    assert heads.read(long) is not heads.read(long)
    first = heads.read(head())
    assert heads.read(head()) is first
    for length in range(3, 1_003):
        heads.read(head(length=length))
    assert heads.read(head()) is not first


@pytest.mark.parametrize(
    ("beginning", "may"),
    [
        (b"P", True),
        (b"POST /api/v2/alerts HTTP/1.1\r\nX", True),
        (b"GET /-/", True),
        (b"GET /metrics", True),
        (b"GET /metrics?", False),
        (b"POST /api/v2/alerts HTTP/1.1\r\n" + b"x" * LONGEST, False),
    ],
)
def test_whether_it_can_still_become_one(beginning: bytes, may: bool) -> None:
    assert may_become(beginning) is may
