"""An OTLP/HTTP endpoint for tests: it decodes what it is sent as a collector would, and keeps it.

Tests of spans run it on their own event loop, or in a thread beside a real process, and tell it how to
answer. What ought to have arrived is the test's to know.
"""

import asyncio
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.peers.calls import wait_until
from tests.peers.ports import free_port


@dataclass(frozen=True, slots=True)
class Received:
    """One span. Ids are lower-case hex, `parent` "" without one; `links` are (trace, span)."""

    name: str
    trace: str
    span: str
    parent: str
    kind: int
    began: int
    ended: int
    attributes: dict[str, Any]
    resource: dict[str, Any]
    links: tuple[tuple[str, str], ...] = ()
    failed: str = ""
    state: str = ""


@dataclass
class Collector:
    """`POST /v1/traces`. `status`: what it answers from now on; `refused`: spans that it says it drops.

    `slow`: it answers nothing before `release`. `requests`: how many came, `headers`: of the last.
    """

    port: int = field(default_factory=free_port)
    status: int = 200
    refused: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    spans: list[Received] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    slow: bool = False

    def __post_init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._released = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        assert self._runner is not None
        await self._runner.cleanup()

    def release(self) -> None:
        """Let what hangs be answered."""
        self.slow = False
        self._released.set()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        asked = ExportTraceServiceRequest.FromString(await request.read())
        if self.slow:
            await self._released.wait()
        if self.status != 200:
            return web.Response(status=self.status, headers=self.answer_headers)
        self.spans.extend(_spans(asked))
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.refused
        return web.Response(body=answer.SerializeToString(), content_type="application/x-protobuf")

    # -- looking ----------------------------------------------------------------------------

    def named(self, name: str) -> list[Received]:
        """The spans of this name, the earliest first."""
        return sorted((one for one in self.spans if one.name == name), key=lambda one: one.began)

    def trace(self, trace: str) -> list[Received]:
        """The spans of one trace, the earliest first."""
        return sorted(
            (one for one in self.spans if one.trace == trace), key=lambda one: (one.began, one.ended)
        )

    def tree(self, trace: str) -> list[str]:
        """The spans of one trace, a line each, indented below their parents; siblings by when they began."""
        below: dict[str, list[Received]] = {}
        spans = self.trace(trace)
        known = {one.span for one in spans}
        for one in spans:
            below.setdefault(one.parent if one.parent in known else "", []).append(one)
        lines: list[str] = []

        def draw(parent: str, depth: int) -> None:
            for one in below.get(parent, ()):
                lines.append("  " * depth + one.name)
                draw(one.span, depth + 1)

        draw("", 0)
        return lines


class CollectorThread:
    """A collector beside a test that is no coroutine. A context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="collector", daemon=True)
        self.there = Collector()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.there.__aenter__(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.there.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait(self, name: str, count: int = 1, timeout: float = 15.0) -> list[Received]:
        """Wait until so many spans of this name have come."""
        wait_until(lambda: len(self.there.named(name)) >= count, timeout, f"{count} spans {name!r}")
        return self.there.named(name)


def _spans(asked: ExportTraceServiceRequest) -> list[Received]:
    return [
        Received(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.kind,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            _values(span.attributes),
            _values(resource.resource.attributes),
            tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
            span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else "",
            span.trace_state,
        )
        for resource in asked.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
