"""One event to PagerDuty's Events API through pdpyras: one HTTP request, and what became of it.

`pagerduty` and `doctor` call it in a thread of their own; it blocks. It never repeats a request,
follows no redirect, takes no proxy from the environment, and begins no body for an attempt that was
given up: a trigger that arrives after the resolve would page for nothing.
"""

import logging
import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping
from errno import ECONNREFUSED
from socket import gaierror
from typing import Any, Final

from requests.adapters import HTTPAdapter
from requests.exceptions import ProxyError, RequestException, SSLError, Timeout
from urllib3 import disable_warnings
from urllib3.exceptions import InsecureRequestWarning

from responder.core.catalogue import PagerdutySettings, Tls
from responder.core.model import SECOND, Nanoseconds
from responder.core.notification import Rejected, Retry, Unknown
from responder.notify.http import Answer, Http, Progress, timed_out

with warnings.catch_warnings():
    # It says at import that `pagerduty` succeeds it. That one refuses http:// URLs, so that neither a
    # stand-in nor a proxy on loopback could be used; what is needed of pdpyras is small and final.
    warnings.filterwarnings("ignore", 'The package "pdpyras" is deprecated', UserWarning)
    import pdpyras  # type: ignore[import-untyped]

_READ: Final = 4_096
_QUIET: Final = logging.Logger("pdpyras", logging.CRITICAL + 1)  # noqa: LOG001 (it is no part of the tree)
"""What pdpyras logs, delivery logs too, and with a name for it."""


class GivenUp(Exception):
    """Nobody waits for this attempt any more; nothing of the event was sent."""


def enqueue(
    settings: PagerdutySettings,
    http: Http,
    body: bytes,
    limit: Nanoseconds,
    progress: Progress,
    wanted: Callable[[], bool] = lambda: True,
    headers: Mapping[str, str] | None = None,
) -> Answer | Retry | Rejected | Unknown:
    """Post an event. `limit` is for connecting and for each wait for the answer.

    `wanted` is asked before the body goes out; if it says no, GivenUp is raised. `headers` go along.
    """
    progress.reset()
    try:
        context = http.context(settings.tls or Tls())
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else ""
        return Retry("network", f"TLS settings: {words or type(error).__name__}")
    with pdpyras.EventsAPISession(settings.routing_key.reveal()) as session:
        _set_up(session, settings, context, limit)
        session.headers.update(headers or {})
        try:
            response = session.post(settings.url, data=_Body(body, progress, wanted), allow_redirects=False)
        except pdpyras.PDClientError as error:
            return _failure(error, progress, limit)
        progress.answer = Answer(response.status_code, response.headers, response.content[:_READ])
        return progress.answer


def _set_up(session: Any, settings: PagerdutySettings, context: ssl.SSLContext, limit: Nanoseconds) -> None:
    session.log = _QUIET
    session.url = settings.url
    session.timeout = limit / SECOND
    # One request. A status whose retries are used up is returned, and with -1 they always are: 429
    # would be repeated for ever otherwise, 5xx for minutes, and 401 raised with a part of the key.
    session.retry = dict.fromkeys(range(400, 600), 1)
    session.max_http_attempts = -1
    session.max_network_attempts = 0
    session.trust_env = False
    if settings.proxy_url:
        session.proxies = dict.fromkeys(("http", "https"), settings.proxy_url.reveal())
    if context.verify_mode is ssl.CERT_NONE:
        disable_warnings(InsecureRequestWarning)  # somebody wrote insecure_skip_verify: they know
    adapter = _Adapter(context, settings.tls.server_name if settings.tls else "")
    session.mount("https://", adapter)


class _Adapter(HTTPAdapter):
    """TLS by our own context, with the authorities that it trusts and no others."""

    def __init__(self, context: ssl.SSLContext, server_name: str) -> None:
        self._tls = {"ssl_context": context} | ({"server_hostname": server_name} if server_name else {})
        super().__init__()

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, dict(self._tls)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: the context knows. The original adds requests' own authorities."""


class _Body:
    """A request's body that notes when it has been read, and is not read in vain."""

    def __init__(self, body: bytes, progress: Progress, wanted: Callable[[], bool]) -> None:
        self._body, self._at = body, 0
        self._progress = progress
        self._wanted = wanted

    def __len__(self) -> int:
        return len(self._body)

    def __deepcopy__(self, memo: Any) -> "_Body":
        return self  # pdpyras copies its arguments

    def read(self, size: int = -1) -> bytes:
        if not self._wanted():
            raise GivenUp
        chunk = self._body[self._at :] if size < 0 else self._body[self._at : self._at + size]
        self._at += len(chunk)
        self._progress.sent = self._at == len(self._body)
        return chunk


# -- what went wrong --------------------------------------------------------------------------


def _failure(error: Exception, progress: Progress, limit: Nanoseconds) -> Retry | Rejected | Unknown:
    """What an exception means. None of its words is used: some hold the URL, or part of the key."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Retry("network", f"certificate: {cause.verify_message}")
        if isinstance(cause, gaierror):
            return Retry("network", f"name resolution: {cause.strerror}")
        if isinstance(cause, ConnectionRefusedError) or getattr(cause, "errno", None) == ECONNREFUSED:
            return Retry("refused", "connection refused")
    if any(isinstance(cause, Timeout | TimeoutError) for cause in causes):
        return timed_out(progress, limit)
    for cause in causes:
        if isinstance(cause, ProxyError):
            return Retry("network", "the proxy does not connect")
        if isinstance(cause, SSLError):
            return Retry("network", "TLS: no connection can be made")
        if isinstance(cause, ValueError) and isinstance(cause, RequestException):
            return Rejected("client_error", "no request can be made of this URL or proxy")
    if progress.sent:
        return Unknown("the connection ended before an answer came")
    return Retry("network", "the connection ended before the request was sent")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what brought it about, the outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
