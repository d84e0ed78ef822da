"""One HTTP request to a service, and what its answer or its failure means for delivery.

`webhook` and `oauth` call it; other services that speak HTTP may. It never retries, never follows
a redirect by itself, keeps no cookies, and lets no secret out.
"""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from errno import ECONNREFUSED, ETIMEDOUT
from pathlib import Path
from socket import gaierror
from typing import Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict
from yarl import URL

from responder.core.catalogue import MASK, Secret, Tls
from responder.core.model import SECOND, Nanoseconds
from responder.core.notification import Rejected, Retry, Unknown
from responder.notify import line
from responder.tracing import calling, current

_EXCERPT: Final = 200
_READ: Final = 4_096
_TLS_VERSIONS: Final = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Request:
    """What to send and how. `written`: a POST as the short way sends it, where that is known already."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes = b""
    tls: Tls | None = None
    proxy: Secret | None = None
    written: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's answer; `body` is its beginning, and empty where nobody needs it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Progress:
    """How far an exchange has come, for whoever must judge it after it was cut off."""

    __slots__ = ("answer", "sent")

    def __init__(self) -> None:
        """Nothing has gone out."""
        self.sent = False
        self.answer: Answer | None = None

    def reset(self) -> None:
        """Another request begins."""
        self.sent, self.answer = False, None


class Http:
    """The connections of all senders: one session, one TLS context for each distinct setting."""

    def __init__(self) -> None:
        """Nothing is opened yet."""
        self._session: aiohttp.ClientSession | None = None
        self._lines = line.Lines()
        self._contexts: dict[Tls, tuple[object, ssl.SSLContext]] = {}

    async def ask(self, request: Request, progress: Progress, read: int = 0) -> Answer:
        """Send it and return the answer, with `read` bytes of its body, or enough for an error.

        `progress` tells meanwhile how far it has come. Raises aiohttp.ClientError, OSError or
        ValueError; `failure` says what they mean. It has no time limit of its own.
        """
        if current() is None:
            return await self._ask(request, progress, read)
        with calling(request.method, str(request.url), request.method) as call:
            headers = CIMultiDict(request.headers)
            headers.update(call.headers)
            answer = await self._ask(replace(request, headers=headers, written=None), progress, read)
            call.came_to(answer.status)
            return answer

    async def _ask(self, request: Request, progress: Progress, read: int) -> Answer:
        progress.reset()
        if request.method == "POST" and request.body and request.proxy is None and not read:
            answer = await self._ask_shortly(request, progress)
            if answer is not None:
                return answer
        response = await self._opened().request(
            request.method,
            request.url,
            headers=request.headers,
            data=_Body(request.body, progress) if request.body else None,
            allow_redirects=False,
            ssl=self.context(request.tls) if request.tls else True,
            server_hostname=(request.tls.server_name or None) if request.tls else None,
            proxy=URL(request.proxy.reveal()) if request.proxy else None,
        )
        async with response:
            progress.answer = Answer(response.status, response.headers)
            if not read and (response.status < 400 or response.status == 429):
                return progress.answer
            try:
                body = await _beginning(response.content, read or _READ)
            except (aiohttp.ClientError, OSError):
                return progress.answer
            return Answer(response.status, response.headers, body)

    async def _ask_shortly(self, request: Request, progress: Progress) -> Answer | None:
        """The short way; None where nothing was sent, and the general way has to see to it."""
        url = request.url
        host, port = url.raw_host, url.port
        written = request.written or line.written(url, request.headers, request.body)
        if written is None or not host or not port or url.scheme not in ("http", "https"):
            return None
        context = self.context(request.tls or Tls()) if url.scheme == "https" else None
        name = request.tls.server_name if request.tls else ""
        try:
            taken = await self._lines.take((host, port, context, name or host))
        except OSError:
            return None  # aiohttp tries as well, and knows how to say what is wrong
        whole = False
        try:
            reply = await taken.ask(written, progress)
            progress.answer = Answer(reply.status, reply.headers)
            if reply.status >= 400 and reply.status != 429:
                await reply.whole.wait()
            whole = reply.whole.is_set()
            return Answer(reply.status, reply.headers, reply.body)
        finally:
            if not whole:
                taken.close()

    async def close(self) -> None:
        """Close every connection."""
        self._lines.close()
        if self._session:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # limit=0: how many requests may be under way is delivery's to say.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
            )
        return self._session

    def context(self, tls: Tls) -> ssl.SSLContext:
        """The TLS context for these settings. Raises OSError or ValueError."""
        files = [Path(name) for name in (tls.cert_file, tls.key_file) if name]
        # Certificates are renewed in place: a file that changed is read again.
        stamp = [(stat.st_mtime_ns, stat.st_ino) for stat in (path.stat() for path in files)]
        known = self._contexts.get(tls)
        if known and known[0] == stamp:
            return known[1]
        context = ssl.create_default_context(cadata=tls.ca or None)
        if tls.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
        if tls.min_version:
            context.minimum_version = _TLS_VERSIONS[tls.min_version]
        if tls.max_version:
            context.maximum_version = _TLS_VERSIONS[tls.max_version]
        self._contexts[tls] = stamp, context
        return context


class _Body(aiohttp.Payload):
    """A request body that notes when it has been written."""

    def __init__(self, body: bytes, progress: Progress) -> None:
        super().__init__(body)
        self._size = len(body)
        self._progress = progress

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await writer.write(self._value)
        self._progress.sent = True


async def _beginning(content: aiohttp.StreamReader, most: int) -> bytes:
    body = b""
    while len(body) < most and (chunk := await content.read(most - len(body))):
        body += chunk
    return body


# -- what it means ----------------------------------------------------------------------------


_NO_WORD: Final = 16
"""Characters of a piece of a path that make it a secret rather than a word."""


class Redactor:
    """Knows a sender's secrets, and takes them out of texts that came from elsewhere."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets` of less than four characters are not looked for: they are in every text."""
        self._secrets = sorted({text for text in secrets if len(text) >= 4}, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """One line of at most 200 printable characters, with each secret replaced."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = "".join(char if char.isprintable() else " " for char in text)
        return " ".join(text.split())[:_EXCERPT]


def url_secrets(url: URL) -> list[str]:
    """What of a URL must not be shown: everything but scheme, host and port.

    A service that complains often repeats one part alone: the value of a parameter, or a piece of the
    path, which is no word if it is long.
    """
    parts = [url.raw_path, url.path, url.raw_query_string, url.query_string]
    parts += [url.raw_password or "", url.password or "", url.raw_user or "", url.user or ""]
    parts += [pair.partition("=")[2] for pair in url.raw_query_string.split("&")] + [*url.query.values()]
    pieces = (*url.raw_path.split("/"), *url.path.split("/"))
    parts += [piece for piece in pieces if len(piece) >= _NO_WORD]
    return [part for part in parts if part != "/"]


def classify(answer: Answer, redactor: Redactor, now: Nanoseconds) -> Retry | Rejected:
    """What an answer other than 2xx means. `now` is wall clock, for a `Retry-After` date."""
    status = answer.status
    excerpt = redactor.clean(answer.body.decode(errors="replace"))
    detail = f"HTTP {status}: {excerpt}" if excerpt else f"HTTP {status}"
    if status == 429:
        return Retry("rate_limited", "HTTP 429", retry_after(answer.headers, now))
    if status >= 500:
        return Retry("server_error", detail, retry_after(answer.headers, now))
    return Rejected("auth_error" if status in (401, 403) else "client_error", detail)


def retry_after(headers: Mapping[str, str], now: Nanoseconds) -> Nanoseconds:
    """`Retry-After` as a duration; 0 if there is none, or none that RFC 9110 (10.2.3) knows.

    A date counts from the answer's own `Date` where there is one, so that clocks need not agree.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return int(value[:10]) * SECOND
    until = _http_date(value)
    if until is None:
        return 0
    asked_at = _http_date(headers.get("Date", ""))
    return max(until - (now if asked_at is None else asked_at), 0)


def _http_date(value: str) -> Nanoseconds | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * SECOND


def timed_out(progress: Progress, limit: Nanoseconds) -> Retry:
    """The time limit was reached before there was an answer."""
    where = "no answer" if progress.sent else "the request could not be sent"
    return Retry("timeout", f"{where} within {limit / SECOND:g}s")


def failure(error: Exception, progress: Progress) -> Retry | Rejected | Unknown:
    """What an exception of `Http.ask` means. None of its words is used: some hold the URL."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Retry("network", f"the proxy answered HTTP {error.status}")
    if isinstance(error, aiohttp.ClientResponseError | line.NotHttp):
        return Unknown("the answer is not HTTP")
    if isinstance(error, aiohttp.ClientConnectionError):
        if progress.sent:
            return Unknown("the connection ended before an answer came")
        return Retry("network", "the connection ended before the request was sent")
    if isinstance(error, OSError):
        return Retry("network", f"TLS settings: {error.strerror or type(error).__name__}")
    return Rejected("client_error", "no request can be made of this URL, proxy or these headers")


def _not_connected(error: aiohttp.ClientConnectorError) -> Retry:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Retry("network", f"name resolution: {error.os_error.strerror}")
    return unreachable(error.os_error)


def unreachable(cause: OSError) -> Retry:
    """What it means that no connection, or no TLS, could be had. Its words name no URL."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Retry("network", f"certificate: {cause.verify_message}")
    if isinstance(cause, ssl.SSLError):
        return Retry("network", f"TLS: {cause.reason or type(cause).__name__}")
    if isinstance(cause, gaierror):
        return Retry("network", f"name resolution: {cause.strerror}")
    if cause.errno == ECONNREFUSED:
        return Retry("refused", "connection refused")
    if cause.errno == ETIMEDOUT:
        return Retry("timeout", "connection timed out")
    return Retry("network", f"cannot connect: {cause.strerror or type(cause).__name__}")
