"""Traces through the whole service: one webhook is one trace to whom it tells, and says so everywhere."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml

from responder.clock import SystemClock
from responder.service import Service
from responder.settings import load_settings
from tests.peers.payloads import api_alert, webhook_alert, webhook_payload
from tests.peers.ports import free_port
from tests.peers.standins import StandIns, receiver
from tests.tracing.collector import Collector

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER: Final = "00f067aa0ba902b7"
TRACEPARENT: Final = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
ROUTE: Final = {"receiver": "team", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"}


class Place:
    """A service, whom it tells, and where its spans go."""

    def __init__(self, directory: Path, collector: Collector, people: StandIns) -> None:
        self.directory = directory
        self.collector = collector
        self.people = people
        self.url = f"http://127.0.0.1:{free_port()}"

    @asynccontextmanager
    async def running(
        self, told: Mapping[str, Any], route: Mapping[str, Any] = ROUTE, **tracing: object
    ) -> AsyncIterator[Service]:
        rules = self.directory / "rules"
        rules.mkdir(exist_ok=True)
        (rules / "routing.yaml").write_text(yaml.safe_dump({"route": route, "receivers": [told]}))
        config = self.directory / "responder.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "listen": self.url.removeprefix("http://"),
                    "storage": f"sqlite:///{self.directory}/responder.db",
                    "rules": str(rules),
                    "tracing": {"endpoint": self.collector.url, "every": "10ms", **tracing},
                    **self.people.config,
                }
            )
        )
        service = Service(load_settings(config, {}))
        await service.start()
        try:
            yield service
        finally:
            await service.stop()

    async def post(self, *names: str, headers: Mapping[str, str] | None = None, api: bool = False) -> None:
        body: object = [api_alert(name) for name in names]
        path = "/api/v2/alerts"
        if not api:
            body, path = webhook_payload([webhook_alert(name) for name in names]), "/webhooks/alertmanager"
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}{path}", json=body, headers=headers) as answer,
        ):
            assert answer.status == 200

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[str, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}{path}", headers=headers) as answer,
        ):
            return answer.headers["Content-Type"], await answer.text()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nobody rings a bell
            await asyncio.sleep(0.005)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    people = StandIns(tmp_path / "secrets", SystemClock())
    await people.open()
    async with Collector() as collector:
        yield Place(tmp_path, collector, people)
    await people.close()


async def test_one_webhook_is_one_trace_to_whom_it_tells(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    spans = place.collector
    async with place.running(receiver()):
        await place.post("Down", headers=TRACEPARENT)
        await until(lambda: len(spans.named("deliver")) == 3)
        content_type, metrics = await place.get("/metrics", {"Accept": "application/openmetrics-text"})
    assert {one.trace for one in spans.spans} == {TRACE}
    tree = spans.tree(TRACE)
    assert tree[0] == "POST /webhooks/alertmanager"
    assert sorted(tree) == sorted(
        [
            "POST /webhooks/alertmanager",
            "  append",
            "  decide",
            "    commit",
            *["    flush", "      commit", "      deliver"] * 3,
            "        chat.postMessage",
            "        enqueue",
            "        smtp",
        ]
    )
    [entrance] = spans.named("POST /webhooks/alertmanager")
    assert (entrance.parent, entrance.kind, entrance.attributes["http.response.status_code"]) == (
        CALLER,
        2,
        200,
    )
    [slack] = spans.named("chat.postMessage")
    [pager] = spans.named("enqueue")
    assert [one["traceparent"] for one in place.people.headers["slack"]] == [f"00-{TRACE}-{slack.span}-01"]
    assert [one["b3"] for one in place.people.headers["slack"]] == [f"{TRACE}-{slack.span}-1"]
    assert [one["uber-trace-id"].split(":")[:2] for one in place.people.headers["pagerduty"]] == [
        [TRACE, pager.span]
    ]
    assert (pager.attributes["http.response.status_code"], pager.kind) == (202, 3)
    assert {one.attributes["responder.outcome"] for one in spans.named("deliver")} == {"delivered"}
    assert content_type.startswith("application/openmetrics-text")
    assert f'trace_id="{TRACE}"' in metrics
