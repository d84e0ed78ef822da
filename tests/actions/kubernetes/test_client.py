"""One request to a cluster: how it is made, what is never done, and what is said when it fails."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from responder.actions.kubernetes.client import STRATEGIC_MERGE, Api, Clusters, Place
from responder.actions.kubernetes.failure import CallFailed
from responder.core.model import SECOND
from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.cluster import Cluster as StandIn
from responder.sandbox.kubernetes.platform import furnish
from responder.settings import Cluster
from tests.clock import ManualClock

DEPLOYMENT = Place("apps/v1", "deployments", "shop", "checkout")
TOKEN = "canary-5f2b7c"


def configure(path: Path, server: str, **user: str) -> Cluster:
    document = {
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": TOKEN}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return Cluster("prod", path)


@asynccontextmanager
async def opened(settings: Cluster, patience: int = 10 * SECOND) -> AsyncIterator[Api]:
    api = Api(settings, patience)
    try:
        yield api
    finally:
        await api.close()


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def failing(call: Awaitable[Any]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await call
    return caught.value


async def test_a_request_bears_our_name_and_no_more_than_it_must(tmp_path: Path) -> None:
    seen: list[web.Request] = []
    bodies: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        bodies.append(await request.read())
        return web.json_response({"kind": "Deployment"})

    async with serving(answer) as url, opened(configure(tmp_path / "k", url)) as api:
        assert await api.patch(DEPLOYMENT, {"spec": {}}, STRATEGIC_MERGE) == {"kind": "Deployment"}
    (request,) = seen
    assert (request.method, request.path_qs, bodies) == (
        "PATCH",
        "/apis/apps/v1/namespaces/shop/deployments/checkout?fieldManager=responder",
        [b'{"spec": {}}'],
    )
    assert request.headers["User-Agent"].startswith("responder/")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/strategic-merge-patch+json"


async def test_names_are_one_segment_each_whatever_is_in_them(tmp_path: Path) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        return web.json_response({})

    async with serving(answer) as url, opened(configure(tmp_path / "k", url)) as api:
        await api.get(Place("v1", "pods", "a/b?c", "x#%2f"))
    assert paths == ["/api/v1/namespaces/a%2Fb%3Fc/pods/x%23%252f"]


async def test_a_list_is_read_page_by_page(tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        more = {"continue": "next"} if "continue" not in request.query else {}
        return web.json_response({"metadata": more, "items": [{"n": len(asked)}]})

    async with serving(answer) as url, opened(configure(tmp_path / "k", url)) as api:
        assert await api.find(Place("v1", "pods", "shop"), labelSelector="a=b") == [{"n": 1}, {"n": 2}]
    assert asked == [
        {"labelSelector": "a=b", "limit": "500"},
        {"labelSelector": "a=b", "limit": "500", "continue": "next"},
    ]


async def test_a_list_without_an_end_is_given_up(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"metadata": {"continue": "more"}, "items": [{}]})

    async with serving(answer) as url, opened(configure(tmp_path / "k", url)) as api:
        failed = await failing(api.find(Place("v1", "pods", "shop")))
    assert str(failed) == "list pods shop in cluster prod: there are more than 20"


async def test_neither_a_proxy_of_the_environment_nor_a_redirect_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.json_response({})

    async with serving(elsewhere) as other:

        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{other}/stolen"})

        monkeypatch.setenv("HTTP_PROXY", other)
        monkeypatch.setenv("http_proxy", other)
        async with serving(answer) as url, opened(configure(tmp_path / "k", url)) as api:
            failed = await failing(api.patch(DEPLOYMENT, {}, STRATEGIC_MERGE))
    assert failed.words == "the server answered with a redirect, which is not followed"
    assert (failed.sent, reached) == (True, [])


async def test_a_token_that_was_rotated_is_read_again_and_the_request_made_again(tmp_path: Path) -> None:
    async with StandIn(ManualClock()) as standin:
        furnish(standin)
        (tmp_path / "token").write_text("old\n")
        settings = configure(tmp_path / "k", standin.url, tokenFile=str(tmp_path / "token"))
        async with opened(settings) as api:
            assert (await failing(api.get(DEPLOYMENT))).status == 401
            assert [call.status for call in standin.calls] == [401]
            (tmp_path / "token").write_text(f"{standin.token}\n")
            assert (await api.get(DEPLOYMENT))["metadata"]["name"] == "checkout"
            assert [call.status for call in standin.calls] == [401, 401, 200]


async def test_several_clusters_are_known_by_their_names(tmp_path: Path) -> None:
    async with StandIn(ManualClock(), "one") as one, StandIn(ManualClock(), "two") as two:
        furnish(two)
        path = kubeconfig.write(tmp_path / "kubeconfig", one, two)
        clusters = Clusters((Cluster("a", path), Cluster("b", path, "two")))
        try:
            a, b = clusters.named("a"), clusters.named("b")
            assert a
            assert b
            assert clusters.named("c") is None
            assert (await failing(a.get(DEPLOYMENT))).status == 404
            assert (await b.get(DEPLOYMENT))["metadata"]["name"] == "checkout"
        finally:
            await clusters.close()


# -- what is said when it fails -------------------------------------------------------------------


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    async with opened(configure(tmp_path / "k", "http://127.0.0.1:9")) as api:
        failed = await failing(api.patch(DEPLOYMENT, {}, STRATEGIC_MERGE))
    assert (failed.words, failed.sent) == ("connection refused", False)
    async with opened(configure(tmp_path / "k", "http://nowhere.invalid")) as api:
        failed = await failing(api.patch(DEPLOYMENT, {}, STRATEGIC_MERGE))
    assert (failed.words.partition(":")[0], failed.sent) == ("name resolution", False)


async def test_a_server_that_does_not_answer_may_have_heard(tmp_path: Path) -> None:
    async with StandIn(ManualClock()) as standin:
        furnish(standin)
        settings = Cluster("prod", kubeconfig.write(tmp_path / "kubeconfig", standin))
        standin.fault("hang", 2)
        async with opened(settings, SECOND // 5) as api:
            failed = await failing(api.patch(DEPLOYMENT, {}, STRATEGIC_MERGE))
            assert (failed.words, failed.sent) == ("no answer within 0.2s", True)
            assert not (await failing(api.get(DEPLOYMENT))).sent
            standin.release()


async def test_what_a_server_says_is_one_line_without_our_token(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        said = f"no\x1b[31m\n{request.headers['Authorization']} is not welcome {'x' * 500}"
        return web.json_response({"kind": "Status", "reason": "Forbidden", "message": said}, status=403)

    async with serving(answer) as url, opened(configure(tmp_path / "k", url)) as api:
        failed = await failing(api.get(DEPLOYMENT))
    assert str(failed).startswith(
        "get deployments shop/checkout in cluster prod: 403 Forbidden: "
        "no [31m Bearer <secret> is not welcome xx"
    )
    assert len(failed.words) < 230
    assert TOKEN not in str(failed)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no YAML"),
        ("[]", "or what it names, is missing or cannot be used"),
        (
            "clusters: []\nusers: []\ncontexts: []\ncurrent-context: x",
            "or what it names, is missing or cannot",
        ),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
            f"users: [{{name: u, user: {{exec: {{token: {TOKEN}}}}}}}]",
            "or what it names, is missing or cannot be used",
        ),
    ],
)
async def test_a_kubeconfig_that_cannot_be_used_is_named_and_not_quoted(
    tmp_path: Path, text: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    async with opened(Cluster("prod", path)) as api:
        failed = await failing(api.get(DEPLOYMENT))
    assert str(path) in failed.words
    assert words in failed.words
    assert (failed.sent, failed.status) == (False, 0)
    assert TOKEN not in failed.words + caplog.text


async def test_certificates_that_are_none(tmp_path: Path) -> None:
    settings = configure(tmp_path / "k", "https://127.0.0.1:9")
    document = yaml.safe_load((tmp_path / "k").read_text())
    (tmp_path / "ca.pem").write_text("no certificate")
    document["clusters"][0]["cluster"]["certificate-authority"] = str(tmp_path / "ca.pem")
    (tmp_path / "k").write_text(yaml.safe_dump(document))
    async with opened(settings) as api:
        failed = await failing(api.patch(DEPLOYMENT, {}, STRATEGIC_MERGE))
    assert failed.words == f"the certificates that {tmp_path}/k names cannot be used"
    assert not failed.sent


async def test_a_credential_plugin_that_hangs_is_started_once(tmp_path: Path) -> None:
    settings = configure(tmp_path / "k", "http://127.0.0.1:9")
    document = yaml.safe_load((tmp_path / "k").read_text())
    script = f"echo once >> {tmp_path}/starts; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done"
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script]}
    document["users"][0]["user"] = {"exec": plugin}
    (tmp_path / "k").write_text(yaml.safe_dump(document))
    async with opened(settings, SECOND // 10) as api:
        for _ in range(3):
            failed = await failing(api.get(DEPLOYMENT))
            assert failed.words == f"the credential plugin of {tmp_path}/k does not come to an end"
        assert (tmp_path / "starts").read_text() == "once\n"
        (tmp_path / "go").touch()
        while "does not come to an end" in (await failing(api.get(DEPLOYMENT))).words:
            pass


async def test_a_credential_plugin_that_fails_tells_nobody_what_it_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = configure(tmp_path / "k", "http://127.0.0.1:9")
    document = yaml.safe_load((tmp_path / "k").read_text())
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "sh",
        "args": ["-c", f"echo {TOKEN} >&2; exit 3"],
    }
    document["users"][0]["user"] = {"exec": plugin}
    (tmp_path / "k").write_text(yaml.safe_dump(document))
    async with opened(settings) as api:
        failed = await failing(api.get(DEPLOYMENT))
    assert failed.words.endswith("is missing or cannot be used (ConfigException)")
    written = capfd.readouterr()
    assert TOKEN not in failed.words + caplog.text + written.out + written.err


async def test_an_object_keeps_what_we_do_not_know(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"kind": "Deployment", "spec": {"fromTheFuture": {"a": 1}}})

    async with serving(answer) as url, opened(configure(tmp_path / "k", url)) as api:
        assert (await api.get(DEPLOYMENT))["spec"] == {"fromTheFuture": {"a": 1}}
