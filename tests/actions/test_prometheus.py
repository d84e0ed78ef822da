"""Asking Prometheus: what is an answer, what is none, and what may be this alert."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from responder.actions.prometheus import Answer, Oracle, Sample, alerts_query
from responder.core.model import SECOND, labels_from
from responder.settings import Prometheus

TOKEN = "canary-77aa"


@asynccontextmanager
async def answering(
    answer: Callable[[web.Request, str], web.StreamResponse], **settings: Any
) -> AsyncIterator[Oracle]:
    async def handle(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        return answer(request, str(form.get("query")))

    app = web.Application()
    app.router.add_post("/base/api/v1/query", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    oracle = Oracle(Prometheus(f"http://127.0.0.1:{runner.addresses[0][1]}/base", **settings))
    try:
        yield oracle
    finally:
        await oracle.close()
        await runner.cleanup()


def vector(*samples: tuple[dict[str, str], str], **more: Any) -> web.Response:
    result = [{"metric": labels, "value": [1767571200.1, value]} for labels, value in samples]
    data = {"resultType": "vector", "result": result}
    return web.json_response({"status": "success", "data": data, **more})


async def test_samples_are_an_answer() -> None:
    asked: list[tuple[str, str, str]] = []

    def answer(request: web.Request, query: str) -> web.Response:
        asked.append((request.method, query, request.headers.get("Authorization", "")))
        return vector(({"a": "b"}, "1"), ({}, "NaN"))

    async with answering(answer) as oracle:
        given = await oracle.ask('up{job="x"} > 0')
    assert given == Answer((Sample({"a": "b"}, "1"), Sample({}, "NaN")))
    assert (given.holds, str(given)) == (True, "1, NaN")
    assert asked == [("POST", 'up{job="x"} > 0', "")]


async def test_no_sample_does_not_hold_and_is_an_answer() -> None:
    async with answering(lambda request, query: vector()) as oracle:
        given = await oracle.ask("up")
    assert (given.problem, given.holds, str(given)) == ("", False, "no sample")


async def test_many_samples_are_shown_shortly() -> None:
    async with answering(lambda request, query: vector(*[({}, str(n)) for n in range(5)])) as oracle:
        assert str(await oracle.ask("up")) == "0, 1, 2 and 2 more"


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (lambda: vector(({}, "1"), warnings=["remote read: down"]), "a partial answer: remote read: down"),
        (
            lambda: web.json_response(
                {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}
            ),
            "the expression gives scalar, and not a list of samples",
        ),
        (
            lambda: web.json_response(
                {"status": "error", "errorType": "bad_data", "error": "parse error: \n unexpected"},
                status=400,
            ),
            "HTTP 400: parse error: unexpected",
        ),
        (lambda: web.Response(status=502, text="<html>"), "HTTP 502, and no JSON"),
        (lambda: web.json_response([1]), "HTTP 200: not what Prometheus answers"),
        (
            lambda: web.json_response({"status": "success", "data": {"resultType": "vector", "result": [3]}}),
            "an answer that cannot be understood",
        ),
        (
            lambda: web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"}),
            "HTTP 307: a redirect, which is not followed",
        ),
        (lambda: web.Response(text="x" * (2 << 20)), "an answer of more than 1 MiB"),
    ],
)
async def test_what_is_no_answer(response: Callable[[], web.Response], problem: str) -> None:
    async with answering(lambda request, query: response()) as oracle:
        given = await oracle.ask("up")
    assert (given.problem, given.samples, given.holds) == (problem, (), False)


async def test_a_native_histogram_is_a_sample() -> None:
    def answer(request: web.Request, query: str) -> web.Response:
        result = [{"metric": {}, "histogram": [1, {"count": "1"}]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    async with answering(answer) as oracle:
        assert str(await oracle.ask("up")) == "a histogram"


async def test_nobody_is_there_or_nobody_answers() -> None:
    oracle = Oracle(Prometheus("http://127.0.0.1:9"))
    assert (await oracle.ask("up")).problem.startswith("cannot connect: ")
    await oracle.close()

    async def never(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await request.content.read()
        await asyncio.sleep(5)
        return response

    app = web.Application()
    app.router.add_post("/api/v1/query", never)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    oracle = Oracle(Prometheus(f"http://127.0.0.1:{runner.addresses[0][1]}", timeout=SECOND // 5))
    assert (await oracle.ask("up")).problem == "no answer within 0.2s"
    await oracle.close()
    await runner.cleanup()


async def test_a_token_is_read_for_each_question_and_never_shown(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(request: web.Request, query: str) -> web.Response:
        seen.append(request.headers["Authorization"])
        said = f"{request.headers['Authorization']} is not welcome"
        return web.json_response({"status": "error", "error": said}, status=401)

    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    async with answering(answer, token_file=path) as oracle:
        assert (await oracle.ask("up")).problem == "HTTP 401: Bearer <secret> is not welcome"
        path.write_text("other")
        await oracle.ask("up")
        path.unlink()
        given = await oracle.ask("up")
    assert given.problem == "the token or the authorities cannot be read: No such file or directory"
    assert seen == [f"Bearer {TOKEN}", "Bearer other"]


# -- does it fire? --------------------------------------------------------------------------------

ALERT = labels_from({"alertname": "High", "cluster": "prod", "pod": 'a"b.c'})


def test_each_label_may_be_missing_on_the_series() -> None:
    assert alerts_query(ALERT) == (
        'ALERTS{alertname="High",alertstate="firing",cluster=~"|prod",pod=~"|a\\\\\\"b\\\\.c"}'
    )
    assert alerts_query(labels_from({"a": "b"})) == ""
    odd = labels_from({"alertname": "A", "näme": "x", "alertstate": "pending"})
    assert alerts_query(odd) == 'ALERTS{alertname="A",alertstate="firing"}'


FIRING = {"__name__": "ALERTS", "alertstate": "firing", "alertname": "High"}


@pytest.mark.parametrize(
    ("series", "firing"),
    [
        ([{**FIRING, "pod": 'a"b.c'}], "yes"),
        ([{**FIRING, "pod": 'a"b.c', "cluster": "prod"}], "yes"),
        ([{**FIRING, "pod": "other", "x": "y"}, {**FIRING, "pod": 'a"b.c'}], "yes"),
        ([], "no"),
        ([{**FIRING, "pod": 'a"b.c', "replica": "1"}], "unknown"),
    ],
)
async def test_what_is_no_more_than_the_alert_is_the_alert(series: list[dict[str, str]], firing: str) -> None:
    async with answering(lambda request, query: vector(*[(one, "1") for one in series])) as oracle:
        assert (await oracle.firing(ALERT))[0] == firing


async def test_without_an_answer_or_a_name_it_cannot_be_told() -> None:
    async with answering(lambda request, query: web.Response(status=503)) as oracle:
        assert await oracle.firing(ALERT) == ("unknown", "Prometheus: HTTP 503, and no JSON")
        assert await oracle.firing(labels_from({"a": "b"})) == ("unknown", "the alert has no name")
