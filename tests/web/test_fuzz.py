"""Anything at all, sent to every path: an answer that says what is wrong, never a fault of ours."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from responder.core.matching import Matcher
from tests.web.serving import LATER, NOW, UNKNOWN, Caller, serving

READ: Final = (
    "/api/v2/alerts",
    "/api/v2/alerts/groups",
    "/api/v2/silences",
    f"/api/v2/silence/{UNKNOWN}",
    "/api/v2/receivers",
    "/api/v2/status",
    "/api/v1/audit",
    "/api/v1/deliveries",
    "/api/v1/explain",
    "/api/v1/ledger",
    "/api/v1/reload",
    "/",
    "/nowhere",
)
CHANGE: Final = (
    ("POST", "/api/v2/alerts"),
    ("POST", "/webhooks/alertmanager"),
    ("POST", "/api/v2/silences"),
    ("DELETE", f"/api/v2/silence/{UNKNOWN}"),
    ("POST", "/api/v1/deliveries/1/resend"),
    ("POST", f"/api/v1/deliveries/{'9' * 30}/dismiss"),
    ("POST", "/-/reload"),
    ("PUT", "/api/v2/alerts"),
    ("DELETE", "/api/v1/audit"),
)
TEMPTING: Final = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "1",
        "9" * 30,
        "1e3",
        "true",
        "null",
        "\x00",
        "é",
        "💥",
        "%",
        "%zz",
        "..",
        "a=b",
        'a="b',
        "(",
        "[]",
        "eyJ9",
        "WyJhbGVydHMiLCIiLDBd",
        "deadbeefdeadbeef",
        NOW,
        "a" * 3000,
    ]
)
TEXT: Final = TEMPTING | st.text(max_size=12)
NAMES: Final = st.sampled_from(
    [
        "filter",
        "receiver",
        "active",
        "silenced",
        "inhibited",
        "muted",
        "expired",
        "unprocessed",
        "limit",
        "cursor",
        "since",
        "dead",
        "label",
        "fingerprint",
        "x",
    ]
)
QUERY: Final = st.lists(st.tuples(NAMES, TEXT), max_size=4)
LEAF: Final = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
PLAIN: Final = st.recursive(
    LEAF,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=4), one, max_size=3),
    max_leaves=6,
)
ALERT: Final = st.fixed_dictionaries(
    {"labels": PLAIN | st.dictionaries(TEXT, TEXT, max_size=3)},
    optional={
        "annotations": PLAIN,
        "startsAt": LEAF | st.just(NOW),
        "endsAt": LEAF | st.just(LATER),
        "generatorURL": LEAF,
        "status": LEAF,
    },
)
BODY: Final = st.one_of(
    st.binary(max_size=40),
    PLAIN.map(lambda value: json.dumps(value).encode()),
    st.lists(ALERT, max_size=3).map(lambda value: json.dumps(value).encode()),
    st.lists(ALERT, max_size=3).map(lambda value: json.dumps({"version": "4", "alerts": value}).encode()),
)


async def examples(run: Callable[[], None]) -> None:
    """Hypothesis in a thread of its own, so that the service here can answer."""
    await asyncio.to_thread(run)


async def test_nothing_that_is_sent_is_a_fault_of_ours(tmp_path: Path) -> None:
    """One service for all examples: what it was told before is still there."""
    seen: dict[int, int] = {}
    with capture_logs() as logs:
        async with serving(tmp_path) as api:
            loop = asyncio.get_running_loop()

            def ask(call: Awaitable[None]) -> None:
                async def waited() -> None:
                    await call

                asyncio.run_coroutine_threadsafe(waited(), loop).result(60)

            @settings(max_examples=16, suppress_health_check=[HealthCheck.too_slow])
            @given(QUERY, st.lists(BODY, min_size=len(CHANGE), max_size=len(CHANGE)), st.booleans())
            def anything(query: list[tuple[str, str]], bodies: list[bytes], typed: bool) -> None:
                ask(_everywhere(api, query, bodies, typed, seen))

            await examples(anything)
            assert (await api.ask("GET", "/api/v1/ledger"))[1]["balanced"] is True
    assert {200, 403, 404, 405} <= seen.keys()
    assert max(seen) < 500
    assert [line for line in logs if line["event"] in ("request_failed", "undecidable")] == []


async def _everywhere(
    api: Caller, query: list[tuple[str, str]], bodies: list[bytes], typed: bool, seen: dict[int, int]
) -> None:
    headers = {"Content-Type": "application/json"} if typed else {"Content-Type": "text/plain"}
    reads = [("GET", path, b"") for path in READ]
    changes = [(method, path, body) for (method, path), body in zip(CHANGE, bodies, strict=True)]
    for method, path, data in reads + changes:
        async with api.session.request(
            method, f"{api.url}{path}", params=query, data=data or None, headers=headers
        ) as answer:
            text = await answer.text()
            seen[answer.status] = seen.get(answer.status, 0) + 1
            assert "Traceback" not in text
            if answer.status >= 400:
                assert answer.content_type == "application/json", (method, path, answer.status, text)
                assert json.loads(text)


async def test_a_filter_that_we_print_finds_what_it_is_about(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        loop = asyncio.get_running_loop()

        async def found(labels: dict[str, str]) -> list[dict[str, str]]:
            assert (await api.ask("POST", "/api/v2/alerts", [{"labels": labels}]))[0] == 200
            query = [("filter", str(Matcher(name, "=", value))) for name, value in labels.items()]
            async with api.session.get(f"{api.url}/api/v2/alerts", params=query) as answer:
                assert answer.status == 200
                return [alert["labels"] for alert in await answer.json()]

        characters = st.characters(codec="utf-8", exclude_categories=["Cs"])
        words = st.text(characters, min_size=1, max_size=6) | st.text('a,{}="\\\n~!', min_size=1, max_size=4)

        @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
        @given(st.dictionaries(words, words, min_size=1, max_size=3))
        def any_labels(labels: dict[str, str]) -> None:
            got = asyncio.run_coroutine_threadsafe(found(labels), loop).result(60)
            assert labels in got
            assert all(one.items() >= labels.items() for one in got)

        await examples(any_labels)
