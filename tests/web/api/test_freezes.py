"""Freezes over HTTP."""

from pathlib import Path

from responder.core.model import HOUR
from tests.web.api.office import office

NOW = "2026-01-05T00:00:00Z"


async def test_a_freeze_is_put_listed_lifted_and_ends(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        asked = {"scope": "service=shop/checkout", "reason": "moving", "for": "2h"}
        put = await api.do("alice", "freezes", asked)
        freeze = {
            "id": put["id"],
            "scope": "service=shop/checkout",
            "reason": "moving",
            "by": "alice",
            "at": NOW,
            "until": "2026-01-05T02:00:00Z",
            "hard": False,
        }
        assert put == {"status": "done", "detail": put["id"], "id": put["id"], "freeze": freeze}
        other = await api.do(
            "operator",
            "freezes",
            {"scope": "global", "reason": "x", "until": "2026-01-05T01:00:00Z", "hard": True},
        )
        listed = await api.get("freezes")
        assert listed == [other["freeze"], freeze]
        assert (listed[0]["by"], listed[0]["hard"]) == ("operator", True)
        path = f"freezes/{other['id']}"
        for who in ("alice", "operator"):
            assert (await api.refused(who, path, method="DELETE"))[0] == 403
        assert (await api.do("boss", path, method="DELETE"))["detail"] == f"{other['id']} lifted"
        assert await api.refused("boss", path, method="DELETE") == (
            404,
            f"there is no freeze '{other['id']}'",
        )
        api.clock.jump(2 * HOUR)
        assert await api.get("freezes") == []


async def test_what_is_no_freeze(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        assert await api.refused("alice", "freezes", {"scope": "shop", "for": "8d", "why": "x"}) == (
            400,
            "reason: is missing: why it is frozen; for: at most 1w from now; scope: 'shop' is no scope: "
            "global, cluster=NAME, service=NAMESPACE/NAME, runbook=NAME or action=NAME; 'why' means nothing "
            "here",
        )
        assert await api.refused("alice", "freezes", {}) == (
            400,
            "scope: is missing: what is frozen; reason: is missing: why it is frozen; "
            "for: is missing: a freeze has an end",
        )
        asked = {"scope": "global", "reason": "x", "for": "1h"}
        assert await api.refused("reader", "freezes", asked) == (403, "reader lacks the role 'respond'")
        assert (await api.refused("", "freezes", asked))[0] == 401
        assert (await api.refused("sender", "freezes", method="GET"))[0] == 403
    (tmp_path / "second").mkdir()
    async with office(tmp_path / "second", anonymous=True) as api:
        for method, path in (("POST", "freezes"), ("DELETE", "freezes/f-1")):
            assert (await api.refused("", path, asked, method))[0] == 403
        assert await api.ask("", "GET", "freezes") == (200, [])
