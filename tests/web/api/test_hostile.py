"""Nothing that a caller sends is our fault: no body, query or path of `/api/v1` is answered with 5xx."""

import asyncio
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.api.office import ASKED, PAGE, office

POSTS = (
    *("ack", "unack", "incidents/1-695aff00/ack", "incidents/1-695aff00/unack", "incidents/x/ack"),
    *("runs", "runs/r1/approve", "runs/r1/deny", "runs/r1/cancel", "runs/r1/resolve", "runs/x/approve"),
    *("runbooks/pod-restarts/sign", "runbooks/pod-restarts/reset", "freezes"),
)
GETS = ("incidents", "runs", "runbooks", "freezes", "incidents/1-695aff00", "runs/r1", "runbooks/x")
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.just("\ud800"),
    st.just("1h"),
)
KEYS = st.sampled_from(
    [
        *("incidents", "matchers", "for", "until", "note", "runbook", "parameters", "why", "plan_only"),
        *("plan", "reason", "applied", "hash", "scope", "hard", "x", "\udfff"),
    ]
)
ODD = st.dictionaries(
    KEYS, st.one_of(LEAVES, st.lists(LEAVES, max_size=3), st.dictionaries(st.text(), LEAVES))
)
GOOD = st.fixed_dictionaries(
    {},
    optional={
        "reason": st.text(min_size=1, max_size=20),
        "scope": st.one_of(st.just("global"), st.text(max_size=20).map("runbook={}".format)),
        "for": st.sampled_from(["1h", "7d"]),
        "hash": st.just(PAGE.hash),
        "applied": st.booleans(),
        "runbook": st.just(PAGE.name),
        "parameters": st.dictionaries(
            st.sampled_from(["namespace", "deployment", "cluster"]), st.text(max_size=8)
        ),
        "matchers": st.lists(st.text(max_size=8).map("alertname={!r}".format), max_size=2),
        "incidents": st.lists(st.text(max_size=20), max_size=2),
        "note": st.text(max_size=8),
    },
)
BODIES = st.one_of(
    st.one_of(ODD, GOOD, LEAVES).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=32),
    st.just(b"[" * 60_000),
)
QUERIES = st.lists(
    st.tuples(st.sampled_from(["all", "limit", "cursor", "state", "runbook", "x"]), st.text(max_size=8)),
    max_size=2,
)


async def test_nothing_that_a_caller_sends_is_our_fault(tmp_path: Path) -> None:
    seen: dict[int, int] = {}
    async with office(tmp_path) as api:
        await api.fire("A")
        await api.do("operator", "runs", ASKED)
        loop = asyncio.get_running_loop()
        loop.set_debug(False)  # most of the time that this takes

        async def everything(post: str, body: bytes, get: str, query: list[tuple[str, str]]) -> None:
            path = get + "?" + "&".join(f"{name}={_quoted(text)}" for name, text in query)
            answers: list[tuple[int, Any]] = [
                await api.ask("boss", "POST", post, body),
                await api.ask("reader", "GET", path),
                await api.ask("boss", "DELETE", f"freezes/{_quoted(query[0][1] if query else '')}"),
            ]
            for status, document in answers:
                seen[status] = seen.get(status, 0) + 1
                assert status < 500, document

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(post=st.sampled_from(POSTS), body=BODIES, get=st.sampled_from(GETS), query=QUERIES)
        def ask(post: str, body: bytes, get: str, query: list[tuple[str, str]]) -> None:
            asyncio.run_coroutine_threadsafe(everything(post, body, get, query), loop).result(60)

        await asyncio.to_thread(ask)
        assert {200, 400, 404} <= set(seen)
        assert api.service.engine.deciding


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
