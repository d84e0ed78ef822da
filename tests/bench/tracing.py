"""What tracing costs: the CPU time of the service for each accepted alert, off and on, in turn.

`python -m tests.bench.tracing` runs it by hand; docs/tracing.md has its figures. Alerts come one a request
over 16 connections, and nothing is due while it lasts. What the senders and the endpoint of the spans use is
not counted. `--before DIRECTORY` adds an older Responder, unpacked there.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from tests.bench import alerts
from tests.bench.cases import QUIET
from tests.peers.calls import wait_until
from tests.peers.responder import ResponderProcess
from tests.tracing.collector import CollectorThread

CONNECTIONS: Final = 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=Path)
    given = parser.parse_args()
    with CollectorThread() as collector:
        on = {"endpoint": collector.there.url}
        variants: dict[str, tuple[Mapping[str, Any] | None, Mapping[str, str]]] = {
            "off": (None, {}),
            "on, 10 %": ({**on, "ratio": 0.1}, {}),
            "on, 100 %": ({**on, "ratio": 1, "queue": 100_000}, {}),
        }
        if given.before:
            variants = {"before": (None, {"PYTHONPATH": str(given.before)}), **variants}
        figures: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(given.rounds):
            for name, (tracing, env) in variants.items():
                figures[name].append(_measure(tracing, env, given.requests))
                print(f"round {number + 1}: {name}: {figures[name][-1]:.1f} µs")
                collector.there.spans.clear()
    first = median(next(iter(figures.values())))
    for name, found in figures.items():
        print(
            f"{name:10} median {median(found):6.1f} µs  least {min(found):6.1f} µs  "
            f"{100 * (median(found) / first - 1):+5.1f} %"
        )


def _measure(tracing: Mapping[str, Any] | None, env: Mapping[str, str], requests: int) -> float:
    """Microseconds of CPU for each alert, from before the first until all are decided."""
    routing = {"route": {"receiver": "nobody", **QUIET}, "receivers": [{"name": "nobody"}]}
    config = {"tracing": tracing} if tracing else {}
    with tempfile.TemporaryDirectory() as directory:
        responder = ResponderProcess(Path(directory), routing, config, env={**os.environ, **env})
        responder.start()
        try:
            process = psutil.Process(responder.pid)
            asyncio.run(_load(responder.port, _posts(1_000, 1_000_000)))
            _decided(responder, 1_000)
            before = process.cpu_times()
            asyncio.run(_load(responder.port, _posts(requests, 0)))
            _decided(responder, 1_000 + requests)
            after = process.cpu_times()
        finally:
            responder.kill9()
    return (after.user + after.system - before.user - before.system) / requests * 1e6


def _decided(responder: ResponderProcess, count: int) -> None:
    wait_until(
        lambda: responder.metric("responder_alerts_decided_total") >= count, 60, f"{count} alerts are decided"
    )


def _posts(count: int, first: int) -> Iterator[bytes]:
    made = alerts.templates()
    for number in range(count):
        body = f"[{made[number % len(made)].replace(alerts.MARK, str(first + number))}]".encode()
        head = (
            "POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


async def _load(port: int, posts: Iterator[bytes]) -> None:
    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for post in posts:
            writer.write(post)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    main()
