"""A span while it lasts: who is below whom, and what a call says of itself."""

import asyncio
from typing import Final

import pytest
import structlog

from responder.core.tracecontext import TraceContext
from responder.tracing import Span, calling, current, outside, within
from tests.tracing.recording import Recording

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.fixture
def span(recording: Recording) -> Span:
    return Span(recording, "above", TraceContext(TRACE, "a" * 16, 3, "v=1"), "", 1)


def test_a_child_is_in_the_same_trace_below_it(recording: Recording, span: Span) -> None:
    child = span.child("below", "client")
    assert child.context == TraceContext(TRACE, f"{1:016x}", 3, "v=1")
    assert (child.parent, child.kind, child.began) == ("a" * 16, "client", 1)
    child.end("timeout", attributes={"x": 1})
    assert recording.spans == [child]
    assert (child.ended, child.failed, child.attributes) == (2, "timeout", {"x": 1})
    assert span.child("then", began=7).began == 7


def test_the_current_span_is_the_tasks_own_and_its_log_lines_say_so(span: Span) -> None:
    async def other() -> Span | None:
        return current()

    async def run() -> list[Span | None]:
        task = asyncio.create_task(other())
        with within(span):
            inside = asyncio.create_task(other())
            bound = structlog.contextvars.get_contextvars()
            assert bound == {"trace_id": TRACE, "span_id": "a" * 16}
            return [await task, await inside, current()]

    assert asyncio.run(run()) == [None, span, span]
    assert current() is None
    assert structlog.contextvars.get_contextvars() == {}


def test_what_is_set_going_outside_is_in_no_trace(span: Span) -> None:
    seen: list[tuple[Span | None, dict[str, str]]] = []

    async def set_going() -> int:
        asyncio.get_running_loop().call_soon(note)
        await asyncio.sleep(0)
        return 7

    def note() -> None:
        seen.append((current(), structlog.contextvars.get_contextvars()))

    async def run() -> list[int]:
        with within(span):
            return [await outside(set_going()), await set_going()]

    assert asyncio.run(run()) == [7, 7]
    assert [found for found, _ in seen] == [None, span]
    assert [bool(names) for _, names in seen] == [False, True]


def test_outside_a_trace_a_call_is_nothing(recording: Recording) -> None:
    with calling("chat.postMessage", "https://slack.com/api/") as call:
        call.came_to(500)
        assert call.headers == {}
    assert recording.spans == []


@pytest.mark.parametrize(
    ("at", "host", "port"),
    [
        ("https://hooks.slack.com/services/T0/B0/secret", "hooks.slack.com", 443),
        ("http://user:secret@127.0.0.1:8080/x?token=secret", "127.0.0.1", 8080),
        (("mail.example.com", 587), "mail.example.com", 587),
    ],
)
def test_a_call_says_where_it_goes_and_no_more(
    recording: Recording, span: Span, at: str | tuple[str, int], host: str, port: int
) -> None:
    with within(span), calling("POST", at, "POST") as call:
        assert call.headers == {"traceparent": f"{1:016x}"}
        call.came_to(204)
    [made] = recording.spans
    assert (made.name, made.kind, made.parent, made.failed) == ("POST", "client", "a" * 16, "")
    assert made.attributes == {
        "http.request.method": "POST",
        "server.address": host,
        "server.port": port,
        "http.response.status_code": 204,
    }


@pytest.mark.parametrize(
    ("status", "failed"), [(200, ""), (302, ""), (404, "404"), (503, "503"), (0, "no answer")]
)
def test_a_call_fails_by_its_status(recording: Recording, span: Span, status: int, failed: str) -> None:
    with within(span), calling("POST", "http://127.0.0.1/") as call:
        call.came_to(status)
    assert [made.failed for made in recording.spans] == [failed]


def test_a_call_that_raises_fails_by_the_errors_name_alone(recording: Recording, span: Span) -> None:
    with pytest.raises(ValueError, match="secret"), within(span), calling("POST", "http://[/"):
        raise ValueError("secret")
    [made] = recording.spans
    assert (made.failed, made.attributes) == ("ValueError", {})
