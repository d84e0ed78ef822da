"""Traces through the whole service: one webhook is one trace to whom it tells, and says so everywhere."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from responder.clock import SystemClock
from responder.service import Service
from responder.settings import load_settings
from responder.store import outbox
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
        self,
        told: Mapping[str, Any],
        route: Mapping[str, Any] = ROUTE,
        retry: str = "0.05s",
        ratio: float = 0,
        **tracing: object,
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
                    "tracing": {"endpoint": self.collector.url, "every": "10ms", "ratio": ratio, **tracing},
                    "delivery": {"first_retry": retry},
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
        if api:
            await self.send([api_alert(name) for name in names], headers, "/api/v2/alerts")
        else:
            await self.send(webhook_payload([webhook_alert(name) for name in names]), headers)

    async def send(
        self, body: object, headers: Mapping[str, str] | None, path: str = "/webhooks/alertmanager"
    ) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}{path}", json=body, headers=headers) as answer,
        ):
            assert answer.status == 200

    def kept(self) -> int:
        """How many entries the database has of what is not over yet."""
        with closing(sqlite3.connect(self.directory / "responder.db")) as connection:
            (count,) = connection.execute("SELECT count(*) FROM traces").fetchone()
            return int(count)

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
        plain_type, plain = await place.get("/metrics")
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
    assert metrics.endswith("# EOF\n")
    families = {family.name: family for family in parse_openmetrics(metrics)}  # type: ignore[no-untyped-call]
    for name in ("responder_commit_seconds", "responder_delivery_seconds"):
        exemplars = [sample.exemplar for sample in families[name].samples if sample.exemplar]
        assert {exemplar.labels["trace_id"] for exemplar in exemplars} == {TRACE}
    said = capsys.readouterr()
    lines = [line for line in (said.out + said.err).splitlines() if "notification_" in line]
    assert len(lines) == 6
    assert [line for line in lines if f"trace_id={TRACE}" not in line or "span_id=" not in line] == []
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert plain_type == "text/plain; version=0.0.4; charset=utf-8"
    assert ("# EOF" in plain, TRACE in plain) == (False, False)


FORMS: Final = {
    "tracecontext": TRACEPARENT,
    "b3": {"b3": f"{TRACE}-{CALLER}-1"},
    "b3 in several fields": {"X-B3-TraceId": TRACE, "X-B3-SpanId": CALLER, "X-B3-Sampled": "1"},
    "jaeger": {"uber-trace-id": f"{TRACE}:{CALLER}:0:1"},
}


async def test_a_context_is_continued_from_each_form_at_both_entrances(place: Place) -> None:
    spans = place.collector
    async with place.running(receiver(pager=False, mail=False)):
        for number, headers in enumerate(FORMS.values()):
            await place.post(f"Webhook{number}", headers=headers)
            await place.post(f"Api{number}", headers=headers, api=True)
    assert [one.parent for one in spans.named("POST /webhooks/alertmanager")] == [CALLER] * 4
    assert [one.parent for one in spans.named("POST /api/v2/alerts")] == [CALLER] * 4
    assert {one.trace for one in spans.spans} == {TRACE}


async def test_the_general_way_in_is_traced_as_the_short_one(place: Place) -> None:
    spans = place.collector
    async with place.running(receiver(pager=False, mail=False)):
        # A body in chunks is none of the short way's; then an alert that cannot be used, and none at all.
        async def body() -> AsyncIterator[bytes]:
            yield b'{"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "Down"}}, {}]}'

        async with aiohttp.ClientSession() as session:
            headers = {**TRACEPARENT, "Content-Type": "application/json"}
            url = f"{place.url}/webhooks/alertmanager"
            async with session.post(url, data=body(), headers=headers) as answer:
                assert (await answer.json())["quarantined"] == 1
            async with session.post(url, data=b"nonsense", headers=headers) as answer:
                assert answer.status == 400
        await until(lambda: spans.named("chat.postMessage"))
    good, bad = spans.named("POST /webhooks/alertmanager")
    statuses = [one.attributes["http.response.status_code"] for one in (good, bad)]
    assert (statuses, good.failed, bad.failed) == ([200, 400], "", "")
    assert [one.parent for one in spans.named("append")] == [good.span]
    [told] = spans.named("flush")
    [decided] = spans.named("decide")
    assert (decided.parent, told.parent) == (good.span, decided.span)


async def test_sampling_is_honoured(place: Place) -> None:
    spans = place.collector
    async with place.running(receiver(pager=False, mail=False), ratio=1):
        await place.post("Quiet", headers={"traceparent": f"00-{TRACE}-{CALLER}-00"})
        await until(lambda: place.people.headers["slack"])
        await place.post("Told")
        await until(lambda: spans.named("chat.postMessage"))
    [entrance] = spans.named("POST /webhooks/alertmanager")
    assert {one.trace for one in spans.spans} == {entrance.trace}
    assert (entrance.parent, entrance.trace == TRACE) == ("", False)
    assert ["traceparent" in one for one in place.people.headers["slack"]] == [False, True]


async def test_with_a_ratio_of_0_nothing_is_traced_that_nobody_asked_for(place: Place) -> None:
    async with place.running(receiver(pager=False, mail=False)) as service:
        await place.post("Down")
        await until(lambda: place.people.headers["slack"])
        assert service.metrics.registry.get_sample_value("responder_spans_exported_total") == 0
    assert (place.collector.requests, "traceparent" in place.people.headers["slack"][0]) == (0, False)


async def test_a_group_that_is_due_later_goes_on_in_the_trace_and_several_are_linked(place: Place) -> None:
    spans = place.collector
    route = {**ROUTE, "group_by": ["job"], "group_wait": "300ms"}
    other = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    async with place.running(receiver(pager=False, mail=False), route):
        # Alerts without a time of their own: what has fired for longer than group_wait does not wait for it.
        await place.post("One", headers=TRACEPARENT, api=True)
        await place.post("Two", headers=other, api=True)
        await until(lambda: spans.named("chat.postMessage"))
        # The next look finds one thing that is new, and its trace is the only one.
        await place.post("Three", headers=TRACEPARENT, api=True)
        await until(lambda: len(spans.named("flush")) == 2)
    first, second = spans.named("flush")
    decided = {one.trace: one.span for one in spans.named("decide")[:2]}
    assert (first.parent, sorted(first.links)) == ("", sorted(decided.items()))
    assert first.trace not in decided
    assert {one.name for one in spans.trace(first.trace)} == {
        "flush",
        "commit",
        "deliver",
        "chat.postMessage",
    }
    assert (second.trace, second.parent) == (TRACE, spans.named("decide")[2].span)


async def test_what_is_kept_of_a_storm_is_bounded(place: Place) -> None:
    # Without a time of their own they wait; more than a thousand are decided in two parts.
    alerts = [api_alert("Storm", pod=f"pod-{number}") for number in range(1_010)]
    async with place.running(receiver(), {**ROUTE, "group_wait": "1h"}):
        await place.send(alerts, TRACEPARENT, "/api/v2/alerts")
        await until(lambda: len(place.collector.named("decide")) == 2)
        assert place.kept() == 1_000


async def test_an_end_is_told_in_the_trace_of_who_said_so(place: Place) -> None:
    spans = place.collector
    ended = webhook_payload([webhook_alert("Down", status="resolved", ends_at="2026-01-05T00:01:00Z")])
    async with place.running(receiver(pager=False, mail=False)):
        await place.post("Down")
        await until(lambda: len(place.people.slack.calls) == 1)
        await place.send(ended, TRACEPARENT)
        await until(lambda: spans.named("chat.update"))
    [flush] = spans.named("flush")
    assert (flush.trace, flush.attributes["responder.reason"]) == (TRACE, "all_resolved")


async def test_what_nobody_was_told_is_linked_by_the_row_that_tells_it_instead(place: Place) -> None:
    spans = place.collector
    place.people.slack.fault("chat.postMessage", "503")
    other = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    route = {**ROUTE, "group_by": ["job"], "group_interval": "100ms"}
    async with place.running(receiver(pager=False, mail=False), route, retry="30s"):
        await place.post("One", headers=TRACEPARENT)
        await until(lambda: len(spans.named("deliver")) == 1)
        await place.post("Two", headers=other)
        await until(lambda: len(spans.named("deliver")) == 2)
        # What is over leaves nothing behind.
        ended = [
            webhook_alert(name, status="resolved", ends_at="2026-01-05T00:01:00Z") for name in ("One", "Two")
        ]
        await place.send(webhook_payload(ended), TRACEPARENT)
        await until(lambda: place.kept() == 0)
    first, second, end = spans.named("flush")
    assert (first.trace, first.links) == (TRACE, ())
    decided = {one.trace: one.span for one in spans.named("decide")[:2]}
    assert (second.trace in decided, sorted(second.links)) == (False, sorted(decided.items()))
    assert end.trace == TRACE


async def test_a_try_that_fails_has_its_span_and_so_has_the_next(place: Place) -> None:
    spans = place.collector
    place.people.slack.fault("chat.postMessage", "503")
    async with place.running(receiver(pager=False, mail=False)):
        await place.post("Down", headers=TRACEPARENT)
        await until(lambda: len(spans.named("deliver")) == 2)
    tries = spans.named("deliver")
    assert [(one.failed, one.attributes["responder.attempt"]) for one in tries] == [
        ("server_error", 1),
        ("", 2),
    ]
    assert [one.attributes["responder.outcome"] for one in tries] == ["server_error", "delivered"]
    assert [one.failed for one in spans.named("chat.postMessage")] == ["503", ""]
    assert len({one.parent for one in tries}) == 1


async def test_an_endpoint_that_is_down_changes_nothing_for_anybody(place: Place) -> None:
    place.collector.port = free_port()
    async with place.running(receiver(), timeout="1s", stop_within="100ms") as service:
        for number in range(3):
            await place.post(f"Down{number}", headers=TRACEPARENT)
        await until(lambda: len(place.people.slack.calls) == 3 and place.people.mail.count == 3)
        sums = await service.database.read(outbox.sums)
    assert (sums.balanced, sums.owed) == (True, 9)
    lost = [
        service.metrics.registry.get_sample_value("responder_spans_dropped_total", {"reason": reason}) or 0
        for reason in ("not_exported", "stopped")
    ]
    # A webhook: 4 spans; what it tells: 4 each.
    assert sum(lost) == 3 * (4 + 3 * 4)
