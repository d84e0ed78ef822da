"""Why a call to a cluster failed, in plain words, and whether it may have changed something.

`client` makes CallFailed of whatever the library raises; the actions read `sent` before they say how
a step ended. No words of an exception are used, and no credential is in what it says.
"""

import json
import ssl
from collections.abc import Mapping
from errno import ECONNREFUSED
from socket import gaierror
from typing import Any, Final, NamedTuple

import aiohttp

from responder.core.catalogue import MASK
from responder.core.model import SECOND, Nanoseconds

_EXCERPT: Final = 200

_REFUSED: Final = frozenset({400, 401, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422, 429, 431})
"""Answers of a server that did nothing, or undid it. A 5xx may come after the change was stored."""

_NAMES: Final[Mapping[int, str]] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Subject(NamedTuple):
    """What was asked: `patch deployments shop/checkout in cluster production`."""

    verb: str
    resource: str
    namespace: str
    name: str
    cluster: str

    def __str__(self) -> str:
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.resource}{' ' if where else ''}{where} in cluster {self.cluster}"


class CallFailed(Exception):
    """A call that did not succeed.

    `status` 0: there was no answer. `sent`: what was asked may have been done. `retry_after`: what the
    server asked for, 0 if it did not.
    """

    def __init__(
        self,
        subject: Subject,
        words: str,
        *,
        status: int = 0,
        sent: bool = False,
        retry_after: Nanoseconds = 0,
    ) -> None:
        super().__init__(f"{subject}: {words}")
        self.words = words
        self.status = status
        self.sent = sent
        self.retry_after = retry_after


class Redirected(Exception):
    """The server sent us elsewhere, where nobody goes with our credentials."""


def meaning(error: Exception, subject: Subject, limit: Nanoseconds, credential: str) -> CallFailed:
    """What an exception of the client library means."""
    reads = subject.verb in ("get", "list")
    status = getattr(error, "status", None)
    if isinstance(status, int) and status > 0 and hasattr(error, "body"):
        return _answered(error, status, subject, reads, credential)
    if isinstance(error, aiohttp.ClientConnectorError):
        return CallFailed(subject, _not_connected(error.os_error))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return CallFailed(subject, "no connection could be made in time")
    if isinstance(error, TimeoutError):
        return CallFailed(subject, f"no answer within {limit / SECOND:g}s", sent=not reads)
    if isinstance(error, Redirected):
        return CallFailed(
            subject, "the server answered with a redirect, which is not followed", sent=not reads
        )
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return CallFailed(subject, "the server's address in the kubeconfig is no URL")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return CallFailed(subject, f"the proxy answered HTTP {error.status}")
    if isinstance(error, aiohttp.ClientError | OSError):
        return CallFailed(subject, "the connection ended before an answer came", sent=not reads)
    return CallFailed(subject, f"the answer cannot be understood ({type(error).__name__})", sent=not reads)


def _answered(error: Any, status: int, subject: Subject, reads: bool, credential: str) -> CallFailed:
    said = _status_object(error.body)
    reason = said.get("reason")
    name = reason if isinstance(reason, str) and reason.isalpha() else _NAMES.get(status, "HTTP")
    words = f"{status} {name}"
    if status == 401:
        words += ": the cluster does not know our credentials"
    elif excerpt := _clean(said.get("message") or error.body, credential):
        words += f": {excerpt}"
    return CallFailed(
        subject,
        words,
        status=status,
        sent=not reads and status not in _REFUSED,
        retry_after=_retry_after(error.headers, said),
    )


def _status_object(body: Any) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (TypeError, ValueError):
        return {}
    return said if isinstance(said, dict) and said.get("kind") == "Status" else {}


def _clean(text: Any, credential: str) -> str:
    """One line of printable characters without our credential."""
    if not isinstance(text, str):
        return ""
    if len(credential) >= 4:
        text = text.replace(credential, MASK)
    line = " ".join("".join(char if char.isprintable() else " " for char in text[:4_096]).split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 3] + "..."


def _retry_after(headers: Mapping[str, str] | None, said: Mapping[str, Any]) -> Nanoseconds:
    details = said.get("details")
    seconds = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    text = (headers or {}).get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:6]) * SECOND
    return seconds * SECOND if isinstance(seconds, int) and 0 < seconds < 10**6 else 0


def _not_connected(cause: OSError) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS: {cause.reason or type(cause).__name__}"
    if isinstance(cause, gaierror):
        return f"name resolution: {cause.strerror}"
    if cause.errno == ECONNREFUSED:
        return "connection refused"
    return f"cannot connect: {cause.strerror or type(cause).__name__}"
