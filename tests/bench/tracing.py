"""What tracing costs: the CPU time of the service for each accepted alert, off and on, in turn.

`python -m tests.bench.tracing` runs it by hand; docs/tracing.md has its figures. Alerts come one a request
over 16 connections, and nothing is due while it lasts. What the senders and the endpoint of the spans use is
not counted. `--before DIRECTORY` adds an older Responder, unpacked there.
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
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
CHUNK: Final = 500
WARM: Final = 1_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20, help="of 500 requests to each")
    parser.add_argument("--rounds", type=int, default=3, help="each with new processes")
    parser.add_argument("--before", type=Path)
    given = parser.parse_args()
    with CollectorThread() as collector:
        on = {"endpoint": collector.there.url, "queue": 100_000}
        variants: dict[str, tuple[dict[str, Any], Mapping[str, str]]] = {
            "off": ({}, {}),
            "on, 10 %": ({"tracing": {**on, "ratio": 0.1}}, {}),
            "on, 100 %": ({"tracing": {**on, "ratio": 1}}, {}),
        }
        if given.before:
            variants = {"before": ({}, {"PYTHONPATH": str(given.before)}), **variants}
        figures: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(given.rounds):
            for name, found in _measure(variants, given.turns).items():
                figures[name].append(found)
                print(f"round {number + 1}: {name}: {found:.1f} µs", flush=True)
            collector.there.spans.clear()
    first = median(next(iter(figures.values())))
    for name, all_found in figures.items():
        middle = median(all_found)
        more = f"{middle - first:+6.1f} µs  {100 * (middle / first - 1):+5.1f} %"
        print(f"{name:10} median {middle:6.1f} µs  {more}")


def _measure(
    variants: Mapping[str, tuple[Mapping[str, Any], Mapping[str, str]]], turns: int
) -> dict[str, float]:
    """Microseconds of CPU for each alert, of each variant. All run at once and are loaded in turn.

    So whatever else the machine does falls on all of them alike.
    """
    routing = {"route": {"receiver": "nobody", **QUIET}, "receivers": [{"name": "nobody"}]}
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        started = {}
        for name, (config, env) in variants.items():
            place = Path(directory, name.replace(" ", ""))
            started[name] = ResponderProcess(place, routing, config, env={**os.environ, **env})
            stack.callback(started[name].kill9)
            started[name].start()
            asyncio.run(_load(started[name].port, _posts(WARM, 1_000_000)))
            _decided(started[name], WARM)
        before = {name: _used(one) for name, one in started.items()}
        for turn in range(turns):
            for one in started.values():
                asyncio.run(_load(one.port, _posts(CHUNK, turn * CHUNK)))
        for one in started.values():
            _decided(one, WARM + turns * CHUNK)
        time.sleep(6)  # until the last spans are sent
        return {name: (_used(one) - before[name]) / (turns * CHUNK) * 1e6 for name, one in started.items()}


def _used(responder: ResponderProcess) -> float:
    """Seconds of CPU time so far."""
    times = psutil.Process(responder.pid).cpu_times()
    return times.user + times.system


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
