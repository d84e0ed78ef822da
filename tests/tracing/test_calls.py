"""Every kind of call to another service has its span and carries it along; without one it carries nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import yaml
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from responder.actions.kubernetes.client import Api, Place
from responder.actions.prometheus import Oracle
from responder.core.catalogue import Secret
from responder.core.tracecontext import TraceContext
from responder.notify.http import Http, Progress, Request
from responder.settings import Cluster, Prometheus
from responder.tracing import Span, within
from tests.peers.ports import free_port
from tests.tracing.recording import Recording

ABOVE: Final = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "a" * 16)


class Server:
    """Answers everything; `heard` are the trace headers of what came."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.heard: list[str | None] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(request.headers.get("traceparent"))
        return web.json_response({"status": "success"}, status=self.status)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.port).start()
    yield made
    await runner.cleanup()


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.fixture
def span(recording: Recording) -> Span:
    return Span(recording, "above", ABOVE, "", 1)


@pytest.mark.parametrize("proxy", [False, True])  # by the short way, and by the general one
async def test_http(server: Server, recording: Recording, span: Span, proxy: bool) -> None:
    http = Http()
    url = URL("http://example.com/secret" if proxy else f"{server.url}/secret")
    through = Secret(server.url) if proxy else None
    request = Request("POST", url, CIMultiDict({"X-Own": "1"}), b"{}", proxy=through)
    assert (await http.ask(request, Progress())).status == 200
    with within(span):
        assert (await http.ask(request, Progress())).status == 200
        server.status = 503
        assert (await http.ask(request, Progress())).status == 503
    await http.close()
    assert server.heard == [None, f"{1:016x}", f"{2:016x}"]
    assert [(one.name, one.parent, one.failed) for one in recording.spans] == [
        ("POST", "a" * 16, ""),
        ("POST", "a" * 16, "503"),
    ]
    assert recording.spans[0].attributes == {
        "http.request.method": "POST",
        "server.address": url.host,
        "server.port": url.port,
        "http.response.status_code": 200,
    }
    assert dict(request.headers) == {"X-Own": "1"}


async def test_prometheus(server: Server, recording: Recording, span: Span) -> None:
    oracle = Oracle(Prometheus(server.url))
    await oracle.ask("up")
    with within(span):
        await oracle.ask("up")
    await oracle.close()
    assert server.heard == [None, f"{1:016x}"]
    [made] = recording.spans
    assert (made.name, made.attributes["server.port"], made.failed) == ("query", server.port, "")


async def test_kubernetes(server: Server, recording: Recording, span: Span, tmp_path: Path) -> None:
    document = {
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document))
    api = Api(Cluster("prod", tmp_path / "kubeconfig"))
    place = Place("apps/v1", "deployments", "shop", "checkout")
    await api.get(place)
    with within(span):
        await api.get(place)
        server.status = 403
        with pytest.raises(Exception, match="403"):
            await api.get(place)
    await api.close()
    assert server.heard == [None, f"{1:016x}", f"{2:016x}"]
    assert [(one.name, one.kind, one.failed) for one in recording.spans] == [
        ("get deployments", "client", ""),
        ("get deployments", "client", "403"),
    ]
    assert recording.spans[1].attributes == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "http.response.status_code": 403,
    }
