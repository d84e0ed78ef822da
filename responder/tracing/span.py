"""A span while it lasts, and the one that the present task is in.

`web`, `engine`, `delivery`, `notify` and `actions` begin and end them. Nothing here imports OpenTelemetry:
where tracing is off no span is ever made, and `current` says None.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

import structlog

from responder.core.model import Nanoseconds
from responder.core.tracecontext import TraceContext

T = TypeVar("T")

Kind: TypeAlias = Literal["internal", "server", "client"]

Attributes: TypeAlias = Mapping[str, str | int | float | bool]


class Recorder(Protocol):
    """What a span needs of `tracing`."""

    def now(self) -> Nanoseconds:
        """Wall clock."""
        ...

    def new_span(self) -> str:
        """An id that no other span has."""
        ...

    def record(self, span: "Span") -> None:
        """It has ended."""
        ...

    def headers(self, context: TraceContext) -> dict[str, str]:
        """What tells a service that it is called from within this span."""
        ...


class Span:
    """Something that takes its time. It is recorded once, when it ends.

    `parent` is the id of the span above it in the same trace ("" for none), which another service made if
    `remote`. `links`: what else brought it about. `failed`: why it did not succeed, in one word, or "".
    Times are nanoseconds of wall clock.
    """

    __slots__ = (
        "_recorder",
        "attributes",
        "began",
        "context",
        "ended",
        "failed",
        "kind",
        "links",
        "name",
        "parent",
        "remote",
    )

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        context: TraceContext,
        parent: str,
        began: Nanoseconds,
        *,
        kind: Kind = "internal",
        remote: bool = False,
        links: tuple[TraceContext, ...] = (),
    ) -> None:
        """It begins at `began`."""
        self._recorder = recorder
        self.name = name
        self.context = context
        self.parent = parent
        self.remote = remote
        self.kind = kind
        self.links = links
        self.began = began
        self.ended: Nanoseconds = 0
        self.failed = ""
        self.attributes: dict[str, str | int | float | bool] = {}

    def child(self, name: str, kind: Kind = "internal", began: Nanoseconds = 0) -> "Span":
        """A span below this one, from `began` (0: from now) on."""
        mine, recorder = self.context, self._recorder
        context = TraceContext(mine.trace, recorder.new_span(), mine.flags, mine.state)
        return Span(recorder, name, context, mine.span, began or recorder.now(), kind=kind)

    def end(self, failed: str = "", at: Nanoseconds = 0, attributes: Attributes | None = None) -> None:
        """It ends, at `at` (0: now)."""
        self.failed = failed
        self.ended = at or self._recorder.now()
        if attributes:
            self.attributes.update(attributes)
        self._recorder.record(self)

    @property
    def headers(self) -> dict[str, str]:
        """What to send along with a request that is made within it."""
        return self._recorder.headers(self.context)


_CURRENT: Final[ContextVar[Span | None]] = ContextVar("_CURRENT", default=None)


def current() -> Span | None:
    """The span that the present task is in."""
    return _CURRENT.get()


@contextmanager
def within(span: Span) -> Iterator[None]:
    """The present task is in `span`, and its log lines say so."""
    token = _CURRENT.set(span)
    try:
        with structlog.contextvars.bound_contextvars(**span.context.names):
            yield
    finally:
        _CURRENT.reset(token)


async def outside(work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, done in no trace: tasks and callbacks that it sets going would else be in ours."""
    if _CURRENT.get() is None:
        return await work
    return await asyncio.create_task(work, context=Context())


class Call:
    """A request to another service; `headers` go along with it, `came_to` is told what became of it."""

    __slots__ = ("_span", "headers")

    def __init__(self, span: Span | None = None) -> None:
        """`span`: of the call, None where the present task is in no trace."""
        self._span = span
        self.headers = span.headers if span is not None else {}

    def came_to(self, status: int) -> None:
        """It was answered with this HTTP status, 0 for not at all; from 400 on the call has failed."""
        if self._span is None:
            return
        if status:
            self._span.attributes["http.response.status_code"] = status
        if not 0 < status < 400:
            self._span.failed = str(status or "no answer")


_UNTRACED: Final = Call()


@contextmanager
def calling(what: str, at: str | tuple[str, int], method: str = "") -> Iterator[Call]:
    """A call to another service, below the current span if there is one.

    `what` is the span's name, `at` a URL, or host and port. Only these are said: a path may hold a secret.
    """
    above = _CURRENT.get()
    if above is None:
        yield _UNTRACED
        return
    span = above.child(what, "client")
    if method:
        span.attributes["http.request.method"] = method
    host, port = _address(at) if isinstance(at, str) else at
    if host:
        span.attributes |= {"server.address": host, "server.port": port}
    call = Call(span)
    try:
        yield call
    except BaseException as error:
        span.failed = span.failed or type(error).__name__
        raise
    finally:
        span.end(span.failed)


def _address(url: str) -> tuple[str, int]:
    """The host ("": there is none to be seen) and the port of a URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # whoever makes the call says what is wrong
        return "", 0
