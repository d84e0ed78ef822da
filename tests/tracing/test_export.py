"""The way to the endpoint: what arrives, what is lost and counted, and that nobody waits for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from responder import __version__
from responder.clock import SystemClock
from responder.core.model import MILLISECOND, SECOND
from responder.core.tracecontext import TraceContext
from responder.settings.values import Tracing as Settings
from responder.telemetry import Metrics
from responder.tracing import Tracing
from tests.peers.ports import free_port
from tests.tracing.collector import Collector

ABOVE: Final = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1, "v=1")
OTHER: Final = TraceContext("1" * 32, "2" * 16)


def make(metrics: Metrics, endpoint: str, headers: dict[str, str] | None = None, **given: Any) -> Tracing:
    settings = Settings(endpoint, **{"every": 10 * MILLISECOND, "timeout": SECOND // 2, **given})
    return Tracing(settings, headers or {}, SystemClock(), metrics)


def dropped(metrics: Metrics) -> dict[str, float]:
    names = ("queue_full", "not_exported", "refused", "stopped")
    found = {
        name: metrics.registry.get_sample_value("responder_spans_dropped_total", {"reason": name})
        for name in names
    }
    return {name: value for name, value in found.items() if value}


def exported(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("responder_spans_exported_total")


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nobody rings a bell
            await asyncio.sleep(0.005)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as started:
        yield started


async def test_a_span_arrives_as_it_was(metrics: Metrics, collector: Collector) -> None:
    tracing = make(
        metrics,
        collector.url,
        {"authorization": "Bearer abc"},
        service="ours",
        environment="production",
        attributes={"team": "platform"},
    )
    span = tracing.follow("deliver", ABOVE, 1_000)
    span.attributes |= {"text": "x", "number": 3, "share": 0.5, "flag": True}
    span.end("timeout", at=2_000)
    both = tracing.gather("flush", [ABOVE, OTHER], 3_000)
    both.end(at=4_000)
    await tracing.stop()
    one, two = sorted(collector.spans, key=lambda received: received.began)
    assert (one.name, one.trace, one.parent, one.span) == (
        "deliver",
        ABOVE.trace,
        ABOVE.span,
        span.context.span,
    )
    assert (one.began, one.ended, one.kind, one.failed, one.state) == (1_000, 2_000, 1, "timeout", "v=1")
    assert one.attributes == {"text": "x", "number": 3, "share": 0.5, "flag": True}
    assert one.resource == {
        "service.name": "ours",
        "service.version": __version__,
        "deployment.environment.name": "production",
        "deployment.environment": "production",
        "team": "platform",
    }
    assert (two.parent, two.links) == ("", ((ABOVE.trace, ABOVE.span), (OTHER.trace, OTHER.span)))
    assert two.trace not in (ABOVE.trace, OTHER.trace)
    assert collector.headers["authorization"] == "Bearer abc"
    assert collector.headers["content-type"] == "application/x-protobuf"
    assert (exported(metrics), dropped(metrics)) == (2, {})


async def test_what_waits_is_bounded_and_the_rest_is_counted(metrics: Metrics, collector: Collector) -> None:
    collector.slow = True
    tracing = make(metrics, collector.url, queue=10, batch=5, timeout=5 * SECOND)
    for _ in range(5):
        tracing.follow("x", ABOVE).end()
    await until(lambda: collector.requests == 1)  # these five have left the queue
    for _ in range(12):
        tracing.follow("x", ABOVE).end()
    assert dropped(metrics) == {"queue_full": 2}
    collector.release()
    await tracing.stop()
    assert (len(collector.spans), exported(metrics), dropped(metrics)) == (15, 15, {"queue_full": 2})


@pytest.mark.parametrize("status", [400, 401, 413, 500])
async def test_what_the_endpoint_refuses_is_lost_at_once_and_counted(
    metrics: Metrics, collector: Collector, status: int
) -> None:
    collector.status = status
    tracing = make(metrics, collector.url, timeout=5 * SECOND)
    tracing.follow("x", ABOVE).end()
    await until(lambda: dropped(metrics))
    assert (dropped(metrics), collector.requests) == ({"not_exported": 1}, 1)
    collector.status = 200
    tracing.follow("y", ABOVE).end()
    await tracing.stop()
    assert ([one.name for one in collector.spans], exported(metrics)) == (["y"], 1)


async def test_an_endpoint_that_is_busy_is_asked_again_when_it_says(
    metrics: Metrics, collector: Collector
) -> None:
    collector.status, collector.answer_headers = 429, {"Retry-After": "0.05"}
    tracing = make(metrics, collector.url, timeout=5 * SECOND)
    tracing.follow("x", ABOVE).end()
    await until(lambda: collector.requests)
    collector.status = 200
    await until(lambda: collector.spans)
    await tracing.stop()
    assert (exported(metrics), dropped(metrics)) == (1, {})


async def test_an_endpoint_that_stays_busy_loses_the_batch(metrics: Metrics, collector: Collector) -> None:
    collector.status, collector.answer_headers = 429, {"Retry-After": "60"}
    tracing = make(metrics, collector.url)
    tracing.follow("x", ABOVE).end()
    await until(lambda: dropped(metrics))
    await tracing.stop()
    assert (dropped(metrics), collector.requests) == ({"not_exported": 1}, 1)


async def test_what_the_endpoint_took_and_did_not_keep_is_counted(
    metrics: Metrics, collector: Collector
) -> None:
    collector.refused = 2
    tracing = make(metrics, collector.url)
    for _ in range(3):
        tracing.follow("x", ABOVE).end()
    await tracing.stop()
    assert (exported(metrics), dropped(metrics)) == (1, {"refused": 2})


async def test_an_endpoint_that_is_down_is_told_of_once_and_by_name_alone(
    metrics: Metrics, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    tracing = make(metrics, f"http://127.0.0.1:{free_port()}/v1/traces", {"authorization": "canary-value"})
    tracing.follow("x", ABOVE).end()
    await until(lambda: dropped(metrics) == {"not_exported": 1})
    tracing.follow("x", ABOVE).end()
    await until(lambda: dropped(metrics) == {"not_exported": 2})
    await tracing.stop()
    said = capsys.readouterr()
    lines = [line for line in (said.out + said.err).splitlines() if "spans_not_exported" in line]
    assert len(lines) == 1
    assert "ConnectionError" in lines[0]
    assert "canary" not in said.out + said.err
    assert [record.name for record in caplog.records if record.name.startswith("opentelemetry")] == []


async def test_a_redirect_is_not_followed(metrics: Metrics, collector: Collector) -> None:
    async with Collector() as elsewhere:
        collector.status, collector.answer_headers = 307, {"Location": elsewhere.url}
        tracing = make(metrics, collector.url, {"authorization": "Bearer abc"})
        tracing.follow("x", ABOVE).end()
        await tracing.stop()
        assert (elsewhere.requests, dropped(metrics)) == (0, {"not_exported": 1})


async def test_a_stop_sends_what_is_left_and_waits_no_longer_than_it_may(
    metrics: Metrics, collector: Collector
) -> None:
    tracing = make(metrics, collector.url, every=3600 * SECOND)
    tracing.follow("x", ABOVE).end()
    await tracing.stop()
    assert (len(collector.spans), exported(metrics), dropped(metrics)) == (1, 1, {})

    collector.slow = True
    tracing = make(metrics, collector.url, stop_within=50 * MILLISECOND, timeout=60 * SECOND)
    for _ in range(3):
        tracing.follow("x", ABOVE).end()
    async with asyncio.timeout(5):
        await tracing.stop()
    assert dropped(metrics) == {"stopped": 3}
    collector.release()


async def test_proxies_and_attributes_of_the_environment_are_not_used(
    metrics: Metrics, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "x=1")
    tracing = make(metrics, collector.url)
    tracing.follow("x", ABOVE).end()
    await tracing.stop()
    [one] = collector.spans
    assert sorted(one.resource) == ["service.name", "service.version"]


def test_its_libraries_log_nothing_themselves(metrics: Metrics, tmp_path: Path) -> None:
    make(metrics, "http://127.0.0.1:9/v1/traces")
    assert not logging.getLogger("opentelemetry.exporter.otlp.proto.http").isEnabledFor(logging.CRITICAL)
