"""Prometheus, as far as runs need it: instant queries, and whether an alert fires.

`inspecting` and `verifying` ask it. An answer that is late, too large, partial or no list of samples is
no answer; no credential is in what it says, and nothing of an alert enters a query but quoted.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec
import re2  # type: ignore[import-untyped]

from responder import __version__
from responder.core.catalogue import MASK
from responder.core.model import SECOND, Labels, go_quote
from responder.core.plan import Firing
from responder.settings.values import Prometheus
from responder.tracing import calling

_READ: Final = 1 << 20
_EXCERPT: Final = 200
_SHOWN: Final = 3
_META: Final = frozenset({"__name__", "alertstate"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample. `value` as Prometheus writes it."""

    labels: Mapping[str, str]
    value: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The samples of a vector; `problem`: why there is no answer."""

    samples: tuple[Sample, ...] = ()
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether the expression gave at least one sample."""
        return not self.problem and bool(self.samples)

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        values = ", ".join(sample.value for sample in self.samples[:_SHOWN])
        more = len(self.samples) - _SHOWN
        return f"{values}{f' and {more} more' if more > 0 else ''}" if values else "no sample"


class Oracle:
    """One Prometheus, or what answers like one."""

    def __init__(self, settings: Prometheus) -> None:
        """Connect to nothing yet. `asking`: how many questions are on their way."""
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._context: ssl.SSLContext | None = None
        self.asking = 0

    async def ask(self, query: str) -> Answer:
        """The samples of an instant query. Never raises."""
        self.asking += 1
        try:
            return await self._ask(query)
        finally:
            self.asking -= 1

    async def _ask(self, query: str) -> Answer:
        limit = self._settings.timeout / SECOND
        token = ""
        try:
            if self._settings.token_file is not None:
                token = self._settings.token_file.read_text().strip()
            status, body = await self._post(query, token, limit)
        except TimeoutError:
            return Answer(problem=f"no answer within {limit:g}s")
        except aiohttp.ClientConnectorError as error:
            return Answer(problem=_not_connected(error.os_error))
        except aiohttp.ClientError:
            return Answer(problem="the connection ended before an answer came")
        except OSError as error:
            return Answer(problem=f"the token or the authorities cannot be read: {error.strerror}")
        except ValueError:
            return Answer(problem="no request can be made of this address or token")
        return _read(status, body, token)

    async def _post(self, query: str, token: str, limit: float) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with calling("query", self._settings.url, "POST") as call:
            async with self._opened().post(
                f"{self._settings.url}/api/v1/query",
                data={"query": query, "timeout": f"{limit:g}s"},
                headers=headers | call.headers,
                allow_redirects=False,
                ssl=self._trusted(),
                timeout=aiohttp.ClientTimeout(total=limit),
            ) as response:
                call.came_to(response.status)
                body = b""
                while len(body) <= _READ and (piece := await response.content.read(_READ)):
                    body += piece
                return response.status, body

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"Accept-Encoding": "identity", "User-Agent": f"responder/{__version__}"},
            )
        return self._session

    def _trusted(self) -> ssl.SSLContext | bool:
        if self._settings.ca_file is None:
            return True
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._settings.ca_file)
        return self._context

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # -- does it fire? --------------------------------------------------------------------

    async def firing(self, alert: Labels) -> tuple[Firing, str]:
        """Whether an alert with these labels fires, and what was found out."""
        query = alerts_query(alert)
        if not query:
            return "unknown", "the alert has no name"
        answer = await self.ask(query)
        if answer.problem:
            return "unknown", f"Prometheus: {answer.problem}"
        known = dict(alert)
        for sample in answer.samples:
            own = {name: value for name, value in sample.labels.items() if name not in _META}
            if all(known.get(name) == value for name, value in own.items()):
                return "yes", "Prometheus says that it fires"
        if answer.samples:
            return "unknown", "Prometheus has firing alerts that may be this one, with more labels"
        return "no", "Prometheus says that it does not fire"


def alerts_query(alert: Labels) -> str:
    """The query for the firing alerts that this one may be; "" for one without a name.

    A label that Prometheus adds on the way to Alertmanager (external_labels) is not on its own series,
    so each may be missing there.
    """
    known = dict(alert)
    name = known.pop("alertname", "")
    if not name:
        return ""
    matchers = [f"alertname={go_quote(name)}", 'alertstate="firing"']
    for label, value in known.items():
        if label not in _META and _LABEL.fullmatch(label):
            matchers.append(f"{label}=~{go_quote('|' + re2.escape(value))}")
    return f"ALERTS{{{','.join(matchers)}}}"


_LABEL: Final = re2.compile("[a-zA-Z_][a-zA-Z0-9_]*")


# -- reading an answer ------------------------------------------------------------------------


def _read(status: int, body: bytes, token: str) -> Answer:
    if len(body) > _READ:
        return Answer(problem=f"an answer of more than {_READ >> 20} MiB")
    if 300 <= status < 400:
        return Answer(problem=f"HTTP {status}: a redirect, which is not followed")
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return Answer(problem=f"HTTP {status}, and no JSON")
    if not isinstance(said, dict) or said.get("status") != "success" or status != 200:
        error = said.get("error") if isinstance(said, dict) else None
        words = _clean(error, token) if isinstance(error, str) else ""
        return Answer(problem=f"HTTP {status}: {words or 'not what Prometheus answers'}")
    if warnings := said.get("warnings"):
        first = _clean(str(warnings[0]), token) if isinstance(warnings, list) else ""
        return Answer(problem=f"a partial answer: {first}")
    data = said.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "vector":
        kind = data.get("resultType") if isinstance(data, dict) else None
        return Answer(problem=f"the expression gives {_clean(str(kind), token)}, and not a list of samples")
    try:
        return Answer(tuple(_sample(one) for one in data["result"]))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return Answer(problem="an answer that cannot be understood")


def _sample(one: Any) -> Sample:
    labels, value = one.get("metric"), one.get("value")
    if value is None:  # a native histogram
        return Sample(dict(labels), "a histogram")
    return Sample(dict(labels), str(value[1]))


def _clean(text: str, token: str) -> str:
    if len(token) >= 4:
        text = text.replace(token, MASK)
    line = " ".join("".join(char if char.isprintable() else " " for char in text[:4_096]).split())
    return line[:_EXCERPT]


def _not_connected(cause: OSError) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate: {cause.verify_message}"
    return f"cannot connect: {cause.strerror or type(cause).__name__}"
