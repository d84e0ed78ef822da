"""Incidents over HTTP: which there are, and who has taken them on."""

import asyncio
from pathlib import Path
from typing import Any, Final

from responder.core.model import HOUR, SECOND, fingerprint, labels_from
from tests.clock import MONDAY
from tests.web.api.office import office

NOW = "2026-01-05T00:00:00Z"
SOON = "2026-01-05T00:00:01Z"
BRIEF: Final[dict[str, Any]] = {
    "id": "1-695aff00",
    "group": 1,
    "receiver": "team",
    "labels": {"alertname": "A"},
    "status": "firing",
    "severity": "critical",
    "alertnames": ["A"],
    "alerts": {"firing": 2, "resolved": 0, "stale": 0, "hidden": 0},
    "since": NOW,
    "acknowledged": None,
    "runs": [],
}


async def test_an_incident(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        assert await api.get("incidents") == []
        await api.fire("A", severity="critical")
        await api.fire("A", severity="warning")
        assert await api.get("incidents") == [BRIEF]
        labels = [{"alertname": "A", "severity": severity} for severity in ("critical", "warning")]
        assert await api.get("incidents/1-695aff00") == {
            **BRIEF,
            "route": "{}",
            "group_key": '{}:{alertname="A"}',
            "next_look": "2026-01-05T00:00:30Z",
            "fallbacks": [],
            "told": [],
            "members": [
                {
                    "fingerprint": fingerprint(labels_from(one)),
                    "labels": one,
                    "annotations": {"summary": "s"},
                    "status": "firing",
                    "startsAt": NOW,
                    "endsAt": "2026-01-05T00:05:00Z",
                    "hidden_by": None,
                }
                for one in labels
            ],
        }
        for wrong in ("1-695aff01", "2-695aff00", "1", "x-1", "%D9%A1-695aff00"):
            status, why = await api.refused("reader", f"incidents/{wrong}", method="GET")
            assert (status, why.startswith("no incident ")) == (404, True)


async def test_what_ends_is_listed_if_asked_for(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        for name, ends_at in (("A", SOON), ("B", ""), ("C", SOON)):
            await api.fire(name, ends_at=ends_at)

        async def listed(query: str = "") -> list[str]:
            return [one["labels"]["alertname"] for one in await api.get(f"incidents{query}")]

        assert await listed() == ["C", "B", "A"]
        assert await listed("?limit=2") == ["C", "B"]
        assert [
            [one["labels"]["alertname"] for one in page] for page in await api.pages("incidents?limit=2")
        ] == [["C", "B"], ["A"]]
        api.clock.jump(2 * SECOND)  # the others are over, and nobody has looked since
        assert await listed() == ["B"]
        assert await listed("?all=1") == ["C", "B", "A"]
        (status, why), _ = await asyncio.gather(
            api.refused("reader", "incidents?al=1", method="GET"), asyncio.sleep(0)
        )
        assert (status, why) == (400, "'al' is not asked for here; known: all, limit, cursor")


async def test_taking_on_and_giving_back(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        await api.fire("A")
        path = "incidents/1-695aff00"
        taken = await api.do("alice", f"{path}/ack", {"for": "2h", "note": "mine"})
        assert taken == {
            "status": "done",
            "detail": "1-695aff00 acknowledged",
            "incident": {
                **BRIEF,
                "severity": "error",
                "alerts": {**BRIEF["alerts"], "firing": 1},
                "acknowledged": {"by": "alice", "at": NOW, "until": "2026-01-05T02:00:00Z", "note": "mine"},
            },
        }
        group = api.service.engine.state.groups[1]
        assert group.acknowledged is not None
        assert group.acknowledged.until == MONDAY + 2 * HOUR
        given = await api.do("operator", f"{path}/unack")
        assert (given["detail"], given["incident"]["acknowledged"]) == ("1-695aff00 given back", None)
        assert await api.refused("operator", f"{path}/unack") == (409, "it is not acknowledged")
        until = {"until": "2026-01-05T01:00:00Z"}
        again = await api.do("operator", f"{path}/ack", until)
        assert again["incident"]["acknowledged"] == {"by": "operator", "at": NOW, "note": "", **until}
        assert await api.refused("alice", f"{path}/ack", {"until": NOW, "by": "bob"}) == (
            400,
            f"until: {NOW} is not after now, {NOW}; 'by' means nothing here",
        )
        assert await api.refused("alice", "incidents/9-1/ack") == (404, "no incident 9-1 is open")


async def test_taking_on_by_matchers_and_by_several_ids(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        for name in ("A", "B", "C"):
            await api.fire(name, service="shop")
        taken = await api.do("alice", "ack", {"matchers": ["alertname=A", 'service=~"sh.*"']})
        assert taken == {"status": "done", "detail": "1-695aff00 acknowledged"}
        taken = await api.do("alice", "ack", {"incidents": ["2-695aff00", "3-695aff00"]})
        assert taken == {"status": "done", "detail": "2-695aff00, 3-695aff00 acknowledged"}
        marks = [one["acknowledged"]["by"] for one in await api.get("incidents")]
        assert marks == ["alice", "alice", "alice"]
        given = await api.do("bob", "unack", {"matchers": ["service=shop"]})
        assert given["detail"] == "1-695aff00, 2-695aff00, 3-695aff00 given back"
        says = "say which: `incidents`, a list of IDs, or `matchers`, such as alertname=HighCPU"
        nothing: list[Any] = [None, {}, {"matchers": []}, {"note": "x"}]
        for body in nothing:
            assert await api.refused("alice", "ack", body) == (400, says)
        assert await api.refused("alice", "unack", {"matchers": ["alertname=Z"]}) == (
            404,
            "no incident with such an alert is open",
        )


async def test_who_may_take_on(tmp_path: Path) -> None:
    async with office(tmp_path, anonymous=True) as api:
        await api.fire("A")
        for path in ("ack", "unack"):
            assert (await api.do("", f"incidents/1-695aff00/{path}"))["status"] == "done"
    (tmp_path / "second").mkdir()
    async with office(tmp_path / "second") as api:
        for path in ("ack", "unack", "incidents/1-695aff00/ack", "incidents/1-695aff00/unack"):
            assert await api.refused("reader", path) == (403, "reader lacks the role 'acknowledge'")
            assert (await api.refused("", path))[0] == 401
