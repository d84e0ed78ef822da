"""Lists in pages: what a caller that follows them has seen at the end, whatever changes meanwhile."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, Final

from responder.core.model import MINUTE, fingerprint, labels_from
from tests.web.serving import Caller, serving

NEXT: Final = "X-Next-Cursor"
TOLD: Final = {
    "route": {"receiver": "team", "group_by": ["alertname"]},
    "receivers": [{"name": "team", "webhook_configs": [{"url": "http://127.0.0.1:9/"}]}],
}


async def page(api: Caller, path: str) -> tuple[list[Any], str | None]:
    """The entries of a page, and its next cursor."""
    status, found, headers = await api.ask("GET", path)
    assert status == 200, found
    return found, headers.get(NEXT)


async def pages(api: Caller, path: str) -> list[list[Any]]:
    """Every page, by its cursor."""
    found, cursor = await page(api, path)
    every = [found]
    while cursor:
        found, cursor = await page(api, f"{path}&cursor={cursor}")
        every.append(found)
    return every


def cursor_of(*parts: object) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


# -- alerts and silences ------------------------------------------------------------------------


async def test_pages_of_alerts_are_the_list_in_pieces(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.post_alerts(*({"alertname": f"A{number}"} for number in range(7)))
        whole, cursor = await page(api, "/api/v2/alerts")
        assert (len(whole), cursor) == (7, None)
        every = await pages(api, "/api/v2/alerts?limit=3")
        assert [len(one) for one in every] == [3, 3, 1]
        assert [alert for one in every for alert in one] == whole
        assert [len(one) for one in await pages(api, "/api/v2/alerts?limit=7")] == [7]
        some = await pages(api, '/api/v2/alerts?limit=2&filter=alertname=~"A[0-3]"')
        assert [len(one) for one in some] == [2, 2]
        assert await page(api, "/api/v2/alerts?limit=0") == ([], None)
        assert len((await page(api, f"/api/v2/alerts?cursor={cursor_of('alerts', '', 0)}"))[0]) == 7


async def test_alerts_that_come_and_go_between_pages_move_no_other(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        names = [f"A{number}" for number in range(20)]
        await api.post_alerts(*({"alertname": name} for name in names))
        by_print = sorted(names, key=lambda name: fingerprint(labels_from({"alertname": name})))
        seen, cursor = await page(api, "/api/v2/alerts?limit=5")
        first = [alert["labels"]["alertname"] for alert in seen]
        assert first == by_print[:5]
        # One that was shown and one that was not go; twenty new ones come.
        gone = {by_print[4], by_print[10]}
        over = [{"labels": {"alertname": name}, "endsAt": "2026-01-05T00:00:00Z"} for name in gone]
        assert (await api.ask("POST", "/api/v2/alerts", over))[0] == 200
        await api.post_alerts(*({"alertname": f"B{number}"} for number in range(20)))
        await api.clock.advance(MINUTE)
        rest: list[str] = []
        while cursor:
            found, cursor = await page(api, f"/api/v2/alerts?limit=5&cursor={cursor}")
            rest += [alert["labels"]["alertname"] for alert in found]
        assert [name for name in rest if name[0] == "A"] == [n for n in by_print[5:] if n not in gone]
        assert len(set(rest)) == len(rest)


async def test_pages_of_silences(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        made = sorted([await api.silence(f"a=b{number}") for number in range(6)])
        found, cursor = await page(api, "/api/v2/silences?limit=2")
        assert [one["id"] for one in found] == made[:2]
        assert (await api.ask("DELETE", f"/api/v2/silence/{made[1]}"))[0] == 200
        assert (await api.ask("DELETE", f"/api/v2/silence/{made[3]}"))[0] == 200
        found, cursor = await page(api, f"/api/v2/silences?limit=2&cursor={cursor}")
        assert [(one["id"], one["status"]["state"]) for one in found] == [
            (made[2], "active"),
            (made[3], "expired"),
        ]
        found, cursor = await page(api, f"/api/v2/silences?expired=false&cursor={cursor}")
        assert ([one["id"] for one in found], cursor) == (made[4:], None)


async def test_the_way_to_the_next_page_is_a_link_that_other_sites_may_read(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.post_alerts({"alertname": "A"}, {"alertname": "B"})
        query = "/api/v2/alerts?filter=alertname%3D~%22.%22&limit=1"
        _, (first,), headers = await api.ask("GET", query)
        assert headers["Access-Control-Expose-Headers"] == f"Link, {NEXT}"
        link, rel = headers["Link"].split("; ")
        assert rel == 'rel="next"'
        _, (second,), headers = await api.ask("GET", link.strip("<>"))
        assert {first["labels"]["alertname"], second["labels"]["alertname"]} == {"A", "B"}
        assert "Link" not in headers


# -- deliveries and the journal -----------------------------------------------------------------


async def test_pages_of_deliveries_and_of_the_journal(tmp_path: Path) -> None:
    async with serving(tmp_path, rules=TOLD) as api:
        await api.post_alerts(*({"alertname": f"A{number}"} for number in range(5)))
        await api.clock.advance(MINUTE)
        whole, cursor = await page(api, "/api/v1/deliveries")
        assert ([row["id"] for row in whole], cursor) == ([5, 4, 3, 2, 1], None)
        every = await pages(api, "/api/v1/deliveries?limit=2")
        assert [[row["id"] for row in one] for one in every] == [[5, 4], [3, 2], [1]]
        found, cursor = await page(api, "/api/v1/deliveries?limit=2")
        await api.post_alerts({"alertname": "B"})
        await api.clock.advance(MINUTE)
        found, _ = await page(api, f"/api/v1/deliveries?limit=2&cursor={cursor}")
        assert [row["id"] for row in found] == [3, 2]

        journal, _ = await page(api, "/api/v1/audit?since=1&limit=1000")
        numbers = [row["n"] for row in journal]
        assert numbers == list(range(1, len(numbers) + 1))
        forward = await pages(api, "/api/v1/audit?since=1&limit=3")
        assert [row["n"] for one in forward for row in one] == numbers
        back = await pages(api, "/api/v1/audit?limit=3")
        assert [row["n"] for one in reversed(back) for row in one] == numbers
        found, cursor = await page(api, "/api/v1/audit?limit=1000")
        assert ([row["n"] for row in found], cursor) == (numbers, None)


# -- what cannot be had -------------------------------------------------------------------------


ODD: Final = [
    "limit=x",
    "limit=-1",
    "limit=1.5",
    "limit=",
    "limit=10001",
    f"limit={'9' * 600}",
    "cursor=",
    "cursor=x",
    "cursor=%00",
    "cursor=é",
    f"cursor={'A' * 600}",
    f"cursor={cursor_of('silences', '')}",
    f"cursor={cursor_of('alerts', 1, 1)}",
    f"cursor={cursor_of('alerts', '', True)}",
    f"cursor={cursor_of('alerts', '', 1 << 80)}",
    f"cursor={cursor_of('alerts', '', -1)}",
    f"cursor={cursor_of('alerts', '', 1.0)}",
    f"cursor={cursor_of('alerts')}",
    f"cursor={cursor_of()}",
    f"cursor={urlsafe_b64encode(b'{}').decode()}",
]


async def test_a_page_that_is_none_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        answers = {query: (await api.ask("GET", f"/api/v2/alerts?{query}"))[:2] for query in ODD}
        assert {status for status, _ in answers.values()} == {400}
        assert {query: answer["message"][:5] for query, (_, answer) in answers.items()} == {
            query: query[:5] for query in ODD
        }
        for path in ("/api/v1/deliveries", "/api/v1/audit", "/api/v2/silences"):
            for cursor in (
                cursor_of("alerts", "", 0),
                cursor_of("deliveries", 1 << 62),
                cursor_of("audit", 1),
            ):
                assert (await api.ask("GET", f"{path}?cursor={cursor}"))[0] == 400
