"""Plain HTTP calls from a test to a server on loopback.

Tests, fixtures and benchmarks use it. It never retries and never follows a redirect: what the server did is
what the test sees.
"""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def call(
    method: str,
    url: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Reply:
    """One request. `body`: bytes go as they are, the rest as JSON. Raises OSError if there is no answer."""
    parts = urlsplit(url)
    sent = dict(headers or {})
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"{method} {url}: {error!r}") from error
    finally:
        connection.close()


def get(url: str, timeout: float = 10.0) -> Reply:
    """GET."""
    return call("GET", url, timeout=timeout)


def post(url: str, body: Any, headers: Mapping[str, str] | None = None, timeout: float = 10.0) -> Reply:
    """POST, as JSON unless `body` is bytes."""
    return call("POST", url, body, headers, timeout)


def answers_ok(url: str) -> bool:
    """Whether a GET is answered 200 just now."""
    return get(url, timeout=1.0).status == 200


def wait_until(holds: Callable[[], bool], timeout: float = 10.0, what: str = "") -> float:
    """Ask until it holds: seconds that this took. After `timeout` seconds AssertionError, naming `what`."""
    began = time.monotonic()
    while time.monotonic() < began + timeout:
        if holds():
            return time.monotonic() - began
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout:g} s: {what or holds}")
